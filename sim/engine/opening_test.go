package engine_test

import (
	"context"
	"errors"
	"testing"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/engine"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/store/memory"
)

func withOpening(commands ...sim.Command) func(*engine.Config) {
	return func(c *engine.Config) { c.Opening = commands }
}

var opening = withOpening(
	sim.OpenAccount{AccountID: "a", ClientID: "client"},
	sim.OpenHolding{AccountID: "a", Symbol: "BTC", Available: amount("5")},
	sim.OpenHolding{Cash: true, AccountID: "b", Symbol: "USD", Available: amount("100")},
)

func TestTheOpeningIsWrittenOnceAsOneBatch(t *testing.T) {
	bubble(t, func(t *testing.T) {
		store := memory.NewStore()
		b := start(t, store, opening)
		if got := b.held("a"); got != "5" {
			t.Errorf("a has %s", got)
		}
		if n := b.journal.appends.Load(); n != 1 {
			t.Errorf("%d appends", n)
		}
		if h := b.Health(); h.Durable != 4 || h.Projected != 4 {
			t.Errorf("health is %+v", h)
		}
		b.must(deposit("a"))
		b.wantFinish()

		again := start(t, store, opening)
		if got := again.held("a"); got != "6" {
			t.Errorf("a has %s", got)
		}
		again.wantFinish()
		later := start(t, store, withOpening(deposit("z"))) // another opening changes nothing any more
		if got := later.held("z"); got != "none" {
			t.Errorf("z has %s", got)
		}
		later.wantFinish()
	})
}

func TestARefusedOpeningEndsTheEngineAndLeavesNothing(t *testing.T) {
	bubble(t, func(t *testing.T) {
		store := memory.NewStore()
		b := newBundle(t, store, withOpening(deposit("a"), sim.OpenAccount{AccountID: "a"})).run()
		err := <-b.done
		if refusal, ok := errors.AsType[*sim.Error](err); !ok || refusal.Code != sim.CodeAlreadyExists || !engine.Fatal(err) {
			t.Errorf("the engine ended with %v", err)
		}
		b.stop()
		b.abort()
		if n := b.journal.appends.Load(); n != 0 {
			t.Errorf("%d appends", n)
		}
		good := start(t, store, opening)
		if got := good.held("a"); got != "5" {
			t.Errorf("a has %s", got)
		}
		good.wantFinish()
	})
}

func TestAnOpeningOfUnknownOutcomeIsNotRepeated(t *testing.T) {
	for name, written := range map[string]bool{"written": true, "not written": false} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				store := memory.NewStore()
				b := newBundle(t, store, opening)
				b.failingAppend(written, errStore)
				b.run()
				if err := <-b.done; !errors.Is(err, errStore) || engine.Fatal(err) {
					t.Errorf("the engine ended with %v", err)
				}
				b.stop()
				b.abort()
				again := start(t, store, opening)
				if got := again.held("a"); got != "5" {
					t.Errorf("a has %s", got)
				}
				if n := again.journal.appends.Load(); (n == 0) != written {
					t.Errorf("%d appends", n)
				}
				again.wantFinish()
			})
		})
	}
}

func TestAnOpeningThatWasNotProjectedIsProjectedAtTheNextStart(t *testing.T) {
	bubble(t, func(t *testing.T) {
		store := memory.NewStore()
		b := newBundle(t, store, opening)
		b.journal.onProject = func(context.Context, *sim.Projection, func() error) error { return errStore }
		b.run()
		if err := <-b.done; !errors.Is(err, errStore) {
			t.Errorf("the engine ended with %v", err)
		}
		b.stop()
		b.abort()
		again := start(t, store, opening)
		if got := again.held("a"); got != "5" {
			t.Errorf("a has %s", got)
		}
		again.wantFinish()
	})
}

func TestAnEmptyOpeningWritesNothing(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := start(t, memory.NewStore())
		b.wantFinish()
		if n := b.journal.appends.Load(); n != 0 || b.Durable() != 0 {
			t.Errorf("%d appends, durable %d", n, b.Durable())
		}
	})
}
