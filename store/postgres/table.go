package postgres

import (
	"fmt"
	"strings"
)

// column is a column of a projected table with its SQL type.
type column struct{ name, kind string }

// table describes a projected table in the order in which its rows are written
// and read. The statements on it are made from that once per journal.
type table struct {
	name string
	// keys is the length of the primary key, which comes first.
	keys    int
	columns []column
}

// The projected tables. The functions in record.go write and read their
// columns in this order.
var (
	accountTable = table{"accounts", 1, []column{
		{"account_id", "text"}, {"client_id", "text"}, {"account_type", "text"}, {"status", "text"},
		{"created_at", "timestamptz"}, {"last_updated", "timestamptz"}, {"metadata", "jsonb"},
	}}
	positionTable = table{"positions", 1, []column{
		{"position_id", "uuid"}, {"account_id", "text"}, {"symbol", "text"},
		{"available_quantity", "numeric"}, {"locked_quantity", "numeric"}, {"quantity", "numeric"},
		{"average_cost", "numeric"}, {"market_value", "numeric"}, {"currency", "text"},
		{"created_at", "timestamptz"}, {"last_updated", "timestamptz"}, {"metadata", "jsonb"},
	}}
	balanceTable = table{"balances", 1, []column{
		{"balance_id", "uuid"}, {"account_id", "text"}, {"currency", "text"},
		{"available_balance", "numeric"}, {"locked_balance", "numeric"}, {"total_balance", "numeric"},
		{"average_cost", "numeric"}, {"market_value", "numeric"},
		{"created_at", "timestamptz"}, {"last_updated", "timestamptz"}, {"metadata", "jsonb"},
	}}
	mirrorTable = table{"mirrors", 1, []column{
		{"symbol", "text"}, {"account", "text"}, {"balance", "numeric"},
	}}
	settlementTable = table{"settlements", 1, []column{
		{"settlement_id", "uuid"}, {"external_id", "text"}, {"settlement_type", "text"}, {"account_id", "text"}, {"symbol", "text"},
		{"quantity", "numeric"}, {"settled_quantity", "numeric"}, {"status", "text"},
		{"source_account", "text"}, {"destination_account", "text"},
		{"processing_status", "text"}, {"processing_reason_code", "text"}, {"processing_reason", "text"},
		{"settlement_status", "text"}, {"settlement_reason_code", "text"}, {"settlement_reason", "text"},
		{"hold_status", "text"}, {"hold_reason_code", "text"}, {"hold_reason", "text"},
		{"history", "json"},
		{"initiated_at", "timestamptz"}, {"completed_at", "timestamptz"}, {"expected_settlement_date", "date"}, {"metadata", "jsonb"},
	}}
	entryTable = table{"ledger_entries", 2, []column{
		{"sequence", "int8"}, {"idx", "int4"}, {"symbol", "text"}, {"amount", "numeric"},
		{"debit_account", "text"}, {"debit_bucket", "text"}, {"credit_account", "text"}, {"credit_bucket", "text"},
		{"settlement_id", "uuid"}, {"posted_at", "timestamptz"},
	}}
	keyTable = table{"idempotency_keys", 1, []column{
		{"key", "text"}, {"fingerprint", "bytea"}, {"sequence", "int8"},
	}}
)

func (t *table) list(write func(column) string) string {
	parts := make([]string, len(t.columns))
	for i, c := range t.columns {
		parts[i] = write(c)
	}
	return strings.Join(parts, ", ")
}

func (t *table) names() string { return t.list(func(c column) string { return c.name }) }

// copyInto is the COPY statement for rows in binary form.
func (t *table) copyInto(schema string) string {
	return fmt.Sprintf("COPY %s.%s (%s) FROM STDIN (FORMAT binary)", schema, t.name, t.names())
}

// upsert inserts or replaces rows that come as one array of text per column.
// All arrays are text, so that the statement means the same in every mode of
// the driver; the server reads the values.
func (t *table) upsert(schema string) string {
	arrays := make([]string, len(t.columns))
	for i := range arrays {
		arrays[i] = fmt.Sprintf("$%d::text[]", i+1)
	}
	keys := make([]string, t.keys)
	var set []string
	for i, c := range t.columns {
		if i < t.keys {
			keys[i] = c.name
			continue
		}
		set = append(set, c.name+" = EXCLUDED."+c.name)
	}
	return fmt.Sprintf("INSERT INTO %s.%s (%s) SELECT %s FROM unnest(%s) AS u (%s) ON CONFLICT (%s) DO UPDATE SET %s",
		schema, t.name, t.names(),
		t.list(func(c column) string { return "u." + c.name + "::" + c.kind }),
		strings.Join(arrays, ", "), t.names(), strings.Join(keys, ", "), strings.Join(set, ", "))
}

// fields is what to select so that the functions in record.go can read it:
// numbers and documents as text, no NULL except for times and ids.
func (t *table) fields() string {
	return t.list(func(c column) string {
		switch c.kind {
		case "text":
			return "coalesce(" + c.name + ", '')"
		case "numeric":
			return c.name + "::text"
		case "json", "jsonb":
			return "coalesce(" + c.name + "::text, '')"
		case "date":
			return "coalesce(to_char(" + c.name + ", 'YYYY-MM-DD'), '')"
		default:
			return c.name
		}
	})
}

// selectFrom is the beginning of a SELECT of whole rows.
func (t *table) selectFrom(schema string) string {
	return "SELECT " + t.fields() + " FROM " + schema + "." + t.name
}
