package postgres

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Times after which a pool lets go of what it does not use. Every statement of
// a busy instance renews them.
const (
	connectionIdle   = 10 * time.Second
	connectionCheck  = 5 * time.Second
	connectionClose  = 5 * time.Second
	poolConnections  = 4
	statementsCached = 64
)

// pool is a pgxpool that takes part in the server's budget and can be closed
// in bounded time.
type pool struct {
	server *Server
	pgx    *pgxpool.Pool
	login  *login // of the instance, nil for the server's own role
	// life ends when the pool is closed, and with it all that is under way.
	life context.Context // it is the pool's own lifetime
	end  context.CancelFunc
	// closing counts connections that are being closed outside of pgxpool.
	closing sync.WaitGroup
}

// newPool makes a pool of at most so many connections, which dials nothing
// yet. Name tells its connections from others in pg_stat_activity. They log in
// with what the login has at that time, nil meaning the server's own role.
func (s *Server) newPool(name string, connections int32, as *login) (*pool, error) {
	config := s.config.Copy()
	config.MaxConns = connections
	config.MinConns, config.MinIdleConns = 0, 0
	config.MaxConnIdleTime, config.HealthCheckPeriod = connectionIdle, connectionCheck
	if s.idle > 0 {
		config.MaxConnIdleTime, config.HealthCheckPeriod = s.idle, s.idle/2
	}
	config.PingTimeout = connectionClose
	if config.ConnConfig.RuntimeParams["application_name"] == "" {
		config.ConnConfig.RuntimeParams["application_name"] = cut("custodian "+name, maxNameBytes)
	}
	config.BeforeConnect = func(_ context.Context, c *pgx.ConnConfig) error {
		c.DialFunc = s.budget.dialer()
		if as != nil {
			c.User, c.Password = as.credentials()
		}
		return nil
	}
	p := &pool{server: s, login: as}
	p.life, p.end = context.WithCancel(context.Background())
	var err error
	if p.pgx, err = pgxpool.NewWithConfig(context.Background(), config); err != nil {
		p.end()
		return nil, fmt.Errorf("making a connection pool: %w", err)
	}
	s.budget.join(p)
	return p, nil
}

func cut(s string, n int) string {
	if len(s) > n {
		return s[:n]
	}
	return s
}

// use calls fn with a connection. A connection that fn leaves within a
// transaction is thrown away, which rolls the transaction back.
func (p *pool) use(ctx context.Context, fn func(context.Context, *pgx.Conn) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(p.life, cancel)()
	c, err := p.acquire(ctx)
	if err == nil {
		defer p.release(c)
		err = fn(ctx, c.Conn())
	}
	if err != nil && p.life.Err() != nil {
		return ErrClosed
	}
	if p.login != nil {
		return p.server.explainTo(p.login.role, err)
	}
	return p.server.explain(err)
}

// acquire takes a connection. Where the server does not know the password of an
// instance's role any more, it gets another, once.
func (p *pool) acquire(ctx context.Context) (*pgxpool.Conn, error) {
	if p.login == nil {
		return p.pgx.Acquire(ctx)
	}
	_, used := p.login.credentials()
	c, err := p.pgx.Acquire(ctx)
	if sqlState(err) != codeInvalidPassword {
		return c, err
	}
	if renewErr := p.login.renew(ctx, used); renewErr != nil {
		return nil, fmt.Errorf("giving role %q a password that the server takes: %w", p.login.role, renewErr)
	}
	return p.pgx.Acquire(ctx)
}

// release returns a connection, or closes it for a pool that is waiting for one.
func (p *pool) release(c *pgxpool.Conn) {
	conn := c.Conn()
	if conn.IsClosed() || conn.PgConn().IsBusy() || conn.PgConn().TxStatus() != 'I' || !p.server.budget.claim() {
		c.Release()
		return
	}
	p.closing.Add(1) // while the pool still counts the connection, see close
	conn = c.Hijack()
	go func() {
		defer p.closing.Done()
		defer p.server.budget.done()
		closeConn(conn)
	}()
}

// giveUpIdle closes one idle connection and reports whether there was one.
func (p *pool) giveUpIdle() bool {
	if p.pgx.Stat().IdleConns() == 0 {
		return false
	}
	idle := p.pgx.AcquireAllIdle(p.life)
	if len(idle) == 0 {
		return false
	}
	conn := idle[0].Hijack()
	for _, c := range idle[1:] {
		p.release(c)
	}
	closeConn(conn)
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
	p.server.budget.leave(p)
	done := make(chan struct{})
	go func() {
		defer close(done)
		p.pgx.Close()
		p.closing.Wait()
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("closing connections to %s: %d are still open: %w", p.server.where, p.pgx.Stat().TotalConns(), ctx.Err())
	}
}
