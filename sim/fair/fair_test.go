package fair_test

import (
	"context"
	"errors"
	"io"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/fair"
)

func take(t *testing.T, l *fair.Lane) *fair.Turn {
	t.Helper()
	turn, err := l.Take(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return turn
}

func TestAQuietLaneWaitsForOneTurnOfABusyOne(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := fair.New(1, nil, nil)
		busy, quiet := p.Lane(nil), p.Lane(nil)
		const work = 5 * time.Millisecond
		var workers sync.WaitGroup
		for range 100 {
			workers.Go(func() { _ = busy.Do(t.Context(), func() { time.Sleep(work) }) })
		}
		synctest.Wait()
		start := time.Now()
		take(t, quiet).End()
		if waited := time.Since(start); waited > work {
			t.Errorf("waited for %s behind turns of %s", waited, work)
		}
		workers.Wait()
		if total := time.Since(start); total < 98*work {
			t.Errorf("100 turns took %s: more than one ran at a time", total)
		}
	})
}

func TestLanesAreServedInRotation(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := fair.New(1, nil, nil)
		held := take(t, p.Lane(nil))
		var order []int
		var workers sync.WaitGroup
		for lane := range 3 {
			l := p.Lane(nil)
			for range 3 {
				workers.Go(func() { _ = l.Do(t.Context(), func() { order = append(order, lane) }) })
			}
			synctest.Wait()
		}
		held.End()
		workers.Wait()
		for i, lane := range order {
			if lane != i%3 {
				t.Fatalf("served in the order %v", order)
			}
		}
	})
}

func TestATurnThatHangsHoldsUpItsOwnLaneAlone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := fair.New(1, nil, nil)
		hanging, other := p.Lane(nil), p.Lane(nil)
		hung := take(t, hanging)
		start := time.Now()
		take(t, other).End()
		if waited := time.Since(start); waited < fair.Slice || waited > 3*fair.Slice {
			t.Errorf("another lane waited for %s", waited)
		}
		start = time.Now()
		take(t, other).End()
		if waited := time.Since(start); waited != 0 {
			t.Errorf("and %s the second time", waited)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := hanging.Take(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("its own lane got a second turn: %v", err)
		}
		hung.End()
		take(t, hanging).End()
	})
}

func TestWhoGivesUpWaitingLeavesNothingBehind(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := fair.New(1, nil, nil)
		one, two := p.Lane(nil), p.Lane(nil)
		held := take(t, one)
		ctx, cancel := context.WithCancel(t.Context())
		var workers sync.WaitGroup
		for range 10 {
			workers.Go(func() {
				if _, err := two.Take(ctx); !errors.Is(err, context.Canceled) {
					t.Errorf("gave up: %v", err)
				}
			})
		}
		synctest.Wait()
		cancel()
		workers.Wait()
		held.End()
		take(t, two).End()
		take(t, one).End()
	})
}

func TestTurnsAreNeverMoreThanThereAre(t *testing.T) {
	t.Parallel()
	p := fair.New(4, nil, nil)
	var running, most atomic.Int64
	var workers sync.WaitGroup
	for range 8 {
		l := p.Lane(nil)
		for range 8 {
			workers.Go(func() {
				for range 50 {
					ctx, cancel := context.WithCancel(context.Background())
					go cancel() // some give up at whatever moment
					_ = l.Do(ctx, func() {
						n := running.Add(1)
						for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
						}
						runtime.Gosched()
						running.Add(-1)
					})
					cancel()
				}
			})
		}
	}
	workers.Wait()
	if running.Load() != 0 {
		t.Error("a turn never ended")
	}
	// A turn that the machine let stand for longer than its slice lapses, so
	// that more may be under way; without lapses it is two.
	if n := most.Load(); n > 16 || n < 1 {
		t.Errorf("%d turns at a time", n)
	}
	two := p.Lane(nil)
	take(t, two).End()
}

// late is a reader that something comes out of late.
type late struct {
	io.ReadCloser
	by time.Duration
}

func (l late) Read(p []byte) (int, error) {
	n, err := l.ReadCloser.Read(p)
	time.Sleep(l.by)
	return n, err
}

func TestLanesRestWhileWhatArrivesIsLookedAtLate(t *testing.T) {
	t.Parallel()
	turnsWith := func(by time.Duration) (turns int) {
		synctest.Test(t, func(t *testing.T) {
			l := fair.New(1, func() (io.ReadCloser, io.WriteCloser, error) {
				out, in := io.Pipe()
				return late{out, by}, in, nil
			}, nil).Lane(nil)
			for begin := time.Now(); time.Since(begin) < 2*time.Second; turns++ {
				if err := l.Do(t.Context(), func() { time.Sleep(time.Millisecond) }); err != nil {
					t.Fatal(err)
				}
			}
			time.Sleep(time.Second) // of the bubble: nobody watches any more
		})
		return turns
	}
	if promptly, lately := turnsWith(0), turnsWith(5*time.Millisecond); promptly < 1900 || lately > promptly/8 || lately < promptly/32 {
		t.Errorf("%d turns of a millisecond in two seconds, and %d while everything is late", promptly, lately)
	}
}

func TestWithoutALaneNothingWaits(t *testing.T) {
	t.Parallel()
	var p *fair.Processors
	turn, err := p.Lane(nil).Take(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	turn.End()
}

func BenchmarkTurn(b *testing.B) {
	l := fair.New(0, nil, nil).Lane(nil)
	b.ReportAllocs()
	for b.Loop() {
		t, err := l.Take(context.Background())
		if err != nil {
			b.Fatal(err)
		}
		t.End()
	}
}
