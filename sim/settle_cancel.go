package sim

import "time"

func (c CancelSettlement) decide(d *decision) *Error {
	ch := d.changeSettlements()
	s := ch.draft(c.ID)
	switch {
	case s == nil:
		return notOpen(c.ID)
	case s.Processing.Status == ProcessingCancelRequested:
		return Errorf(CodeWrongState, "cancellation of settlement %s is requested already (%s): it awaits the counterparty's consent", c.ID, ReasonCancelPending)
	case s.outside() && !s.Course.UnderWay.IsZero():
		return Errorf(CodeWrongState, "cancellation of settlement %s is denied (%s): the depository is settling it", c.ID, ReasonDeniedProgress)
	}
	if !s.NeedsMatch() || !s.matched() {
		ch.cancel(s, StatusCancelled, ReasonCancelledByOwner, "cancelled by the account owner")
		ch.happened(EventSettlementCancelled)
		ch.finish()
		return nil
	}
	other := ch.draft(s.MatchedWith)
	if other != nil && other.Processing.Status == ProcessingCancelRequested {
		for _, side := range []*Settlement{s, other} {
			ch.cancel(side, StatusCancelled, ReasonCancelDone, "cancelled by both sides")
		}
		ch.happened(EventSettlementCancelled)
		ch.finish()
		return nil
	}
	const text = "the counterparty must consent to the cancellation"
	s.Processing = Dimension{Status: ProcessingCancelRequested, ReasonCode: ReasonCancelPending, Reason: text}
	ch.step(s, ProcessingCancelRequested, ReasonCancelPending, text)
	ch.happened(EventSettlementCancelRequested)
	if s.outside() {
		s.Course.ReadyAt = d.now.Add(d.settlementRules().Counterparty.AffirmDelay.Std())
		ch.proceed(s)
	}
	ch.finish()
	return nil
}

// askConsent ends the request to cancel a settlement with a counterparty outside
// the house once it has answered: it consents as often as it matches.
func (c *change) askConsent(s *Settlement) {
	if !s.outside() || s.Processing.Status != ProcessingCancelRequested || s.Course.ReadyAt.After(c.d.now) {
		return
	}
	if c.d.generator.Chance(c.d.settlementRules().Counterparty.MatchRate) {
		c.cancel(s, StatusCancelled, ReasonCancelDone, "cancelled by both sides")
		c.happened(EventSettlementCancelled)
		return
	}
	s.Processing = Dimension{Status: ProcessingAcknowledged}
	s.Course.ReadyAt = time.Time{}
	c.step(s, StepCancelDenied, "", "not cancelled: the counterparty does not consent")
	c.happened(EventSettlementCancelDenied)
}

func (c HoldSettlement) decide(d *decision) *Error {
	ch := d.changeSettlements()
	s := ch.draft(c.ID)
	switch {
	case s == nil:
		return notOpen(c.ID)
	case s.Hold.Status == HoldHeld:
		return Errorf(CodeWrongState, "settlement %s is held already", c.ID)
	}
	ch.unreserveGroup(s)
	ch.hold(s)
	ch.proceed(s)
	ch.finish()
	return nil
}

// hold holds a settlement for its owner.
func (c *change) hold(s *Settlement) {
	s.Hold = Dimension{Status: HoldHeld, ReasonCode: ReasonHeldOwn, Reason: "held by the account owner"}
	c.step(s, HoldHeld, s.Hold.ReasonCode, s.Hold.Reason)
	c.happened(EventSettlementHeld)
}

func (c ReleaseSettlement) decide(d *decision) *Error {
	ch := d.changeSettlements()
	s := ch.draft(c.ID)
	switch {
	case s == nil:
		return notOpen(c.ID)
	case s.Hold.Status != HoldHeld:
		return Errorf(CodeWrongState, "settlement %s is not held", c.ID)
	}
	if err := d.checkReceiverRoom(s.Type, s.DestinationAccount, s.Symbol); err != nil {
		return err
	}
	s.Hold = Dimension{Status: HoldReleased}
	ch.step(s, HoldReleased, "", "")
	ch.happened(EventSettlementReleased)
	ch.proceed(s)
	ch.finish()
	return nil
}
