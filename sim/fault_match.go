package sim

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// faults are the active fault rules, and what follows from them. Its lists are
// replaced and never changed, so that they can be handed out.
type faults struct {
	rules []*FaultRule // in the order in which they were added
	// moves are those with an effect on settlements and transfers.
	moves []*FaultRule
	// offline is the first that takes the custodian away, or nil.
	offline *FaultRule
	// faces is what the faces need to know, nil where no rule is for them.
	faces *FaceFaults
}

// putFault takes over a fault rule, or its removal. Its error wraps
// [ErrBrokenInvariant].
func (s *State) putFault(v *Document) error {
	rules := slices.DeleteFunc(slices.Clone(s.faults.rules), func(r *FaultRule) bool {
		if r.ID == v.ID {
			s.bookFault(r, false)
			return true
		}
		return false
	})
	if !v.Removed {
		rule, err := v.Fault()
		if err != nil {
			return err
		}
		if rule == nil || rule.ID != v.ID {
			return fmt.Errorf("%w: document %s %s holds another rule", ErrBrokenInvariant, v.Kind, v.ID)
		}
		rules = append(rules, rule)
		s.bookFault(rule, true)
		slices.SortFunc(rules, func(a, b *FaultRule) int { return cmp.Or(cmp.Compare(a.Sequence, b.Sequence), cmp.Compare(a.ID, b.ID)) })
	}
	s.faults = faults{rules: rules}
	for _, r := range rules {
		if r.Effect.onMoves() {
			s.faults.moves = append(s.faults.moves, r)
		}
		if r.Effect.Offline != nil && s.faults.offline == nil {
			s.faults.offline = r
		}
	}
	s.suspend(s.faults.offline != nil)
	s.rememberFaces()
	return nil
}

// suspend makes the work that is due wait, or go on. What waited is due at once;
// a reconciliation that was missed is not made up for.
func (s *State) suspend(suspended bool) {
	if s.timers.suspended && !suspended {
		s.timers.set(reconcileKey, time.Time{}) // armed again with the event that is being applied
	}
	s.timers.suspended = suspended
}

// faultsOn returns what the active fault rules do to a matter: the longest
// delay, the first refusal, the smallest share, the largest factor. It draws a
// chance for each rule that matches and has a rate below one, in the order of
// rules, so it is asked once where something is decided.
func (d *decision) faultsOn(m matter) effects {
	var out effects
	for _, r := range d.faults.moves {
		if !r.Match.on(m) || !d.happens(r) {
			continue
		}
		e := &r.Effect
		out.delay = max(out.delay, time.Duration(e.DelaySeconds)*time.Second)
		if e.Reject != nil && out.rejectCode == "" {
			out.rejectCode, out.rejectReason = e.Reject.Code, e.Reject.Reason
		}
		if e.Partial != nil && (out.partial.IsZero() || e.Partial.Share.Less(out.partial)) {
			out.partial = e.Partial.Share
		}
		out.approvalFactor = max(out.approvalFactor, e.ApprovalDelayFactor)
		out.holiday = out.holiday || e.BankHoliday
	}
	return out
}

func (d *decision) happens(r *FaultRule) bool {
	return r.Match.Rate == nil || !r.Match.Rate.Less(one) || d.generator.Chance(*r.Match.Rate)
}

// on reports whether the match holds for a matter, but for chance.
func (m *FaultMatch) on(x matter) bool {
	transfer := x.settlementType == ""
	switch m.Scope {
	case ScopeSettlements:
		if transfer {
			return false
		}
	case ScopeTransfers:
		if !transfer && x.settlementType != Internal {
			return false
		}
	}
	return named(m.Rails, x.rail) &&
		(len(m.SettlementTypes) == 0 || within(m.SettlementTypes, string(x.settlementType)) || within(m.SettlementTypes, x.rail)) &&
		named(m.Accounts, x.account) && named(m.Symbols, x.symbol) &&
		!x.amount.Less(m.MinAmount) && (m.MaxAmount.IsZero() || !m.MaxAmount.Less(x.amount))
}

func named(list []string, value string) bool { return len(list) == 0 || within(list, value) }

func within(list []string, value string) bool { return value != "" && slices.Contains(list, value) }

// refuseOffline refuses a command while a fault has taken the custodian away,
// but for those that set its clock and its faults, and housekeeping.
func (s *State) refuseOffline(c Command) *Error {
	if s.faults.offline == nil {
		return nil
	}
	switch c.(type) {
	case SetClock, AdvanceClock, PauseClock, SaveWebhook, SaveWebhookEndpoint, ForgetWebhook, AddFault, ClearFault, ClearFaults:
		return nil
	}
	return s.faults.offline.offlineError()
}

func (r *FaultRule) offlineError() *Error {
	return &Error{Code: CodeOffline, Message: r.Effect.Offline.Message, RetryAfter: 5 * time.Second}
}
