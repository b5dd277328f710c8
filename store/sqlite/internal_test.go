package sqlite

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/asset"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/money"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/store/internal/tables"
)

// loaded opens a new journal and claims it.
func loaded(t *testing.T) *Journal {
	t.Helper()
	j, err := Open(t.Context(), Options{Path: filepath.Join(t.TempDir(), "x.db"), Instance: "test"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = j.Close() })
	if _, err := j.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	return j
}

// batches returns batches of deposits with long metadata.
func batches(t *testing.T, n, size int) []*sim.Batch {
	t.Helper()
	state := sim.NewState(sim.Rules{Assets: asset.NewRegistry(), AutoOpen: true, MaxAccounts: 1e6, MaxHoldings: 1e6}, sim.NewGenerator("x", 1))
	out := make([]*sim.Batch, n)
	for i := range out {
		var events []*sim.Event
		for range size {
			d, err := state.Decide(time.Date(2026, 11, 23, 0, 0, i, 0, time.UTC), &sim.Request{Command: sim.Instruct{
				Type: sim.Deposit, AccountID: "fund-a", Symbol: "USD", Quantity: money.MustParse("1"),
				Metadata: []byte(`{"note":"` + strings.Repeat("x", 1000) + `"}`),
			}})
			if err != nil {
				t.Fatal(err)
			}
			events = append(events, d.Events...)
		}
		out[i] = state.Seal(events)
	}
	return out
}

func TestIdleJournalHoldsNoConnection(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "x.db")
	history := batches(t, 2, 3)
	synctest.Test(t, func(t *testing.T) {
		ctx := context.Background()
		j, err := Open(ctx, Options{Path: path, Instance: "test"})
		if err != nil {
			t.Fatal(err)
		}
		defer j.Close()
		if _, err := j.Load(ctx); err != nil {
			t.Fatal(err)
		}
		for i, b := range history {
			if err := j.Append(ctx, b); err != nil {
				t.Fatal(err)
			}
			if err := j.Project(ctx, sim.Fold([]*sim.Batch{b})); err != nil {
				t.Fatal(err)
			}
			if _, err := j.ListSettlements(ctx, sim.SettlementFilter{}, sim.Page{Limit: 10}); err != nil {
				t.Fatal(err)
			}
			if open := j.write.Stats().OpenConnections; open != 1 {
				t.Errorf("round %d: %d writing connections, wanted 1", i, open)
			}
			time.Sleep(2 * idleTime) // of the bubble's clock
			synctest.Wait()
			if w, r := j.write.Stats().OpenConnections, j.read.Stats().OpenConnections; w != 0 || r != 0 {
				t.Errorf("round %d: an idle journal holds %d writing and %d reading connections", i, w, r)
			}
			if _, err := os.Stat(path + "-wal"); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("round %d: the log is still there (%v)", i, err)
			}
		}
	})
}

func TestAppendsWaitForTheDiskAlsoAfterProjections(t *testing.T) {
	t.Parallel()
	j := loaded(t)
	level := func() string {
		t.Helper()
		var s string
		if err := j.write.QueryRowContext(t.Context(), `PRAGMA synchronous`).Scan(&s); err != nil {
			t.Fatal(err)
		}
		return s
	}
	const full = "2"
	if got := level(); got != full {
		t.Fatalf("a new connection has level %s, wanted %s", got, full)
	}
	for _, b := range batches(t, 2, 2) {
		if err := j.Append(t.Context(), b); err != nil {
			t.Fatal(err)
		}
		if err := j.Project(t.Context(), sim.Fold([]*sim.Batch{b})); err != nil {
			t.Fatal(err)
		}
		if got := level(); got != full {
			t.Fatalf("after a projection the level is %s, wanted %s", got, full)
		}
	}
	// Failed ones leave a connection that is as good as new.
	if err := j.Project(t.Context(), &sim.Projection{Through: sim.Progress{Sequence: 1}}); !errors.Is(err, sim.ErrBrokenInvariant) {
		t.Errorf("projecting backwards: %v, wanted ErrBrokenInvariant", err)
	}
	if got := level(); got != full {
		t.Fatalf("after a failed projection the level is %s, wanted %s", got, full)
	}
}

