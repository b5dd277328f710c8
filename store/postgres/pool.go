package postgres

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/guard"
)

// Times after which a pool lets go of what it does not use. Every statement of
// a busy instance renews them.
const (
	connectionIdle   = 10 * time.Second
	connectionCheck  = 5 * time.Second
	connectionClose  = 2 * time.Second
	connectionPing   = 3 * time.Second
	poolConnections  = 4
	statementsCached = 64
)

// pool is a pgxpool that takes part in the server's budget and can be closed
// in bounded time. While it has no connection and nobody wants one, it rests: there is
// no pgxpool then, which has a goroutine and some settings of its own.
type pool struct {
	server      *Server
	name        string // tells its connections from others in pg_stat_activity
	connections int32  // at most
	login       *login // of the instance, nil for the server's own role
	rested      func() // called when it goes to rest; may be nil
	// life ends when the pool is closed, and with it all that is under way.
	life context.Context // it is the pool's own lifetime
	end  context.CancelFunc
	// closing counts connections that are being closed outside of pgxpool.
	closing sync.WaitGroup

	// pgx is nil while the pool rests. It changes under mu, while users is 0.
	pgx    atomic.Pointer[pgxpool.Pool]
	mu     sync.Mutex
	users  int
	look   *time.Timer // for whether it may rest
	closed bool
}

// newPool makes a pool of at most so many connections, which dials nothing
// yet. They log in with what the login has at that time, nil meaning the server's own
// role.
func (s *Server) newPool(name string, connections int32, as *login) *pool {
	p := &pool{server: s, name: name, connections: connections, login: as}
	p.life, p.end = context.WithCancel(context.Background())
	return p
}

// settings returns those of pgxpool.
func (p *pool) settings() *pgxpool.Config {
	s := p.server
	config := s.config.Copy()
	config.MaxConns = p.connections
	config.MinConns, config.MinIdleConns = 0, 0
	config.MaxConnIdleTime, config.HealthCheckPeriod = connectionIdle, connectionCheck
	if s.idle > 0 {
		config.MaxConnIdleTime, config.HealthCheckPeriod = s.idle, s.idle/2
	}
	config.PingTimeout = connectionPing
	if config.ConnConfig.RuntimeParams["application_name"] == "" {
		config.ConnConfig.RuntimeParams["application_name"] = cut("custodian "+p.name, maxNameBytes)
	}
	config.BeforeConnect = func(_ context.Context, c *pgx.ConnConfig) error {
		held := s.lendable
		if p.login != nil {
			held = nil
			c.User, c.Password = p.login.credentials()
		}
		c.DialFunc = s.budget.dialer(s.party, held) // called on goroutines of the driver
		return nil
	}
	return config
}

func cut(s string, n int) string {
	if len(s) > n {
		return s[:n]
	}
	return s
}

// Bounds of what is asked of a server. One that cannot be reached any more may
// say nothing at all, not even that.
const (
	// answerTimeout is for statements of the normal work, which all walk an index.
	answerTimeout = 10 * time.Second
	// bulkTimeout is for those whose work depends on how much there is.
	bulkTimeout = 2 * time.Minute
)

// use calls fn with a connection, for no longer than [answerTimeout]. A
// connection that fn leaves within a transaction is thrown away, which rolls the
// transaction back.
func (p *pool) use(ctx context.Context, fn func(context.Context, *pgx.Conn) error) error {
	return p.useFor(ctx, p.server.answer, fn)
}

