package verify_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/verify"
)

func TestCleanBooksAreAsTheJournalSays(t *testing.T) {
	t.Parallel()
	w := newWriter(t)
	write(w)
	w.project()
	reads := 0
	counted := &doctored{Journal: w.journal, batches: func(all []*sim.Batch) []*sim.Batch { reads++; return all }}
	report := run(t, counted, options())
	if reads != 1 { // more than once only where the digests differ
		t.Errorf("the journal was read %d times", reads)
	}
	if !report.OK() || report.Truncated {
		t.Errorf("differences:%s", list(report.Differences))
	}
	end := w.state.Progress()
	if report.Batches != 6 || report.Events != end.Sequence || report.Transfers != 2 || report.Documents != 2 || report.Accounts != 3 || report.Holdings != 3 || report.Settlements != 5 ||
		report.Projected != end.Sequence || report.Hash != fmt.Sprintf("%x", end.Hash) || report.State != fmt.Sprintf("%x", w.state.Snapshot().Digest()) {
		t.Errorf("report is %+v", report)
	}
	if report.Entries == 0 || report.Differences == nil {
		t.Errorf("report is %+v", report)
	}
}

func TestEmptyBooksAreFine(t *testing.T) {
	t.Parallel()
	if report := run(t, newWriter(t).journal, options()); !report.OK() || report.Batches != 0 || report.Events != 0 {
		t.Errorf("report is %+v", report)
	}
}

func TestATailThatIsNotProjectedYetIsNoDifference(t *testing.T) {
	t.Parallel()
	w := newWriter(t)
	write(w) // nothing projected at all
	if report := run(t, w.journal, options()); !report.OK() || report.Projected != 0 || report.Batches != 6 {
		t.Errorf("report is %+v", report)
	}
	w.project()
	projected := w.state.Progress().Sequence
	write2(w)
	report := run(t, w.journal, options())
	if !report.OK() || report.Projected != projected || report.Events != w.state.Progress().Sequence || report.Batches != 7 {
		t.Errorf("report is %+v, differences:%s", report, list(report.Differences))
	}
}

// write2 adds a batch that changes rows of earlier ones.
func write2(w *writer) {
	for _, s := range w.state.Snapshot().Open {
		w.do("", sim.ReleaseSettlement{ID: s.ID})
	}
	w.do("k-9", sim.OpenAccount{AccountID: "z"})
	w.seal()
}

func TestALongHistoryIsReadInPages(t *testing.T) {
	t.Parallel()
	w := newWriter(t)
	write(w)
	for i := range 2500 {
		w.do(fmt.Sprint("key-", i), sim.Instruct{Type: sim.Deposit, AccountID: "a", Symbol: "BTC", Quantity: amount("1")})
		if i%100 == 99 {
			w.seal()
		}
	}
	w.project()
	report := run(t, w.journal, options())
	if !report.OK() || report.Settlements != 2505 {
		t.Errorf("report is %+v, differences:%s", report, list(report.Differences))
	}
	// One changed row among many is found, and no other row is blamed.
	var changedID uuid.UUID
	d := &doctored{Journal: w.journal, settlements: func(rows []*sim.Settlement) []*sim.Settlement {
		for i, s := range rows {
			if s.Quantity.Equal(amount("1")) && (changedID == uuid.UUID{} || s.ID == changedID) {
				c := *s
				c.Metadata, changedID = []byte(`{"x":1}`), s.ID
				rows[i] = &c
				break
			}
		}
		return rows
	}}
	report = run(t, d, options())
	if len(report.Differences) != 1 || report.Differences[0].Table != "settlements" || report.Differences[0].Key != changedID.String() {
		t.Errorf("differences:%s", list(report.Differences))
	}
}

func TestItIsToldHowFarAVerificationIs(t *testing.T) {
	t.Parallel()
	w := newWriter(t)
	write(w)
	for i := range 2 * 1000 {
		w.do(fmt.Sprint("key-", i), sim.Instruct{Type: sim.Deposit, AccountID: "a", Symbol: "BTC", Quantity: amount("1")})
	}
	w.seal()
	w.project()
	projected := w.state.Progress().Sequence
	write2(w) // which the tables do not have yet
	end := w.state.Progress().Sequence
	told := map[string][]verify.Progress{}
	opts := options()
	opts.Progress = func(p verify.Progress) {
		if p.Done > p.Total {
			t.Errorf("%+v", p)
		}
		told[p.Doing] = append(told[p.Doing], p)
	}
	// The first page of settlements lacks one, so that it ends the list: 999 of 2005.
	lost := &doctored{Journal: w.journal, settlements: drop[*sim.Settlement]}
	if report := run(t, lost, opts); report.OK() {
		t.Error("the settlements that were taken away are not missed")
	}
	for doing, want := range map[string]struct {
		total, last uint64 // at first, and what was done in the end
		unit        string
	}{
		"replaying":              {projected, end, "events"},
		"comparing":              {6018, 5000, "rows"},
		"replaying what differs": {projected, end, "events"},
		"comparing what differs": {6018, 5000, "rows"},
	} {
		all := told[doing]
		if len(all) < 2 || all[0].Done != 0 || all[0].Total != want.total || all[len(all)-1].Done != want.last || all[0].Unit != want.unit {
			t.Errorf("%s: %+v", doing, all)
		}
	}
}

