package sim

import (
	"slices"

	"github.com/google/uuid"
)

// maxCancelled bounds how many settlements one event of a corporate action
// cancels.
const maxCancelled = 64

// cancelPointless cancels open instructions of a security whose units a corporate
// action changes: of one that is redeemed there will be none to settle, and those
// of a split speak of units that are no more. It cancels about as many as one
// event should, the oldest first, and reports whether there were any; the action
// then goes on at the same instant.
func (d *decision) cancelPointless(ca *CorporateAction) bool {
	c := d.changeSettlements()
	count := 0
	for _, id := range d.openOf(ca.Symbol) {
		if count >= maxCancelled {
			break
		}
		s := c.draft(id)
		if s == nil {
			continue // cancelled with its counterpart
		}
		for _, side := range c.bothSides(s) {
			c.cancel(side, StatusCancelled, ReasonCorporateAction, "made pointless by corporate action "+quote(ca.ID))
			count++
		}
	}
	if count == 0 {
		return false
	}
	c.happened(EventSettlementCancelled)
	d.recordCorporateAction(c.event, ca, d.now)
	return c.finish()
}

// openOf returns the open settlements of a symbol, the oldest first.
func (s *State) openOf(symbol string) []uuid.UUID {
	var ids []uuid.UUID
	for id, st := range s.open {
		if st.Symbol == symbol {
			ids = append(ids, id)
		}
	}
	slices.SortFunc(ids, compareIDs)
	return ids
}
