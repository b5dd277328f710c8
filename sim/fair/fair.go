// Package fair shares the processors of a process among its instances where
// work is heavy: huge pages and bodies, statements, event streams that catch
// up.
//
// Go runs whatever can run, first come, first served, and lets each run for
// ten milliseconds. So an instance with a hundred heavy requests makes every
// step of everybody else's requests wait behind all of them. Here heavy work is
// done in turns. [Processors] has a turn for half of the processors; the rest
// is left for light work.
// Each instance has a [Lane], and lanes with work are served in rotation, so
// what an instance waits for is at most one turn of each of the others, however
// much work they have.
//
// Between its turns a lane rests, the longer the less promptly the process
// looks at what arrives, see pressure.
//
// Light work, which is all other requests, takes no turns, but an instance that
// keeps the processors busy with it is slowed down while others have a few
// requests, see [Lane.Begin].
//
// A turn is meant for work on the processor, not for waiting. One that lasts
// for longer than [Slice] no longer keeps others from theirs: a disk that hangs
// holds up its own instance's lane alone.
package fair

import (
	"context"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/guard"
)

// Slice is how long a turn keeps its processor from other lanes.
const Slice = 20 * time.Millisecond

// Processors are shared by lanes. It is safe for concurrent use and has nothing
// to close. Its lock is held for moments, by heavy work alone.
type Processors struct {
	turns    int
	pressure *pressure // nil: nobody rests
	pace     pace

	mu      sync.Mutex
	running []*Turn     // that have their processor to themselves
	waiting []*Lane     // that have waiters
	granted uint64      // turns so far
	alarm   *time.Timer // serves lanes that rest
}

// New returns so many processors, with a turn for every two of them and at least
// one; 0 means as many as the runtime uses. The pipe is one of the system's,
// through which to see how promptly the process looks at what arrives; without it
// lanes never rest. Usage tells what the process uses up; without it no light work
// is slowed down.
func New(processors int, pipe Pipe, usage Usage) *Processors {
	if processors <= 0 {
		processors = runtime.GOMAXPROCS(0)
	}
	p := &Processors{turns: max(1, processors/2), pace: pace{processors: processors, usage: usage, stop: make(chan struct{})}}
	p.pace.period.Store(1) // no lane has been active in it
	if pipe != nil {
		p.pressure = &pressure{pipe: pipe}
	}
	return p
}

// Close ends what goes on behind the requests. Lanes can be used on, but nobody is
// slowed down any more. It can be called again.
func (p *Processors) Close() { p.pace.close() }

// Lane is where the heavy work of one instance queues. A nil lane lets all work
// through at once.
type Lane struct {
	processors *Processors
	delayed    func()    // counts
	held       int       // turns under way, those past their slice included
	served     uint64    // which turn was its last
	rests      time.Time // until then
	waiters    []chan *Turn
	steps      steps
}

// Lane returns a lane for one more instance. Of each light request that has to wait
// it tells delayed, unless that is nil.
func (p *Processors) Lane(delayed func()) *Lane {
	if p == nil {
		return nil
	}
	return &Lane{processors: p, delayed: delayed}
}

// Turn is the right to work. The zero of a nil lane's turns is nil, and ending
// it does nothing.
type Turn struct {
	lane  *Lane
	since time.Time
}

// Take waits for a turn, or until ctx ends, whose error it returns then. The
// turn must be ended.
func (l *Lane) Take(ctx context.Context) (*Turn, error) {
	if l == nil {
		return nil, nil //nolint:nilnil // no turn is needed
	}
	p := l.processors
	p.mu.Lock()
	p.lapse()
	now := time.Now()
	if len(p.waiting) == 0 && p.free(l, now) {
		t := p.grant(l, now)
		p.mu.Unlock()
		return t, nil
	}
	granted := make(chan *Turn, 1)
	if len(l.waiters) == 0 {
		p.waiting = append(p.waiting, l)
	}
	l.waiters = append(l.waiters, granted)
	p.serve()
	p.mu.Unlock()

	look := time.NewTicker(Slice)
	defer look.Stop()
	for {
		select {
		case t := <-granted:
			return t, nil
		case <-look.C: // turns may have lapsed
			p.mu.Lock()
			p.lapse()
			p.serve()
			p.mu.Unlock()
		case <-ctx.Done():
			l.withdraw(granted)
			return nil, ctx.Err()
		}
	}
}

