package engine

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/guard"
)

// projectEvents is how many events one projection covers at most, in replay and
// in normal work. It bounds the transaction's size.
const projectEvents = 8192

// session is one life of the state: from a load to the stop, or to the failure
// after which everything is thrown away.
type session struct {
	*Engine
	state     *sim.State
	generator *sim.Generator
	hash      sim.Digest // of the last durable batch; the committer's
	abort     context.Context

	open      *group             // being filled; the loop's
	held      *call              // waits for room in the next group; the loop's
	handed    uint64             // the last event that the committer was given; the loop's
	draining  bool               // stop has ended; the loop's
	changes   []sim.StatusChange // since the loop last told of them; the loop's
	stopAt    time.Time          // when the clock was to stop or run again; the loop's
	commits   chan *group
	projector *projector
	// launch runs a part of the session on a goroutine of its own; its error ends
	// the session.
	launch     func(part string, fn func() error)
	committing bool // whether the committer was started; the loop's
	// history brings the filter of the keys from before the load.
	history chan *sim.KeyFilter

	failure struct {
		once sync.Once
		err  error
		ch   chan struct{}
	}
}

// fail ends the session with its first error.
func (s *session) fail(err error) {
	s.failure.once.Do(func() {
		s.failure.err = err
		close(s.failure.ch)
	})
}

// session loads the books and serves until stop ends (nil), or until the
// session fails. It reports whether it had begun to serve.
func (e *Engine) session(stop, abort context.Context) (served bool, err error) {
	abort, cancel := context.WithCancel(abort)
	defer cancel()
	s := &session{
		Engine: e, abort: abort, open: &group{},
		commits: make(chan *group), history: make(chan *sim.KeyFilter, 1),
	}
	s.failure.ch = make(chan struct{})

	// Loading and reading history end early with stop: nobody waits for them.
	reading, done := context.WithCancel(abort)
	unlink := context.AfterFunc(stop, done)
	read := func() { unlink(); done() }
	defer read()
	var keyed bool
	err = guarded("loading", func() error {
		return guard.Apart("loading", func() (err error) {
			keyed, err = s.load(reading)
			return err
		})
	})
	if err != nil {
		return false, err
	}

	s.state.Watch(&s.changes)
	s.tell(s.open)
	s.projector = newProjector(s)
	var workers guard.Group
	s.launch = func(part string, fn func() error) {
		workers.Go(part, nil, func() { // fn's panic is an error already
			if err := guarded(part, fn); err != nil {
				s.fail(err)
			}
		})
	}
	if keyed {
		s.launch("key history", func() error { defer read(); return s.readHistory(reading) })
	} else {
		read() // a context less to keep
	}
	if !e.hasServed() {
		e.began.Store(e.durable.value())
	}
	e.reason.Store(nil)
	broken := s.failure.ch // of its own, as a pointer into the session would keep its state
	e.broken.Store(&broken)
	e.faults.rules.Store(s.state.FaceFaults())
	e.phase.Store(int32(PhaseServing))
	if !e.hasServed() {
		close(e.serving)
	}
	err = guarded("engine loop", func() error { return s.loop(stop) })
	if err != nil {
		s.fail(err)
		s.open.fail(s.unavailable())
		if s.held != nil {
			s.held.fail(s.unavailable())
		}
		cancel() // nothing is to be finished any more
	}
	close(s.commits)
	workers.Wait()
	if s.failure.err != nil {
		return true, s.failure.err
	}
	return true, nil
}

// startCommitter starts the committer once there is something for it: most
// instances of a crowd have nothing to do, and a goroutine is kilobytes.
func (s *session) startCommitter() {
	if !s.committing {
		s.committing = true
		s.launch("committer", s.commit)
	}
}

