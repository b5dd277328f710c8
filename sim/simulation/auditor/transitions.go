package auditor

import (
	"fmt"
	"slices"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
)

// The transitions that there are, between the records that two events leave. A
// status may always stay.
var (
	plain = map[string][]string{
		"PENDING":     {"IN_PROGRESS", "COMPLETED", "FAILED", "CANCELLED"},
		"IN_PROGRESS": {"PENDING", "COMPLETED", "FAILED", "CANCELLED"},
	}
	processing = map[string][]string{
		"ACKNOWLEDGED":       {"CANCEL_REQUESTED", "CANCELLED", "REJECTED"},
		"PENDING_PROCESSING": {"ACKNOWLEDGED", "CANCELLED", "REJECTED"},
		"CANCEL_REQUESTED":   {"ACKNOWLEDGED", "CANCELLED", "REJECTED"},
	}
	matching = map[string][]string{
		"":          {"UNMATCHED", "MATCHED"},
		"UNMATCHED": {"MATCHED"},
	}
	settlement = map[string][]string{
		"PENDING":           {"FAILING", "PARTIALLY_SETTLED", "SETTLED"},
		"FAILING":           {"PENDING", "PARTIALLY_SETTLED", "SETTLED"},
		"PARTIALLY_SETTLED": {"FAILING", "SETTLED"},
	}
	hold = map[string][]string{"HELD": {"RELEASED"}, "RELEASED": {"HELD"}}

	// begins are the statuses that a new instruction may have.
	begins = map[string][]string{
		"status": {"PENDING", "IN_PROGRESS", "COMPLETED", "FAILED"}, "processing": {"ACKNOWLEDGED", "PENDING_PROCESSING", "REJECTED"},
		"matching": {"", "UNMATCHED", "MATCHED"}, "settlement": {"PENDING", "PARTIALLY_SETTLED", "SETTLED"}, "hold": {"HELD", "RELEASED"},
	}

	// stages are the steps of transfers.
	stages = map[string][]string{
		"":                  {"SUBMITTED"},
		"SUBMITTED":         {"AWAITING_APPROVAL", "RESERVED", "BROADCAST", "REJECTED", "CANCELLED"},
		"AWAITING_APPROVAL": {"APPROVED", "REJECTED", "EXPIRED", "CANCELLED"},
		"APPROVED":          {"RESERVED", "BROADCAST", "CANCELLED", "REJECTED"},
		"RESERVED":          {"BROADCAST", "SETTLED", "CANCELLED", "REJECTED"},
		"BROADCAST":         {"CONFIRMING", "SETTLED", "REJECTED"},
		"CONFIRMING":        {"BROADCAST", "SETTLED"},
		"SETTLED":           {"RETURNED"},
	}
)

// dimensions checks the plain status and the four dimensions.
func (x *examination) dimensions(before, st *sim.Settlement) error {
	was := sim.Settlement{}
	if before != nil {
		was = *before
	}
	for _, d := range []struct {
		name    string
		allowed map[string][]string
		from    string
		to      string
	}{
		{"status", plain, string(was.Status), string(st.Status)},
		{"processing", processing, was.Processing.Status, st.Processing.Status},
		{"matching", matching, was.Matching.Status, st.Matching.Status},
		{"settlement", settlement, was.Settlement.Status, st.Settlement.Status},
		{"hold", hold, was.Hold.Status, st.Hold.Status},
	} {
		switch {
		case before == nil && !slices.Contains(begins[d.name], d.to):
			return fmt.Errorf("it begins with %s %q", d.name, d.to)
		case before != nil && d.from != d.to && !slices.Contains(d.allowed[d.from], d.to):
			return fmt.Errorf("%s goes from %q to %q", d.name, d.from, d.to)
		}
	}
	inProgress := units(st.Course.UnderWay).Sign() > 0 || units(st.Settled).Sign() > 0
	switch {
	case !st.Status.Final() && inProgress != (st.Status == sim.StatusInProgress):
		return fmt.Errorf("it is %s with %s under way and %s settled", st.Status, st.Course.UnderWay, st.Settled)
	case (st.Status == sim.StatusCompleted) != (st.Settlement.Status == sim.SettlementSettled):
		return fmt.Errorf("it is %s and %s", st.Status, st.Settlement.Status)
	case st.Status == sim.StatusCancelled && st.Processing.Status != sim.ProcessingCancelled:
		return fmt.Errorf("it is %s and its processing %s", st.Status, st.Processing.Status)
	case (st.Processing.Status == sim.ProcessingRejected || st.Processing.Status == sim.ProcessingCancelled) && !st.Status.Final():
		return fmt.Errorf("it is %s and its processing %s", st.Status, st.Processing.Status)
	case needsMatch(st.Type) == (st.Matching.Status == "") && st.Processing.Status == sim.ProcessingAcknowledged:
		return fmt.Errorf("a %s with matching %q", st.Type, st.Matching.Status)
	}
	return nil
}

// stagesOf checks the steps of a transfer from a place in its history on.
func stagesOf(t *sim.Transfer, from int) error {
	stage := ""
	if from > 0 {
		stage = t.History[from-1].Status
	}
	for _, step := range t.History[from:] {
		if !slices.Contains(stages[stage], step.Status) {
			return fmt.Errorf("goes from %q to %q", stage, step.Status)
		}
		stage = step.Status
	}
	if stage != string(t.Stage) {
		return fmt.Errorf("is %s, its history ends with %s", t.Stage, stage)
	}
	want := map[sim.TransferStage]sim.SettlementStatus{
		sim.StageSubmitted: sim.StatusPending, sim.StageAwaitingApproval: sim.StatusPending, sim.StageApproved: sim.StatusPending,
		sim.StageReserved: sim.StatusInProgress, sim.StageBroadcast: sim.StatusInProgress, sim.StageConfirming: sim.StatusInProgress,
		sim.StageSettled: sim.StatusCompleted, sim.StageCancelled: sim.StatusCancelled,
		sim.StageRejected: sim.StatusFailed, sim.StageReturned: sim.StatusFailed, sim.StageExpired: sim.StatusFailed,
	}[t.Stage]
	if t.Status != want {
		return fmt.Errorf("is %s in the stage %s", t.Status, t.Stage)
	}
	return nil
}
