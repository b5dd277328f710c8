//go:build integration

package main_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/custodianpb"
)

const (
	// remainder is what a shutdown may take beyond the grace period to close
	// connections, and slack what a busy machine may add to anything.
	remainder = 5 * time.Second
	slack     = 25 * time.Second
	// hooks is how many settlements are booked while the webhooks hang.
	hooks = 100
)

// hanging is a receiver of webhooks that answers once it is let go, and keeps the
// numbers of the events that it took since.
type hanging struct {
	*httptest.Server
	came chan struct{} // told of the first
	free chan struct{} // closed to let it go

	mu    sync.Mutex
	taken map[uint64]bool
}

func newHanging(t *testing.T) *hanging {
	r := &hanging{came: make(chan struct{}, 1), free: make(chan struct{}), taken: make(map[uint64]bool)}
	r.Server = httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, q *http.Request) {
		body, err := io.ReadAll(q.Body)
		if err != nil {
			return // cut off
		}
		select {
		case r.came <- struct{}{}:
		default:
		}
		select {
		case <-r.free:
		case <-q.Context().Done():
			return
		}
		var event struct {
			Data struct {
				ExternalID string `json:"external_id"`
			} `json:"data"`
		}
		_ = json.Unmarshal(body, &event) // what is no settlement has no number
		n, _ := strconv.ParseUint(strings.TrimPrefix(event.Data.ExternalID, "hook-"), 10, 64)
		r.mu.Lock()
		defer r.mu.Unlock()
		r.taken[n] = true
	}))
	t.Cleanup(r.Close)
	return r
}

func (r *hanging) has(n uint64) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.taken[n]
}

// reader follows events as they are sent, and knows whether they came whole.
type reader struct {
	ids  []uint64
	err  error  // that the stream ended with
	rest string // what came after the last whole event
	done chan struct{}
}

// follow opens an event stream behind an event and reads it until it ends, or until
// it has the last event.
func (s *supervised) follow(addr string, after, last uint64) *reader {
	s.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	s.t.Cleanup(cancel)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+addr+"/api/v1/events", nil)
	if err != nil {
		s.t.Fatal(err)
	}
	req.Header.Set("Accept", "text/event-stream")
	req.Header.Set("Last-Event-ID", strconv.FormatUint(after, 10))
	resp, err := http.DefaultClient.Do(req) //nolint:bodyclose // the reader closes it
	if err != nil {
		s.t.Fatal(err)
	}
	r := &reader{done: make(chan struct{})}
	go func() {
		defer close(r.done)
		defer func() { _ = resp.Body.Close() }()
		var id uint64
		lines := bufio.NewReader(resp.Body)
		for {
			line, err := lines.ReadString('\n')
			if err != nil {
				r.err = err
				r.rest += line
				return
			}
			r.rest += line
			if text, ok := strings.CutPrefix(line, "id: "); ok {
				id, _ = strconv.ParseUint(strings.TrimSpace(text), 10, 64)
			}
			if line == "\n" { // the end of an event
				if id > 0 {
					r.ids = append(r.ids, id)
				}
				if r.rest, id = "", 0; last > 0 && len(r.ids) > 0 && r.ids[len(r.ids)-1] >= last {
					return
				}
			}
		}
	}()
	return r
}

// whole waits for the end of the stream and checks that it has all events in a row
// behind one, and returns the last.
func (r *reader) whole(t *testing.T, after uint64) uint64 {
	t.Helper()
	select {
	case <-r.done:
	case <-time.After(time.Minute):
		t.Fatal("the stream does not end")
	}
	for n, id := range r.ids {
		if id != after+uint64(n)+1 {
			t.Fatalf("event %d came behind %d", id, after+uint64(n))
		}
	}
	if r.rest != "" {
		t.Errorf("the stream ended within an event: %q", r.rest)
	}
	return after + uint64(len(r.ids))
}

func (s *supervised) connect(addr, said string) net.Conn {
	s.t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = conn.Close() })
	if _, err := io.WriteString(conn, said); err != nil {
		s.t.Fatal(err)
	}
	return conn
}

