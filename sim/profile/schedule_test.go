package profile_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/calendar"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/profile"
)

func instant(text string) time.Time {
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		panic(err)
	}
	return at
}

// railOf resolves one rail of calendar, zone, cut-off and cycle.
func railOf(t testing.TB, days, zone, cutOff string, cycle int) *profile.RailRules {
	t.Helper()
	p := builtin(t, profile.GlobalCustodian)
	rail := p.Rails[profile.WireDomestic]
	rail.Calendar, rail.TimeZone, rail.Cycle = days, zone, cycle
	if err := rail.CutOff.UnmarshalText([]byte(cutOff)); err != nil {
		t.Fatal(err)
	}
	p.Rails[profile.WireDomestic] = rail
	rules, ok := resolve(t, p).Rail(profile.WireDomestic)
	if !ok || rules.Name != profile.WireDomestic {
		t.Fatal("the rail is gone")
	}
	return rules
}

func TestValueDatesFollowCutOffsAndHolidays(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, calendar, zone, cutOff string
		cycle                        int
		now, trade, value            string
	}{
		{"before the cut-off it is today", "NYSE", "", "15:00", 0, "2026-11-23T14:59:59-05:00", "2026-11-23", "2026-11-23"},
		{"the last nanosecond before the cut-off", "NYSE", "", "15:00", 1, "2026-11-23T14:59:59.999999999-05:00", "2026-11-23", "2026-11-24"},
		{"the cut-off second is late", "NYSE", "", "15:00", 1, "2026-11-23T15:00:00-05:00", "2026-11-24", "2026-11-25"},
		{"just after midnight", "NYSE", "", "15:00", 1, "2026-11-23T00:00:00-05:00", "2026-11-23", "2026-11-24"},
		{"T+1 over Thanksgiving", "NYSE", "", "15:00", 1, "2026-11-25T12:00:00-05:00", "2026-11-25", "2026-11-27"},
		{"late before Thanksgiving", "NYSE", "", "15:00", 1, "2026-11-25T16:00:00-05:00", "2026-11-27", "2026-11-30"},
		{"on a holiday", "NYSE", "", "15:00", 1, "2026-11-26T12:00:00-05:00", "2026-11-27", "2026-11-30"},
		{"before an early close", "NYSE", "", "15:00", 1, "2026-11-27T12:59:59-05:00", "2026-11-27", "2026-11-30"},
		{"after an early close", "NYSE", "", "15:00", 1, "2026-11-27T13:00:00-05:00", "2026-11-30", "2026-12-01"},
		{"a cut-off before the early close", "NYSE", "", "12:00", 1, "2026-11-27T12:30:00-05:00", "2026-11-30", "2026-12-01"},
		{"on a Saturday", "FEDWIRE", "", "17:00", 2, "2026-11-21T10:00:00-05:00", "2026-11-23", "2026-11-25"},
		{"on a Friday evening", "FEDWIRE", "", "17:00", 2, "2026-11-20T17:00:01-05:00", "2026-11-23", "2026-11-25"},
		{"Fedwire is open where the exchange is not", "FEDWIRE", "", "17:00", 0, "2026-07-03T10:00:00-04:00", "2026-07-03", "2026-07-03"},
		{"the date is that of the calendar, not of UTC", "NYSE", "", "24:00", 0, "2026-11-24T03:00:00Z", "2026-11-23", "2026-11-23"},
		{"a day to its end", "NYSE", "", "24:00", 0, "2026-11-24T04:59:59Z", "2026-11-23", "2026-11-23"},
		{"a day after its end", "NYSE", "", "24:00", 0, "2026-11-24T05:00:00Z", "2026-11-24", "2026-11-24"},
		{"a cut-off in another zone", "NYSE", "Europe/London", "17:00", 1, "2026-11-23T11:59:59-05:00", "2026-11-23", "2026-11-24"},
		{"after a cut-off in another zone", "NYSE", "Europe/London", "17:00", 1, "2026-11-23T12:00:00-05:00", "2026-11-24", "2026-11-25"},
		{"weeks in which only one side changed its clocks", "NYSE", "Europe/London", "17:00", 1, "2026-03-16T12:59:59-04:00", "2026-03-16", "2026-03-17"},
		{"and one second on", "NYSE", "Europe/London", "17:00", 1, "2026-03-16T13:00:00-04:00", "2026-03-17", "2026-03-18"},
		{"an early close before a cut-off elsewhere", "NYSE", "Europe/London", "20:00", 0, "2026-11-27T13:00:00-05:00", "2026-11-30", "2026-11-30"},
		{"T2 over Easter", "T2", "", "16:00", 2, "2026-04-02T12:00:00+02:00", "2026-04-02", "2026-04-08"},
		{"in the repeated hour", "24X7", "America/New_York", "01:30", 0, "2026-11-01T05:29:59Z", "2026-11-01", "2026-11-01"},
		{"the first half past one counts", "24X7", "America/New_York", "01:30", 0, "2026-11-01T05:30:00Z", "2026-11-02", "2026-11-02"},
		{"a cut-off in the gap is the instant after it", "24X7", "America/New_York", "02:30", 0, "2026-03-08T06:59:59Z", "2026-03-08", "2026-03-08"},
		{"and from then on it is late", "24X7", "America/New_York", "02:30", 0, "2026-03-08T07:00:00Z", "2026-03-09", "2026-03-09"},
		{"a leap day", "24X7", "", "24:00", 1, "2028-02-28T12:00:00Z", "2028-02-28", "2028-02-29"},
		{"over the turn of a year whose first day is a Saturday", "NYSE", "", "15:00", 1, "2027-12-31T10:00:00-05:00", "2027-12-31", "2028-01-03"},
	} {
		rail := railOf(t, c.calendar, c.zone, c.cutOff, c.cycle)
		now := instant(c.now)
		if got := rail.TradeDate(now); got != date(c.trade) {
			t.Errorf("%s: trade date is %s, want %s", c.name, got, c.trade)
		}
		if got, ok := rail.ValueDate(now); !ok || got != date(c.value) {
			t.Errorf("%s: value date is %s, %v, want %s", c.name, got, ok, c.value)
		}
	}
}

