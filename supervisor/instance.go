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
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/access"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/guard"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/supervisor/config"
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
// mutex is held for moments; what is locked under it (the event log, an
// engine's pause) is never held for longer either.
type instance struct {
	host *host
	name string
	log  *slog.Logger

	mu       sync.Mutex
	spec     Spec
	want     want
	deadline time.Time       // of the drain under way
	asked    context.Context // ends when a running instance is to end
	ask      context.CancelFunc
	wake     chan struct{} // closed when want changed
	changed  chan struct{} // closed when the status changed
	paused   bool
	busy     *occupation // the long operation that is under way, or nil
	status   Status
	failure  error  // why the last start or group ended unasked
	attempts int    // starts that have ended, well or not
	group    *group // the one that serves, or nil
	cutOff   bool   // the last group that ended had to break something off

	inFlight atomic.Int64
	access   *access.Guard // whose memory of wrong keys outlives a start
	gone     chan struct{} // closed when the keeper has ended

	// The keeper's own.
	failures failures
	http     *port
	grpc     *port
	standIn  *standIn
	metrics  *obs.Instance
	lease    *ownership // that standing by has brought, until the next start
	leased   *Spec      // what it is for
}

func newInstance(h *host, spec Spec, origin Origin, w want, paused bool) *instance {
	i := &instance{
		host: h, name: spec.Name, log: h.logger.With("instance", spec.Name), spec: spec, want: w, paused: paused,
		access: access.NewGuard("API key", "this needs an API key (Authorization: Bearer …, or X-API-Key)", nil),
		wake:   make(chan struct{}), changed: make(chan struct{}), gone: make(chan struct{}),
		status: Status{ManagedBy: origin, State: StatePending, Since: time.Now().UTC()},
	}
	i.asked, i.ask = context.WithCancel(h.abort)
	return i
}

// keep takes the instance through its life until it is to be removed.
func (i *instance) keep() {
	defer close(i.gone)
	for {
		w, wake := i.next()
		err := guard.Run("keeper", func() error { i.pursue(w, wake); return nil })
		if p, ok := errors.AsType[*guard.Panic](err); ok {
			i.panicked(p)
			i.setBack(p, w)
		}
		if w == wantRemoved {
			return
		}
	}
}

// pursue does what is wanted until something else is, or what is wanted has to be
// begun again.
func (i *instance) pursue(w want, wake <-chan struct{}) {
	switch w {
	case wantRemoved:
		i.release()
		i.enter(StateDrained, "")
	case wantStopped:
		i.release()
		i.enter(StateDrained, "")
		<-wake
	default:
		asked, err := i.life()
		if wake, unasked := i.ended(asked, err); unasked {
			i.rest(err, wake)
		}
	}
}

// next returns what is wanted now, and a channel that is closed when that
// changes.
func (i *instance) next() (w want, wake <-chan struct{}) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.host.abort.Err() != nil {
		i.want = wantRemoved // everything is to be cut off, nothing can start any more
	}
	if i.want == wantRestarted {
		i.want = wantRunning
		i.asked, i.ask = context.WithCancel(i.host.abort)
		i.failures.forgive()
	}
	return i.want, i.wake
}

// rest waits out the backoff after a failure, or gives up until something else
// is wanted.
func (i *instance) rest(err error, wake <-chan struct{}) {
	consequence := consequenceOf(err, i.host.storages.options.Standby)
	if consequence == standBy {
		i.standBy(err, wake)
		return
	}
	i.log.Warn("instance ended unasked", "error", err)
	policy := i.specNow().Restart
	backoff, again := i.failures.add(policy, consequence != tryAgain)
	if !again || consequence == giveUp {
		i.release()
		detail := fmt.Sprintf("gave up after %d failures: %s", policy.MaxAttempts, summary(err))
		if consequence == giveUp {
			detail = summary(err)
		}
		i.enter(StateFailed, detail)
		<-wake
		i.failures.forgive()
		return
	}
	if i.metrics != nil {
		i.metrics.RecordRestart()
	}
	i.mu.Lock()
	i.status.Restarts++ // at once with the state, so that nobody takes it for running again
	i.enterLocked(StatePending, fmt.Sprintf("starting again in %s: %s", backoff.Round(time.Millisecond), summary(err)))
	i.mu.Unlock()
	if i.standIn == nil {
		i.openPorts(err)
		i.standIn = newStandIn(i.http, i.grpc, i.host.tlsOf(i.specNow()), i.panicked)
	}
	pause(wake, backoff)
}