func (s *supervised) dial(addr string) *grpc.ClientConn {
	s.t.Helper()
	conn, err := grpc.NewClient(addr, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// ended sends a signal and returns the exit code and how long that took.
func (s *supervised) ended(signal syscall.Signal) (code int, took time.Duration) {
	s.t.Helper()
	start := time.Now()
	code = s.stop(signal)
	return code, time.Since(start)
}

// keepBooking books until it is refused, and returns what was acknowledged.
func (s *supervised) keepBooking(i instance, clients int) (finish func() []string) {
	ctx, cancel := context.WithCancel(context.Background())
	var group sync.WaitGroup
	var mu sync.Mutex
	var acknowledged []string
	for client := range clients {
		group.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				id := fmt.Sprintf("load-%d-%d", client, n)
				code, _, err := s.try(http.MethodPost, i.url("/api/v1/settlements"), deposit("fund", "1", id))
				if err != nil || code != http.StatusCreated {
					return
				}
				mu.Lock()
				acknowledged = append(acknowledged, id)
				mu.Unlock()
			}
		})
	}
	return func() []string { cancel(); group.Wait(); return acknowledged }
}

// busy is a supervisor whose instance has everything open that may hold a drain.
func busy(t *testing.T, grace string, hook *hanging) (*supervised, instance) {
	s := superviseAll(t, []entry{{"one", fmt.Sprintf(`drain_grace: %s, profile: global-custodian, webhooks: {allow_targets: ["127.0.0.1"],
		endpoints: [{id: ops, url: %q, secret: whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz, events: ["settlement.*"]}]}`, grace, hook.URL)}})
	one := s.instance("one")
	for n := range hooks { // pending: they settle on another day
		body := deposit("fund", "1", fmt.Sprintf("hook-%d", n+1))
		body["metadata"] = map[string]string{"filler": strings.Repeat("x", 4000)}
		s.call(http.MethodPost, one.url("/api/v1/settlements"), body, http.StatusCreated, nil)
	}
	<-hook.came
	return s, one
}

