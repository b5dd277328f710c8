package calendar_test

import (
	"slices"
	"testing"
	"time"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/calendar"
)

func lookup(t testing.TB, name string) *calendar.Calendar {
	t.Helper()
	c, ok := calendar.Lookup(name)
	if !ok {
		t.Fatalf("no calendar %s", name)
	}
	return c
}

func TestLookupFindsCalendarsWhateverTheCase(t *testing.T) {
	t.Parallel()
	want := []string{"24X7", "FEDWIRE", "NYSE", "SIFMA", "T2"}
	if got := calendar.Names(); !slices.Equal(got, want) {
		t.Errorf("names are %v, want %v", got, want)
	}
	for spelling, name := range map[string]string{"NYSE": "NYSE", "nyse": "NYSE", "24x7": "24X7", "24X7": "24X7", "t2": "T2", "Fedwire": "FEDWIRE"} {
		if c, ok := calendar.Lookup(spelling); !ok || c.Name() != name {
			t.Errorf("%q is not %s", spelling, name)
		}
	}
	for _, unknown := range []string{"", "LSE", "NYSE ", "24/7"} {
		if c, ok := calendar.Lookup(unknown); ok {
			t.Errorf("%q is %s", unknown, c.Name())
		}
	}
}

func TestNamesCannotBeChangedByCallers(t *testing.T) {
	t.Parallel()
	calendar.Names()[0] = "changed"
	if calendar.Names()[0] == "changed" {
		t.Error("a caller changed the names of all")
	}
}

func TestCalendarsHaveTheirZonesAndHours(t *testing.T) {
	t.Parallel()
	for _, want := range []struct{ name, zone, close, first, last string }{
		{"NYSE", "America/New_York", "16:00", "2020-01-01", "2030-12-31"},
		{"FEDWIRE", "America/New_York", "19:00", "2020-01-01", "2030-12-31"},
		{"SIFMA", "America/New_York", "17:00", "2020-01-01", "2030-12-31"},
		{"T2", "Europe/Berlin", "18:00", "2020-01-01", "2030-12-31"},
		{"24X7", "UTC", "24:00", "0001-01-01", "9999-12-31"},
	} {
		c := lookup(t, want.name)
		if c.Location().String() != want.zone || c.First() != date(want.first) || c.Last() != date(want.last) || c.Title() == "" {
			t.Errorf("%s: %s, %s to %s", c.Name(), c.Location(), c.First(), c.Last())
		}
		if got := c.Close(date("2026-11-23")).String(); got != want.close {
			t.Errorf("%s closes at %s, want %s", c.Name(), got, want.close)
		}
		if c.Covers(c.First().AddDays(-1)) || !c.Covers(c.First()) || !c.Covers(c.Last()) || c.Covers(c.Last().AddDays(1)) {
			t.Errorf("%s covers other dates than from first to last", c.Name())
		}
	}
}

