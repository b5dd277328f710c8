package sim

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"
)

// reconcileKey is the timer of the next reconciliation. It belongs to no record:
// it is armed by the first event behind the last reconciliation, and while
// breaks are open.
var reconcileKey = timerKey{kind: timerReconciliation}

// armReconciliation sets the timer of the next reconciliation after an event at
// an instance time, unless it is set.
func (s *State) armReconciliation(at time.Time, event EventType) {
	interval := s.rules.Reconciliation.Interval.Microseconds()
	if interval <= 0 {
		return
	}
	if event == EventReconciled {
		s.timers.set(reconcileKey, time.Time{})
	}
	if s.timers.has(reconcileKey) || (event == EventReconciled && len(s.openBreaks) == 0) {
		return
	}
	next := (at.UnixMicro()/interval + 1) * interval
	s.timers.set(reconcileKey, time.UnixMicro(next).UTC())
}

// rearmReconciliation sets the timer as it was, where a state is loaded: since
// the last reconciliation all events were in one interval, else it would have
// been made.
func (s *State) rearmReconciliation() {
	if s.sequence == 0 {
		return
	}
	event := EventType("")
	if last := s.lastReconciliation(); last != nil && last.sequence == s.sequence {
		event = EventReconciled
	}
	s.armReconciliation(s.time, event)
}

// reconciled is what is remembered of a reconciliation.
type reconciled struct {
	id       string
	at       time.Time
	sequence uint64
}

func compareReconciled(a, b reconciled) int { return cmp.Compare(a.sequence, b.sequence) }

// rememberReconciliation notes a result that is kept, or that it is removed. The
// list is in order, the oldest first: results come at its end and go from its
// beginning. There may be one a minute: nothing is decoded or sorted for it.
func (s *State) rememberReconciliation(v *Document) error {
	r, err := content(v, v.Reconciliation)
	if err != nil {
		return err
	}
	switch at := slices.IndexFunc(s.reconciled, func(known reconciled) bool { return known.id == v.ID }); {
	case at == 0:
		s.reconciled = s.reconciled[1:]
	case at > 0:
		s.reconciled = slices.Delete(s.reconciled, at, at+1)
	}
	if r != nil {
		known := reconciled{v.ID, r.At, r.Sequence}
		at, _ := slices.BinarySearchFunc(s.reconciled, known, compareReconciled)
		s.reconciled = slices.Insert(s.reconciled, at, known)
	}
	return nil
}

func (s *State) lastReconciliation() *reconciled {
	if len(s.reconciled) == 0 {
		return nil
	}
	return &s.reconciled[len(s.reconciled)-1]
}

// breaks lists the breaks that are kept, by id, which is the order in which they
// were opened.
func (s *State) breaks() []*Break {
	list := slices.Collect(maps.Values(s.keptBreaks))
	slices.SortFunc(list, func(a, b *Break) int { return cmp.Compare(a.ID, b.ID) })
	return list
}

// OpenBreaks returns how many breaks are open.
func (s *State) OpenBreaks() int { return len(s.openBreaks) }

// takeOver notes what follows from a document's content, and refuses content
// that is none of its kind's. Its errors wrap [ErrBrokenInvariant].
func (s *State) takeOver(v *Document) error {
	switch v.Kind {
	case DocumentFault:
		return s.putFault(v)
	case DocumentClock:
		if v.Removed {
			return nil
		}
		clock, err := v.Clock()
		if err != nil {
			return err
		}
		if clock.Mode == ClockScaled && (clock.Factor < 1 || clock.Factor > MaxClockFactor) {
			return fmt.Errorf("%w: a scaled clock with the factor %d", ErrBrokenInvariant, clock.Factor)
		}
		s.clock = clock
		s.rememberFaces()
	case DocumentBreak:
		delete(s.openBreaks, v.ID)
		delete(s.keptBreaks, v.ID)
		b, err := content(v, v.Break)
		if err != nil {
			return err
		}
		if b != nil {
			s.keptBreaks[v.ID] = b
		}
		if b != nil && b.Status == BreakOpen {
			s.openBreaks[v.ID] = struct{}{}
		}
	case DocumentReconciliation:
		return s.rememberReconciliation(v)
	case DocumentCorporateAction:
		ca, err := content(v, v.CorporateAction)
		if err == nil && ca != nil && ca.Type == Split && (ca.OldUnits.Sign() <= 0 || ca.NewUnits.Sign() <= 0) {
			err = fmt.Errorf("%w: corporate action %s makes %s units of %s", ErrBrokenInvariant, v.ID, ca.NewUnits, ca.OldUnits)
		}
		return err
	case DocumentVelocity:
		sent, err := content(v, func() (*velocityBook, error) { b, err := valueOf[velocityBook](v); return &b, err })
		if err != nil || sent == nil {
			return err
		}
		return sent.check()
	case DocumentEntitlement:
		_, err := content(v, v.Entitlements)
		return err
	}
	return nil
}

// content returns what a document holds, nil where it was removed.
func content[T any](v *Document, read func() (*T, error)) (*T, error) {
	if v.Removed {
		return nil, nil
	}
	t, err := read()
	if err == nil && t == nil {
		err = fmt.Errorf("%w: document %s %s is empty", ErrBrokenInvariant, v.Kind, v.ID)
	}
	return t, err
}