// fraud is a change to tables or journal, and what the report must blame for it.
type fraud struct {
	name   string
	doctor func(*doctored)
	table  string
	says   string
}

// edit changes a copy of one row.
func edit[R any](at int, change func(*R)) func([]*R) []*R {
	return func(rows []*R) []*R {
		if at >= len(rows) {
			return rows
		}
		c := *rows[at]
		change(&c)
		rows = slices.Clone(rows)
		rows[at] = &c
		return rows
	}
}

// only restricts a change to the list of positions or of balances.
func only(cash bool, change func([]*sim.Holding) []*sim.Holding) func([]*sim.Holding) []*sim.Holding {
	return func(rows []*sim.Holding) []*sim.Holding {
		if len(rows) == 0 || rows[0].Cash != cash {
			return rows
		}
		return change(rows)
	}
}

func drop[R any](rows []R) []R { return rows[1:] }

// add appends a changed copy of the first row.
func add[R any](change func(*R)) func([]*R) []*R {
	return func(rows []*R) []*R {
		c := *rows[0]
		change(&c)
		return append(slices.Clone(rows), &c)
	}
}

const (
	rowHas     = "the row has"
	rowMissing = "the row is missing"
	rowExtra   = "should not be there"
)

var stranger = uuid.MustParse("ffffffff-ffff-7fff-bfff-ffffffffffff")