// withdraw gives up waiting, or a turn that was granted meanwhile.
func (l *Lane) withdraw(granted chan *Turn) {
	p := l.processors
	p.mu.Lock()
	defer p.mu.Unlock()
	if i := slices.Index(l.waiters, granted); i >= 0 {
		l.waiters = slices.Delete(l.waiters, i, i+1)
		if len(l.waiters) == 0 {
			p.waiting = slices.DeleteFunc(p.waiting, func(w *Lane) bool { return w == l })
		}
		return
	}
	p.end(<-granted)
}

// Do does fn in a turn.
func (l *Lane) Do(ctx context.Context, fn func()) error {
	t, err := l.Take(ctx)
	if err != nil {
		return err
	}
	defer t.End()
	fn()
	return nil
}

// End ends a turn.
func (t *Turn) End() {
	if t == nil {
		return
	}
	p := t.lane.processors
	p.mu.Lock()
	defer p.mu.Unlock()
	p.end(t)
}

func (p *Processors) end(t *Turn) {
	t.lane.held--
	if p.pressure != nil {
		now := time.Now()
		t.lane.rests = now.Add(p.pressure.of(min(Slice, now.Sub(t.since))))
	}
	if i := slices.Index(p.running, t); i >= 0 {
		p.running = slices.Delete(p.running, i, i+1)
	}
	p.serve()
}

// free reports whether a lane could have a turn now. A lane has no more turns
// than there are, lapsed ones included, so that it cannot crowd the processors
// with those.
func (p *Processors) free(l *Lane, now time.Time) bool {
	return len(p.running) < p.turns && l.held < p.turns && !now.Before(l.rests)
}

func (p *Processors) grant(l *Lane, now time.Time) *Turn {
	if p.pressure != nil {
		p.pressure.noteTurn(now)
	}
	t := &Turn{lane: l, since: now}
	p.granted++
	l.held, l.served = l.held+1, p.granted
	p.running = append(p.running, t)
	return t
}

// lapse takes their processor from turns that are past their slice.
func (p *Processors) lapse() {
	now := time.Now()
	p.running = slices.DeleteFunc(p.running, func(t *Turn) bool { return now.Sub(t.since) > Slice })
}

// serve grants turns to lanes that wait, first to the one that had its last turn
// the longest time ago.
func (p *Processors) serve() {
	now := time.Now()
	for {
		next := -1
		var rested time.Time // when the first of them has
		for i, l := range p.waiting {
			if l.rests.After(now) && (rested.IsZero() || l.rests.Before(rested)) {
				rested = l.rests
			}
			if p.free(l, now) && (next < 0 || l.served < p.waiting[next].served) {
				next = i
			}
		}
		if next < 0 {
			if !rested.IsZero() && len(p.running) < p.turns {
				p.serveAfter(rested.Sub(now))
			}
			return
		}
		l := p.waiting[next]
		l.waiters[0] <- p.grant(l, now) // never blocks: room for one
		if l.waiters = l.waiters[1:]; len(l.waiters) == 0 {
			p.waiting = slices.Delete(p.waiting, next, next+1)
		}
	}
}

func (p *Processors) serveAfter(d time.Duration) {
	if p.alarm != nil {
		p.alarm.Reset(d)
		return
	}
	p.alarm = time.AfterFunc(d, func() {
		guard.Do(part, nil, func() {
			p.mu.Lock()
			defer p.mu.Unlock()
			p.serve()
		})
	})
}
