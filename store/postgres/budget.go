package postgres

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"slices"
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
	// RecordConnectionWait reports how long somebody had to wait because the
	// budget was used up, for a place in it or for the loan of a connection, and
	// whether they got it.
	RecordConnectionWait(waited time.Duration, granted bool)
}

type noMetrics struct{}

func (noMetrics) SetConnections(int, int)                  {}
func (noMetrics) RecordConnectionWait(time.Duration, bool) {}

// Budget bounds the connections of several servers together, so that a process
// whose instances are spread over them still has one bound. Besides what the
// instances need, every server takes one connection for ownership. Each server
// is sure of a share, which the others cannot take even while they are in
// trouble and all of theirs hang. It is safe for concurrent use and has nothing
// to close.
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
	waiters []waiter
	// closing counts connections that are being closed for the sake of waiters.
	closing int
	parties map[*party]struct{}
	members map[*pool]struct{}
	// missing is len(waiters)-closing, readable without the lock: it is looked
	// at whenever a connection is released.
	missing atomic.Int64
	// full is whether inUse has reached the limit, readable without the lock.
	full atomic.Bool
}

// party is one of the servers that share a budget.
type party struct {
	inUse int // guarded by the budget's lock
}

type waiter struct {
	party   *party
	granted chan struct{}
}

func newBudget(limit int, wait time.Duration, metrics Metrics) *budget {
	return &budget{
		limit: limit, wait: wait, metrics: metrics,
		parties: make(map[*party]struct{}), members: make(map[*pool]struct{}),
	}
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

// enter makes a server one of those that share the budget.
func (b *budget) enter() *party {
	b.mu.Lock()
	defer b.mu.Unlock()
	p := &party{}
	b.parties[p] = struct{}{}
	return p
}

// exit is the end of a server. What it still has open counts until it closes.
func (b *budget) exit(p *party) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.parties, p)
	b.grant()
}

// share is how many places each server is sure of: half of the budget is divided
// up, the other half is for whoever needs it. Less than two, one of which is for
// ownership, would be of no use.
func (b *budget) share() int {
	n := max(1, len(b.parties))
	if b.limit/n < 2 {
		return 0
	}
	return max(2, b.limit/(2*n))
}

// free reports whether a server may take a place now.
func (b *budget) free(p *party) bool {
	if b.inUse >= b.limit {
		return false
	}
	share := b.share()
	if p.inUse < share {
		return true
	}
	reserved := 0
	for other := range b.parties {
		if other != p {
			reserved += max(0, share-other.inUse)
		}
	}
	return b.inUse+reserved < b.limit
}

func (b *budget) take(p *party) {
	b.metrics.SetConnections(b.inUse+1, b.limit)
	b.inUse++
	p.inUse++
	b.full.Store(b.inUse >= b.limit)
}

// usedUp reports whether there is no place left.
func (b *budget) usedUp() bool { return b.full.Load() }

// grant gives places to the waiters that may have one, in order.
func (b *budget) grant() {
	b.waiters = slices.DeleteFunc(b.waiters, func(w waiter) bool {
		if !b.free(w.party) {
			return false
		}
		b.take(w.party)
		close(w.granted)
		return true
	})
	b.changed()
}

// acquire takes a place, waiting until deadline at the latest.
func (b *budget) acquire(ctx context.Context, p *party, deadline time.Time) error {
	w, free := b.queue(p)
	if free {
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
		case <-w.granted:
			b.metrics.RecordConnectionWait(time.Since(start), true)
			return nil
		case <-again.C:
			continue
		case <-timeout.C:
		case <-ctx.Done():
		}
		if b.withdraw(w) {
			b.metrics.RecordConnectionWait(time.Since(start), false)
			return &budgetError{b.limit, time.Since(start)}
		}
		return nil // it was granted in the last moment
	}
}

// queue takes a place and reports true, or queues for one.
func (b *budget) queue(p *party) (waiter, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.free(p) {
		b.take(p)
		return waiter{}, true
	}
	w := waiter{p, make(chan struct{})}
	b.waiters = append(b.waiters, w)
	b.changed()
	return w, false
}

// withdraw takes a waiter out of the queue and reports whether it was in it.
func (b *budget) withdraw(w waiter) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	i := slices.Index(b.waiters, w)
	if i < 0 {
		return false
	}
	b.waiters = slices.Delete(b.waiters, i, i+1)
	b.changed()
	return true
}

// release gives a place back, to the first waiter that may have it.
func (b *budget) release(p *party) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.inUse--
	p.inUse--
	b.full.Store(false)
	b.grant()
	b.metrics.SetConnections(b.inUse, b.limit)
}

func (b *budget) changed() { b.missing.Store(int64(len(b.waiters) - b.closing)) }

// claim reports whether a connection of a server should be closed for a waiter.
// The caller then closes one and calls done.
func (b *budget) claim(p *party) bool {
	if b.missing.Load() <= 0 {
		return false
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.waiters) <= b.closing {
		return false
	}
	// A place within the server's share is of use to nobody else.
	if p.inUse <= b.share() && !slices.ContainsFunc(b.waiters, func(w waiter) bool { return w.party == p }) {
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
	for _, p := range b.pools() {
		if b.missing.Load() <= 0 {
			return
		}
		if b.claim(p.server.party) && p.giveUpIdle(b.done) {
			return
		}
	}
}

func (b *budget) pools() []*pool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Collect(maps.Keys(b.members))
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
// times in turn (other hosts, without encryption), for which it waits once. While it
// is open it counts in held, too, unless that is nil.
func (b *budget) dialer(p *party, held *atomic.Int64) func(ctx context.Context, network, address string) (net.Conn, error) {
	deadline := time.Now().Add(b.wait)
	var open atomic.Bool
	dial := func(ctx context.Context, network, address string) (net.Conn, error) {
		dialer := net.Dialer{KeepAliveConfig: keepAlive}
		if open.Load() {
			// While the connection lives, the driver dials only to cancel its
			// statement. The server does not count that as a connection, and it
			// must not wait for the very place that it would set free.
			ctx, cancel := context.WithTimeout(ctx, cancelTimeout)
			defer cancel()
			conn, err := dialer.DialContext(ctx, network, address)
			if err == nil {
				err = conn.SetDeadline(time.Now().Add(cancelTimeout))
			}
			return conn, err
		}
		if err := b.acquire(ctx, p, deadline); err != nil {
			return nil, err
		}
		conn, err := dialer.DialContext(ctx, network, address)
		if err != nil {
			b.release(p)
			return nil, err
		}
		open.Store(true)
		if held == nil {
			held = new(atomic.Int64)
		}
		held.Add(1)
		return &countedConn{Conn: conn, closed: func() { open.Store(false); held.Add(-1); b.release(p) }}, nil
	}
	return func(ctx context.Context, network, address string) (conn net.Conn, err error) {
		err = guard.Run(part, func() error {
			conn, err = dial(ctx, network, address)
			return err
		})
		return conn, err
	}
}

// keepAlive finds out within half a minute that the other end has vanished,
// where nobody waits for an answer in less.
var keepAlive = net.KeepAliveConfig{Enable: true, Idle: 10 * time.Second, Interval: 5 * time.Second, Count: 4}

// cancelTimeout bounds the request to cancel a statement. The connection that it
// is for waits for it before it closes.
const cancelTimeout = 3 * time.Second

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
