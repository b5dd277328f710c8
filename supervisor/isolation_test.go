package supervisor

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/supervisor/config"
)

// neighbour keeps sending requests to an instance, each of which must be
// answered well, until it is stopped.
func (h *harness) neighbour(name string) (stop func()) {
	h.t.Helper()
	addr := h.add(name).HTTPAddr
	ctx, cancel := context.WithCancel(h.ctx)
	var group sync.WaitGroup
	served := make(chan struct{}, 1)
	for worker := range 2 {
		group.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				a, err := request(h.ctx, http.MethodPost, addr, "/api/v1/settlements", fmt.Sprintf(
					`{"settlement_type":"DEPOSIT","account_id":"a","symbol":"X","quantity":"1","external_id":"%d-%d"}`, worker, n))
				if err != nil || a.status != http.StatusCreated {
					h.t.Errorf("the neighbour's request failed: %+v, %v", a, err)
					return
				}
				select {
				case served <- struct{}{}:
				default:
				}
			}
		})
	}
	return func() {
		<-served
		cancel()
		group.Wait()
		s := h.must(h.Get(name))
		if s.Restarts != 0 || s.State != StateRunning {
			h.t.Errorf("the neighbour: %+v", s)
		}
	}
}

// awaitRestarts waits until an instance runs after so many restarts.
func (h *harness) awaitRestarts(name string, restarts int) {
	h.t.Helper()
	h.until(fmt.Sprintf("%s was restarted %d times", name, restarts), func() bool {
		s, err := h.Get(name)
		return err == nil && s.Restarts == restarts && s.State == StateRunning
	})
}

func TestPanicsEndOnlyTheirInstance(t *testing.T) {
	t.Parallel()
	faulty := &faults{name: "faulty"}
	h := launch(t, options{config: testConfig(t), wrap: faulty.wrap})
	stop := h.neighbour("neighbour")
	addr := h.add("faulty").HTTPAddr

	t.Log("in the engine's goroutines, by a request")
	faulty.appendPanics.Store(1)
	a, err := request(h.ctx, http.MethodPost, addr, "/api/v1/accounts", `{"account_id":"a"}`)
	if err == nil && a.status < http.StatusInternalServerError {
		t.Errorf("a request that panicked was answered %d %s", a.status, a.body)
	}
	h.awaitRestarts("faulty", 1)
	h.want(http.StatusCreated, http.MethodPost, addr, "/api/v1/accounts", `{"account_id":"a"}`)

	t.Log("while it starts")
	faulty.openPanics.Store(1)
	faulty.loadPanics.Store(1)
	h.must(h.Restart(h.ctx, "faulty", 0, false))
	h.awaitRestarts("faulty", 3)
	h.want(http.StatusOK, http.MethodGet, addr, "/api/v1/accounts/a", "")
	stop()
}

func TestPanicInABackgroundPartRestartsTheInstance(t *testing.T) {
	t.Parallel()
	h := launch(t, options{config: testConfig(t)})
	stop := h.neighbour("neighbour")
	h.add("faulty")
	i := mustFind(h, "faulty")
	var once sync.Once
	i.mu.Lock()
	i.group.healthy.Lock()
	i.group.redisUp = func(bool) { once.Do(func() { panic("deliberate, in the background") }) }
	i.group.healthy.Unlock()
	i.mu.Unlock()
	h.awaitRestarts("faulty", 1)
	stop()
}

func TestInstanceThatKeepsFailingIsGivenUpAndCanBeRevived(t *testing.T) {
	t.Parallel()
	faulty := &faults{name: "faulty"}
	h := launch(t, options{config: testConfig(t), wrap: faulty.wrap})
	stop := h.neighbour("neighbour")
	one := h.add("faulty", `"restart":{"max_attempts":3}`)
	before := h.scrape(`instance="faulty"`)
	if len(before) == 0 {
		t.Fatal("no series")
	}
	faulty.loadPanics.Store(1 << 40)
	faulty.appendPanics.Store(1)
	_, _ = request(h.ctx, http.MethodPost, one.HTTPAddr, "/api/v1/accounts", `{"account_id":"a"}`)
	failed := h.awaitState("faulty", StateFailed)
	if !strings.Contains(failed.LastError, "deliberate, loading") || failed.Restarts != 2 || strings.Contains(failed.LastError, "\n") {
		t.Errorf("given up: %+v", failed)
	}
	if !refuses(one.HTTPAddr) || !refuses(one.GRPCAddr) || len(h.scrape(`instance="faulty"`)) != 0 {
		t.Error("it left something")
	}
	if r := h.Readiness(); !r.Ready || r.Status != "degraded" || len(r.NotReady) != 1 || r.NotReady[0] != "faulty" {
		t.Errorf("readiness %+v", r)
	}
	_, err := h.Start(h.ctx, "faulty", true)
	wantKind(t, err, KindUnavailable, "faulty", "deliberate, loading")
	faulty.loadPanics.Store(0)
	if s := h.must(h.Start(h.ctx, "faulty", true)); s.State != StateRunning || s.LastError != "" {
		t.Errorf("revived: %+v", s)
	}
	stop()
}

