package sim_test

import (
	"fmt"
	"math/big"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"pgregory.net/rapid"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/money"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/profile"
)

// drawTrade draws an instruction that meets a counterparty's often enough.
func drawTrade(t *rapid.T, n int) sim.Instruct {
	accounts := rapid.Permutation([]string{"a", "b", "c"}).Draw(t, "accounts")
	c := sim.Instruct{
		Type:     sim.SettlementType(rapid.SampledFrom(sim.SettlementTypes()).Draw(t, "type")),
		Symbol:   rapid.SampledFrom([]string{"AAPL", "BTC"}).Draw(t, "symbol"),
		Quantity: amount(rapid.SampledFrom([]string{"1", "2", "5"}).Draw(t, "quantity")),
		Hold:     rapid.IntRange(0, 5).Draw(t, "hold") == 0,
	}
	switch c.Type {
	case sim.Internal:
		c.SourceAccount, c.DestinationAccount = accounts[0], accounts[1]
	case sim.Deposit, sim.Withdrawal:
		c.AccountID = accounts[0]
	default:
		c.AccountID, c.CounterpartyAccount = accounts[0], accounts[1]
		if c.Type.AgainstPayment() {
			c.Payment = sim.Cash{Currency: "USD", Amount: amount(rapid.SampledFrom([]string{"10", "11.01", "13"}).Draw(t, "payment"))}
		}
		if rapid.IntRange(0, 3).Draw(t, "outside") == 0 {
			c = outside(c)
		}
	}
	if rapid.Bool().Draw(t, "partial") {
		c.Partial = sim.PartialAllowed
	}
	if rapid.Bool().Draw(t, "named") {
		c.ExternalID = fmt.Sprintf("e-%d", n)
	}
	if rapid.IntRange(0, 3).Draw(t, "linked") == 0 && n > 0 {
		c.Links = []sim.Link{{
			Type:       sim.LinkType(rapid.SampledFrom(sim.LinkTypes()).Draw(t, "link")),
			ExternalID: fmt.Sprintf("e-%d", rapid.IntRange(max(0, n-4), n-1).Draw(t, "linked to")),
		}}
	}
	return c
}

func drawStep(t *rapid.T, b *books, n int) {
	id := stranger
	if snap := b.state.Snapshot(); len(snap.Open) > 0 {
		id = snap.Open[rapid.IntRange(0, len(snap.Open)-1).Draw(t, "open")].ID
	}
	account := rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "account")
	var c sim.Command
	switch rapid.IntRange(0, 13).Draw(t, "step") {
	case 12:
		one := amount("0.5")
		c = sim.AddFault{
			Match: sim.FaultMatch{Accounts: []string{account}, Rate: rapid.SampledFrom([]*money.Amount{nil, &one}).Draw(t, "rate")},
			Effect: rapid.SampledFrom([]sim.FaultEffect{
				delayOfAnHour, {BankHoliday: true}, {Partial: &sim.PartialFault{Share: one}},
				{Reject: &sim.RejectFault{Code: "CSDH", Reason: "held"}}, {Reject: &sim.RejectFault{Code: "NARR", Reason: "by order"}},
			}).Draw(t, "effect"),
			Duration: 36 * time.Hour,
		}
	case 13:
		c = sim.ClearFaults{}
	case 0:
		c = sim.CancelSettlement{ID: id}
	case 1:
		c = sim.HoldSettlement{ID: id}
	case 2, 3:
		c = sim.ReleaseSettlement{ID: id}
	case 4:
		status := rapid.SampledFrom([]sim.AccountStatus{sim.AccountFrozen, sim.AccountActive, sim.AccountActive}).Draw(t, "status")
		c = sim.UpdateAccount{AccountID: account, Status: status}
	case 5:
		h := b.holding(account, rapid.SampledFrom([]string{"AAPL", "BTC", "USD"}).Draw(t, "holding"))
		c = sim.UpdateHolding{Cash: h.Cash, ID: h.ID, Available: amountOf(rapid.SampledFrom([]string{"0", "1", "7", "25"}).Draw(t, "available"))}
	case 6:
		all := b.settlements()
		if len(all) == 0 {
			return
		}
		c = sim.ReverseSettlement{ID: all[rapid.IntRange(0, len(all)-1).Draw(t, "reversed")].ID}
	case 7, 8:
		b.wait(time.Duration(rapid.IntRange(1, 48*60).Draw(t, "minutes")) * time.Minute)
		return
	default:
		c = drawTrade(t, n)
	}
	b.decide(sim.Request{Command: c})
	if rapid.Bool().Draw(t, "look") {
		b.wait(0)
	}
}

