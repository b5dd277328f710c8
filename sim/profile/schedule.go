package profile

import (
	"time"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/calendar"
)

// Schedule says which day an instant belongs to and on which day it settles. The
// package documentation gives its rules. It is immutable and safe for concurrent
// use; its methods allocate nothing.
type Schedule struct {
	days   *calendar.Calendar
	zone   *time.Location
	cutOff calendar.TimeOfDay
	cycle  int
}

// Days returns the calendar.
func (s *Schedule) Days() *calendar.Calendar { return s.days }

// Zone returns the time zone of the cut-off.
func (s *Schedule) Zone() *time.Location { return s.zone }

// Today returns the date at now, in the time zone of the calendar.
func (s *Schedule) Today(now time.Time) calendar.Date {
	return calendar.DateOf(now, s.days.Location())
}

// CutOffAt returns the instant from which on d is over: the cut-off, or the early
// close of the day where that comes first. For a day that is no business day it is
// the cut-off all the same.
func (s *Schedule) CutOffAt(d calendar.Date) time.Time {
	at := s.cutOff.On(d, s.zone)
	if early, ok := s.days.EarlyClose(d); ok {
		if closing := early.On(d, s.days.Location()); closing.Before(at) {
			return closing
		}
	}
	return at
}

// TradeDate returns the business day to which now belongs: today if that is one
// and its cut-off is still to come, else the first one after it of which both are
// true.
func (s *Schedule) TradeDate(now time.Time) calendar.Date {
	d := s.Today(now)
	if !s.days.Business(d) {
		d = s.days.Next(d)
	}
	for !now.Before(s.CutOffAt(d)) {
		d = s.days.Next(d)
	}
	return d
}

// ValueDate returns the day on which what comes in now settles: the trade date
// and as many business days as the cycle has. It reports false where that day, or
// now, lies beyond the data of the calendar; the date then takes no holiday into
// account and is not to be used.
func (s *Schedule) ValueDate(now time.Time) (calendar.Date, bool) {
	d := s.days.Add(s.TradeDate(now), s.cycle)
	return d, s.days.Covers(s.Today(now)) && s.days.Covers(d)
}

// InTime reports whether something can still settle on d: a business day, whose
// cut-off is still to come.
func (s *Schedule) InTime(d calendar.Date, now time.Time) bool {
	return s.days.Business(d) && now.Before(s.CutOffAt(d))
}

// StartOf returns the first instant of d in the time zone of the calendar.
func (s *Schedule) StartOf(d calendar.Date) time.Time {
	return calendar.TimeOfDay(0).On(d, s.days.Location())
}

// cutOffAfter returns the cut-off of the n-th business day after d.
func (s *Schedule) cutOffAfter(d calendar.Date, n int) time.Time {
	return s.CutOffAt(s.days.Add(d, n))
}
