package sim

import (
	"fmt"
	"time"
)

// Work that is due by itself: value dates, confirmations, timeouts, expiries.
// A record says in DueAt when it is to be looked at; a wake-up brings a look
// forward when something happened that the record waited for. What a look finds
// to do becomes events like those of a command, at the instant when it was due.

// NextDue returns the instance time at which work is due next. It reports false
// where nothing is.
func (s *State) NextDue() (time.Time, bool) {
	next := s.timers.next()
	if next == nil {
		return time.Time{}, false
	}
	return next.at, true
}

func (s *State) dueBy(now time.Time) bool {
	next := s.timers.next()
	return next != nil && !next.at.After(now)
}

// FireDue does the work that is due next, if it is due by until, and reports
// whether there was any. The events, which may be none, have been applied to
// the state when it returns. The error reports a broken invariant, after which
// the state is of no use.
func (s *State) FireDue(until time.Time) (events []*Event, fired bool, err error) {
	if !s.dueBy(until) {
		return nil, false, nil
	}
	due := s.timers.take()
	now := due.at
	if now.Before(s.time) {
		now = s.time // instance time never runs backwards
	}
	d := &s.deciding
	*d = decision{State: s, now: now}
	s.look(d, due.key)
	if err := d.applyAll(); err != nil {
		return nil, true, err
	}
	if due.key.kind == timerSettlement {
		s.looked(s.open[due.key.id])
	}
	// Events have set the timers of what they changed. A record that was looked
	// at without effect goes back to its own time, which must be ahead; one that
	// has made progress may have more to do at the same instant.
	if own := s.dueOf(due.key); !own.IsZero() {
		if !own.After(now) && len(d.events) == 0 {
			return nil, true, fmt.Errorf("%w: %v is due at %s and stays so", ErrBrokenInvariant, due.key, own)
		}
		s.timers.wake(due.key, own)
	}
	return d.events, true, nil
}

// look decides what is to be done about a record that is due.
func (s *State) look(d *decision, key timerKey) {
	switch key.kind {
	case timerSettlement:
		if st := s.open[key.id]; st != nil {
			d.lookAtSettlement(st)
		}
	case timerTransfer:
		if t := s.transfers[key.id]; t != nil {
			d.lookAtTransfer(t)
		}
	case timerDocument:
		if v := s.documents[key.document]; v != nil {
			d.lookAtDocument(v)
		}
	case timerReconciliation:
		d.lookAtBooks()
	}
}

// dueOf returns when a record is due by itself, or zero.
func (s *State) dueOf(key timerKey) time.Time {
	switch key.kind {
	case timerSettlement:
		if st := s.open[key.id]; st != nil {
			return st.DueAt
		}
	case timerTransfer:
		if t := s.transfers[key.id]; t != nil {
			return t.DueAt
		}
	case timerDocument:
		if v := s.documents[key.document]; v != nil {
			return v.DueAt
		}
	}
	return time.Time{}
}
