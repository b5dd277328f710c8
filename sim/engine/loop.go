package engine

import (
	"context"
	"sync/atomic"
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
	// housekeeping is done while the instance is paused, too.
	housekeeping bool
	// real is the time as which a call that was held back goes on: were it always
	// the present, a fast clock could make work due as fast as it is done.
	real time.Time
	// done receives one error: nil once the answer is durable. Nobody but the
	// caller touches the call after that.
	done chan error
	ctx  context.Context // the caller's, where requests are traced

	// left is set when the caller waits no longer.
	left atomic.Bool

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
	changes   []sim.StatusChange
	generator []byte // state after the last event
	// faces are the active faults of the faces after the last event.
	faces *sim.FaceFaults
}

// newGroup returns an empty group with room for as much as the one before had.
func newGroup(before *group) *group {
	return &group{calls: make([]*call, 0, len(before.calls)), events: make([]*sim.Event, 0, len(before.events))}
}

// loop owns the state: it decides calls, does the work that is due, and hands
// both in groups to the committer. It returns nil when stop has ended and
// everything accepted was handed over, or the error that ended the session;
// then the open group and the held call have not been answered.
func (s *session) loop(stop context.Context) error {
	stopping := stop.Done()
	due := time.NewTimer(time.Hour)
	defer due.Stop()
	for {
		if err := s.work(s.open); err != nil {
			return err
		}
		if err := s.stopClock(s.open); err != nil {
			return err
		}
		open := s.open
		queue, commits := s.queue, s.commits
		if s.held != nil || open.requests >= s.cfg.Limits.Batch {
			queue = nil // wait for the committer
		}
		if open.requests == 0 {
			commits = nil
			if stopping == nil && len(s.queue) == 0 {
				return nil
			}
		} else {
			s.startCommitter()
		}
		s.setTimer(due, open)
		select {
		case c := <-queue:
			s.waiting.Add(-1)
			if err := s.fill(open, c); err != nil {
				return err
			}
			if len(open.events) == 0 && s.durable.value() >= s.handed {
				open.answer() // what they saw is durable
			}
		case commits <- open:
			if n := len(open.events); n > 0 {
				s.handed = open.events[n-1].Sequence
			}
			s.open = newGroup(open)
		case <-due.C:
		case <-s.resumed:
		case filter := <-s.history:
			s.state.SetHistory(filter)
		case <-s.failure.ch:
			return s.failure.err
		case <-s.abort.Done():
			return s.abort.Err()
		case <-stopping:
			s.phase.Store(int32(PhaseDraining))
			stopping, s.draining = nil, true
		}
	}
}

// setTimer sets the timer for the work that is due next. Where the group has no
// room for it, or the clock stands still, nothing is to be waited for.
func (s *session) setTimer(t *time.Timer, g *group) {
	t.Stop()
	if g.requests >= max(1, s.cfg.Limits.Batch/2) || s.held != nil || s.resting() {
		return
	}
	next, any := s.state.NextDue()
	if !any {
		return
	}
	if wait, ever := s.state.Clock().Wait(s.cfg.Clock.Now(), next); ever {
		t.Reset(wait)
	}
}

// resting reports that no work is done of its own accord: while the engine is
// paused, and when it is to stop, which else a fast clock could put off forever.
// What is due then is done after a restart.
func (s *session) resting() bool { return s.draining || s.paused.Load() }

// work goes on with a held call, and does the work that is due by itself.
func (s *session) work(g *group) error {
	before := len(g.events)
	if c := s.held; c != nil {
		s.held = nil
		if c.left.Load() {
			// Work may be due for a century, and everybody else waits behind it.
			s.state.ForgoAdvance()
		} else if err := s.take(g, c); err != nil {
			return err
		}
	}
	if _, any := s.state.NextDue(); any && s.held == nil && !s.resting() {
		// Half of the group is left to callers, who otherwise would never be heard
		// where work becomes due as fast as it is done.
		if _, err := s.fire(g, s.state.Now(s.cfg.Clock.Now()), max(1, s.cfg.Limits.Batch/2)); err != nil {
			return err
		}
	}
	s.mark(g, before)
	return nil
}

// fire does the work that is due by an instance time, until the group has grown
// to a bound, and reports whether all of it is done.
func (s *session) fire(g *group, until time.Time, bound int) (done bool, err error) {
	for g.requests < bound {
		events, fired, err := s.state.FireDue(until)
		if err != nil {
			return false, err
		}
		if !fired {
			return true, nil
		}
		if len(events) > 0 {
			g.events = append(g.events, events...)
			g.requests++
		}
	}
	return false, nil
}

// fill decides a call and all that wait behind it, up to the group's bound.
func (s *session) fill(g *group, c *call) error {
	before := len(g.events)
	for c != nil {
		if err := s.take(g, c); err != nil {
			return err
		}
		c = nil
		if s.held == nil && g.requests < s.cfg.Limits.Batch {
			select {
			case c = <-s.queue:
				s.waiting.Add(-1)
			default:
			}
		}
	}
	s.mark(g, before)
	s.cfg.Metrics.SetQueueDepth(int(s.waiting.Load()))
	s.state.ForgetKeys(s.projected.value(), s.cfg.Limits.RecentKeys)
	return nil
}

// mark notes what the committer needs of the state behind a group's events, of
// which there were so many before.
func (s *session) mark(g *group, before int) {
	if len(g.events) > before {
		g.generator = s.generator.AppendState(g.generator[:0])
		g.faces = s.state.FaceFaults()
		s.tell(g)
	}
}

// take decides a call into the group. A call for which work is due that the
// group has no room for is held back until there is a new group, or until its
// caller leaves, who then does not know how far it came.
func (s *session) take(g *group, c *call) error {
	whole, err := s.decide(g, c)
	if !whole && err == nil {
		s.held = c
		return nil
	}
	g.calls = append(g.calls, c)
	return err
}

// decide decides the requests of a call, from the first that has no decision
// on, and reports whether it came to the end.
func (s *session) decide(g *group, c *call) (whole bool, err error) {
	if c.read != nil {
		g.requests++
		c.read(s.state)
		return true, nil
	}
	real := c.real
	if real.IsZero() {
		real = s.cfg.Clock.Now()
	}
	c.real = time.Time{}
	for i := len(c.decisions); i < len(c.requests); {
		d, err := s.state.Decide(s.state.Now(real), &c.requests[i])
		if err != nil {
			return false, err
		}
		if d.Outcome == sim.NeedsDueWork {
			if done, err := s.fire(g, d.Until, s.cfg.Limits.Batch); !done || err != nil {
				c.real = real
				return false, err
			}
			continue
		}
		g.requests++
		c.decisions = append(c.decisions, d)
		if d.Outcome == sim.NeedsLookup {
			return true, nil
		}
		g.events = append(g.events, d.Events...)
		i++
	}
	return true, nil
}

// answer answers the calls of a group that changed nothing, which stays open.
func (g *group) answer() {
	for _, c := range g.calls {
		c.done <- nil
	}
	clear(g.calls)
	g.calls, g.requests = g.calls[:0], 0
}

func (g *group) fail(err error) {
	for _, c := range g.calls {
		c.fail(err)
	}
}