// useFor is use with another bound; none if that is 0.
func (p *pool) useFor(ctx context.Context, bound time.Duration, fn func(context.Context, *pgx.Conn) error) error {
	if err := p.wake(); err != nil {
		return err
	}
	defer p.doze()
	bounded, cancel := context.WithCancel(ctx)
	if bound > 0 {
		bounded, cancel = context.WithTimeout(ctx, bound)
	}
	defer cancel()
	defer context.AfterFunc(p.life, cancel)()
	owner, c, err := p.obtain(bounded)
	if err == nil {
		defer owner.release(c)
		err = fn(bounded, c.Conn())
	}
	if panicked, ok := errors.AsType[*guard.Panic](err); ok {
		panic(panicked) // on a goroutine of the driver; it goes on where it was waited for
	}
	switch {
	case err == nil:
		return nil
	case p.life.Err() != nil:
		return ErrClosed
	case bounded.Err() != nil && ctx.Err() == nil && errors.Is(err, context.DeadlineExceeded):
		err = fmt.Errorf("%w: no answer from %s within %s: %w", ErrUnreachable, p.server.where, bound, err)
	case sqlState(err) == codeReadOnly:
		// The server is not, or no longer, the one to write to. Where the URL
		// names several, new connections find it.
		owner.reset()
	}
	if p.login != nil {
		return p.server.explainTo(p.login.role, err)
	}
	return p.server.explain(err)
}

// obtain returns a connection and the pool that it is to be released to.
func (p *pool) obtain(ctx context.Context) (*pool, *pgxpool.Conn, error) {
	if p.login == nil {
		l, err := p.borrow(ctx)
		if err != nil || l.conn != nil {
			return l.owner, l.conn, err
		}
	}
	c, err := p.acquire(ctx)
	return p, c, err
}

// loan is a connection that another pool uses for one task.
type loan struct {
	owner *pool
	conn  *pgxpool.Conn
}

// borrow waits, while the budget is used up and the pool has no idle connection,
// for one that this or another pool of the same role is done with. It returns none
// where the pool is to see for itself. To take a place away from another instance
// instead, which takes it back at its next statement, would be a log-in each: with
// 64 busy instances and a budget of 80 they got one hundredth of the work done that
// one instance did.
func (p *pool) borrow(ctx context.Context) (l loan, err error) {
	b := p.server.budget
	short := func() bool { return b.usedUp() && p.server.lendable.Load() > 0 && p.idle() == 0 }
	if !short() {
		return loan{}, nil
	}
	if l = p.server.idleOne(p.life); l.conn != nil {
		return l, nil
	}
	start := time.Now()
	defer func() { b.metrics.RecordConnectionWait(time.Since(start), err == nil) }()
	timeout := time.NewTimer(b.wait)
	defer timeout.Stop()
	look := time.NewTicker(connectionAgain / 20)
	defer look.Stop()
	for short() {
		select {
		case l := <-p.server.loans:
			return l, nil
		case <-look.C: // there may be a place again
		case <-timeout.C:
			return loan{}, &budgetError{b.limit, time.Since(start)}
		case <-ctx.Done():
			return loan{}, ctx.Err()
		}
	}
	return loan{}, nil
}

// idleOne returns an idle connection of any pool of the server's own role, if there
// is one that still has its server: pgxpool asks those that it hands out itself, but
// not those that are taken away from it.
func (s *Server) idleOne(ctx context.Context) (l loan) {
	for _, p := range s.budget.pools() {
		if p.server != s || p.login != nil {
			continue
		}
		for _, c := range p.takeIdle(ctx) {
			if l.conn == nil && answers(ctx, c) {
				l = loan{p, c}
			} else {
				p.release(c)
			}
		}
		if l.conn != nil {
			return l
		}
	}
	return loan{}
}

// answers reports whether the server answers on a connection, which is closed where
// it does not.
func answers(ctx context.Context, c *pgxpool.Conn) bool {
	ctx, cancel := context.WithTimeout(ctx, connectionPing)
	defer cancel()
	return c.Ping(ctx) == nil
}

// acquire returns a connection. Where the server does not know the password of an
// instance's role any more, that gets another, once.
func (p *pool) acquire(ctx context.Context) (*pgxpool.Conn, error) {
	if p.login == nil {
		return p.admitted(ctx)
	}
	_, used := p.login.credentials()
	c, err := p.admitted(ctx)
	if sqlState(err) != codeInvalidPassword {
		return c, err
	}
	if renewErr := p.login.renew(ctx, used); renewErr != nil {
		return nil, fmt.Errorf("giving role %q a password that the server takes: %w", p.login.role, renewErr)
	}
	return p.admitted(ctx)
}

