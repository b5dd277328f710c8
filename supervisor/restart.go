package supervisor

import (
	"math"
	"math/rand/v2"
	"time"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/supervisor/config"
)

// failures remembers an instance's failures, decaying with time: after a
// stretch of ForgiveAfter only half of them count. So a burst of failures adds
// up, one failure a day does not.
type failures struct {
	weight float64
	last   time.Time
}

// add counts a failure and returns how long to wait before the next start, or
// false if there is to be none.
func (f *failures) add(p config.Restart, now time.Time) (time.Duration, bool) {
	if !f.last.IsZero() && p.ForgiveAfter > 0 {
		f.weight *= math.Pow(0.5, now.Sub(f.last).Seconds()/p.ForgiveAfter.Std().Seconds())
	}
	f.last = now
	f.weight++
	if f.weight > float64(p.MaxAttempts) {
		return 0, false
	}
	backoff := float64(p.Initial) * math.Pow(2, f.weight-1)
	backoff = min(backoff, float64(p.Max))
	// Half of the backoff is jitter, so that instances felled by one cause do
	// not all come back at once.
	return time.Duration(backoff * (0.5 + 0.5*rand.Float64())), true //nolint:gosec // jitter needs no secrecy
}

func (f *failures) forgive() { *f = failures{} }
