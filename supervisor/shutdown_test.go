package supervisor

import (
	"context"
	"fmt"
	"net/http"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/obs"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/supervisor/config"
)

func TestShutdownDrainsAllAtOnce(t *testing.T) {
	t.Parallel()
	const count, grace = 10, time.Second
	c := testConfig(t)
	c.Defaults.DrainGrace = config.Duration(grace)
	for n := range count {
		c.Instances = append(c.Instances, entry(t, fmt.Sprintf("custodian-%d", n)))
	}
	h := launch(t, options{config: c})
	for _, s := range h.List() {
		// Half a request on each, which holds its drain up to the deadline.
		conn := connect(t, s.HTTPAddr)
		if _, err := fmt.Fprintf(conn, "POST /api/v1/accounts HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{"); err != nil {
			t.Fatal(err)
		}
		i := mustFind(h, s.Name)
		h.until("the request is under way", func() bool { return i.inFlight.Load() == 1 })
	}
	start := time.Now()
	h.end()
	if took := time.Since(start); took >= count*grace {
		t.Errorf("%d drains of %s each took %s, as long as one after the other", count, grace, took)
	}
	for _, s := range h.List() {
		if s.State != StateDrained || !refuses(s.HTTPAddr) {
			t.Errorf("left: %+v", s)
		}
	}
	_, err := h.Add(h.ctx, entry(t, "late"), true)
	wantKind(t, err, KindUnavailable, "shutting down")
}

func TestShutdownIsNotHeldUpByALongerDrainUnderWay(t *testing.T) {
	t.Parallel()
	slow := newGate("one")
	c := testConfig(t)
	c.Defaults.DrainGrace = config.Duration(100 * time.Millisecond)
	h := launch(t, options{config: c, wrap: slow.wrap})
	one := h.add("one")
	slow.shut()
	go func() { _, _ = request(h.ctx, http.MethodPost, one.HTTPAddr, "/api/v1/accounts", `{"account_id":"a"}`) }()
	slow.awaitHeld(h.ctx, t)
	h.must(h.Drain(h.ctx, "one", time.Hour, false))
	h.awaitState("one", StateDraining)
	start := time.Now()
	h.end()
	if took := time.Since(start); took > patience { // the drain's grace is an hour
		t.Errorf("the shutdown took %s", took)
	}
}

func TestForceCutsAStuckDrainAtOnce(t *testing.T) {
	t.Parallel()
	slow := newGate("one")
	c := testConfig(t)
	c.Defaults.DrainGrace = config.Duration(time.Hour)
	h := launch(t, options{config: c, wrap: slow.wrap})
	one := h.add("one")
	h.deposit(one.HTTPAddr, "d-1")
	stuckCall(h.ctx, t, one.GRPCAddr)
	slow.shut()
	go func() {
		_, _ = request(h.ctx, http.MethodPost, one.HTTPAddr, "/api/v1/accounts", `{"account_id":"late"}`)
	}()
	slow.awaitHeld(h.ctx, t)
	h.stop()
	h.awaitState("one", StateDraining)
	start := time.Now()
	h.Force()
	h.end()
	if took := time.Since(start); took > patience { // the drain's grace is an hour
		t.Errorf("it took %s", took)
	}
}

func TestRunThatIsOverBeforeItBeginsGivesEverythingBack(t *testing.T) {
	t.Parallel()
	c := testConfig(t)
	c.Instances = []config.Instance{entry(t, "one")}
	h := open(t, options{config: c})
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := h.Run(ctx); err != nil && ctx.Err() == nil {
		t.Error(err)
	}
}

func TestOpenRefusesEntriesThatConflict(t *testing.T) {
	t.Parallel()
	c := testConfig(t)
	c.Storage.Driver = config.StorageSQLite
	h := launch(t, options{config: c})
	h.add("one")
	h.end()
	c.Instances = []config.Instance{entry(t, "one")}
	s, err := Open(t.Context(), Options{Config: c, Metrics: obs.NewRegistry(), Logger: h.opts.Logger, Version: "test"})
	if err == nil {
		t.Fatalf("opened %v with two entries of one name", s)
	}
}

func TestTwoHundredInstancesStartAndDrainTogether(t *testing.T) {
	const count = 200
	c := testConfig(t)
	for n := range count {
		c.Instances = append(c.Instances, entry(t, fmt.Sprintf("custodian-sim-%03d", n)))
	}
	start := time.Now()
	h := launch(t, options{config: c})
	started := time.Since(start)
	for _, s := range h.List() {
		if s.State != StateRunning {
			t.Errorf("%s is %s: %s", s.Name, s.State, s.LastError)
		}
	}
	t.Logf("%d goroutines", runtime.NumGoroutine())
	start = time.Now()
	h.end()
	drained := time.Since(start)
	t.Logf("%d instances in memory: started in %s, drained in %s", count, started, drained)
	if started > patience || drained > patience {
		t.Error("that is far too slow")
	}
}

// TestManyHandsOnFewInstances has many callers do everything at once with few
// instances. Nothing of it may break, and in the end nothing is left.
func TestManyHandsOnFewInstances(t *testing.T) {
	const names, hands, operations = 10, 8, 2000
	c := testConfig(t)
	c.Defaults.DrainGrace = config.Duration(5 * time.Second)
	h := launch(t, options{config: c})
	before := h.scrape("instance=")
	entries := make([]config.Instance, names)
	for n := range entries {
		entries[n] = entry(t, fmt.Sprintf("custodian-%d", n))
	}
	ctx, cancel := context.WithTimeout(context.Background(), testPatience)
	defer cancel()
	var group sync.WaitGroup
	for hand := range hands {
		group.Go(func() {
			random := newRandom(uint64(hand))
			for range operations / hands {
				h.anything(ctx, random, entries)
			}
		})
	}
	group.Wait()
	for _, e := range entries {
		h.until(e.Name+" is removed", func() bool {
			_, err := h.Remove(ctx, e.Name, RemoveOptions{Purge: true, Wait: true})
			return kindOf(err) == KindNotFound
		})
	}
	if list := h.List(); len(list) != 0 {
		t.Errorf("left: %+v", list)
	}
	for _, e := range entries {
		if !refuses(fmt.Sprintf("127.0.0.1:%d", e.HTTPPort)) || !refuses(fmt.Sprintf("127.0.0.1:%d", e.GRPCPort)) {
			t.Errorf("%s left a port", e.Name)
		}
	}
	if after := h.scrape("instance="); len(after) != len(before) {
		t.Errorf("series left: %v", after)
	}
	if doc, _, err := h.Desired(ctx); err != nil || len(doc.Instances)+len(doc.Drained)+len(doc.Paused) != 0 {
		t.Errorf("desired: %+v, %v", doc, err)
	}
}
