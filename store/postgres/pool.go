package postgres

import (
	"context"
	"errors"
	"fmt"
	"sync"
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
	connectionClose  = 5 * time.Second
	poolConnections  = 4
	statementsCached = 64
)

// pool is a pgxpool that takes part in the server's budget and can be closed
// in bounded time.
type pool struct {
	server *Server
	pgx    *pgxpool.Pool
	// life ends when the pool is closed, and with it all that is under way.
	life context.Context // it is the pool's own lifetime
	end  context.CancelFunc
	// closing counts connections that are being closed outside of pgxpool.
	closing sync.WaitGroup
}

// newPool makes a pool of at most so many connections, which dials nothing
// yet. Name tells its connections from others in pg_stat_activity.
func (s *Server) newPool(name string, connections int32) (*pool, error) {
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
		c.DialFunc = s.budget.dialer() // called on goroutines of the driver
		return nil
	}
	p := &pool{server: s}
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
	c, err := p.pgx.Acquire(ctx)
	if err == nil {
		defer p.release(c)
		err = fn(ctx, c.Conn())
	}
	if panicked, ok := errors.AsType[*guard.Panic](err); ok {
		panic(panicked) // on a goroutine of the driver; it goes on where it was waited for
	}
	if err != nil && p.life.Err() != nil {
		return ErrClosed
	}
	return p.server.explain(err)
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
	guard.Go(part, p.server.report, func() {
		defer p.closing.Done()
		defer p.server.budget.done()
		closeConn(conn)
	})
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
	guard.Go(part, p.server.report, func() {
		defer close(done)
		p.pgx.Close()
		p.closing.Wait()
	})
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("closing connections to %s: %d are still open: %w", p.server.where, p.pgx.Stat().TotalConns(), ctx.Err())
	}
}
