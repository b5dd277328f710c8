//go:build integration

package postgres

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// peak notes the most connections that were ever in use.
type peak struct {
	noMetrics
	most atomic.Int64
}

func (p *peak) SetConnections(inUse, _ int) {
	for most := p.most.Load(); int64(inUse) > most && !p.most.CompareAndSwap(most, int64(inUse)); {
		most = p.most.Load()
	}
}

func TestServersThatShareABudgetKeepItTogether(t *testing.T) {
	t.Parallel()
	const limit = 3
	var used peak
	shared, err := NewBudget(limit, 20*time.Second, &used)
	if err != nil {
		t.Fatal(err)
	}
	share := func(o *Options) { o.Budget = shared }
	servers := []*Server{openServer(t, share), openServer(t, share), openServer(t, share), openServer(t, share)}
	var group sync.WaitGroup
	for _, s := range servers {
		for range 4 {
			group.Go(func() {
				for range 10 {
					if err := s.Ping(t.Context()); err != nil {
						t.Error(err)
						return
					}
				}
			})
		}
	}
	group.Wait()
	if most := used.most.Load(); most > limit || most == 0 {
		t.Errorf("%d connections at once, want at most %d", most, limit)
	}
}

func TestBudgetOfOneConnectionIsRefused(t *testing.T) {
	t.Parallel()
	if _, err := NewBudget(1, 0, nil); err == nil {
		t.Error("a budget that cannot work was accepted")
	}
}
