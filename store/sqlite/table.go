package sqlite

import (
	"strconv"
	"strings"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/store/internal/tables"
)

// names lists the first n columns of a table.
func names(t *tables.Table, n int) string {
	out := make([]string, n)
	for i, c := range t.Columns[:n] {
		out[i] = c.Name
	}
	return strings.Join(out, ", ")
}

// insert adds a row of the first n columns. The other columns get what rows
// have that have nothing there.
func insert(t *tables.Table, n int) string {
	values := make([]string, n)
	for i, c := range t.Columns[:n] {
		values[i] = "?" + strconv.Itoa(i+1)
		if c.Rest != "" && c.Rest != "NULL" {
			values[i] = "coalesce(" + values[i] + ", '" + c.Rest + "')"
		}
	}
	return "INSERT INTO " + t.Name + " (" + names(t, n) + ") VALUES (" + strings.Join(values, ", ") + ")"
}

// upsert adds a row of the first n columns or replaces the one with its key.
func upsert(t *tables.Table, n int) string {
	var set []string
	for i, c := range t.Columns[t.Keys:t.Stored] {
		switch {
		case t.Keys+i < n:
			set = append(set, c.Name+" = excluded."+c.Name)
		case c.Rest == "NULL":
			set = append(set, c.Name+" = NULL")
		default:
			set = append(set, c.Name+" = '"+c.Rest+"'")
		}
	}
	return insert(t, n) + " ON CONFLICT (" + names(t, t.Keys) + ") DO UPDATE SET " + strings.Join(set, ", ")
}

// selects begins a query of whole rows. NULL, which stands for what is empty in
// text, comes as empty text.
func selects(t *tables.Table) string {
	columns := make([]string, len(t.Columns))
	for i, c := range t.Columns {
		switch c.Kind {
		case tables.Int4, tables.Int8, tables.Bool, tables.Bytes:
			if columns[i] = c.Name; c.Null {
				columns[i] = "coalesce(" + c.Name + ", 0)"
			}
		case tables.Joined:
			columns[i] = joined[c.Name]
		default:
			columns[i] = "coalesce(" + c.Name + ", '')"
		}
	}
	return "SELECT " + strings.Join(columns, ", ") + " FROM " + t.Name
}

// joined select what belongs to a row and is in another table, by the column's
// name.
var joined = map[string]string{
	"approvals": `(SELECT json_group_array(json_array(idx, approver, decision, decided_at))
		FROM approvals WHERE approvals.transfer_id = transfers.transfer_id)`,
}
