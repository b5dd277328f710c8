// Package engine runs a custodian's books as the single writer of one
// instance.
//
// One goroutine, the loop, owns the [sim.State]. It handles requests in the
// order in which they come and gathers them in groups. A second goroutine, the
// committer, makes one group after another durable with a single journal
// append and answers its callers only then. While one group commits, the loop
// fills the next, so throughput rises with load and a lone request waits for
// one commit, never for a timer. A third goroutine, the projector, turns
// committed batches into the tables that lists are answered from.
//
// Reads of current state pass through the loop as well and are answered with
// their group: nobody reads what a crash could take back. Lists are queries,
// answered once the tables have reached what had been acknowledged when the
// query came, so callers read their own writes.
//
// When an append or a projection fails, the outcome is unknown: callers are
// answered "unavailable", the state is thrown away, and the engine loads again
// until the store is back. A lost ownership or a broken invariant ends [Engine.Run].
package engine

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/fair"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/guard"
)

// Limits bound what an engine takes on. [DefaultLimits] has reasonable values.
type Limits struct {
	// Queue is how many requests may wait for the loop; more are refused with
	// [sim.CodeOverloaded].
	Queue int
	// Batch is how many requests one journal append may carry.
	Batch int
	// RecentKeys is how many projected keys stay in memory.
	RecentKeys int
	// Lag is how many durable events may await projection; beyond it commits
	// wait for the projector.
	Lag int
	// Request is the longest that a caller waits for an answer.
	Request time.Duration
	// Store is the longest that one call of the journal may take.
	Store time.Duration
	// Append is the same for an append, for which callers wait; 0 is Store.
	Append time.Duration
}

// DefaultLimits returns the limits of an instance that sets none.
func DefaultLimits() Limits {
	return Limits{
		Queue: 4096, Batch: 512, RecentKeys: 16384, Lag: 50_000,
		Request: 30 * time.Second, Store: 15 * time.Second, Append: 5 * time.Second,
	}
}

// Config is what an engine needs. Everything is required but Domain, Lane,
// Projections, Opening and Owned.
type Config struct {
	// Instance names the instance; it takes part in the generation of ids.
	Instance string
	Seed     uint64
	Rules    sim.Rules
	Journal  sim.Journal
	Clock    sim.Clock
	Metrics  sim.Metrics
	// Domain hears of what is particular to custody; nil for nobody.
	Domain sim.DomainMetrics
	Logger *slog.Logger
	Limits Limits
	// Lane is where the instance's heavy work takes its turns; nil for none.
	Lane *fair.Lane
	// Projections is where projections take turns with those of other instances;
	// nil for none.
	Projections *fair.Lane
	// Tracer follows requests; nil for nobody.
	Tracer Tracer
	// LocalJournal tells that the journal works on the processors of this process
	// rather than on those of a server, so that its longer reads take turns too.
	LocalJournal bool
	// Opening are the commands that a new instance's books begin with. They
	// become one batch: all of them or none. Commands that set the clock get the
	// real time at which that happens.
	Opening []sim.Command
	// Owned reports whether nobody else can have taken the journal over. While it
	// does not hold, requests are refused as while the store is away: what is in
	// memory may be of the past. Nil means that nobody else can. It is asked with
	// every request.
	Owned func() bool
}

// Phase says what an engine is doing.
type Phase int32

// The phases of an engine.
const (
	// PhaseLoading: reading the books, or waiting for the store to come back.
	PhaseLoading Phase = iota
	// PhaseServing: answering requests.
	PhaseServing
	// PhaseDraining: answering what was accepted, refusing more.
	PhaseDraining
	// PhaseStopped: Run has returned.
	PhaseStopped
)

// String returns the phase as health reports show it.
func (p Phase) String() string {
	return [...]string{"loading", "serving", "draining", "stopped"}[p]
}

// Health is what an engine says of itself.
type Health struct {
	Phase Phase
	// Paused reports that requests are refused until the engine is resumed.
	Paused bool
	// Err is why the store is not available, nil while it is.
	Err error
	// Durable is the last sequence number that is durable, Projected the last
	// that the tables hold.
	Durable, Projected uint64
}

