package sim_test

import (
	"math/big"
	"testing"

	"github.com/google/uuid"
	"pgregory.net/rapid"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/money"
)

// model is a custodian thought of in the simplest way: what every account has
// of every symbol, and what is open. It shares no code with the real one.
type model struct {
	accounts map[string]bool
	holdings map[sim.HoldingKey]*purse
	open     map[uuid.UUID]sim.Instruct
	external map[string]bool
	// Of trades: which are held, which belong together, and who asked to cancel.
	held    map[uuid.UUID]bool
	partner map[uuid.UUID]uuid.UUID
	asked   map[uuid.UUID]bool
}

// purse counts in units of 10^-18.
type purse struct{ available, locked *big.Int }

func newModel() *model {
	return &model{
		accounts: make(map[string]bool), holdings: make(map[sim.HoldingKey]*purse),
		open: make(map[uuid.UUID]sim.Instruct), external: make(map[string]bool),
		held: make(map[uuid.UUID]bool), partner: make(map[uuid.UUID]uuid.UUID), asked: make(map[uuid.UUID]bool),
	}
}

// expectation is what the model says about a command: refused with a code, or
// accepted, and for a settlement with which status.
type expectation struct {
	code   sim.Code
	status sim.SettlementStatus
	// partner is whom a trade that stays open was matched with.
	partner uuid.UUID
}

var minorUnit = map[string]int{"BTC": 8, "AAPL": 18, "USD": 2, "JPY": 0}

func units(a money.Amount) *big.Int {
	r, _ := new(big.Rat).SetString(a.String())
	r.Mul(r, new(big.Rat).SetInt(new(big.Int).Exp(big.NewInt(10), big.NewInt(18), nil)))
	return r.Num() // whole, because no amount has more than 18 decimals
}

// fine reports whether an amount is a multiple of the symbol's minor unit.
func fine(symbol string, a money.Amount) bool {
	unit := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(18-minorUnit[symbol])), nil)
	return new(big.Int).Rem(units(a), unit).Sign() == 0
}

// do carries out a command. known is what the books know by the ids in it:
// the holding's key, or none.
func (m *model) do(c sim.Command, known sim.HoldingKey) expectation {
	switch c := c.(type) {
	case sim.OpenAccount:
		if m.accounts[c.AccountID] {
			return expectation{code: sim.CodeAlreadyExists}
		}
		m.accounts[c.AccountID] = true
	case sim.UpdateAccount:
		if !m.accounts[c.AccountID] {
			return expectation{code: sim.CodeNotFound}
		}
	case sim.OpenHolding:
		return m.openHolding(c)
	case sim.UpdateHolding, sim.CloseHolding, sim.LockHolding, sim.UnlockHolding:
		p := m.holdings[known]
		if p == nil {
			return expectation{code: sim.CodeNotFound}
		}
		return m.changeHolding(c, known, p)
	case sim.Instruct:
		return m.instruct(c)
	case sim.CancelSettlement:
		if _, ok := m.open[c.ID]; !ok {
			return expectation{code: sim.CodeNotFound}
		}
		return m.cancel(c.ID)
	case sim.HoldSettlement:
		if _, ok := m.open[c.ID]; !ok {
			return expectation{code: sim.CodeNotFound}
		}
		if m.held[c.ID] {
			return expectation{code: sim.CodeWrongState}
		}
		m.held[c.ID] = true
		return expectation{status: sim.StatusPending}
	case sim.ReleaseSettlement:
		i, ok := m.open[c.ID]
		if !ok {
			return expectation{code: sim.CodeNotFound}
		}
		if !m.held[c.ID] {
			return expectation{code: sim.CodeWrongState}
		}
		delete(m.held, c.ID)
		if isTrade(i) {
			return m.settleTrade(c.ID)
		}
		delete(m.open, c.ID)
		return m.settle(i)
	}
	return expectation{}
}

