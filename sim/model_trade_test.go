package sim_test

import (
	"bytes"
	"fmt"
	"maps"
	"math/big"
	"slices"

	"github.com/google/uuid"
	"pgregory.net/rapid"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
)

// The part of the model that knows trades under the instant profile: the second
// instruction settles both, or fails both.

func isTrade(c sim.Instruct) bool { return c.CounterpartyAccount != "" }

func delivers(c sim.Instruct) bool { return c.Type == sim.DVP || c.Type == sim.DFP }

func (m *model) instructTrade(c sim.Instruct) expectation {
	m.accounts[c.AccountID] = true
	if c.ExternalID != "" {
		m.external[c.ExternalID] = true
	}
	if isCash(c.Symbol) {
		return expectation{status: sim.StatusFailed}
	}
	ids := slices.SortedFunc(maps.Keys(m.open), func(a, b uuid.UUID) int { return bytes.Compare(a[:], b[:]) })
	for _, id := range ids {
		other := m.open[id]
		if _, taken := m.partner[id]; taken || !isTrade(other) || !agree(c, other) {
			continue
		}
		if c.Hold || m.held[id] {
			return expectation{status: sim.StatusPending, partner: id}
		}
		delete(m.open, id)
		return m.exchange(c, other)
	}
	return expectation{status: sim.StatusPending}
}

// agree reports whether two instructions are the sides of one trade.
func agree(c, other sim.Instruct) bool {
	difference := new(big.Int).Abs(new(big.Int).Sub(units(c.Payment.Amount), units(other.Payment.Amount)))
	return delivers(c) != delivers(other) && c.AccountID == other.CounterpartyAccount && other.AccountID == c.CounterpartyAccount &&
		c.Symbol == other.Symbol && units(c.Quantity).Cmp(units(other.Quantity)) == 0 && c.Payment.Currency == other.Payment.Currency &&
		difference.Cmp(units(amount("2"))) <= 0 // the tolerance for small payments
}

// exchange moves both legs of a trade, or neither.
func (m *model) exchange(c, other sim.Instruct) expectation {
	from, to := c, other
	if !delivers(c) {
		from, to = other, c
	}
	price := units(from.Payment.Amount) // the deliverer's amount counts
	has := func(account, symbol string, needed *big.Int) bool {
		p := m.holdings[sim.HoldingKey{AccountID: account, Symbol: symbol}]
		return needed.Sign() == 0 || (p != nil && p.available.Cmp(needed) >= 0)
	}
	if !has(from.AccountID, from.Symbol, units(from.Quantity)) || !has(to.AccountID, from.Payment.Currency, price) {
		return expectation{status: sim.StatusFailed}
	}
	add := func(account, symbol string, change *big.Int) {
		key := sim.HoldingKey{AccountID: account, Symbol: symbol}
		if m.holdings[key] == nil {
			m.holdings[key] = &purse{new(big.Int), new(big.Int)}
		}
		m.holdings[key].available = new(big.Int).Add(m.holdings[key].available, change)
	}
	add(from.AccountID, from.Symbol, new(big.Int).Neg(units(from.Quantity)))
	add(to.AccountID, from.Symbol, units(from.Quantity))
	if price.Sign() > 0 {
		add(to.AccountID, from.Payment.Currency, new(big.Int).Neg(price))
		add(from.AccountID, from.Payment.Currency, price)
	}
	return expectation{status: sim.StatusCompleted}
}

// remember notes an instruction that stays open.
func (m *model) remember(c sim.Instruct, s *sim.Settlement, partner uuid.UUID) {
	if !isTrade(c) {
		c.AccountID, c.SourceAccount, c.DestinationAccount = s.AccountID, s.SourceAccount, s.DestinationAccount
	}
	m.open[s.ID], m.held[s.ID] = c, c.Hold
	if partner != (uuid.UUID{}) {
		m.partner[s.ID], m.partner[partner] = partner, s.ID
	}
}

// settleTrade settles a trade that was released, if its other side is ready.
func (m *model) settleTrade(id uuid.UUID) expectation {
	partner, matched := m.partner[id]
	if !matched || m.held[partner] {
		return expectation{status: sim.StatusPending}
	}
	out := m.exchange(m.open[id], m.open[partner])
	delete(m.open, id)
	delete(m.open, partner)
	return out
}

func (m *model) cancel(id uuid.UUID) expectation {
	partner, matched := m.partner[id]
	switch {
	case !matched:
		delete(m.open, id)
	case m.asked[id]:
		return expectation{code: sim.CodeWrongState}
	case m.asked[partner]:
		delete(m.open, id)
		delete(m.open, partner)
	default:
		m.asked[id] = true
		return expectation{status: sim.StatusPending}
	}
	return expectation{status: sim.StatusCancelled}
}

// drawRandomTrade draws one side of a trade. Few values, so that the two sides meet.
func drawRandomTrade(t *rapid.T, account, symbol string) sim.Instruct {
	others := slices.DeleteFunc(slices.Clone(randomAccounts), func(other string) bool { return other == account })
	c := sim.Instruct{
		Type:      rapid.SampledFrom([]sim.SettlementType{sim.DVP, sim.RVP, sim.DFP, sim.RFP}).Draw(t, "trade type"),
		AccountID: account, CounterpartyAccount: rapid.SampledFrom(others).Draw(t, "counterparty"), Symbol: symbol,
		Quantity: amount(rapid.SampledFrom([]string{"1", "1", "2", "0"}).Draw(t, "traded")), Hold: rapid.IntRange(0, 3).Draw(t, "held") == 0,
	}
	if c.Type.AgainstPayment() {
		c.Payment = sim.Cash{Currency: "USD", Amount: amount(rapid.SampledFrom([]string{"0.5", "1", "2.51"}).Draw(t, "payment"))}
	}
	if rapid.Bool().Draw(t, "named") {
		c.ExternalID = fmt.Sprintf("e-%d", rapid.IntRange(0, 20).Draw(t, "external id"))
	}
	return c
}
