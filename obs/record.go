package obs

import "time"

// RecordPositionCreated counts a position that was created for an account.
func (in *Instance) RecordPositionCreated(account, symbol string) { in.positions.inc(account, symbol) }

// RecordSettlementProcessed counts a settlement that reached a status.
func (in *Instance) RecordSettlementProcessed(status, settlementType string) {
	in.settlements.inc(status, settlementType)
}

// RecordBalanceChange counts a change of a balance.
func (in *Instance) RecordBalanceChange(account, currency string) {
	in.balances.inc(account, currency)
}

// RecordBatch observes one journal append: how many events it made durable
// and how long that took.
func (in *Instance) RecordBatch(events int, commit time.Duration) {
	in.batchEvents.get().Observe(float64(events))
	in.commitDuration.get().Observe(commit.Seconds())
}

// RecordRefused counts a request that was refused for want of capacity or
// availability. The reason is an error code of the core that says so
// (overloaded, unavailable, paused, draining, limit_reached, internal); any
// other counts as "other".
func (in *Instance) RecordRefused(reason string) {
	in.refused.inc(reason)
	switch reason { // those by which the engine says that a bound was reached
	case "overloaded":
		in.boundsRefused.inc(boundQueue)
	case "limit_reached":
		in.boundsRefused.inc(boundBooks)
	}
}

// RecordProjection observes one projection transaction: how many events it
// brought into the tables and how long it took.
func (in *Instance) RecordProjection(events int, took time.Duration) {
	if events > 0 {
		in.projectionEvents.add(events)
	}
	in.projectionDuration.get().Observe(took.Seconds())
}

// SetProjectionLag says how many durable events the tables do not show yet.
func (in *Instance) SetProjectionLag(events int) { in.projectionLag.put(events) }

// RecordReload counts that the engine threw its state away and loaded it anew.
func (in *Instance) RecordReload() { in.reloads.add(1) }

// SetQueueDepth says how many commands wait for the engine.
func (in *Instance) SetQueueDepth(n int) { in.queueDepth.put(n) }

// RecordRestart counts that the supervisor restarted the instance.
func (in *Instance) RecordRestart() { in.restarts.add(1) }

// RecordPanic counts a panic that was recovered in a part of the instance, which
// is one of few names.
func (in *Instance) RecordPanic(part string) { in.panics.get().WithLabelValues(part).Inc() }

// SetRedisUp says whether Redis answers. Until the first call the instance has
// no custodian_redis_up series, which is right where Redis is off.
func (in *Instance) SetRedisUp(up bool) {
	if up {
		in.redisUp.put(1)
		return
	}
	in.redisUp.put(0)
}

// RecordStreamPublished counts n events published on the Redis stream.
func (in *Instance) RecordStreamPublished(n int) {
	if n > 0 {
		in.published.add(n)
	}
}

// RecordCacheRequest counts a cache look-up. The result is hit, miss or error;
// any other counts as "other".
func (in *Instance) RecordCacheRequest(result string) { in.cacheRequests.inc(result) }
