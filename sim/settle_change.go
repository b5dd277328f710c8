package sim

import (
	"slices"
	"time"

	"github.com/google/uuid"
)

// change is one event about settlements in the making: copies of the records that
// it touches, and the postings. One step of the world is one event, however many
// settlements it moves.
type change struct {
	d      *decision
	event  *Event // no part of the decision until it is finished
	book   book
	drafts []draft
	// asked is a settlement for which the fault rules were asked already, and
	// found is what they said.
	asked *Settlement
	found effects
}

// draft is a settlement as the event is going to leave it, and as it was before:
// nil for a new one.
type draft struct{ before, after *Settlement }

// changeSettlements begins an event about settlements. Nothing else may be emitted before it
// is finished.
func (d *decision) changeSettlements() *change {
	e := &Event{Sequence: d.nextSequence(), Time: d.now, Type: EventSettlementPending}
	return &change{d: d, event: e, book: book{d, e}}
}

// draft returns the event's copy of an open settlement, or nil where it is not
// open, or not any more.
func (c *change) draft(id uuid.UUID) *Settlement {
	for _, v := range c.drafts {
		if v.after.ID == id {
			if v.after.Status.Final() {
				return nil
			}
			return v.after
		}
	}
	before := c.d.open[id]
	if before == nil {
		return nil
	}
	after := *before
	after.History = slices.Clip(after.History)
	c.drafts = append(c.drafts, draft{before, &after})
	return &after
}

// external returns the event's copy of the open settlement with an external id,
// or nil.
func (c *change) external(externalID string) *Settlement {
	for _, v := range c.drafts {
		if v.after.ExternalID == externalID && externalID != "" {
			return c.draft(v.after.ID)
		}
	}
	if id, ok := c.d.index.byExternal[externalID]; ok {
		return c.draft(id)
	}
	return nil
}

// dependents calls fn with every open settlement that links to s.
func (c *change) dependents(s *Settlement, fn func(dependent *Settlement, link int)) {
	if s.ExternalID == "" {
		return
	}
	for _, id := range c.d.index.dependents[s.ExternalID] {
		dependent := c.draft(id)
		if dependent == nil {
			continue
		}
		for i, l := range dependent.Terms.Links {
			if l.ExternalID == s.ExternalID {
				fn(dependent, i)
			}
		}
	}
}

func (c *change) add(s *Settlement) { c.drafts = append(c.drafts, draft{after: s}) }

// eventRank orders the types of events: what ranks higher names the event.
var eventRank = map[EventType]int{
	EventSettlementCompleted: 14, EventSettlementPartiallySettled: 13, EventSettlementRejected: 12,
	EventSettlementFailed: 11, EventSettlementCancelled: 10, EventSettlementCancelRequested: 9,
	EventSettlementCancelDenied: 8, EventSettlementReserved: 7, EventSettlementHeld: 6, EventSettlementReleased: 5,
	EventSettlementUnreserved: 4, EventSettlementAcknowledged: 3, EventSettlementMatched: 2, EventSettlementFailing: 2,
	EventSettlementUnmatched: 1,
}

// happened names the event, unless something more telling happened already.
func (c *change) happened(t EventType) {
	if eventRank[t] > eventRank[c.event.Type] {
		c.event.Type = t
	}
}

// step appends a transition to a settlement's history.
func (c *change) step(s *Settlement, status, code, reason string) {
	s.History = append(s.History, Transition{At: c.d.now, Status: status, ReasonCode: code, Reason: reason, Sequence: c.event.Sequence})
}

// finish emits the event, the settlement that it is about first, and reports
// whether anything changed.
func (c *change) finish() bool {
	for _, v := range c.drafts {
		if v.before == nil || differ(v.before, v.after) {
			c.event.Settlements = append(c.event.Settlements, v.after)
		}
	}
	if len(c.event.Settlements) == 0 {
		return false
	}
	c.d.events = append(c.d.events, c.event)
	return true
}

// differ reports whether anything that may change differs.
func differ(a, b *Settlement) bool {
	return len(a.History) != len(b.History) || a.Status != b.Status ||
		a.Processing != b.Processing || a.Matching != b.Matching || a.Settlement != b.Settlement || a.Hold != b.Hold ||
		a.MatchedWith != b.MatchedWith || !a.DueAt.Equal(b.DueAt) ||
		!a.Settled.Equal(b.Settled) || !a.Reserved.Equal(b.Reserved) || !a.Penalty.Equal(b.Penalty) ||
		!a.Course.UnderWay.Equal(b.Course.UnderWay) || !a.Course.ReadyAt.Equal(b.Course.ReadyAt) ||
		!a.Course.CutOffAt.Equal(b.Course.CutOffAt) || a.Course.LinksDone != b.Course.LinksDone
}

