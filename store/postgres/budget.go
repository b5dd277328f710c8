package postgres

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/guard"
)

// Metrics observes the connections of a server. Its methods are called by many
// goroutines and must not block.
type Metrics interface {
	// SetConnections reports how many connections of the budget are in use.
	SetConnections(inUse, limit int)
	// RecordConnectionWait reports how long a new connection had to wait for
	// the budget, and whether it got its place.
	RecordConnectionWait(waited time.Duration, granted bool)
}

type noMetrics struct{}

func (noMetrics) SetConnections(int, int)                  {}
func (noMetrics) RecordConnectionWait(time.Duration, bool) {}

// Budget bounds the connections of several servers together, so that a process
// whose instances are spread over them still has one bound. Besides what the
// instances need, every server takes one connection for ownership. It is safe
// for concurrent use and has nothing to close.
type Budget struct{ *budget }

// NewBudget returns a budget of so many connections, 0 meaning 80. A new
// connection waits for its place within it for at most wait, 0 meaning 5 s.
// Metrics may be nil.
func NewBudget(connections int, wait time.Duration, metrics Metrics) (*Budget, error) {
	if connections == 0 {
		connections = defaultConnections
	}
	if connections < 2 {
		return nil, errors.New("max_connections: at least 2 are needed, one of them for ownership")
	}
	if wait == 0 {
		wait = defaultConnectionWait
	}
	if metrics == nil {
		metrics = noMetrics{}
	}
	return &Budget{newBudget(connections, wait, metrics)}, nil
}

// budget bounds the connections of all pools together. A place is taken before
// a connection is dialled and given back when its socket closes, so that none
// can leak whatever becomes of the connection in between. Waiters are served in
// order.
type budget struct {
	limit   int
	wait    time.Duration
	metrics Metrics

	mu      sync.Mutex
	inUse   int
	waiters []chan struct{}
	// closing counts connections that are being closed for the sake of waiters.
	closing int
	members map[*pool]struct{}
	// missing is len(waiters)-closing, readable without the lock: it is looked
	// at whenever a connection is released.
	missing atomic.Int64
}

func newBudget(limit int, wait time.Duration, metrics Metrics) *budget {
	return &budget{limit: limit, wait: wait, metrics: metrics, members: make(map[*pool]struct{})}
}

// budgetError is [ErrBudget] with the particulars. It has a type so that it
// can be told from what the driver wraps around it.
type budgetError struct {
	limit  int
	waited time.Duration
}

// Error says what to change.
func (e *budgetError) Error() string {
	return fmt.Sprintf("%v: none of %d became free within %s; raise storage.postgres.max_connections (and the server's max_connections above it)",
		ErrBudget, e.limit, e.waited.Round(time.Millisecond))
}

// Unwrap makes the error one of the package's.
func (e *budgetError) Unwrap() error { return ErrBudget }

// reclaimEvery is how often a waiter looks again for idle connections. Most
// come to it when they are released; this catches those that were out of sight
// when it looked first.
const reclaimEvery = 200 * time.Millisecond

// acquire takes a place, waiting until deadline at the latest.
func (b *budget) acquire(ctx context.Context, deadline time.Time) error {
	granted := b.enter()
	if granted == nil {
		return nil
	}

	start := time.Now()
	timeout := time.NewTimer(time.Until(deadline))
	defer timeout.Stop()
	again := time.NewTicker(reclaimEvery)
	defer again.Stop()
	for {
		b.reclaim()
		select {
		case <-granted:
			b.metrics.RecordConnectionWait(time.Since(start), true)
			return nil
		case <-again.C:
			continue
		case <-timeout.C:
		case <-ctx.Done():
		}
		if b.withdraw(granted) {
			b.metrics.RecordConnectionWait(time.Since(start), false)
			return &budgetError{b.limit, time.Since(start)}
		}
		return nil // it was granted in the last moment
	}
}

// enter takes a place, or queues for one: then it returns what is closed when
// there is one.
func (b *budget) enter() chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.inUse < b.limit {
		b.metrics.SetConnections(b.inUse+1, b.limit)
		b.inUse++
		return nil
	}
	granted := make(chan struct{})
	b.waiters = append(b.waiters, granted)
	b.changed()
	return granted
}

// withdraw takes a waiter out of the queue and reports whether it was in it.
func (b *budget) withdraw(granted chan struct{}) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	for i, w := range b.waiters {
		if w == granted {
			b.waiters = append(b.waiters[:i], b.waiters[i+1:]...)
			b.changed()
			return true
		}
	}
	return false
}

// release gives a place back, to the first waiter if there is one.
func (b *budget) release() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.waiters) > 0 {
		close(b.waiters[0])
		b.waiters = b.waiters[1:]
		b.changed()
		return
	}
	b.inUse--
	b.metrics.SetConnections(b.inUse, b.limit)
}

func (b *budget) changed() { b.missing.Store(int64(len(b.waiters) - b.closing)) }

// claim reports whether a connection should be closed for a waiter. The caller
// then closes one and calls done.
func (b *budget) claim() bool {
	if b.missing.Load() <= 0 {
		return false
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.waiters) <= b.closing {
		return false
	}
	b.closing++
	b.changed()
	return true
}

func (b *budget) done() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closing--
	b.changed()
}

// reclaim takes an idle connection away from some pool, if one has any.
func (b *budget) reclaim() {
	b.mu.Lock()
	pools := make([]*pool, 0, len(b.members))
	for p := range b.members {
		pools = append(pools, p)
	}
	b.mu.Unlock()
	for _, p := range pools {
		if !b.claim() {
			return
		}
		gave := p.giveUpIdle()
		b.done()
		if gave {
			return
		}
	}
}

func (b *budget) join(p *pool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.members[p] = struct{}{}
}

func (b *budget) leave(p *pool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.members, p)
}

// dialer returns the dial function of one connection. It may dial several
// times in turn (other hosts, without encryption), for which it waits once.
func (b *budget) dialer() func(ctx context.Context, network, address string) (net.Conn, error) {
	deadline := time.Now().Add(b.wait)
	var open atomic.Bool
	dial := func(ctx context.Context, network, address string) (net.Conn, error) {
		dialer := net.Dialer{KeepAlive: 15 * time.Second}
		if open.Load() {
			// While the connection lives, the driver dials only to cancel its
			// statement. The server does not count that as a connection, and it
			// must not wait for the very place that it would set free.
			return dialer.DialContext(ctx, network, address)
		}
		if err := b.acquire(ctx, deadline); err != nil {
			return nil, err
		}
		conn, err := dialer.DialContext(ctx, network, address)
		if err != nil {
			b.release()
			return nil, err
		}
		open.Store(true)
		return &countedConn{Conn: conn, closed: func() { open.Store(false); b.release() }}, nil
	}
	return func(ctx context.Context, network, address string) (conn net.Conn, err error) {
		err = guard.Run(part, func() error {
			conn, err = dial(ctx, network, address)
			return err
		})
		return conn, err
	}
}

// countedConn gives its place in the budget back when it is closed.
type countedConn struct {
	net.Conn
	once   sync.Once
	closed func()
}

// Close closes the socket and then, once, frees the place.
func (c *countedConn) Close() error {
	err := c.Conn.Close()
	c.once.Do(c.closed)
	return err
}
