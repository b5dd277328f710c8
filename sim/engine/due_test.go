package engine_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/engine"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/store/memory"
)

// wallClock is the bubble's time, and counts how often it is looked at.
type wallClock struct{ looks atomic.Int64 }

func (c *wallClock) Now() time.Time {
	c.looks.Add(1)
	return time.Now()
}

func withWallClock(c *engine.Config) { c.Clock = &wallClock{} }

func smallBatches(c *engine.Config) { c.Limits.Batch = 8 }

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// lasting is a fault whose expiry is work that is due.
func lasting(d time.Duration) sim.AddFault {
	return sim.AddFault{Effect: sim.FaultEffect{DelaySeconds: 1}, Duration: d}
}

// manual sets a manual clock to noon and adds faults that expire one an hour.
func (b *bundle) manual(faults int) *bundle {
	b.t.Helper()
	b.must(sim.SetClock{Mode: sim.ClockManual, Instant: noon})
	for i := range faults {
		b.must(lasting(time.Duration(i+1) * time.Hour))
	}
	return b
}

// faults returns how many fault rules the tables hold.
func (b *bundle) faults() int {
	b.t.Helper()
	rows, err := b.ListDocuments(context.Background(), sim.DocumentFault, sim.Page{Limit: 100})
	if err != nil {
		b.t.Fatal(err)
	}
	return len(rows)
}

func (b *bundle) wantClock(r sim.Result, want time.Time, events uint64) {
	b.t.Helper()
	setting, err := r.Document.Clock()
	if err != nil || !setting.Instant.Equal(want) || setting.Events != events {
		b.t.Errorf("the clock is %+v, %v; want %s after %d events", setting, err, want, events)
	}
}

func TestAnAdvanceReturnsWhenAllOfItIsVisible(t *testing.T) {
	bubble(t, func(t *testing.T) {
		store := memory.NewStore()
		b := start(t, store, smallBatches).manual(50)
		before := b.journal.appends.Load()
		r := b.must(sim.AdvanceClock{By: 49*time.Hour + time.Minute})
		if h := b.Health(); h.Projected != h.Durable || h.Durable != r.Sequence {
			t.Errorf("the tables are at %d, the journal at %d, the answer at %d", h.Projected, h.Durable, r.Sequence)
		}
		b.wantClock(r, noon.Add(49*time.Hour+time.Minute), 49)
		if n := b.faults(); n != 1 {
			t.Errorf("%d faults are left", n)
		}
		if n := b.journal.appends.Load() - before; n < 49/8 {
			t.Errorf("more work than a batch holds took %d batches", n)
		}
		b.wantClock(b.must(sim.AdvanceClock{ToNextEvent: true}), noon.Add(50*time.Hour), 1)
		_, err := b.do(sim.AdvanceClock{ToNextEvent: true})
		b.wantCode(err, sim.CodeWrongState)
		b.wantClock(b.must(sim.AdvanceClock{To: noon.Add(90 * time.Hour)}), noon.Add(90*time.Hour), 0)
		setting, now, next, err := b.Clock(context.Background())
		if err != nil || setting.Mode != sim.ClockManual || !now.Equal(noon.Add(90*time.Hour)) || !next.IsZero() {
			t.Errorf("the clock is %+v at %s, next %s, %v", setting, now, next, err)
		}
		b.wantFinish()
		wantVerified(t, store)
	})
}

func TestAnAdvanceWithAKeyIsMadeOnce(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := start(t, memory.NewStore(), smallBatches).manual(20)
		for i := range 3 {
			r, err := b.keyed("k", sim.AdvanceClock{By: 10 * time.Hour})
			if err != nil || r.Replayed != (i > 0) {
				t.Fatalf("time %d: %+v, %v", i, r, err)
			}
			b.wantClock(r, noon.Add(10*time.Hour), 10)
		}
		if n := b.faults(); n != 10 {
			t.Errorf("%d faults are left", n)
		}
		_, err := b.keyed("k", sim.AdvanceClock{By: 11 * time.Hour})
		b.wantCode(err, sim.CodeKeyReused)
		b.wantFinish()
	})
}

