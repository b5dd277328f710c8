package calendar

import (
	"cmp"
	"errors"
	"time"
)

// Date is a day of the Gregorian calendar, without a time or a zone. Dates are
// comparable values; the zero value is no date.
type Date struct {
	Year  int
	Month time.Month
	Day   int
}

// errDate says what [ParseDate] allows.
var errDate = errors.New(`not a date: write it as YYYY-MM-DD, like "2026-11-23"`)

// ParseDate reads "YYYY-MM-DD", with all ten characters and a day that exists in
// its month. The error says what is allowed, so that callers need only add the
// name of the field.
func ParseDate(s string) (Date, error) {
	if len(s) != 10 || s[4] != '-' || s[7] != '-' {
		return Date{}, errDate
	}
	year, okYear := number(s[:4])
	month, okMonth := number(s[5:7])
	day, okDay := number(s[8:])
	d := Date{year, time.Month(month), day}
	if !okYear || !okMonth || !okDay || year == 0 || d.normal() != d {
		return Date{}, errDate
	}
	return d, nil
}

// number reads plain digits.
func number(s string) (int, bool) {
	n := 0
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return 0, false
		}
		n = n*10 + int(s[i]-'0')
	}
	return n, s != ""
}

// DateOf returns the date that clocks in loc show at t.
func DateOf(t time.Time, loc *time.Location) Date {
	year, month, day := t.In(loc).Date()
	return Date{year, month, day}
}

// midnight is d in UTC, where every day has 24 hours.
func (d Date) midnight() time.Time {
	return time.Date(d.Year, d.Month, d.Day, 0, 0, 0, 0, time.UTC)
}

// normal returns d with days and months beyond their bounds carried over.
func (d Date) normal() Date { return DateOf(d.midnight(), time.UTC) }

// AddDays returns the date n days after d, or before it for a negative n.
func (d Date) AddDays(n int) Date {
	return Date{d.Year, d.Month, d.Day + n}.normal()
}

// DaysUntil returns the number of days from d to e, negative where e comes first.
func (d Date) DaysUntil(e Date) int {
	return int((e.midnight().Unix() - d.midnight().Unix()) / secondsPerDay)
}

// Before reports whether d comes before e.
func (d Date) Before(e Date) bool { return d.Compare(e) < 0 }

// After reports whether d comes after e.
func (d Date) After(e Date) bool { return d.Compare(e) > 0 }

// Compare returns -1, 0 or +1 as d comes before, on or after e.
func (d Date) Compare(e Date) int {
	return cmp.Or(cmp.Compare(d.Year, e.Year), cmp.Compare(d.Month, e.Month), cmp.Compare(d.Day, e.Day))
}

// Weekday returns the day of the week.
func (d Date) Weekday() time.Weekday { return d.midnight().Weekday() }

// IsZero reports whether d is the zero value, which is no date.
func (d Date) IsZero() bool { return d == Date{} }

// At returns the instant at which clocks in loc show the given time on d. It
// follows the rules of [TimeOfDay.On] where the clocks change.
func (d Date) At(hour, minute, second int, loc *time.Location) time.Time {
	return TimeOfDay(hour*secondsPerHour+minute*secondsPerMinute+second).On(d, loc)
}

// String returns d as "YYYY-MM-DD".
func (d Date) String() string {
	text, _ := d.AppendText(make([]byte, 0, 10)) // never fails
	return string(text)
}

// AppendText appends "YYYY-MM-DD" to dst. The error is always nil.
func (d Date) AppendText(dst []byte) ([]byte, error) {
	dst = digits(dst, d.Year, 4)
	dst = digits(append(dst, '-'), int(d.Month), 2)
	return digits(append(dst, '-'), d.Day, 2), nil
}

// digits appends n in at least width digits.
func digits(dst []byte, n, width int) []byte {
	if n < 0 {
		dst, n = append(dst, '-'), -n
	}
	var text [20]byte
	at := len(text)
	for ; n > 0 || width > 0; n, width = n/10, width-1 {
		at--
		text[at] = byte('0' + n%10)
	}
	return append(dst, text[at:]...)
}

// MarshalText writes what [Date.UnmarshalText] reads: nothing for the zero date.
func (d Date) MarshalText() ([]byte, error) {
	if d.IsZero() {
		return []byte{}, nil
	}
	return d.AppendText(nil)
}

// UnmarshalText reads a date as [ParseDate] does, and empty text as the zero
// date.
func (d *Date) UnmarshalText(text []byte) error {
	if len(text) == 0 {
		*d = Date{}
		return nil
	}
	parsed, err := ParseDate(string(text))
	if err != nil {
		return err
	}
	*d = parsed
	return nil
}
