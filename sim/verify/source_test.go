package verify_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/asset"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/money"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/verify"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/store/memory"
)

const (
	instance = "verify"
	seed     = 3
)

func rules() sim.Rules {
	return sim.Rules{Assets: asset.NewRegistry(), AutoOpen: true, MaxAccounts: 1000, MaxHoldings: 1000, MaxOpenSettlements: 1000}
}

func amount(text string) money.Amount { return money.MustParse(text) }

// writer writes a journal as an engine does.
type writer struct {
	t       testing.TB
	journal *memory.Journal
	state   *sim.State
	now     time.Time
	events  []*sim.Event
	pending []*sim.Batch
}

func newWriter(t testing.TB) *writer {
	t.Helper()
	w := &writer{
		t: t, journal: memory.NewStore().Journal("books"), state: sim.NewState(rules(), sim.NewGenerator(instance, seed)),
		now: time.Date(2026, 11, 23, 14, 30, 0, 0, time.UTC),
	}
	if _, err := w.journal.Load(context.Background()); err != nil {
		t.Fatal(err)
	}
	return w
}

func (w *writer) do(key string, c sim.Command) sim.Result {
	w.t.Helper()
	w.now = w.now.Add(time.Second)
	d, err := w.state.Decide(w.now, &sim.Request{Command: c, IdempotencyKey: key})
	if err != nil || d.Outcome != sim.Accepted {
		w.t.Fatalf("%+v: %v, %v", c, d.Err, err)
	}
	w.events = append(w.events, d.Events...)
	return d.Result
}

// seal makes what was done so far durable as one batch.
func (w *writer) seal() {
	w.t.Helper()
	b := w.state.Seal(w.events)
	if err := w.journal.Append(context.Background(), b); err != nil {
		w.t.Fatal(err)
	}
	w.events, w.pending = nil, append(w.pending, b)
}

// record makes an event with records that are made by hand durable.
func (w *writer) record(e *sim.Event) {
	w.t.Helper()
	at := w.state.Progress()
	w.now = w.now.Add(time.Second)
	e.Sequence, e.Time, e.Type = at.Sequence+1, w.now, "test.recorded"
	b := sim.NewBatch(at.Hash, []*sim.Event{e}, at.Generator)
	if err := w.state.ApplyBatch(b); err != nil {
		w.t.Fatal(err)
	}
	if err := w.journal.Append(context.Background(), b); err != nil {
		w.t.Fatal(err)
	}
	w.pending = append(w.pending, b)
}

// project brings the tables to the end of the journal.
func (w *writer) project() {
	w.t.Helper()
	if err := w.journal.Project(context.Background(), sim.Fold(w.pending)); err != nil {
		w.t.Fatal(err)
	}
	w.pending = nil
}

// transfer returns a transfer with twice as many approvals as its number.
func transfer(w *writer, n byte) *sim.Transfer {
	t := &sim.Transfer{
		ID: uuid.UUID{0x01, 6: 0x70, 8: 0x80, 15: n}, Rail: "wire", Direction: sim.DirectionOut, AccountID: "a", Symbol: "USD", Quantity: amount("5"),
		Beneficiary: sim.Beneficiary{Name: "b"}, Status: sim.StatusPending, Stage: sim.StageAwaitingApproval, ApprovalsRequired: 2, InitiatedAt: w.now,
		CreditAccount: "b", // else the books outside would have to move too
		History:       []sim.Transition{{At: w.now, Status: "SUBMITTED", Sequence: w.state.Progress().Sequence + 1}},
	}
	for i := range 2 * n {
		t.Approvals = append(t.Approvals, sim.Approval{By: fmt.Sprint("approver-", i), At: w.now, Decision: sim.Approved})
	}
	return t
}

// write writes books in which every table has rows, in six batches.
func write(w *writer) {
	first, second := transfer(w, 0), transfer(w, 1)
	w.record(&sim.Event{Transfers: []*sim.Transfer{first, second}, Documents: []*sim.Document{
		{Kind: "note", ID: "gone", Body: []byte(`{}`), UpdatedAt: w.now},
		{Kind: "note", ID: "f", Body: []byte(`{"n":1}`), UpdatedAt: w.now},
		{Kind: "plan", ID: "w", Body: []byte(`{"n":2}`), DueAt: w.now.Add(time.Hour), UpdatedAt: w.now},
	}})
	settled := *second
	settled.Status, settled.Stage, settled.CompletedAt = sim.StatusCompleted, sim.StageSettled, w.now
	settled.Approvals = append(slices.Clone(settled.Approvals[:1]), sim.Approval{By: "last", At: w.now, Decision: sim.Approved})
	w.record(&sim.Event{
		Transfers: []*sim.Transfer{&settled},
		Documents: []*sim.Document{{Kind: "note", ID: "gone", UpdatedAt: w.now, Removed: true}},
	})
	deposit := func(account, symbol, quantity string) sim.Command {
		return sim.Instruct{Type: sim.Deposit, AccountID: account, Symbol: symbol, Quantity: amount(quantity)}
	}
	w.do("k-1", sim.OpenAccount{AccountID: "a", ClientID: "client", Metadata: []byte(`{"n":1}`)})
	w.do("k-2", deposit("a", "BTC", "3"))
	w.seal()
	gone := w.do("", sim.OpenHolding{AccountID: "b", Symbol: "ETH", Available: amount("1")}).Holding
	w.do("", sim.OpenHolding{Cash: true, AccountID: "b", Symbol: "USD", Available: amount("100"), Locked: amount("5")})
	w.seal()
	w.do("", sim.Instruct{Type: sim.Withdrawal, AccountID: "a", Symbol: "BTC", Quantity: amount("1"), Hold: true, ExternalID: "held"})
	cancelled := w.do("", sim.Instruct{Type: sim.Withdrawal, AccountID: "a", Symbol: "BTC", Quantity: amount("1"), Hold: true}).Settlement
	w.do("k-3", sim.Instruct{Type: sim.Withdrawal, AccountID: "a", Symbol: "BTC", Quantity: amount("99")})
	w.seal()
	w.do("", sim.CancelSettlement{ID: cancelled.ID})
	w.do("", sim.CloseHolding{ID: gone.ID})
	w.do("", sim.Instruct{Type: sim.Internal, SourceAccount: "b", DestinationAccount: "c", Symbol: "USD", Quantity: amount("12.34")})
	w.seal()
}

