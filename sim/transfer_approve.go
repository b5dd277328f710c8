package sim

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// await makes a transfer wait for approvals, and asks the simulated approvers.
func (j *journey) await(v verdict) {
	code, reason := "", ""
	if v.held {
		code, reason = v.code, "held for compliance: "+v.reason
	}
	j.step(StageAwaitingApproval, code, reason)
	j.ExpiresAt = j.after(j.d.profile().Approvals().Timeout.Std())
	if expected, ok := j.rail.CompletionAt(j.d.now); ok {
		j.ExpectedCompletion = expected.UTC().Truncate(time.Microsecond)
	}
	j.ask()
}

// ask sets when a transfer that awaits approval is looked at next: when the next
// simulated approver answers, or else when it expires.
func (j *journey) ask() {
	j.DueAt = j.ExpiresAt
	if j.nextApprover() == "" {
		return
	}
	delay := j.d.profile().Approvals().DelayAt(j.d.now)
	if factor := j.d.faultsOn(j.matter()).approvalFactor; factor > 0 {
		if delay > math.MaxInt64/time.Duration(factor) {
			return
		}
		delay *= time.Duration(factor)
	}
	left := j.ExpiresAt.Sub(j.d.now)
	if delay >= 0 && delay < left { // one that overflowed is negative
		j.DueAt = j.after(delay)
	}
}

// nextApprover returns the first simulated approver who may decide, or "".
func (j *journey) nextApprover() string {
	simulated := &j.d.profile().Approvals().Simulated
	if !simulated.Enabled {
		return ""
	}
	for _, name := range simulated.Names {
		if !sameName(name, j.RequestedBy) && !j.decidedBy(name) {
			return name
		}
	}
	return ""
}

// sameName compares names of people as people do.
func sameName(a, b string) bool { return strings.EqualFold(a, b) }

// decidedBy reports whether somebody has decided on the transfer.
func (t *Transfer) decidedBy(name string) bool {
	return slices.ContainsFunc(t.Approvals, func(a Approval) bool { return sameName(a.By, name) })
}

// approvals returns how many approvals the transfer has.
func (t *Transfer) approvals() (n int) {
	for _, a := range t.Approvals {
		if a.Decision == Approved {
			n++
		}
	}
	return n
}

// answer expires a transfer whose time is up, or lets a simulated approver decide.
func (j *journey) answer() {
	name := j.nextApprover()
	switch {
	case !j.d.now.Before(j.ExpiresAt):
		j.stop(EventTransferExpired, StageExpired, ReasonTimeout,
			"not approved in time: "+strconv.Itoa(j.approvals())+" of "+strconv.Itoa(j.ApprovalsRequired)+" approvals were given")
	case name == "":
		j.DueAt, j.e.Type = j.ExpiresAt, EventTransferDelayed // the profile has fewer approvers than before
	case j.d.generator.Chance(j.d.profile().Approvals().Simulated.RejectRate):
		j.reject(name, "")
	default:
		j.approve(name)
		if j.Stage == StageAwaitingApproval {
			j.ask()
		}
	}
}

// approve notes an approval, and with the last one the transfer goes on.
func (j *journey) approve(by string) {
	j.Approvals = append(j.Approvals, Approval{By: by, At: j.d.now, Decision: Approved})
	j.e.Type = EventTransferApproved
	if j.approvals() < j.ApprovalsRequired {
		return
	}
	j.step(StageApproved, "", "")
	j.ExpiresAt = time.Time{}
	j.schedule(j.d.faultsOn(j.matter()))
}

// reject notes a rejection, which ends the transfer.
func (j *journey) reject(by, reason string) {
	j.Approvals = append(j.Approvals, Approval{By: by, At: j.d.now, Decision: Rejected})
	code, text := ReasonOrderRejected, "rejected by "+by
	if j.ReasonCode == ReasonRegulatory {
		code = ReasonRegulatory
	}
	if reason != "" {
		text += ": " + reason
	}
	j.stop(EventTransferRejected, StageRejected, code, text)
}

// decideOn checks that somebody may decide on a transfer.
func (d *decision) decideOn(t *Transfer, by string) *Error {
	if t.Stage != StageAwaitingApproval {
		return Errorf(CodeWrongState, "transfer %s is %s and awaits no approval", t.ID, t.Stage)
	}
	if err := checkText("by", by, MaxIdentifier); err != nil {
		return err
	}
	switch {
	case sameName(by, t.RequestedBy):
		return Invalid("by", "%s requested this transfer: nobody approves or rejects his own request; cancel it instead", quote(by))
	case t.decidedBy(by):
		return &Error{Code: CodeAlreadyExists, Field: "by", Message: quote(by) + " has decided on this transfer already"}
	}
	return nil
}

func (c ApproveTransfer) decide(d *decision) *Error {
	t, err := d.changeTransfer(c.ID)
	if err != nil {
		return err
	}
	if err := d.decideOn(t, c.By); err != nil {
		return err
	}
	rail, known := d.profile().Rail(t.Rail)
	if !known {
		return Errorf(CodeWrongState, "transfer %s cannot be approved: the rail %s is not on offer any more; reject or cancel it", t.ID, t.Rail)
	}
	if _, known := rail.ValueDate(d.now); !known {
		return Errorf(CodeWrongState, "transfer %s cannot be approved: the calendar %s ends on %s", t.ID, rail.Days().Name(), rail.Days().Last())
	}
	j := d.journey(t, rail, EventTransferApproved)
	defer j.end()
	j.approve(c.By)
	if j.Stage == StageAwaitingApproval && j.nextApprover() == "" {
		j.DueAt = j.ExpiresAt // nobody is left to answer
	}
	j.move()
	return nil
}

func (c RejectTransfer) decide(d *decision) *Error {
	t, err := d.changeTransfer(c.ID)
	if err != nil {
		return err
	}
	if err := d.decideOn(t, c.By); err != nil {
		return err
	}
	if err := checkOptional("reason", c.Reason); err != nil {
		return err
	}
	j := d.journey(t, nil, EventTransferRejected)
	defer j.end()
	j.reject(c.By, c.Reason)
	return nil
}
