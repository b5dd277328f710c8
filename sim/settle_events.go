package sim

// The types of events about settlements. An event that does several things bears
// the first of these that fits.
const (
	EventSettlementPartiallySettled EventType = "settlement.partially_settled"
	EventSettlementRejected         EventType = "settlement.rejected"
	EventSettlementReserved         EventType = "settlement.reserved"
	EventSettlementUnreserved       EventType = "settlement.unreserved"
	EventSettlementReleased         EventType = "settlement.released"
	EventSettlementCancelRequested  EventType = "settlement.cancel_requested"
	EventSettlementCancelDenied     EventType = "settlement.cancel_denied"
	EventSettlementFailing          EventType = "settlement.failing"
	EventSettlementAcknowledged     EventType = "settlement.acknowledged"
	EventSettlementMatched          EventType = "settlement.matched"
	EventSettlementUnmatched        EventType = "settlement.unmatched"
	EventSettlementPending          EventType = "settlement.pending"
)