// doctored is a source of which a test changes what it gives. A nil function
// changes nothing.
type doctored struct {
	*memory.Journal
	batches     func([]*sim.Batch) []*sim.Batch
	projected   func(*sim.Progress)
	accounts    func([]*sim.Account) []*sim.Account
	holdings    func([]*sim.Holding) []*sim.Holding
	mirrors     func([]*sim.Mirror) []*sim.Mirror
	settlements func([]*sim.Settlement) []*sim.Settlement
	transfers   func([]*sim.Transfer) []*sim.Transfer
	documents   func([]*sim.Document) []*sim.Document
	entries     func([]sim.Entry) []sim.Entry
	keys        func([]sim.KeyRecord) []sim.KeyRecord
	err         error // of every query
}

func changed[R any](rows []R, err error, change func([]R) []R) ([]R, error) {
	if err == nil && change != nil {
		rows = change(rows)
	}
	return rows, err
}

func (d *doctored) Read(ctx context.Context, after uint64, fn func(*sim.Batch) error) error {
	var all []*sim.Batch
	if err := d.Journal.Read(ctx, after, func(b *sim.Batch) error { all = append(all, b); return nil }); err != nil {
		return err
	}
	all, _ = changed(all, nil, d.batches)
	for _, b := range all {
		if err := fn(b); err != nil {
			return err
		}
	}
	return nil
}

func (d *doctored) Projected(ctx context.Context) (sim.Progress, error) {
	p, err := d.Journal.Projected(ctx)
	if d.projected != nil {
		d.projected(&p)
	}
	return p, err
}

func (d *doctored) ListAccounts(ctx context.Context, f sim.AccountFilter, p sim.Page) ([]*sim.Account, error) {
	rows, err := d.Journal.ListAccounts(ctx, f, p)
	return changed(rows, firstOf(err, d.err), d.accounts)
}

func (d *doctored) ListHoldings(ctx context.Context, f sim.HoldingFilter, p sim.Page) ([]*sim.Holding, error) {
	rows, err := d.Journal.ListHoldings(ctx, f, p)
	return changed(rows, err, d.holdings)
}

func (d *doctored) ListMirrors(ctx context.Context) ([]*sim.Mirror, error) {
	rows, err := d.Journal.ListMirrors(ctx)
	return changed(rows, err, d.mirrors)
}

func (d *doctored) ListSettlements(ctx context.Context, f sim.SettlementFilter, p sim.Page) ([]*sim.Settlement, error) {
	rows, err := d.Journal.ListSettlements(ctx, f, p)
	return changed(rows, err, d.settlements)
}

func (d *doctored) ListTransfers(ctx context.Context, f sim.TransferFilter, p sim.Page) ([]*sim.Transfer, error) {
	rows, err := d.Journal.ListTransfers(ctx, f, p)
	return changed(rows, err, d.transfers)
}

func (d *doctored) ListDocuments(ctx context.Context, kind sim.DocumentKind, p sim.Page) ([]*sim.Document, error) {
	rows, err := d.Journal.ListDocuments(ctx, kind, p)
	return changed(rows, err, d.documents)
}

func (d *doctored) ListEntries(ctx context.Context, f sim.EntryFilter, p sim.Page) ([]sim.Entry, error) {
	rows, err := d.Journal.ListEntries(ctx, f, p)
	return changed(rows, err, d.entries)
}

func (d *doctored) ScanKeys(ctx context.Context, fn func(sim.KeyRecord) error) error {
	var all []sim.KeyRecord
	err := d.Journal.ScanKeys(ctx, func(r sim.KeyRecord) error { all = append(all, r); return nil })
	all, err = changed(all, err, d.keys)
	if err != nil {
		return err
	}
	for _, r := range all {
		if err := fn(r); err != nil {
			return err
		}
	}
	return nil
}

func firstOf(a, b error) error {
	if a != nil {
		return a
	}
	return b
}

func options() verify.Options { return verify.Options{Instance: instance, Seed: seed, Rules: rules()} }

func run(t testing.TB, source verify.Source, opts verify.Options) *verify.Report {
	t.Helper()
	report, err := verify.Run(context.Background(), source, opts)
	if err != nil {
		t.Fatal(err)
	}
	return report
}

func list(differences []verify.Difference) string {
	text := ""
	for _, d := range differences {
		text += fmt.Sprintf("\n\t%s %s: %s", d.Table, d.Key, d.Problem)
	}
	return text
}
