package supervisor

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
)

// gate holds up the appends of one instance while it is shut.
type gate struct {
	name string

	mu     sync.Mutex
	closed chan struct{} // nil while open
	held   chan struct{} // one token for each append that was held up
}

func newGate(name string) *gate { return &gate{name: name, held: make(chan struct{}, 1000)} }

func (g *gate) wrap(spec Spec, j sim.Journal) sim.Journal {
	if spec.Name != g.name {
		return j
	}
	return gatedJournal{j, g}
}

func (g *gate) shut() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.closed = make(chan struct{})
}

func (g *gate) open() {
	g.mu.Lock()
	defer g.mu.Unlock()
	close(g.closed)
	g.closed = nil
}

func (g *gate) awaitHeld(ctx context.Context, t *testing.T) {
	t.Helper()
	select {
	case <-g.held:
	case <-ctx.Done():
		t.Fatal("no append came")
	}
}

type gatedJournal struct {
	sim.Journal
	gate *gate
}

func (j gatedJournal) Append(ctx context.Context, b *sim.Batch) error {
	j.gate.mu.Lock()
	closed := j.gate.closed
	j.gate.mu.Unlock()
	if closed != nil {
		j.gate.held <- struct{}{}
		select {
		case <-closed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return j.Journal.Append(ctx, b)
}

// faults make the journal of one instance fail as told.
type faults struct {
	name string
	// panics makes the next appends panic, loads the next loads.
	appendPanics, loadPanics, openPanics atomic.Int64
	// away makes every call fail.
	away atomic.Bool
	// lost makes the next appends find that somebody else owns the books.
	lost atomic.Int64
	// opened counts the journals.
	opened atomic.Int64
}

var errAwayTest = errors.New("the store is away")

func (f *faults) wrap(spec Spec, j sim.Journal) sim.Journal {
	if spec.Name != f.name {
		return j
	}
	f.opened.Add(1)
	if f.openPanics.Add(-1) >= 0 {
		panic("deliberate, opening")
	}
	return faultyJournal{j, f}
}

type faultyJournal struct {
	sim.Journal
	faults *faults
}

func (j faultyJournal) Load(ctx context.Context) (*sim.Snapshot, error) {
	if j.faults.loadPanics.Add(-1) >= 0 {
		panic("deliberate, loading")
	}
	if j.faults.away.Load() {
		return nil, errAwayTest
	}
	return j.Journal.Load(ctx)
}

func (j faultyJournal) Append(ctx context.Context, b *sim.Batch) error {
	switch {
	case j.faults.appendPanics.Add(-1) >= 0:
		panic("deliberate, appending")
	case j.faults.lost.Add(-1) >= 0:
		return sim.ErrLostOwnership
	case j.faults.away.Load():
		return errAwayTest
	}
	return j.Journal.Append(ctx, b)
}

// unreliable is a place of the desired state that fails as told.
type unreliable struct {
	desiredStore
	mu    sync.Mutex
	err   error
	saves bool // although it fails
}

func (u *unreliable) fail(err error, saves bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.err, u.saves = err, saves
}

func (u *unreliable) Save(ctx context.Context, document []byte, revision int64) (int64, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.err == nil || u.saves {
		next, err := u.desiredStore.Save(ctx, document, revision)
		if err != nil || u.err == nil {
			return next, err
		}
	}
	return 0, u.err
}