// admitted returns a connection. Where the server lets no more in, the pool makes
// do with those that it has, or waits for one that another pool can do without.
func (p *pool) admitted(ctx context.Context) (*pgxpool.Conn, error) {
	start := time.Now()
	for {
		c, err := p.pgx.Load().Acquire(ctx)
		waited := time.Since(start)
		if sqlState(err) != codeTooManyConnections || waited > p.server.budget.wait {
			if waited > connectionAgain {
				p.server.budget.metrics.RecordConnectionWait(waited, err == nil)
			}
			return c, err
		}
		if p.total() == 0 {
			p.server.want()
		}
		if !p.awaitIdle(ctx) {
			return nil, err
		}
	}
}

// connectionAgain is after how long a server that let no more connections in is
// asked again.
const connectionAgain = 200 * time.Millisecond

// awaitIdle waits until the pool has an idle connection or it is time to try for
// a new one. It reports whether ctx still lasts.
func (p *pool) awaitIdle(ctx context.Context) bool {
	again := time.NewTimer(connectionAgain)
	defer again.Stop()
	look := time.NewTicker(connectionAgain / 20)
	defer look.Stop()
	for p.idle() == 0 {
		select {
		case <-look.C:
		case <-again.C:
			return true
		case <-p.server.passed:
			return true
		case <-ctx.Done():
			return false
		}
	}
	return true
}

// release returns a connection, or lends it to a pool that waits for one, or closes
// it for somebody who waits for its place.
func (p *pool) release(c *pgxpool.Conn) {
	conn := c.Conn()
	if conn.IsClosed() || conn.PgConn().IsBusy() || conn.PgConn().TxStatus() != 'I' {
		c.Release()
		return
	}
	if p.login == nil && p.life.Err() == nil {
		select {
		case p.server.loans <- loan{p, c}:
			return
		default:
		}
	}
	switch {
	case p.server.budget.claim(p.server.party):
		p.giveUp(c, p.server.budget.done)
	case p.server.wanted():
		p.giveUp(c, p.server.pass)
	default:
		c.Release()
	}
}

// giveUp closes a connection in the background and then calls done.
func (p *pool) giveUp(c *pgxpool.Conn, done func()) {
	p.closing.Add(1) // while the pool still counts the connection, see close
	conn := c.Hijack()
	guard.Go(part, p.server.report, func() {
		defer p.closing.Done()
		defer done()
		closeConn(conn)
	})
}

// giveUpIdle closes one idle connection in the background and calls done, in any
// case. It reports whether there was one.
func (p *pool) giveUpIdle(done func()) bool {
	idle := p.takeIdle(p.life)
	if len(idle) == 0 {
		done()
		return false
	}
	p.giveUp(idle[0], done)
	for _, c := range idle[1:] {
		p.release(c)
	}
	return true
}

func closeConn(conn *pgx.Conn) {
	ctx, cancel := context.WithTimeout(context.Background(), connectionClose)
	defer cancel()
	_ = conn.Close(ctx) // the socket is closed in any case
}

// close ends what is under way and closes all connections. It returns an error
// if they are not gone when ctx ends; they go on closing then.
func (p *pool) close(ctx context.Context) error {
	p.end()
	p.mu.Lock()
	p.closed = true
	awake := p.pgx.Load()
	if awake != nil {
		p.look.Stop()
	}
	p.mu.Unlock()
	p.server.budget.leave(p)
	done := make(chan struct{})
	guard.Go(part, p.server.report, func() {
		defer close(done)
		if awake != nil {
			awake.Close()
		}
		p.closing.Wait()
	})
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("closing connections to %s: %d are still open: %w", p.server.where, p.total(), ctx.Err())
	}
}
