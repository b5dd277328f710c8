package supervisor

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/custodianpb"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/store/redis"
)

func TestDrainGoesThroughItsStepsAndReleasesEverything(t *testing.T) {
	t.Parallel()
	h := launch(t, options{config: testConfig(t)})
	before := h.scrape("instance=")
	running := h.add("one")
	h.deposit(running.HTTPAddr, "d-1")
	drained := h.must(h.Drain(h.ctx, "one", 0, true))
	if drained.State != StateDrained || drained.Ready || drained.Drain == nil || drained.Drain.Step != "done" {
		t.Errorf("drained: %+v", drained)
	}
	kept, _ := h.Events(0)
	var steps []string
	for _, e := range kept {
		if e.State == string(StateDraining) {
			steps = append(steps, e.Detail)
		}
	}
	if want := []string{"refusing", "finishing", "webhooks", "flushing", "releasing"}; !slices.Equal(slices.Compact(steps), want) {
		t.Errorf("steps %v, want %v", steps, want)
	}
	if got, want := h.states("one"), []string{"pending", "starting", "running", "draining", "drained"}; !slices.Equal(got, want) {
		t.Errorf("states %v, want %v", got, want)
	}
	if !refuses(running.HTTPAddr) || !refuses(running.GRPCAddr) {
		t.Error("a port is still open")
	}
	if left := h.scrape("instance="); !slices.Equal(left, before) {
		t.Errorf("series left: %v", left)
	}
}

func TestStartBringsTheBooksBack(t *testing.T) {
	t.Parallel()
	h := launch(t, options{config: testConfig(t)})
	addr := h.add("one").HTTPAddr
	h.deposit(addr, "d-1")
	h.must(h.Drain(h.ctx, "one", 0, true))
	h.must(h.Drain(h.ctx, "one", 0, true)) // changes nothing
	started := h.must(h.Start(h.ctx, "one", true))
	if started.State != StateRunning || started.HTTPAddr != addr {
		t.Errorf("started: %+v", started)
	}
	if n := h.settlements(addr); n != 1 {
		t.Errorf("%d settlements, want 1", n)
	}
	h.must(h.Start(h.ctx, "one", true)) // changes nothing
	if again, _ := h.Get("one"); again.Since != started.Since {
		t.Error("starting what runs started it anew")
	}
}

func TestRestartKeepsThePortsOpen(t *testing.T) {
	t.Parallel()
	h := launch(t, options{config: testConfig(t)})
	one := h.add("one")
	h.deposit(one.HTTPAddr, "d-1")
	// Who knocks while it restarts is let in, sooner or later.
	stop, done := make(chan struct{}), make(chan error, 1)
	go func() {
		for {
			select {
			case <-stop:
				done <- nil
				return
			default:
			}
			conn, err := net.Dial("tcp", one.HTTPAddr)
			if err != nil {
				done <- err
				return
			}
			_ = conn.Close()
		}
	}()
	for range 3 {
		again := h.must(h.Restart(h.ctx, "one", 0, true))
		if again.State != StateRunning || again.Restarts != 0 {
			t.Errorf("restarted: %+v", again)
		}
	}
	close(stop)
	if err := <-done; err != nil {
		t.Errorf("the port was closed meanwhile: %v", err)
	}
	if n := h.settlements(one.HTTPAddr); n != 1 {
		t.Errorf("%d settlements, want 1", n)
	}
}

// stuckStream opens an event stream over HTTP that nobody reads.
func stuckStream(t *testing.T, addr string) {
	t.Helper()
	conn := connect(t, addr)
	if err := conn.(*net.TCPConn).SetReadBuffer(1); err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Fprintf(conn, "GET /api/v1/events HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReaderSize(conn, 16).ReadString('\n'); err != nil || !strings.Contains(line, "200") {
		t.Fatalf("opening a stream: %q, %v", line, err)
	}
}

