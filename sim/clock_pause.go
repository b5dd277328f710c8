package sim

import "time"

// The event types of a clock that is stopped while the instance is paused.
const (
	// EventClockPaused: a scaled clock stands still.
	EventClockPaused EventType = "clock.paused"
	// EventClockResumed: it runs again from where it stood.
	EventClockResumed EventType = "clock.resumed"
)

// PauseClock stops a scaled clock, or lets it run again from where it stood. It
// is refused with [CodeWrongState] where it would change nothing. A real clock
// cannot be stopped, and a manual one stands still anyway.
type PauseClock struct {
	Paused bool
	// Real is the real time at which the command came.
	Real time.Time
}

// Stops reports whether the clock has to be stopped, or to run again, for an
// instance that is paused or not.
func (c ClockSetting) Stops(paused bool) bool { return c.Mode == ClockScaled && c.Paused != paused }

func (c PauseClock) decide(d *decision) *Error {
	if !d.clock.Stops(c.Paused) {
		return Errorf(CodeWrongState, "the clock is not a scaled one that could be stopped or run again")
	}
	setting := d.clock
	setting.Paused, setting.Instant, setting.Anchor = c.Paused, d.now, c.Real.UTC().Truncate(time.Microsecond)
	t := EventClockResumed
	if c.Paused {
		t = EventClockPaused
	}
	d.emitClock(t, setting)
	return nil
}

func (c PauseClock) appendCanonical(dst []byte) []byte {
	return canonical(dst, "pause-clock", flag(c.Paused))
}

func (PauseClock) externalKey() Key { return Key{} }
