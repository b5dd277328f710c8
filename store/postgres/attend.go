package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/guard"
)

// attendEvery is how often the server is asked whether it is still at work on
// what takes long.
const attendEvery = 10 * time.Second

// attended runs fn, which may take long on a connection, and ends its context
// when the server no longer knows that connection or cannot be asked twice in a
// row: a network that swallows what is sent tells neither end.
func (s *Server) attended(ctx context.Context, c *pgx.Conn, fn func(context.Context) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	var attending guard.Group
	defer attending.Wait()
	defer cancel(nil)
	pid := c.PgConn().PID()
	attending.Go(part, s.report, func() {
		ticker := time.NewTicker(s.attend)
		defer ticker.Stop()
		for failures := 0; failures < 2; {
			select {
			case <-ticker.C:
			case <-ctx.Done():
				return
			}
			switch err := s.atWork(ctx, pid); {
			case err == nil, errors.Is(err, ErrBudget), sqlState(err) == codeTooManyConnections:
				failures = 0 // the last two say nothing of the server
			default:
				failures++
			}
		}
		cancel(fmt.Errorf("%w: the connection to %s was lost meanwhile", ErrUnreachable, s.where))
	})
	err := fn(ctx)
	if cause := context.Cause(ctx); err != nil && errors.Is(cause, ErrUnreachable) {
		return fmt.Errorf("%w: %w", cause, err)
	}
	return err
}

// atWork returns nil if the server has the session with that process id.
func (s *Server) atWork(ctx context.Context, pid uint32) error {
	ctx, cancel := context.WithTimeout(ctx, s.answer)
	defer cancel()
	conn, err := s.connect(ctx, s.config.ConnConfig, s.keeper.name)
	if err != nil {
		return err
	}
	defer closeConn(conn)
	var there bool
	err = conn.QueryRow(ctx, `SELECT EXISTS (SELECT FROM pg_stat_activity WHERE pid = $1::int4)`, int32(pid)).Scan(&there)
	if err == nil && !there {
		err = errors.New("the session has ended")
	}
	return err
}