func TestStoreThatIsAwayAtTheStartIsWaitedFor(t *testing.T) {
	t.Parallel()
	faulty := &faults{name: "faulty"}
	h := launch(t, options{config: testConfig(t), wrap: faulty.wrap})
	faulty.away.Store(true)
	if _, err := h.Add(h.ctx, entry(t, "faulty", `"restart":{"max_attempts":2}`), false); err != nil {
		t.Fatal(err)
	}
	h.until("more starts than would be given up after", func() bool { return faulty.opened.Load() > 6 })
	if s, _ := h.Get("faulty"); s.State == StateFailed || !strings.Contains(s.LastError, errAwayTest.Error()) {
		t.Errorf("status %+v", s)
	}
	faulty.away.Store(false)
	h.awaitState("faulty", StateRunning)
}

func TestStoreThatIsLostWhileRunningIsSaidSoUntilItIsBack(t *testing.T) {
	t.Parallel()
	faulty := &faults{name: "faulty"}
	h := launch(t, options{config: testConfig(t), wrap: faulty.wrap})
	addr := h.add("faulty").HTTPAddr
	faulty.away.Store(true)
	for range 3 {
		a := h.want(http.StatusServiceUnavailable, http.MethodPost, addr, "/api/v1/accounts", `{"account_id":"a"}`)
		if a.code() != "unavailable" {
			t.Errorf("answer %s", a.body)
		}
	}
	h.want(http.StatusServiceUnavailable, http.MethodGet, addr, "/api/v1/ready", "")
	if s, _ := h.Get("faulty"); s.Ready || s.State != StateRunning || !strings.Contains(s.LastError, errAwayTest.Error()) {
		t.Errorf("status %+v", s)
	}
	faulty.away.Store(false)
	h.until("it is back", func() bool { s, _ := h.Get("faulty"); return s.Ready })
	h.want(http.StatusCreated, http.MethodPost, addr, "/api/v1/accounts", `{"account_id":"a"}`)
	if s, _ := h.Get("faulty"); s.Restarts != 0 || s.LastError != "" {
		t.Errorf("status %+v", s)
	}
}

func TestInstanceThatWasTakenOverStaysDown(t *testing.T) {
	t.Parallel()
	faulty := &faults{name: "faulty"}
	h := launch(t, options{config: testConfig(t), wrap: faulty.wrap})
	stop := h.neighbour("neighbour")
	one := h.add("faulty")
	faulty.lost.Store(1)
	if a, err := request(h.ctx, http.MethodPost, one.HTTPAddr, "/api/v1/accounts", `{"account_id":"a"}`); err == nil && a.status < 500 {
		t.Errorf("acknowledged without the books: %d %s", a.status, a.body)
	}
	failed := h.awaitState("faulty", StateFailed)
	if failed.Restarts != 0 || !strings.Contains(failed.LastError, "owns") {
		t.Errorf("status %+v", failed)
	}
	if faulty.opened.Load() != 1 {
		t.Errorf("it fought for the books: %d starts", faulty.opened.Load())
	}
	h.must(h.Start(h.ctx, "faulty", true))
	stop()
}

func TestCallersAreAnsweredBetweenTwoStarts(t *testing.T) {
	t.Parallel()
	faulty := &faults{name: "faulty"}
	c := testConfig(t)
	c.Defaults.Restart.Initial = config.Duration(time.Hour)
	c.Defaults.Restart.Max = config.Duration(time.Hour)
	h := launch(t, options{config: c, wrap: faulty.wrap})
	one := h.add("faulty")
	faulty.appendPanics.Store(1)
	_, _ = request(h.ctx, http.MethodPost, one.HTTPAddr, "/api/v1/accounts", `{"account_id":"a"}`)
	pending := h.awaitState("faulty", StatePending)
	if pending.Ready || !strings.Contains(pending.LastError, "deliberate") {
		t.Errorf("status %+v", pending)
	}
	h.until("somebody answers for it", func() bool {
		a, err := request(h.ctx, http.MethodGet, one.HTTPAddr, "/api/v1/accounts/a", "")
		return err == nil && a.status == http.StatusServiceUnavailable && a.code() == "unavailable" && a.header.Get("Retry-After") != ""
	})
	conn := connect(t, one.GRPCAddr)
	if err := conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	if n, err := conn.Read(make([]byte, 1)); err == nil {
		t.Errorf("a gRPC client read %d bytes", n)
	}
	if s := h.must(h.Start(h.ctx, "faulty", true)); s.HTTPAddr != one.HTTPAddr {
		t.Errorf("started: %+v", s)
	}
	h.deposit(one.HTTPAddr, "d-1")
}
