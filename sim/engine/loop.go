package engine

import (
	"context"
	"time"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
)

// call is what one caller waits for: requests to be decided in order, or a read
// of the state.
type call struct {
	requests []sim.Request
	// decisions answer requests in order. There are fewer of them where one
	// needed a lookup, which is then the last.
	decisions []sim.Decision
	read      func(*sim.State)
	// done receives one error: nil once the answer is durable. Nobody but the
	// caller touches the call after that.
	done chan error

	timer   *time.Timer     // the caller's
	one     [1]sim.Request  // room for a lone request
	decided [1]sim.Decision // and for its decision
}

func (c *call) fail(err error) { c.done <- err } // never blocks: room for one

// group is a run of calls that are made durable and answered together.
type group struct {
	calls     []*call
	events    []*sim.Event
	requests  int
	generator []byte // state after the last event
}

// newGroup returns an empty group with room for as much as the one before had.
func newGroup(before *group) *group {
	return &group{calls: make([]*call, 0, len(before.calls)), events: make([]*sim.Event, 0, len(before.events))}
}

// loop owns the state: it decides calls and hands them in groups to the
// committer. It returns nil when stop has ended and everything accepted was
// handed over, or the error that ended the session; then the open group has not
// been answered.
func (s *session) loop(stop context.Context) error {
	stopping := stop.Done()
	for {
		open := s.open
		queue, commits := s.queue, s.commits
		if open.requests >= s.cfg.Limits.Batch {
			queue = nil // full: wait for the committer
		}
		if len(open.calls) == 0 {
			commits = nil
			if stopping == nil && len(s.queue) == 0 {
				return nil
			}
		}
		select {
		case c := <-queue:
			if err := s.fill(open, c); err != nil {
				return err
			}
		case commits <- open:
			s.open = newGroup(open)
		case filter := <-s.history:
			s.state.SetHistory(filter)
		case <-s.failure.ch:
			return s.failure.err
		case <-s.abort.Done():
			return s.abort.Err()
		case <-stopping:
			s.phase.Store(int32(PhaseDraining))
			stopping = nil
		}
	}
}

// fill decides a call and all that wait behind it, up to the group's bound.
func (s *session) fill(g *group, c *call) error {
	before := len(g.events)
	for c != nil {
		g.calls = append(g.calls, c)
		if err := s.decide(g, c); err != nil {
			return err
		}
		c = nil
		if g.requests < s.cfg.Limits.Batch {
			select {
			case c = <-s.queue:
			default:
			}
		}
	}
	if len(g.events) > before {
		g.generator = s.generator.AppendState(g.generator[:0])
	}
	s.cfg.Metrics.SetQueueDepth(len(s.queue))
	s.state.ForgetKeys(s.projected.value(), s.cfg.Limits.RecentKeys)
	return nil
}

func (s *session) decide(g *group, c *call) error {
	g.requests++
	if c.read != nil {
		c.read(s.state)
		return nil
	}
	g.requests += len(c.requests) - 1
	now := s.cfg.Clock.Now()
	for i := range c.requests {
		d, err := s.state.Decide(now, &c.requests[i])
		if err != nil {
			return err
		}
		c.decisions = append(c.decisions, d)
		if d.Outcome == sim.NeedsLookup {
			return nil
		}
		g.events = append(g.events, d.Events...)
	}
	return nil
}

func (g *group) fail(err error) {
	for _, c := range g.calls {
		c.fail(err)
	}
}