func (m *model) openHolding(c sim.OpenHolding) expectation {
	key := sim.HoldingKey{AccountID: c.AccountID, Symbol: c.Symbol}
	switch {
	case c.Available.Sign() < 0 || c.Locked.Sign() < 0 || !fine(c.Symbol, c.Available) || !fine(c.Symbol, c.Locked):
		return expectation{code: sim.CodeInvalid}
	case m.holdings[key] != nil:
		return expectation{code: sim.CodeAlreadyExists}
	}
	m.accounts[c.AccountID] = true
	m.holdings[key] = &purse{units(c.Available), units(c.Locked)}
	return expectation{}
}

func (m *model) changeHolding(c sim.Command, key sim.HoldingKey, p *purse) expectation {
	move := func(amount money.Amount, from, to **big.Int) expectation {
		switch {
		case amount.Sign() <= 0 || !fine(key.Symbol, amount):
			return expectation{code: sim.CodeInvalid}
		case (*from).Cmp(units(amount)) < 0:
			return expectation{code: sim.CodeInsufficientHoldings}
		}
		*from, *to = new(big.Int).Sub(*from, units(amount)), new(big.Int).Add(*to, units(amount))
		return expectation{}
	}
	switch c := c.(type) {
	case sim.LockHolding:
		return move(c.Amount, &p.available, &p.locked)
	case sim.UnlockHolding:
		return move(c.Amount, &p.locked, &p.available)
	case sim.CloseHolding:
		if p.locked.Sign() != 0 {
			return expectation{code: sim.CodeWrongState}
		}
		delete(m.holdings, key)
	case sim.UpdateHolding:
		return m.update(c, key, p)
	}
	return expectation{}
}

func (m *model) update(c sim.UpdateHolding, key sim.HoldingKey, p *purse) expectation {
	bad := func(a *money.Amount) bool { return a != nil && (a.Sign() < 0 || !fine(key.Symbol, *a)) }
	if bad(c.Available) || bad(c.Total) {
		return expectation{code: sim.CodeInvalid}
	}
	after := p.available
	if c.Available != nil {
		after = units(*c.Available)
	}
	if c.Total != nil {
		rest := new(big.Int).Sub(units(*c.Total), p.locked)
		if rest.Sign() < 0 {
			return expectation{code: sim.CodeInsufficientHoldings}
		}
		if c.Available != nil && rest.Cmp(after) != 0 {
			return expectation{code: sim.CodeInvalid}
		}
		after = rest
	}
	p.available = after
	return expectation{}
}

func (m *model) instruct(c sim.Instruct) expectation {
	switch {
	case c.ExternalID != "" && m.external[c.ExternalID]:
		return expectation{code: sim.CodeAlreadyExists}
	case c.Quantity.Sign() <= 0, !fine(c.Symbol, c.Quantity), c.Type == sim.Internal && c.SourceAccount == c.DestinationAccount:
		return expectation{code: sim.CodeInvalid}
	}
	if isTrade(c) {
		return m.instructTrade(c)
	}
	switch c.Type {
	case sim.Deposit:
		c.DestinationAccount = c.AccountID
	case sim.Withdrawal:
		c.SourceAccount = c.AccountID
	}
	for _, account := range []string{c.SourceAccount, c.DestinationAccount} {
		if account != "" {
			m.accounts[account] = true
		}
	}
	if c.ExternalID != "" {
		m.external[c.ExternalID] = true
	}
	if c.Hold {
		return expectation{status: sim.StatusPending}
	}
	return m.settle(c)
}

func (m *model) settle(c sim.Instruct) expectation {
	quantity := units(c.Quantity)
	if c.Type != sim.Deposit {
		from := m.holdings[sim.HoldingKey{AccountID: c.SourceAccount, Symbol: c.Symbol}]
		if from == nil || from.available.Cmp(quantity) < 0 {
			return expectation{status: sim.StatusFailed}
		}
		from.available = new(big.Int).Sub(from.available, quantity)
	}
	if c.Type != sim.Withdrawal {
		key := sim.HoldingKey{AccountID: c.DestinationAccount, Symbol: c.Symbol}
		if m.holdings[key] == nil {
			m.holdings[key] = &purse{new(big.Int), new(big.Int)}
		}
		m.holdings[key].available = new(big.Int).Add(m.holdings[key].available, quantity)
	}
	return expectation{status: sim.StatusCompleted}
}

