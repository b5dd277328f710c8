package calendar_test

import (
	"encoding/json"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/calendar"
)

func date(text string) calendar.Date {
	d, err := calendar.ParseDate(text)
	if err != nil {
		panic(text + ": " + err.Error())
	}
	return d
}

// dates draws dates of the calendars' years and some years around.
func dates() *rapid.Generator[calendar.Date] {
	return rapid.Custom(func(t *rapid.T) calendar.Date {
		return date("2015-01-01").AddDays(rapid.IntRange(0, 20*365).Draw(t, "day"))
	})
}

func TestParseDateRefusesWhatIsNoDate(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"", "2026-11-2", "2026-11-023", "26-11-23", "2026/11/23", "2026-13-01", "2026-00-10", "2026-01-00", "2026-04-31",
		"2026-02-29", "2100-02-29", "0000-01-01", "+026-01-01", "2026-1-011", "2026-11-23T00:00:00Z", "２０２６-11-23", "2026-11- 3",
	} {
		if d, err := calendar.ParseDate(text); err == nil {
			t.Errorf("%q reads as %s", text, d)
		}
	}
	for _, text := range []string{"2026-11-23", "2024-02-29", "2000-02-29", "0001-01-01", "9999-12-31"} {
		if d, err := calendar.ParseDate(text); err != nil || d.String() != text {
			t.Errorf("%q reads as %s, %v", text, d, err)
		}
	}
}

func TestDatesTravelAsText(t *testing.T) {
	t.Parallel()
	type document struct {
		Given, Absent calendar.Date
		Time          calendar.TimeOfDay
	}
	in := document{Given: date("2026-11-23"), Time: 16*3600 + 30*60}
	data, err := json.Marshal(in)
	if err != nil || string(data) != `{"Given":"2026-11-23","Absent":"","Time":"16:30"}` {
		t.Fatalf("written as %s, %v", data, err)
	}
	var out document
	if err := json.Unmarshal(data, &out); err != nil || out != in {
		t.Errorf("reads back as %+v, %v", out, err)
	}
	for _, bad := range []string{`{"Given":"tomorrow"}`, `{"Time":"noon"}`} {
		if err := json.Unmarshal([]byte(bad), &out); err == nil {
			t.Errorf("%s was read", bad)
		}
	}
}

func TestDateOfTakesTheLocalDate(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 24, 3, 0, 0, 0, time.UTC)
	if got := calendar.DateOf(at, zone(t, "America/New_York")); got != date("2026-11-23") {
		t.Errorf("in New York it is %s", got)
	}
	if got := calendar.DateOf(at, zone(t, "Asia/Tokyo")); got != date("2026-11-24") {
		t.Errorf("in Tokyo it is %s", got)
	}
	if !(calendar.Date{}).IsZero() || date("2026-11-23").IsZero() {
		t.Error("only the zero value is no date")
	}
}

func TestDateArithmeticAgreesWithPackageTime(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		d, n := dates().Draw(t, "date"), rapid.IntRange(-5000, 5000).Draw(t, "days")
		moved := d.AddDays(n)
		want := time.Date(d.Year, d.Month, d.Day, 0, 0, 0, 0, time.UTC).AddDate(0, 0, n)
		if moved.String() != want.Format(time.DateOnly) || moved.Weekday() != want.Weekday() {
			t.Fatalf("%s + %d days = %s, a %s", d, n, moved, moved.Weekday())
		}
		if moved.AddDays(-n) != d || d.DaysUntil(moved) != n {
			t.Fatalf("%s is %d days from %s", moved, d.DaysUntil(moved), d)
		}
		if d.Before(moved) != (n > 0) || d.After(moved) != (n < 0) || (d.Compare(moved) == 0) != (n == 0) {
			t.Fatalf("%s and %s are out of order", d, moved)
		}
		if back, err := calendar.ParseDate(d.String()); err != nil || back != d {
			t.Fatalf("%s reads back as %s, %v", d, back, err)
		}
	})
}

func FuzzParseDateAcceptsExactlyWhatItWrites(f *testing.F) {
	for _, seed := range []string{"2026-11-23", "2024-02-29", "2023-02-29", "0000-00-00", "2026-11-2\x00", "", "9999-12-31", "-001-01-01"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		d, err := calendar.ParseDate(text)
		want, wantErr := time.Parse(time.DateOnly, text)
		if (err == nil) != (wantErr == nil && want.Year() > 0) {
			t.Fatalf("%q: %v, package time says %v", text, err, wantErr)
		}
		if err == nil && d.String() != text {
			t.Fatalf("%q is written as %s", text, d)
		}
	})
}
