package calendar_test

import (
	"testing"
	"time"

	"github.com/rickar/cal/v2"
	"github.com/rickar/cal/v2/aa"
	"github.com/rickar/cal/v2/ecb"
	"github.com/rickar/cal/v2/us"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/calendar"
)

// reason says why a calendar differs from the library on a date.
type reason string

const (
	saturdayStays   reason = "the Federal Reserve does not move holidays from a Saturday to the Friday before"
	yearEnd         reason = "New Year's Day on a Saturday is not kept: the Friday before ends a year's accounts"
	juneteenthLater reason = "Juneteenth became law on 17 June 2021, two days ahead; markets keep it since 2022"
	veteransStays   reason = "bond markets trade on the Friday before a Saturday's Veterans Day, as Fedwire is open"
	jobsReport      reason = "the employment report came out on Good Friday, so an early close was recommended"
	mourning        reason = "closed for the National Day of Mourning for Jimmy Carter, which no rule foresees"
)

// crossChecks hold each calendar against the library's rules, none of them
// adapted. What differs must be listed: open days that the library has as
// holidays, and closed ones that it does not know.
var crossChecks = []struct {
	name     string
	holidays []*cal.Holiday
	open     map[string]reason
	closed   map[string]reason
}{
	{
		name: "NYSE",
		holidays: []*cal.Holiday{
			us.NewYear, us.MlkDay, us.PresidentsDay, aa.GoodFriday, us.MemorialDay, us.Juneteenth, us.IndependenceDay, us.LaborDay,
			us.ThanksgivingDay, us.ChristmasDay,
		},
		open: map[string]reason{
			"2021-06-18": juneteenthLater, "2021-12-31": yearEnd, "2027-12-31": yearEnd,
		},
		closed: map[string]reason{"2025-01-09": mourning},
	},
	{
		name:     "FEDWIRE",
		holidays: us.Holidays,
		open: map[string]reason{
			"2020-07-03": saturdayStays, "2021-06-18": saturdayStays, "2021-12-24": saturdayStays, "2021-12-31": saturdayStays,
			"2023-11-10": saturdayStays, "2026-07-03": saturdayStays, "2027-06-18": saturdayStays, "2027-12-24": saturdayStays,
			"2027-12-31": saturdayStays, "2028-11-10": saturdayStays,
		},
	},
	{
		name:     "SIFMA",
		holidays: append([]*cal.Holiday{aa.GoodFriday}, us.Holidays...),
		open: map[string]reason{
			"2021-06-18": juneteenthLater, "2021-12-31": yearEnd, "2027-12-31": yearEnd,
			"2023-11-10": veteransStays, "2028-11-10": veteransStays,
			"2021-04-02": jobsReport, "2023-04-07": jobsReport, "2026-04-03": jobsReport,
		},
	},
	{name: "T2", holidays: ecb.Holidays},
	{name: "24X7"},
}

func TestHolidaysAgreeWithAnIndependentLibrary(t *testing.T) {
	t.Parallel()
	for _, check := range crossChecks {
		t.Run(check.name, func(t *testing.T) {
			t.Parallel()
			c := lookup(t, check.name)
			library := cal.NewBusinessCalendar()
			library.Cacheable = false
			library.AddHoliday(check.holidays...)
			if check.name == "24X7" {
				library.SetWorkday(time.Saturday, true)
				library.SetWorkday(time.Sunday, true)
			}
			differences := 0
			for d := date("2020-01-01"); !d.After(date("2030-12-31")); d = d.AddDays(1) {
				want := library.IsWorkday(d.At(12, 0, 0, time.UTC))
				if c.Business(d) == want {
					continue
				}
				differences++
				if why := check.open[d.String()]; !want && why == "" {
					t.Errorf("%s %s is a business day, the library has a holiday", d, d.Weekday())
				}
				if why := check.closed[d.String()]; want && why == "" {
					t.Errorf("%s %s is no business day, the library has one", d, d.Weekday())
				}
			}
			if listed := len(check.open) + len(check.closed); differences != listed {
				t.Errorf("%d days differ, %d are explained", differences, listed)
			}
		})
	}
}

