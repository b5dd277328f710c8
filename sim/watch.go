package sim

import "time"

// StatusChange is a settlement or transfer that came into being or changed its
// plain status. Just one of the fields is set.
type StatusChange struct {
	Settlement *Settlement
	Transfer   *Transfer
}

// Watch makes the state append to a list what changes its status by commands and
// by work that is due, but not what is replayed. Nil ends that.
func (s *State) Watch(list *[]StatusChange) { s.watched = list }

// note appends what an event is about to change to the list that is watched.
func (d *decision) note(e *Event) {
	if d.watched == nil {
		return
	}
	for _, st := range e.Settlements {
		if before := d.open[st.ID]; before == nil || before.Status != st.Status {
			*d.watched = append(*d.watched, StatusChange{Settlement: st})
		}
	}
	for _, t := range e.Transfers {
		if before := d.transfers[t.ID]; before == nil || before.Status != t.Status {
			*d.watched = append(*d.watched, StatusChange{Transfer: t})
		}
	}
}

// Gauges counts what is open in the books.
type Gauges struct {
	// OpenSettlements and OpenTransfers are not done; transfers that may still be
	// returned are among them.
	OpenSettlements int
	OpenTransfers   int
	// PendingApprovals are the transfers that await approval.
	PendingApprovals int
	// OpenBreaks are those of reconciliations, ActiveFaults the fault rules.
	OpenBreaks   int
	ActiveFaults int
}

// Gauges returns how much is open at present. It costs a few comparisons.
func (s *State) Gauges() Gauges {
	return Gauges{
		OpenSettlements: len(s.open), OpenTransfers: len(s.transfers), PendingApprovals: s.awaiting,
		OpenBreaks: len(s.openBreaks), ActiveFaults: len(s.faults.rules),
	}
}

// DomainMetrics hears of what is particular to custody. Calls are cheap and never
// block.
type DomainMetrics interface {
	// RecordTransferProcessed is called for each status that a transfer reaches.
	RecordTransferProcessed(status, rail string)
	// RecordSettlementLatency and RecordTransferLatency are told how long a
	// completed one took in instance time.
	RecordSettlementLatency(settlementType string, took time.Duration)
	RecordTransferLatency(rail string, took time.Duration)
	// SetGauges is told after changes how much is open.
	SetGauges(g Gauges)
}