func TestAnAdvanceThatTheStoreInterruptsIsCompletedByItsRetry(t *testing.T) {
	for _, carriedOut := range []bool{false, true} {
		t.Run(fmt.Sprintf("carried out %v", carriedOut), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				store := memory.NewStore()
				b := start(t, store, smallBatches).manual(40)
				appends := 0
				b.journal.hook(func(j *journal) {
					j.onAppend = func(_ context.Context, _ *sim.Batch, next func() error) error {
						if appends++; appends != 3 {
							return next()
						}
						if carriedOut {
							_ = next()
						}
						return errStore
					}
				})
				_, err := b.keyed("k", sim.AdvanceClock{By: 41 * time.Hour})
				b.wantCode(err, sim.CodeUnavailable)
				for err != nil {
					time.Sleep(time.Second)
					_, err = b.keyed("k", sim.AdvanceClock{By: 41 * time.Hour})
				}
				_, now, _, err := b.Clock(context.Background())
				if err != nil || !now.Equal(noon.Add(41*time.Hour)) || b.faults() != 0 {
					t.Errorf("instance time is %s, %v, and %d faults are left", now, err, b.faults())
				}
				b.wantFinish()
				wantVerified(t, store)
			})
		})
	}
}

// An advance to the far end of time, with work due on every minute of the way,
// would keep everybody else waiting for as long as it takes.
func TestAnAdvanceThatNobodyWaitsForStops(t *testing.T) {
	for name, leave := range map[string]bool{"the caller leaves": true, "the time for an answer is up": false} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				store := memory.NewStore()
				b := start(t, store, smallBatches, func(c *engine.Config) {
					c.Limits.Request = time.Second
					c.Rules.Reconciliation.Interval = time.Minute
				}).manual(0)
				b.must(sim.AddFault{Effect: sim.FaultEffect{Book: &sim.BookFault{Symbol: "BTC", Amount: amount("1")}}})
				b.journal.hook(func(j *journal) {
					j.onAppend = func(_ context.Context, _ *sim.Batch, next func() error) error {
						time.Sleep(10 * time.Millisecond)
						return next()
					}
				})
				ctx, cancel := context.WithCancel(context.Background())
				defer cancel()
				advance := sim.Request{Command: sim.AdvanceClock{By: 100 * time.Hour}, IdempotencyKey: "k"}
				advanced := later(func() error {
					_, err := b.Do(ctx, advance)
					return err
				})
				if leave {
					time.Sleep(100 * time.Millisecond)
					cancel()
					if err := <-advanced; !errors.Is(err, context.Canceled) {
						t.Errorf("the caller who left is answered %v", err)
					}
				} else {
					b.wantCode(<-advanced, sim.CodeUnavailable)
				}
				_, now, _, err := b.Clock(context.Background())
				if err != nil || !now.After(noon) || !now.Before(noon.Add(100*time.Hour)) {
					t.Errorf("instance time is %s, %v, not in the middle of the advance", now, err)
				}
				b.must(deposit("a"))
				attempts := 1
				for ; err == nil && attempts < 100; attempts++ {
					r, err := b.Do(context.Background(), advance)
					if err == nil {
						setting, err := r.Document.Clock()
						if err != nil || !setting.Instant.Equal(noon.Add(100*time.Hour)) {
							t.Errorf("the retry came to %+v, %v", setting, err)
						}
						break
					}
					b.wantCode(err, sim.CodeUnavailable)
				}
				if attempts == 100 {
					t.Error("retries do not come to the end")
				}
				b.journal.hook(func(j *journal) { j.onAppend = nil })
				b.wantFinish()
				wantVerified(t, store)
			})
		})
	}
}

