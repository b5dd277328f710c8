//go:build integration

package postgres

import (
	"regexp"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/store/internal/tables"
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
		INSERT INTO {schema}.transfers (transfer_id, external_id, rail, direction, account_id, symbol, quantity, status, stage, approvals_required,
			confirmations, confirmations_required, fee, max_fee, reserved, transit, pending_in, return_due, reorgs, shortfall, initiated_at)
		SELECT ('01900000-0000-7000-8000-' || lpad(to_hex(g), 12, '0'))::uuid, 'x' || g, 'wire', 'OUT', 'account-' || g % 500, 'USD', 1,
			CASE WHEN g % 1000 = 0 THEN 'PENDING' ELSE 'COMPLETED' END, CASE WHEN g % 1000 = 0 THEN 'AWAITING_APPROVAL' ELSE 'SETTLED' END,
			1, 0, 0, 0, 0, 0, 0, 0, g % 10000 = 1, 0, 0, '2026-01-01'::timestamptz + g * interval '1 minute' FROM generate_series(1, 50000) g;
		INSERT INTO {schema}.approvals SELECT transfer_id, 0, 'ann', 'APPROVED', now() FROM {schema}.transfers;
		INSERT INTO {schema}.documents SELECT CASE WHEN g % 2 = 0 THEN 'fault' ELSE 'break' END, 'id-' || g, '{}', NULL, now() FROM generate_series(1, 20000) g;
		ANALYZE {schema}.settlements, {schema}.ledger_entries, {schema}.transfers, {schema}.approvals, {schema}.documents;`, schema))
	if err != nil {
		t.Fatal(err)
	}
	page := sim.Page{After: "01900000-0000-7000-8000-000000000100", Limit: 50}
	for _, f := range []sim.SettlementFilter{
		{}, {AccountID: "account-7"}, {AccountID: "account-7", Symbol: "USD", Status: sim.StatusCompleted}, {Status: sim.StatusPending},
		{ExternalID: "e77"}, {From: at.AddDate(0, 0, -20), Until: at.AddDate(0, 0, -19)},
	} {
		sql, args, err := j.sql().listSettlements(f, page)
		if err != nil {
			t.Fatal(err)
		}
		checkPlan(t, c, sql, args)
	}
	for _, f := range []sim.TransferFilter{
		{}, {AccountID: "account-7"}, {AccountID: "account-7", Symbol: "USD", Status: sim.StatusCompleted}, {Status: sim.StatusPending},
		{Stage: sim.StageAwaitingApproval}, {Status: sim.StatusPending, Stage: sim.StageAwaitingApproval}, {ExternalID: "x77"},
		{From: at.AddDate(0, 0, -20), Until: at.AddDate(0, 0, -19)},
	} {
		sql, args, err := j.sql().listTransfers(f, page)
		if err != nil {
			t.Fatal(err)
		}
		checkPlan(t, c, sql, args)
	}
	for _, list := range []sim.DocumentKey{{Kind: sim.DocumentFault}, {Kind: sim.DocumentFault, ID: "id-3"}, {}, {ID: "fault id-3"}} {
		sql, args, err := j.sql().listDocuments(list.Kind, sim.Page{After: list.ID, Limit: 50})
		if err != nil {
			t.Fatal(err)
		}
		checkPlan(t, c, sql, args)
	}
	checkPlan(t, c, selectFrom(j.sql().schema, &tables.Transfers.Table)+" WHERE "+openTransfers+" ORDER BY transfer_id", nil)
	page.After = "1000-0"
	for _, f := range []sim.EntryFilter{{}, {AccountID: "account-7"}, {SettlementID: uuid.MustParse("01900000-0000-7000-8000-000000001000")}, {AfterSequence: 40000}} {
		sql, args, err := j.sql().listEntries(f, page)
		if err != nil {
			t.Fatal(err)
		}
		checkPlan(t, c, sql, args)
	}
}

// A scan of the keys reads no rows of what bears them, which are all over its table.
func TestScansOfExternalIDsReadTheirIndexAlone(t *testing.T) {
	t.Parallel()
	s := openServer(t)
	schema := newSchema(t, s)
	openJournal(t, s, schema)
	c := session(t, testURL(t, "TEST_POSTGRES_URL"))
	// Whether it can, not whether it is worth it for the few rows that there are.
	if err := execScript(t.Context(), c, `SET enable_seqscan = off; SET enable_bitmapscan = off; SET enable_indexscan = off;`); err != nil {
		t.Fatal(err)
	}
	for _, kind := range []sim.KeyKind{sim.KeyExternal, sim.KeyTransfer} {
		sql := fill(scanExternal(kind), schema)
		if plan := explain(t, c, "EXPLAIN ", sql, []any{"e", keyPage}); !strings.Contains(plan, "Index Only Scan") {
			t.Errorf("%s\n%s", sql, plan)
		}
	}
}

// manyRemoved finds that much more was read than asked for.
var manyRemoved = regexp.MustCompile(`Rows Removed by Filter: \d{5,}`)

func checkPlan(t *testing.T, c *pgx.Conn, sql string, args []any) {
	t.Helper()
	if plan := explain(t, c, "EXPLAIN (ANALYZE, TIMING off) ", sql, args); strings.Contains(plan, "Seq Scan") || manyRemoved.MatchString(plan) {
		t.Errorf("%s\n%v\n%s", sql, args, plan)
	}
}

func explain(t *testing.T, c *pgx.Conn, how, sql string, args []any) string {
	t.Helper()
	rows, err := c.Query(t.Context(), how+sql, append([]any{pgx.QueryExecModeDescribeExec}, args...)...)
	if err != nil {
		t.Fatal(err)
	}
	lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(lines, "\n")
}

// catalogueScanned finds that all that the catalogue knows was read.
var catalogueScanned = regexp.MustCompile(`Seq Scan on pg_(class|attribute|depend)`)

// Where each of many starting instances reads the whole catalogue, which all of
// them make larger, a start takes the square of their number.
func TestAStartDoesNotReadTheWholeCatalogue(t *testing.T) {
	t.Parallel()
	c := session(t, testURL(t, "TEST_POSTGRES_URL"))
	for sql, args := range map[string][]any{
		findJournal: {"some_schema"},
		findRights:  {"some_schema", "some_role"},
	} {
		if plan := explain(t, c, "EXPLAIN ", sql, args); catalogueScanned.MatchString(plan) {
			t.Errorf("%s\n%s", sql, plan)
		}
	}
}
