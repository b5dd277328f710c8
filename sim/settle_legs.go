package sim

import (
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/money"
)

// leg is one movement of a settlement: from an account or from outside the house
// (empty) to an account or out of it.
type leg struct {
	from, to string
	symbol   string
	cash     bool
	amount   money.Amount
	// payer is the member whose reservation the leg uses; nil where it comes from
	// outside.
	payer *Settlement
}

// legs returns what moves when a group settles. The quantity is that of a part;
// zero means all that is open.
func (c *change) legs(g *group, part money.Amount) []leg {
	legs := make([]leg, 0, 2*len(g.members))
	for _, m := range g.members {
		k := part
		if k.IsZero() {
			k = m.Open()
		}
		l := leg{symbol: m.Symbol, cash: c.d.rules.Assets.Lookup(m.Symbol).IsCash(), amount: k}
		var other *Settlement
		if at := g.counterpart(m); at >= 0 {
			other = g.members[at]
		}
		switch {
		case m.Type == Deposit:
			l.to = m.DestinationAccount
		case m.Type == Withdrawal:
			l.from, l.payer = m.SourceAccount, m
		case m.Type == Internal:
			l.from, l.to, l.payer = m.SourceAccount, m.DestinationAccount, m
		case m.Delivers() && other != nil:
			l.from, l.to, l.payer = m.AccountID, other.AccountID, m
		case m.Delivers():
			l.from, l.payer = m.AccountID, m
		case other != nil:
			continue // the deliverer has both legs
		default:
			l.to = m.AccountID
		}
		legs = append(legs, l)
		if !m.Type.AgainstPayment() {
			continue
		}
		cash := leg{symbol: m.Terms.Payment.Currency, cash: true, amount: c.share(m, k)}
		switch {
		case m.Delivers() && other != nil:
			cash.from, cash.to, cash.payer = other.AccountID, m.AccountID, other
		case m.Delivers():
			cash.to = m.AccountID
		default:
			cash.from, cash.payer = m.AccountID, m
		}
		legs = append(legs, cash)
	}
	return legs
}

// share returns the cash for a part: in proportion, rounded down over all that has
// settled so far, so that the last part takes the remainder.
func (c *change) share(m *Settlement, k money.Amount) money.Amount {
	p := m.Terms.Payment
	settled := m.Settled.Add(k)
	if settled.Equal(m.Quantity) {
		return p.Amount.Sub(m.SettledPayment)
	}
	decimals := c.d.rules.Assets.Lookup(p.Currency).Decimals
	return p.Amount.MulDiv(settled, m.Quantity, decimals, money.RoundDown).Sub(m.SettledPayment)
}

// need is what a group takes out of a holding, less what it brings there.
type need struct {
	key       HoldingKey
	cash      bool
	amount    money.Amount
	available money.Amount
}

func (n *need) short() bool { return n.available.Less(n.amount) }

// needsOf sums the legs by holding.
func (c *change) needsOf(legs []leg) []need {
	var needs []need
	at := func(l *leg, account string) *need {
		key := HoldingKey{account, l.symbol}
		for i := range needs {
			if needs[i].key == key {
				return &needs[i]
			}
		}
		needs = append(needs, need{key: key, cash: l.cash, available: c.book.available(key)})
		return &needs[len(needs)-1]
	}
	for i := range legs {
		l := &legs[i]
		if l.from != "" {
			n := at(l, l.from)
			n.amount = n.amount.Add(l.amount)
		}
		if l.to != "" {
			n := at(l, l.to)
			n.amount = n.amount.Sub(l.amount)
		}
	}
	return needs
}

// tryToSettle settles a group that nothing but holdings and the hour can keep: it
// reserves all legs or none, or a part where that is allowed.
func (c *change) tryToSettle(g *group) {
	legs := c.legs(g, money.Zero)
	lacking := c.findLacking(g, c.needsOf(legs))
	part := money.Zero
	if lacking {
		if part = c.part(g, money.Zero); part.IsZero() {
			c.lack(g)
			return
		}
	}
	for _, m := range g.members {
		if c.d.timingOf(m).open(c.d.now) {
			continue
		}
		for _, m := range g.members {
			if m.Settlement.ReasonCode != ReasonHeldDepository {
				c.pend(m, obstacle{}) // nothing but the hour keeps it
			}
		}
		return
	}
	put, found := c.disturb(g)
	if put {
		return
	}
	if !found.partial.IsZero() {
		if smaller := c.part(g, found.partial); !smaller.IsZero() {
			part = smaller
		}
	}
	if !part.IsZero() {
		legs = c.legs(g, part)
	}
	c.reserve(g, part, legs)
}

