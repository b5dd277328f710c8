package redis

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/guard"
)

const (
	// afterOutage spreads the return of many services to a server that was
	// away.
	afterOutage = 3 * time.Second
	// deregisterTimeout bounds the farewell.
	deregisterTimeout = 2 * time.Second
	maxBeatBackoff    = 10 * time.Second
	// heartbeats is the part of an instance that a panic is told of.
	heartbeats = "discovery"
)

// Keep keeps svc announced until ctx ends, then withdraws it and closes the channel
// that it returns. It renews the announcement every interval ([HeartbeatInterval] for
// 0), less a little so that many services don't beat together, and announces anew
// after Redis was away or lost the record. An interval over a third of [ServiceTTL]
// lengthens the time that the record lives to three intervals. Between two beats it
// has no goroutine: of a thousand services, each would keep a stack.
//
// Where another process is announced under the name, confirm is asked whether
// this one may take its place; nil means that it always may. So a process that
// has lost the instance to the other one leaves the announcement alone.
//
// Report is told of a panic, which is the end of the announcement. Keep returns an
// error if svc can't be announced. A Server that is closed ends it as ctx does.
func (d *Discovery) Keep(ctx context.Context, svc Service, interval time.Duration, confirm func(context.Context) error, report guard.Report) (withdrawn <-chan struct{}, err error) {
	if err := svc.validate(); err != nil {
		return nil, err
	}
	if interval <= 0 {
		interval = HeartbeatInterval
	}
	if confirm == nil {
		confirm = func(context.Context) error { return nil }
	}
	b := &beater{
		d: d, svc: svc.beat(time.Now()), interval: interval, ttl: max(ServiceTTL, 3*interval), confirm: confirm,
		ctx: ctx, report: report, withdrawn: make(chan struct{}),
	}
	guard.Go(heartbeats, report, b.run)
	return b.withdrawn, nil
}

// beater is the state of one Keep. One goroutine at a time works on it.
type beater struct {
	d         *Discovery
	svc       Service
	interval  time.Duration
	ttl       time.Duration
	confirm   func(context.Context) error
	ctx       context.Context // it is that of Keep, which has no goroutine to keep it
	report    guard.Report
	withdrawn chan struct{}

	spread    bool // many have the same reason to beat now
	announced bool // the record is there, as far as we know
	ever      bool // it was there once
	failing   bool // the last beat failed; logged once
}

// run beats, then rests, or withdraws the announcement at the end.
func (b *beater) run() {
	resting := false
	defer func() {
		if !resting { // also after a panic
			close(b.withdrawn)
		}
	}()
	if up := b.beatWell(); up != nil {
		resting = true
		b.rest(up)
		return
	}
	b.farewell()
}

// beatWell tries until a beat is well. It returns the context that ends when Redis
// goes away, or nil when the announcement is to end.
func (b *beater) beatWell() (up context.Context) {
	for backoff := time.Second; ; backoff = min(2*backoff, maxBeatBackoff) {
		wasUp := b.d.server.Up()
		up, err := b.d.server.Wait(b.ctx)
		if err != nil {
			return nil
		}
		if (!wasUp || b.spread) && b.ever && !pause(b.ctx, rand.N(min(afterOutage, b.interval/10+1))) { //nolint:gosec // jitter needs no secrecy
			return nil
		}
		b.spread = false
		err = b.beat(b.ctx)
		switch {
		case b.ctx.Err() != nil:
			return nil
		case err == nil:
			return up
		case !pause(b.ctx, jitter(backoff)):
			return nil
		}
	}
}

// rest has it run again when the next beat is due, the server goes away or the
// announcement is to end.
func (b *beater) rest(up context.Context) {
	resting, end := context.WithTimeout(up, jitter(b.interval))
	unlink := context.AfterFunc(b.ctx, end)
	context.AfterFunc(resting, func() {
		guard.Do(heartbeats, b.report, func() {
			unlink()
			end()
			if up.Err() != nil {
				b.announced, b.spread = false, true // it may come back empty
			}
			b.run()
		})
	})
}

// beat renews the announcement, or makes it if it is not there.
func (b *beater) beat(ctx context.Context) error {
	err := ErrNotRegistered
	if b.announced {
		err = b.d.heartbeat(ctx, b.svc, b.ttl)
	}
	if errors.Is(err, ErrNotRegistered) {
		if b.announced {
			b.d.server.log.Warn("service announcement was lost, announcing anew", "service", b.svc.ServiceName, "reason", err)
		}
		err = b.takePlace(ctx)
	}
	b.announced = err == nil
	// An attempt that failed may have been carried out.
	b.ever = true
	if err != nil && !b.failing && ctx.Err() == nil {
		b.d.server.log.Warn("service is not announced", "service", b.svc.ServiceName, "error", err)
	}
	b.failing = err != nil
	return err
}

// takePlace announces the service where it was not, or not any more.
func (b *beater) takePlace(ctx context.Context) error {
	current, err := b.d.lookup(ctx, b.svc.ServiceName)
	switch {
	case errors.Is(err, ErrUnavailable), errors.Is(err, ErrAuth), errors.Is(err, ErrClosed):
		return err
	case errors.Is(err, ErrNotFound):
		// If somebody else is quicker, the next attempt finds out who.
		return b.d.announce(ctx, b.svc, b.ttl, ifNone)
	case err == nil && current.ServiceID == b.svc.ServiceID:
	default: // another process, or a record that makes no sense
		if err := b.confirm(ctx); err != nil {
			return fmt.Errorf("taking the place of service id %q: %w", current.ServiceID, err)
		}
	}
	return b.d.announce(ctx, b.svc, b.ttl, always)
}

// farewell withdraws the announcement, although ctx has ended.
func (b *beater) farewell() {
	if !b.ever {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(b.ctx), deregisterTimeout)
	defer cancel()
	// It is tried even if Redis was away when last asked: it may be back since, and
	// a full one does not refuse this.
	leaving := &Discovery{server: b.d.server, do: b.d.server.attempt}
	if err := leaving.Deregister(ctx, b.svc); err != nil {
		b.d.server.log.Warn("service announcement is left to expire", "service", b.svc.ServiceName, "error", err)
	}
}

// endOf is what a loop returns for err: nothing if it was told to stop.
func endOf(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}
