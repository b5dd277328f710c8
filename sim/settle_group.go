package sim

import (
	"time"
)

// group is a set of settlements that settle in one journal or not at all: an
// instruction, its counterpart in the house, and whatever is linked to either WITH
// the other.
type group struct {
	members []*Settlement
	// codes are what keeps each member, in the order of members.
	codes []obstacle
}

// obstacle is what keeps a settlement from settling.
type obstacle struct {
	code, text string
	// stays reports that the dimensions keep what they say: nothing new is known.
	stays bool
}

func (o obstacle) any() bool { return o.code != "" || o.stays }

// group collects what settles together with a settlement, which comes first.
func (c *change) group(s *Settlement) *group {
	g := &group{members: []*Settlement{s}}
	add := func(m *Settlement) {
		if m == nil {
			return
		}
		for _, known := range g.members {
			if known == m {
				return
			}
		}
		g.members = append(g.members, m)
	}
	for i := 0; i < len(g.members); i++ {
		m := g.members[i]
		if m.hasCounterpart() {
			add(c.draft(m.MatchedWith))
		}
		if m.Terms != nil {
			for _, l := range m.Terms.Links {
				if l.Type == LinkWith {
					add(c.external(l.ExternalID))
				}
			}
		}
		c.dependents(m, func(dependent *Settlement, link int) {
			if dependent.Terms.Links[link].Type == LinkWith {
				add(dependent)
			}
		})
	}
	g.codes = make([]obstacle, len(g.members))
	return g
}

func (g *group) has(s *Settlement) bool {
	for _, m := range g.members {
		if m == s {
			return true
		}
	}
	return false
}

// counterpart returns the index of a member's counterpart, or -1.
func (g *group) counterpart(m *Settlement) int {
	for i, other := range g.members {
		if m.hasCounterpart() && other.ID == m.MatchedWith {
			return i
		}
	}
	return -1
}

// linked reports whether the group is more than an instruction and its counterpart.
func (g *group) linked() bool {
	return len(g.members) > 2 || (len(g.members) == 2 && g.counterpart(g.members[0]) < 0)
}

// settleGroup settles the group if nothing keeps it, else says of every member
// what does.
func (c *change) settleGroup(g *group) {
	if !g.members[0].Course.UnderWay.IsZero() {
		c.finishUnderWay(g)
		return
	}
	if c.findObstacles(g) {
		c.tell(g)
	} else {
		c.tryToSettle(g)
	}
	for _, m := range g.members {
		c.passCutOffs(m)
		c.schedule(m)
	}
}

// findObstacles finds what keeps the members, holdings apart.
func (c *change) findObstacles(g *group) (any bool) {
	own := make([]obstacle, len(g.members))
	for i, m := range g.members {
		own[i] = c.ownObstacle(m, g)
		any = any || own[i].any() || !m.matched()
	}
	if !any {
		return false
	}
	for i, m := range g.members {
		other := obstacle{}
		if k := g.counterpart(m); k >= 0 {
			other = own[k]
		}
		switch {
		case own[i].code == ReasonHeldOwn && other.code == ReasonHeldOwn:
			g.codes[i] = obstacle{code: ReasonHeldBoth, text: "held by both sides"}
		case own[i].any():
			g.codes[i] = own[i]
		case other.code == ReasonHeldOwn:
			g.codes[i] = obstacle{code: ReasonHeldCounterparty, text: "held by the counterparty"}
		case other.any():
			g.codes[i] = other
		case !m.matched():
			// Its matching says why, and since it fails its settlement, too.
			code := m.Settlement.ReasonCode
			g.codes[i] = obstacle{stays: code == ReasonCounterpartyLate || code == ReasonLate}
		default:
			g.codes[i] = obstacle{code: ReasonLinked, text: "an instruction that it is linked with does not settle yet"}
		}
	}
	return true
}

// ownObstacle returns what keeps a settlement for reasons of its own.
func (c *change) ownObstacle(m *Settlement, g *group) obstacle {
	t := c.d.timingOf(m)
	switch {
	case m.Processing.Status == ProcessingPending:
		return obstacle{stays: true}
	case !m.matched() && m.Settlement.Status == SettlementFailing:
		return obstacle{stays: true} // the cut-off has said why it fails: it does not match
	case m.Hold.Status == HoldHeld:
		return obstacle{code: ReasonHeldOwn, text: "held by the account owner"}
	case !m.matched():
		return obstacle{}
	case !t.reached(m, c.d.now):
		return obstacle{code: ReasonFuture, text: "settles on " + m.ExpectedDate}
	}
	if id := c.frozen(m); id != "" {
		return obstacle{code: ReasonFrozen, text: "account " + quote(id) + " is frozen"}
	}
	if text := c.awaitedLink(m, g); text != "" {
		return obstacle{code: ReasonLinked, text: text}
	}
	if m.Course.ReadyAt.After(c.d.now) {
		return obstacle{stays: true}
	}
	return obstacle{}
}

