package fair

import (
	"context"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/guard"
)

const (
	// period is the time over which the requests of lanes are compared.
	period = 250 * time.Millisecond
	// louder is how many times as many requests as the quietest a lane has to
	// have before it is slowed down for that one's sake, and slowest how many times
	// as many it may have even so. Lanes with like load never are slowed down.
	louder  = 4
	slowest = 2
	// busy is how many requests in a period a lane has at least that is slowed
	// down: 400 a second are no burden.
	busy = 100

	// beat is how often the pace is adjusted.
	beat = 10 * time.Millisecond
	// late is how late a beat is that tells that others keep the processors busy.
	late = 500 * time.Microsecond
	// mostUsed is, of the processors' time, what the process is to use up at most.
	mostUsed = 0.4
	// crowdedGap is the most time between two requests of a lane where it is others
	// who keep the processors busy: 1000 requests a second.
	crowdedGap = time.Millisecond
	// burst is how many requests of a lane may begin at once after a while with
	// fewer.
	burst = 8
	// firstGap is where the pace starts, so that who comes is served well from the
	// first request on. Where it is not needed it is gone within ten beats.
	firstGap = 250 * time.Microsecond
	// gathering is about how long events of a lane that is slowed down wait for
	// others.
	gathering = 20 * time.Millisecond
)

// Usage returns how much time of the processors the process has used up.
type Usage func() time.Duration

// pace slows down instances that keep the processors busy with light requests
// while others have a few.
//
// Where every processor always has something to run, each step of everybody's
// requests waits behind those of the busy one: what arrives is looked at late, and
// then waits again for the goroutine, the engine's loop, the commit and the answer.
// Letting fewer of the busy one's requests in at a time changes nothing about it,
// as long as those keep the processors busy. Idle time does. With two processors,
// 64 writers at an instance and another with 200 requests a second, the latter's
// p99 was 15 ms when the process used 75 % of the processors' time, 6 ms at 60 %,
// and 2 to 3 ms alone.
//
// So the requests of a lane that has several times as many as another begin with
// gaps in between, which grow while the process uses up more than mostUsed of the
// processors' time or its timers are late, and shrink otherwise.
type pace struct {
	processors int
	usage      Usage // nil: nobody is slowed down
	gap        atomic.Int64
	period     atomic.Int64 // counts them

	stop    chan struct{}
	stopped sync.WaitGroup

	mu         sync.Mutex
	closed     bool
	running    bool // adjusts itself
	loud       int  // lanes
	longestGap time.Duration
	active     []*Lane
	previous   []*Lane // that were active in the period before
}

// steps are a lane's place in the pace. All but the last two belong to whoever
// holds the pace's lock.
type steps struct {
	last     int64 // requests in the period before
	requests atomic.Int64
	joined   atomic.Int64 // the period that it was last active in
	loud     atomic.Bool
	next     atomic.Int64 // when its next request may begin, in Unix nanoseconds
}

// Begin waits until a light request may begin, or until ctx ends, whose error it
// returns then. Nothing has to be ended. Unless the lane is one of those that are
// slowed down, it costs a few nanoseconds and touches nothing that lanes share.
func (l *Lane) Begin(ctx context.Context) error {
	if l == nil || l.processors.pace.usage == nil {
		return nil
	}
	p, s := &l.processors.pace, &l.steps
	s.requests.Add(1)
	if now := p.period.Load(); s.joined.Load() != now && s.joined.Swap(now) != now {
		p.join(l)
	}
	if !s.loud.Load() {
		return nil
	}
	gap := p.gap.Load()
	if gap == 0 {
		return nil
	}
	now := time.Now().UnixNano()
	at := s.reserve(now, gap)
	if at <= now {
		return nil
	}
	if l.delayed != nil {
		l.delayed()
	}
	return wait(ctx, time.Duration(at-now))
}

// Gather waits, on a lane that is slowed down, before events are passed on to a
// stream, so that more of them go together and not to all streams at once. It
// returns the error of ctx if that ends before.
func (l *Lane) Gather(ctx context.Context) error {
	if l == nil || !l.steps.loud.Load() {
		return nil
	}
	return wait(ctx, gathering/2+rand.N(gathering)) //nolint:gosec // jitter needs no secrecy
}

func wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// reserve returns when a request may begin, and has the ones behind it begin a gap
// later each.
func (s *steps) reserve(now, gap int64) int64 {
	for {
		next := s.next.Load()
		at := max(next, now-burst*gap)
		if s.next.CompareAndSwap(next, at+gap) {
			return at
		}
	}
}

// join has a lane compared with others at the end of the period. Who was not there
// in the last one is quieter than any lane that was busy in it.
func (p *pace) join(l *Lane) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.active = append(p.active, l)
	if l.steps.last == 0 {
		p.longestGap = period / busy
		for _, other := range p.previous {
			if other.steps.last > busy {
				p.raise(other)
			}
		}
	}
	if !p.running && !p.closed {
		p.running = true
		p.stopped.Add(1)
		guard.Go(part, nil, p.run)
	}
}

// raise has a lane slowed down.
func (p *pace) raise(l *Lane) {
	if l.steps.loud.Swap(true) {
		return
	}
	if p.loud++; p.loud == 1 {
		p.gap.Store(int64(firstGap))
	}
}

// lower lets a lane go on as fast as it can.
func (p *pace) lower(l *Lane) {
	if l.steps.loud.Swap(false) {
		p.loud--
	}
}

// close stops the adjusting for good; nobody is slowed down any more.
func (p *pace) close() {
	p.mu.Lock()
	if !p.closed {
		p.closed = true
		close(p.stop)
	}
	p.mu.Unlock()
	p.stopped.Wait()
}

// run adjusts the pace until there were no requests in a period.
func (p *pace) run() {
	defer p.stopped.Done()
	defer p.halt() // also after a panic: nobody is slowed down for ever
	tick := time.NewTicker(beat)
	defer tick.Stop()
	last, used := time.Now(), p.usage()
	ends := last.Add(period)
	for {
		select {
		case <-tick.C:
		case <-p.stop:
			return
		}
		now, usage := time.Now(), p.usage()
		elapsed := now.Sub(last)
		p.adjust(float64(usage-used) > mostUsed*float64(elapsed)*float64(p.processors), elapsed > beat+late)
		last, used = now, usage
		if now.Before(ends) {
			continue
		}
		ends = now.Add(period)
		if !p.compare() {
			return
		}
	}
}

// adjust lets the gaps grow where the process keeps the processors too busy, or
// others do, and shrink where neither is so.
func (p *pace) adjust(used, crowded bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	gap := time.Duration(p.gap.Load())
	grown := gap + gap/8 + 10*time.Microsecond
	switch {
	case used:
		gap = min(p.longestGap, grown)
	case crowded && gap < crowdedGap:
		gap = min(crowdedGap, p.longestGap, grown)
	default:
		gap = max(0, gap-gap/16-5*time.Microsecond)
	}
	p.gap.Store(int64(gap))
}

// compare ends a period: it says which lanes are loud. It reports whether there were
// requests.
func (p *pace) compare() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, l := range p.previous {
		l.steps.last = 0
	}
	quietest := int64(math.MaxInt64) // of those that are not slowed down: the others' want to have more
	for _, l := range p.active {
		if l.steps.last = l.steps.requests.Swap(0); !l.steps.loud.Load() {
			quietest = min(quietest, l.steps.last)
		}
	}
	for _, l := range p.active {
		switch requests := l.steps.last; {
		case requests <= quietest: // or there is nobody for whose sake
			p.lower(l)
		case requests > busy && requests/louder > quietest:
			p.raise(l)
		}
	}
	if quietest < math.MaxInt64 {
		p.longestGap = period / time.Duration(max(busy, slowest*quietest))
	}
	for _, l := range p.previous {
		if l.steps.last == 0 {
			p.lower(l)
		}
	}
	clear(p.previous)
	p.previous, p.active = p.active, p.previous[:0]
	p.period.Add(1)
	return len(p.previous) > 0
}

// halt ends the adjusting and lets everybody go.
func (p *pace) halt() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, l := range slices.Concat(p.previous, p.active) {
		l.steps.last = 0
		p.lower(l)
	}
	p.previous, p.active = nil, nil
	p.running = false
	p.period.Add(1) // who comes now begins it anew
}
