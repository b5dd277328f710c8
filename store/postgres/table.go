package postgres

import (
	"fmt"
	"strings"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/store/internal/tables"
)

// list writes something about each of the first n columns of a table.
func list(t *tables.Table, n int, write func(tables.Column) string) string {
	parts := make([]string, n)
	for i, c := range t.Columns[:n] {
		parts[i] = write(c)
	}
	return strings.Join(parts, ", ")
}

func names(t *tables.Table, n int) string {
	return list(t, n, func(c tables.Column) string { return c.Name })
}

// copyInto is the COPY statement for rows of the first n columns in binary
// form. The other columns get what rows have that have nothing there.
func copyInto(schema string, t *tables.Table, n int) string {
	return fmt.Sprintf("COPY %s.%s (%s) FROM STDIN (FORMAT binary)", schema, t.Name, names(t, n))
}

// upsert inserts or replaces rows whose first n columns come as one array of
// text per column; the other columns get what rows have that have nothing there.
// All arrays are text, so that the statement means the same in every mode of
// the driver; the server reads the values.
func upsert(schema string, t *tables.Table, n int) string {
	arrays := make([]string, n)
	for i := range arrays {
		arrays[i] = fmt.Sprintf("$%d::text[]", i+1)
	}
	var set []string
	for i, c := range t.Columns[t.Keys:t.Stored] {
		if t.Keys+i < n {
			set = append(set, c.Name+" = EXCLUDED."+c.Name)
		} else {
			set = append(set, c.Name+" = "+c.Rest)
		}
	}
	return fmt.Sprintf("INSERT INTO %s.%s (%s) SELECT %s FROM unnest(%s) AS u (%s) ON CONFLICT (%s) DO UPDATE SET %s",
		schema, t.Name, names(t, n),
		list(t, n, func(c tables.Column) string {
			value := "u." + c.Name + "::" + string(c.Kind)
			if c.Rest != "" && c.Rest != "NULL" {
				return "coalesce(" + value + ", " + c.Rest + ")"
			}
			return value
		}),
		strings.Join(arrays, ", "), names(t, n), names(t, t.Keys), strings.Join(set, ", "))
}

// fields is what to select so that [read] can read it: numbers and documents as
// text, no NULL except for times and ids.
func fields(schema string, t *tables.Table) string {
	return list(t, len(t.Columns), func(c tables.Column) string {
		switch c.Kind {
		case tables.Text:
			return "coalesce(" + c.Name + ", '')"
		case tables.Number:
			if c.Null {
				return "coalesce(" + c.Name + "::text, '')"
			}
			return c.Name + "::text"
		case tables.JSON, tables.JSONB:
			return "coalesce(" + c.Name + "::text, '')"
		case tables.Date:
			return "coalesce(to_char(" + c.Name + ", 'YYYY-MM-DD'), '')"
		case tables.Int8:
			if c.Null {
				return "coalesce(" + c.Name + ", 0)"
			}
			return c.Name
		case tables.Joined:
			return strings.ReplaceAll(joined[c.Name], "{schema}", schema)
		default:
			return c.Name
		}
	})
}

// joined select what belongs to a row and is in another table, by the column's
// name. Times are text that means the same in every session.
var joined = map[string]string{
	"approvals": `coalesce((SELECT json_agg(json_build_array(idx, approver, decision,
		to_char(decided_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')))::text
		FROM {schema}.approvals a WHERE a.transfer_id = transfers.transfer_id), '')`,
}

// selectFrom is the beginning of a SELECT of whole rows; schema is quoted.
func selectFrom(schema string, t *tables.Table) string {
	return "SELECT " + fields(schema, t) + " FROM " + schema + "." + t.Name
}
