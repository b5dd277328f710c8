package postgres

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/guard"
)

// Times of the connection that holds the locks.
const (
	lockPing    = 3 * time.Second
	lockAnswer  = 5 * time.Second // of one statement
	lockTimeout = 3 * lockAnswer  // of what may need several
	// lockSilence is how many pings in a row may be missing before the server
	// ends the session, and with it the ownership of a process that is stopped,
	// stuck or cut off without a word.
	lockSilence = 6
)

// keeper holds the advisory locks of all leases on one connection of its own.
// One goroutine owns the connection and the set of leases; it takes what is
// asked of it in batches. While there is no lease and nobody waits for one,
// there is no connection.
type keeper struct {
	server *Server
	name   string
	every  time.Duration
	answer time.Duration

	requests chan *lockRequest
	life     context.Context // the keeper's own lifetime
	end      context.CancelFunc
	start    sync.Once
	done     chan struct{}
	session  atomic.Int32 // the backend of the connection, 0 while there is none

	// heard is when the last exchange with the server began that confirmed all
	// leases. It is there once a lease is.
	heard atomic.Pointer[time.Time]

	// Owned by the goroutine.
	conn    *pgx.Conn
	pid     uint32 // of the last connection's backend
	since   time.Time
	anew    bool // the connection took the place of one that was lost
	leases  map[int64]*Lease
	waiting map[int64]*lockRequest
}

// lockWish is what is asked of a keeper.
type lockWish int

const (
	wishTake    lockWish = iota
	wishWait             // take as soon as nobody else holds it
	wishConfirm          // say whether it is held, now
	wishRelease
)

type lockRequest struct {
	lease *Lease
	wish  lockWish
	reply chan error
	// answered is the goroutine's.
	answered bool
}

func (r *lockRequest) answer(err error) {
	r.answered = true
	r.reply <- err
}

func newKeeper(s *Server, every time.Duration) *keeper {
	if every == 0 {
		every = lockPing
	}
	k := &keeper{
		server: s, name: processName(), every: every, answer: min(lockAnswer, s.answer),
		requests: make(chan *lockRequest), done: make(chan struct{}),
		leases: make(map[int64]*Lease), waiting: make(map[int64]*lockRequest),
	}
	k.life, k.end = context.WithCancel(context.Background())
	return k
}

// ask hands a request to the goroutine and waits for the answer. A caller who
// leaves early leaves no lock behind.
func (k *keeper) ask(ctx context.Context, l *Lease, wish lockWish) error {
	k.start.Do(func() { guard.Go(part, k.server.report, k.run) })
	r := &lockRequest{lease: l, wish: wish, reply: make(chan error, 1)}
	select {
	case k.requests <- r:
	case <-ctx.Done():
		return ctx.Err()
	case <-k.life.Done():
		return ErrClosed
	}
	select {
	case err := <-r.reply:
		return err
	case <-ctx.Done():
	}
	switch wish {
	case wishTake:
		l.abandoned.Store(true) // who asks next need not wait for the release
		guard.Go(part, k.server.report, func() {
			if <-r.reply == nil {
				_ = k.ask(k.life, l, wishRelease)
			}
		})
	case wishWait: // of what it got, or of its place in the queue
		guard.Go(part, k.server.report, func() { _ = k.ask(k.life, l, wishRelease) })
	}
	return ctx.Err()
}

// close ends the goroutine, and with its connection all locks.
func (k *keeper) close(ctx context.Context) error {
	k.end()
	k.start.Do(func() { close(k.done) }) // it never ran
	select {
	case <-k.done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("giving up ownership: %w", ctx.Err())
	}
}

func (k *keeper) run() {
	defer close(k.done)
	ticker, retry := time.NewTicker(k.every), time.NewTicker(waitRetry)
	defer ticker.Stop()
	defer retry.Stop()
	for {
		select {
		case <-k.life.Done():
			k.disconnect()
			k.turnAway()
			return
		case r := <-k.requests:
			k.attend(k.gather(r))
		case <-ticker.C:
			guard.Do(part, k.panicked, k.tend)
		case <-retry.C:
			guard.Do(part, k.panicked, k.takeFree)
		}
		if len(k.leases) == 0 && len(k.waiting) == 0 {
			k.disconnect()
			k.pid = 0 // the next one restores nothing
		}
	}
}

// attend serves requests. Should that panic, those that have no answer get one,
// and the locks that are held are taken again on a new connection.
func (k *keeper) attend(batch []*lockRequest) {
	guard.Do(part, func(p *guard.Panic) {
		k.panicked(p)
		for _, r := range batch {
			if r.answered {
				continue
			}
			key := lockKey("ownership", r.lease.schema)
			if k.leases[key] == r.lease {
				delete(k.leases, key)
			}
			if k.waiting[key] == r {
				delete(k.waiting, key)
			}
			r.answer(p)
		}
	}, func() { k.serve(batch) })
}

