package calendar

import "time"

// Calendar says which days are business days, and when they end. It is
// immutable and safe for concurrent use.
type Calendar struct {
	name, title string
	location    *time.Location
	weekend     [7]bool // by time.Weekday
	weekdays    int     // days of a week that are no weekend
	close       TimeOfDay
	first, last Date
	exceptions  map[Date]exception
}

// exception is a day that differs from others of its weekday: a holiday, or a
// day that closes early.
type exception struct {
	name   string
	closed bool
	close  TimeOfDay
}

// Name returns the name by which [Lookup] finds the calendar, such as "NYSE".
func (c *Calendar) Name() string { return c.name }

// Title returns what the calendar is for, such as "New York Stock Exchange".
func (c *Calendar) Title() string { return c.title }

// Location returns the time zone of the calendar's days and closing times.
func (c *Calendar) Location() *time.Location { return c.location }

// First returns the first date of the calendar's data.
func (c *Calendar) First() Date { return c.first }

// Last returns the last date of the calendar's data.
func (c *Calendar) Last() Date { return c.last }

// Covers reports whether the calendar's data include d. For other dates the
// calendar knows weekends and the regular close, but no holidays: callers refuse
// such dates.
func (c *Calendar) Covers(d Date) bool { return !d.Before(c.first) && !d.After(c.last) }

// Business reports whether d is a business day: neither on a weekend nor a
// holiday.
func (c *Calendar) Business(d Date) bool {
	return !c.weekend[d.Weekday()] && !c.exceptions[d].closed
}

// Holiday returns the name of the holiday on d, and whether d is one. Holidays
// that fall on a weekend are known where the calendar's operator lists them.
func (c *Calendar) Holiday(d Date) (name string, ok bool) {
	e := c.exceptions[d]
	if !e.closed {
		return "", false
	}
	return e.name, true
}

// EarlyClose returns the time at which d closes earlier than usual, and whether
// it does.
func (c *Calendar) EarlyClose(d Date) (TimeOfDay, bool) {
	e, ok := c.exceptions[d]
	if !ok || e.closed {
		return 0, false
	}
	return e.close, true
}

// Close returns the time at which a business day closes, early or not. For any
// other day it is the regular closing time.
func (c *Calendar) Close(d Date) TimeOfDay {
	if early, ok := c.EarlyClose(d); ok {
		return early
	}
	return c.close
}
