package profile

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/calendar"
)

// profile checks what concerns more than one field, and names that must exist.
func (c *checker) profile(p *Profile) {
	if p.Name == "" {
		c.problem("name", `""`, "", "is missing: a profile needs a name")
	}
	s := &p.Settlement
	c.calendar("settlement.calendar", s.Calendar)
	c.zone("settlement.time_zone", s.TimeZone)
	c.cutOff("settlement", s.Calendar, s.TimeZone, s.CutOff)
	if s.Matching.Tolerance.Less(s.Matching.Small.Tolerance) {
		c.problem("settlement.matching.small.tolerance", s.Matching.Small.Tolerance, "at most settlement.matching.tolerance, "+s.Matching.Tolerance.String(),
			"%s is more than larger payments are granted", s.Matching.Small.Tolerance)
	}
	for i := range s.Counterparty.Rules {
		c.counterpartyRule(fmt.Sprintf("settlement.counterparty.rules[%d]", i), &s.Counterparty.Rules[i])
	}
	for _, name := range p.Rails.sortedNames() {
		rail := p.Rails[name]
		c.rail(name, &rail)
	}
	c.approvals(&p.Approvals)
}

func (c *checker) calendar(field, name string) {
	if _, ok := calendar.Lookup(name); ok {
		return
	}
	names := calendar.Names()
	c.add(Problem{
		Field: field, Value: name, Message: "there is no calendar " + strconv.Quote(clip(name)), Allowed: strings.Join(names, ", "),
		Suggestion: nearest(name, names),
	})
}

func (c *checker) zone(field, name string) {
	if _, err := location(name, time.UTC); err != nil {
		c.problem(field, name, "a name of the IANA time zone database, like America/New_York", "there is no time zone %q", clip(name))
	}
}

// cutOff checks that the day has begun, where the calendar is, when the cut-off
// comes where it is stated. One far to the east would come first, and nothing
// could ever settle. A winter's and a summer's day stand for all, as clocks change
// by no more than what lies between them.
func (c *checker) cutOff(path, calendarName, zoneName string, at calendar.TimeOfDay) {
	days, ok := calendar.Lookup(calendarName)
	if !ok {
		return // reported already
	}
	zone, err := location(zoneName, days.Location())
	if err != nil {
		return
	}
	for _, d := range []calendar.Date{{Year: 2026, Month: time.January, Day: 15}, {Year: 2026, Month: time.July, Day: 15}} {
		if begin := calendar.TimeOfDay(0).On(d, days.Location()); !at.On(d, zone).After(begin) {
			c.problem(path+".cut_off", at, "a time after "+begin.In(zone).Format("15:04")+" in "+zone.String()+", when the day begins in "+days.Location().String(),
				"%s comes before the day of calendar %s has begun: nothing could settle", at, days.Name())
			return
		}
	}
}

// location loads a time zone, or takes the given one where there is no name. The
// name Local is refused, as it means another zone on another machine.
func location(name string, otherwise *time.Location) (*time.Location, error) {
	switch name {
	case "":
		return otherwise, nil
	case "Local":
		return nil, fmt.Errorf("the zone of the machine is not the same everywhere")
	}
	return time.LoadLocation(name)
}

func (c *checker) counterpartyRule(path string, r *CounterpartyRule) {
	if r.Reason == "" && r.Delay == 0 {
		c.problem(path, `""`, "", "does nothing: it needs a reason, a delay or both")
	}
	if r.BIC != "" && !isBIC(r.BIC) {
		c.problem(path+".bic", r.BIC, "8 or 11 capital letters and digits", "%q is no BIC", clip(r.BIC))
	}
	if !r.MaxQuantity.IsZero() && r.MaxQuantity.Less(r.MinQuantity) {
		c.problem(path+".max_quantity", r.MaxQuantity, "at least min_quantity, "+r.MinQuantity.String(), "%s is less than the smallest quantity", r.MaxQuantity)
	}
}