func TestCutOffIsTheEarlierOfItselfAndAnEarlyClose(t *testing.T) {
	t.Parallel()
	s := resolve(t, builtin(t, profile.GlobalCustodian)).Settlement()
	for day, want := range map[string]string{
		"2026-11-25": "2026-11-25T15:00:00-05:00",
		"2026-11-27": "2026-11-27T13:00:00-05:00",
		"2026-11-26": "2026-11-26T15:00:00-05:00", // a holiday has no early close
		"2026-07-06": "2026-07-06T15:00:00-04:00",
	} {
		if got := s.LastCutOff(date(day)); !got.Equal(instant(want)) {
			t.Errorf("%s ends at %s, want %s", day, got, want)
		}
	}
	for _, c := range []struct {
		date, now string
		want      bool
	}{
		{"2026-11-27", "2026-11-27T12:59:59-05:00", true},
		{"2026-11-27", "2026-11-27T13:00:00-05:00", false},
		{"2026-11-26", "2026-11-25T12:00:00-05:00", false},
		{"2026-11-28", "2026-11-25T12:00:00-05:00", false},
		{"2026-11-30", "2026-11-25T12:00:00-05:00", true},
		{"2026-11-24", "2026-11-25T12:00:00-05:00", false},
	} {
		if got := s.InTime(date(c.date), instant(c.now)); got != c.want {
			t.Errorf("at %s, %s can be met: %v", c.now, c.date, got)
		}
	}
}

func TestDatesBeyondTheCalendarAreReported(t *testing.T) {
	t.Parallel()
	rail := railOf(t, "NYSE", "", "15:00", 2)
	for now, want := range map[string]bool{
		"2030-12-27T10:00:00-05:00": true, "2030-12-30T10:00:00-05:00": false, "2031-06-02T10:00:00-05:00": false,
		"2019-12-31T10:00:00-05:00": false, "2020-01-01T00:00:00-05:00": true,
	} {
		if d, ok := rail.ValueDate(instant(now)); ok != want {
			t.Errorf("at %s the value date %s is known: %v", now, d, ok)
		}
		if _, ok := rail.CompletionAt(instant(now)); ok != want {
			t.Errorf("at %s the completion is known: %v", now, ok)
		}
	}
}

