package profile

import (
	"errors"
	"fmt"
	"time"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/calendar"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/money"
)

// Resolved is a profile whose calendars and time zones were looked up. It is
// immutable and safe for concurrent use.
type Resolved struct {
	profile    Profile
	settlement SettlementRules
	rails      map[string]*RailRules
	approvals  ApprovalRules
}

// SettlementRules are the rules by which instructions settle. They must not be
// changed.
type SettlementRules struct {
	Settlement
	Schedule
}

// RailRules are the rules of one rail. They must not be changed.
type RailRules struct {
	Rail
	Schedule
	// Name is the rail's name.
	Name string
}

// ApprovalRules are the rules by which transfers are approved. They must not be
// changed.
type ApprovalRules struct {
	Approvals
	zone *time.Location
}

// Resolve validates p and looks up its calendars and time zones. The result
// shares nothing with p. The error joins the [Problem] values of
// [Profile.Validate], one per line.
func (p Profile) Resolve() (*Resolved, error) {
	if problems := p.Validate(); len(problems) > 0 {
		errs := make([]error, len(problems))
		for i, problem := range problems {
			errs[i] = problem
		}
		return nil, fmt.Errorf("profile %s: %w", p.Name, errors.Join(errs...))
	}
	p = p.Clone()
	r := &Resolved{profile: p, rails: make(map[string]*RailRules, len(p.Rails))}
	var err error
	s := &p.Settlement
	if r.settlement.Schedule, err = schedule(s.Calendar, s.TimeZone, s.CutOff, s.Cycle); err != nil {
		return nil, fmt.Errorf("settlement: %w", err)
	}
	r.settlement.Settlement = *s
	for name, rail := range p.Rails {
		rules := &RailRules{Rail: rail, Name: name}
		if rules.Schedule, err = schedule(rail.Calendar, rail.TimeZone, rail.CutOff, rail.Cycle); err != nil {
			return nil, fmt.Errorf("rails.%s: %w", name, err)
		}
		r.rails[name] = rules
	}
	r.approvals.Approvals = p.Approvals
	if r.approvals.zone, err = location(p.Approvals.Simulated.TimeZone, time.UTC); err != nil {
		return nil, fmt.Errorf("approvals.simulated.time_zone: %w", err)
	}
	return r, nil
}

func schedule(days, zone string, cutOff calendar.TimeOfDay, cycle int) (Schedule, error) {
	c, ok := calendar.Lookup(days)
	if !ok {
		return Schedule{}, fmt.Errorf("there is no calendar %q", days)
	}
	loc, err := location(zone, c.Location())
	return Schedule{days: c, zone: loc, cutOff: cutOff, cycle: cycle}, err
}

// Name returns the profile's name.
func (r *Resolved) Name() string { return r.profile.Name }

// Profile returns a copy of what was resolved.
func (r *Resolved) Profile() Profile { return r.profile.Clone() }

// Settlement returns the rules for instructions.
func (r *Resolved) Settlement() *SettlementRules { return &r.settlement }

// Rail returns the rules of a rail, and whether it is on offer.
func (r *Resolved) Rail(name string) (*RailRules, bool) {
	rail, ok := r.rails[name]
	return rail, ok
}

// Rails lists the rails on offer in alphabetical order, for messages that say
// what is allowed.
func (r *Resolved) Rails() []string { return r.profile.Rails.sortedNames() }

// Approvals returns the rules for approvals.
func (r *Resolved) Approvals() *ApprovalRules { return &r.approvals }

// LastCutOff returns the instant from which on an instruction for d can no longer
// settle on d and is failing.
func (s *SettlementRules) LastCutOff(d calendar.Date) time.Time { return s.CutOffAt(d) }

// RetentionEnd returns the instant at which the system cancels an instruction
// that still fails: the last cut-off of the last business day of retention.
func (s *SettlementRules) RetentionEnd(value calendar.Date) time.Time {
	return s.cutOffAfter(value, s.Retention)
}

// Penalty returns what an instruction with a cash amount costs that failed on a
// number of days, rounded half away from zero to the currency's decimals.
func (s *SettlementRules) Penalty(cash money.Amount, days, decimals int) money.Amount {
	return multiply(s.PenaltyRate, multiply(cash, whole(days), money.MaxDecimals), decimals)
}

// CompletionAt returns when a transfer that is approved now should be complete,
// if nothing goes wrong: processed on its value date, and confirmed where there is
// a chain. It reports false where [Schedule.ValueDate] does.
func (r *RailRules) CompletionAt(now time.Time) (time.Time, bool) {
	d, ok := r.ValueDate(now)
	at := now
	if start := r.StartOf(d); start.After(at) {
		at = start
	}
	return at.Add(r.ProcessingTime.Std() + time.Duration(r.Confirmations)*r.BlockInterval.Std()), ok
}

// ReturnableUntil returns the instant from which on a transfer credited on d can
// no longer be returned.
func (r *RailRules) ReturnableUntil(d calendar.Date) time.Time {
	return r.cutOffAfter(d, r.ReturnWindow)
}

// DelayAt returns what a simulated approver takes who is asked at now.
func (a *ApprovalRules) DelayAt(now time.Time) time.Duration {
	s, local := &a.Simulated, now.In(a.zone)
	delay := s.Delay.Std()
	if day := local.Weekday(); day == time.Saturday || day == time.Sunday {
		delay *= time.Duration(max(s.WeekendFactor, 1))
	}
	hour, minute, second := local.Clock()
	if s.night(calendar.TimeOfDay(hour*3600 + minute*60 + second)) {
		delay *= time.Duration(max(s.NightFactor, 1))
	}
	return delay
}

// night reports whether t lies between NightFrom and NightUntil, over midnight
// where the night does.
func (s *SimulatedApprovers) night(t calendar.TimeOfDay) bool {
	if s.NightFrom <= s.NightUntil {
		return s.NightFrom <= t && t < s.NightUntil
	}
	return t >= s.NightFrom || t < s.NightUntil
}