// awaitedLink returns what a settlement's links await, in words, or nothing.
func (c *change) awaitedLink(m *Settlement, g *group) (text string) {
	if m.Terms != nil {
		for i, l := range m.Terms.Links {
			if m.Course.LinksDone&(1<<i) != 0 {
				continue
			}
			switch other := c.external(l.ExternalID); {
			case l.Type != LinkAfter && l.Type != LinkWith:
			case other == nil:
				return "instruction " + quote(l.ExternalID) + " that it is linked to was given up"
			case l.Type == LinkAfter:
				return "settles after instruction " + quote(l.ExternalID)
			}
		}
	}
	c.dependents(m, func(dependent *Settlement, link int) {
		if dependent.Terms.Links[link].Type == LinkBefore && !g.has(dependent) {
			text = "instruction " + quote(dependent.ExternalID) + " settles before it"
			if dependent.ExternalID == "" {
				text = "settlement " + dependent.ID.String() + " settles before it"
			}
		}
	})
	return text
}

// tell puts what keeps each member into its dimensions.
func (c *change) tell(g *group) {
	for i, m := range g.members {
		if !g.codes[i].stays {
			c.pend(m, g.codes[i])
		}
	}
}

// pend says why a settlement does not settle. Own holds have a step of their own
// in the history.
func (c *change) pend(m *Settlement, o obstacle) {
	before := m.Settlement
	m.Settlement.ReasonCode, m.Settlement.Reason = o.code, o.text
	if m.Settlement.Status == "" {
		m.Settlement.Status = SettlementPending
	}
	// What is past its date fails as its counterpart does, also where it was matched or
	// released only afterwards. A cut-off that passes now is not dealt with here.
	if m.Settlement.Status == SettlementPending && o.code != "" && m.Course.CutOffAt.After(c.d.now) && c.d.timingOf(m).late(m, c.d.now) {
		m.Settlement.Status = SettlementFailing
		c.happened(EventSettlementFailing)
	}
	if o.code != "" && (o.code != before.ReasonCode && o.code != ReasonHeldOwn || m.Settlement.Status == SettlementFailing && before.Status != SettlementFailing) {
		c.step(m, m.Settlement.Status, o.code, o.text)
	}
}

// finishUnderWay settles what was reserved, once it has been processed.
func (c *change) finishUnderWay(g *group) {
	for _, m := range g.members {
		if m.Course.ReadyAt.After(c.d.now) {
			for _, m := range g.members {
				c.schedule(m)
			}
			return
		}
	}
	for _, m := range g.members {
		if c.frozen(m) != "" {
			c.unreserve(g)
			c.settleGroup(g)
			return
		}
	}
	c.settleNow(g)
}

// What a settlement says that fault rules put off.
const (
	delayedText = "delayed"
	holidayText = "today is no business day"
)

// disturb asks the fault rules about a group that is about to be reserved, and
// reports whether they put it off. The share is what they let through of it.
func (c *change) disturb(g *group) (put bool, found effects) {
	for _, m := range g.members {
		if !m.Course.ReadyAt.IsZero() && m.Settlement.ReasonCode != ReasonHeldDepository && m.Settlement.Reason != holidayText {
			return false, effects{} // they were asked before
		}
	}
	held := false
	for _, m := range g.members {
		f := c.found
		if m != c.asked {
			f = c.d.faultsOn(m.matter())
		}
		found.delay = max(found.delay, f.delay)
		found.holiday = found.holiday || f.holiday
		held = held || f.rejectCode == ReasonHeldDepository
		if f.partial.Sign() > 0 && (found.partial.IsZero() || f.partial.Less(found.partial)) {
			found.partial = f.partial
		}
	}
	var until time.Time
	o := obstacle{code: ReasonOther, text: delayedText}
	t := c.d.timingOf(g.members[0])
	switch {
	case held:
		until = c.d.now.Add(max(found.delay, c.d.settlementRules().CheckInterval.Std(), time.Minute))
		o = obstacle{code: ReasonHeldDepository, text: "held by the depository"}
	case found.holiday:
		until = t.nextOpening(c.d.now)
		o.text = holidayText
	case found.delay > 0:
		until = c.d.now.Add(found.delay)
	default:
		return false, found
	}
	for _, m := range g.members {
		m.Course.ReadyAt = until
		c.pend(m, o)
	}
	return true, found
}

// matter is what fault rules are matched against.
func (s *Settlement) matter() matter {
	m := matter{settlementType: s.Type, account: s.AccountID, symbol: s.Symbol, amount: s.Open()}
	if s.Terms != nil {
		m.rail = s.Terms.Rail
	}
	return m
}

// unreserveGroup releases what a settlement and what settles together with it
// have reserved.
func (c *change) unreserveGroup(s *Settlement) {
	if s.Course.UnderWay.IsZero() {
		return
	}
	g := c.group(s)
	c.unreserve(g)
	for _, m := range g.members {
		c.schedule(m)
	}
}