func TestFailingInstructionsEndWithTheirRetention(t *testing.T) {
	t.Parallel()
	p := builtin(t, profile.GlobalCustodian)
	for days, want := range map[int]string{
		0: "2026-11-25T15:00:00-05:00", 1: "2026-11-27T13:00:00-05:00", 2: "2026-11-30T15:00:00-05:00", 20: "2026-12-24T13:00:00-05:00",
	} {
		p.Settlement.Retention = days
		if got := resolve(t, p).Settlement().RetentionEnd(date("2026-11-25")); !got.Equal(instant(want)) {
			t.Errorf("%d days of retention end at %s, want %s", days, got, want)
		}
	}
}

func TestReturnsEndWithTheirWindow(t *testing.T) {
	t.Parallel()
	rail, _ := resolve(t, builtin(t, profile.GlobalCustodian)).Rail(profile.ACHTransfer)
	if got, want := rail.ReturnableUntil(date("2026-11-25")), instant("2026-11-30T16:45:00-05:00"); !got.Equal(want) {
		t.Errorf("returns end at %s, want %s", got, want)
	}
}

func TestTransfersCompleteOnTheirValueDate(t *testing.T) {
	t.Parallel()
	r := resolve(t, builtin(t, profile.GlobalCustodian))
	for _, c := range []struct{ rail, now, want string }{
		{profile.CryptoInternal, "2026-11-23T12:00:00Z", "2026-11-23T12:05:00Z"},
		{profile.CryptoExternal, "2026-11-23T12:00:00Z", "2026-11-24T02:00:00Z"},
		{profile.CryptoExternal, "2026-11-28T23:00:00-05:00", "2026-11-30T02:00:00Z"},
		{profile.WireDomestic, "2026-11-23T12:00:00-05:00", "2026-11-25T00:30:00-05:00"},
		{profile.WireDomestic, "2026-11-24T18:00:00-05:00", "2026-11-30T00:30:00-05:00"},
		{profile.WireInternational, "2026-11-23T12:00:00-05:00", "2026-11-27T00:30:00-05:00"},
	} {
		rail, ok := r.Rail(c.rail)
		if !ok {
			t.Fatalf("no rail %s", c.rail)
		}
		if got, ok := rail.CompletionAt(instant(c.now)); !ok || !got.Equal(instant(c.want)) {
			t.Errorf("%s at %s completes at %s, want %s", c.rail, c.now, got, c.want)
		}
	}
}

func TestApproversAreSlowerAtNightAndOnWeekends(t *testing.T) {
	t.Parallel()
	a := resolve(t, builtin(t, profile.PrimeBroker)).Approvals() // 5 minutes, ×6 at night, ×12 on weekends, in New York
	for now, want := range map[string]time.Duration{
		"2026-11-23T12:00:00-05:00": 5 * time.Minute,
		"2026-11-23T07:00:00-05:00": 5 * time.Minute,
		"2026-11-23T19:59:59-05:00": 5 * time.Minute,
		"2026-11-23T20:00:00-05:00": 30 * time.Minute,
		"2026-11-24T06:59:59-05:00": 30 * time.Minute,
		"2026-11-28T12:00:00-05:00": time.Hour,
		"2026-11-29T23:00:00-05:00": 6 * time.Hour,
		"2026-11-30T04:00:00Z":      6 * time.Hour, // still Sunday night there
	} {
		if got := a.DelayAt(instant(now)); got != want {
			t.Errorf("asked at %s they take %s, want %s", now, got, want)
		}
	}
	p := builtin(t, profile.PrimeBroker)
	p.Approvals.Simulated.NightFrom, p.Approvals.Simulated.NightUntil, p.Approvals.Simulated.WeekendFactor = 0, 6*3600, 0
	a = resolve(t, p).Approvals()
	for now, want := range map[string]time.Duration{
		"2026-11-28T05:59:59-05:00": 30 * time.Minute, "2026-11-28T06:00:00-05:00": 5 * time.Minute, "2026-11-28T23:00:00-05:00": 5 * time.Minute,
	} {
		if got := a.DelayAt(instant(now)); got != want {
			t.Errorf("asked at %s, with a night from midnight to six, they take %s, want %s", now, got, want)
		}
	}
}

