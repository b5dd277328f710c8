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

func TestStoppingAnswersWhatWasAcceptedAndProjectsIt(t *testing.T) {
	bubble(t, func(t *testing.T) {
		store := memory.NewStore()
		b := start(t, store)
		g := b.gate()
		var answers []<-chan engine.Answer
		for range 10 {
			answers = append(answers, b.doLater(deposit("a")))
		}
		synctest.Wait()
		b.stop()
		synctest.Wait()
		if h := b.Health(); h.Phase != engine.PhaseDraining {
			t.Errorf("health is %+v", h)
		}
		_, err := b.do(deposit("a"))
		b.wantCode(err, sim.CodeDraining)
		b.wantCode(b.Ready(), sim.CodeDraining)
		b.open(g)
		for _, answer := range answers {
			if a := <-answer; a.Err != nil {
				t.Error(a.Err)
			}
		}
		if err := <-b.done; err != nil {
			t.Errorf("the engine ended with %v", err)
		}
		if h := b.Health(); h.Phase != engine.PhaseStopped || h.Projected != h.Durable || h.Durable != 11 {
			t.Errorf("health is %+v", h)
		}
		place, err := store.Journal("books").Projected(context.Background())
		if err != nil || place.Sequence != 11 {
			t.Errorf("the tables are at %d, %v", place.Sequence, err)
		}
		b.abort()
	})
}

func TestAbortingEndsAtOnce(t *testing.T) {
	for name, arrange := range map[string]func(*bundle){
		"with nothing to do": func(*bundle) {},
		"in a commit": func(b *bundle) {
			g := b.gate()
			b.doLater(deposit("a"))
			<-g.entered
		},
		"in a commit with the queue full": func(b *bundle) {
			g := b.gate()
			for range 8 {
				b.doLater(deposit("a"))
			}
			<-g.entered
		},
		"in a projection": func(b *bundle) {
			b.journal.hook(func(j *journal) {
				j.onProject = func(ctx context.Context, _ *sim.Projection, _ func() error) error {
					<-ctx.Done()
					return ctx.Err()
				}
			})
			b.must(deposit("a"))
			time.Sleep(time.Second)
		},
		"while draining": func(b *bundle) {
			g := b.gate()
			b.doLater(deposit("a"))
			<-g.entered
			b.stop()
			synctest.Wait()
		},
		"between two loads": func(b *bundle) {
			b.journal.hook(func(j *journal) {
				j.onLoad = func(context.Context, func() (*sim.Snapshot, error)) (*sim.Snapshot, error) { return nil, errStore }
			})
			b.failingAppend(false, errStore)
			b.doLater(deposit("a"))
			time.Sleep(time.Minute)
		},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				b := start(t, memory.NewStore(), func(c *engine.Config) { c.Limits.Batch = 2; c.Limits.Store, c.Limits.Append = time.Hour, time.Hour })
				arrange(b)
				synctest.Wait()
				began := time.Now()
				b.abort()
				err := <-b.done
				if took := time.Since(began); took != 0 {
					t.Errorf("aborting took %s", took)
				}
				if err != nil && !errors.Is(err, context.Canceled) {
					t.Errorf("the engine ended with %v", err)
				}
				synctest.Wait() // every caller has been answered, or the bubble would be deadlocked
				b.stop()
			})
		})
	}
}

func TestARestartFindsWhatWasAcknowledged(t *testing.T) {
	bubble(t, func(t *testing.T) {
		store := memory.NewStore()
		b := start(t, store)
		b.journal.hook(func(j *journal) {
			j.onProject = func(context.Context, *sim.Projection, func() error) error { return errStore }
		})
		for range 3 {
			b.must(deposit("a"))
		}
		b.abort() // as in a crash: the tables know nothing of it
		if err := <-b.done; err == nil {
			t.Error("the engine ended as if it had been stopped")
		}
		b.stop()
		again := start(t, store)
		if h := again.Health(); h.Durable != 4 || h.Projected != 4 {
			t.Errorf("health is %+v", h)
		}
		if got := again.held("a"); got != "3" {
			t.Errorf("a has %s", got)
		}
		if s := again.must(deposit("a")); s.Sequence != 5 {
			t.Errorf("the next event has number %d", s.Sequence)
		}
		again.wantFinish()
	})
}

func TestAPausedEngineRefusesRequests(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := start(t, memory.NewStore())
		g := b.gate()
		accepted := b.doLater(deposit("a"))
		<-g.entered
		b.SetPaused(true)
		_, err := b.do(deposit("a"))
		b.wantCode(err, sim.CodePaused)
		_, err = b.Account(context.Background(), "a")
		b.wantCode(err, sim.CodePaused)
		_, err = b.ListAccounts(context.Background(), sim.AccountFilter{}, sim.Page{Limit: 1})
		b.wantCode(err, sim.CodePaused)
		_, err = b.Events(context.Background(), 0, 1)
		b.wantCode(err, sim.CodePaused)
		if !b.Health().Paused || sim.CodeOf(b.Ready()) != sim.CodePaused {
			t.Error("health does not tell of the pause")
		}
		b.open(g)
		if a := <-accepted; a.Err != nil {
			t.Errorf("what was accepted before the pause: %v", a.Err)
		}
		b.SetPaused(false)
		b.must(deposit("a"))
		b.wantFinish()
	})
}

func TestPhasesHaveNames(t *testing.T) {
	t.Parallel()
	for phase, want := range map[engine.Phase]string{
		engine.PhaseLoading: "loading", engine.PhaseServing: "serving", engine.PhaseDraining: "draining", engine.PhaseStopped: "stopped",
	} {
		if phase.String() != want {
			t.Errorf("phase %d is %q", phase, phase)
		}
	}
}