// checkSettlements checks what is always true of settlements.
func checkSettlements(t *rapid.T, b *books, waits bool) {
	snap := b.state.Snapshot()
	reserved := make(map[sim.HoldingKey]*big.Int)
	open := make(map[uuid.UUID]*sim.Settlement)
	for _, st := range snap.Open {
		open[st.ID] = st
	}
	for _, st := range b.settlements() {
		switch {
		case st.Settled.Sign() < 0 || st.Quantity.Less(st.Settled):
			t.Fatalf("%s settled of %s", st.Settled, st.Quantity)
		case st.Status.Final() != (open[st.ID] == nil):
			t.Fatalf("%s is open and final alike", stateOf(st))
		case st.Status.Final() && (!st.Course.IsZero() || !st.Reserved.IsZero() || !st.DueAt.IsZero() || st.CompletedAt.IsZero()):
			t.Fatalf("a final settlement keeps %+v", st)
		case !st.Status.Final() && (st.Status == sim.StatusInProgress) != (st.Course.UnderWay.Sign() > 0 || st.Settled.Sign() > 0):
			t.Fatalf("%s with %s under way and %s settled", st.Status, st.Course.UnderWay, st.Settled)
		case st.Hold.Status == sim.HoldHeld && !st.Reserved.IsZero():
			t.Fatalf("a held settlement has reserved %s", st.Reserved)
		case waits && !st.Status.Final() && !st.DueAt.After(b.state.Snapshot().Projected.Time):
			t.Fatalf("%s is due at %s, which is not ahead%s", stateOf(st), st.DueAt, historyOf(st))
		}
		if other := open[st.MatchedWith]; open[st.ID] != nil && st.MatchedWith != (uuid.UUID{}) {
			if other == nil || other.MatchedWith != st.ID || !other.Settled.Equal(st.Settled) || !other.SettledPayment.Equal(st.SettledPayment) ||
				!other.Course.UnderWay.Equal(st.Course.UnderWay) {
				t.Fatalf("the two sides of a trade differ: %+v and %+v", st, other)
			}
		}
		if st.Reserved.Sign() > 0 {
			key := sim.HoldingKey{AccountID: st.AccountID, Symbol: st.Symbol}
			switch st.Type {
			case sim.RVP:
				key.Symbol = st.Terms.Payment.Currency
			case sim.Internal:
				key.AccountID = st.SourceAccount
			default:
			}
			if reserved[key] == nil {
				reserved[key] = new(big.Int)
			}
			reserved[key].Add(reserved[key], units(st.Reserved))
		}
	}
	sums := make(map[string]*big.Int)
	for _, h := range snap.Holdings {
		want := reserved[h.Key()]
		if want == nil {
			want = new(big.Int)
		}
		if want.Cmp(units(h.Reserved)) != 0 || h.Available.Sign() < 0 {
			t.Fatalf("%s has %s of %s available and %s reserved, its settlements say %s", h.AccountID, h.Available, h.Symbol, h.Reserved, want)
		}
		if sums[h.Symbol] == nil {
			sums[h.Symbol] = new(big.Int)
		}
		sums[h.Symbol].Add(sums[h.Symbol], units(h.Sum()))
	}
	for _, m := range snap.Mirrors {
		if sum := sums[m.Symbol]; sum != nil && sum.Add(sum, units(m.Balance)).Sign() != 0 {
			t.Fatalf("%s does not sum to zero", m.Symbol)
		}
	}
}

func TestWhateverIsInstructedTheBooksHold(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		waits := rapid.Bool().Draw(t, "waits")
		b := newBooks(t)
		if waits {
			b = custodian(t, func(s *profile.Settlement) {
				s.Counterparty.MatchRate = amount("0.5")
				s.Retention = rapid.IntRange(0, 3).Draw(t, "retention")
				s.ProcessingTime = profile.Duration(rapid.SampledFrom([]time.Duration{0, time.Hour, 30 * time.Hour}).Draw(t, "processing"))
				s.Cycle = rapid.IntRange(0, 2).Draw(t, "cycle")
			})
		}
		for _, account := range []string{"a", "b", "c"} {
			b.give(account, "AAPL", "10")
			b.give(account, "BTC", "3")
			b.give(account, "USD", "30")
		}
		for n := range rapid.IntRange(1, 40).Draw(t, "steps") {
			drawStep(t, b, n)
			checkSettlements(t, b, waits)
		}
		replayAgrees(t, b)
		if !waits {
			return
		}
		for _, account := range []string{"a", "b", "c"} {
			b.decide(sim.Request{Command: sim.UpdateAccount{AccountID: account, Status: sim.AccountActive}})
		}
		b.wait(30 * 24 * time.Hour) // nothing stays open beyond retention
		checkSettlements(t, b, waits)
		if snap := b.state.Snapshot(); len(snap.Open) > 0 {
			t.Fatalf("still open: %s%s", stateOf(snap.Open[0]), historyOf(snap.Open[0]))
		}
	})
}

// replayAgrees checks that replaying the events gives the same books, and that a
// state loaded from a snapshot carries on like the one that it was taken of.
func replayAgrees(t *rapid.T, b *books) {
	if len(b.open) > 0 {
		b.seal()
	}
	replay := sim.NewState(b.given, sim.NewGenerator("books", 1))
	for _, batch := range stored(t, b.batches) {
		if err := replay.ApplyBatch(batch); err != nil {
			t.Fatalf("replaying: %v", err)
		}
	}
	snap := b.state.Snapshot()
	if replay.Snapshot().Digest() != snap.Digest() {
		t.Fatalf("a replay gives other books")
	}
	loaded, err := sim.LoadState(b.given, sim.NewGenerator("books", 1), snap)
	if err != nil {
		t.Fatalf("loading: %v", err)
	}
	for fired := true; fired; {
		var events []*sim.Event
		if events, fired, err = loaded.FireDue(b.now); err != nil {
			t.Fatalf("a loaded state does %v, then %v", slices.Collect(typesOf(events)), err)
		}
	}
}

func typesOf(events []*sim.Event) func(func(sim.EventType) bool) {
	return func(yield func(sim.EventType) bool) {
		for _, e := range events {
			if !yield(e.Type) {
				return
			}
		}
	}
}
