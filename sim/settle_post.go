package sim

import (
	"time"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/money"
)

// reserve reserves the legs of a group, and settles it at once where nothing has
// to be processed first. A zero part is all that is open. What a linked group
// brings to a holding itself needs no reservation there.
func (c *change) reserve(g *group, part money.Amount, legs []leg) {
	takes := time.Duration(0)
	for _, m := range g.members {
		takes = max(takes, c.d.timingOf(m).takes)
		m.Course.UnderWay = part
		if part.IsZero() {
			m.Course.UnderWay = m.Open()
		}
	}
	if takes == 0 {
		c.settleNow(g)
		return
	}
	needs := c.needsOf(legs)
	for i := range legs {
		l := &legs[i]
		for k := range needs {
			n := &needs[k]
			if l.payer == nil || n.key != (HoldingKey{l.from, l.symbol}) || n.amount.Sign() <= 0 {
				continue
			}
			take := l.amount
			if n.amount.Less(take) {
				take = n.amount
			}
			n.amount = n.amount.Sub(take)
			c.move(l, take, BucketAvailable, BucketReserved, l.from)
			l.payer.Reserved = take
		}
	}
	for _, m := range g.members {
		m.Status, m.Course.ReadyAt = StatusInProgress, c.d.now.Add(takes)
		if m.Settlement.Status == SettlementFailing {
			m.Settlement.Status = SettlementPending
		}
		m.Settlement.ReasonCode, m.Settlement.Reason = "", ""
		c.step(m, StepReserved, "", "")
	}
	c.happened(EventSettlementReserved)
}

// unreserve releases what a group has reserved.
func (c *change) unreserve(g *group) {
	for _, m := range g.members {
		if m.Course.UnderWay.IsZero() {
			continue
		}
		if m.Reserved.Sign() > 0 {
			key := m.needs()
			l := leg{from: key.AccountID, symbol: key.Symbol, cash: c.d.rules.Assets.Lookup(key.Symbol).IsCash()}
			c.move(&l, m.Reserved, BucketReserved, BucketAvailable, key.AccountID)
		}
		m.Reserved, m.Course.UnderWay, m.Course.ReadyAt = money.Zero, money.Zero, time.Time{}
		m.Status = StatusPending
		if m.Settled.Sign() > 0 {
			m.Status = StatusInProgress
		}
		c.step(m, StepUnreserved, "", "")
	}
	c.happened(EventSettlementUnreserved)
}

// settleNow moves what is under way of a group in one journal.
func (c *change) settleNow(g *group) {
	var legs []leg
	if g.linked() {
		legs = c.legs(g, money.Zero)
	} else {
		legs = c.legs(g, g.members[0].Course.UnderWay)
	}
	for i := range legs {
		l := &legs[i]
		rest := l.amount
		if l.payer != nil && l.payer.Reserved.Sign() > 0 {
			c.move(l, l.payer.Reserved, BucketReserved, BucketAvailable, l.to)
			rest = rest.Sub(l.payer.Reserved)
		}
		c.move(l, rest, BucketAvailable, BucketAvailable, l.to)
	}
	shares := make([]money.Amount, len(g.members))
	for i, m := range g.members {
		if m.Type.AgainstPayment() {
			deliverer := m
			if k := g.counterpart(m); k >= 0 && !m.Delivers() {
				deliverer = g.members[k]
			}
			shares[i] = c.share(deliverer, m.Course.UnderWay)
		}
	}
	for i, m := range g.members {
		c.settled(m, shares[i])
	}
	for _, m := range g.members {
		c.schedule(m)
	}
}

// settled records what moved of one settlement.
func (c *change) settled(m *Settlement, payment money.Amount) {
	m.Settled, m.SettledPayment = m.Settled.Add(m.Course.UnderWay), m.SettledPayment.Add(payment)
	part := m.Course.UnderWay
	m.Reserved, m.Course.UnderWay, m.Course.ReadyAt = money.Zero, money.Zero, time.Time{}
	if m.Settled.Less(m.Quantity) {
		m.Status = StatusInProgress
		m.Settlement = Dimension{Status: SettlementPartial, ReasonCode: ReasonPartial,
			Reason: part.String() + " settled, " + m.Open().String() + " are open"}
		c.step(m, SettlementPartial, ReasonPartial, m.Settlement.Reason)
		c.happened(EventSettlementPartiallySettled)
		// What is left is tried at the next check, or as soon as holdings arrive.
		m.Course.ReadyAt = c.d.now.Add(max(c.d.settlementRules().CheckInterval.Std(), time.Second))
		return
	}
	if m.Processing.Status == ProcessingCancelRequested {
		m.Processing = Dimension{Status: ProcessingAcknowledged}
		c.step(m, StepCancelDenied, ReasonDeniedSettled, "not cancelled: it has settled")
	}
	c.close(m, StatusCompleted)
	m.Settlement = Dimension{Status: SettlementSettled}
	c.step(m, SettlementSettled, "", "")
	c.happened(EventSettlementCompleted)
	c.dependents(m, func(dependent *Settlement, link int) {
		dependent.Course.LinksDone |= 1 << link
	})
}

// move posts an amount of a leg out of a bucket of its account, or from outside,
// into a bucket of an account, or out of the house.
func (c *change) move(l *leg, amount money.Amount, from, to Bucket, account string) {
	switch {
	case amount.Sign() <= 0:
	case l.from == "":
		c.book.enter(c.book.holding(account, l.symbol, l.cash), to, amount)
	case account == "":
		c.book.leave(c.book.holding(l.from, l.symbol, l.cash), from, amount)
	default:
		c.book.pass(c.book.holding(l.from, l.symbol, l.cash), from, c.book.holding(account, l.symbol, l.cash), to, amount)
	}
}