func (k *keeper) panicked(p *guard.Panic) {
	k.server.report(p)
	k.disconnect()
}

// gatherAtMost bounds the requests of one round trip.
const gatherAtMost = 1000

// gather adds to the first request those that are waiting as well.
func (k *keeper) gather(first *lockRequest) []*lockRequest {
	batch := []*lockRequest{first}
	for len(batch) < gatherAtMost {
		select {
		case r := <-k.requests:
			batch = append(batch, r)
		default:
			return batch
		}
	}
	return batch
}

func (k *keeper) disconnect() {
	k.session.Store(0)
	if k.conn != nil {
		closeConn(k.conn)
		k.conn = nil
	}
}

// bound is for what may need a new connection.
func (k *keeper) bound() time.Duration { return lockTimeout + connectBound(k.server.locks) }

// connect makes sure of the connection, and of all locks on a new one.
func (k *keeper) connect(ctx context.Context) error {
	if k.conn != nil && !k.conn.IsClosed() {
		return nil
	}
	k.disconnect()
	conn, err := k.server.connect(ctx, k.server.locks, k.name)
	if err != nil {
		return err
	}
	return k.adopt(ctx, conn)
}

// adopt makes a new connection the one that holds all locks.
func (k *keeper) adopt(ctx context.Context, conn *pgx.Conn) error {
	began := time.Now()
	session, err := k.prepare(ctx, conn)
	if err != nil {
		closeConn(conn)
		return err
	}
	k.disconnect()
	previous := k.pid
	k.conn, k.pid = conn, conn.PgConn().PID()
	if len(k.leases) > 0 {
		if err := k.restore(ctx, previous); err != nil {
			k.disconnect()
			k.pid = previous
			return err
		}
	}
	k.since, k.anew = time.Now(), previous != 0
	k.session.Store(session)
	k.heard.Store(&began)
	return nil
}

// prepare has the server end the session when nothing is heard of it for a
// while: a process that is stopped keeps its connections, and would keep the
// locks for ever. It finds out as soon that the machine has vanished. It returns
// the backend as the server's own tables name it.
func (k *keeper) prepare(ctx context.Context, conn *pgx.Conn) (session int32, err error) {
	ctx, cancel := context.WithTimeout(ctx, k.answer)
	defer cancel()
	err = conn.QueryRow(ctx, lockSettings, strconv.FormatInt((lockSilence*k.every).Milliseconds(), 10)).Scan(&session)
	return session, err
}

// restore takes the locks again after a connection was lost. The server may
// not have noticed the loss, then the old session still holds them: it is
// ended. What somebody else has taken is lost.
func (k *keeper) restore(ctx context.Context, previous uint32) error {
	const endOld = `SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
		WHERE pid = $1::int4 AND application_name = $2::text AND usename = current_user AND pid <> pg_backend_pid()`
	if err := k.exec(ctx, endOld, int32(previous), k.name); err != nil {
		return fmt.Errorf("ending the old session: %w", err)
	}
	keys := make([]int64, 0, len(k.leases))
	for key := range k.leases {
		keys = append(keys, key)
	}
	refused, err := k.lock(ctx, keys)
	if err != nil {
		return err
	}
	holders, err := k.holders(ctx, refused)
	if err != nil {
		return err
	}
	for _, key := range refused {
		h := holders[key]
		if h.pid == 0 || h.pid == previous {
			return errors.New("the old session has not ended yet")
		}
	}
	for _, key := range refused {
		l := k.leases[key]
		k.server.log.Error("ownership of an instance was lost", "schema", l.schema, "holder", holders[key].String())
		delete(k.leases, key)
		l.lose(holders[key])
	}
	k.server.log.Info("ownership restored on a new connection", "instances", len(k.leases))
	return nil
}

// tend looks after the connection.
func (k *keeper) tend() {
	if len(k.leases) == 0 && len(k.waiting) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(k.life, k.bound())
	defer cancel()
	if err := k.hold(ctx); err != nil && k.life.Err() == nil {
		k.server.log.Warn("the connection that holds ownership is lost, trying again", "error", err)
	}
}

// hold makes sure that the connection is there and holds the locks of all
// leases that are left when it returns nil.
func (k *keeper) hold(ctx context.Context) error {
	if k.conn != nil {
		began := time.Now()
		writable, err := k.isWritable(ctx, k.conn)
		if err == nil {
			if writable {
				k.heard.Store(&began)
				return nil
			}
			return k.move(ctx)
		}
		k.disconnect()
	}
	return k.connect(ctx)
}

// move takes the locks to the server that can be written to, if there is one now:
// after a failover the old one may still answer. Until then they stay where they
// are. It fails if they are lost on the way.
func (k *keeper) move(ctx context.Context) error {
	conn, err := k.server.connect(ctx, k.server.locks, k.name)
	if err != nil {
		return nil
	}
	if writable, err := k.isWritable(ctx, conn); err != nil || !writable {
		closeConn(conn)
		return nil
	}
	return k.adopt(ctx, conn)
}
