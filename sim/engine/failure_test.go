package engine_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/engine"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/store/memory"
)

// failingAppend makes the next append fail, after the batch was written or
// without.
func (b *bundle) failingAppend(written bool, err error) {
	b.journal.hook(func(j *journal) {
		j.onAppend = func(_ context.Context, _ *sim.Batch, next func() error) error {
			b.journal.hook(func(j *journal) { j.onAppend = nil })
			if written {
				if err := next(); err != nil {
					return err
				}
			}
			return err
		}
	})
}

func TestAFailedAppendIsAnsweredUnavailableAndForgotten(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := start(t, memory.NewStore())
		b.must(deposit("a"))
		g := b.gate()
		inCommit := b.doLater(deposit("a"))
		<-g.entered
		behind := []<-chan engine.Answer{b.doLater(deposit("a")), b.doLater(sim.OpenAccount{AccountID: "b"})}
		read := later(func() error {
			_, err := b.Account(context.Background(), "b") // would see what is not durable
			return err
		})
		synctest.Wait()
		b.journal.hook(func(j *journal) { j.onAppend = nil })
		g.leave <- errStore
		b.wantCode((<-inCommit).Err, sim.CodeUnavailable)
		for _, answer := range behind {
			b.wantCode((<-answer).Err, sim.CodeUnavailable)
		}
		b.wantCode(<-read, sim.CodeUnavailable)
		synctest.Wait()
		b.wantCode(b.Ready(), sim.CodeUnavailable)
		if h := b.Health(); h.Phase != engine.PhaseLoading || !errors.Is(h.Err, errStore) {
			t.Errorf("health is %+v", h)
		}

		time.Sleep(time.Second) // in the bubble: until the engine has loaded again
		synctest.Wait()
		if h := b.Health(); h.Phase != engine.PhaseServing || h.Err != nil || b.Ready() != nil {
			t.Errorf("health is %+v", h)
		}
		if got := b.held("a"); got != "1" {
			t.Errorf("a has %s", got)
		}
		_, err := b.Account(context.Background(), "b")
		b.wantCode(err, sim.CodeNotFound)
		if s := b.must(deposit("a")); s.Sequence != 3 {
			t.Errorf("the next event has number %d", s.Sequence)
		}
		if n := b.metrics.reloads.Load(); n != 1 {
			t.Errorf("%d reloads counted", n)
		}
		b.wantFinish()
	})
}

func TestARetryWithItsKeyFindsOutWhatHappened(t *testing.T) {
	for name, written := range map[string]bool{"written": true, "not written": false} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				b := start(t, memory.NewStore())
				b.failingAppend(written, errStore)
				_, err := b.keyed("k", deposit("a"))
				b.wantCode(err, sim.CodeUnavailable)
				time.Sleep(time.Second)
				r, err := b.keyed("k", deposit("a"))
				if err != nil || r.Replayed != written || r.Settlement == nil || r.Settlement.Status != sim.StatusCompleted {
					t.Errorf("the retry gives %+v, %v", r, err)
				}
				if got := b.held("a"); got != "1" {
					t.Errorf("a has %s", got)
				}
				b.wantFinish()
			})
		})
	}
}

func TestAFailedProjectionLosesNothing(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := start(t, memory.NewStore())
		b.journal.hook(func(j *journal) {
			j.onProject = func(context.Context, *sim.Projection, func() error) error {
				b.journal.hook(func(j *journal) { j.onProject = nil })
				return errStore
			}
		})
		b.must(deposit("a"))
		if got := b.held("a"); got != "1" { // answered when the books were loaded again
			t.Errorf("a has %s", got)
		}
		if n := b.metrics.reloads.Load(); n != 1 {
			t.Errorf("%d reloads counted", n)
		}
		b.wantFinish()
	})
}

