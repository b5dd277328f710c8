package simulation_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/obs/terminal"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/simulation"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/store/memory"
)

var (
	seeds   = flag.Uint64("simulate.seeds", 0, "how many seeds to simulate; 0 is the number of a test run")
	from    = flag.Uint64("simulate.from", 1, "the first seed")
	steps   = flag.Int("simulate.steps", 0, "the steps of each history; 0 is the number of a test run")
	version = flag.String("simulate.version", "unknown", "the version of the code, for reports")
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// whole is set in integration tests, which run the fixed number of seeds; unit
// tests, which are to take seconds, run a quarter of them.
var whole bool

// amount returns how many seeds and steps to run, unless flags say otherwise.
func amount(ofSeeds uint64, ofSteps int) (uint64, int) {
	if testing.Short() || !whole {
		ofSeeds = max(2, ofSeeds/4)
	}
	if *seeds > 0 {
		ofSeeds = *seeds
	}
	if *steps > 0 {
		ofSteps = *steps
	}
	return ofSeeds, ofSteps
}

// show shows the progress of a simulation that was asked for, until the returned
// function is called.
func show(progress func() terminal.Progress) (end func()) {
	if *seeds == 0 {
		return func() {}
	}
	return terminal.NewScreen(os.Stderr, os.Getenv).Show(progress)
}

// asked ends when a simulation that was asked for is to end.
var asked = sync.OnceValue(func() context.Context {
	if *seeds == 0 {
		return context.Background()
	}
	ctx, _ := signal.NotifyContext(context.Background(), os.Interrupt) // until the process ends
	return ctx
})

// goesOn fails the test where no more histories are to be run, and tells where to go on.
func goesOn(t *testing.T, seed, failed uint64) {
	t.Helper()
	if asked().Err() != nil {
		t.Fatalf("interrupted: of %d histories %d have failed; the next is FROM=%d", seed-*from, failed, seed)
	}
}

// report fails a test with a failure, the shortest history that shows it, and what
// its steps do.
func report(t *testing.T, err error, open func(*simulation.World) (simulation.Target, error)) {
	t.Helper()
	var f *simulation.Failure
	if !errors.As(err, &f) {
		t.Error(err)
		return
	}
	short, kept := f, []int(nil)
	if open != nil {
		shown := show(func() terminal.Progress {
			return terminal.Progress{What: fmt.Sprintf("seed %d fails; looking for a shorter history that does", f.Seed)}
		})
		short, kept = simulation.Shrink(f, 200, open)
		shown()
	}
	var trace strings.Builder
	if kept != nil {
		o := short.Options
		o.Trace = func(step int, did string) { fmt.Fprintf(&trace, "\n\tstep %d: %s", step, did) }
		_, _ = simulation.Run(o, open) // it fails as before
	}
	t.Errorf("version %s, %v\n\tin %d steps: %v%s", *version, f, len(kept), short.Err, trace.String())
}

func TestHistoriesOfAStateKeepEveryPromise(t *testing.T) {
	t.Parallel()
	n, length := amount(16, 2000)
	began := time.Now()
	did, events := 0, uint64(0)
	happened := make(map[sim.EventType]int)
	var now atomic.Uint64
	progress := func() terminal.Progress {
		seed := now.Load()
		return terminal.Progress{What: "simulating", Done: seed - *from, Total: n, Unit: "histories", Detail: fmt.Sprintf("seed %d", seed)}
	}
	now.Store(*from)
	shown := show(progress)
	defer func() { shown() }()
	failed := uint64(0)
	for seed := *from; seed < *from+n; seed++ {
		goesOn(t, seed, failed)
		now.Store(seed)
		var target simulation.Target
		out, err := simulation.Run(simulation.Options{Seed: seed, Steps: length}, func(w *simulation.World) (simulation.Target, error) {
			t, err := simulation.NewBooks(w)
			target = t
			return t, err
		})
		if target != nil {
			for event, times := range target.Auditor().View().Happened {
				happened[event] += times
			}
		}
		if err != nil {
			shown()
			failed++
			report(t, err, simulation.NewBooks)
			shown = show(progress)
			continue
		}
		did, events = did+out.Steps, events+out.Events
	}
	shown()
	t.Logf("%d histories, %d steps, %d events in %s", n, did, events, time.Since(began))
	for event, times := range happened {
		t.Logf("%s: %d", event, times)
	}
	if *seeds > 0 || testing.Short() || !whole {
		return
	}
	for _, event := range visited {
		if happened[event] == 0 {
			t.Errorf("no history has come to %s", event)
		}
	}
}

// visited are the events that a test run must come to, so that what its histories
// prove does not shrink unnoticed.
var visited = []sim.EventType{
	sim.EventSettlementAcknowledged, sim.EventSettlementRejected, sim.EventSettlementPending, sim.EventSettlementMatched,
	sim.EventSettlementUnmatched, sim.EventSettlementHeld, sim.EventSettlementReleased, sim.EventSettlementReserved,
	sim.EventSettlementUnreserved, sim.EventSettlementPartiallySettled, sim.EventSettlementCompleted, sim.EventSettlementFailing,
	sim.EventSettlementFailed, sim.EventSettlementCancelRequested, sim.EventSettlementCancelled,
	sim.EventTransferSubmitted, sim.EventTransferApproved, sim.EventTransferBroadcast, sim.EventTransferConfirmed,
	sim.EventTransferReorganized, sim.EventTransferDelayed, sim.EventTransferCompleted, sim.EventTransferReturned,
	sim.EventTransferFinalized, sim.EventTransferFailed, sim.EventTransferRejected, sim.EventTransferExpired, sim.EventTransferCancelled,
	sim.EventFaultAdded, sim.EventFaultCleared, sim.EventFaultExpired, sim.EventReconciled, sim.EventBreakOpened, sim.EventBreakResolved,
	sim.EventCorporateAnnounced, sim.EventCorporateEntitled, sim.EventCorporatePaid,
	sim.EventAccountOpened, sim.EventAccountUpdated, sim.EventPositionLocked, sim.EventPositionUnlocked, sim.EventPositionClosed,
	sim.EventBalanceUpdated, sim.EventClockAdvanced, sim.EventClockChanged,
}

// served runs a history on an engine in memory, in a bubble where nobody waits.
func served(t *testing.T, seed uint64, length int) (out simulation.Outcome, err error) {
	t.Helper()
	synctest.Test(t, func(*testing.T) {
		store := memory.NewStore()
		out, err = simulation.Run(simulation.Options{Seed: seed, Steps: length},
			simulation.NewServed(func() (sim.Journal, error) { return store.Journal("books"), nil }))
	})
	return out, err
}

func TestHistoriesOfAnEngineKeepEveryPromise(t *testing.T) {
	t.Parallel()
	n, length := amount(8, 300)
	failed := uint64(0)
	for seed := *from; seed < *from+n; seed++ {
		goesOn(t, seed, failed)
		if _, err := served(t, seed, length); err != nil {
			failed++
			report(t, err, nil)
		}
	}
}

func TestASeedGivesTheSameHistoryEveryTime(t *testing.T) {
	t.Parallel()
	for seed := *from; seed < *from+3; seed++ {
		o := simulation.Options{Seed: seed, Steps: 200}
		one, err := simulation.Run(o, simulation.NewBooks)
		other, err2 := simulation.Run(o, simulation.NewBooks)
		if err != nil || err2 != nil || one != other {
			t.Errorf("seed %d gives %+v (%v), then %+v (%v)", seed, one, err, other, err2)
		}
		one, err = served(t, seed, 200)
		other, err2 = served(t, seed, 200)
		if err != nil || err2 != nil || one != other {
			t.Errorf("seed %d gives an engine %+v (%v), then %+v (%v)", seed, one, err, other, err2)
		}
	}
}
