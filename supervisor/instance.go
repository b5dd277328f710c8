package supervisor

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/obs"
)

// want is what an instance is meant to do.
type want int

const (
	wantRunning want = iota
	wantStopped
	wantRestarted // stop, then run again
	wantRemoved
)

// instance is one entry and what runs of it. Its keeper goroutine does the
// work; the methods that callers use only say what is wanted and wait. Its
// mutex is held for moments and never while another lock is taken.
type instance struct {
	host *host

	mu       sync.Mutex
	spec     Spec
	want     want
	deadline time.Time       // of the drain under way
	asked    context.Context // ends when a running instance is to end
	ask      context.CancelFunc
	wake     chan struct{} // closed when want changed
	changed  chan struct{} // closed when the status changed
	paused   bool
	busy     string // the long operation that is under way, or ""
	status   Status
	failure  error // why the last start or group ended unasked
	attempts int   // starts that have ended, well or not

	group    atomic.Pointer[group] // the one that serves, or nil
	inFlight atomic.Int64
	gone     chan struct{} // closed when the keeper has ended

	// The keeper's own.
	failures failures
	http     *port
	grpc     *port
	metrics  *obs.Instance
}

func newInstance(h *host, spec Spec, origin Origin, w want, paused bool) *instance {
	i := &instance{
		host: h, spec: spec, want: w, paused: paused,
		wake: make(chan struct{}), changed: make(chan struct{}), gone: make(chan struct{}),
		status: Status{ManagedBy: origin, State: StatePending, Since: time.Now().UTC()},
	}
	i.asked, i.ask = context.WithCancel(h.abort)
	return i
}

// keep takes the instance through its life until it is to be removed.
func (i *instance) keep() {
	defer close(i.gone)
	for {
		i.mu.Lock()
		w, wake, logger := i.want, i.wake, i.logger()
		i.mu.Unlock()
		switch w {
		case wantRemoved:
			i.release()
			i.enter(StateDrained, "")
			return
		case wantStopped:
			i.release()
			i.enter(StateDrained, "")
			<-wake
		case wantRestarted:
			i.failures.forgive()
			i.setWant(wantRunning, time.Time{})
		case wantRunning:
			err := i.life()
			i.ended(err)
			if err == nil {
				continue // asked to end: see what is wanted now
			}
			logger.Warn("instance ended unasked", "error", err)
			i.rest(err, wake)
		}
	}
}

// rest waits out the backoff after a failure, or gives up until something else
// is wanted.
func (i *instance) rest(err error, wake <-chan struct{}) {
	if waitsForOwner(err) {
		i.enter(StatePending, "standing by: "+err.Error())
		pause(wake, standbyPause)
		return
	}
	policy := i.specNow().Restart
	if !countsAsFailure(err) {
		// The store is away. Trying costs little, and giving up would leave
		// the instance down when the store comes back.
		policy.MaxAttempts = int(^uint(0) >> 1)
	}
	backoff, again := i.failures.add(policy, time.Now())
	if !again {
		i.release()
		i.enter(StateFailed, fmt.Sprintf("gave up after %d failures: %v", policy.MaxAttempts, err))
		<-wake
		i.failures.forgive()
		return
	}
	i.mu.Lock()
	i.status.Restarts++
	i.mu.Unlock()
	if i.metrics != nil {
		i.metrics.RecordRestart()
	}
	i.enter(StatePending, fmt.Sprintf("starting again in %s: %v", backoff.Round(time.Millisecond), err))
	pause(wake, backoff)
}

// countsAsFailure tells defects and conflicts from a store that is away.
func countsAsFailure(err error) bool {
	if _, ok := errors.AsType[*crash](err); ok {
		return true
	}
	_, storage := errors.AsType[*storageError](err)
	return !storage
}

func pause(wake <-chan struct{}, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-wake:
	case <-timer.C:
	}
}

// life starts the instance and runs it until it was asked to end (nil) or ends
// unasked.
func (i *instance) life() error {
	i.mu.Lock()
	asked := i.asked
	i.mu.Unlock()
	// Starts are rationed, so that a thousand of them don't fight over two cores.
	select {
	case i.host.starts <- struct{}{}:
	case <-asked.Done():
		return nil
	}
	i.enter(StateStarting, "")
	giveBack := sync.OnceFunc(func() { <-i.host.starts })
	defer giveBack()

	g, closeGroup, err := i.build(asked)
	if err != nil {
		if asked.Err() != nil {
			return nil
		}
		return err
	}
	started := time.Time{}
	err = g.run(drainRequest{asked: asked.Done(), deadline: i.drainDeadline, refuse: i.refuse}, func() {
		giveBack()
		started = time.Now()
		i.mu.Lock()
		state := StateRunning
		if i.paused {
			state = StatePaused
			g.engine.SetPaused(true)
		}
		i.mu.Unlock()
		i.group.Store(g)
		i.enter(state, "")
	}, i.draining)
	i.group.Store(nil)
	if closeErr := closeGroup(); closeErr != nil {
		i.logger().Warn("closing the instance's store", "error", closeErr)
	}
	if policy := i.specNow().Restart; !started.IsZero() && time.Since(started) >= policy.ForgiveAfter.Std() {
		i.failures.forgive()
	}
	return err
}

// refuse closes the ports early in a drain, unless the instance is to run again
// at once: who connects now is refused instead of waiting for nobody.
func (i *instance) refuse() {
	if w := i.wantNow(); w == wantStopped || w == wantRemoved {
		_ = i.http.close() // a listener's Close fails only when it is closed
		_ = i.grpc.close()
	}
}

// release gives back what is kept over restarts: ports and metrics.
func (i *instance) release() {
	for _, p := range []*port{i.http, i.grpc} {
		_ = p.close() // a listener's Close fails only when it is closed
	}
	i.http, i.grpc = nil, nil
	if i.metrics != nil {
		i.metrics.Close()
		i.metrics = nil
	}
}

func (i *instance) logger() *slog.Logger { return i.host.logger.With("instance", i.spec.Name) }

func (i *instance) specNow() Spec {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.spec
}
