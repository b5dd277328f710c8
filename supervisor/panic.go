package supervisor

import (
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/guard"
)

// panicked is told of panics in what is done with an instance from outside of its
// group: the keeper, long operations, the stand-in. There is nothing to restart;
// the operation fails.
func (i *instance) panicked(p *guard.Panic) {
	i.host.metrics.RecordPanic(p.Part)
	i.tellPanic(p)
	i.mu.Lock()
	defer i.mu.Unlock()
	i.status.LastError = summary(p)
	i.notifyLocked()
}

// scrapePanicked is told of a panic in the instance's metrics, which are collected
// on goroutines of a scrape. They outlive a group; the one that runs is ended.
func (i *instance) scrapePanicked(p *guard.Panic) {
	i.mu.Lock()
	g := i.group
	i.mu.Unlock()
	if g != nil {
		g.panicked(p)
		return
	}
	i.panicked(p)
}

// countPanic logs and counts a panic of the instance's start.
func (i *instance) countPanic(p *guard.Panic) {
	i.tellPanic(p)
	if i.metrics != nil {
		i.metrics.RecordPanic(p.Part)
		return
	}
	i.host.metrics.RecordPanic(p.Part)
}

// tellPanic logs a panic, once.
func (i *instance) tellPanic(p *guard.Panic) {
	if p.Tell() {
		i.log.Error("panic", "part", p.Part, "panic", p.Value, "stack", p.Stack)
	}
}

// setBack follows a panic of the keeper itself: what is wanted is tried again
// after the backoff, but for a removal, which ends in any case.
func (i *instance) setBack(p *guard.Panic, w want) {
	i.mu.Lock()
	wake, policy := i.wake, i.spec.Restart
	i.attempts++
	if w == wantRunning {
		i.failure = p
	}
	state := StatePending
	if w == wantRemoved {
		state = StateDrained
	}
	i.enterLocked(state, summary(p))
	i.mu.Unlock()
	if w == wantRemoved {
		return
	}
	backoff, again := i.failures.add(policy, true)
	if !again {
		backoff = policy.Max.Std()
	}
	pause(wake, backoff)
}