// TestFedwireListsSaturdayHolidaysByName checks the dates against the library's
// actual rather than observed ones.
func TestFedwireListsSaturdayHolidaysByName(t *testing.T) {
	t.Parallel()
	saturdays := 0
	for _, check := range []struct {
		name     string
		holidays []*cal.Holiday
	}{{"FEDWIRE", us.Holidays}, {"T2", ecb.Holidays}} {
		c := lookup(t, check.name)
		for _, holiday := range check.holidays {
			for year := 2020; year <= 2030; year++ {
				actual, _ := holiday.Calc(year)
				if actual.IsZero() || actual.Weekday() != time.Saturday {
					continue
				}
				saturdays++
				d := calendar.DateOf(actual, actual.Location())
				if name, ok := c.Holiday(d); !ok || name == "" || c.Business(d) {
					t.Errorf("%s: %s on %s is %q, %v", check.name, holiday.Name, d, name, ok)
				}
			}
		}
	}
	if saturdays == 0 {
		t.Error("no holiday fell on a Saturday")
	}
}

func TestCountingBusinessDaysAgreesWithAnIndependentLibrary(t *testing.T) {
	t.Parallel()
	c := lookup(t, "T2") // the one calendar on which both agree everywhere
	library := cal.NewBusinessCalendar()
	library.AddHoliday(ecb.Holidays...)
	for d := date("2020-02-01"); d.Before(date("2030-12-01")); d = d.AddDays(1) {
		for _, n := range []int{1, 2, 3, 5, -1, -2, -10} {
			at := library.WorkdaysFrom(d.At(12, 0, 0, time.UTC), n)
			if got, want := c.Add(d, n), calendar.DateOf(at, time.UTC); got != want {
				t.Fatalf("%s and %d business days is %s, the library says %s", d, n, got, want)
			}
		}
	}
}

// TestEarlyClosesFollowTheirRules derives early closes from the library's dates of
// the holidays that they belong to. The library itself knows none.
func TestEarlyClosesFollowTheirRules(t *testing.T) {
	t.Parallel()
	observed := func(h *cal.Holiday, year int) calendar.Date {
		_, day := h.Calc(year)
		return calendar.DateOf(day, day.Location())
	}
	nyse, sifma := lookup(t, "NYSE"), lookup(t, "SIFMA")
	want := map[*calendar.Calendar]map[calendar.Date]string{
		nyse:  {},
		sifma: {date("2025-01-09"): "14:00"}, // National Day of Mourning
	}
	for year := 2020; year <= 2030; year++ {
		dayAfter := observed(us.DayAfterThanksgivingDay, year)
		want[nyse][dayAfter], want[sifma][dayAfter] = "13:00", "14:00"
		for _, d := range []calendar.Date{{Year: year, Month: time.July, Day: 3}, {Year: year, Month: time.December, Day: 24}} {
			if day := d.Weekday(); day >= time.Monday && day <= time.Thursday {
				want[nyse][d] = "13:00"
			}
		}
		for _, h := range []*cal.Holiday{us.MemorialDay, us.IndependenceDay, us.ChristmasDay} {
			want[sifma][sifma.Previous(observed(h, year))] = "14:00"
		}
		want[sifma][sifma.Previous(calendar.Date{Year: year + 1, Month: time.January, Day: 1})] = "14:00"
		if friday := observed(aa.GoodFriday, year); sifma.Business(friday) {
			want[sifma][friday] = "12:00" // with the employment report
		} else {
			want[sifma][sifma.Previous(friday)] = "14:00"
		}
	}
	for _, name := range calendar.Names() {
		c := lookup(t, name)
		for d := date("2020-01-01"); !d.After(date("2030-12-31")); d = d.AddDays(1) {
			early, ok := c.EarlyClose(d)
			if rule := want[c][d]; ok != (rule != "") || (ok && early.String() != rule) {
				t.Errorf("%s closes at %s, %v on %s, by the rules at %q", name, early, ok, d, rule)
			}
		}
	}
}