func TestFraudInTheTablesIsReported(t *testing.T) {
	t.Parallel()
	checkFrauds(t, []fraud{
		{"account changed", func(d *doctored) { d.accounts = edit(1, func(a *sim.Account) { a.ClientID = "x" }) }, "accounts", rowHas},
		{"account with another time", func(d *doctored) {
			d.accounts = edit(0, func(a *sim.Account) { a.UpdatedAt = a.UpdatedAt.Add(time.Microsecond) })
		}, "accounts", rowHas},
		{"account missing", func(d *doctored) { d.accounts = drop[*sim.Account] }, "accounts", rowMissing},
		{"account added", func(d *doctored) { d.accounts = add(func(a *sim.Account) { a.AccountID = "zz" }) }, "accounts", rowExtra},
		{"account twice", func(d *doctored) { d.accounts = add(func(*sim.Account) {}) }, "accounts", rowExtra},

		{"position changed", func(d *doctored) {
			d.holdings = only(false, edit(0, func(h *sim.Holding) { h.Available = amount("4") }))
		}, "positions", rowHas},
		{"position missing", func(d *doctored) { d.holdings = only(false, drop[*sim.Holding]) }, "positions", rowMissing},
		{"position added", func(d *doctored) { d.holdings = only(false, add(func(h *sim.Holding) { h.ID = stranger })) }, "positions", rowExtra},
		{"balance changed", func(d *doctored) {
			d.holdings = only(true, edit(1, func(h *sim.Holding) { h.Locked = amount("0.01") }))
		}, "balances", rowHas},
		{"balance missing", func(d *doctored) { d.holdings = only(true, drop[*sim.Holding]) }, "balances", rowMissing},
		{"balance added", func(d *doctored) { d.holdings = only(true, add(func(h *sim.Holding) { h.ID = stranger })) }, "balances", rowExtra},

		{"mirror changed", func(d *doctored) { d.mirrors = edit(0, func(m *sim.Mirror) { m.Balance = amount("-1") }) }, "mirrors", rowHas},
		{"mirror missing", func(d *doctored) { d.mirrors = drop[*sim.Mirror] }, "mirrors", rowMissing},
		{"mirror added", func(d *doctored) { d.mirrors = add(func(m *sim.Mirror) { m.Symbol = "X" }) }, "mirrors", rowExtra},

		{"settlement changed", func(d *doctored) { d.settlements = edit(0, func(s *sim.Settlement) { s.Quantity = amount("4") }) }, "settlements", rowHas},
		{"open settlement changed", func(d *doctored) { d.settlements = edit(1, func(s *sim.Settlement) { s.ExternalID = "other" }) }, "settlements", rowHas},
		{"settlement with another history", func(d *doctored) { d.settlements = edit(2, func(s *sim.Settlement) { s.History = s.History[:1] }) }, "settlements", rowHas},
		{"settlement missing", func(d *doctored) { d.settlements = drop[*sim.Settlement] }, "settlements", rowMissing},
		{"settlement added", func(d *doctored) { d.settlements = add(func(s *sim.Settlement) { s.ID = stranger }) }, "settlements", rowExtra},

		{"transfer missing", func(d *doctored) { d.transfers = drop[*sim.Transfer] }, "transfers", rowMissing},
		{"transfer added", func(d *doctored) {
			d.transfers = add(func(t *sim.Transfer) { t.ID = stranger })
		}, "transfers", rowExtra},
		{"approval missing", func(d *doctored) { d.transfers = edit(1, func(t *sim.Transfer) { t.Approvals = t.Approvals[:1] }) }, "approvals", rowMissing},
		{"approval added", func(d *doctored) {
			d.transfers = edit(0, func(t *sim.Transfer) { t.Approvals = append(slices.Clone(t.Approvals), sim.Approval{By: "x"}) })
		}, "approvals", rowExtra},
		{"document missing", func(d *doctored) { d.documents = drop[*sim.Document] }, "documents", rowMissing},
		{"document added", func(d *doctored) { d.documents = add(func(v *sim.Document) { v.ID = "x" }) }, "documents", rowExtra},
		{"document of an unknown kind", func(d *doctored) { d.documents = add(func(v *sim.Document) { v.Kind = "unknown" }) }, "documents", rowExtra},

		{"entry changed", func(d *doctored) {
			d.entries = func(rows []sim.Entry) []sim.Entry { rows[0].Amount = amount("7"); return rows }
		}, "ledger_entries", rowHas},
		{"entry of another account", func(d *doctored) {
			d.entries = func(rows []sim.Entry) []sim.Entry { rows[1].Credit.AccountID = "c"; return rows }
		}, "ledger_entries", rowHas},
		{"entry missing", func(d *doctored) { d.entries = drop[sim.Entry] }, "ledger_entries", rowMissing},
		{"entry added", func(d *doctored) {
			d.entries = func(rows []sim.Entry) []sim.Entry { e := rows[0]; e.Index = 9; return append(rows, e) }
		}, "ledger_entries", rowExtra},

		{"key changed", func(d *doctored) { d.keys = firstIdempotency(func(r *sim.KeyRecord) { r.Fingerprint[0] ^= 1 }) }, "idempotency_keys", rowHas},
		{"key of another event", func(d *doctored) { d.keys = firstIdempotency(func(r *sim.KeyRecord) { r.Sequence++ }) }, "idempotency_keys", rowHas},
		{"key missing", func(d *doctored) {
			d.keys = func(rows []sim.KeyRecord) []sim.KeyRecord {
				return slices.DeleteFunc(rows, func(r sim.KeyRecord) bool { return r.Value == "k-2" })
			}
		}, "idempotency_keys", rowMissing},
		{"key added", func(d *doctored) {
			d.keys = func(rows []sim.KeyRecord) []sim.KeyRecord {
				return append(rows, sim.KeyRecord{Key: sim.Key{Kind: sim.KeyIdempotency, Value: "new"}, Sequence: 1})
			}
		}, "idempotency_keys", rowExtra},

		{"projected from another batch", func(d *doctored) { d.projected = func(p *sim.Progress) { p.Hash[0] ^= 1 } }, "projection", "hash"},
		{"projected at another time", func(d *doctored) { d.projected = func(p *sim.Progress) { p.Time = p.Time.Add(time.Second) } }, "projection", "time"},
		{"projected with another generator", func(d *doctored) {
			d.projected = func(p *sim.Progress) { p.Generator = append(slices.Clone(p.Generator[:29]), p.Generator[29]^1) }
		}, "projection", "generator"},
		{"projected to the middle of a batch", func(d *doctored) { d.projected = func(p *sim.Progress) { p.Sequence-- } }, "projection", "no batch's end"},
		{"projected beyond the journal", func(d *doctored) { d.projected = func(p *sim.Progress) { p.Sequence++ } }, "projection", "no batch's end"},
	})
}

func firstIdempotency(change func(*sim.KeyRecord)) func([]sim.KeyRecord) []sim.KeyRecord {
	return func(rows []sim.KeyRecord) []sim.KeyRecord {
		for i := range rows {
			if rows[i].Kind == sim.KeyIdempotency && rows[i].Value == "k-1" {
				change(&rows[i])
			}
		}
		return rows
	}
}

