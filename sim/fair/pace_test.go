package fair_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/fair"
)

// using is the usage of a process that keeps so much of its processors busy.
func using(processors int, share float64) fair.Usage {
	start := time.Now()
	return func() time.Duration { return time.Duration(share * float64(processors) * float64(time.Since(start))) }
}

// clients send light requests to a lane until they are stopped.
type clients struct {
	begun atomic.Int64
	waits atomic.Int64 // the longest of a request, in nanoseconds
	stop  context.CancelFunc
	gone  sync.WaitGroup
}

// send has so many clients begin a request each and again so long after.
func send(l *fair.Lane, n int, again time.Duration) *clients {
	ctx, stop := context.WithCancel(context.Background())
	c := &clients{stop: stop}
	for range n {
		c.gone.Go(func() {
			for {
				start := time.Now()
				if l.Begin(ctx) != nil {
					return
				}
				c.begun.Add(1)
				c.waits.Store(max(c.waits.Load(), int64(time.Since(start)))) // one at a time in a bubble, or nearly
				select {
				case <-time.After(again):
				case <-ctx.Done():
					return
				}
			}
		})
	}
	return c
}

// in is how many requests begin in the time from now on.
func (c *clients) in(d time.Duration) int64 {
	before := c.begun.Load()
	time.Sleep(d)
	return c.begun.Load() - before
}

func (c *clients) end() {
	c.stop()
	c.gone.Wait()
}

func TestWhoKeepsTheProcessorsBusyIsSlowedDownForOthersSake(t *testing.T) {
	t.Parallel()
	const full = 64 * 200 // requests a second of 64 clients that need 5 ms each
	for name, c := range map[string]struct {
		usage    float64
		quiet    int // clients of the other one
		min, max int64
	}{
		"beside a quiet one":                    {usage: 1, quiet: 1, min: 390, max: 450},
		"beside a quiet one with time to spare": {usage: 0.3, quiet: 1, min: full * 9 / 10, max: full + 64},
		"alone":                                 {usage: 1, quiet: 0, min: full * 9 / 10, max: full + 64},
		"beside one with like load":             {usage: 1, quiet: 32, min: full * 9 / 10, max: full + 64},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				p := fair.New(2, nil, using(2, c.usage))
				var delayed atomic.Int64
				other := send(p.Lane(nil), c.quiet, 5*time.Millisecond)
				noisy := send(p.Lane(func() { delayed.Add(1) }), 64, 5*time.Millisecond)
				time.Sleep(time.Second)
				delayed.Store(0) // until it was known how much is used
				if n := noisy.in(time.Second); n < c.min || n > c.max {
					t.Errorf("%d requests a second instead of %d to %d", n, c.min, c.max)
				}
				if slowed := c.max < full; slowed != (delayed.Load() > 300) {
					t.Errorf("%d requests are said to have been delayed", delayed.Load())
				}
				if waited := time.Duration(other.waits.Load()); waited > 0 {
					t.Errorf("the other one waited for %s", waited)
				}
				noisy.end()
				other.end()
				p.Close()
			})
		})
	}
}

func TestTheFirstRequestOfANewcomerFindsRoom(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := fair.New(2, nil, using(2, 1))
		noisy := send(p.Lane(nil), 64, time.Millisecond)
		time.Sleep(time.Second)
		alone := noisy.in(10 * time.Millisecond)
		newcomer := p.Lane(nil)
		if err := newcomer.Begin(t.Context()); err != nil {
			t.Fatal(err)
		}
		if beside := noisy.in(10 * time.Millisecond); alone < 500 || beside > alone/5 {
			t.Errorf("%d requests in ten milliseconds alone, and %d once another came", alone, beside)
		}
		time.Sleep(time.Second) // the newcomer has gone
		if again := noisy.in(10 * time.Millisecond); again < alone*9/10 {
			t.Errorf("%d requests in ten milliseconds after the other one went, instead of %d", again, alone)
		}
		noisy.end()
		p.Close()
	})
}

func TestABeginThatWaitsEndsWithItsContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := fair.New(2, nil, using(2, 1))
		quiet := send(p.Lane(nil), 1, 5*time.Millisecond)
		lane := p.Lane(nil)
		noisy := send(lane, 1000, 5*time.Millisecond)
		time.Sleep(time.Second)
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		start := time.Now()
		if err := lane.Begin(ctx); !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != time.Millisecond {
			t.Errorf("behind a thousand requests: %v after %s", err, time.Since(start))
		}
		noisy.end()
		quiet.end()
		p.Close()
	})
}

func TestEventsOfWhoIsSlowedDownGatherForStreams(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := fair.New(2, nil, using(2, 1))
		few, many := p.Lane(nil), p.Lane(nil)
		quiet, noisy := send(few, 1, 5*time.Millisecond), send(many, 64, 5*time.Millisecond)
		time.Sleep(time.Second)
		gather := func(l *fair.Lane) time.Duration {
			start := time.Now()
			if err := l.Gather(t.Context()); err != nil {
				t.Fatal(err)
			}
			return time.Since(start)
		}
		if d := gather(few); d > 0 {
			t.Errorf("events of the quiet one waited for %s", d)
		}
		if d := gather(many); d < 10*time.Millisecond || d > 30*time.Millisecond {
			t.Errorf("events of the noisy one waited for %s", d)
		}
		ended, end := context.WithCancel(t.Context())
		end()
		if err := many.Gather(ended); !errors.Is(err, context.Canceled) {
			t.Errorf("a stream that has ended gathers on: %v", err)
		}
		noisy.end()
		quiet.end()
		p.Close()
	})
}

func TestThePaceEndsWithTheRequests(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(_ *testing.T) { // which fails where a goroutine is left when it ends
		p := fair.New(2, nil, using(2, 1))
		quiet, noisy := send(p.Lane(nil), 1, 5*time.Millisecond), send(p.Lane(nil), 64, 5*time.Millisecond)
		time.Sleep(time.Second)
		noisy.end()
		quiet.end()
		time.Sleep(time.Second)
	})
}

func TestProcessorsThatAreClosedSlowNobodyDown(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := fair.New(2, nil, using(2, 1))
		quiet, noisy := send(p.Lane(nil), 1, 5*time.Millisecond), send(p.Lane(nil), 64, 5*time.Millisecond)
		time.Sleep(time.Second)
		p.Close()
		p.Close()
		if n := noisy.in(time.Second); n < 11_000 {
			t.Errorf("%d requests in a second", n)
		}
		noisy.end()
		quiet.end()
	})
}

func TestWithoutALaneOrAUsageNothingIsSlowedDown(t *testing.T) {
	t.Parallel()
	ended, end := context.WithCancel(t.Context())
	end()
	var none *fair.Lane
	for name, l := range map[string]*fair.Lane{"no lane": none, "no usage": fair.New(2, nil, nil).Lane(nil)} {
		if err := errors.Join(l.Begin(ended), l.Gather(ended)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestProcessUsageGrowsWithWork(t *testing.T) {
	t.Parallel()
	before := fair.ProcessUsage()
	for start, n := time.Now(), 0; time.Since(start) < 10*time.Second; n++ {
		if fair.ProcessUsage() > before {
			return
		}
	}
	t.Error("ten seconds of work used up no time")
}

func BenchmarkBegin(b *testing.B) {
	l := fair.New(0, nil, fair.ProcessUsage).Lane(nil)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if err := l.Begin(context.Background()); err != nil {
				b.Fatal(err)
			}
		}
	})
}