// stuckCall watches events over gRPC without reading them.
func stuckCall(ctx context.Context, t *testing.T, addr string) custodianpb.ReportingService_WatchEventsClient {
	t.Helper()
	stream, err := custodianpb.NewReportingServiceClient(dialGRPC(t, addr)).WatchEvents(ctx, &custodianpb.WatchEventsRequest{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := stream.Header(); err != nil {
		t.Fatal(err)
	}
	return stream
}

// fill books enough for streams to get stuck.
func (h *harness) fill(addr string) {
	h.t.Helper()
	metadata := strings.Repeat("x", 3000)
	var group sync.WaitGroup
	for worker := range 8 {
		group.Go(func() {
			for n := range 150 {
				body := fmt.Sprintf(`{"settlement_type":"DEPOSIT","account_id":"a","symbol":"X","quantity":"1","external_id":"%d-%d","metadata":{"x":%q}}`, worker, n, metadata)
				if a, err := request(h.ctx, http.MethodPost, addr, "/api/v1/settlements", body); err != nil || a.status != http.StatusCreated {
					h.t.Errorf("filling: %+v, %v", a, err)
					return
				}
			}
		})
	}
	group.Wait()
}

func TestDrainKeepsItsDeadlineWithStuckStreamsAndRequests(t *testing.T) {
	t.Parallel()
	h := launch(t, options{config: testConfig(t)})
	one := h.add("one")
	h.fill(one.HTTPAddr)
	stuckStream(t, one.HTTPAddr)
	stuckCall(h.ctx, t, one.GRPCAddr)
	// A request whose body never comes.
	half := connect(t, one.HTTPAddr)
	if _, err := io.WriteString(half, "POST /api/v1/settlements HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{"); err != nil {
		t.Fatal(err)
	}
	h.until("the requests are under way", func() bool {
		i, err := h.find("one")
		return err == nil && i.inFlight.Load() >= 2
	})
	const grace = time.Second
	start := time.Now()
	drained := h.must(h.Drain(h.ctx, "one", grace, true))
	took := time.Since(start)
	if took > grace+8*time.Second { // left to itself, a stuck stream ends after half a minute
		t.Errorf("the drain took %s, its grace was %s", took, grace)
	}
	if took < grace/2 {
		t.Errorf("the drain took %s: nothing was in its way", took)
	}
	if drained.LastError != "" {
		t.Errorf("not drained in good order: %s", drained.LastError)
	}
	if n := h.must(h.Start(h.ctx, "one", true)).Projected; n == 0 {
		t.Error("the books were not flushed")
	}
}

func TestStreamsThatAreReadEndAtOnce(t *testing.T) {
	t.Parallel()
	h := launch(t, options{config: testConfig(t)})
	one := h.add("one")
	h.deposit(one.HTTPAddr, "d-1")
	r, err := http.NewRequestWithContext(h.ctx, http.MethodGet, "http://"+one.HTTPAddr+"/api/v1/events", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Accept", "text/event-stream")
	resp, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	stream := stuckCall(h.ctx, t, one.GRPCAddr)
	watch, err := grpc_health_v1.NewHealthClient(dialGRPC(t, one.GRPCAddr)).Watch(h.ctx, &grpc_health_v1.HealthCheckRequest{})
	if err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	done := make(chan error, 1)
	go func() { _, err := h.Drain(h.ctx, "one", 20*time.Second, true); done <- err }()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		t.Errorf("the HTTP stream was cut: %v", err)
	}
	for err == nil {
		_, err = stream.Recv()
	}
	if status.Code(err) != codes.Unavailable {
		t.Errorf("the gRPC stream ended with %v", err)
	}
	for {
		answer, err := watch.Recv()
		if err != nil || answer.GetStatus() == grpc_health_v1.HealthCheckResponse_NOT_SERVING {
			break
		}
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
	if took := time.Since(start); took > 10*time.Second {
		t.Errorf("the drain took %s with streams that are read", took)
	}
}

func TestSilentConnectionsDoNotHoldUpADrain(t *testing.T) {
	t.Parallel()
	h := launch(t, options{config: testConfig(t)})
	one := h.add("one")
	silent := connect(t, one.HTTPAddr)
	// One that has been answered, so that the silent one, opened before it, has
	// been accepted as well.
	h.deposit(one.HTTPAddr, "d-1")
	start := time.Now()
	h.must(h.Drain(h.ctx, "one", 20*time.Second, true))
	// Left to itself, net/http waits until such a connection is five seconds old.
	if took := time.Since(start); took > 4*time.Second {
		t.Errorf("the drain took %s", took)
	}
	if n, err := silent.Read(make([]byte, 1)); err == nil {
		t.Errorf("the silent connection got %d bytes and stays open", n)
	}
}

func TestRequestInFlightIsFinishedByADrain(t *testing.T) {
	t.Parallel()
	slow := newGate("one")
	h := launch(t, options{config: testConfig(t), wrap: slow.wrap})
	one := h.add("one")
	slow.shut()
	answered := make(chan answer, 1)
	go func() {
		a, err := request(h.ctx, http.MethodPost, one.HTTPAddr, "/api/v1/accounts", `{"account_id":"late"}`)
		if err != nil {
			t.Error(err)
		}
		answered <- a
	}()
	slow.awaitHeld(h.ctx, t)
	if _, err := h.Drain(h.ctx, "one", 20*time.Second, false); err != nil {
		t.Fatal(err)
	}
	h.until("the drain waits", func() bool {
		s, _ := h.Get("one")
		return s.Drain != nil && s.Drain.Step == "finishing"
	})
	if s, _ := h.Get("one"); s.Drain.InFlight != 1 || s.State != StateDraining {
		t.Errorf("status %+v, %+v", s, s.Drain)
	}
	h.until("nobody is let in", func() bool { return refuses(one.HTTPAddr) })
	slow.open()
	if a := <-answered; a.status != http.StatusCreated {
		t.Errorf("the request in flight got %d %s", a.status, a.body)
	}
	h.awaitState("one", StateDrained)
	h.must(h.Start(h.ctx, "one", true))
	h.want(http.StatusOK, http.MethodGet, one.HTTPAddr, "/api/v1/accounts/late", "")
}

func TestSecondDrainAttachesToTheFirst(t *testing.T) {
	t.Parallel()
	slow := newGate("one")
	h := launch(t, options{config: testConfig(t), wrap: slow.wrap})
	one := h.add("one")
	slow.shut()
	go func() { _, _ = request(h.ctx, http.MethodPost, one.HTTPAddr, "/api/v1/accounts", `{"account_id":"a"}`) }()
	slow.awaitHeld(h.ctx, t)
	h.must(h.Drain(h.ctx, "one", 20*time.Second, false))
	h.awaitState("one", StateDraining)
	before, _ := h.Get("one")
	second := make(chan Status, 1)
	go func() {
		s, err := h.Drain(h.ctx, "one", time.Millisecond, true)
		if err != nil {
			t.Error(err)
		}
		second <- s
	}()
	h.until("the second drain was taken", func() bool { return len(h.changing) == 0 })
	if now, _ := h.Get("one"); !now.Drain.Deadline.Equal(before.Drain.Deadline) {
		t.Errorf("the deadline moved from %s to %s", before.Drain.Deadline, now.Drain.Deadline)
	}
	slow.open()
	if s := <-second; s.State != StateDrained {
		t.Errorf("the second drain returned with %s", s.State)
	}
}

func TestDrainThatMeetsAStartOrRestartIsNotLost(t *testing.T) {
	t.Parallel()
	h := launch(t, options{config: testConfig(t)})
	h.add("one")
	for range 50 {
		h.must(h.Restart(h.ctx, "one", 0, false))
		h.must(h.Drain(h.ctx, "one", 0, false))
		h.must(h.Start(h.ctx, "one", false))
		if s := h.must(h.Drain(h.ctx, "one", 0, true)); s.State != StateDrained {
			t.Fatalf("drained last and yet %s", s.State)
		}
		if s := h.must(h.Start(h.ctx, "one", true)); s.State != StateRunning {
			t.Fatalf("started last and yet %s", s.State)
		}
	}
}

func TestPausedInstanceAnswersSoUntilItIsResumed(t *testing.T) {
	t.Parallel()
	h := launch(t, options{config: testConfig(t)})
	one := h.add("one")
	health := grpc_health_v1.NewHealthClient(dialGRPC(t, one.GRPCAddr))
	wantHealth := func(want grpc_health_v1.HealthCheckResponse_ServingStatus) {
		t.Helper()
		if a, err := health.Check(h.ctx, &grpc_health_v1.HealthCheckRequest{}); err != nil || a.GetStatus() != want {
			t.Errorf("gRPC health %v, %v; want %s", a, err, want)
		}
	}
	wantPaused := func() {
		t.Helper()
		a := h.want(http.StatusServiceUnavailable, http.MethodGet, one.HTTPAddr, "/api/v1/accounts/a", "")
		if a.code() != "paused" || a.header.Get("Retry-After") == "" {
			t.Errorf("answer %s %v", a.body, a.header)
		}
		h.want(http.StatusServiceUnavailable, http.MethodGet, one.HTTPAddr, "/api/v1/ready", "")
		wantHealth(grpc_health_v1.HealthCheckResponse_NOT_SERVING)
	}
	if s := h.must(h.Pause(h.ctx, "one")); s.State != StatePaused || s.Ready {
		t.Errorf("paused: %+v", s)
	}
	wantPaused()
	if s := h.must(h.Restart(h.ctx, "one", 0, true)); s.State != StatePaused {
		t.Errorf("restarted while paused: %+v", s)
	}
	wantPaused()
	if s := h.must(h.Resume(h.ctx, "one")); s.State != StateRunning || !s.Ready {
		t.Errorf("resumed: %+v", s)
	}
	h.deposit(one.HTTPAddr, "d-1")
	wantHealth(grpc_health_v1.HealthCheckResponse_SERVING)
}

func TestResetReturnsToTheOpening(t *testing.T) {
	t.Parallel()
	h := launch(t, options{config: testConfig(t)})
	one := h.add("one", `"opening":{"balances":[{"account_id":"a","currency":"USD","available_balance":"5.00"}]}`)
	h.deposit(one.HTTPAddr, "d-1")
	cache := redis.NewCache(h.host.embedded, "custodian:one:", time.Minute)
	if err := cache.Set(h.ctx, "key", []byte("value"), 0); err != nil {
		t.Fatal(err)
	}
	s := h.must(h.Reset(h.ctx, "one", 0, true))
	if s.State != StateRunning || s.HTTPAddr != one.HTTPAddr {
		t.Errorf("reset: %+v", s)
	}
	if n := h.settlements(one.HTTPAddr); n != 0 {
		t.Errorf("%d settlements after a reset", n)
	}
	if a := h.want(http.StatusOK, http.MethodGet, one.HTTPAddr, "/api/v1/balances", ""); !strings.Contains(a.body, `"5.00"`) {
		t.Errorf("the opening is not there: %s", a.body)
	}
	if there, err := cache.Exists(h.ctx, "key"); err != nil || there {
		t.Errorf("its keys in Redis are there: %t, %v", there, err)
	}
	// A drained instance stays drained, with its opening when it starts.
	h.deposit(one.HTTPAddr, "d-2")
	h.must(h.Drain(h.ctx, "one", 0, true))
	if s := h.must(h.Reset(h.ctx, "one", 0, true)); s.State != StateDrained {
		t.Errorf("reset while drained: %+v", s)
	}
	h.must(h.Start(h.ctx, "one", true))
	if n := h.settlements(one.HTTPAddr); n != 0 {
		t.Errorf("%d settlements after a reset while drained", n)
	}
}

func TestLongOperationKeepsOthersAway(t *testing.T) {
	t.Parallel()
	slow := newGate("one")
	h := launch(t, options{config: testConfig(t), wrap: slow.wrap})
	one := h.add("one")
	slow.shut()
	go func() { _, _ = request(h.ctx, http.MethodPost, one.HTTPAddr, "/api/v1/accounts", `{"account_id":"a"}`) }()
	slow.awaitHeld(h.ctx, t)
	h.must(h.Reset(h.ctx, "one", 0, false))
	_, err := h.Start(h.ctx, "one", true)
	wantKind(t, err, KindConflict, "one", "being reset")
	if _, err := h.Reload(h.ctx); err != nil {
		t.Error(err)
	}
	if w := mustFind(h, "one").wantNow(); w != wantStopped {
		t.Errorf("a reload started an instance that is being reset")
	}
	slow.open()
	h.awaitState("one", StateRunning)
}

func mustFind(h *harness, name string) *instance {
	h.t.Helper()
	i, err := h.find(name)
	if err != nil {
		h.t.Fatal(err)
	}
	return i
}
