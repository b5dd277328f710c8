//go:build integration

package postgres

import (
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
)

// A page of a list costs what is on it, not what is in the table.
func TestListsWalkTheirIndexes(t *testing.T) {
	t.Parallel()
	s := openServer(t)
	schema := newSchema(t, s)
	j := openJournal(t, s, schema)
	c := session(t, testURL(t, "TEST_POSTGRES_URL"))
	err := execScript(t.Context(), c, fill(`
		INSERT INTO {schema}.settlements (settlement_id, external_id, settlement_type, account_id, symbol, quantity, settled_quantity, status,
			source_account, destination_account, initiated_at)
		SELECT ('01900000-0000-7000-8000-' || lpad(to_hex(g), 12, '0'))::uuid, 'e' || g, 'TRANSFER', 'account-' || g % 500, 'USD', 1, 1,
			CASE WHEN g % 1000 = 0 THEN 'PENDING' ELSE 'COMPLETED' END,
			'account-' || g % 500, 'account-' || g % 499, '2026-01-01'::timestamptz + g * interval '1 minute' FROM generate_series(1, 50000) g;
		INSERT INTO {schema}.ledger_entries
		SELECT g, 0, 'USD', 1, 'account-' || g % 500, 'AVAILABLE', 'account-' || g % 499, 'AVAILABLE',
			('01900000-0000-7000-8000-' || lpad(to_hex(g), 12, '0'))::uuid, now() FROM generate_series(1, 50000) g;
		ANALYZE {schema}.settlements, {schema}.ledger_entries;`, schema))
	if err != nil {
		t.Fatal(err)
	}
	page := sim.Page{After: "01900000-0000-7000-8000-000000000100", Limit: 50}
	for _, f := range []sim.SettlementFilter{
		{}, {AccountID: "account-7"}, {AccountID: "account-7", Symbol: "USD", Status: sim.StatusCompleted}, {Status: sim.StatusPending},
		{ExternalID: "e77"}, {From: at.AddDate(0, 0, -20), Until: at.AddDate(0, 0, -19)},
	} {
		sql, args, err := j.sql.listSettlements(f, page)
		if err != nil {
			t.Fatal(err)
		}
		checkPlan(t, c, sql, args)
	}
	page.After = "1000-0"
	for _, f := range []sim.EntryFilter{{}, {AccountID: "account-7"}, {SettlementID: uuid.MustParse("01900000-0000-7000-8000-000000001000")}, {AfterSequence: 40000}} {
		sql, args, err := j.sql.listEntries(f, page)
		if err != nil {
			t.Fatal(err)
		}
		checkPlan(t, c, sql, args)
	}
}

func checkPlan(t *testing.T, c *pgx.Conn, sql string, args []any) {
	t.Helper()
	rows, err := c.Query(t.Context(), "EXPLAIN (ANALYZE, TIMING off) "+sql, append([]any{pgx.QueryExecModeDescribeExec}, args...)...)
	if err != nil {
		t.Fatal(err)
	}
	lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	if plan := strings.Join(lines, "\n"); strings.Contains(plan, "Seq Scan") || strings.Contains(plan, "Rows Removed by Filter: 4") {
		t.Errorf("%s\n%v\n%s", sql, args, plan)
	}
}
