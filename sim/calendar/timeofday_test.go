package calendar_test

import (
	"testing"
	"time"
	_ "time/tzdata" // tests run anywhere

	"pgregory.net/rapid"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/calendar"
)

func zone(t interface{ Fatal(...any) }, name string) *time.Location {
	loc, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return loc
}

func clock(text string) calendar.TimeOfDay {
	t, err := calendar.ParseTimeOfDay(text)
	if err != nil {
		panic(text + ": " + err.Error())
	}
	return t
}

func TestParseTimeOfDayRefusesWhatIsNoTime(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"", "16", "4pm", "1600", "16:0", "6:00", "16:60", "16:00:60", "24:01", "24:00:01", "25:00", "-1:00", "16:00:", "16:00:5", "16.00", "16:00.05", "16:00:05Z", " 16:00",
	} {
		if got, err := calendar.ParseTimeOfDay(text); err == nil {
			t.Errorf("%q reads as %s", text, got)
		}
	}
	for text, want := range map[string]string{
		"00:00": "00:00", "16:00": "16:00", "16:00:00": "16:00", "16:00:05": "16:00:05", "23:59:59": "23:59:59", "24:00": "24:00", "24:00:00": "24:00",
	} {
		if got, err := calendar.ParseTimeOfDay(text); err != nil || got.String() != want {
			t.Errorf("%q reads as %s, %v", text, got, err)
		}
	}
}

func TestWallTimesHaveOneInstantEvenWhereTheClocksChange(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, zone, date, time, want string }{
		{"an ordinary time in winter", "America/New_York", "2026-01-05", "16:00", "2026-01-05T21:00:00Z"},
		{"an ordinary time in summer", "America/New_York", "2026-07-06", "16:00", "2026-07-06T20:00:00Z"},
		{"the last second before the gap", "America/New_York", "2026-03-08", "01:59:59", "2026-03-08T06:59:59Z"},
		{"the first time of the gap", "America/New_York", "2026-03-08", "02:00", "2026-03-08T07:00:00Z"},
		{"a time in the gap is the instant after it", "America/New_York", "2026-03-08", "02:30", "2026-03-08T07:00:00Z"},
		{"the last second of the gap", "America/New_York", "2026-03-08", "02:59:59", "2026-03-08T07:00:00Z"},
		{"the first time after the gap", "America/New_York", "2026-03-08", "03:00", "2026-03-08T07:00:00Z"},
		{"a time that comes twice is the first", "America/New_York", "2026-11-01", "01:30", "2026-11-01T05:30:00Z"},
		{"the last second that comes twice", "America/New_York", "2026-11-01", "01:59:59", "2026-11-01T05:59:59Z"},
		{"after the repeated hour", "America/New_York", "2026-11-01", "02:00", "2026-11-01T07:00:00Z"},
		{"a gap in Europe", "Europe/Berlin", "2026-03-29", "02:30", "2026-03-29T01:00:00Z"},
		{"a repeated hour in Europe", "Europe/Berlin", "2026-10-25", "02:30", "2026-10-25T00:30:00Z"},
		{"a gap at midnight", "America/Havana", "2026-03-08", "00:30", "2026-03-08T05:00:00Z"},
		{"a day that Samoa left out", "Pacific/Apia", "2011-12-30", "12:00", "2011-12-30T10:00:00Z"},
		{"half an hour put back", "Australia/Lord_Howe", "2026-04-05", "01:45", "2026-04-04T14:45:00Z"},
		{"the end of a day", "America/New_York", "2026-11-23", "24:00", "2026-11-24T05:00:00Z"},
		{"the end of a day of 23 hours", "America/New_York", "2026-03-08", "24:00", "2026-03-09T04:00:00Z"},
		{"the end of a year, without change of clocks", "UTC", "2026-12-31", "24:00", "2027-01-01T00:00:00Z"},
		{"a zone that never changed", "Etc/GMT+5", "2026-03-08", "02:30", "2026-03-08T07:30:00Z"},
	} {
		at := clock(c.time).On(date(c.date), zone(t, c.zone))
		if got := at.UTC().Format(time.RFC3339); got != c.want {
			t.Errorf("%s: %s %s in %s is %s, want %s", c.name, c.date, c.time, c.zone, got, c.want)
		}
	}
}

