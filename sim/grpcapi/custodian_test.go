package grpcapi_test

import (
	"context"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/asset"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/engine"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/store/memory"
)

// newCustodian runs an engine on a journal in memory until the test ends.
func newCustodian(t testing.TB) *engine.Engine {
	t.Helper()
	e := engine.New(engine.Config{
		Instance: "grpc-test", Seed: 1,
		Rules: sim.Rules{
			Assets: asset.NewRegistry(), AutoOpen: true,
			MaxAccounts: 100_000, MaxHoldings: 100_000, MaxOpenSettlements: 100_000,
		},
		Journal: memory.NewStore().Journal("grpc_test"),
		Clock:   &ticking{now: time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)},
		Metrics: unmetered{}, Logger: slog.New(slog.DiscardHandler), Limits: engine.DefaultLimits(),
	})
	stop, end := context.WithCancel(context.Background())
	ran := make(chan error, 1)
	go func() { ran <- e.Run(stop, context.Background()) }()
	t.Cleanup(func() {
		end()
		if err := <-ran; err != nil {
			t.Errorf("engine: %v", err)
		}
	})
	select {
	case <-e.Serving():
	case err := <-ran:
		t.Fatalf("engine: %v", err)
	}
	return e
}

// ticking is a clock that advances with every look at it, so that later records
// have later times.
type ticking struct {
	mu  sync.Mutex
	now time.Time
}

func (c *ticking) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(time.Millisecond)
	return c.now
}

// unmetered counts nothing.
type unmetered struct{}

func (unmetered) RecordPositionCreated(_, _ string)     {}
func (unmetered) RecordSettlementProcessed(_, _ string) {}
func (unmetered) RecordBalanceChange(_, _ string)       {}
func (unmetered) RecordBatch(int, time.Duration)        {}
func (unmetered) RecordRefused(string)                  {}
func (unmetered) RecordProjection(int, time.Duration)   {}
func (unmetered) SetProjectionLag(int)                  {}
func (unmetered) SetQueueDepth(int)                     {}
func (unmetered) RecordReload()                         {}
