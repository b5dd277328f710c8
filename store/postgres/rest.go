package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/guard"
)

// wake has the pool awake until doze is called as often.
func (p *pool) wake() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return ErrClosed
	}
	if p.pgx.Load() == nil {
		config := p.settings()
		awake, err := pgxpool.NewWithConfig(context.Background(), config)
		if err != nil {
			return fmt.Errorf("making a connection pool: %w", err)
		}
		p.pgx.Store(awake)
		p.server.budget.join(p)
		p.look = time.AfterFunc(config.MaxConnIdleTime, func() { guard.Do(part, p.server.report, p.rest) })
	}
	p.users++
	return nil
}

func (p *pool) doze() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.users--
}

// rest lets the pool rest if it has nothing to do, or looks again later.
func (p *pool) rest() {
	p.mu.Lock()
	defer p.mu.Unlock()
	awake := p.pgx.Load()
	if p.closed || awake == nil {
		return
	}
	if p.users > 0 || awake.Stat().TotalConns() > 0 {
		p.look.Reset(awake.Config().MaxConnIdleTime)
		return
	}
	p.server.budget.leave(p)
	p.pgx.Store(nil)
	p.look = nil
	awake.Close() // which has nothing to wait for
	if p.rested != nil {
		p.rested()
	}
}

// idle is how many connections nobody uses.
func (p *pool) idle() int32 {
	if awake := p.pgx.Load(); awake != nil {
		return awake.Stat().IdleConns()
	}
	return 0
}

// total is how many connections there are.
func (p *pool) total() int32 {
	if awake := p.pgx.Load(); awake != nil {
		return awake.Stat().TotalConns()
	}
	return 0
}

// reset has the connections made anew.
func (p *pool) reset() {
	if awake := p.pgx.Load(); awake != nil {
		awake.Reset()
	}
}

// takeIdle takes all connections that nobody uses.
func (p *pool) takeIdle(ctx context.Context) []*pgxpool.Conn {
	if awake := p.pgx.Load(); awake != nil && awake.Stat().IdleConns() > 0 {
		return awake.AcquireAllIdle(ctx)
	}
	return nil
}