func TestFullDiskIsReportedAndGivesNothingUp(t *testing.T) {
	t.Parallel()
	j := loaded(t)
	history := batches(t, 2, 100)
	if err := j.Append(t.Context(), history[0]); err != nil {
		t.Fatal(err)
	}
	limit := func(pages string) {
		t.Helper()
		if _, err := j.write.ExecContext(t.Context(), `PRAGMA max_page_count = `+pages); err != nil {
			t.Fatal(err)
		}
	}
	limit("1") // SQLite takes the size that the file has
	err := j.Append(t.Context(), history[1])
	if !errors.Is(err, ErrNoSpace) || !strings.Contains(err.Error(), j.path) {
		t.Errorf("appending to a full disk: %v, wanted ErrNoSpace with the path", err)
	}
	limit("1")
	err = j.Project(t.Context(), sim.Fold(history[:1]))
	if !errors.Is(err, ErrNoSpace) {
		t.Errorf("projecting to a full disk: %v, wanted ErrNoSpace", err)
	}

	limit("1000000")
	snap, err := j.Load(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if snap.Head != history[0].Last || snap.Projected.Sequence != 0 || len(snap.Accounts) != 0 {
		t.Errorf("head %d, projected %d, %d accounts; wanted %d, 0, 0", snap.Head, snap.Projected.Sequence, len(snap.Accounts), history[0].Last)
	}
	if err := j.Append(t.Context(), history[1]); err != nil {
		t.Errorf("appending with space again: %v", err)
	}
	if err := j.Project(t.Context(), sim.Fold(history)); err != nil {
		t.Errorf("projecting with space again: %v", err)
	}
}

func TestReadOnlyFileIsReported(t *testing.T) {
	t.Parallel()
	j := loaded(t)
	if _, err := j.write.ExecContext(t.Context(), `PRAGMA query_only = 1`); err != nil {
		t.Fatal(err)
	}
	if err := j.Append(t.Context(), batches(t, 1, 1)[0]); !errors.Is(err, ErrPermission) || !strings.Contains(err.Error(), "writable") {
		t.Errorf("appending to a read-only file: %v, wanted ErrPermission", err)
	}
}

func TestErrorsOfTheSystemSayWhatToDo(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		cause, want error
		part        string
	}{
		{&os.PathError{Op: "open", Path: "x", Err: syscall.EACCES}, ErrPermission, "writable for this user"},
		{&os.PathError{Op: "open", Path: "x", Err: syscall.EROFS}, ErrPermission, "writable for this user"},
		{fmt.Errorf("writing: %w", syscall.ENOSPC), ErrNoSpace, "free some"},
		{syscall.EIO, syscall.EIO, "/data/x.db"},
	} {
		err := explain("/data/x.db", c.cause)
		if !errors.Is(err, c.want) || !errors.Is(err, c.cause) || !strings.Contains(err.Error(), c.part) {
			t.Errorf("%v is explained as %q", c.cause, err)
		}
	}
}

func TestAnotherToolsLockIsReported(t *testing.T) {
	t.Parallel()
	j := loaded(t)
	tool, err := pool(j.path, 1, idleTime)
	if err != nil {
		t.Fatal(err)
	}
	defer tool.Close()
	conn, err := tool.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.ExecContext(t.Context(), `BEGIN IMMEDIATE`); err != nil {
		t.Fatal(err)
	}
	b := batches(t, 1, 1)[0]
	if _, err := j.write.ExecContext(t.Context(), `PRAGMA busy_timeout = 1`); err != nil {
		t.Fatal(err)
	}
	if err := j.Append(t.Context(), b); err == nil || !strings.Contains(err.Error(), "another program") {
		t.Errorf("appending beside another tool's transaction: %v", err)
	}
	// With patience the context decides.
	if _, err := j.write.ExecContext(t.Context(), `PRAGMA busy_timeout = 60000`); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if err := j.Append(ctx, b); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("appending with an impatient context: %v, wanted DeadlineExceeded", err)
	}
	if _, err := conn.ExecContext(t.Context(), `ROLLBACK`); err != nil {
		t.Fatal(err)
	}
	if err := j.Append(t.Context(), b); err != nil {
		t.Errorf("appending once the tool is done: %v", err)
	}
}