func TestDaysOfChangingClocksHave23And25Hours(t *testing.T) {
	t.Parallel()
	for name, lengths := range map[string]map[string]time.Duration{
		"America/New_York": {"2026-03-08": 23, "2026-11-01": 25, "2026-03-09": 24, "2026-07-04": 24},
		"Europe/Berlin":    {"2026-03-29": 23, "2026-10-25": 25, "2026-10-26": 24},
		"UTC":              {"2026-03-08": 24, "2026-10-25": 24},
	} {
		loc := zone(t, name)
		for day, hours := range lengths {
			length := calendar.EndOfDay.On(date(day), loc).Sub(date(day).At(0, 0, 0, loc))
			if length != hours*time.Hour {
				t.Errorf("%s has %s in %s, want %d h", day, length, name, hours)
			}
		}
	}
}

// TestOnIsTheFirstInstantWhoseClockHasReachedTheTime states the rule for skipped
// and repeated times in one sentence, and checks it second by second nearby.
func TestOnIsTheFirstInstantWhoseClockHasReachedTheTime(t *testing.T) {
	t.Parallel()
	changes := []calendar.Date{ // of clocks somewhere
		date("2026-03-08"), date("2026-11-01"), date("2026-03-29"), date("2026-10-25"), date("2026-04-05"), date("2026-10-04"),
	}
	names := []string{"America/New_York", "Europe/Berlin", "Europe/London", "Asia/Tokyo", "Australia/Lord_Howe", "America/Havana", "America/St_Johns", "UTC"}
	rapid.Check(t, func(t *rapid.T) {
		loc := zone(t, rapid.SampledFrom(names).Draw(t, "zone"))
		d := rapid.OneOf(dates(), rapid.SampledFrom(changes)).Draw(t, "date")
		want := calendar.TimeOfDay(rapid.IntRange(0, 86399).Draw(t, "time"))
		at := want.On(d, loc)
		reached := func(at time.Time) bool {
			if on := calendar.DateOf(at, loc); on != d {
				return on.After(d)
			}
			hour, minute, second := at.In(loc).Clock()
			return calendar.TimeOfDay(hour*3600+minute*60+second) >= want
		}
		if !reached(at) {
			t.Fatalf("%s %s in %s: %s is too early", d, want, loc, at)
		}
		for back := time.Second; back <= 3*time.Hour; back += 7 * time.Second {
			if reached(at.Add(-back)) {
				t.Fatalf("%s %s in %s: %s comes %s after the first", d, want, loc, at, back)
			}
		}
	})
}

func FuzzParseTimeOfDayAcceptsExactlyTheClock(f *testing.F) {
	for _, seed := range []string{"00:00", "16:00:05", "24:00", "24:00:01", "99:99", "1:00", "", "12:3\x00", "１２:00"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, err := calendar.ParseTimeOfDay(text)
		short, errShort := time.Parse("15:04", text)
		long, errLong := time.Parse("15:04:05", text)
		known := (errShort == nil && len(text) == 5) || (errLong == nil && len(text) == 8) || text == "24:00" || text == "24:00:00"
		if known != (err == nil) {
			t.Fatalf("%q: %v, package time says %v and %v", text, err, errShort, errLong)
		}
		if err != nil || got == calendar.EndOfDay {
			return
		}
		want := short
		if len(text) == 8 {
			want = long
		}
		if hour, minute, second := got.Clock(); hour != want.Hour() || minute != want.Minute() || second != want.Second() {
			t.Fatalf("%q is %02d:%02d:%02d", text, hour, minute, second)
		}
		if again, err := calendar.ParseTimeOfDay(got.String()); err != nil || again != got {
			t.Fatalf("%q is written as %s and reads back as %s, %v", text, got, again, err)
		}
	})
}
