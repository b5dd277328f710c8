package sim_test

import (
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
)

func TestClocksShowTheirTime(t *testing.T) {
	t.Parallel()
	scaled := sim.ClockSetting{Mode: sim.ClockScaled, Factor: 60, Instant: start, Anchor: start}
	last := time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		name  string
		clock sim.ClockSetting
		real  time.Time
		want  time.Time
	}{
		{"no setting is the real clock", sim.ClockSetting{}, start, start},
		{"real", sim.ClockSetting{Mode: sim.ClockReal}, start.In(time.FixedZone("", 3600)), start},
		{"manual stands still", sim.ClockSetting{Mode: sim.ClockManual, Instant: start}, start.Add(time.Hour), start},
		{"scaled", scaled, start.Add(time.Minute), start.Add(time.Hour)},
		{"scaled, the real clock was set back", scaled, start.Add(-time.Minute), start.Add(-time.Hour)},
		{"scaled, years at the highest factor", sim.ClockSetting{Mode: sim.ClockScaled, Factor: sim.MaxClockFactor, Instant: start, Anchor: start}, start.AddDate(200, 0, 0), last},
		{"scaled, centuries back at the highest factor", sim.ClockSetting{Mode: sim.ClockScaled, Factor: sim.MaxClockFactor, Instant: start, Anchor: start}, start.AddDate(-200, 0, 0), time.UnixMicro(1)},
	} {
		if got := c.clock.At(c.real); !got.Equal(c.want) || got.Location() != time.UTC {
			t.Errorf("%s: the clock shows %s, want %s", c.name, got, c.want)
		}
	}
}

func TestAWaitIsOverWhenTheClockShowsTheTimeAndNotMuchLater(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		c := sim.ClockSetting{Mode: sim.ClockScaled, Factor: rapid.Int64Range(1, sim.MaxClockFactor).Draw(t, "factor"), Instant: start, Anchor: start}
		if rapid.Bool().Draw(t, "real clock") {
			c = sim.ClockSetting{Mode: sim.ClockReal}
		}
		real := start.Add(time.Duration(rapid.Int64Range(0, int64(100*time.Hour)).Draw(t, "passed")))
		due := c.At(real).Add(time.Duration(rapid.Int64Range(-10, int64(100*time.Hour/time.Microsecond)).Draw(t, "ahead")) * time.Microsecond)
		wait, ever := c.Wait(real, due)
		if !ever || wait < 0 {
			t.Fatalf("wait is %s, %v", wait, ever)
		}
		if shows := c.At(real.Add(wait)); shows.Before(due) {
			t.Fatalf("after %s the clock shows %s, before %s", wait, shows, due)
		}
		if wait > 2*time.Microsecond && !c.At(real.Add(wait-2*time.Microsecond)).Before(due) {
			t.Fatalf("%s is too long", wait)
		}
	})
}

func TestAWaitThatNeverEndsSaysSo(t *testing.T) {
	t.Parallel()
	last := time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC)
	manual := sim.ClockSetting{Mode: sim.ClockManual, Instant: start}
	if _, ever := manual.Wait(start, start.Add(1)); ever {
		t.Error("a manual clock moves by itself")
	}
	if wait, ever := manual.Wait(start, start); !ever || wait != 0 {
		t.Errorf("what is due on a manual clock waits %s, %v", wait, ever)
	}
	for _, factor := range []int64{1, 7, sim.MaxClockFactor} {
		c := sim.ClockSetting{Mode: sim.ClockScaled, Factor: factor, Instant: start, Anchor: start}
		if wait, ever := c.Wait(start, last); !ever || wait <= 0 {
			t.Errorf("times %d, the last instant is %s away, %v", factor, wait, ever)
		}
		if _, ever := c.Wait(start, last.Add(time.Hour)); ever {
			t.Errorf("times %d, an instant behind the last comes", factor)
		}
	}
	if wait, ever := (sim.ClockSetting{}).Wait(start, last); !ever || wait != math.MaxInt64 {
		t.Errorf("on a real clock the last instant is %s away, %v", wait, ever)
	}
}

