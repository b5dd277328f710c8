package sim

import "time"

// passCutOffs does what the cut-offs that have passed bring about for a settlement
// that is not under way: it fails to settle and may cost a penalty, until it is
// given up at the end of retention.
func (c *change) passCutOffs(m *Settlement) {
	if m.Status.Final() || !m.Course.UnderWay.IsZero() || m.Course.CutOffAt.IsZero() {
		return
	}
	t := c.d.timingOf(m)
	for !m.Course.CutOffAt.After(c.d.now) {
		at := m.Course.CutOffAt
		if !at.Before(c.d.retentionEnd(m)) {
			c.giveUp(m)
			return
		}
		c.fail(m)
		m.Course.CutOffAt = t.nextCutOff(at)
	}
}

// retentionEnd returns the instant at which the system cancels an instruction that
// has not settled.
func (s *State) retentionEnd(m *Settlement) time.Time {
	t := s.timingOf(m)
	return t.CutOffAt(t.Days().Add(valueDate(m), s.settlementRules().Retention))
}

// fail records that a settlement has not settled by a cut-off.
func (c *change) fail(m *Settlement) {
	code, text := m.Settlement.ReasonCode, m.Settlement.Reason
	switch {
	case m.Processing.Status == ProcessingPending:
		code, text = ReasonFrozen, m.Processing.Reason // nothing else lasts until a cut-off
	case m.matched():
	case m.Matching.ReasonCode == ReasonMissing:
		code, text = ReasonCounterpartyLate, "the counterparty has not instructed"
	default:
		code, text = ReasonLate, "it does not match"
	}
	if code == "" {
		code, text = ReasonLate, "not settled by the cut-off"
	}
	if m.Settlement.Status != SettlementFailing || m.Settlement.ReasonCode != code {
		m.Settlement = Dimension{Status: SettlementFailing, ReasonCode: code, Reason: text}
		c.step(m, SettlementFailing, code, text)
	}
	c.happened(EventSettlementFailing)
	switch code {
	case ReasonLack, ReasonMoney, ReasonHeldOwn, ReasonHeldBoth:
		c.penalise(m, 1) // it is this side that keeps it
	case ReasonFrozen:
		if c.frozen(m) != "" { // both sides say so, whosever account it is
			c.penalise(m, 1)
		}
	}
}

// giveUp cancels a settlement and its counterpart at the end of retention.
func (c *change) giveUp(m *Settlement) {
	const text = "given up at the end of retention"
	for _, s := range c.bothSides(m) {
		c.cancel(s, StatusFailed, ReasonCancelledBySystem, text)
	}
	c.happened(EventSettlementFailed)
}

// bothSides returns a settlement and its counterpart in the house, as far as they
// are open.
func (c *change) bothSides(m *Settlement) []*Settlement {
	sides := []*Settlement{m}
	if m.hasCounterpart() {
		if other := c.draft(m.MatchedWith); other != nil {
			sides = append(sides, other)
		}
	}
	return sides
}