func TestRequestsAreRefusedWhileTheStoreIsAway(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := start(t, memory.NewStore())
		b.journal.hook(func(j *journal) {
			j.onLoad = func(context.Context, func() (*sim.Snapshot, error)) (*sim.Snapshot, error) { return nil, errStore }
		})
		b.failingAppend(false, errStore)
		_, err := b.do(deposit("a"))
		b.wantCode(err, sim.CodeUnavailable)
		time.Sleep(time.Minute)
		_, err = b.do(deposit("a"))
		b.wantCode(err, sim.CodeUnavailable)
		_, err = b.ListAccounts(context.Background(), sim.AccountFilter{}, sim.Page{Limit: 1})
		b.wantCode(err, sim.CodeUnavailable)
		if h := b.Health(); h.Err == nil {
			t.Errorf("health is %+v", h)
		}
		if n := b.journal.loads.Load(); n < 10 || n > 30 {
			t.Errorf("%d loads in a minute", n)
		}
		b.journal.hook(func(j *journal) { j.onLoad = nil })
		time.Sleep(6 * time.Second)
		b.must(deposit("a"))
		b.wantFinish()
	})
}

func TestStoppingWhileTheStoreIsAwayEndsAtOnce(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := start(t, memory.NewStore())
		b.journal.hook(func(j *journal) {
			j.onLoad = func(ctx context.Context, _ func() (*sim.Snapshot, error)) (*sim.Snapshot, error) {
				<-ctx.Done() // hangs until somebody gives up
				return nil, ctx.Err()
			}
		})
		b.failingAppend(false, errStore)
		_, err := b.do(deposit("a"))
		b.wantCode(err, sim.CodeUnavailable)
		time.Sleep(time.Second)
		began := time.Now()
		b.wantFinish()
		if took := time.Since(began); took != 0 {
			t.Errorf("stopping took %s", took)
		}
	})
}

func TestALostOwnershipEndsTheEngine(t *testing.T) {
	bubble(t, func(t *testing.T) {
		store := memory.NewStore()
		b := start(t, store)
		b.must(deposit("a"))
		other := start(t, store) // claims the same books
		_, err := b.do(deposit("a"))
		b.wantCode(err, sim.CodeUnavailable)
		if err := <-b.done; !errors.Is(err, sim.ErrLostOwnership) || !engine.Fatal(err) {
			t.Errorf("the engine ended with %v", err)
		}
		if h := b.Health(); h.Phase != engine.PhaseStopped {
			t.Errorf("health is %+v", h)
		}
		_, err = b.do(deposit("a"))
		b.wantCode(err, sim.CodeUnavailable) // not draining: nobody asked it to end
		other.must(deposit("a"))
		if got := other.held("a"); got != "2" {
			t.Errorf("a has %s", got)
		}
		other.wantFinish()
		b.stop()
		b.abort()
	})
}

func TestAJournalThatContradictsItselfEndsTheEngine(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBundle(t, memory.NewStore())
		b.journal.onLoad = func(_ context.Context, next func() (*sim.Snapshot, error)) (*sim.Snapshot, error) {
			snap, err := next()
			if err == nil {
				snap.Head = 5 // of which the journal knows nothing
			}
			return snap, err
		}
		b.run()
		if err := <-b.done; !errors.Is(err, sim.ErrBrokenInvariant) || !engine.Fatal(err) {
			t.Errorf("the engine ended with %v", err)
		}
		b.stop()
		b.abort()
	})
}

func TestAFirstLoadThatFailsEndsTheEngine(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBundle(t, memory.NewStore())
		_, err := b.do(deposit("a")) // not running yet
		b.wantCode(err, sim.CodeUnavailable)
		b.journal.onLoad = func(context.Context, func() (*sim.Snapshot, error)) (*sim.Snapshot, error) { return nil, errStore }
		b.run()
		if err := <-b.done; !errors.Is(err, errStore) || engine.Fatal(err) {
			t.Errorf("the engine ended with %v", err)
		}
		select {
		case <-b.Serving():
			t.Error("it claims to have served")
		default:
		}
		b.stop()
		b.abort()
	})
}