func TestClockSettingsAreChecked(t *testing.T) {
	t.Parallel()
	b := newBooks(t)
	b.accept(sim.AddFault{Effect: delayOfAnHour, Duration: time.Hour})
	for i, c := range []struct {
		field string
		c     sim.SetClock
	}{
		{"mode", sim.SetClock{}},
		{"mode", sim.SetClock{Mode: "fast"}},
		{"factor", sim.SetClock{Mode: sim.ClockScaled, Real: start}},
		{"factor", sim.SetClock{Mode: sim.ClockScaled, Factor: sim.MaxClockFactor + 1, Real: start}},
		{"factor", sim.SetClock{Mode: sim.ClockManual, Factor: 2}},
		{"now", sim.SetClock{Mode: sim.ClockReal, Instant: start, Real: start.Add(time.Hour)}},
		{"now", sim.SetClock{Mode: sim.ClockManual, Instant: start}},
		{"now", sim.SetClock{Mode: sim.ClockManual, Instant: start.Add(2 * time.Hour)}},
		{"now", sim.SetClock{Mode: sim.ClockManual, Instant: time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)}},
		{"mode", sim.SetClock{Mode: sim.ClockReal, Real: start}},
	} {
		if err := b.refuse(c.c); err.Code != sim.CodeInvalid || err.Field != c.field {
			t.Errorf("case %d: answered with %s: %v, want a word on %s", i, err.Code, err, c.field)
		}
	}
}

func TestTimeMayBeginAnywhereInEmptyBooks(t *testing.T) {
	t.Parallel()
	b := newBooks(t)
	early := time.Date(1999, 12, 31, 23, 59, 0, 0, time.UTC)
	b.accept(sim.SetClock{Mode: sim.ClockManual, Instant: early})
	if now := b.state.Now(start); !now.Equal(early) {
		t.Errorf("instance time is %s", now)
	}
}

// manualBooks are books with a manual clock at start.
func manualBooks(t failer) *books {
	b := newBooks(t)
	b.accept(sim.SetClock{Mode: sim.ClockManual, Instant: start})
	return b
}

// advance advances the clock as an engine does.
func (b *books) advance(c sim.AdvanceClock) sim.ClockSetting {
	b.t.Helper()
	for {
		d := b.decideAt(b.state.Now(start), c)
		b.open = append(b.open, d.Events...)
		switch d.Outcome {
		case sim.Accepted:
			setting, err := d.Result.Document.Clock()
			if err != nil {
				b.t.Fatalf("%v", err)
			}
			b.now = setting.Instant
			return setting
		case sim.NeedsDueWork:
			b.fire(d.Until)
		default:
			b.t.Fatalf("%+v: outcome %v, %v", c, d.Outcome, d.Err)
		}
	}
}

func TestAManualClockIsAdvancedToByAndToTheNextEvent(t *testing.T) {
	t.Parallel()
	b := manualBooks(t)
	b.accept(sim.AddFault{Effect: delayOfAnHour, Duration: time.Hour})
	b.accept(sim.AddFault{Effect: delayOfAnHour, Duration: time.Hour})
	b.accept(sim.AddFault{Effect: delayOfAnHour, Duration: 3 * time.Hour})
	due := b.state.Faults()[0].Until
	if got := b.advance(sim.AdvanceClock{By: time.Minute}); !got.Instant.Equal(start.Add(time.Minute)) || got.Events != 0 {
		t.Fatalf("by a minute: %+v", got)
	}
	if got := b.advance(sim.AdvanceClock{ToNextEvent: true}); !got.Instant.Equal(due) || got.Events != 1 {
		t.Fatalf("to the next event: %+v", got)
	}
	if got := b.advance(sim.AdvanceClock{To: start.Add(24 * time.Hour)}); !got.Instant.Equal(start.Add(24*time.Hour)) || got.Events != 2 {
		t.Fatalf("to the next day: %+v", got)
	}
	for _, c := range []sim.AdvanceClock{{}, {To: b.now, By: time.Hour}, {By: -time.Hour}, {To: b.now.Add(-time.Second)}} {
		if d := b.decideAt(b.now, c); d.Outcome != sim.Refused || d.Err.Code != sim.CodeInvalid {
			t.Errorf("%+v is answered with %v, %v", c, d.Outcome, d.Err)
		}
	}
	if d := b.decideAt(b.now, sim.AdvanceClock{ToNextEvent: true}); d.Outcome != sim.Refused || d.Err.Code != sim.CodeWrongState {
		t.Errorf("advancing to nothing is answered with %v, %v", d.Outcome, d.Err)
	}
	b.accept(sim.SetClock{Mode: sim.ClockScaled, Factor: 2, Real: start})
	if d := b.decideAt(b.now, sim.AdvanceClock{By: time.Hour}); d.Outcome != sim.Refused || d.Err.Code != sim.CodeWrongState {
		t.Errorf("advancing a scaled clock is answered with %v, %v", d.Outcome, d.Err)
	}
}