// Engine is the single writer of one instance. [Engine.Run] runs it; all other
// methods are safe for concurrent use at any time.
type Engine struct {
	cfg     Config
	queue   chan *call
	waiting atomic.Int64 // calls that are in the queue or wait for room in it
	calls   sync.Pool    // of *call

	serving chan struct{} // closed when the engine first serves
	// broken is closed when the session fails that serves, or served last.
	broken atomic.Pointer[chan struct{}]
	phase  atomic.Int32
	paused atomic.Bool
	failed atomic.Bool           // Run has returned an error
	reason atomic.Pointer[error] // why the store is not available

	durable   mark
	projected mark
	reading   chan struct{} // held by the longer read of a server that is under way
	historian chan struct{} // held by the follower that reads a page of the history
	began     atomic.Uint64 // what was durable when the engine first served
	nudge     chan struct{} // asks the projector not to wait for more
	resumed   chan struct{} // asks the loop to look at the clock again
	tail      tail
	faults    faceFaults
}

// queueRoom is for how many calls the queue has room of its own. Those beyond wait
// for it in their goroutines, in order: room for all that [Limits.Queue] allows
// would be the largest part of an engine with nothing to do. With room for 64,
// 256 connections got as much done as with room for 256 (1.40 to 1.84 times what
// pgbench did, against 1.73 to 1.84), by the row "settle" of make bench.
const queueRoom = 64

// New returns an engine that is not running yet.
func New(cfg Config) *Engine {
	return &Engine{
		cfg:     cfg,
		queue:   make(chan *call, min(cfg.Limits.Queue, queueRoom)),
		serving: make(chan struct{}),
		reading: make(chan struct{}, 1), historian: make(chan struct{}, 1),
		nudge:   make(chan struct{}, 1),
		resumed: make(chan struct{}, 1),
		faults:  faceFaults{generator: sim.NewGenerator(cfg.Instance+"/faces", cfg.Seed)},
	}
}

// Health returns the engine's health.
func (e *Engine) Health() Health {
	h := Health{
		Phase: Phase(e.phase.Load()), Paused: e.paused.Load(),
		Durable: e.durable.value(), Projected: e.projected.value(),
	}
	if reason := e.reason.Load(); reason != nil {
		h.Err = *reason
	}
	return h
}

// Ready returns nil if the engine answers requests, and why not otherwise.
func (e *Engine) Ready() error {
	if err := e.refusal(); err != nil {
		return err
	}
	return nil
}

// Serving returns a channel that is closed once the engine has loaded the books
// for the first time.
func (e *Engine) Serving() <-chan struct{} { return e.serving }

// Began returns what was durable before the engine answered its first request.
func (e *Engine) Began() uint64 { return e.began.Load() }

// SetPaused makes the engine refuse every request with [sim.CodePaused], or
// answer again. Requests that were accepted before are answered. No work that is
// due is done meanwhile, and a scaled clock stands still.
func (e *Engine) SetPaused(paused bool) {
	e.paused.Store(paused)
	tell(e.resumed)
}

// refusal returns why a request cannot be taken now, or nil.
func (e *Engine) refusal() *sim.Error {
	if e.cfg.Owned != nil && !e.cfg.Owned() {
		return e.unavailable()
	}
	switch Phase(e.phase.Load()) {
	case PhaseServing:
	case PhaseLoading:
		return e.unavailable()
	case PhaseStopped:
		if e.failed.Load() {
			return e.unavailable() // it will be started again, here or elsewhere
		}
		return shuttingDown()
	default:
		return shuttingDown()
	}
	if e.paused.Load() {
		return &sim.Error{Code: sim.CodePaused, Message: "this custodian is paused", RetryAfter: 5 * time.Second}
	}
	return nil
}

func shuttingDown() *sim.Error {
	return &sim.Error{Code: sim.CodeDraining, Message: "this custodian is shutting down", RetryAfter: 5 * time.Second}
}

// unavailable is the answer when the store is away. The reason is for logs and
// health reports, not for callers: it may name hosts.
func (e *Engine) unavailable() *sim.Error {
	return &sim.Error{Code: sim.CodeUnavailable, RetryAfter: time.Second,
		Message: "the books are not available at the moment; repeat the request, with the same Idempotency-Key if it had one"}
}