func TestValueDatesAreBusinessDaysThatNeverGoBack(t *testing.T) {
	t.Parallel()
	zones := []string{"", "America/New_York", "Europe/London", "Asia/Tokyo", "Pacific/Auckland", "Pacific/Honolulu"}
	rapid.Check(t, func(rt *rapid.T) {
		cutOff := calendar.TimeOfDay(rapid.IntRange(0, int(calendar.EndOfDay)).Draw(rt, "cut-off"))
		cycle := rapid.IntRange(0, 5).Draw(rt, "cycle")
		days, zone := rapid.SampledFrom(calendar.Names()).Draw(rt, "calendar"), rapid.SampledFrom(zones).Draw(rt, "zone")
		p := builtin(t, profile.GlobalCustodian)
		p.Settlement.Calendar, p.Settlement.TimeZone, p.Settlement.CutOff = days, zone, cutOff
		if len(p.Validate()) > 0 { // it comes before its day
			cutOff = calendar.EndOfDay
		}
		rail := railOf(t, days, zone, cutOff.String(), cycle)
		now := instant("2020-02-01T00:00:00Z").Add(time.Duration(rapid.Int64Range(0, 10*365*86400).Draw(rt, "now")) * time.Second)
		trade := rail.TradeDate(now)
		if !rail.Days().Business(trade) || trade.Before(rail.Today(now)) || !rail.InTime(trade, now) {
			rt.Fatalf("at %s the trade date is %s", now, trade)
		}
		for d := rail.Today(now); d.Before(trade); d = d.AddDays(1) {
			if rail.InTime(d, now) {
				rt.Fatalf("at %s, %s was passed over for %s", now, d, trade)
			}
		}
		value, ok := rail.ValueDate(now)
		if !ok || value != rail.Days().Add(trade, cycle) {
			rt.Fatalf("at %s the value date is %s, %v", now, value, ok)
		}
		later := now.Add(time.Duration(rapid.Int64Range(0, 7*86400).Draw(rt, "later")) * time.Second)
		if next, _ := rail.ValueDate(later); next.Before(value) {
			rt.Fatalf("the value date goes back from %s at %s to %s at %s", value, now, next, later)
		}
		if next := rail.TradeDate(rail.CutOffAt(trade)); !next.After(trade) {
			rt.Fatalf("at its own cut-off, %s still is the trade date", next)
		}
	})
}

func TestSchedulesAllocateNothing(t *testing.T) { // not parallel: it counts allocations
	r := resolve(t, builtin(t, profile.GlobalCustodian))
	now, s, day := instant("2026-11-25T16:00:00-05:00"), r.Settlement(), date("2026-11-27")
	rail, _ := r.Rail(profile.WireDomestic)
	for name, call := range map[string]func(){
		"ValueDate":    func() { s.ValueDate(now) },
		"LastCutOff":   func() { s.LastCutOff(day) },
		"RetentionEnd": func() { s.RetentionEnd(day) },
		"InTime":       func() { s.InTime(day, now) },
		"CompletionAt": func() { rail.CompletionAt(now) },
		"Rail":         func() { r.Rail(profile.WireDomestic) },
		"Required":     func() { r.Approvals().Required(true, amount("50000")) },
		"DelayAt":      func() { r.Approvals().DelayAt(now) },
		"Agree":        func() { s.Matching.Agree(amount("1"), amount("1")) },
	} {
		if n := testing.AllocsPerRun(100, call); n != 0 {
			t.Errorf("%s allocates %v times", name, n)
		}
	}
}
