package supervisor

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/obs"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/custodianpb"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/guard"
)

// faulty is an instance in which something panics.
type faulty struct {
	*harness
	t *testing.T
	Status
	trap *trap
	// assembled is called with the next group before it runs.
	assembled atomic.Pointer[func(*group)]
}

// again restarts the instance in good order, into whatever trap there is.
func (f *faulty) again() {
	f.t.Helper()
	if _, err := f.Restart(f.ctx, f.Name, 0, false); err != nil {
		f.t.Fatal(err)
	}
}

func (f *faulty) post(path, body string) answer {
	a, err := request(f.ctx, http.MethodPost, f.HTTPAddr, path, body)
	if err != nil {
		f.t.Logf("cut off: %v", err) // with everything else of the instance
	}
	return a
}

// wantAnswer sends a request that panics: it is answered 500, or cut off.
func (f *faulty) wantAnswer(path string) {
	f.t.Helper()
	if a, err := request(f.ctx, http.MethodGet, f.HTTPAddr, path, ""); err == nil && (a.status != http.StatusInternalServerError || a.code() != "internal") {
		f.t.Errorf("answered %d %s", a.status, a.body)
	}
}

func (f *faulty) wantStatus(err error) {
	f.t.Helper()
	if code := status.Code(err); code != codes.Internal && code != codes.Unavailable {
		f.t.Errorf("answered %v", err)
	}
}

const booking = `{"settlement_type":"DEPOSIT","account_id":"a","symbol":"X","quantity":"1"}`

