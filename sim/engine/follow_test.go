package engine_test

import (
	"context"
	"errors"
	"math"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/engine"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/store/memory"
)

// follower collects what Follow delivers and checks that it has no gap.
type follower struct {
	t      *testing.T
	mu     sync.Mutex
	next   uint64
	hashes map[uint64]sim.Digest
	pause  chan struct{} // where set, every delivery waits for it
	done   <-chan error
	cancel context.CancelFunc
}

func (b *bundle) follow(t *testing.T, after uint64, pause chan struct{}) *follower {
	ctx, cancel := context.WithCancel(context.Background())
	f := &follower{t: t, next: after + 1, hashes: make(map[uint64]sim.Digest), pause: pause, cancel: cancel}
	f.done = later(func() error { return b.Follow(ctx, after, f.take) })
	return f
}

// hold makes deliveries wait from now on until the channel is closed.
func (f *follower) hold() chan struct{} {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.pause = make(chan struct{})
	return f.pause
}

func (f *follower) take(events []engine.Recorded) error {
	f.mu.Lock()
	pause := f.pause
	f.mu.Unlock()
	if pause != nil {
		<-pause
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, e := range events {
		if e.Event.Sequence != f.next {
			f.t.Errorf("event %d comes where %d should", e.Event.Sequence, f.next)
		}
		f.hashes[e.Event.Sequence] = e.Hash
		f.next = e.Event.Sequence + 1
	}
	return nil
}

// seen returns the number of the last event delivered, once everybody waits.
func (f *follower) seen() uint64 {
	synctest.Wait()
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.next - 1
}

func (f *follower) end() {
	f.cancel()
	if err := <-f.done; !errors.Is(err, context.Canceled) {
		f.t.Errorf("following ended with %v", err)
	}
}

func TestFollowersGetTheHistoryAndThenWhatHappens(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := start(t, memory.NewStore())
		for range 5 {
			b.must(deposit("a"))
		}
		all, some, future := b.follow(t, 0, nil), b.follow(t, 3, nil), b.follow(t, 8, nil)
		if all.seen() != 6 || some.seen() != 6 || future.seen() != 8 {
			t.Errorf("followers are at %d, %d, %d", all.seen(), some.seen(), future.seen())
		}
		reads := b.journal.reads.Load()
		for range 5 {
			b.must(deposit("a"))
		}
		if all.seen() != 11 || some.seen() != 11 || future.seen() != 11 {
			t.Errorf("followers are at %d, %d, %d", all.seen(), some.seen(), future.seen())
		}
		if b.journal.reads.Load() != reads {
			t.Error("live events were read from the journal")
		}
		for _, f := range []*follower{all, some, future} {
			f.end()
		}
		events, err := b.Events(context.Background(), 0, 100)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range events {
			if all.hashes[e.Event.Sequence] != e.Hash {
				t.Errorf("event %d was delivered with another hash than it has", e.Event.Sequence)
			}
		}
		b.wantFinish()
	})
}

func TestASlowFollowerMissesNothingAndHoldsUpNobody(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := start(t, memory.NewStore())
		b.must(deposit("a"))
		pause := make(chan struct{})
		slow, quick := b.follow(t, 0, pause), b.follow(t, 0, nil)
		const many = 5000 // more than is kept in memory for followers
		for range many {
			b.must(deposit("a"))
		}
		if quick.seen() != many+2 || slow.seen() != 0 {
			t.Errorf("followers are at %d and %d", quick.seen(), slow.seen())
		}
		close(pause)
		if slow.seen() != many+2 {
			t.Errorf("the slow follower is at %d", slow.seen())
		}
		slow.end()
		quick.end()
		b.wantFinish()
	})
}

// Those who follow the history at once read and decode it once, also where the store
// takes so long that all of them want the first page before anybody has it.
func TestFollowersReadTheHistoryOnce(t *testing.T) {
	for name, local := range map[string]bool{"of a server": false, "local": true} {
		t.Run(name, func(t *testing.T) { followersReadTheHistoryOnce(t, local) })
	}
}

func followersReadTheHistoryOnce(t *testing.T, local bool) {
	bubble(t, func(t *testing.T) {
		b := start(t, memory.NewStore(), func(c *engine.Config) { c.LocalJournal = local })
		const past, readers = 2000, 20
		for range past {
			b.must(deposit("a"))
		}
		before := b.journal.batches.Load()
		slow := make(chan struct{})
		b.journal.hook(func(j *journal) { j.onRead = func(uint64) { <-slow } })
		var got atomic.Int64
		ctx, cancel := context.WithCancel(context.Background())
		var following []<-chan error
		for range readers {
			following = append(following, later(func() error {
				next := uint64(1)
				return b.Follow(ctx, 0, func(events []engine.Recorded) error {
					for _, r := range events {
						if r.Event.Sequence != next {
							t.Errorf("event %d came where %d was to come", r.Event.Sequence, next)
						}
						next++
						got.Add(1)
					}
					time.Sleep(time.Millisecond) // the others come
					return nil
				})
			}))
		}
		synctest.Wait() // all of them are there, and have nothing yet
		close(slow)
		time.Sleep(time.Second)
		const events = past + 1 // and the account
		if n := got.Load(); n != readers*events {
			t.Errorf("%d events were passed on, want %d", n, readers*events)
		}
		if n := b.journal.batches.Load() - before; n != past {
			t.Errorf("%d batches of %d were read from the journal", n, past)
		}
		cancel()
		for _, f := range following {
			if err := <-f; !errors.Is(err, context.Canceled) {
				t.Errorf("following ended with %v", err)
			}
		}
		b.wantFinish()
	})
}

