package sim_test

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/asset"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/money"
)

func wrongBook(symbol, by string) sim.AddFault {
	return sim.AddFault{Effect: sim.FaultEffect{Book: &sim.BookFault{Symbol: symbol, Amount: amount(by)}}}
}

func (b *books) reconcile() *sim.Reconciliation {
	b.t.Helper()
	r, err := b.accept(sim.Reconcile{}).Document.Reconciliation()
	if err != nil {
		b.t.Fatalf("%v", err)
	}
	return r
}

// breaks returns the breaks that are kept, in the order in which they were opened.
func (b *books) breaks() []*sim.Break {
	b.t.Helper()
	var list []*sim.Break
	for _, v := range b.state.Snapshot().Documents {
		if v.Kind != sim.DocumentBreak {
			continue
		}
		x, err := v.Break()
		if err != nil {
			b.t.Fatalf("%v", err)
		}
		list = append(list, x)
	}
	return list
}

func TestBooksOutsideAgreeWhateverCommandsDo(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		b := newBooks(t)
		for range rapid.IntRange(1, 60).Draw(t, "commands") {
			b.decide(drawRequest(t, b.state.Snapshot()))
			if err := b.state.CheckBooks(); err != nil {
				t.Fatal(err)
			}
		}
		for _, line := range b.state.Books() {
			if !line.Difference.IsZero() {
				t.Fatalf("%s differs by %s without a fault", line.Symbol, line.Difference)
			}
			sum := money.Zero
			for _, h := range b.state.Snapshot().Holdings {
				if h.Symbol == line.Symbol {
					sum = sum.Add(h.Sum())
				}
			}
			if !line.Theirs.Equal(sum) {
				t.Fatalf("the book of %s has %s, accounts have %s", line.Symbol, line.Theirs, sum)
			}
		}
		if len(b.open) > 0 {
			again := b.reload(wideRules())
			if err := again.state.CheckBooks(); err != nil {
				t.Fatal(err)
			}
		}
	})
}

func TestReconciliationFollowsABreakToItsEnd(t *testing.T) {
	t.Parallel()
	b := newBooks(t)
	b.deposit("a", "BTC", "5")
	b.deposit("a", "USD", "100")
	if r := b.reconcile(); r.Compared != 2 || r.Matched != 2 || len(r.Differences) != 0 || r.OpenBreaks != 0 {
		t.Fatalf("without a fault: %+v", r)
	}
	first := b.accept(wrongBook("BTC", "-2")).Document
	r := b.reconcile()
	if r.Matched != 1 || r.Opened != 1 || r.OpenBreaks != 1 || b.state.OpenBreaks() != 1 {
		t.Fatalf("with a fault: %+v", r)
	}
	line := r.Differences[0]
	if line.Symbol != "BTC" || line.Account != sim.Depository || line.Ours.String() != "5" || line.Theirs.String() != "3" || line.Difference.String() != "-2" {
		t.Fatalf("the difference is %+v", line)
	}
	opened := b.breaks()[0]
	if opened.Status != sim.BreakOpen || opened.Kind != asset.Crypto || !opened.OpenedAt.Equal(r.At) {
		t.Fatalf("the break is %+v", opened)
	}
	b.now = b.now.Add(time.Hour)
	if r = b.reconcile(); r.Opened != 0 || r.OpenBreaks != 1 || opened.Age(r.At) < time.Hour {
		t.Fatalf("an hour later: %+v", r)
	}
	b.accept(wrongBook("BTC", "-1"))
	mark := len(b.open)
	if r = b.reconcile(); r.Opened != 0 || r.OpenBreaks != 1 || !slices.Equal(types(b.open[mark:]), []sim.EventType{sim.EventBreakChanged, sim.EventReconciled}) {
		t.Fatalf("worse: %+v, %v", r, types(b.open[mark:]))
	}
	if now := b.breaks(); len(now) != 1 || now[0].ID != opened.ID || now[0].Difference.String() != "-3" || !now[0].OpenedAt.Equal(opened.OpenedAt) {
		t.Fatalf("the break is %+v", now)
	}
	b.accept(sim.ClearFault{ID: first.ID})
	b.accept(sim.ClearFaults{})
	if r = b.reconcile(); r.Resolved != 1 || r.OpenBreaks != 0 || b.state.OpenBreaks() != 0 {
		t.Fatalf("cleared: %+v", r)
	}
	if now := b.breaks()[0]; now.Status != sim.BreakResolved || now.Resolution != sim.ResolvedByAgreement || !now.Difference.IsZero() || now.ResolvedAt.IsZero() || now.Age(b.now.Add(time.Hour)) != now.ResolvedAt.Sub(now.OpenedAt) {
		t.Fatalf("the break is %+v", now)
	}
	b.accept(wrongBook("BTC", "1"))
	if r = b.reconcile(); r.Opened != 1 || len(b.breaks()) != 2 {
		t.Fatalf("broken again: %+v", r)
	}
}