func TestQueriesUseIndexes(t *testing.T) {
	t.Parallel()
	j := loaded(t)
	page := sim.Page{Limit: 10}
	id := uuid.MustParse("019ab0de-0000-7000-8000-000000000001")
	behind := sim.Page{After: id.String(), Limit: 10}
	settlements := func(f sim.SettlementFilter, p sim.Page) string { return plan(t, j, must(settlementsQuery(f, p))) }
	holdings := func(f sim.HoldingFilter, p sim.Page) string { return plan(t, j, must(holdingsQuery(f, p))) }
	entries := func(f sim.EntryFilter, p sim.Page) string { return plan(t, j, must(entriesQuery(f, p))) }
	accounts := func(f sim.AccountFilter, p sim.Page) string {
		query, args := accountsQuery(f, p)
		return plan(t, j, planned{query, args})
	}
	transfers := func(f sim.TransferFilter, p sim.Page) string { return plan(t, j, must(transfersQuery(f, p))) }
	documents := func(kind sim.DocumentKind, p sim.Page) string { return plan(t, j, must(documentsQuery(kind, p))) }
	for name, c := range map[string]struct {
		plan string
		uses []string
	}{
		"transfers behind":         {transfers(sim.TransferFilter{}, behind), []string{"(transfer_id>?)", "SEARCH approvals USING PRIMARY KEY (transfer_id=?)"}},
		"transfers from":           {transfers(sim.TransferFilter{From: time.Now()}, page), []string{"(transfer_id>?)"}},
		"transfers of an account":  {transfers(sim.TransferFilter{AccountID: "a"}, behind), []string{"transfers_account (account_id=? AND transfer_id>?)"}},
		"transfer by external id":  {transfers(sim.TransferFilter{ExternalID: "e"}, page), []string{"transfers_external (external_id=?)"}},
		"transfers pending":        {transfers(sim.TransferFilter{Status: sim.StatusPending}, behind), []string{"transfers_open (transfer_id>?)"}},
		"transfers to be approved": {transfers(sim.TransferFilter{Stage: sim.StageAwaitingApproval}, behind), []string{"transfers_stage (stage=? AND transfer_id>?)"}},
		"transfers open at load":   {plan(t, j, planned{selects(&tables.Transfers.Table) + openTransfers, nil}), []string{"transfers_open"}},
		"transfer lookup":          {plan(t, j, planned{allKeys[2].find, []any{`["a"]`}}), []string{"transfers_external (external_id=?)"}},
		"transfer scan":            {plan(t, j, planned{allKeys[2].scan, []any{"", 1}}), []string{"COVERING INDEX transfers_external (external_id>?)"}},
		"documents":                {documents(sim.DocumentFault, page), []string{"PRIMARY KEY (kind=?)"}},
		"all documents behind":     {documents("", sim.Page{After: "fault a", Limit: 10}), []string{"PRIMARY KEY ((kind,id)>(?,?))"}},
		"documents behind":         {documents(sim.DocumentFault, sim.Page{After: "a", Limit: 10}), []string{"PRIMARY KEY (kind=? AND id>?)"}},
		"accounts behind":          {accounts(sim.AccountFilter{}, sim.Page{After: "a", Limit: 10}), []string{"(account_id>?)"}},
		"positions behind":         {holdings(sim.HoldingFilter{}, behind), []string{"(position_id>?)"}},
		"balance of an account":    {holdings(sim.HoldingFilter{Cash: true, AccountID: "a", Symbol: "USD"}, page), []string{"(account_id=? AND currency=?)"}},
		"settlements behind":       {settlements(sim.SettlementFilter{}, behind), []string{"(settlement_id>?)"}},
		"settlements from":         {settlements(sim.SettlementFilter{From: time.Now()}, page), []string{"(settlement_id>?)"}},
		"settlement by external":   {settlements(sim.SettlementFilter{ExternalID: "e"}, page), []string{"settlements_external (external_id=?)"}},
		"settlements open":         {settlements(sim.SettlementFilter{Status: sim.StatusPending}, behind), []string{"settlements_status (status=? AND settlement_id>?)"}},
		"settlements of an account": {settlements(sim.SettlementFilter{AccountID: "a"}, behind), []string{
			"settlements_account (account_id=? AND settlement_id>?)", "settlements_source (source_account=? AND settlement_id>?)",
			"settlements_destination (destination_account=? AND settlement_id>?)",
		}},
		"settlements open at load": {plan(t, j, planned{selects(&tables.Settlements.Table) + openSettlements, nil}), []string{"settlements_status (status=?)"}},
		"entries behind":           {entries(sim.EntryFilter{}, sim.Page{After: "7-0", Limit: 10}), []string{"USING PRIMARY KEY"}},
		"entries after":            {entries(sim.EntryFilter{AfterSequence: 7}, page), []string{"USING PRIMARY KEY (sequence>?)"}},
		"entries of an account": {entries(sim.EntryFilter{AccountID: "a"}, page), []string{
			"ledger_entries_debit (debit_account=?)", "ledger_entries_credit (credit_account=?)",
		}},
		"entries of a settlement": {entries(sim.EntryFilter{SettlementID: id}, page), []string{"ledger_entries_settlement (settlement_id=?)"}},
		"key lookup":              {plan(t, j, planned{allKeys[0].find, []any{`["a"]`}}), []string{"(key=?)"}},
		"external lookup":         {plan(t, j, planned{allKeys[1].find, []any{`["a"]`}}), []string{"settlements_external (external_id=?)"}},
		"key scan":                {plan(t, j, planned{allKeys[0].scan, []any{"", 1}}), []string{"(key>?)"}},
		"external scan":           {plan(t, j, planned{allKeys[1].scan, []any{"", 1}}), []string{"COVERING INDEX settlements_external (external_id>?)"}},
	} {
		for _, part := range c.uses {
			if !strings.Contains(c.plan, part) {
				t.Errorf("%s: the plan does not use %s:\n%s", name, part, c.plan)
			}
		}
		if strings.Contains(c.plan, "TEMP B-TREE FOR ORDER BY") && name != "settlements open at load" {
			t.Errorf("%s: the plan sorts:\n%s", name, c.plan)
		}
	}
}

// planned is a query to be explained.
type planned struct {
	query string
	args  []any
}

func must(query string, args []any, err error) planned {
	if err != nil {
		panic(err)
	}
	return planned{query, args}
}

// plan returns SQLite's plan of a query, a step a line.
func plan(t *testing.T, j *Journal, p planned) string {
	t.Helper()
	lines, err := collect(t.Context(), j.read, func(scan scan) (detail string, err error) {
		var a, b, c int
		err = scan(&a, &b, &c, &detail)
		return detail, err
	}, "EXPLAIN QUERY PLAN "+p.query, p.args...)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(lines, "\n")
}