func TestFollowersGoOnOverAReload(t *testing.T) {
	for name, written := range map[string]bool{"written": true, "not written": false} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				b := start(t, memory.NewStore())
				f := b.follow(t, 0, nil)
				b.must(deposit("a"))
				want := uint64(2)
				if f.seen() != want { // from here on it gets what is acknowledged, not what it finds in the journal
					t.Errorf("the follower is at %d, want %d", f.seen(), want)
				}
				for range 3 {
					b.failingAppend(written, errStore)
					_, err := b.do(deposit("a"))
					b.wantCode(err, sim.CodeUnavailable)
					if f.seen() != want {
						t.Errorf("the follower is at %d, want %d", f.seen(), want)
					}
					time.Sleep(time.Second)
					if want++; written { // the ambiguous batch was found by the load
						want++
					}
					b.must(deposit("a"))
					if f.seen() != want {
						t.Errorf("the follower is at %d, want %d", f.seen(), want)
					}
				}
				f.end()
				b.wantFinish()
			})
		})
	}
}

// A batch whose append was ambiguous is in the journal but was never kept for
// followers. Who lags behind it must not be led past it.
func TestASlowFollowerMissesNothingOverAReload(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := start(t, memory.NewStore())
		b.must(deposit("a"))
		slow := b.follow(t, 0, nil)
		if slow.seen() != 2 {
			t.Errorf("the follower is at %d, want 2", slow.seen())
		}
		pause := slow.hold() // now that it gets what is kept for followers
		b.must(deposit("a"))
		synctest.Wait() // it holds event 3
		b.must(deposit("a"))
		b.failingAppend(true, errStore)
		_, err := b.do(deposit("a"))
		b.wantCode(err, sim.CodeUnavailable)
		time.Sleep(time.Second)
		b.must(deposit("a"))
		close(pause)
		if got := slow.seen(); got != 6 {
			t.Errorf("the follower is at %d, want 6", got)
		}
		slow.end()
		b.wantFinish()
	})
}

func TestFollowingEndsWithTheErrorOfItsFunction(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := start(t, memory.NewStore())
		b.must(deposit("a"))
		live := make(chan struct{})
		done := later(func() error {
			return b.Follow(context.Background(), 0, func(events []engine.Recorded) error {
				if events[len(events)-1].Event.Sequence < 3 {
					close(live)
					return nil
				}
				return errStore
			})
		})
		<-live
		b.must(deposit("a"))
		if err := <-done; !errors.Is(err, errStore) {
			t.Errorf("following ended with %v", err)
		}
		err := b.Follow(context.Background(), 0, func([]engine.Recorded) error { return errStore })
		if !errors.Is(err, errStore) {
			t.Errorf("following ended with %v", err)
		}
		b.wantFinish()
	})
}

func TestFollowingFromTheEndOfAllNumbersWaits(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := start(t, memory.NewStore())
		ctx, cancel := context.WithCancel(context.Background())
		done := later(func() error {
			return b.Follow(ctx, math.MaxUint64, func([]engine.Recorded) error { return errStore })
		})
		b.must(deposit("a"))
		if answered(done) {
			t.Errorf("following ended with %v", <-done)
		}
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("following ended with %v", err)
		}
		b.wantFinish()
	})
}

func TestEventsComeInPages(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b, ctx := start(t, memory.NewStore()), context.Background()
		for range 3 {
			b.must(deposit("a"))
		}
		g := b.gate()
		first := b.doLater(deposit("a"))
		<-g.entered
		var rest []<-chan engine.Answer
		for range 6 { // a batch of many
			rest = append(rest, b.doLater(deposit("a")))
		}
		synctest.Wait()
		b.open(g)
		<-first
		for _, answer := range rest {
			<-answer
		}
		for _, limit := range []int{1, 2, 3, 4, 100} {
			after := uint64(0)
			for {
				events, err := b.Events(ctx, after, limit)
				if err != nil {
					t.Fatal(err)
				}
				if len(events) > limit {
					t.Fatalf("%d events in a page of %d", len(events), limit)
				}
				if len(events) == 0 {
					break
				}
				for _, e := range events {
					if after++; e.Event.Sequence != after {
						t.Fatalf("event %d comes where %d should", e.Event.Sequence, after)
					}
				}
			}
			if after != b.Durable() {
				t.Errorf("pages of %d end at %d, the journal at %d", limit, after, b.Durable())
			}
		}
		reads := b.journal.reads.Load()
		for _, after := range []uint64{b.Durable(), b.Durable() + 1, math.MaxInt64 + 1, math.MaxUint64} {
			if events, err := b.Events(ctx, after, 10); err != nil || len(events) != 0 {
				t.Errorf("%d events behind %d, %v", len(events), after, err)
			}
		}
		if b.journal.reads.Load() != reads {
			t.Error("the journal was read for events that are not there")
		}
		b.wantFinish()
	})
}

func TestEventsThatCannotBeReadAreUnavailable(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := start(t, memory.NewStore())
		b.must(deposit("a"))
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		if _, err := b.Events(ctx, 0, 10); !errors.Is(err, context.Canceled) {
			t.Errorf("answered with %v", err)
		}
		b.wantFinish()
		_, err := b.Events(context.Background(), 0, 10)
		b.wantCode(err, sim.CodeDraining)
	})
}
