package sqlite

import (
	"strconv"
	"strings"
)

// table describes a projected table in the order in which rows are written and
// read; the functions in record.go and settlement.go keep to it. The primary
// key comes first.
type table struct {
	name    string
	keys    int
	columns []string
}

var (
	accountTable = table{"accounts", 1, []string{
		"account_id", "client_id", "account_type", "status", "created_at", "last_updated", "metadata",
	}}
	positionTable = table{"positions", 1, []string{
		"position_id", "account_id", "symbol", "available_quantity", "locked_quantity", "quantity",
		"average_cost", "market_value", "currency", "created_at", "last_updated", "metadata",
	}}
	balanceTable = table{"balances", 1, []string{
		"balance_id", "account_id", "currency", "available_balance", "locked_balance", "total_balance",
		"average_cost", "market_value", "created_at", "last_updated", "metadata",
	}}
	mirrorTable     = table{"mirrors", 1, []string{"symbol", "account", "balance"}}
	settlementTable = table{"settlements", 1, []string{
		"settlement_id", "external_id", "settlement_type", "account_id", "symbol", "quantity", "settled_quantity", "status",
		"source_account", "destination_account",
		"processing_status", "processing_reason_code", "processing_reason",
		"settlement_status", "settlement_reason_code", "settlement_reason",
		"hold_status", "hold_reason_code", "hold_reason",
		"history", "initiated_at", "completed_at", "expected_settlement_date", "metadata",
	}}
	entryTable = table{"ledger_entries", 2, []string{
		"sequence", "idx", "symbol", "amount", "debit_account", "debit_bucket", "credit_account", "credit_bucket",
		"settlement_id", "posted_at",
	}}
	keyTable = table{"idempotency_keys", 1, []string{"key", "fingerprint", "sequence"}}
)

// insert adds a row.
func (t *table) insert() string {
	places := make([]string, len(t.columns))
	for i := range places {
		places[i] = "?" + strconv.Itoa(i+1)
	}
	return "INSERT INTO " + t.name + " (" + strings.Join(t.columns, ", ") + ") VALUES (" + strings.Join(places, ", ") + ")"
}

// upsert adds a row or replaces the one with its key.
func (t *table) upsert() string {
	var set []string
	for _, c := range t.columns[t.keys:] {
		set = append(set, c+" = excluded."+c)
	}
	return t.insert() + " ON CONFLICT (" + strings.Join(t.columns[:t.keys], ", ") + ") DO UPDATE SET " + strings.Join(set, ", ")
}

// selects begins a query of whole rows. NULL, which stands for what is empty in
// text, comes as empty text.
func (t *table) selects() string {
	columns := make([]string, len(t.columns))
	for i, c := range t.columns {
		if c == "fingerprint" || c == "sequence" || c == "idx" {
			columns[i] = c
			continue
		}
		columns[i] = "coalesce(" + c + ", '')"
	}
	return "SELECT " + strings.Join(columns, ", ") + " FROM " + t.name
}