// openPorts opens the ports of an instance whose store kept it from its first
// start, so that its callers are told. Who owns the instance may be on this
// machine, and needs them.
func (i *instance) openPorts(err error) {
	if _, storage := errors.AsType[*storageError](err); !storage || isOwned(err) {
		return
	}
	i.mu.Lock()
	asked, spec := i.asked, i.spec
	i.mu.Unlock()
	if err := i.bindPorts(asked, spec); err != nil {
		i.log.Warn("nobody answers in the instance's place", "error", err)
	}
}

func pause(wake <-chan struct{}, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-wake:
	case <-timer.C:
	}
}

// life starts the instance and runs it until it was asked to end or ends
// unasked. It returns what asks for the end, and why it ended.
//
// It waits for as long as the instance runs, and what it did before would keep its
// stack large: hence the start apart.
func (i *instance) life() (asked context.Context, err error) {
	i.mu.Lock()
	asked = i.asked
	i.mu.Unlock()
	var s *start
	err = guard.Apart("start", func() (err error) {
		s, err = i.start(asked)
		return err
	})
	if s == nil {
		if p, ok := errors.AsType[*guard.Panic](err); ok {
			i.countPanic(p)
		}
		return asked, err
	}
	defer s.giveBack()
	defer i.end(s)
	var serving time.Time
	err = s.group.run(hooks{deadline: i.drainDeadline, refuse: i.refuse, progress: i.draining, started: func() {
		s.giveBack()
		serving = time.Now()
		i.serve(s.group)
	}})
	if !serving.IsZero() {
		i.failures.healthy(s.restart, time.Since(serving))
	}
	return asked, err
}

// start is a group that is ready to run.
type start struct {
	group    *group
	close    func() error
	giveBack func() // the turn that starts take; may be called again
	restart  config.Restart
}

// start makes the group. It returns none where it was asked to end before.
func (i *instance) start(asked context.Context) (s *start, err error) {
	spec := i.specNow()
	// Starts are rationed, so that a thousand of them don't fight over two cores.
	turns := i.host.turns(spec)
	select {
	case turns <- struct{}{}:
	case <-asked.Done():
		return nil, nil //nolint:nilnil // nothing is to be run
	}
	giveBack := sync.OnceFunc(func() { <-turns })
	defer func() {
		if s == nil { // also after a panic
			giveBack()
		}
	}()
	if asked.Err() != nil {
		return nil, nil //nolint:nilnil // nothing is to be run
	}
	i.enter(StateStarting, "")
	g, closeGroup, err := i.build(asked, spec)
	if err != nil {
		return nil, err
	}
	return &start{group: g, close: closeGroup, giveBack: giveBack, restart: spec.Restart}, nil
}

// end closes what a start made.
func (i *instance) end(s *start) {
	i.mu.Lock()
	i.group, i.cutOff = nil, s.group.cutOff.Load()
	i.mu.Unlock()
	closeErr := s.close()
	if p, ok := errors.AsType[*guard.Panic](closeErr); ok {
		i.countPanic(p)
	}
	if closeErr != nil {
		i.log.Warn("closing the instance's store", "error", closeErr)
	}
}

// refuse closes the ports early in a drain, unless the instance is to run again
// at once: who connects now is refused instead of waiting for nobody.
func (i *instance) refuse() {
	if w := i.wantNow(); w == wantStopped || w == wantRemoved {
		_ = i.http.close() // a listener's Close fails only when it is closed
		_ = i.grpc.close()
	}
}

// release gives back what is kept over restarts: ports and metrics, and an
// ownership of which no use was made.
func (i *instance) release() {
	i.closePorts()
	i.giveBack()
	if metrics := i.metrics; metrics != nil {
		i.metrics = nil
		metrics.Close()
	}
}

func (i *instance) closePorts() {
	i.dismissStandIn()
	for _, p := range []*port{i.http, i.grpc} {
		_ = p.close() // a listener's Close fails only when it is closed
	}
	i.http, i.grpc = nil, nil
}

func (i *instance) dismissStandIn() {
	if i.standIn != nil {
		i.standIn.end()
		i.standIn = nil
	}
}

func (i *instance) specNow() Spec {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.spec
}