// close makes a settlement final.
func (c *change) close(s *Settlement, status SettlementStatus) {
	s.Status, s.CompletedAt, s.DueAt, s.Course = status, c.d.now, time.Time{}, Course{}
}

// reject records that an instruction was taken and will never settle.
func (c *change) reject(s *Settlement, code, reason string) {
	c.close(s, StatusFailed)
	s.Processing = Dimension{Status: ProcessingRejected, ReasonCode: code, Reason: reason}
	c.step(s, ProcessingRejected, code, reason)
}

// cancel closes a settlement as cancelled, whatever was reserved released.
func (c *change) cancel(s *Settlement, status SettlementStatus, code, reason string) {
	c.unreserveGroup(s)
	c.withdraw(s)
	if s.Settled.Sign() > 0 {
		s.Settlement = Dimension{Status: SettlementPartial, ReasonCode: ReasonPartialFinal,
			Reason: s.Settled.String() + " settled, " + s.Open().String() + " will not"}
	}
	c.close(s, status)
	s.Processing = Dimension{Status: ProcessingCancelled, ReasonCode: code, Reason: reason}
	c.step(s, ProcessingCancelled, code, reason)
}

// lookAtSettlement moves an open settlement on as far as it can come now.
func (d *decision) lookAtSettlement(st *Settlement) {
	c := d.changeSettlements()
	c.proceed(c.draft(st.ID))
	c.finish()
}

// proceed moves a settlement, and what settles together with it, on as far as it
// can come.
func (c *change) proceed(s *Settlement) {
	if s.Status.Final() {
		return
	}
	if !c.acknowledge(s) {
		c.passCutOffs(s)
		c.schedule(s)
		return
	}
	c.askConsent(s)
	if !s.Status.Final() && !s.matched() {
		c.match(s)
	}
	if !s.Status.Final() {
		c.settleGroup(c.group(s))
	}
}

// acknowledge ends a pending processing once its cause is gone, and reports
// whether the instruction is worked on.
func (c *change) acknowledge(s *Settlement) bool {
	if s.Processing.Status != ProcessingPending {
		return true
	}
	switch {
	case s.Processing.ReasonCode == ReasonBlocked && c.frozen(s) != "":
		return false
	case s.Processing.ReasonCode == ReasonDeadline && s.Course.ReadyAt.After(c.d.now):
		return false
	}
	s.Processing = Dimension{Status: ProcessingAcknowledged}
	s.Course.ReadyAt = time.Time{}
	c.step(s, ProcessingAcknowledged, "", "")
	c.happened(EventSettlementAcknowledged)
	c.startMatching(s)
	return true
}

// frozen returns the first of the instruction's own accounts that is frozen, or
// nothing. A transfer has two.
func (c *change) frozen(s *Settlement) string {
	for _, id := range []string{s.AccountID, s.SourceAccount, s.DestinationAccount} {
		if s.Type != Internal && id != s.AccountID {
			continue
		}
		if a := c.d.accounts[id]; a != nil && a.Status != AccountActive {
			return id
		}
	}
	return ""
}

// schedule sets when a settlement is looked at next without anybody asking.
func (c *change) schedule(s *Settlement) {
	if s.Status.Final() {
		return
	}
	now := c.d.now
	due := time.Time{}
	consider := func(at time.Time) {
		if at.After(now) && (due.IsZero() || at.Before(due)) {
			due = at
		}
	}
	consider(s.Course.ReadyAt)
	if c.ownTurn(s) {
		due = now // it was scheduled with others of its group, at the very instant of its own look
	}
	if s.Course.UnderWay.IsZero() {
		t := c.d.timingOf(s)
		consider(s.Course.CutOffAt)
		if !t.instant {
			consider(t.StartOf(valueDate(s)))
		}
		if s.Processing.Status != ProcessingPending && s.matched() && !t.open(now) {
			switch s.Settlement.ReasonCode {
			case "", ReasonLate, ReasonHeldDepository:
				consider(t.nextOpening(now)) // nothing but the hour keeps it
			}
		}
	}
	s.DueAt = due.UTC()
}

// ownTurn reports whether a time is up that only a look at the settlement itself
// heeds, and not one at others of its group: processing from the next day on, or
// the answer of a counterparty outside the house. Its own look ends that.
func (c *change) ownTurn(s *Settlement) bool {
	if s.Course.ReadyAt.IsZero() || s.Course.ReadyAt.After(c.d.now) {
		return false
	}
	return (s.Processing.Status == ProcessingPending && s.Processing.ReasonCode == ReasonDeadline) ||
		(s.outside() && (!s.matched() || s.Processing.Status == ProcessingCancelRequested))
}
