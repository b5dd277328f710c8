package storetest

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/money"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/verify"
)

// testRandomHistories decides random commands, projects the batches in random
// portions with restarts in between, and compares the tables each time with a
// model that takes one event after the other.
func testRandomHistories(t *testing.T, s *store) {
	commands := 600
	if testing.Short() {
		commands = 150
	}
	seed := rand.Uint64()
	t.Logf("seed %d", seed) // printed when the test fails
	r := &randomBooks{books: newBooks(t), Rand: rand.New(rand.NewPCG(seed, 0))}
	r.step = 100 // nanoseconds, so that instance time often stands still
	m := newModel()
	j := s.loaded()
	var pending []*sim.Batch
	for n := 0; n < commands; {
		for range 1 + r.IntN(12) {
			r.command()
			n++
		}
		var batches []*sim.Batch
		if len(r.open) > 0 {
			batches = append(batches, r.seal())
		}
		if r.IntN(2) == 0 {
			batches = append(batches, r.records())
		}
		if len(batches) == 0 {
			continue
		}
		j.append(batches...)
		m.append(batches...)
		pending = append(pending, batches...)
		if r.IntN(3) > 0 {
			continue
		}
		// Project some portion of what is pending, perhaps all.
		k := 1 + r.IntN(len(pending))
		j.project(sim.Fold(pending[:k]))
		m.project(pending[:k])
		pending = pending[k:]
		switch r.IntN(6) {
		case 0: // restart
			j.close()
			j = s.journal()
			m.check(t, j.load())
		case 1: // reload
			m.check(t, j.load())
		}
	}
	if len(pending) > 0 {
		j.project(sim.Fold(pending))
		m.project(pending)
	}
	snap := j.load()
	m.check(t, snap)
	m.checkTables(t, j, 1+r.IntN(50))
	if digestOf(t, snap) != r.state.Snapshot().Digest() {
		t.Error("the tables have another state than the one that decided")
	}
	report, err := verify.Run(j.ctx, j, verify.Options{Instance: "store-test", Seed: 1, Rules: rules()})
	if err != nil {
		t.Fatal(err)
	}
	if !report.OK() {
		t.Errorf("verification finds %+v", report.Differences)
	}
}

// randomBooks decides random commands. Most are accepted; refused ones leave
// nothing behind.
type randomBooks struct {
	*books
	*rand.Rand
	keys     int
	holdings []*sim.Holding
	held     []uuid.UUID
	// transfers are as they were written last, those that are not done.
	transfers []*sim.Transfer
}

// randomKinds are the kinds of random documents.
var randomKinds = []sim.DocumentKind{noteKind, planKind, markKind}

// records writes an event with random transfers and documents.
func (r *randomBooks) records() *sim.Batch {
	f := &filler{Rand: r.Rand, t: r.t, n: r.keys * 1000}
	event := &sim.Event{}
	for range r.IntN(3) {
		v := &sim.Transfer{}
		f.fill(reflect.ValueOf(v).Elem(), "")
		v.AccountID, v.Rail = []string{"fund-a", "fund-b"}[r.IntN(2)], []string{"wire", "ach"}[r.IntN(2)]
		v.Direction = []sim.Direction{sim.DirectionIn, sim.DirectionOut}[r.IntN(2)]
		// What it has under way would have to be in a holding as well.
		v.Reserved, v.Transit, v.PendingIn, v.Fee, v.MaxFee = money.Zero, money.Zero, money.Zero, money.Zero, v.Fee
		v.History, v.ReturnDue = []sim.Transition{{At: r.now.Truncate(time.Microsecond), Status: "SUBMITTED"}}, false
		if r.IntN(3) == 0 {
			v.ExternalID, v.Approvals, v.Metadata = "", nil, nil
		}
		event.Transfers = append(event.Transfers, v)
	}
	if n := len(r.transfers); n > 0 && r.IntN(2) == 0 {
		again := *r.transfers[r.IntN(n)]
		again.History = append(slices.Clone(again.History), sim.Transition{At: r.now.Truncate(time.Microsecond), Status: "NEXT"})
		again.Approvals = append(slices.Clone(again.Approvals), sim.Approval{By: f.text(""), At: f.time(), Decision: sim.Approved})
		r.transfers = slices.DeleteFunc(r.transfers, func(v *sim.Transfer) bool { return v.ID == again.ID })
		event.Transfers = append(event.Transfers, &again)
	}
	for _, v := range event.Transfers {
		v.Status = sim.SettlementStatus(sim.SettlementStatuses()[r.IntN(5)])
		v.Stage = sim.TransferStage(sim.TransferStages()[r.IntN(11)])
		v.ReturnDue = r.IntN(5) == 0
		if !v.Done() {
			r.transfers = append(r.transfers, v)
		}
	}
	for i := range r.IntN(3) {
		v := &sim.Document{Kind: randomKinds[i], ID: fmt.Sprint(r.IntN(9)), UpdatedAt: r.now.Truncate(time.Microsecond), Removed: r.IntN(3) == 0}
		if !v.Removed {
			v.Body, v.DueAt = f.document(true), f.time()
		}
		event.Documents = append(event.Documents, v)
	}
	r.keys++
	return r.write(event)
}