// Backoff between attempts to load while the store is away.
const (
	backoffInitial = 100 * time.Millisecond
	backoffMax     = 5 * time.Second
)

// Run loads the books and answers requests until stop ends; then it answers
// what it had accepted, projects everything and returns nil. When abort ends it
// returns at once with abort's error, unless it had just finished; what was
// acknowledged is durable all the same. It returns an error that wraps
// [sim.ErrLostOwnership] or [sim.ErrBrokenInvariant], or another one if the
// engine cannot go on: the first load failed, the opening was refused, or a
// goroutine panicked, which is a [guard.Panic]; [Fatal] tells which of them trying again cannot mend. Run
// may be called once.
func (e *Engine) Run(stop, abort context.Context) (err error) {
	defer func() {
		e.failed.Store(err != nil && stop.Err() == nil && abort.Err() == nil)
		e.phase.Store(int32(PhaseStopped))
		e.rejectQueue()
	}()
	backoff := backoffInitial
	for {
		served, err := e.session(stop, abort)
		if err == nil || abort.Err() != nil || Fatal(err) {
			return err
		}
		if stop.Err() != nil {
			return nil // callers were answered, and nothing acknowledged is in memory alone
		}
		if !e.hasServed() {
			return err
		}
		e.phase.Store(int32(PhaseLoading))
		e.reason.Store(&err)
		if served {
			backoff = backoffInitial
			e.cfg.Metrics.RecordReload()
		}
		e.cfg.Logger.Warn("books not available, loading again", "error", err, "backoff", backoff)
		if !e.rejectFor(stop, abort, backoff) {
			return abort.Err() // nil where stop has ended
		}
		backoff = min(2*backoff, backoffMax)
	}
}

// fatalError marks errors that loading again cannot mend.
type fatalError struct{ error }

func (f fatalError) Unwrap() error { return f.error }

// Fatal reports whether an error of [Engine.Run] is a defect or a conflict, as
// opposed to a store that is away for a while.
func Fatal(err error) bool {
	_, fatal := errors.AsType[fatalError](err)
	return fatal || errors.Is(err, sim.ErrLostOwnership) || errors.Is(err, sim.ErrBrokenInvariant)
}

// guarded runs a part of the engine and turns a panic into a fatal error, so
// that a defect ends this instance alone.
func guarded(part string, fn func() error) error {
	err := guard.Run(part, fn)
	if _, panicked := errors.AsType[*guard.Panic](err); panicked {
		return fatalError{err}
	}
	return err
}

func (e *Engine) hasServed() bool {
	select {
	case <-e.serving:
		return true
	default:
		return false
	}
}

// rejectFor answers what is queued for a while with unavailable. It returns
// false as soon as stop or abort ends.
func (e *Engine) rejectFor(stop, abort context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	for {
		select {
		case c := <-e.queue:
			e.waiting.Add(-1)
			c.fail(e.unavailable())
		case <-timer.C:
			return true
		case <-stop.Done():
			return false
		case <-abort.Done():
			return false
		}
	}
}

func (e *Engine) rejectQueue() {
	for {
		select {
		case c := <-e.queue:
			e.waiting.Add(-1)
			c.fail(e.unavailable())
		default:
			return
		}
	}
}

// mark is a sequence number that only grows, and can be waited for.
type mark struct {
	at      atomic.Uint64
	mu      sync.Mutex
	changed chan struct{} // made by the first who waits, closed by the next change
}

func (m *mark) value() uint64 { return m.at.Load() }

func (m *mark) set(v uint64) {
	m.at.Store(v)
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.changed != nil {
		close(m.changed)
		m.changed = nil
	}
}

var errBroken = errors.New("what was waited for does not come")

// wait returns once the mark has reached v, or with the context's error, or with
// errBroken once that channel is closed; nil never is.
func (m *mark) wait(ctx context.Context, v uint64, broken <-chan struct{}) error {
	for {
		m.mu.Lock()
		if m.at.Load() >= v {
			m.mu.Unlock()
			return nil
		}
		if m.changed == nil {
			m.changed = make(chan struct{})
		}
		changed := m.changed
		m.mu.Unlock()
		select {
		case <-changed:
		case <-broken:
			return errBroken
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
