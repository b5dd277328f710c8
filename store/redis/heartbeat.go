package redis

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"
)

const (
	// afterOutage spreads the return of many services to a server that was
	// away.
	afterOutage = 3 * time.Second
	// deregisterTimeout bounds the farewell.
	deregisterTimeout = 2 * time.Second
	maxBeatBackoff    = 10 * time.Second
)

// Run keeps svc announced until ctx ends, then withdraws it. It renews the
// announcement every interval ([HeartbeatInterval] for 0), less a little so
// that many services don't beat together, and announces anew after Redis was
// away or lost the record. An interval over a third of [ServiceTTL] lengthens
// the time that the record lives to three intervals.
//
// Where another process is announced under the name, confirm is asked whether
// this one may take its place; nil means that it always may. So a process that
// has lost the instance to the other one leaves the announcement alone.
//
// It returns nil after ctx has ended, and an error at once if svc can't be
// announced, or when the Server was closed.
func (d *Discovery) Run(ctx context.Context, svc Service, interval time.Duration, confirm func(context.Context) error) error {
	if err := svc.validate(); err != nil {
		return err
	}
	if interval <= 0 {
		interval = HeartbeatInterval
	}
	svc = svc.beat(time.Now())
	if confirm == nil {
		confirm = func(context.Context) error { return nil }
	}
	b := beater{d: d, svc: svc, interval: interval, ttl: max(ServiceTTL, 3*interval), confirm: confirm}
	err := b.run(ctx)
	b.farewell(ctx)
	return err
}

// beater is the state of one Run.
type beater struct {
	d        *Discovery
	svc      Service
	interval time.Duration
	ttl      time.Duration
	confirm  func(context.Context) error

	spread    bool // many have the same reason to beat now
	announced bool // the record is there, as far as we know
	ever      bool // it was there once
	failing   bool // the last beat failed; logged once
}

func (b *beater) run(ctx context.Context) error {
	backoff := time.Second
	for {
		wasUp := b.d.server.Up()
		up, err := b.d.server.Wait(ctx)
		if err != nil {
			return endOf(ctx, err)
		}
		if (!wasUp || b.spread) && b.ever && !pause(ctx, rand.N(min(afterOutage, b.interval/10+1))) { //nolint:gosec // jitter needs no secrecy
			return nil
		}
		b.spread = false
		err = apart(func() error { return b.beat(ctx) })
		switch {
		case ctx.Err() != nil:
			return nil
		case err == nil:
			backoff = time.Second
			b.rest(ctx, up)
		case !pause(ctx, jitter(backoff)):
			return nil
		default:
			backoff = min(2*backoff, maxBeatBackoff)
		}
	}
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

// rest waits until the next beat is due or the server goes away.
func (b *beater) rest(ctx context.Context, up context.Context) {
	timer := time.NewTimer(jitter(b.interval))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-up.Done():
		b.announced, b.spread = false, true // it may come back empty
	case <-ctx.Done():
	}
}

// farewell withdraws the announcement, although ctx has ended.
func (b *beater) farewell(ctx context.Context) {
	if !b.ever {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), deregisterTimeout)
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
