package redis

import (
	"context"
	"errors"
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
// It returns nil after ctx has ended, and an error at once if svc can't be
// announced, or when the Server was closed.
func (d *Discovery) Run(ctx context.Context, svc Service, interval time.Duration) error {
	if err := svc.validate(); err != nil {
		return err
	}
	if interval <= 0 {
		interval = HeartbeatInterval
	}
	svc = svc.beat(time.Now())
	b := beater{d: d, svc: svc, interval: interval, ttl: max(ServiceTTL, 3*interval)}
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
		if !wasUp && b.ever && !pause(ctx, rand.N(min(afterOutage, b.interval/10+1))) { //nolint:gosec // jitter needs no secrecy
			return nil
		}
		err = b.beat(ctx)
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
		err = b.d.announce(ctx, b.svc, b.ttl, false)
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

// rest waits until the next beat is due or the server goes away.
func (b *beater) rest(ctx context.Context, up context.Context) {
	timer := time.NewTimer(jitter(b.interval))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-up.Done():
		b.announced = false // it may come back empty
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
	if err := b.d.Deregister(ctx, b.svc); err != nil {
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