func TestFraudInTheJournalIsReported(t *testing.T) {
	t.Parallel()
	batch := func(at int, change func(*sim.Batch)) func(*doctored) {
		return func(d *doctored) { d.batches = edit(at, change) }
	}
	checkFrauds(t, []fraud{
		{"bit flipped", batch(1, func(b *sim.Batch) { b.Payload = slices.Clone(b.Payload); b.Payload[len(b.Payload)/2] ^= 4 }), "journal", ""},
		{"payload gone", batch(1, func(b *sim.Batch) { b.Payload = nil }), "journal", "decoding"},
		{"hash changed", batch(2, func(b *sim.Batch) { b.Hash[5]++ }), "journal", "hash"},
		{"row with another time", batch(0, func(b *sim.Batch) { b.Time = b.Time.Add(time.Second) }), "journal", "holds events"},
		{"row with other numbers", batch(3, func(b *sim.Batch) { b.Last++ }), "journal", "holds events"},
		{"first batch missing", func(d *doctored) { d.batches = drop[*sim.Batch] }, "journal", "follows"},
		{"batch missing", func(d *doctored) {
			d.batches = func(all []*sim.Batch) []*sim.Batch { return slices.Delete(all, 1, 2) }
		}, "journal", "follows"},
		{"last batch missing", func(d *doctored) {
			d.batches = func(all []*sim.Batch) []*sim.Batch { return all[:len(all)-1] }
		}, "projection", "no batch's end"},
		{"batches swapped", func(d *doctored) {
			d.batches = func(all []*sim.Batch) []*sim.Batch { all[1], all[2] = all[2], all[1]; return all }
		}, "journal", "follows"},
		{"batch twice", func(d *doctored) {
			d.batches = func(all []*sim.Batch) []*sim.Batch { return slices.Insert(all, 1, all[0]) }
		}, "journal", ""},
		{"unbalanced with a hash that fits", forge, "journal", "its postings say"},
	})
}

// forge rewrites the last batch with a holding that nobody paid for, as somebody
// can who knows how hashes are made.
func forge(d *doctored) {
	d.batches = func(all []*sim.Batch) []*sim.Batch {
		last := all[len(all)-1]
		if err := last.Decode(); err != nil {
			panic(err)
		}
		event := last.Events[len(last.Events)-1]
		event.Holdings[0].Available = amount("1000000")
		all[len(all)-1] = sim.NewBatch(all[len(all)-2].Hash, last.Events, last.Generator)
		return all
	}
}

func checkFrauds(t *testing.T, frauds []fraud) {
	t.Helper()
	w := newWriter(t)
	write(w)
	w.project()
	for _, f := range frauds {
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			d := &doctored{Journal: w.journal}
			f.doctor(d)
			report := run(t, d, options())
			if report.OK() {
				t.Fatal("nothing is reported")
			}
			if len(report.Differences) != 1 || report.Differences[0].Table != f.table || !strings.Contains(report.Differences[0].Problem, f.says) {
				t.Errorf("want one difference in %s that says %q, differences:%s", f.table, f.says, list(report.Differences))
			}
		})
	}
}

func TestTheReportIsBounded(t *testing.T) {
	t.Parallel()
	w := newWriter(t)
	write(w)
	w.project()
	d := &doctored{Journal: w.journal, accounts: func([]*sim.Account) []*sim.Account { return nil }}
	opts := options()
	opts.MaxDifferences = 2
	report := run(t, d, opts)
	if len(report.Differences) != 2 || !report.Truncated || report.OK() {
		t.Errorf("report is %+v", report)
	}
	opts.MaxDifferences = 3 // there are just as many
	if report := run(t, d, opts); len(report.Differences) != 3 || report.Truncated {
		t.Errorf("report is %+v", report)
	}
	if a, b := run(t, d, options()), run(t, d, options()); list(a.Differences) != list(b.Differences) {
		t.Error("two reports on the same books differ")
	}
}

func TestASourceThatCannotBeReadIsAnError(t *testing.T) {
	t.Parallel()
	w := newWriter(t)
	write(w)
	w.project()
	away := errors.New("away")
	if report, err := verify.Run(context.Background(), &doctored{Journal: w.journal, err: away}, options()); !errors.Is(err, away) || report != nil {
		t.Errorf("verification answers %+v, %v", report, err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := verify.Run(ctx, w.journal, options()); !errors.Is(err, context.Canceled) {
		t.Errorf("verification answers %v", err)
	}
}