func TestSmallDifferencesAreAcceptedOnce(t *testing.T) {
	t.Parallel()
	rules := wideRules()
	rules.Reconciliation.Tolerance = map[asset.Kind]money.Amount{asset.Cash: amount("0.05")}
	b := newBooksWith(t, rules)
	b.deposit("a", "USD", "100")
	b.accept(wrongBook("USD", "-0.05"))
	if r := b.reconcile(); r.Opened != 0 || r.Resolved != 1 || r.OpenBreaks != 0 || r.Matched != 0 || len(r.Differences) != 1 {
		t.Fatalf("within the tolerance: %+v", r)
	}
	if x := b.breaks()[0]; x.Status != sim.BreakResolved || x.Resolution != sim.ResolvedByTolerance {
		t.Fatalf("the break is %+v", x)
	}
	if r := b.reconcile(); r.Resolved != 0 || len(b.breaks()) != 1 {
		t.Fatalf("again: %+v", r)
	}
	b.accept(wrongBook("USD", "-0.01"))
	if r := b.reconcile(); r.Opened != 1 || r.OpenBreaks != 1 {
		t.Fatalf("beyond the tolerance: %+v", r)
	}
	b.accept(wrongBook("USD", "0.02"))
	if r := b.reconcile(); r.Resolved != 1 || r.OpenBreaks != 0 {
		t.Fatalf("small again: %+v", r)
	}
}

func TestABookCanSpeakOfWhatWeNeverHeld(t *testing.T) {
	t.Parallel()
	b := newBooks(t)
	b.accept(wrongBook("AAPL", "10"))
	r := b.reconcile()
	if r.OpenBreaks != 1 || r.Differences[0].Account != sim.Depository || !r.Differences[0].Ours.IsZero() || r.Differences[0].Theirs.String() != "10" {
		t.Fatalf("the result is %+v", r)
	}
	again := b.reload(wideRules())
	if again.state.OpenBreaks() != 1 || again.state.Books()[0].Theirs.String() != "10" {
		t.Error("a reload mends the book")
	}
	b.accept(sim.ClearFaults{})
	if r = b.reconcile(); r.Resolved != 1 || r.Compared != 0 || len(b.state.Books()) != 0 || b.state.OpenBreaks() != 0 {
		t.Errorf("once the fault is gone, %+v", r)
	}
}

func TestBooksAreComparedEveryIntervalWhileSomethingHappens(t *testing.T) {
	t.Parallel()
	rules := wideRules()
	rules.Reconciliation = sim.ReconciliationRules{Interval: time.Hour, KeepDays: 1}
	b := newBooksWith(t, rules)
	if _, any := b.state.NextDue(); any {
		t.Fatal("empty books are compared")
	}
	b.deposit("a", "BTC", "1") // at 14:30
	want := time.Date(2026, 11, 23, 15, 0, 0, 0, time.UTC)
	for _, state := range []*sim.State{b.state, b.reload(rules).state} {
		if next, _ := state.NextDue(); !next.Equal(want) {
			t.Fatalf("next is %s", next)
		}
	}
	events := b.fire(want.Add(10 * time.Hour))
	if !slices.Equal(types(events), []sim.EventType{sim.EventReconciled}) || !events[0].Time.Equal(want) {
		t.Fatalf("there happened %v", types(events))
	}
	if _, any := b.reload(rules).state.NextDue(); any {
		t.Fatal("quiet books are compared after a reload")
	}
	b.accept(wrongBook("BTC", "1"))
	if events = b.fire(b.now.Add(30 * time.Hour)); len(events) != 31 {
		t.Fatalf("a break that is open is looked at in %d events", len(events))
	}
	if next, any := b.reload(rules).state.NextDue(); !any || next.Before(b.now) {
		t.Errorf("after a reload the break is looked at %s, %v", next, any)
	}
	kept := 0
	for _, v := range b.state.Snapshot().Documents {
		if v.Kind == sim.DocumentReconciliation {
			kept++
		}
	}
	if kept != 25 {
		t.Errorf("%d results of a day are kept", kept)
	}
}

func TestResultsAreBoundedInNumber(t *testing.T) {
	t.Parallel()
	b := newBooks(t)
	b.deposit("a", "BTC", "1")
	for range sim.MaxReconciliations + 10 {
		b.reconcile()
	}
	if n := len(b.state.Snapshot().Documents); n != sim.MaxReconciliations {
		t.Errorf("%d results are kept", n)
	}
}