// TestAPanicInAnyGoroutineRestartsItsInstanceAlone goes through the goroutines
// that work for an instance, its own and those of libraries.
func TestAPanicInAnyGoroutineRestartsItsInstanceAlone(t *testing.T) {
	t.Parallel()
	log, trap := &records{}, &trap{name: "faulty"}
	f := &faulty{trap: trap}
	r := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	t.Cleanup(r.Close)
	h := open(t, options{config: testConfig(t), wrap: trap.wrap, logger: log.logger()})
	h.host.clock = trap.clock
	h.host.assembled = func(g *group) {
		if fn := f.assembled.Swap(nil); fn != nil && g.name == trap.name {
			(*fn)(g)
		}
	}
	h.run()
	stop := h.neighbour("neighbour")
	f.harness = h
	f.Status = h.add("faulty", `"profile":"global-custodian","restart":{"max_attempts":100}`, fmt.Sprintf(`"webhooks":{"allow_targets":["127.0.0.1"],"endpoints":[
		{"id":"ops","url":%q,"secret":"whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz"}]}`, r.URL))
	h.deposit(f.HTTPAddr, "pending") // so that there is history, a key, and work that is due
	restarts := 0
	for _, c := range []struct {
		name, part string
		below      string // what panics on its way, or
		assembled  func(*group)
		trigger    func(f *faulty)
	}{
		{"start", "start", "supervisor.(*storages).open", nil, (*faulty).again},
		{"loading", "loading", "engine.(*session).load(", nil, (*faulty).again},
		{"key history", "key history", "engine.(*session).readHistory", nil, (*faulty).again},
		{"loop, by a request", "engine loop", "engine.(*session).decide", nil, func(f *faulty) { f.post("/api/v1/settlements", booking) }},
		{"loop, by its timers", "engine loop", "engine.(*session).setTimer", nil, func(f *faulty) { f.post("/api/v1/settlements", booking) }},
		{"committer", "committer", "engine.(*session).commit", nil, func(f *faulty) { f.post("/api/v1/settlements", booking) }},
		{"projector", "projector", "engine.(*projector).run", nil, func(f *faulty) { f.post("/api/v1/settlements", booking) }},
		{"HTTP handler", "HTTP face", "httpapi.", nil, func(f *faulty) { f.wantAnswer("/api/v1/settlements") }},
		{"HTTP page of events", "HTTP face", "httpapi.pageOfEvents", nil, func(f *faulty) { f.wantAnswer("/api/v1/events") }},
		{"server-sent events", "HTTP face", "httpapi.streamEvents", nil, (*faulty).streamEvents},
		{"gRPC unary", "gRPC face", "grpcapi.", nil, func(f *faulty) {
			_, err := custodianpb.NewSettlementServiceClient(dialGRPC(f.t, f.GRPCAddr)).ListSettlements(f.ctx, &custodianpb.ListSettlementsRequest{})
			f.wantStatus(err)
		}},
		{"gRPC stream", "gRPC face", "grpcapi.(*reportingService).WatchEvents", nil, func(f *faulty) {
			stream, err := custodianpb.NewReportingServiceClient(dialGRPC(f.t, f.GRPCAddr)).WatchEvents(f.ctx, &custodianpb.WatchEventsRequest{})
			if err == nil {
				_, err = stream.Recv()
			}
			f.wantStatus(err)
		}},
		{"event publisher", "event publisher", "redis.(*Publisher).session", nil, (*faulty).again},
		{"webhook deliveries", "webhooks", "webhook.(*deliverer).run(", nil, func(f *faulty) {
			f.again()
			f.until("it is there", func() bool {
				return f.post("/api/v1/settlements", booking).status == http.StatusCreated || f.trap.below.Load() == nil
			})
		}},
		{"webhook resends", "webhooks", "webhook.(*deliverer).runResends", nil, func(f *faulty) { f.post("/api/v1/webhooks/ops/resend", `{"from":1}`) }},
		{"discovery", "discovery", "", func(g *group) {
			g.announce = func(context.Context) (<-chan struct{}, error) { panic("deliberate") }
		}, (*faulty).again},
		{"heartbeat", "discovery", "", func(g *group) {
			g.announce = func(context.Context) (<-chan struct{}, error) {
				withdrawn := make(chan struct{})
				guard.Go("discovery", g.panicked, func() { defer close(withdrawn); panic("deliberate") })
				return withdrawn, nil
			}
		}, (*faulty).again},
		{"health", "health", "", func(g *group) { g.redisUp = func(bool) { panic("deliberate") } }, (*faulty).again},
		{"ending of a part", "conductor", "", func(g *group) { g.stopServing = func() { panic("deliberate") } }, func(f *faulty) {
			f.again()
			f.until("it serves", func() bool {
				s, _ := f.Get(f.Name)
				return s.State == StateRunning && f.assembled.Load() == nil
			})
			mustFind(f.harness, f.Name).panicNow("first")
		}},
		{"scrape", "metrics", "", nil, func(f *faulty) { mustFind(f.harness, f.Name).scrapePanicked(guard.Recovered("metrics", "deliberate")) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			f.t = t
			before, told := h.panics("faulty", c.part), len(log.stacks(t))
			if c.assembled != nil {
				f.assembled.Store(&c.assembled)
			}
			if c.below != "" {
				trap.set(c.below)
			}
			c.trigger(f)
			restarts++
			h.awaitRestarts("faulty", restarts)
			if after := h.panics("faulty", c.part); after <= before {
				t.Errorf("%g panics counted in %s after, %g before", after, c.part, before)
			}
			stacks := log.stacks(t)[told:]
			if n := len(stacks); n == 0 || n > 2 { // the second is that of a part which was to end
				t.Fatalf("%d stacks were logged", n)
			}
			if last := stacks[len(stacks)-1]; last.Instance != "faulty" || !strings.Contains(last.Stack, "_test.go") {
				t.Errorf("logged %+v", last)
			}
			f.wantTold("panic: ")
		})
	}
	h.want(http.StatusCreated, http.MethodPost, f.HTTPAddr, "/api/v1/settlements", booking)
	stop()
}

// streamEvents opens a stream that panics before it has sent anything but its head.
func (f *faulty) streamEvents() {
	r, err := http.NewRequestWithContext(f.ctx, http.MethodGet, "http://"+f.HTTPAddr+"/api/v1/events", nil)
	if err != nil {
		f.t.Fatal(err)
	}
	r.Header.Set("Accept", "text/event-stream")
	resp, err := client.Do(r)
	if err != nil {
		return // cut off
	}
	defer func() { _ = resp.Body.Close() }()
	if _, err := io.ReadAll(resp.Body); err == nil {
		f.t.Error("a stream that panicked ended as if it were whole")
	}
}

// wantTold checks that who follows the instance was told of its failure.
func (f *faulty) wantTold(what string) {
	f.t.Helper()
	kept, _ := f.Events(0)
	for n := len(kept) - 1; n >= 0; n-- {
		if e := kept[n]; e.Instance == f.Name && e.State == string(StatePending) && e.Detail != "" {
			if !strings.Contains(e.Detail, what) {
				f.t.Errorf("told %q, want %q in it", e.Detail, what)
			}
			return
		}
	}
	f.t.Error("nobody was told")
}