func (r *randomBooks) command() {
	accounts := []string{"fund-a", "fund-b", "fund-ü", "x"}
	account := func() string { return accounts[r.IntN(len(accounts))] }
	cash := r.IntN(2) == 0
	symbol := []string{"BTC-USD", "ETH-USD", "AAPL"}[r.IntN(3)]
	if cash {
		symbol = []string{"USD", "EUR"}[r.IntN(2)]
	}
	var key string
	if r.IntN(2) == 0 {
		r.keys++
		key = fmt.Sprintf("key-%d", r.keys)
	}
	var external string
	if r.IntN(2) == 0 {
		r.keys++
		external = fmt.Sprintf("external-%d", r.keys)
	}
	switch r.IntN(12) {
	case 0:
		r.try(key, sim.OpenAccount{AccountID: fmt.Sprintf("account-%d", r.IntN(50)), Metadata: r.metadata()})
	case 1:
		r.try(key, sim.UpdateAccount{AccountID: account(), Metadata: r.metadata()})
	case 2:
		r.opened(r.try(key, sim.OpenHolding{Cash: cash, AccountID: account(), Symbol: symbol, Available: r.amount(), Metadata: r.metadata()}))
	case 3:
		if h := r.holding(); h != nil {
			total := h.Locked.Add(r.amount())
			r.try(key, sim.UpdateHolding{Cash: h.Cash, ID: h.ID, Total: &total, Metadata: r.metadata()})
		}
	case 4:
		if h := r.holding(); h != nil {
			r.try(key, sim.CloseHolding{Cash: h.Cash, ID: h.ID})
		}
	case 5:
		if h := r.holding(); h != nil {
			r.try(key, sim.LockHolding{Cash: h.Cash, ID: h.ID, Amount: r.amount()})
		}
	case 6:
		if h := r.holding(); h != nil {
			r.try(key, sim.UnlockHolding{Cash: h.Cash, ID: h.ID, Amount: r.amount()})
		}
	case 7, 8:
		r.opened(r.try(key, sim.Instruct{Type: sim.Deposit, AccountID: account(), Symbol: symbol, Quantity: r.amount(), ExternalID: external, Metadata: r.metadata(), Hold: r.hold()}))
	case 9:
		r.opened(r.try(key, sim.Instruct{Type: sim.Withdrawal, AccountID: account(), Symbol: symbol, Quantity: r.amount(), ExternalID: external, Hold: r.hold()}))
	case 10:
		r.opened(r.try(key, sim.Instruct{Type: sim.Internal, SourceAccount: account(), DestinationAccount: account(), Symbol: symbol, Quantity: r.amount(), ExternalID: external, Hold: r.hold()}))
	case 11:
		if len(r.held) > 0 {
			id := r.held[r.IntN(len(r.held))]
			if r.IntN(2) == 0 {
				r.try(key, sim.CancelSettlement{ID: id})
			} else {
				r.try(key, sim.ReleaseSettlement{ID: id})
			}
		}
	}
}

func (r *randomBooks) hold() bool { return r.IntN(4) == 0 }

// amount has two decimals, as every symbol in use allows.
func (r *randomBooks) amount() money.Amount {
	return amount(fmt.Sprintf("%d.%02d", r.IntN(20), 1+r.IntN(99)))
}

func (r *randomBooks) metadata() []byte {
	if r.IntN(3) > 0 {
		return nil
	}
	return fmt.Appendf(nil, `{"n":%d}`, r.IntN(100))
}

// opened remembers what later commands may change.
func (r *randomBooks) opened(result sim.Result, accepted bool) {
	switch {
	case !accepted:
	case result.Holding != nil:
		r.holdings = append(r.holdings, result.Holding)
	case result.Settlement != nil && !result.Settlement.Status.Final():
		r.held = append(r.held, result.Settlement.ID)
	}
}

// holding returns a holding as it is now, or nil if it has none or picked one
// that is gone.
func (r *randomBooks) holding() *sim.Holding {
	if len(r.holdings) == 0 {
		return nil
	}
	h := r.holdings[r.IntN(len(r.holdings))]
	return r.state.Holding(h.Cash, h.ID)
}
