package calendar

import (
	"errors"
	"time"
)

const (
	secondsPerMinute = 60
	secondsPerHour   = 60 * secondsPerMinute
	secondsPerDay    = 24 * secondsPerHour
)

// TimeOfDay is a time on the wall clock, in seconds since midnight: what is
// meant by "16:00" before anybody says on which day and where.
type TimeOfDay int

// EndOfDay is "24:00", the midnight at which a day ends, as ISO 8601 writes it.
const EndOfDay TimeOfDay = secondsPerDay

// errTimeOfDay says what [ParseTimeOfDay] allows.
var errTimeOfDay = errors.New(`not a time of day: write it as HH:MM or HH:MM:SS between 00:00 and 24:00, like "16:00"`)

// ParseTimeOfDay reads "HH:MM" or "HH:MM:SS" between "00:00" and "24:00", the
// end of the day. The error says what is allowed, so that callers need only add
// the name of the field.
func ParseTimeOfDay(s string) (TimeOfDay, error) {
	if (len(s) != 5 && len(s) != 8) || s[2] != ':' || (len(s) == 8 && s[5] != ':') {
		return 0, errTimeOfDay
	}
	hour, okHour := number(s[:2])
	minute, okMinute := number(s[3:5])
	second, okSecond := 0, true
	if len(s) == 8 {
		second, okSecond = number(s[6:])
	}
	t := TimeOfDay(hour*secondsPerHour + minute*secondsPerMinute + second)
	if !okHour || !okMinute || !okSecond || minute > 59 || second > 59 || t > EndOfDay {
		return 0, errTimeOfDay
	}
	return t, nil
}

// Clock returns the hour, minute and second of t.
func (t TimeOfDay) Clock() (hour, minute, second int) {
	return int(t) / secondsPerHour, int(t) / secondsPerMinute % 60, int(t) % 60
}

// On returns the instant at which clocks in loc show t on d.
//
// Where the clocks are put forward over t there is no such instant; On returns
// the one at which they are put forward, the first after the gap. Where they
// are put back over t there are two; On returns the first. [EndOfDay] is the
// start of the next day.
func (t TimeOfDay) On(d Date, loc *time.Location) time.Time {
	day, second := d.Day+int(t)/secondsPerDay, int(t)%secondsPerDay
	at := time.Date(d.Year, d.Month, day, 0, 0, second, 0, loc)
	want := time.Date(d.Year, d.Month, day, 0, 0, second, 0, time.UTC).Unix()
	start, end := at.ZoneBounds()
	// time.Date answers a wall time in a gap with one on either side of it.
	_, offset := at.Zone()
	switch shown := at.Unix() + int64(offset); {
	case shown > want:
		return start
	case shown < want:
		return end
	case !start.IsZero():
		_, before := start.Add(-1).Zone()
		earlier := at.Add(time.Duration(offset-before) * time.Second)
		if earlier.Before(start) {
			return earlier
		}
	}
	return at
}

// String returns t as "HH:MM", with seconds where there are any.
func (t TimeOfDay) String() string {
	text, _ := t.AppendText(make([]byte, 0, 8)) // never fails
	return string(text)
}

// AppendText appends what String returns to dst. The error is always nil.
func (t TimeOfDay) AppendText(dst []byte) ([]byte, error) {
	hour, minute, second := t.Clock()
	dst = digits(append(digits(dst, hour, 2), ':'), minute, 2)
	if second != 0 {
		dst = digits(append(dst, ':'), second, 2)
	}
	return dst, nil
}

// MarshalText writes what [TimeOfDay.UnmarshalText] reads.
func (t TimeOfDay) MarshalText() ([]byte, error) { return t.AppendText(nil) }

// UnmarshalText reads a time as [ParseTimeOfDay] does.
func (t *TimeOfDay) UnmarshalText(text []byte) error {
	parsed, err := ParseTimeOfDay(string(text))
	if err != nil {
		return err
	}
	*t = parsed
	return nil
}