func TestDaysThatEveryTraderKnows(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ calendar, date, holiday, early string }{
		{"NYSE", "2025-01-09", "National Day of Mourning for Jimmy Carter", ""},
		{"NYSE", "2021-06-18", "", ""},
		{"NYSE", "2022-06-20", "Juneteenth National Independence Day (observed)", ""},
		{"NYSE", "2021-12-31", "", ""},
		{"NYSE", "2023-01-02", "New Year's Day (observed)", ""},
		{"NYSE", "2026-04-03", "Good Friday", ""},
		{"NYSE", "2026-07-02", "", ""},
		{"NYSE", "2026-07-03", "Independence Day (observed)", ""},
		{"NYSE", "2025-07-03", "", "13:00"},
		{"NYSE", "2026-11-27", "", "13:00"},
		{"NYSE", "2026-12-24", "", "13:00"},
		{"NYSE", "2021-12-23", "", ""},
		{"NYSE", "2026-10-12", "", ""},
		{"FEDWIRE", "2026-04-03", "", ""},
		{"FEDWIRE", "2026-07-03", "", ""},
		{"FEDWIRE", "2026-07-04", "Independence Day", ""},
		{"FEDWIRE", "2027-07-05", "Independence Day (observed)", ""},
		{"FEDWIRE", "2026-10-12", "Columbus Day", ""},
		{"FEDWIRE", "2025-01-09", "", ""},
		{"SIFMA", "2026-04-03", "", "12:00"},
		{"SIFMA", "2025-04-17", "", "14:00"},
		{"SIFMA", "2025-04-18", "Good Friday", ""},
		{"SIFMA", "2025-01-09", "", "14:00"},
		{"SIFMA", "2020-07-02", "", "14:00"},
		{"SIFMA", "2020-07-03", "Independence Day (observed)", ""},
		{"SIFMA", "2026-11-11", "Veterans Day", ""},
		{"T2", "2026-04-06", "Easter Monday", ""},
		{"T2", "2026-05-01", "Labour Day", ""},
		{"T2", "2026-12-26", "Second day of Christmas", ""},
		{"T2", "2026-12-24", "", ""},
		{"24X7", "2026-12-25", "", ""},
	} {
		d := date(c.date)
		cal := lookup(t, c.calendar)
		name, closed := cal.Holiday(d)
		if name != c.holiday || closed != (c.holiday != "") {
			t.Errorf("%s %s: holiday %q, want %q", c.calendar, d, name, c.holiday)
		}
		early, ok := cal.EarlyClose(d)
		if ok != (c.early != "") || (ok && early.String() != c.early) || (ok && cal.Close(d) != early) {
			t.Errorf("%s %s: early close %s %v, want %q", c.calendar, d, early, ok, c.early)
		}
		if cal.Business(d) == closed {
			t.Errorf("%s %s: business day is %v", c.calendar, d, cal.Business(d))
		}
	}
}

func TestEveryYearHasItsUsualNumberOfHolidays(t *testing.T) {
	t.Parallel()
	for name, want := range map[string][2]int{"NYSE": {8, 11}, "FEDWIRE": {10, 11}, "SIFMA": {10, 12}, "T2": {6, 6}} {
		c := lookup(t, name)
		for year := 2020; year <= 2030; year++ {
			holidays := 0
			for d := (calendar.Date{Year: year, Month: 1, Day: 1}); d.Year == year; d = d.AddDays(1) {
				if _, ok := c.Holiday(d); ok {
					holidays++
				}
			}
			if holidays < want[0] || holidays > want[1] {
				t.Errorf("%s has %d holidays in %d, want %d to %d", name, holidays, year, want[0], want[1])
			}
		}
	}
}

func TestBeyondItsDataACalendarKnowsWeekendsOnly(t *testing.T) {
	t.Parallel()
	c := lookup(t, "NYSE")
	for day, want := range map[string]bool{"2031-12-25": true, "2031-12-27": false, "2019-12-25": true, "2019-12-28": false, "9999-12-31": true} {
		if got := c.Business(date(day)); got != want {
			t.Errorf("%s: business day is %v, want %v", day, got, want)
		}
	}
	if c.Business(calendar.Date{}) && c.Covers(calendar.Date{}) {
		t.Error("the zero date is covered")
	}
}

func TestAnsweringAllocatesNothing(t *testing.T) { // not parallel: it counts allocations
	c := lookup(t, "NYSE")
	d, loc, at := date("2026-11-25"), c.Location(), time.Date(2026, 11, 25, 21, 0, 0, 0, time.UTC)
	calls := map[string]func(){
		"Lookup":     func() { calendar.Lookup("NYSE") },
		"Business":   func() { c.Business(d) },
		"Holiday":    func() { c.Holiday(d) },
		"EarlyClose": func() { c.EarlyClose(d) },
		"Close":      func() { c.Close(d) },
		"Covers":     func() { c.Covers(d) },
		"Next":       func() { c.Next(d) },
		"Previous":   func() { c.Previous(d) },
		"Adjust":     func() { c.Adjust(d, calendar.ModifiedFollowing) },
		"Add":        func() { c.Add(d, 30) },
		"On":         func() { c.Close(d).On(d, loc) },
		"DateOf":     func() { calendar.DateOf(at, loc) },
		"Compare":    func() { d.Compare(c.Last()) },
	}
	for name, call := range calls {
		if n := testing.AllocsPerRun(100, call); n != 0 {
			t.Errorf("%s allocates %v times", name, n)
		}
	}
}