func TestAnAdvanceStopsBeforeTheLastInstantTime(t *testing.T) {
	t.Parallel()
	b := newBooksWith(t, rulesWith(t, `{"settlement":{"cycle":1}}`))
	b.accept(sim.SetClock{Mode: sim.ClockManual, Instant: start})
	d := b.decideAt(b.state.Now(start), sim.Instruct{Type: sim.Deposit, AccountID: "a", Symbol: "BTC", Quantity: amount("1"), SettlementDate: "9999-12-31", Hold: true})
	if d.Outcome != sim.Accepted {
		t.Fatalf("outcome %v, %v", d.Outcome, d.Err)
	}
	b.open = append(b.open, d.Events...)
	last := b.advance(sim.AdvanceClock{ToNextEvent: true}).Instant // the value date begins
	if d := b.decideAt(last, sim.AdvanceClock{ToNextEvent: true}); d.Outcome != sim.Refused || d.Err.Code != sim.CodeWrongState {
		t.Errorf("advancing to %v is answered with %v, %v", last, d.Outcome, d.Err)
	}
}

func TestTheClockIsWrittenInUTCWhereverItsTimeWasReckoned(t *testing.T) {
	t.Parallel()
	b := custodian(t, nil) // in New York
	b.accept(sim.SetClock{Mode: sim.ClockManual, Instant: b.now})
	d := b.decideAt(b.state.Now(start), sim.Instruct{Type: sim.Deposit, AccountID: "a", Symbol: "AAPL", Quantity: amount("1")})
	b.open = append(b.open, d.Events...)
	b.advance(sim.AdvanceClock{ToNextEvent: true})
	if body := string(b.state.Document(sim.DocumentClock, "clock").Body); !strings.Contains(body, `"instant":"2026-11-24T05:00:00Z"`) {
		t.Errorf("the clock is %s", body)
	}
}

func TestAnInterruptedAdvanceIsCompletedByItsRetry(t *testing.T) {
	t.Parallel()
	for _, c := range []sim.AdvanceClock{{By: 5 * time.Hour}, {To: start.Add(5 * time.Hour)}, {ToNextEvent: true}} {
		b := manualBooks(t)
		for _, hours := range []time.Duration{1, 7} {
			added := b.decideAt(b.state.Now(start), sim.AddFault{Effect: delayOfAnHour, Duration: hours * time.Hour})
			b.open = append(b.open, added.Events...)
		}
		if d := b.decideAt(start, c); d.Outcome != sim.NeedsDueWork {
			t.Fatalf("%+v: outcome %v", c, d.Outcome)
		}
		first := b.state.Faults()[0].Until
		b.fire(first) // and then everything is lost but what is durable
		b = b.reload(wideRules())
		want := start.Add(5 * time.Hour)
		if c.ToNextEvent {
			want = first
		}
		if got := b.advance(c); !got.Instant.Equal(want) {
			t.Errorf("%+v goes to %s, want %s", c, got.Instant, want)
		}
	}
}

func TestAnAdvanceMakesTheSameEventsInOneStepOrMany(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		setup := func() *books {
			b := manualBooks(t)
			b.deposit("a", "AAPL", "100")
			return b
		}
		one, many := setup(), setup()
		for range rapid.IntRange(1, 10).Draw(t, "faults") {
			c := sim.AddFault{Effect: delayOfAnHour, Duration: time.Duration(rapid.IntRange(1, 72).Draw(t, "hours")) * time.Hour}
			one.accept(c)
			many.accept(c)
		}
		one.accept(dividend("d"))
		many.accept(dividend("d"))
		end := start.Add(100 * time.Hour)
		one.advance(sim.AdvanceClock{To: end})
		for _, hours := range rapid.SliceOfN(rapid.IntRange(1, 99), 0, 8).Draw(t, "steps") {
			if to := start.Add(time.Duration(hours) * time.Hour); to.After(many.state.Now(start)) {
				many.advance(sim.AdvanceClock{To: to})
			}
		}
		many.advance(sim.AdvanceClock{To: end})
		work := func(b *books) (list []string) {
			for _, e := range b.open {
				if e.Type != sim.EventClockAdvanced {
					list = append(list, string(e.Type)+" at "+e.Time.String())
				}
			}
			return list
		}
		if !slices.Equal(work(one), work(many)) {
			t.Fatalf("in one step: %v\nin many: %v", work(one), work(many))
		}
	})
}
