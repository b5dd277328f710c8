package calendar_test

import (
	"math"
	"testing"

	"pgregory.net/rapid"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/calendar"
)

func calendars() *rapid.Generator[*calendar.Calendar] {
	return rapid.Custom(func(t *rapid.T) *calendar.Calendar {
		c, _ := calendar.Lookup(rapid.SampledFrom(calendar.Names()).Draw(t, "calendar"))
		return c
	})
}

func TestConventionsMoveDatesAsISDASays(t *testing.T) {
	t.Parallel()
	nyse, t2, always := lookup(t, "NYSE"), lookup(t, "T2"), lookup(t, "24X7")
	for _, c := range []struct {
		name       string
		calendar   *calendar.Calendar
		date       string
		convention calendar.Convention
		want       string
	}{
		{"a business day stays", nyse, "2026-11-25", calendar.Following, "2026-11-25"},
		{"over Thanksgiving", nyse, "2026-11-26", calendar.Following, "2026-11-27"},
		{"back over Thanksgiving", nyse, "2026-11-26", calendar.Preceding, "2026-11-25"},
		{"over a weekend and a holiday", nyse, "2026-07-03", calendar.Following, "2026-07-06"},
		{"over Easter", t2, "2026-04-03", calendar.Following, "2026-04-07"},
		{"back over Easter", t2, "2026-04-06", calendar.Preceding, "2026-04-02"},
		{"within the month as Following", nyse, "2026-11-28", calendar.ModifiedFollowing, "2026-11-30"},
		{"a month's last weekend goes back", nyse, "2026-01-31", calendar.ModifiedFollowing, "2026-01-30"},
		{"a year's end goes back", nyse, "2022-12-31", calendar.ModifiedFollowing, "2022-12-30"},
		{"Good Friday at the end of a month goes back", t2, "2024-03-31", calendar.ModifiedFollowing, "2024-03-28"},
		{"always open", always, "2026-12-25", calendar.Following, "2026-12-25"},
		{"a convention that does not exist", nyse, "2026-11-26", calendar.Convention(9), "2026-11-26"},
	} {
		if got := c.calendar.Adjust(date(c.date), c.convention); got != date(c.want) {
			t.Errorf("%s: %s %s in %s is %s, want %s", c.name, c.date, c.convention, c.calendar.Name(), got, c.want)
		}
	}
	for convention, name := range map[calendar.Convention]string{0: "Following", 1: "ModifiedFollowing", 2: "Preceding", 9: "Convention(9)"} {
		if convention.String() != name {
			t.Errorf("%d is called %s", uint8(convention), convention)
		}
	}
}

func TestCyclesCountBusinessDays(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, calendar, date string
		days                 int
		want                 string
	}{
		{"T+1 over a weekend", "NYSE", "2026-11-20", 1, "2026-11-23"},
		{"T+1 over Thanksgiving", "NYSE", "2026-11-25", 1, "2026-11-27"},
		{"T+2 over Thanksgiving and a weekend", "NYSE", "2026-11-25", 2, "2026-11-30"},
		{"T+0 stays, even on a holiday", "NYSE", "2026-11-26", 0, "2026-11-26"},
		{"T+1 from a holiday", "NYSE", "2026-11-26", 1, "2026-11-27"},
		{"T+2 over the turn of the year", "FEDWIRE", "2026-12-31", 2, "2027-01-05"},
		{"T+2 over Easter", "T2", "2026-04-02", 2, "2026-04-08"},
		{"backwards", "NYSE", "2026-11-30", -2, "2026-11-25"},
		{"T+1 when nothing closes", "24X7", "2026-12-24", 1, "2026-12-25"},
	} {
		if got := lookup(t, c.calendar).Add(date(c.date), c.days); got != date(c.want) {
			t.Errorf("%s: %s and %d days is %s, want %s", c.name, c.date, c.days, got, c.want)
		}
	}
}

func TestEnormousCyclesAreAnsweredAtOnce(t *testing.T) {
	t.Parallel()
	for _, name := range calendar.Names() {
		c := lookup(t, name)
		for _, n := range []int{1 << 30, -(1 << 30)} {
			far := c.Add(date("2026-11-25"), n)
			if back := c.Add(far, -n); back != date("2026-11-25") {
				t.Errorf("%s: %d business days on is %s, and as many back %s", name, n, far, back)
			}
		}
		c.Add(calendar.Date{Year: -10_000_000, Month: 1, Day: 1}, math.MaxInt32)
	}
}

func TestBusinessDayArithmeticHoldsTogether(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		c, d := calendars().Draw(t, "calendar"), dates().Draw(t, "date")
		next, previous := c.Next(d), c.Previous(d)
		if !c.Business(next) || !next.After(d) || !c.Business(previous) || !previous.Before(d) {
			t.Fatalf("%s: %s lies between %s and %s", c.Name(), d, previous, next)
		}
		for between := previous.AddDays(1); between.Before(next); between = between.AddDays(1) {
			if between != d && c.Business(between) {
				t.Fatalf("%s: business day %s was passed over", c.Name(), between)
			}
		}
		if c.Business(d) && (c.Previous(next) != d || c.Next(previous) != d) {
			t.Fatalf("%s: next and previous of %s do not lead back", c.Name(), d)
		}
		for _, convention := range []calendar.Convention{calendar.Following, calendar.ModifiedFollowing, calendar.Preceding} {
			adjusted := c.Adjust(d, convention)
			if !c.Business(adjusted) || c.Adjust(adjusted, convention) != adjusted || (c.Business(d) && adjusted != d) {
				t.Fatalf("%s: %s %s is %s", c.Name(), d, convention, adjusted)
			}
			if convention == calendar.ModifiedFollowing && adjusted.Month != d.Month {
				t.Fatalf("%s: %s left its month for %s", c.Name(), d, adjusted)
			}
		}
	})
}

func TestAddIsRepeatedNextAndHasAnInverse(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		c, d := calendars().Draw(t, "calendar"), dates().Draw(t, "date")
		n := rapid.OneOf(rapid.IntRange(-12, 12), rapid.IntRange(-3000, 3000)).Draw(t, "days")
		want := d
		for range max(n, -n) {
			if n > 0 {
				want = c.Next(want)
			} else {
				want = c.Previous(want)
			}
		}
		got := c.Add(d, n)
		if got != want {
			t.Fatalf("%s: %s and %d business days is %s, day by day %s", c.Name(), d, n, got, want)
		}
		if c.Business(d) && c.Add(got, -n) != d {
			t.Fatalf("%s: %s and %d business days and back is %s", c.Name(), d, n, c.Add(got, -n))
		}
	})
}
