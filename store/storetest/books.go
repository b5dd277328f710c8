package storetest

import (
	"testing"
	"time"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/asset"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/money"
)

var amount = money.MustParse

// Kinds of documents to which the core gives no meaning, so that their bodies
// may be anything.
const (
	noteKind sim.DocumentKind = "note"
	markKind sim.DocumentKind = "mark"
	planKind sim.DocumentKind = "plan"
)

func rules() sim.Rules {
	return sim.Rules{
		Assets: asset.NewRegistry(), AutoOpen: true,
		MaxAccounts: 1 << 20, MaxHoldings: 1 << 20, MaxOpenSettlements: 1 << 20,
	}
}

// books make histories: they decide commands on a real state and seal the
// events into batches. Instance time moves by step with every command.
type books struct {
	t     testing.TB
	state *sim.State
	now   time.Time
	step  time.Duration
	open  []*sim.Event
}

func newBooks(t testing.TB) *books {
	return &books{
		t: t, state: sim.NewState(rules(), sim.NewGenerator("store-test", 1)),
		now: time.Date(2026, 11, 23, 14, 30, 0, 123456000, time.UTC), step: 1001 * time.Millisecond,
	}
}

// try decides a command and reports whether it was accepted.
func (b *books) try(key string, c sim.Command) (sim.Result, bool) {
	b.t.Helper()
	b.now = b.now.Add(b.step)
	r := &sim.Request{Command: c, IdempotencyKey: key}
	d, err := b.state.Decide(b.now, r)
	if err == nil && d.Outcome == sim.NeedsLookup {
		// Its filter took a new key for an old one. No test uses a key twice.
		r.Lookup = &sim.KeyLookup{Through: b.state.Progress().Sequence}
		d, err = b.state.Decide(b.now, r)
	}
	if err != nil {
		b.t.Fatalf("%T: %v", c, err)
	}
	b.open = append(b.open, d.Events...)
	return d.Result, d.Outcome == sim.Accepted
}

// do decides a command that must be accepted.
func (b *books) do(key string, c sim.Command) sim.Result {
	b.t.Helper()
	r, ok := b.try(key, c)
	if !ok {
		b.t.Fatalf("%#v was refused", c)
	}
	return r
}

func (b *books) deposit(account, symbol, quantity, externalID string) *sim.Settlement {
	b.t.Helper()
	return b.do("", sim.Instruct{
		Type: sim.Deposit, AccountID: account, Symbol: symbol, Quantity: amount(quantity), ExternalID: externalID,
	}).Settlement
}

// seal makes a batch of what was decided since the last.
func (b *books) seal() *sim.Batch {
	b.t.Helper()
	if len(b.open) == 0 {
		b.t.Fatal("nothing to seal")
	}
	batch := b.state.Seal(b.open)
	b.open = nil
	return batch
}

// deposits returns a batch of n deposits.
func (b *books) deposits(n int) *sim.Batch {
	b.t.Helper()
	for range n {
		b.deposit("fund-a", "BTC-USD", "1.5", "")
	}
	return b.seal()
}