// load brings the state to the end of the journal and the tables to the state.
// It reports whether there are keys from before.
func (s *session) load(ctx context.Context) (keyed bool, err error) {
	call, done := context.WithTimeout(ctx, s.cfg.Limits.Store)
	defer done()
	snap, err := s.cfg.Journal.Load(call)
	if err != nil {
		return false, fmt.Errorf("loading: %w", err)
	}
	s.generator = sim.NewGenerator(s.cfg.Instance, s.cfg.Seed)
	if s.state, err = sim.LoadState(s.cfg.Rules, s.generator, snap); err != nil {
		return false, err
	}
	s.projected.set(snap.Projected.Sequence)
	if err := s.replay(ctx, snap.Projected.Sequence); err != nil {
		return false, fmt.Errorf("replaying the journal: %w", err)
	}
	at := s.state.Progress().Sequence
	if at < snap.Head {
		return false, fmt.Errorf("%w: the journal ends at %d, its head is %d", sim.ErrBrokenInvariant, at, snap.Head)
	}
	if at == 0 && len(s.cfg.Opening) > 0 {
		if err := s.openBooks(ctx); err != nil {
			return false, fmt.Errorf("opening the books: %w", err)
		}
	}
	end := s.state.Progress()
	s.hash = end.Hash
	s.tail.reset() // batches may have become durable that it has not seen
	s.durable.set(end.Sequence)
	return snap.Keyed, nil
}

// replay applies the journal's tail and projects it.
func (s *session) replay(ctx context.Context, after uint64) error {
	var pending []*sim.Batch
	events := 0
	flush := func() error {
		if len(pending) == 0 {
			return nil
		}
		err := s.project(ctx, sim.Fold(pending))
		pending, events = pending[:0], 0
		return err
	}
	err := s.cfg.Journal.Read(ctx, after, func(b *sim.Batch) error {
		if err := b.Decode(); err != nil {
			return err
		}
		if err := s.state.ApplyBatch(b); err != nil {
			return err
		}
		pending, events = append(pending, b), events+len(b.Events)
		if events >= projectEvents {
			return flush()
		}
		return nil
	})
	if err != nil {
		return err
	}
	return flush()
}

// openBooks writes the opening of a new instance as one batch.
func (s *session) openBooks(ctx context.Context) error {
	now := s.cfg.Clock.Now()
	var events []*sim.Event
	for i, command := range s.cfg.Opening {
		if c, ok := command.(sim.SetClock); ok {
			c.Real = now
			command = c
		}
		d, err := s.decideOpening(now, command, &events)
		if err != nil {
			return err
		}
		if d.Outcome != sim.Accepted {
			return fatalError{fmt.Errorf("opening command %d: %w", i+1, d.Err)}
		}
		events = append(events, d.Events...)
	}
	b := s.state.Seal(events)
	call, done := context.WithTimeout(ctx, s.cfg.Limits.Store)
	defer done()
	if err := s.cfg.Journal.Append(call, b); err != nil {
		return err
	}
	return s.project(ctx, sim.Fold([]*sim.Batch{b}))
}

// decideOpening decides a command of the opening, and does before it what is due.
func (s *session) decideOpening(now time.Time, command sim.Command, events *[]*sim.Event) (sim.Decision, error) {
	for {
		d, err := s.state.Decide(s.state.Now(now), &sim.Request{Command: command})
		if err != nil || d.Outcome != sim.NeedsDueWork {
			return d, err
		}
		for fired := true; fired; {
			var done []*sim.Event
			if done, fired, err = s.state.FireDue(d.Until); err != nil {
				return d, err
			}
			*events = append(*events, done...)
		}
	}
}

// project writes one projection and moves the projected mark.
func (s *session) project(ctx context.Context, p *sim.Projection) error {
	call, done := context.WithTimeout(ctx, s.cfg.Limits.Store)
	defer done()
	start := time.Now()
	if err := s.cfg.Journal.Project(call, p); err != nil {
		return fmt.Errorf("projecting up to event %d: %w", p.Through.Sequence, err)
	}
	s.projected.set(p.Through.Sequence)
	s.cfg.Metrics.RecordProjection(p.Events, time.Since(start))
	return nil
}

// readHistory builds the filter of the keys that the tables hold, beside the
// normal work, so that a start does not wait for history. Until it is done,
// every request with a key costs a lookup.
func (s *session) readHistory(ctx context.Context) error {
	var filter sim.KeyFilter
	err := s.cfg.Journal.ScanKeys(ctx, func(r sim.KeyRecord) error {
		filter.Add(r.Key)
		select {
		case <-s.failure.ch:
			return context.Canceled
		default:
			return nil
		}
	})
	if ctx.Err() != nil {
		return nil
	}
	if err != nil {
		// Lookups go on answering in the filter's place.
		s.cfg.Logger.Warn("key filter not built, keys are looked up instead", "error", err)
		return nil
	}
	s.history <- &filter
	return nil
}
