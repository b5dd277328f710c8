package profile

import (
	"errors"
	"strings"
	"time"
)

// Duration is a length of time, written as Go writes it: "500ms", "30s", "24h".
type Duration time.Duration

// Std returns d as the standard library's type.
func (d Duration) Std() time.Duration { return time.Duration(d) }

// String returns d without units that are zero: "1m", "24h".
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
		return errors.New(`must be a duration with a unit, like "500ms", "30s" or "24h"`)
	}
	*d = Duration(parsed)
	return nil
}
