package auditor

import (
	"fmt"

	"github.com/google/uuid"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
)

// together checks that what settles only together has settled together: both
// legs of a match in the house, and all that is linked WITH it.
func (x *examination) together(m *moved, moves map[uuid.UUID]*moved) error {
	st := m.after
	if st.MatchedWith != (uuid.UUID{}) {
		other := moves[st.MatchedWith]
		if other == nil || other.quantity.Cmp(m.quantity) != 0 || other.payment.Cmp(m.payment) != 0 {
			return fmt.Errorf("%s settled without the other leg", text(m.quantity))
		}
		if other.after.MatchedWith != st.ID {
			return fmt.Errorf("matched with %s, which is matched with %s", st.MatchedWith, other.after.MatchedWith)
		}
	}
	for _, id := range x.linkedWith(st) {
		other := moves[id]
		if other == nil || other.quantity.Sign() == 0 || other.after.Status != sim.StatusCompleted || st.Status != sim.StatusCompleted {
			return fmt.Errorf("settled without %s, with which it is linked", id)
		}
	}
	return nil
}

// linkedWith returns the open settlements that a settlement is linked WITH,
// either way.
func (x *examination) linkedWith(st *sim.Settlement) (ids []uuid.UUID) {
	for _, l := range linksOf(st) {
		if l.Type == sim.LinkWith {
			if id, ok := x.byExternal["s"+l.ExternalID]; ok {
				ids = append(ids, id)
			}
		}
	}
	for _, id := range x.dependents[st.ExternalID] {
		other := x.settlements[id]
		for _, l := range linksOf(other) {
			if l.Type == sim.LinkWith && l.ExternalID == st.ExternalID && !other.Status.Final() {
				ids = append(ids, id)
			}
		}
	}
	return ids
}

// order checks that what comes before a settlement has settled.
func (x *examination) order(st *sim.Settlement) error {
	for _, l := range linksOf(st) {
		if l.Type != sim.LinkAfter {
			continue
		}
		other := x.latest(x.byExternal["s"+l.ExternalID])
		if other == nil || other.Status != sim.StatusCompleted {
			return fmt.Errorf("before instruction %q, after which it comes", l.ExternalID)
		}
	}
	for _, id := range x.dependents[st.ExternalID] {
		other := x.latest(id)
		for _, l := range linksOf(other) {
			if l.Type == sim.LinkBefore && l.ExternalID == st.ExternalID && !other.Status.Final() && !x.sameGroup(st, other) {
				return fmt.Errorf("before instruction %s, which comes before it", id)
			}
		}
	}
	return nil
}

// sameGroup reports whether two settlements are in one event's settling group,
// where there is no before and after.
func (x *examination) sameGroup(a, b *sim.Settlement) bool {
	return a.MatchedWith == b.ID || units(b.Course.UnderWay).Sign() > 0
}

// latest returns a settlement as the event leaves it.
func (x *examination) latest(id uuid.UUID) *sim.Settlement {
	for _, st := range x.e.Settlements {
		if st.ID == id {
			return st
		}
	}
	return x.settlements[id]
}

func linksOf(st *sim.Settlement) []sim.Link {
	if st == nil || st.Terms == nil {
		return nil
	}
	return st.Terms.Links
}
