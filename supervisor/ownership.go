package supervisor

import (
	"context"
	"errors"
	"fmt"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/guard"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/store/postgres"
)

// ownership guards an instance's schema against other supervisors.
type ownership struct{ lease *postgres.Lease }

// lost is closed when somebody else has taken the ownership; nil where nobody can.
func (o *ownership) lost() <-chan struct{} {
	if o == nil {
		return nil
	}
	return o.lease.Lost()
}

// recent returns what tells whether the instance can have no other owner yet, or
// nil where it can have none.
func (o *ownership) recent() func() bool {
	if o == nil {
		return nil
	}
	return o.lease.Recent
}

// explain adds to an error that tells of a lost ownership who has it now.
func (o *ownership) explain(err error) error {
	if o == nil || !errors.Is(err, sim.ErrLostOwnership) || errors.Is(err, postgres.ErrOwned) {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), abortAfter)
	defer cancel()
	if held := o.lease.Confirm(ctx); errors.Is(held, postgres.ErrOwned) {
		return fmt.Errorf("%w: %w", err, held)
	}
	return err
}

// confirm returns nil if this process owns the instance at this moment. Books
// that only one process can open need no confirmation.
func (o *ownership) confirm(ctx context.Context) error {
	if o == nil {
		return nil
	}
	err := o.lease.Confirm(ctx)
	if errors.Is(err, postgres.ErrOwned) {
		return fmt.Errorf("%w: %w", sim.ErrLostOwnership, err)
	}
	return err
}

// standBy waits until nobody else owns the instance, or something else is
// wanted of it. The ownership that it gets is kept for the next start.
func (i *instance) standBy(err error, wake <-chan struct{}) {
	i.closePorts() // who owns the instance may be on this machine
	i.enter(StatePending, "standing by: "+summary(err))
	ctx, cancel := context.WithCancel(i.host.abort)
	defer cancel()
	guard.Go("keeper", i.panicked, func() {
		select {
		case <-wake:
			cancel()
		case <-ctx.Done():
		}
	})
	spec := i.specNow()
	lease, err := i.host.storages.await(ctx, spec, func(why error) { i.waitsFor(why) })
	if err != nil {
		if ctx.Err() == nil {
			i.log.Warn("standing by for an instance", "error", err)
			pause(wake, standbyPause)
		}
		return
	}
	i.lease, i.leased = &ownership{lease}, &spec
	i.log.Info("taking over")
	// It may have been stopped where it ran, and not have died.
	if err := i.host.sync(ctx); err != nil {
		i.log.Warn("finding what is wanted of an instance before it is taken over", "error", err)
		i.giveBack()
		pause(wake, standbyPause)
	}
}

// waitsFor shows why a standby waits.
func (i *instance) waitsFor(why error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.status.LastError = summary(why)
	i.notifyLocked()
}

// takeLease returns the ownership that standing by has brought, or nil.
func (i *instance) takeLease(spec Spec) *ownership {
	if i.lease != nil && (i.leased.Schema != spec.Schema || i.leased.Storage != spec.Storage) {
		i.giveBack()
	}
	owned := i.lease
	i.lease = nil
	return owned
}

// giveBack gives up an ownership of which no use was made.
func (i *instance) giveBack() {
	if i.lease == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), abortAfter)
	defer cancel()
	if err := i.lease.lease.Release(ctx); err != nil {
		i.log.Warn("giving up the ownership of an instance", "error", err)
	}
	i.lease = nil
}