func TestCommandsBehindAnAdvanceComeAfterIt(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := start(t, memory.NewStore(), smallBatches).manual(40)
		g := b.gate()
		advanced := b.doLater(sim.AdvanceClock{By: 40 * time.Hour})
		<-g.entered
		answers := []<-chan engine.Answer{b.doLater(deposit("a")), b.doLater(deposit("b"))}
		read := later(func() time.Time {
			_, now, _, _ := b.Clock(context.Background())
			return now
		})
		if answered(answers[0]) || answered(read) || answered(advanced) {
			t.Fatal("something is answered before the advance is durable")
		}
		b.open(g)
		r := <-advanced
		if r.Err != nil {
			t.Fatal(r.Err)
		}
		for _, answer := range answers {
			if a := <-answer; a.Err != nil || a.Result.Sequence < r.Result.Sequence || !a.Result.Settlement.InitiatedAt.Equal(noon.Add(40*time.Hour)) {
				t.Errorf("a deposit behind the advance is %+v, %v", a.Result, a.Err)
			}
		}
		if now := <-read; !now.Equal(noon.Add(40 * time.Hour)) {
			t.Errorf("a read behind the advance sees %s", now)
		}
		b.wantFinish()
	})
}

func TestAStopInTheMiddleOfAnAdvanceCompletesIt(t *testing.T) {
	bubble(t, func(t *testing.T) {
		store := memory.NewStore()
		b := start(t, store, smallBatches).manual(40)
		g := b.gate()
		advanced := b.doLater(sim.AdvanceClock{By: 40 * time.Hour})
		<-g.entered
		b.stop()
		synctest.Wait()
		b.open(g)
		if a := <-advanced; a.Err != nil {
			t.Errorf("the advance is answered with %v", a.Err)
		} else {
			b.wantClock(a.Result, noon.Add(40*time.Hour), 40)
		}
		b.wantFinish()
		wantVerified(t, store)
	})
}

func TestAnAbortInTheMiddleOfAnAdvanceLosesNothingDurable(t *testing.T) {
	bubble(t, func(t *testing.T) {
		store := memory.NewStore()
		b := start(t, store, smallBatches).manual(40)
		appends := 0
		b.journal.hook(func(j *journal) {
			j.onAppend = func(ctx context.Context, _ *sim.Batch, next func() error) error {
				if appends++; appends <= 2 {
					return next()
				}
				<-ctx.Done()
				return ctx.Err()
			}
		})
		advanced := b.doLater(sim.AdvanceClock{By: 40 * time.Hour})
		synctest.Wait()
		b.abort()
		b.wantCode((<-advanced).Err, sim.CodeUnavailable)
		if err := <-b.done; !errors.Is(err, context.Canceled) {
			t.Errorf("an aborted engine ended with %v", err)
		}
		b.stop()
		again := start(t, store, smallBatches)
		if left := again.faults(); left == 0 || left == 40 {
			t.Errorf("%d faults are left in the middle", left)
		}
		again.must(sim.AdvanceClock{By: 40 * time.Hour})
		_, now, _, err := again.Clock(context.Background())
		if err != nil || !now.Equal(noon.Add(40*time.Hour)) || again.faults() != 0 {
			t.Errorf("instance time is %s, %v, and %d faults are left", now, err, again.faults())
		}
		again.wantFinish()
		wantVerified(t, store)
	})
}

func TestWorkThatIsDueIsDoneUnasked(t *testing.T) {
	for name, set := range map[string]struct {
		clock  sim.SetClock
		factor time.Duration
	}{
		"on a real clock":   {sim.SetClock{Mode: sim.ClockReal}, 1},
		"on a scaled clock": {sim.SetClock{Mode: sim.ClockScaled, Factor: 3600}, 3600},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				b := start(t, memory.NewStore(), withWallClock)
				set.clock.Real = time.Now()
				b.must(set.clock)
				b.must(lasting(time.Hour))
				added := time.Now()
				time.Sleep(time.Hour/set.factor - time.Millisecond)
				synctest.Wait()
				if h := b.Health(); h.Durable != 2 {
					t.Errorf("the fault is over after %s: %+v", time.Since(added), h)
				}
				time.Sleep(2 * time.Millisecond)
				synctest.Wait()
				if h := b.Health(); h.Durable != 3 {
					t.Errorf("the fault is not over after %s: %+v", time.Since(added), h)
				}
				b.wantFinish()
			})
		})
	}
}

