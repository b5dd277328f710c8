package sim_test

import (
	"bytes"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/asset"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/money"
)

// start is the instance time at which the books of tests begin.
var start = time.Date(2026, 11, 23, 14, 30, 0, 0, time.UTC)

// failer is what the books need of a test, a benchmark or a property.
type failer interface {
	Helper()
	Fatalf(format string, args ...any)
}

// books drives a state as an engine does: it decides commands, one a second,
// and seals their events in batches.
type books struct {
	t       failer
	state   *sim.State
	now     time.Time
	open    []*sim.Event
	batches []*sim.Batch
	given   sim.Rules
}

func wideRules() sim.Rules {
	return sim.Rules{
		Assets: asset.NewRegistry(), AutoOpen: true,
		MaxAccounts: 10_000, MaxHoldings: 10_000, MaxOpenSettlements: 10_000,
	}
}

func newBooks(t failer) *books { return newBooksWith(t, wideRules()) }

func newBooksWith(t failer, rules sim.Rules) *books {
	return &books{t: t, now: start, given: rules, state: sim.NewState(rules, sim.NewGenerator("books", 1))}
}

// decide answers a request a second later than the one before.
func (b *books) decide(r sim.Request) sim.Decision {
	b.t.Helper()
	b.now = b.now.Add(time.Second)
	d, err := b.state.Decide(b.now, &r)
	for err == nil && d.Outcome == sim.NeedsDueWork {
		b.fire(d.Until)
		d, err = b.state.Decide(b.now, &r)
	}
	if ids, externalIDs := r.Settlements(); err == nil && d.Outcome == sim.NeedsLookup && len(ids)+len(externalIDs) > 0 {
		r.Lookup = b.lookup(ids, externalIDs)
		d, err = b.state.Decide(b.now, &r)
	}
	if err != nil {
		b.t.Fatalf("%+v broke the books: %v", r.Command, err)
	}
	b.open = append(b.open, d.Events...)
	return d
}

// lookup is what the tables know about settlements: the last record of each.
func (b *books) lookup(ids []uuid.UUID, externalIDs []string) *sim.KeyLookup {
	out := &sim.KeyLookup{Through: b.state.Progress().Sequence}
	for _, st := range b.settlements() {
		if slices.Contains(ids, st.ID) || (st.ExternalID != "" && slices.Contains(externalIDs, st.ExternalID)) {
			out.Settlements = append(out.Settlements, st)
		}
	}
	return out
}

// settlements returns the last record of every settlement, in order.
func (b *books) settlements() []*sim.Settlement {
	last := make(map[uuid.UUID]*sim.Settlement)
	events := b.open
	for i := len(b.batches) - 1; i >= 0; i-- {
		events = append(slices.Clone(b.batches[i].Events), events...)
	}
	for _, e := range events {
		for _, st := range e.Settlements {
			last[st.ID] = st
		}
	}
	out := slices.Collect(maps.Values(last))
	slices.SortFunc(out, func(x, y *sim.Settlement) int { return bytes.Compare(x.ID[:], y.ID[:]) })
	return out
}

// settlement returns the last record of a settlement.
func (b *books) settlement(id uuid.UUID) *sim.Settlement {
	b.t.Helper()
	for _, st := range b.settlements() {
		if st.ID == id {
			return st
		}
	}
	b.t.Fatalf("there is no settlement %s", id)
	return nil
}

// wait lets time pass and does the work that becomes due.
func (b *books) wait(d time.Duration) {
	b.t.Helper()
	b.now = b.now.Add(d)
	b.fire(b.now)
}

// accept decides a command that must be accepted.
func (b *books) accept(c sim.Command) sim.Result {
	b.t.Helper()
	d := b.decide(sim.Request{Command: c})
	if d.Outcome != sim.Accepted {
		b.t.Fatalf("%+v: outcome %v, %v", c, d.Outcome, d.Err)
	}
	return d.Result
}

// refuse decides a command that must be refused and must change nothing.
func (b *books) refuse(c sim.Command) *sim.Error {
	b.t.Helper()
	before := b.state.Snapshot().Digest()
	d := b.decide(sim.Request{Command: c})
	if d.Outcome != sim.Refused || d.Err == nil || len(d.Events) != 0 || d.Result != (sim.Result{}) {
		b.t.Fatalf("%+v: outcome %v, %v, %+v", c, d.Outcome, d.Err, d.Result)
	}
	if b.state.Snapshot().Digest() != before {
		b.t.Fatalf("%+v was refused and changed the books", c)
	}
	return d.Err
}

func (b *books) seal() *sim.Batch {
	b.t.Helper()
	batch := b.state.Seal(b.open)
	b.open, b.batches = nil, append(b.batches, batch)
	return batch
}

func (b *books) deposit(account, symbol, quantity string) *sim.Settlement {
	b.t.Helper()
	return b.accept(sim.Instruct{Type: sim.Deposit, AccountID: account, Symbol: symbol, Quantity: amount(quantity)}).Settlement
}

// holding returns what an account has of a symbol, or nil.
func (b *books) holding(account, symbol string) *sim.Holding {
	for _, h := range b.state.Snapshot().Holdings {
		if h.AccountID == account && h.Symbol == symbol {
			return h
		}
	}
	return nil
}

func (b *books) wantHolding(account, symbol, available, locked string) *sim.Holding {
	b.t.Helper()
	h := b.holding(account, symbol)
	if h == nil {
		b.t.Fatalf("%s has no %s", account, symbol)
		return nil
	}
	if !h.Available.Equal(amount(available)) || !h.Locked.Equal(amount(locked)) {
		b.t.Fatalf("%s has %s %s available and %s locked, want %s and %s", account, h.Available, symbol, h.Locked, available, locked)
	}
	return h
}

func (b *books) wantMirror(symbol, account, balance string) {
	b.t.Helper()
	for _, m := range b.state.Snapshot().Mirrors {
		if m.Symbol == symbol {
			if m.Account != account || !m.Balance.Equal(amount(balance)) {
				b.t.Fatalf("%s in %s is %s, want %s in %s", symbol, m.Account, m.Balance, balance, account)
			}
			return
		}
	}
	b.t.Fatalf("%s has no mirror account", symbol)
}

func amount(text string) money.Amount { return money.MustParse(text) }

func amountOf(text string) *money.Amount {
	a := amount(text)
	return &a
}

func textOf(s string) *string { return &s }

// stranger is an id that nothing has.
var stranger = uuid.MustParse("01999999-9999-7999-9999-999999999999")

// refusal is a command that must be refused, and how.
type refusal struct {
	name    string
	command sim.Command
	code    sim.Code
	field   string
}

// checkRefusals runs each refusal on books of its own, which prepare has set up.
func checkRefusals(t *testing.T, prepare func(*books), refusals []refusal) {
	t.Helper()
	for _, r := range refusals {
		t.Run(r.name, func(t *testing.T) {
			t.Parallel()
			b := newBooks(t)
			prepare(b)
			err := b.refuse(r.command)
			if err.Code != r.code || err.Field != r.field || err.Message == "" {
				t.Errorf("refused with %s on %q (%s), want %s on %q", err.Code, err.Field, err, r.code, r.field)
			}
		})
	}
}