// findLacking puts into the group's codes which members lack holdings, and what
// their counterparts see of it.
func (c *change) findLacking(g *group, needs []need) (lacking bool) {
	own := make([]obstacle, len(g.members))
	for _, n := range needs {
		if !n.short() {
			continue
		}
		code := ReasonLack
		if n.cash {
			code = ReasonMoney
		}
		for i, m := range g.members {
			if m.needs() == n.key {
				lacking = true
				own[i] = obstacle{code: code, text: "account " + quote(n.key.AccountID) + " has " + n.available.String() + " " +
					n.key.Symbol + " available, " + n.amount.String() + " is needed"}
			}
		}
	}
	if !lacking {
		return false
	}
	for i, m := range g.members {
		other := obstacle{}
		if k := g.counterpart(m); k >= 0 {
			other = own[k]
		}
		switch {
		case own[i].any():
			g.codes[i] = own[i]
		case other.code == ReasonLack:
			g.codes[i] = obstacle{code: ReasonCounterpartyLack, text: "the counterparty lacks the securities"}
		case other.code == ReasonMoney:
			g.codes[i] = obstacle{code: ReasonCounterpartyMoney, text: "the counterparty lacks the cash"}
		default:
			g.codes[i] = obstacle{code: ReasonLinked, text: "an instruction that it is linked with lacks holdings"}
		}
	}
	return true
}

// lack records that holdings are lacking: for good where nothing waits.
func (c *change) lack(g *group) {
	if !c.d.instant {
		c.tell(g)
		return
	}
	for i, m := range g.members {
		if m.Settled.Sign() > 0 {
			c.pend(m, g.codes[i]) // it settles in parts, as its owner allowed
			continue
		}
		m.Settlement = Dimension{Status: SettlementPending}
		c.reject(m, g.codes[i].code, g.codes[i].text)
		c.happened(EventSettlementFailed)
	}
}

// part returns the quantity of which a group can settle a part now, or zero. A
// share bounds it; zero does not.
func (c *change) part(g *group, share money.Amount) money.Amount {
	if !c.d.settlementRules().Partial || g.linked() {
		return money.Zero
	}
	for _, m := range g.members {
		if !m.mayBePartial() || (m.Terms != nil && len(m.Terms.Links) > 0) {
			return money.Zero
		}
	}
	m := g.members[0]
	if k := g.counterpart(m); k >= 0 && !m.Delivers() {
		m = g.members[k] // the deliverer's payment counts
	}
	// Parts are no finer than what was instructed, so that nobody gets a millionth
	// of a share.
	decimals := m.Quantity.Decimals()
	k := m.Open()
	if !share.IsZero() {
		k = k.Mul(share, decimals, money.RoundDown)
	}
	for _, n := range c.needsOf(c.legs(g, money.Zero)) {
		if !n.short() {
			continue
		}
		most := n.available
		if m.Type.AgainstPayment() && n.key.Symbol == m.Terms.Payment.Currency {
			most = n.available.Add(m.SettledPayment).MulDiv(m.Quantity, m.Terms.Payment.Amount, decimals, money.RoundDown).Sub(m.Settled)
		}
		if most.Less(k) {
			k = most
		}
	}
	k = money.FromUnscaled(k.Unscaled(decimals), decimals)
	if k.Sign() <= 0 || !k.Less(m.Open()) {
		return money.Zero
	}
	for _, side := range g.members {
		if !c.bigEnough(m, side.Terms, k) {
			return money.Zero
		}
	}
	return k
}

// bigEnough reports whether a part is large enough for one side's terms.
func (c *change) bigEnough(m *Settlement, t *Terms, k money.Amount) bool {
	cash := money.Zero
	if m.Type.AgainstPayment() {
		if cash = c.share(m, k); cash.Sign() <= 0 {
			return false // nothing is delivered for nothing
		}
	}
	switch t.Partial {
	case PartialByQuantity:
		return !k.Less(t.MinQuantity)
	case PartialByCash:
		return !cash.Less(t.MinQuantity)
	default:
		return true
	}
}