func TestShutdownKeepsTheGracePeriodWhateverHangs(t *testing.T) {
	t.Parallel()
	const grace = 3 * time.Second
	hook := newHanging(t)
	s, one := busy(t, grace.String(), hook)
	finish := s.keepBooking(one, 4)

	// Clients that behave.
	conn := s.dial(one.GRPCAddr)
	watch, err := custodianpb.NewReportingServiceClient(conn).WatchEvents(t.Context(), &custodianpb.WatchEventsRequest{})
	if err != nil {
		t.Fatal(err)
	}
	health, err := grpc_health_v1.NewHealthClient(conn).Watch(t.Context(), &grpc_health_v1.HealthCheckRequest{})
	if err != nil {
		t.Fatal(err)
	}
	watched, told := make(chan error, 1), make(chan error, 1)
	notServing := false // until told
	go func() {
		var err error
		for err == nil {
			_, err = watch.Recv()
		}
		watched <- err
	}()
	go func() {
		var err error
		for err == nil {
			var answer *grpc_health_v1.HealthCheckResponse
			answer, err = health.Recv()
			notServing = notServing || answer.GetStatus() == grpc_health_v1.HealthCheckResponse_NOT_SERVING
		}
		told <- err
	}()
	events := s.follow(one.HTTPAddr, 0, 0)
	// And those that do not: streams that are not read, connections that say nothing
	// or half of something, a body that does not come to its end, a page that is not
	// taken.
	stuck, err := custodianpb.NewReportingServiceClient(s.dial(one.GRPCAddr)).WatchEvents(t.Context(), &custodianpb.WatchEventsRequest{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := stuck.Header(); err != nil {
		t.Fatal(err)
	}
	s.connect(one.HTTPAddr, "")
	s.connect(one.GRPCAddr, "")
	s.connect(one.GRPCAddr, "PRI * HTT")
	s.connect(one.HTTPAddr, "GET /api/v1/events HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\n\r\n")
	s.connect(one.HTTPAddr, "GET /api/v1/settlements?limit=1000 HTTP/1.1\r\nHost: x\r\n\r\n")
	s.connect(one.HTTPAddr, "GET /api/v1/acc")
	s.connect(one.HTTPAddr, "POST /api/v1/accounts HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{")
	s.eventually("the body to be waited for", func() error {
		_, page, err := s.try(http.MethodGet, one.url("/metrics"), nil)
		if err == nil && !strings.Contains(string(page), `http_requests_in_flight{method="POST"}`) {
			err = errors.New("no POST is under way")
		}
		return err
	})

	code, took := s.ended(syscall.SIGTERM)
	if code != 3 {
		t.Errorf("exit code %d, want 3: a body was cut off", code)
	}
	if took > grace+remainder+slack {
		t.Errorf("it took %s with a grace of %s", took, grace)
	}
	t.Logf("ended after %s with a grace of %s", took.Round(time.Millisecond), grace)
	err = <-watched
	if st := status.Convert(err); st.Code() != codes.Unavailable || !strings.Contains(st.Message(), "draining") {
		t.Errorf("the gRPC stream ended with %v", err)
	}
	err = <-told
	if st := status.Convert(err); !notServing || st.Code() != codes.Unavailable {
		t.Errorf("the health watch said NOT_SERVING: %t, and ended with %v", notServing, err)
	}
	acknowledged := finish()
	seen := events.whole(t, 0)
	if !errors.Is(events.err, io.EOF) {
		t.Errorf("the event stream ended with %v", events.err)
	}

	close(hook.free)
	s.start()
	one = s.instance("one")
	var list struct {
		Settlements []struct {
			ExternalID string `json:"external_id"`
		}
		NextCursor *string `json:"next_cursor"`
	}
	there := make(map[string]bool)
	for cursor := ""; ; cursor = "&cursor=" + *list.NextCursor {
		list.NextCursor = nil
		s.call(http.MethodGet, one.url("/api/v1/settlements?limit=500"+cursor), nil, http.StatusOK, &list)
		for _, st := range list.Settlements {
			there[st.ExternalID] = true
		}
		if list.NextCursor == nil {
			break
		}
	}
	for _, id := range acknowledged {
		if !there[id] {
			t.Errorf("settlement %s was acknowledged and is gone", id)
		}
	}
	// The stream goes on where it ended, without a gap.
	s.call(http.MethodPost, one.url("/api/v1/settlements"), deposit("fund", "1", "afterwards"), http.StatusCreated, nil)
	var state struct {
		Durable uint64 `json:"durable_sequence"`
	}
	s.call(http.MethodGet, s.admin+"/admin/v1/instances/"+one.Name, nil, http.StatusOK, &state)
	if last := s.follow(one.HTTPAddr, seen, state.Durable).whole(t, seen); last < state.Durable {
		t.Errorf("the stream ends at %d of %d events", last, state.Durable)
	}
	for n := range uint64(hooks) {
		s.eventually(fmt.Sprintf("webhook %d", n+1), func() error {
			if !hook.has(n + 1) {
				return errors.New("it has not come")
			}
			return nil
		})
	}
	if code := s.stop(syscall.SIGTERM); code != 0 {
		t.Errorf("exit code %d after a shutdown with nothing in its way, want 0", code)
	}
}

func TestASecondSignalForcesTheShutdown(t *testing.T) {
	t.Parallel()
	for _, signal := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		hook := newHanging(t)
		s, one := busy(t, "1h", hook)
		s.connect(one.HTTPAddr, "POST /api/v1/accounts HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{")
		if err := s.cmd.Process.Signal(signal); err != nil {
			t.Fatal(err)
		}
		s.eventually("the drain to begin", func() error {
			if !strings.Contains(s.log.String(), "draining "+one.Name+": finishing") {
				return errors.New("it has not begun")
			}
			return nil
		})
		code, took := s.ended(signal)
		if code != 4 {
			t.Errorf("exit code %d after %s twice, want 4", code, signal)
		}
		if took > remainder+slack { // the grace is an hour
			t.Errorf("it took %s after the second %s", took, signal)
		}
		t.Logf("ended %s after the second %s", took.Round(time.Millisecond), signal)
		if !strings.Contains(s.log.String(), "cut off by a second signal") {
			t.Error("it does not say so")
		}
		close(hook.free)
	}
}

func TestAShutdownIsNotHeldUpByWhatNobodyWaitsFor(t *testing.T) {
	t.Parallel()
	hook := newHanging(t)
	close(hook.free) // it answers
	s, one := busy(t, "1h", hook)
	events := s.follow(one.HTTPAddr, 0, 0)
	watch, err := custodianpb.NewReportingServiceClient(s.dial(one.GRPCAddr)).WatchEvents(t.Context(), &custodianpb.WatchEventsRequest{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := watch.Recv(); err != nil { // and no more: it is stuck
		t.Fatal(err)
	}
	s.connect(one.HTTPAddr, "")
	s.connect(one.GRPCAddr, "PRI * HTT")
	s.connect(one.HTTPAddr, "GET /api/v1/events HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\n\r\n") // never read
	code, took := s.ended(syscall.SIGINT)
	if code != 0 || took > remainder+slack { // the grace is an hour
		t.Errorf("exit code %d after %s, want 0 soon", code, took)
	}
	t.Logf("ended after %s", took.Round(time.Millisecond))
	if events.whole(t, 0) == 0 {
		t.Error("the stream had no event")
	}
}
