package sim

import (
	"math/big"
	"strconv"
	"strings"
	"time"
)

// ClockMode says how instance time runs.
type ClockMode string

// The clock modes.
const (
	// ClockReal follows the process's clock.
	ClockReal ClockMode = "real"
	// ClockScaled runs a number of times as fast.
	ClockScaled ClockMode = "scaled"
	// ClockManual stands still until it is advanced.
	ClockManual ClockMode = "manual"
)

// ClockModes lists every mode.
func ClockModes() []string {
	return []string{string(ClockReal), string(ClockScaled), string(ClockManual)}
}

// MaxClockFactor bounds how fast a scaled clock may run: a year in about five
// minutes.
const MaxClockFactor = 100_000

// ClockSetting is an instance's clock. The zero value is the real clock. It is
// journaled, so that instance time goes on where it was after a restart.
type ClockSetting struct {
	Mode ClockMode `json:"mode"`
	// Factor is how many times faster than real a scaled clock runs; else zero.
	Factor int64 `json:"factor,omitempty"`
	// Instant is the instance time at the real time Anchor. A manual clock shows
	// Instant and has no use for Anchor.
	Instant time.Time `json:"instant,omitzero"`
	Anchor  time.Time `json:"anchor,omitzero"`
	// Paused reports that a scaled clock stands still at Instant.
	Paused bool `json:"paused,omitempty"`
	// Events is how many events the last advance of a manual clock caused.
	Events uint64 `json:"events,omitempty"`
}

// At returns the instance time at a real time.
func (c ClockSetting) At(real time.Time) time.Time {
	switch c.Mode {
	case ClockManual:
		return c.Instant
	case ClockScaled:
		if c.Paused {
			return c.Instant
		}
		passed := real.Sub(c.Anchor)
		// Years at a high factor are more nanoseconds than 64 bits hold.
		scaled := new(big.Int).Mul(big.NewInt(passed.Microseconds()), big.NewInt(c.Factor))
		scaled.Add(scaled, big.NewInt(c.Instant.UnixMicro()))
		switch last := big.NewInt(lastInstant.UnixMicro()); {
		case scaled.Cmp(last) > 0:
			return lastInstant // where a clock that runs out of time stands still
		case scaled.Sign() <= 0:
			return beginning // the real clock was set back by ages
		}
		return time.UnixMicro(scaled.Int64()).UTC()
	default:
		return real.UTC()
	}
}

// Wait returns how long from a real time on it takes until the clock shows an
// instance time: zero where it does already. It reports false where it never
// does by itself.
func (c ClockSetting) Wait(real, due time.Time) (time.Duration, bool) {
	switch now := c.At(real); {
	case !due.After(now):
		return 0, true
	case c.Mode == ClockManual || c.Paused:
		return 0, false
	case c.Mode == ClockScaled && due.After(lastInstant):
		return 0, false
	case c.Mode == ClockScaled:
		// Rounded up to what the clock counts in, so that it is due when the wait is
		// over. In microseconds the sum cannot overflow.
		return time.Duration((due.Sub(now).Microseconds()+c.Factor-1)/c.Factor) * time.Microsecond, true
	default:
		return due.Sub(now), true
	}
}

// clockKey is the key of the one document that is the clock.
var clockKey = DocumentKey{DocumentClock, "clock"}

// Clock returns the instance's clock.
func (s *State) Clock() ClockSetting { return s.clock }

// Now returns the instance time at a real time: what the clock shows, but
// never before the last event.
func (s *State) Now(real time.Time) time.Time {
	if now := s.clock.At(real); now.After(s.time) {
		return now
	}
	return s.time
}

// SetClock sets the clock's mode. Instance time never runs backwards: a clock
// that is turned back is refused.
type SetClock struct {
	Mode ClockMode
	// Factor is required for the scaled clock.
	Factor int64
	// Instant is the instance time to begin with; zero means the present one. A
	// real clock takes none.
	Instant time.Time
	// Real is the real time at which the command came; the engine sets it where
	// it is zero.
	Real time.Time
}

// AdvanceClock moves a manual clock forward and does all work that becomes due
// on the way. Exactly one of its fields is set.
type AdvanceClock struct {
	To          time.Time
	By          time.Duration
	ToNextEvent bool
}

func (c SetClock) decide(d *decision) *Error {
	setting := ClockSetting{Mode: c.Mode, Instant: d.now, Anchor: c.Real.UTC().Truncate(time.Microsecond)}
	switch c.Mode {
	case ClockReal:
		switch {
		case !c.Instant.IsZero():
			return Invalid("now", "cannot be set on a real clock; leave it out, or set mode to %s or %s", ClockScaled, ClockManual)
		case d.now.After(setting.Anchor):
			return Invalid("mode", "instance time is %s, which a real clock shows in %s: time never runs backwards",
				d.now.Format(time.RFC3339), d.now.Sub(setting.Anchor).Round(time.Second))
		}
		setting = ClockSetting{Mode: ClockReal}
	case ClockScaled:
		if c.Factor < 1 || c.Factor > MaxClockFactor {
			return Invalid("factor", "must be from 1 to %d for a scaled clock", MaxClockFactor)
		}
		setting.Factor = c.Factor
	case ClockManual:
		setting.Anchor = time.Time{}
	case "":
		return Invalid("mode", "is required; allowed: %s", strings.Join(ClockModes(), ", "))
	default:
		return Invalid("mode", "%s is not known; allowed: %s", quote(string(c.Mode)), strings.Join(ClockModes(), ", "))
	}
	if c.Factor != 0 && c.Mode != ClockScaled {
		return Invalid("factor", "belongs to a scaled clock only")
	}
	if !c.Instant.IsZero() {
		instant := c.Instant.UTC().Truncate(time.Microsecond)
		if d.sequence == 0 && !instant.Before(beginning) {
			d.now = instant // nothing has happened yet, so this is where time begins
		}
		if err := d.checkForward("now", instant); err != nil {
			return err
		}
		if d.dueBy(instant) {
			return Invalid("now", "%s is behind work that is due at %s; POST /clock/advance does that work on the way",
				instant.Format(time.RFC3339), d.timers.next().at.Format(time.RFC3339))
		}
		setting.Instant = instant
	}
	d.emitClock(EventClockChanged, setting)
	return nil
}

