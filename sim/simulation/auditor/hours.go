package auditor

import (
	"fmt"
	"time"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/calendar"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/profile"
)

// hours is when something settles: reckoned here from the configured profile.
// The business days are the calendars' own, which their tests hold against an
// independent library.
type hours struct {
	days   *calendar.Calendar
	zone   *time.Location
	cutOff calendar.TimeOfDay
}

// instantProfile reports whether nothing waits under a profile.
func instantProfile(p *profile.Profile) bool {
	s := &p.Settlement
	return s.Cycle == 0 && s.ProcessingTime == 0 && s.CutOff == calendar.EndOfDay && s.Calendar == "24X7" &&
		s.Counterparty.AffirmDelay == 0 && s.Counterparty.ConfirmDelay == 0
}

func (a *Auditor) hours(name, zone string, cutOff calendar.TimeOfDay) hours {
	days, ok := calendar.Lookup(name)
	if !ok {
		panic("auditor: no calendar " + name) // the profile was validated
	}
	h := hours{days: days, zone: days.Location(), cutOff: cutOff}
	if zone == "" {
		return h
	}
	if a.zones[zone] == nil {
		loc, err := time.LoadLocation(zone)
		if err != nil {
			panic(err) // the profile was validated
		}
		a.zones[zone] = loc
	}
	h.zone = a.zones[zone]
	return h
}

func (a *Auditor) hoursOf(st *sim.Settlement) hours {
	if st.Terms != nil && st.Terms.Rail != "" {
		if r, ok := a.cfg.Profile.Rails[st.Terms.Rail]; ok {
			return a.hours(r.Calendar, r.TimeZone, r.CutOff)
		}
	}
	s := &a.cfg.Profile.Settlement
	return a.hours(s.Calendar, s.TimeZone, s.CutOff)
}

// takes reports whether a settlement takes time between reservation and
// settlement.
func (a *Auditor) takes(st *sim.Settlement) bool {
	if st.Terms != nil && st.Terms.Rail != "" {
		if r, ok := a.cfg.Profile.Rails[st.Terms.Rail]; ok {
			return r.ProcessingTime > 0 || (r.Confirmations > 0 && r.BlockInterval > 0)
		}
	}
	s := &a.cfg.Profile.Settlement
	outside := needsMatch(st.Type) && st.Terms.CounterpartyAccount == ""
	return s.ProcessingTime > 0 || (outside && s.Counterparty.ConfirmDelay > 0)
}

// date is the date where the calendar is kept.
func (h *hours) date(at time.Time) string { return at.In(h.days.Location()).Format(time.DateOnly) }

// check checks that something may be settled at a time: on a business day, where
// the calendar is kept, and before the cut-off, where that is reckoned.
func (h *hours) check(at time.Time) error {
	local := at.In(h.days.Location())
	day := calendar.DateOf(at, h.days.Location())
	if !h.days.Business(day) {
		return fmt.Errorf("%s is no business day of %s", local.Format("Monday 2006-01-02"), h.days.Name())
	}
	// The seconds of the day are put onto the date as they are written on a clock;
	// where the clock is put on or back in between, that is what a day lacks or has
	// more.
	seconds := int(h.cutOff)
	cutOff := time.Date(local.Year(), local.Month(), local.Day(), seconds/3600, seconds/60%60, seconds%60, 0, h.zone)
	if !at.Before(cutOff) {
		return fmt.Errorf("%s is past the cut-off at %s", at.Format(time.DateTime), cutOff)
	}
	if early, ok := h.days.EarlyClose(day); ok {
		seconds = int(early)
		closing := time.Date(local.Year(), local.Month(), local.Day(), seconds/3600, seconds/60%60, seconds%60, 0, h.days.Location())
		if !at.Before(closing) {
			return fmt.Errorf("%s is past the early close at %s", at.Format(time.DateTime), closing)
		}
	}
	return nil
}
