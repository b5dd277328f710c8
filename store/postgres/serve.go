package postgres

import (
	"context"
	"fmt"
)

// serve answers requests in one round trip each for releases, confirmations and
// new locks.
func (k *keeper) serve(batch []*lockRequest) {
	ctx, cancel := context.WithTimeout(k.life, k.bound())
	defer cancel()
	var taking, dropping, confirming []*lockRequest
	var taken, dropped []int64
	for _, r := range batch {
		key := lockKey("ownership", r.lease.schema)
		switch held := k.leases[key]; {
		case r.wish == wishRelease:
			if held == r.lease {
				delete(k.leases, key)
				dropped = append(dropped, key)
			}
			if w := k.waiting[key]; w != nil && w.lease == r.lease {
				delete(k.waiting, key)
			}
			dropping = append(dropping, r)
		case r.wish == wishConfirm:
			confirming = append(confirming, r)
		case r.lease.abandoned.Load():
			r.answer(context.Canceled)
		case r.wish == wishWait && k.waiting[key] == nil:
			k.waiting[key] = r // its turn comes
		case held != nil && held.granted && held.abandoned.Load():
			k.leases[key], r.lease.granted = r.lease, true // the lock is ours
			r.answer(nil)
		case held != nil:
			r.answer(fmt.Errorf("%w: this process runs it already", ErrOwned))
		default:
			// Marked at once, so that a second request in this batch is refused.
			k.leases[key] = r.lease
			taking, taken = append(taking, r), append(taken, key)
		}
	}
	k.unlock(ctx, dropped)
	for _, r := range dropping {
		r.answer(nil)
	}
	k.confirm(ctx, confirming)
	if len(taking) == 0 {
		return
	}
	answers := k.take(ctx, taken)
	for i, r := range taking {
		if err := answers[taken[i]]; err != nil {
			delete(k.leases, taken[i])
			r.answer(err)
			continue
		}
		r.lease.granted = true
		r.answer(nil)
	}
}

// unlock gives locks up. They are free when it returns, unless the connection is
// lost, whose end frees them. Closing it is not enough even where it holds no
// other: the server notices that later, and who asks for the lock at once, as to
// drop a schema, would find it taken.
func (k *keeper) unlock(ctx context.Context, keys []int64) {
	if len(keys) == 0 || k.conn == nil {
		return
	}
	if k.exec(ctx, `SELECT count(pg_advisory_unlock(k)) FROM unnest($1::int8[]) AS k`, keys) != nil {
		k.disconnect() // the next round restores the others
	}
}

// take locks keys and returns why for those that it could not.
func (k *keeper) take(ctx context.Context, keys []int64) map[int64]error {
	failed := make(map[int64]error)
	fail := func(err error) map[int64]error {
		for _, key := range keys {
			failed[key] = k.server.explain(err)
		}
		return failed
	}
	// Those are not held yet, so a new connection must not restore them.
	pending := make(map[int64]*Lease, len(keys))
	for _, key := range keys {
		pending[key] = k.leases[key]
		delete(k.leases, key)
	}
	refused, err := k.lockAnew(ctx, keys)
	for key, l := range pending {
		k.leases[key] = l
	}
	if err != nil {
		return fail(err)
	}
	if len(refused) == 0 {
		return failed
	}
	holders, err := k.holders(ctx, refused)
	if err != nil {
		k.server.log.Warn("finding who owns an instance", "error", err)
	}
	for _, key := range refused {
		failed[key] = fmt.Errorf("%w: %s", ErrOwned, holders[key])
	}
	return failed
}

// lockAnew is lock on a connection that is made if need be. A connection that
// was lost while nobody looked is found out here, so that one is replaced.
func (k *keeper) lockAnew(ctx context.Context, keys []int64) (refused []int64, err error) {
	for {
		had := k.conn != nil
		if err = k.connect(ctx); err != nil {
			return nil, err
		}
		if refused, err = k.lock(ctx, keys); err == nil {
			return refused, nil
		}
		k.disconnect()
		if !had || ctx.Err() != nil {
			return nil, err
		}
	}
}
