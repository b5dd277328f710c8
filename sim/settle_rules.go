package sim

import (
	"time"

	"github.com/google/uuid"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/calendar"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/profile"
)

// settlementRules returns the rules by which instructions settle.
func (s *State) settlementRules() *profile.SettlementRules { return s.profile().Settlement() }

// isInstant reports whether nothing waits under a profile: no cycle, no cut-off
// before the day's end, no processing, and counterparties that answer at once.
func isInstant(p *profile.Resolved) bool {
	if p == nil {
		return true
	}
	r := p.Settlement()
	return r.Cycle == 0 && r.ProcessingTime == 0 && r.CutOff == calendar.EndOfDay && r.Days().Name() == "24X7" &&
		r.Counterparty.AffirmDelay == 0 && r.Counterparty.ConfirmDelay == 0
}

// timing is when an instruction settles: by the profile's rules for settlement,
// or for one that travels on a rail, by those of the rail.
type timing struct {
	*profile.Schedule
	cycle int
	// takes is the time from reservation to settlement.
	takes time.Duration
	// instant reports that nothing waits.
	instant bool
}

func (s *State) timingOf(st *Settlement) timing {
	if st.Terms != nil && st.Terms.Rail != "" {
		if r, ok := s.profile().Rail(st.Terms.Rail); ok {
			return timing{Schedule: &r.Schedule, cycle: r.Cycle, instant: s.instant,
				takes: r.ProcessingTime.Std() + time.Duration(r.Confirmations)*r.BlockInterval.Std()}
		}
	}
	r := s.settlementRules()
	t := timing{Schedule: &r.Schedule, cycle: r.Cycle, takes: r.ProcessingTime.Std(), instant: s.instant}
	if st.NeedsMatch() && st.Terms.CounterpartyAccount == "" {
		t.takes += r.Counterparty.ConfirmDelay.Std() // the depository must confirm
	}
	return t
}

// valueDate returns an open settlement's value date.
func valueDate(st *Settlement) calendar.Date {
	d, _ := calendar.ParseDate(st.ExpectedDate) // we wrote it
	return d
}

// open reports whether settlement takes place now: on a business day, before its
// cut-off.
func (t timing) open(now time.Time) bool {
	return t.instant || t.InTime(t.Today(now), now)
}

// nextOpening returns the first instant of the next business day.
func (t timing) nextOpening(now time.Time) time.Time {
	return t.StartOf(t.Days().Next(t.Today(now)))
}

// reached reports whether the value date has come.
func (t timing) reached(st *Settlement, now time.Time) bool {
	return t.instant || !now.Before(t.StartOf(valueDate(st)))
}

// firstCutOff returns the first cut-off that counts for a value date.
func (t timing) firstCutOff(value calendar.Date, now time.Time) time.Time {
	if t.instant {
		return time.Time{}
	}
	if at := t.CutOffAt(value); at.After(now) {
		return at
	}
	return t.nextCutOff(now)
}

// nextCutOff returns the first cut-off after now.
func (t timing) nextCutOff(now time.Time) time.Time { return t.CutOffAt(t.TradeDate(now)) }

// late reports whether the last cut-off of the value date has passed.
func (t timing) late(st *Settlement, now time.Time) bool {
	return !t.instant && !now.Before(t.CutOffAt(valueDate(st)))
}

// daysLate returns the number of business days from the value date to now.
func (t timing) daysLate(st *Settlement, now time.Time) int {
	days, today := 0, t.Today(now)
	for d := valueDate(st); d.Before(today) && days < 1000; days++ {
		d = t.Days().Next(d)
	}
	return max(days, 1)
}

// outside reports whether the instruction's counterparty is outside the house.
func (s *Settlement) outside() bool {
	return s.NeedsMatch() && s.Terms.CounterpartyAccount == ""
}

func (s *Settlement) matched() bool { return !s.NeedsMatch() || s.Matching.Status == MatchingMatched }

func (s *Settlement) hasCounterpart() bool { return s.MatchedWith != uuid.UUID{} }
