package auditor

import (
	"fmt"
	"strings"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
)

// transfer takes the event's transfers.
func (x *examination) transfer() error {
	for _, t := range x.e.Transfers {
		x.explained = true
		before := x.transfers[t.ID]
		if err := x.journeyOf(before, t); err != nil {
			return fmt.Errorf("transfer %s (%s of %s): %w", t.ID, t.Rail, t.AccountID, err)
		}
		at := place{t.AccountID, t.Symbol}
		x.touch(at)
		for _, part := range []struct {
			sums map[place]*number
			of   func(*sim.Transfer) *number
		}{
			{x.reserved, func(t *sim.Transfer) *number { return units(t.Reserved) }},
			{x.transit, func(t *sim.Transfer) *number { return units(t.Transit) }},
			{x.pending, func(t *sim.Transfer) *number { return units(t.PendingIn) }},
		} {
			after := part.of(t)
			if after.Sign() < 0 {
				return fmt.Errorf("transfer %s has %s under way", t.ID, text(after))
			}
			if before != nil {
				after = minus(after, part.of(before))
			}
			addAt(part.sums, at, after)
		}
		x.expectTransfer(t.AccountID, broughtTo, before, t)
		x.expectTransfer(t.CreditAccount, creditedBy, before, t)
	}
	return nil
}

// expectTransfer adds to what the postings should say how much more a transfer
// has brought to an account.
func (x *examination) expectTransfer(account string, brought func(*sim.Transfer) *number, before, t *sim.Transfer) {
	if account == "" {
		return
	}
	change := brought(t)
	if before != nil {
		change = minus(change, brought(before))
	}
	x.expect(account, t.Symbol, change)
}

// broughtTo is what a transfer has brought to its account so far, all parts of
// the holding together; below zero, what it has taken.
func broughtTo(t *sim.Transfer) *number {
	quantity, fee := units(t.Quantity), units(t.Fee)
	if t.Direction == sim.DirectionIn {
		switch t.Stage {
		case sim.StageSettled:
			return quantity
		case sim.StageReturned:
			return units(t.Shortfall)
		default:
			return units(t.PendingIn)
		}
	}
	switch t.Stage {
	case sim.StageSettled:
		return negative(new(number).Add(quantity, fee))
	case sim.StageReturned, sim.StageRejected:
		return negative(fee)
	default:
		return nothing
	}
}

// creditedBy is what a book transfer has brought to the other account.
func creditedBy(t *sim.Transfer) *number {
	if t.Stage == sim.StageSettled {
		return units(t.Quantity)
	}
	return nothing
}

// journeyOf checks that a record of a transfer may follow the one before.
func (x *examination) journeyOf(before, t *sim.Transfer) error {
	from := 0
	if before != nil {
		from = len(before.History)
		switch {
		case before.Status.Final() && !before.ReturnDue:
			return fmt.Errorf("it was %s, which is final", before.Stage)
		case before.Status.Final() && t.Stage != before.Stage && t.Stage != sim.StageReturned:
			return fmt.Errorf("it was %s and is %s", before.Stage, t.Stage)
		case before.Rail != t.Rail || before.Direction != t.Direction || before.AccountID != t.AccountID || before.Symbol != t.Symbol ||
			before.ExternalID != t.ExternalID || units(before.Quantity).Cmp(units(t.Quantity)) != 0 || before.RequestedBy != t.RequestedBy ||
			before.ApprovalsRequired != t.ApprovalsRequired || before.CreditAccount != t.CreditAccount || before.Beneficiary != t.Beneficiary:
			return fmt.Errorf("what was asked for changes: %+v to %+v", before, t)
		case len(t.History) < from || len(t.Approvals) < len(before.Approvals):
			return fmt.Errorf("it has forgotten a step or an approval")
		}
		for i := range before.History {
			if before.History[i] != t.History[i] {
				return fmt.Errorf("step %d of its history changes", i)
			}
		}
		for i := range before.Approvals {
			if before.Approvals[i] != t.Approvals[i] {
				return fmt.Errorf("approval %d changes", i)
			}
		}
	} else {
		if t.ExternalID != "" {
			if other, used := x.byExternal["t"+t.ExternalID]; used {
				return fmt.Errorf("external id %q is that of %s", t.ExternalID, other)
			}
		}
		if err := x.mark(t.Metadata); err != nil {
			return err
		}
	}
	if err := stagesOf(t, from); err != nil {
		return fmt.Errorf("it %w", err)
	}
	for _, step := range t.History[from:] {
		if !step.At.Equal(x.e.Time) || step.Sequence != x.e.Sequence {
			return fmt.Errorf("step %s is of event %d at %s", step.Status, step.Sequence, step.At)
		}
	}
	if units(t.Fee).Cmp(units(t.MaxFee)) > 0 {
		return fmt.Errorf("a fee of %s above %s", t.Fee, t.MaxFee)
	}
	if t.Status.Final() && (units(t.Reserved).Sign() != 0 || units(t.Transit).Sign() != 0 || units(t.PendingIn).Sign() != 0) {
		return fmt.Errorf("it is %s and something is under way", t.Stage)
	}
	return approvalsOf(t)
}

// approvalsOf checks that others than the requester decided, each once, and that
// nothing went on without the approvals that it needs.
func approvalsOf(t *sim.Transfer) error {
	given := 0
	seen := map[string]bool{strings.ToLower(t.RequestedBy): true}
	for _, approval := range t.Approvals {
		name := strings.ToLower(approval.By)
		if seen[name] {
			return fmt.Errorf("%s decided on the request of %s: %+v", approval.By, t.RequestedBy, t.Approvals)
		}
		seen[name] = true
		if approval.Decision == sim.Approved {
			given++
		}
	}
	switch t.Stage {
	case sim.StageApproved, sim.StageReserved, sim.StageBroadcast, sim.StageConfirming, sim.StageSettled, sim.StageReturned:
		if given < t.ApprovalsRequired {
			return fmt.Errorf("it is %s with %d of %d approvals", t.Stage, given, t.ApprovalsRequired)
		}
		if given < len(t.Approvals) {
			return fmt.Errorf("it is %s after a rejection", t.Stage)
		}
	}
	return nil
}