// panics is how many panics the metrics count.
func (h *harness) panics(instance, part string) (n float64) {
	h.t.Helper()
	for _, line := range h.scrape("custodian_instance_panics_total") {
		if strings.Contains(line, fmt.Sprintf("instance=%q", instance)) && strings.Contains(line, fmt.Sprintf("part=%q", part)) {
			_, _ = fmt.Sscan(line[strings.LastIndexByte(line, ' ')+1:], &n)
		}
	}
	return n
}

// panicNow ends the group that serves as a panic outside of its parts does.
func (i *instance) panicNow(value string) {
	i.mu.Lock()
	g := i.group
	i.mu.Unlock()
	g.panicked(guard.Recovered("conductor", value))
}

func TestAPanicWhileClosingLeavesNothingOpen(t *testing.T) {
	t.Parallel()
	log, trap := &records{}, &trap{name: "faulty"}
	h := launch(t, options{config: testConfig(t), wrap: trap.wrap, logger: log.logger()})
	stop := h.neighbour("neighbour")
	one := h.add("faulty")
	trap.set("trappedJournal.Close")
	if s := h.must(h.Drain(h.ctx, "faulty", 0, true)); s.State != StateDrained || !refuses(s.HTTPAddr) || !refuses(s.GRPCAddr) {
		t.Errorf("drained: %+v", s)
	}
	if n := len(log.stacks(t)); n != 1 {
		t.Errorf("%d stacks were logged", n)
	}
	h.must(h.Start(h.ctx, "faulty", true))
	h.deposit(one.HTTPAddr, "d-1")
	stop()
}

func TestAPanicOfTheKeeperIsSurvived(t *testing.T) {
	t.Parallel()
	log := &records{}
	h := launch(t, options{config: testConfig(t), logger: log.logger()})
	stop := h.neighbour("neighbour")
	one := h.add("faulty")
	i := mustFind(h, "faulty")
	i.mu.Lock()
	i.metrics = new(obs.Instance) // which cannot be closed
	i.mu.Unlock()
	h.must(h.Drain(h.ctx, "faulty", 0, true))
	if !refuses(one.HTTPAddr) || len(log.stacks(t)) != 1 {
		t.Errorf("the port is open, or not one stack was logged: %+v", log.stacks(t))
	}
	if s, _ := h.Get("faulty"); !strings.Contains(s.LastError, "keeper: panic: ") {
		t.Errorf("status %+v", s)
	}
	if lines := h.scrape("custodian_process_panics_total"); len(lines) != 1 || !strings.HasSuffix(lines[0], `{part="keeper"} 1`) {
		t.Errorf("counted %v", lines)
	}
	stop()
}

func TestAPanicInALongOperationFailsItAlone(t *testing.T) {
	t.Parallel()
	log := &records{}
	h := launch(t, options{config: testConfig(t), logger: log.logger()})
	stop := h.neighbour("neighbour")
	one := h.add("faulty")
	_, err := h.long(h.ctx, "faulty", nil, "looked at", true, func(*instance) (operation, error) {
		return func(context.Context, *occupation) error { panic("deliberate") }, nil
	})
	if err == nil || !strings.Contains(err.Error(), "operation: panic: deliberate") {
		t.Errorf("got %v", err)
	}
	if s, _ := h.Get("faulty"); s.State != StateRunning || s.Restarts != 0 || !strings.Contains(s.LastError, "panic: deliberate") {
		t.Errorf("status %+v", s)
	}
	if n := len(log.stacks(t)); n != 1 {
		t.Errorf("%d stacks were logged", n)
	}
	h.deposit(one.HTTPAddr, "d-1")
	h.must(h.Reset(h.ctx, "faulty", 0, true)) // it is free for the next
	stop()
}

func TestALogThatPanicsHarmsNobody(t *testing.T) {
	t.Parallel()
	trap := &trap{name: "faulty"}
	h := launch(t, options{config: testConfig(t), wrap: trap.wrap, logger: brokenLogger()})
	stop := h.neighbour("neighbour")
	one := h.add("faulty")
	trap.set("engine.(*session).commit")
	_, _ = request(h.ctx, http.MethodPost, one.HTTPAddr, "/api/v1/settlements", booking)
	h.awaitRestarts("faulty", 1)
	if lines := h.scrape(`custodian_process_panics_total{part="log"}`); len(lines) != 1 {
		t.Errorf("counted %v", lines)
	}
	stop()
}
