package config

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Duration is a length of time, written as Go writes it: "500ms", "30s", "1m30s".
type Duration time.Duration

// Std returns d as the standard library's type.
func (d Duration) Std() time.Duration { return time.Duration(d) }

// String returns d without units that are zero: "1m", "30s".
func (d Duration) String() string {
	s := time.Duration(d).String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// MarshalText writes what [Duration.UnmarshalText] reads.
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads Go's syntax for durations.
func (d *Duration) UnmarshalText(text []byte) error {
	parsed, err := time.ParseDuration(string(text))
	if err != nil {
		return errors.New(`must be a duration with a unit, like "500ms", "30s" or "1m30s"`)
	}
	*d = Duration(parsed)
	return nil
}

// Decimal is the text of an exact decimal number, as it was written. Empty means
// not given.
type Decimal string

// Instant is the text of a time as RFC 3339 writes it. Empty means not given.
type Instant string

// Time returns the time, zero where none is given.
func (i Instant) Time() time.Time {
	t, err := time.Parse(time.RFC3339Nano, string(i))
	if err != nil {
		return time.Time{} // only of values that no parser of this package makes
	}
	return t
}

// PortRange is an inclusive range of ports, written "8080-8999" or "8080".
type PortRange struct{ First, Last int }

// Len returns how many ports r has.
func (r PortRange) Len() int { return r.Last - r.First + 1 }

// Contains reports whether port lies in r.
func (r PortRange) Contains(port int) bool { return r.First <= port && port <= r.Last }

// String returns r as it is written in a file.
func (r PortRange) String() string {
	if r.First == r.Last {
		return strconv.Itoa(r.First)
	}
	return fmt.Sprintf("%d-%d", r.First, r.Last)
}

// MarshalText writes what [PortRange.UnmarshalText] reads.
func (r PortRange) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// UnmarshalText reads "first-last" or a single port.
func (r *PortRange) UnmarshalText(text []byte) error {
	first, last, isRange := strings.Cut(string(text), "-")
	if !isRange {
		last = first
	}
	f, errFirst := parsePort(strings.TrimSpace(first))
	l, errLast := parsePort(strings.TrimSpace(last))
	if errFirst != nil || errLast != nil {
		return errors.New("must be a range of ports between 1 and 65535, like 8080-8999")
	}
	if f > l {
		return fmt.Errorf("must begin with the lower port: %d-%d", l, f)
	}
	*r = PortRange{f, l}
	return nil
}

// parsePort reads a port in plain digits.
func parsePort(s string) (int, error) {
	port, err := strconv.ParseUint(s, 10, 16)
	if err != nil || port == 0 || s[0] == '+' {
		return 0, errors.New("must be a port between 1 and 65535")
	}
	return int(port), nil
}