// isBIC checks the form of ISO 9362.
func isBIC(s string) bool {
	if len(s) != 8 && len(s) != 11 {
		return false
	}
	for i := range len(s) {
		if (s[i] < 'A' || s[i] > 'Z') && (s[i] < '0' || s[i] > '9' || (i >= 4 && i < 6)) {
			return false
		}
	}
	return true
}

func (c *checker) rail(name string, r *Rail) {
	path := join("rails", clip(name))
	if names := RailNames(); !slices.Contains(names, name) {
		c.add(Problem{
			Field: path, Value: name, Message: "there is no rail " + strconv.Quote(clip(name)), Allowed: strings.Join(names, ", "),
			Suggestion: nearest(name, names),
		})
	}
	c.calendar(path+".calendar", r.Calendar)
	c.zone(path+".time_zone", r.TimeZone)
	c.cutOff(path, r.Calendar, r.TimeZone, r.CutOff)
	if len(r.Kinds) == 0 {
		c.problem(path+".kinds", "[]", "cash, crypto, security", "is empty: nothing could travel on the rail")
	}
	if r.Confirmations > 0 && r.BlockInterval == 0 {
		c.problem(path+".block_interval", r.BlockInterval, "more than 0s where there are confirmations", "is missing")
	}
	if r.ReorgRate.Sign() > 0 && r.Confirmations == 0 {
		c.problem(path+".reorg_rate", r.ReorgRate, "0 where there are no confirmations", "%s makes no sense without a chain", r.ReorgRate)
	}
	if r.ReturnRate.Sign() > 0 && r.ReturnWindow == 0 {
		c.problem(path+".return_window", r.ReturnWindow, "at least 1 where return_rate is more than 0", "is missing")
	}
	if !r.Fee.Max.IsZero() && r.Fee.Max.Less(r.Fee.Fixed) {
		c.problem(path+".fee.max", r.Fee.Max, "at least fee.fixed, "+r.Fee.Fixed.String(), "%s is less than what is always taken", r.Fee.Max)
	}
}

func (c *checker) approvals(a *Approvals) {
	most := 0
	for i := range a.Tiers {
		t := &a.Tiers[i]
		path := fmt.Sprintf("approvals.tiers[%d]", i)
		switch last := i == len(a.Tiers)-1; {
		case last && !t.Below.IsZero():
			c.problem(path+".below", t.Below, "no bound in the last tier", "leaves amounts from %s on without a tier", t.Below)
		case !last && t.Below.IsZero():
			c.problem(path+".below", t.Below, "more than 0 in all tiers but the last", "is missing")
		case !last && i > 0 && !a.Tiers[i-1].Below.Less(t.Below):
			c.problem(path+".below", t.Below, "more than that of the tier before, "+a.Tiers[i-1].Below.String(), "%s is out of order", t.Below)
		}
		if t.Required < most {
			c.problem(path+".required", t.Required, fmt.Sprintf("at least %d, as for smaller amounts", most), "%d is less than smaller amounts need", t.Required)
		}
		most = max(most, t.Required)
	}
	if len(a.Tiers) == 0 && (a.RequiredOut || a.RequiredIn) {
		c.problem("approvals.tiers", "[]", "", "is empty: say how many approvals are required")
	}
	c.simulated(&a.Simulated, most)
}

func (c *checker) simulated(s *SimulatedApprovers, most int) {
	const path = "approvals.simulated."
	c.zone(path+"time_zone", s.TimeZone)
	seen := make(map[string]bool, len(s.Names))
	for i, name := range s.Names {
		field := fmt.Sprintf("%snames[%d]", path, i)
		switch {
		case name == "":
			c.problem(field, `""`, "", "is empty")
		case seen[name]:
			c.problem(field, name, "each name once", "%q is there already, and nobody approves twice", clip(name))
		}
		seen[name] = true
	}
	if s.Enabled && len(seen) < most {
		c.problem(path+"names", len(seen), fmt.Sprintf("at least %d", most), "are %d people, too few for the largest tier", len(seen))
	}
}
