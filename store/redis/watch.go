package redis

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/guard"
)

// Pace of the probe. Thousands of instances share one server and one probe.
const (
	probeWhenUp   = 5 * time.Second
	probeWhenDown = time.Second // and up to twice that
	probeMinGap   = time.Second // however often calls report trouble
)

// eraseTimeout bounds what is written at close.
const eraseTimeout = 500 * time.Millisecond

var errNotProbed = fmt.Errorf("%w: not reached yet", ErrUnavailable)

// watcher is the part of a Server that knows whether the server answers.
// Its goroutine alone changes the state.
type watcher struct {
	stop   context.CancelFunc
	done   chan struct{}
	kick   chan struct{} // a call met trouble: probe soon
	probed chan struct{} // closed after the first probe
	mark   mark          // the goroutine's

	mu      sync.Mutex
	state   State
	changed chan struct{}   // closed and replaced whenever state.Up changes, and at the end
	up      context.Context // ends when the server goes away or loses data; ended while it is away
	down    context.CancelFunc
}

func (s *Server) startWatch() {
	w := s.watch
	ctx, stop := context.WithCancel(context.Background())
	w.stop = stop
	w.done = make(chan struct{})
	w.kick = make(chan struct{}, 1)
	w.probed = make(chan struct{})
	w.changed = make(chan struct{})
	w.mark = newMark(s.root)
	w.state = State{Err: errNotProbed, Since: time.Now()}
	w.up, w.down = context.WithCancel(context.Background())
	w.down()
	guard.Go(part, s.report, func() { s.watchLoop(ctx) })
}

// stopWatch ends the probing and leaves the state closed.
func (s *Server) stopWatch() {
	s.watch.stop()
	<-s.watch.done
	if s.Up() {
		ctx, cancel := context.WithTimeout(context.Background(), eraseTimeout)
		defer cancel()
		s.watch.mark.erase(ctx, s.client)
	}
	s.setState(ErrClosed)
}

func (s *Server) watchLoop(ctx context.Context) {
	defer close(s.watch.done)
	timer := time.NewTimer(0)
	defer timer.Stop()
	var last time.Time
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.watch.kick:
			if wait := probeMinGap - time.Since(last); wait > 0 {
				timer.Reset(wait)
				continue
			}
		case <-timer.C:
		}
		// Without its probe a server would be taken to be as it was for ever.
		guard.Do(part, func(p *guard.Panic) {
			s.report(p)
			s.setState(fmt.Errorf("%w: %w", ErrUnavailable, p))
		}, func() { s.probe(ctx) })
		last = time.Now()
		if s.Up() {
			timer.Reset(jitter(probeWhenUp))
		} else {
			timer.Reset(probeWhenDown + rand.N(probeWhenDown)) //nolint:gosec // jitter needs no secrecy
		}
	}
}

// part is what a server is called where it panics.
const part = "Redis"

// report logs a panic of a goroutine that several instances share.
func (s *Server) report(p *guard.Panic) {
	if p.Tell() {
		s.log.Error("panic", "part", p.Part, "panic", p.Value, "stack", p.Stack)
	}
}

// probe asks the server once and records what came of it.
func (s *Server) probe(ctx context.Context) {
	bounded, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	lost, err := s.watch.mark.ask(bounded, s.client)
	if ctx.Err() != nil {
		return
	}
	// All connections being busy says nothing about the server.
	if errors.Is(err, goredis.ErrPoolTimeout) && s.Up() {
		return
	}
	if lost && s.Up() {
		s.log.Warn("redis has lost data, writing what is missing again", "addr", s.addr)
		s.renewUp()
	}
	s.setState(s.classify(ctx, err))
}

// renewUp ends the present up context, so that whoever relies on what was
// written looks again, and makes a new one.
func (s *Server) renewUp() {
	w := s.watch
	w.mu.Lock()
	defer w.mu.Unlock()
	w.down()
	w.up, w.down = context.WithCancel(context.Background())
}

// setState records a probe's result, wakes those who wait for a change, and
// logs it.
func (s *Server) setState(err error) {
	w := s.watch
	now := time.Now()

	w.mu.Lock()
	before, first := w.state, false
	select {
	case <-w.probed:
	default:
		close(w.probed)
		first = true
	}
	w.state.Up, w.state.Err = err == nil, err
	flipped := before.Up != w.state.Up
	if flipped || first {
		w.state.Since = now
	}
	if flipped && w.state.Up {
		w.up, w.down = context.WithCancel(context.Background())
	} else if flipped {
		w.down()
	}
	if flipped || errors.Is(err, ErrClosed) {
		close(w.changed)
		w.changed = make(chan struct{})
	}
	w.mu.Unlock()

	switch {
	case errors.Is(err, ErrClosed):
	case err != nil && (before.Up || first):
		s.log.Warn("redis is away", "addr", s.addr, "error", err)
	case err == nil && !before.Up && !first:
		s.log.Info("redis is back", "addr", s.addr, "away", now.Sub(before.Since).Round(time.Millisecond))
	}
}

// awaitFirstProbe waits until the state is known, or ctx ends.
func (s *Server) awaitFirstProbe(ctx context.Context) {
	select {
	case <-s.watch.probed:
	case <-ctx.Done():
	}
}

// suspect asks for a probe soon. It never blocks.
func (s *Server) suspect() {
	select {
	case s.watch.kick <- struct{}{}:
	default:
	}
}

// State tells what the last probe found.
func (s *Server) State() State {
	s.watch.mu.Lock()
	defer s.watch.mu.Unlock()
	return s.watch.state
}

// Up tells whether the last probe was answered.
func (s *Server) Up() bool { return s.State().Up }

// Wait returns when the server is up. The context that it returns ends when
// the server goes away again, or has lost what was written to it. The error is
// ctx's, or [ErrClosed].
func (s *Server) Wait(ctx context.Context) (up context.Context, err error) {
	w := s.watch
	for {
		w.mu.Lock()
		state, changed, current := w.state, w.changed, w.up
		w.mu.Unlock()
		switch {
		case ctx.Err() != nil:
			return nil, context.Cause(ctx)
		case state.Up:
			return current, nil
		case errors.Is(state.Err, ErrClosed):
			return nil, ErrClosed
		}
		select {
		case <-changed:
		case <-ctx.Done():
		}
	}
}

// jitter is d less up to a tenth, so that many loops don't beat together.
func jitter(d time.Duration) time.Duration {
	return d - rand.N(d/10+1) //nolint:gosec // jitter needs no secrecy
}

// pause waits for d. It returns false when ctx ended first.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
