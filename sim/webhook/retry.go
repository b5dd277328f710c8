package webhook

import (
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
)

// Defaults of [RetryPolicy].
const (
	DefaultRetryBase     = time.Second
	DefaultRetryMax      = 5 * time.Minute
	DefaultAttempts      = 12
	DefaultJitter        = 20
	DefaultMaxRetryAfter = time.Hour
	// MaxAttempts is the highest number of attempts that may be asked for.
	MaxAttempts = 1000
	maxDelay    = 7 * 24 * time.Hour
)

// RetryPolicy says when an event is sent again to an endpoint that did not take
// it, and when it is given up. The zero value stands for the defaults.
type RetryPolicy struct {
	// Base is the time between the first attempt and the second; each further
	// one is twice as long as the one before, up to Max. Defaults
	// [DefaultRetryBase] and [DefaultRetryMax].
	Base, Max time.Duration
	// Attempts is after how many failures an event is given up. Default
	// [DefaultAttempts], or what Schedule has room for.
	Attempts int
	// Schedule, where not empty, has the times between attempts instead of Base
	// and Max; the last is repeated if there are more attempts.
	Schedule []time.Duration
	// Jitter is by how many percent a time between attempts is lengthened or
	// shortened at random at most, up to 100. 0 is [DefaultJitter], below 0 none.
	Jitter int
	// MaxRetryAfter bounds the wait that a receiver may ask for in Retry-After
	// with 429 and 503. Default [DefaultMaxRetryAfter].
	MaxRetryAfter time.Duration
}

// StandardSchedule returns the schedule that Standard Webhooks recommends, over
// three days: use it as [RetryPolicy.Schedule].
func StandardSchedule() []time.Duration {
	return []time.Duration{
		5 * time.Second, 5 * time.Minute, 30 * time.Minute, 2 * time.Hour, 5 * time.Hour,
		10 * time.Hour, 14 * time.Hour, 20 * time.Hour, 24 * time.Hour,
	}
}

// Validate reports a setting out of its range as a [sim.Error] that names it:
// retry.base, retry.max, retry.attempts, retry.schedule, retry.jitter or
// retry.max_retry_after.
func (p RetryPolicy) Validate() error {
	for _, d := range []struct {
		field string
		value time.Duration
	}{{"retry.base", p.Base}, {"retry.max", p.Max}, {"retry.max_retry_after", p.MaxRetryAfter}} {
		if d.value < 0 || d.value > maxDelay {
			return sim.Invalid(d.field, "is %s; 0s to %s are allowed", d.value, maxDelay)
		}
	}
	if p.Max > 0 && p.withDefaults().Base > p.Max {
		return sim.Invalid("retry.max", "is %s, below retry.base, which is %s", p.Max, p.withDefaults().Base)
	}
	if p.Attempts < 0 || p.Attempts > MaxAttempts || len(p.Schedule) >= MaxAttempts {
		return sim.Invalid("retry.attempts", "is %d, or %d by the schedule; 1 to %d are allowed", p.Attempts, len(p.Schedule)+1, MaxAttempts)
	}
	if p.Jitter > 100 {
		return sim.Invalid("retry.jitter", "is %d percent; at most 100 are allowed", p.Jitter)
	}
	if i := slices.IndexFunc(p.Schedule, func(d time.Duration) bool { return d < 0 || d > maxDelay }); i >= 0 {
		return sim.Invalid("retry.schedule", "has %s; 0s to %s are allowed", p.Schedule[i], maxDelay)
	}
	return nil
}

func (p RetryPolicy) withDefaults() RetryPolicy {
	if p.Base == 0 {
		p.Base = DefaultRetryBase
	}
	if p.Max == 0 {
		p.Max = max(DefaultRetryMax, p.Base)
	}
	if p.Attempts == 0 {
		if p.Attempts = DefaultAttempts; len(p.Schedule) > 0 {
			p.Attempts = len(p.Schedule) + 1
		}
	}
	if p.Jitter == 0 {
		p.Jitter = DefaultJitter
	}
	if p.MaxRetryAfter == 0 {
		p.MaxRetryAfter = DefaultMaxRetryAfter
	}
	return p
}

// delay returns how long to wait after so many failed attempts, the first being
// 1. A receiver's wish takes the place of the policy's time, within bounds: not
// sooner than the first retry, not later than MaxRetryAfter.
func (p RetryPolicy) delay(failed int, wish time.Duration) time.Duration {
	if wish > 0 {
		return min(max(wish, p.jittered(p.nominal(1))), p.MaxRetryAfter)
	}
	return p.jittered(p.nominal(failed))
}

func (p RetryPolicy) nominal(failed int) time.Duration {
	if n := len(p.Schedule); n > 0 {
		return p.Schedule[min(failed, n)-1]
	}
	d := p.Base
	for range failed - 1 {
		if d >= p.Max/2 {
			return p.Max
		}
		d *= 2
	}
	return min(d, p.Max)
}

func (p RetryPolicy) jittered(d time.Duration) time.Duration {
	spread := int64(d) / 100 * int64(p.Jitter)
	if spread <= 0 {
		return d
	}
	return d - time.Duration(spread) + time.Duration(rand.Int64N(2*spread+1)) //nolint:gosec // jitter needs no secrecy
}

// retryAfter reads how long a receiver wants to be left alone, 0 if it does not
// say (RFC 9110, section 10.2.3).
func retryAfter(h http.Header, now time.Time) time.Duration {
	value := h.Get("Retry-After")
	if seconds, err := strconv.ParseUint(value, 10, 63); err == nil {
		return time.Duration(min(seconds, uint64(maxDelay/time.Second))) * time.Second
	}
	if at, err := http.ParseTime(value); err == nil {
		return min(max(at.Sub(now), 0), maxDelay)
	}
	return 0
}