// lastInstant is the last instance time: identifiers carry no later one, and texts
// of dates have four digits for the year.
var lastInstant = time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC)

func (d *decision) checkForward(field string, instant time.Time) *Error {
	switch {
	case instant.Before(d.now):
		return Invalid(field, "%s is before the present instance time %s: time never runs backwards",
			instant.Format(time.RFC3339), d.now.Format(time.RFC3339))
	case instant.After(lastInstant):
		return Invalid(field, "must be before the year 10000")
	}
	return nil
}

// advance is an advance of the clock under way: where to, and behind which
// event it began. It lasts over the calls of [State.FireDue] in between.
type advance struct {
	target time.Time
	from   uint64
}

// beginAdvance sets where an advance goes to, unless it has begun.
func (s *State) beginAdvance(now time.Time, c AdvanceClock) *Error {
	if !s.advance.target.IsZero() {
		return nil
	}
	target, err := s.advanceTarget(now, c)
	if err != nil {
		return err
	}
	s.advance = advance{target, s.sequence}
	return nil
}

// ForgoAdvance ends an advance of the clock that is under way, for want of anybody
// who waits for it. What was done stays done, and instance time stays where that
// led to: the same command, given again, goes on from there to the same end.
func (s *State) ForgoAdvance() { s.advance = advance{} }

// advanceTarget returns the instance time that an advance goes to.
func (s *State) advanceTarget(now time.Time, c AdvanceClock) (time.Time, *Error) {
	if s.clock.Mode != ClockManual {
		mode := s.clock.Mode
		if mode == "" {
			mode = ClockReal
		}
		return time.Time{}, Errorf(CodeWrongState, "the clock is %s; only a manual one can be advanced: PUT /clock {\"mode\":\"manual\"} first", mode)
	}
	set := 0
	for _, given := range []bool{!c.To.IsZero(), c.By != 0, c.ToNextEvent} {
		if given {
			set++
		}
	}
	if set != 1 {
		return time.Time{}, Invalid("to", "give exactly one of to, by and to_next_event")
	}
	d := &decision{State: s, now: now}
	switch {
	case c.ToNextEvent:
		if now.After(s.clock.Instant) {
			return now, nil // an advance was interrupted here, which this one completes
		}
		due, any := s.NextDue()
		if !any {
			return time.Time{}, Errorf(CodeWrongState, "nothing is due: there is no next event to advance to")
		}
		if due.After(lastInstant) {
			return time.Time{}, Errorf(CodeWrongState, "nothing is due before the year 10000: there is no next event to advance to")
		}
		if due.Before(now) {
			due = now
		}
		return due, nil
	case c.By != 0:
		if c.By < 0 {
			return time.Time{}, Invalid("by", "must be greater than zero: time never runs backwards")
		}
		// An advance that was interrupted has moved instance time and not the clock:
		// the retry goes as far as the first attempt would have gone.
		if c.By > lastInstant.Sub(s.clock.Instant) {
			return time.Time{}, Invalid("by", "must end before the year 10000")
		}
		target := s.clock.Instant.Add(c.By).Truncate(time.Microsecond)
		if target.Before(now) {
			target = now
		}
		return target, nil
	default:
		target := c.To.UTC().Truncate(time.Microsecond)
		return target, d.checkForward("to", target)
	}
}

func (c AdvanceClock) decide(d *decision) *Error {
	setting := d.clock
	setting.Instant = d.advance.target
	setting.Events = d.sequence - d.advance.from
	d.now = d.advance.target
	d.advance = advance{}
	d.emitClock(EventClockAdvanced, setting)
	return nil
}

func (d *decision) emitClock(t EventType, setting ClockSetting) {
	d.record(d.emit(t), NewDocument(DocumentClock, clockKey.ID, setting))
}

// Clock returns the clock that a [DocumentClock] describes.
func (v *Document) Clock() (ClockSetting, error) { return valueOf[ClockSetting](v) }

func (c SetClock) appendCanonical(dst []byte) []byte {
	return canonical(dst, "set-clock", string(c.Mode), strconv.FormatInt(c.Factor, 10), instantText(c.Instant))
}

func (c AdvanceClock) appendCanonical(dst []byte) []byte {
	return canonical(dst, "advance-clock", instantText(c.To), c.By.String(), flag(c.ToNextEvent))
}

func instantText(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339Nano)
}

func (SetClock) externalKey() Key     { return Key{} }
func (AdvanceClock) externalKey() Key { return Key{} }
