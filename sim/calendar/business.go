package calendar

import "fmt"

// Convention says which business day stands in for a date that is none, by the
// names of the 2006 ISDA Definitions, section 4.12.
type Convention uint8

const (
	// Following takes the first business day after the date.
	Following Convention = iota
	// ModifiedFollowing does too, unless it lies in the next month: then it takes
	// the last business day before the date.
	ModifiedFollowing
	// Preceding takes the last business day before the date.
	Preceding
)

// String returns the convention's name, such as "ModifiedFollowing".
func (c Convention) String() string {
	switch c {
	case Following:
		return "Following"
	case ModifiedFollowing:
		return "ModifiedFollowing"
	case Preceding:
		return "Preceding"
	}
	return fmt.Sprintf("Convention(%d)", uint8(c))
}

// Next returns the first business day strictly after d.
func (c *Calendar) Next(d Date) Date { return c.step(d, 1) }

// Previous returns the last business day strictly before d.
func (c *Calendar) Previous(d Date) Date { return c.step(d, -1) }

// step ends: every calendar has a weekday that is no weekend, and only finitely
// many holidays.
func (c *Calendar) step(d Date, days int) Date {
	for d = d.AddDays(days); !c.Business(d); {
		d = d.AddDays(days)
	}
	return d
}

// Adjust returns d if it is a business day, else the business day that the
// convention names. A convention that does not exist adjusts nothing.
func (c *Calendar) Adjust(d Date, convention Convention) Date {
	if c.Business(d) {
		return d
	}
	switch convention {
	case Following:
		return c.Next(d)
	case ModifiedFollowing:
		if next := c.Next(d); next.Month == d.Month {
			return next
		}
		return c.Previous(d)
	case Preceding:
		return c.Previous(d)
	}
	return d
}

// Add returns the n-th business day after d, or before it for a negative n. With
// 0 it returns d, business day or not. A step takes time only within the
// calendar's data, so any n is answered quickly.
func (c *Calendar) Add(d Date, n int) Date {
	direction, step := 1, c.Next
	if n < 0 {
		direction, step, n = -1, c.Previous, -n
	}
	for n > 0 {
		if weeks := min((n-1)/c.weekdays, c.plainWeeks(d, direction)); weeks > 0 {
			d, n = d.AddDays(7*weeks*direction), n-weeks*c.weekdays
			continue
		}
		d, n = step(d), n-1
	}
	return d
}

// plainWeeks returns how many weeks from d, in a direction, surely lie outside
// the calendar's data: there, a week has as many business days as any other.
func (c *Calendar) plainWeeks(d Date, direction int) int {
	const many = 1 << 40
	switch {
	case direction > 0 && d.Before(c.first):
		return (d.DaysUntil(c.first) - 1) / 7
	case direction < 0 && d.After(c.last):
		return (c.last.DaysUntil(d) - 1) / 7
	case c.Covers(d) && len(c.exceptions) > 0:
		return 0
	}
	return many
}
