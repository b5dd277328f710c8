package supervisor

import (
	"errors"
	"math"
	"math/rand/v2"
	"time"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/guard"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/store/postgres"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/store/sqlite"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/supervisor/config"
)

// failures remembers an instance's failures, decaying with the time that it
// was healthy since: after ForgiveAfter none is left. So a burst of failures
// adds up, one failure a day does not, and an instance that never comes up is
// not forgiven for having waited.
type failures struct {
	streak float64 // of any kind; sets the backoff
	weight float64 // those that count towards giving up
}

// healthy credits a time of health.
func (f *failures) healthy(p config.Restart, d time.Duration) {
	if d >= p.ForgiveAfter.Std() {
		f.forgive()
		return
	}
	left := 1 - d.Seconds()/p.ForgiveAfter.Std().Seconds()
	f.streak *= left
	f.weight *= left
}

// add records a failure and returns how long to wait before the next start, or
// false if there is to be none. A failure that does not count is one that
// trying again may mend however often it came before.
func (f *failures) add(p config.Restart, counts bool) (time.Duration, bool) {
	f.streak++
	if counts {
		f.weight++
		if f.weight > float64(p.MaxAttempts)-0.5 {
			return 0, false
		}
	}
	backoff := min(float64(p.Initial)*math.Pow(2, f.streak-1), float64(p.Max))
	// Half of the backoff is jitter, so that instances felled by one cause do
	// not all come back at once.
	return time.Duration(backoff * (0.5 + 0.5*rand.Float64())), true //nolint:gosec // jitter needs no secrecy
}

func (f *failures) forgive() { *f = failures{} }

// consequence is what becomes of an instance whose start or group failed.
type consequence int

const (
	// tryAgain: the store is away. Trying costs little, and giving up would
	// leave the instance down when the store comes back.
	tryAgain consequence = iota
	// tryForAWhile: a defect or a conflict, which may last.
	tryForAWhile
	// standBy: another supervisor owns the instance, and this one is to take
	// over.
	standBy
	// giveUp: another supervisor has taken the instance over. To fight for it
	// would throw the instance to and fro.
	giveUp
)

// consequenceOf decides by the error. With standby an instance that somebody
// else owns is waited for.
func consequenceOf(err error, standby bool) consequence {
	_, panicked := errors.AsType[*guard.Panic](err)
	_, storage := errors.AsType[*storageError](err)
	switch {
	case panicked:
		return tryForAWhile
	case standby && (errors.Is(err, sim.ErrLostOwnership) || errors.Is(err, postgres.ErrOwned)):
		return standBy
	case errors.Is(err, sim.ErrLostOwnership):
		return giveUp
	case storage && !unusable(err):
		return tryAgain
	}
	return tryForAWhile
}

// isOwned reports that another process has the instance.
func isOwned(err error) bool {
	return errors.Is(err, sim.ErrLostOwnership) || errors.Is(err, postgres.ErrOwned) || errors.Is(err, sqlite.ErrOwned)
}

// unusable reports a store that is there, but not for this instance.
func unusable(err error) bool {
	for _, target := range []error{
		postgres.ErrOwned, postgres.ErrNewerSchema, postgres.ErrForeignSchema, postgres.ErrForeignRole,
		sqlite.ErrOwned, sqlite.ErrNewerSchema, sqlite.ErrForeignFile, sqlite.ErrDamaged,
	} {
		if errors.Is(err, target) {
			return true
		}
	}
	return false
}
