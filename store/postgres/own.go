package postgres

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// Lease is the ownership of one instance's schema by this process. It keeps two
// processes from running the same instance at once. Books can be claimed only
// under it (see [JournalOptions]), and the epoch of the claim keeps the data
// safe even if both believed to own it.
type Lease struct {
	schema string
	keeper *keeper
	lost   chan struct{}
	once   sync.Once
	holder holder // who has taken it; set before lost is closed

	told     func(error) // of why it is waited for; nil for nobody
	lastTold string      // the keeper's

	granted   bool        // the keeper's
	abandoned atomic.Bool // who asked for it did not wait for it
}

func newLease(schema string, k *keeper) *Lease {
	return &Lease{schema: schema, keeper: k, lost: make(chan struct{})}
}

// Own takes the ownership of a schema, which need not exist yet. It fails with
// an error wrapping [ErrOwned] that names the holder, if there is one. Leases
// that are asked for at the same time are taken in one round trip.
func (s *Server) Own(ctx context.Context, schema string) (*Lease, error) {
	if err := checkSchema(schema); err != nil {
		return nil, err
	}
	l := newLease(schema, s.keeper)
	if err := s.keeper.ask(ctx, l, wishTake); err != nil {
		return nil, fmt.Errorf("owning schema %q: %w", schema, err)
	}
	return l, nil
}

// Schema returns the schema that the lease is for.
func (l *Lease) Schema() string { return l.schema }

// Lost is closed when somebody else has taken the ownership, which can happen
// only after the connection to the server was lost.
func (l *Lease) Lost() <-chan struct{} { return l.lost }

// errReleased reports a lease that its owner has given up.
var errReleased = errors.New("ownership was given up")

// Confirm asks the server whether this process still owns the schema. It
// returns nil if it did when the server answered, an error wrapping [ErrOwned]
// that names the new holder if it does not, or why that cannot be found out.
// Whatever has an effect outside of the journal that the epoch does not guard
// is to be confirmed first. What is asked at the same time costs one round trip.
func (l *Lease) Confirm(ctx context.Context) error {
	select {
	case <-l.lost:
		return l.ended()
	default:
		return l.keeper.ask(ctx, l, wishConfirm)
	}
}

// Recent reports whether the server has confirmed the ownership so recently that
// it cannot have ended it for this process's silence since. It asks nobody. What
// is read from memory while it holds is read as the owner.
func (l *Lease) Recent() bool {
	heard := l.keeper.heard.Load()
	select {
	case <-l.lost:
		return false
	default:
		// By the clock that goes on while the machine sleeps, as well.
		now := time.Now()
		age := max(now.Sub(*heard), now.Round(0).Sub(heard.Round(0)))
		return age < (lockSilence-1)*l.keeper.every
	}
}

// Release gives the ownership up. A second call does nothing.
func (l *Lease) Release(ctx context.Context) error {
	var err error
	l.once.Do(func() { err = l.keeper.ask(ctx, l, wishRelease) })
	return err
}

// lose notes who has taken the ownership. It is called once, by the keeper.
func (l *Lease) lose(to holder) {
	l.holder = to
	close(l.lost)
}

// ended says why the lease is no longer held.
func (l *Lease) ended() error {
	select {
	case <-l.lost:
		return fmt.Errorf("%w: %s", ErrOwned, l.holder)
	default:
		return errReleased
	}
}

// tell says why the lease is waited for, if that has changed.
func (l *Lease) tell(why error) {
	if text := why.Error(); l.told != nil && text != l.lastTold {
		l.lastTold = text
		l.told(why)
	}
}

// guard is the statement that fails, and so ends its transaction, unless the
// lease is held when it runs. Nothing that comes behind it in the same message
// to the server can then be the doing of a process that was stopped for a
// while and has lost its ownership meanwhile. A missing lease guards nothing.
func (l *Lease) guard() string {
	if l == nil {
		return ""
	}
	key := uint64(lockKey("ownership", l.schema))
	// It divides by zero where there is no such lock.
	return fmt.Sprintf(`SELECT 1 / count(*)::int4 AS owned FROM pg_locks WHERE locktype = 'advisory' AND granted AND objsubid = 1
		AND pid = %d AND classid::int8 = %d AND objid::int8 = %d
		AND database = (SELECT oid FROM pg_database WHERE datname = current_database());`,
		l.keeper.session.Load(), key>>32, key&0xffffffff)
}

// ErrNotHeld reports that what is for the owner alone was refused, because the
// lease was not held at that moment: it is lost, or its connection is being
// made anew.
var ErrNotHeld = errors.New("ownership is not confirmed")

// guarded turns the failure of [Lease.guard] into an error that says so.
func (l *Lease) guarded(err error) error {
	if l == nil || sqlState(err) != codeDivisionByZero {
		return err
	}
	select {
	case <-l.lost:
		return l.ended()
	default:
		return fmt.Errorf("%w: the server does not know this process as the owner of schema %q at the moment", ErrNotHeld, l.schema)
	}
}
