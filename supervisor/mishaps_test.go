package supervisor

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
)

var errMishap = errors.New("the store fails on purpose")

// mishap is something that goes wrong in a store once.
type mishap string

const (
	appendFails  mishap = "an append fails"
	appendLost   mishap = "an append is done and its answer lost"
	projectFails mishap = "a projection fails"
	loadFails    mishap = "an append fails, and so does the load after it"
)

// mishaps lets the journals of an instance fail while others ask much of them.
type mishaps struct {
	// pace is the least time between two of them; it is less where all else is
	// quicker, too.
	pace time.Duration

	mu    sync.Mutex
	next  []mishap
	loads int // that are still to fail

	happened atomic.Int64
	// stale makes lists of holdings show what they showed first: no store does
	// that, a test that looks for it must find it.
	stale atomic.Bool
	shown sync.Map // what was listed first, by filter
}

func (m *mishaps) wrap(_ Spec, j sim.Journal) sim.Journal { return mishapJournal{j, m} }

// add lets something go wrong next.
func (m *mishaps) add(what mishap) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.next) < 3 {
		m.next = append(m.next, what)
	}
}

// clear forgets what was to go wrong.
func (m *mishaps) clear() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.next, m.loads = nil, 0
}

// takes returns the first of some mishaps that is next, which is over with that.
func (m *mishaps) takes(some ...mishap) mishap {
	m.mu.Lock()
	defer m.mu.Unlock()
	for i, next := range m.next {
		for _, what := range some {
			if next == what {
				m.next = append(m.next[:i], m.next[i+1:]...)
				m.happened.Add(1)
				if what == loadFails {
					m.loads = 1
				}
				return what
			}
		}
	}
	return ""
}

type mishapJournal struct {
	sim.Journal
	mishaps *mishaps
}

func (j mishapJournal) Load(ctx context.Context) (*sim.Snapshot, error) {
	j.mishaps.mu.Lock()
	fails := j.mishaps.loads > 0
	if fails {
		j.mishaps.loads--
	}
	j.mishaps.mu.Unlock()
	if fails {
		return nil, errMishap
	}
	return j.Journal.Load(ctx)
}

func (j mishapJournal) Append(ctx context.Context, b *sim.Batch) error {
	what := j.mishaps.takes(appendFails, appendLost, loadFails)
	if what == appendFails || what == loadFails {
		return errMishap
	}
	err := j.Journal.Append(ctx, b)
	if what == appendLost && err == nil {
		return errMishap
	}
	return err
}

func (j mishapJournal) Project(ctx context.Context, p *sim.Projection) error {
	if j.mishaps.takes(projectFails) != "" {
		return errMishap
	}
	return j.Journal.Project(ctx, p)
}

func (j mishapJournal) ListHoldings(ctx context.Context, f sim.HoldingFilter, p sim.Page) ([]*sim.Holding, error) {
	list, err := j.Journal.ListHoldings(ctx, f, p)
	if err != nil || !j.mishaps.stale.Load() {
		return list, err
	}
	first, _ := j.mishaps.shown.LoadOrStore(fmt.Sprint(f, p), list)
	kept, _ := first.([]*sim.Holding)
	return kept, nil
}
