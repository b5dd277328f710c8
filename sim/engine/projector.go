package engine

import (
	"context"
	"sync"
	"time"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
)

// pace is how long the projector waits for more batches before it projects
// what it has: long enough to fold many batches into one transaction under
// load, short enough to keep the tables well within 100 ms of the journal. A
// query that needs the tables does not wait for it.
const pace = 40 * time.Millisecond

// projector turns durable batches into table changes, many at a time. Its
// goroutine is there while there are some.
type projector struct {
	s *session

	mu       sync.Mutex
	pending  []*sim.Batch
	events   int // in pending and in the projection under way
	finished bool
	running  bool
	more     chan struct{} // told when pending, events or finished changed
	space    chan struct{} // told when events shrank
}

func newProjector(s *session) *projector {
	return &projector{s: s, more: make(chan struct{}, 1), space: make(chan struct{}, 1)}
}

func tell(ch chan struct{}) {
	select {
	case ch <- struct{}{}:
	default:
	}
}

// room waits until the lag is below its bound. Only the committer calls it.
func (p *projector) room(ctx context.Context) error {
	for {
		p.mu.Lock()
		free := p.events < p.s.cfg.Limits.Lag
		p.mu.Unlock()
		if free {
			return nil
		}
		select {
		case <-p.space:
		case <-p.s.failure.ch:
			return p.s.failure.err
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// add gives the projector a durable batch. Only the committer calls it.
func (p *projector) add(b *sim.Batch) {
	p.mu.Lock()
	p.pending = append(p.pending, b)
	p.events += len(b.Events)
	lag := p.events
	idle := !p.running
	p.running = true
	p.mu.Unlock()
	p.s.cfg.Metrics.SetProjectionLag(lag)
	if idle {
		p.s.launch("projector", p.run)
		return
	}
	tell(p.more)
}

// finish has what is left projected without waiting for more.
func (p *projector) finish() {
	p.mu.Lock()
	p.finished = true
	p.mu.Unlock()
	tell(p.more)
}

// run projects until nothing is left, or until a projection fails.
func (p *projector) run() error {
	timer := time.NewTimer(pace)
	timer.Stop()
	defer timer.Stop()
	for {
		batches, finished := p.peek()
		if len(batches) == 0 {
			return nil
		}
		if !finished && !p.full() {
			timer.Reset(pace)
			p.gather(timer.C)
			timer.Stop()
		}
		if err := p.project(); err != nil {
			return err
		}
	}
}

// project waits for its turn and projects what there is by then: the more instances
// are busy, the more batches share a transaction.
func (p *projector) project() error {
	turn, err := p.s.cfg.Projections.Take(p.s.abort)
	if err != nil {
		return err
	}
	defer turn.End()
	batches, _ := p.peek()
	projection := sim.Fold(batches)
	if err := p.s.project(p.s.abort, projection); err != nil {
		return err
	}
	p.drop(len(batches), projection.Events)
	return nil
}

// gather waits for more batches until it is time to project.
func (p *projector) gather(timeout <-chan time.Time) {
	for {
		select {
		case <-p.more:
			if p.full() {
				return
			}
		case <-timeout:
			return
		case <-p.s.nudge:
			return
		case <-p.s.failure.ch:
			return
		}
	}
}

func (p *projector) full() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.finished || p.events >= projectEvents
}

// peek returns the batches to project next. Where there are none, run is to end:
// the next one starts it again.
func (p *projector) peek() (batches []*sim.Batch, finished bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	n, events := 0, 0
	for n < len(p.pending) && events < projectEvents {
		events += len(p.pending[n].Events)
		n++
	}
	p.running = n > 0
	return p.pending[:n:n], p.finished
}

// drop removes what was projected.
func (p *projector) drop(batches, events int) {
	p.mu.Lock()
	p.pending = append([]*sim.Batch(nil), p.pending[batches:]...)
	p.events -= events
	lag := p.events
	p.mu.Unlock()
	p.s.cfg.Metrics.SetProjectionLag(lag)
	tell(p.space)
}