func TestWaitingForWorkCostsNothing(t *testing.T) {
	bubble(t, func(t *testing.T) {
		clock := &wallClock{}
		b := start(t, memory.NewStore(), func(c *engine.Config) { c.Clock = clock })
		b.must(lasting(2 * time.Hour))
		synctest.Wait()
		before := clock.looks.Load()
		time.Sleep(time.Hour)
		if looks := clock.looks.Load() - before; looks > 0 {
			t.Errorf("the engine looked at the clock %d times in an hour without work", looks)
		}
		b.must(sim.SetClock{Mode: sim.ClockManual})
		synctest.Wait()
		before = clock.looks.Load()
		time.Sleep(24 * time.Hour)
		if looks := clock.looks.Load() - before; looks > 0 {
			t.Errorf("the engine looked at a clock that stands still %d times", looks)
		}
		b.wantFinish()
	})
}

func TestAPausedEngineDoesNoWork(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := start(t, memory.NewStore(), withWallClock)
		b.must(lasting(time.Hour))
		due := time.Now().Add(time.Hour)
		b.SetPaused(true)
		time.Sleep(3 * time.Hour)
		synctest.Wait()
		if h := b.Health(); h.Durable != 1 {
			t.Errorf("a paused engine is at event %d", h.Durable)
		}
		b.SetPaused(false)
		synctest.Wait()
		if h := b.Health(); h.Durable != 2 {
			t.Errorf("a resumed engine is at event %d", h.Durable)
		}
		err := b.journal.Read(context.Background(), 1, func(batch *sim.Batch) error {
			if err := batch.Decode(); err != nil {
				return err
			}
			if e := batch.Events[0]; e.Type != sim.EventFaultExpired || e.Time.Sub(due).Abs() > time.Millisecond {
				t.Errorf("%s happened at %s", e.Type, e.Time)
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
		b.wantFinish()
	})
}

// A clock that makes work due faster than it can be done puts off neither
// callers nor a stop forever.
func TestAnOverloadedClockStarvesNobody(t *testing.T) {
	bubble(t, func(t *testing.T) {
		store := memory.NewStore()
		b := start(t, store, withWallClock, smallBatches, func(c *engine.Config) {
			c.Rules.Reconciliation.Interval = time.Second
		})
		b.must(deposit("a"))
		b.must(sim.AddFault{Effect: sim.FaultEffect{Book: &sim.BookFault{Symbol: "BTC", Amount: amount("1")}}})
		b.journal.hook(func(j *journal) {
			j.onAppend = func(_ context.Context, _ *sim.Batch, next func() error) error {
				time.Sleep(time.Millisecond) // in which a hundred reconciliations become due
				return next()
			}
		})
		b.must(sim.SetClock{Mode: sim.ClockScaled, Factor: sim.MaxClockFactor, Real: time.Now()})
		time.Sleep(5 * time.Millisecond)
		b.must(deposit("a"))
		b.wantFinish()
		wantVerified(t, store)
	})
}

func TestAnOpeningMayAdvanceTheClock(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := start(t, memory.NewStore(), withOpening(
			sim.SetClock{Mode: sim.ClockManual, Instant: noon}, lasting(time.Hour), lasting(3*time.Hour), sim.AdvanceClock{By: 2 * time.Hour}))
		if _, now, _, err := b.Clock(context.Background()); err != nil || !now.Equal(noon.Add(2*time.Hour)) || b.faults() != 1 {
			t.Errorf("instance time is %s, %v, with %d faults", now, err, b.faults())
		}
		b.wantFinish()
	})
}