func TestAPanicEndsTheEngineAndAnswersEveryCaller(t *testing.T) {
	type setup func(b *bundle)
	for name, arrange := range map[string]setup{
		"in append": func(b *bundle) {
			b.journal.hook(func(j *journal) {
				j.onAppend = func(context.Context, *sim.Batch, func() error) error { panic("append") }
			})
		},
		"in project": func(b *bundle) {
			b.journal.hook(func(j *journal) {
				j.onProject = func(context.Context, *sim.Projection, func() error) error { panic("project") }
			})
		},
		"in the clock": func(b *bundle) { b.clock.panic.Store(true) },
		"in a reload": func(b *bundle) {
			b.journal.hook(func(j *journal) {
				j.onLoad = func(context.Context, func() (*sim.Snapshot, error)) (*sim.Snapshot, error) { panic("load") }
			})
			b.failingAppend(false, errStore)
		},
		"in a replay": func(b *bundle) {
			b.journal.hook(func(j *journal) { j.onRead = func(uint64) { panic("read") } })
			b.failingAppend(true, errStore)
		},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				b := start(t, memory.NewStore())
				arrange(b)
				var answers []<-chan engine.Answer
				for range 5 {
					answers = append(answers, b.doLater(deposit("a")))
				}
				if err := <-b.done; err == nil || !engine.Fatal(err) {
					t.Errorf("the engine ended with %v", err)
				}
				for _, answer := range answers {
					// A commit may have come before the panic, a request after it.
					switch a := <-answer; sim.CodeOf(a.Err) {
					case "", sim.CodeUnavailable, sim.CodeDraining:
					default:
						t.Errorf("answered with %v", a.Err)
					}
				}
				b.stop()
				b.abort()
			})
		})
	}
}

func TestAPanicWhileOpeningEndsTheEngine(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBundle(t, memory.NewStore(), func(c *engine.Config) { c.Opening = []sim.Command{deposit("a")} })
		b.clock.panic.Store(true)
		b.run()
		if err := <-b.done; err == nil || !engine.Fatal(err) {
			t.Errorf("the engine ended with %v", err)
		}
		b.stop()
		b.abort()
	})
}

// A store that says nothing costs callers a few seconds, however long it may take
// to load and they are ready to wait.
func TestCallersOfASilentStoreAreAnsweredInSeconds(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := start(t, memory.NewStore())
		silent := func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }
		b.must(deposit("a"))
		b.journal.hook(func(j *journal) {
			j.onProject = func(ctx context.Context, _ *sim.Projection, _ func() error) error { return silent(ctx) }
			j.onLoad = func(ctx context.Context, _ func() (*sim.Snapshot, error)) (*sim.Snapshot, error) {
				return nil, silent(ctx)
			}
		})
		b.must(deposit("b"))
		b.journal.hook(func(j *journal) {
			j.onAppend = func(ctx context.Context, _ *sim.Batch, _ func() error) error { return silent(ctx) }
		})
		begin := time.Now()
		appending, listing := make(chan error, 1), make(chan error, 1)
		go func() {
			_, err := b.do(deposit("c"))
			appending <- err
		}()
		go func() {
			_, err := b.ListHoldings(t.Context(), sim.HoldingFilter{}, sim.Page{Limit: 10})
			listing <- err
		}()
		for what, answer := range map[string]chan error{"an append": appending, "a list": listing} {
			b.wantCode(<-answer, sim.CodeUnavailable)
			if waited := time.Since(begin); waited > 8*time.Second {
				t.Errorf("%s was answered after %s", what, waited)
			}
		}
		b.journal.hook(func(j *journal) { j.onLoad, j.onProject, j.onAppend = nil, nil, nil })
		time.Sleep(time.Minute)
		if got := b.held("b"); got != "1" {
			t.Errorf("b has %s", got)
		}
		b.wantFinish()
	})
}
