package postgres

import (
	"context"
	"fmt"
	"time"
)

const (
	// waitRetry is how often it is tried to get what others own and this
	// process waits for.
	waitRetry = time.Second
	// waitAfterLoss is how long this process leaves alone what it waits for
	// after its own connection was lost. Where that was the server's doing, the
	// owners have lost theirs as well, and are to be the first to come back.
	waitAfterLoss = 3 * lockPing
)

// OwnWhenFree is [Server.Own] that waits until nobody else owns the schema, or
// ctx ends. Meanwhile it tells who does, or why that cannot be found out,
// whenever that changes; told must not block. However many schemas are waited
// for, it costs two statements a second.
func (s *Server) OwnWhenFree(ctx context.Context, schema string, told func(error)) (*Lease, error) {
	if err := checkSchema(schema); err != nil {
		return nil, err
	}
	l := newLease(schema, s.keeper)
	l.told = told
	if err := s.keeper.ask(ctx, l, wishWait); err != nil {
		return nil, fmt.Errorf("waiting to own schema %q: %w", schema, err)
	}
	return l, nil
}

// takeFree takes what is waited for and no longer held by others.
func (k *keeper) takeFree() {
	if len(k.waiting) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(k.life, k.bound())
	defer cancel()
	if err := k.connect(ctx); err != nil {
		k.tellWaiting(err)
		return
	}
	if k.anew && time.Since(k.since) < waitAfterLoss {
		return
	}
	keys := make([]int64, 0, len(k.waiting))
	for key := range k.waiting {
		if k.leases[key] == nil {
			keys = append(keys, key)
		}
	}
	refused, err := k.lock(ctx, keys)
	if err != nil {
		k.disconnect() // which unlocks what it may have locked
		k.tellWaiting(k.server.explain(err))
		return
	}
	holders, err := k.holders(ctx, refused)
	if err != nil {
		k.server.log.Warn("finding who owns an instance", "error", err)
	}
	held := make(map[int64]bool, len(refused))
	for _, key := range refused {
		held[key] = true
		k.waiting[key].lease.tell(fmt.Errorf("%w: %s", ErrOwned, holders[key]))
	}
	for _, key := range keys {
		if !held[key] {
			r := k.waiting[key]
			delete(k.waiting, key)
			k.leases[key], r.lease.granted = r.lease, true
			r.answer(nil)
		}
	}
}

func (k *keeper) tellWaiting(err error) {
	for _, r := range k.waiting {
		r.lease.tell(err)
	}
}

// turnAway ends all waiting.
func (k *keeper) turnAway() {
	for key, r := range k.waiting {
		delete(k.waiting, key)
		r.answer(ErrClosed)
	}
}

// confirm answers whether leases are held.
func (k *keeper) confirm(ctx context.Context, requests []*lockRequest) {
	if len(requests) == 0 {
		return
	}
	err := k.server.explain(k.hold(ctx))
	for _, r := range requests {
		if k.leases[lockKey("ownership", r.lease.schema)] == r.lease {
			r.answer(err)
			continue
		}
		r.answer(r.lease.ended())
	}
}
