package client

import "time"

// Decimal is an exact decimal number in plain digits, such as 1.25 or -3. It is
// sent and kept as it stands here; compute with a decimal library, never with
// float64. Empty means that there is none.
type Decimal string

// Date is a calendar day, such as 2026-11-24. Empty means that there is none.
type Date string

// DateOf returns the day on which t is in its location.
func DateOf(t time.Time) Date { return Date(t.Format(time.DateOnly)) }

// Time returns the beginning of the day in UTC.
func (d Date) Time() (time.Time, error) { return time.Parse(time.DateOnly, string(d)) }