// check compares the books with the model, and the books with themselves.
func (m *model) check(t *rapid.T, snap *sim.Snapshot) {
	if len(snap.Holdings) != len(m.holdings) || len(snap.Accounts) != len(m.accounts) || len(snap.Open) != len(m.open) {
		t.Fatalf("books have %d holdings, %d accounts, %d open; the model %d, %d, %d",
			len(snap.Holdings), len(snap.Accounts), len(snap.Open), len(m.holdings), len(m.accounts), len(m.open))
	}
	sums := make(map[string]*big.Int)
	sum := func(symbol string, a money.Amount) {
		if sums[symbol] == nil {
			sums[symbol] = new(big.Int)
		}
		sums[symbol].Add(sums[symbol], units(a))
	}
	for _, h := range snap.Holdings {
		p := m.holdings[h.Key()]
		if p == nil || p.available.Cmp(units(h.Available)) != 0 || p.locked.Cmp(units(h.Locked)) != 0 {
			t.Fatalf("%s has %s %s available, %s locked; the model says %+v", h.AccountID, h.Available, h.Symbol, h.Locked, p)
		}
		sum(h.Symbol, h.Available)
		sum(h.Symbol, h.Locked)
	}
	for _, mirror := range snap.Mirrors {
		if mirror.Account != sim.MirrorOf(isCash(mirror.Symbol)) {
			t.Fatalf("%s is mirrored in %s", mirror.Symbol, mirror.Account)
		}
		sum(mirror.Symbol, mirror.Balance)
	}
	for symbol, total := range sums {
		if total.Sign() != 0 {
			t.Fatalf("holdings and mirror of %s sum to %s", symbol, total)
		}
	}
}

func TestTheBooksAgreeWithASimpleModel(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		b, m := newBooks(t), newModel()
		for range rapid.IntRange(1, 60).Draw(t, "commands") {
			snap := b.state.Snapshot()
			before := snap.Digest()
			c := drawCommand(t, snap)
			want := m.do(c, holdingOf(snap, c))
			d := b.decide(sim.Request{Command: c})
			if d.Outcome == sim.Refused {
				if d.Err.Code != want.code {
					t.Fatalf("%+v is refused with %v, the model says %+v", c, d.Err, want)
				}
				if b.state.Snapshot().Digest() != before {
					t.Fatalf("%+v was refused and changed the books", c)
				}
				continue
			}
			if d.Outcome != sim.Accepted || want.code != "" {
				t.Fatalf("%+v: outcome %v, the model says %+v", c, d.Outcome, want)
			}
			if s := d.Result.Settlement; s != nil && s.Status != want.status {
				t.Fatalf("%+v is %s, the model says %s", c, s.Status, want.status)
			} else if i, ok := c.(sim.Instruct); ok && s.Status == sim.StatusPending {
				m.remember(i, s, want.partner)
			}
			m.check(t, b.state.Snapshot())
		}
	})
}

// holdingOf returns the key of the holding that a command names by its id.
func holdingOf(snap *sim.Snapshot, c sim.Command) sim.HoldingKey {
	var id uuid.UUID
	switch c := c.(type) {
	case sim.UpdateHolding:
		id = c.ID
	case sim.CloseHolding:
		id = c.ID
	case sim.LockHolding:
		id = c.ID
	case sim.UnlockHolding:
		id = c.ID
	}
	for _, h := range snap.Holdings {
		if h.ID == id {
			return h.Key()
		}
	}
	return sim.HoldingKey{}
}
