package httpapi_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/asset"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/engine"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/httpapi"
)

// stream reads server-sent events from a real server.
type stream struct {
	t        *testing.T
	response *http.Response
	lines    *bufio.Scanner
}

// timeout bounds the reading and the writing of the requests that are no streams.
const timeout = 50 * time.Millisecond

// serve runs a server whose connections are in memory, for a test in a synctest
// bubble: however busy the machine, the server's timeouts are up when the test
// lets the time pass, and not before.
func (b *bundle) serve(t *testing.T) *http.Client {
	listener := pipes{make(chan net.Conn), make(chan struct{})}
	server := &http.Server{Handler: b.handler, ReadTimeout: timeout, WriteTimeout: timeout}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	transport := &http.Transport{DialContext: listener.dial}
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		_ = server.Close()
		if err := <-served; !errors.Is(err, http.ErrServerClosed) {
			t.Errorf("the server: %v", err)
		}
	})
	return &http.Client{Transport: transport}
}

// pipes is a listener on connections in memory. The server closes it once.
type pipes struct {
	conns  chan net.Conn
	closed chan struct{}
}

func (p pipes) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	client, server := net.Pipe()
	select {
	case p.conns <- server:
		return client, nil
	case <-p.closed:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (p pipes) Accept() (net.Conn, error) {
	select {
	case conn := <-p.conns:
		return conn, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p pipes) Close() error {
	close(p.closed)
	return nil
}

func (p pipes) Addr() net.Addr { return &net.UnixAddr{Name: "custodian", Net: "pipe"} }

func follow(t *testing.T, client *http.Client, query, lastID string) *stream {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://custodian/api/v1/events"+query, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Accept", "text/event-stream")
	if lastID != "" {
		r.Header.Set("Last-Event-ID", lastID)
	}
	response, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	s := &stream{t, response, bufio.NewScanner(response.Body)}
	t.Cleanup(func() { response.Body.Close() })
	return s
}

// next returns the next event's id, name and data.
func (s *stream) next() (id uint64, name string, data map[string]any) {
	s.t.Helper()
	for s.lines.Scan() {
		field, value, _ := strings.Cut(s.lines.Text(), ": ")
		switch field {
		case "id":
			id, _ = strconv.ParseUint(value, 10, 64)
		case "event":
			name = value
		case "data":
			if err := json.Unmarshal([]byte(value), &data); err != nil {
				s.t.Fatal(err)
			}
		case "":
			if data != nil {
				return id, name, data
			}
		}
	}
	return 0, "", nil
}

func TestStreamsHaveEveryEventOnceAndResume(t *testing.T) {
	t.Parallel()
	synctest.Test(t, streamsHaveEveryEventOnceAndResume)
}

func streamsHaveEveryEventOnceAndResume(t *testing.T) {
	b := setup(t, nil)
	client := b.serve(t)
	open := func(i int) { b.must(201, "POST", "/api/v1/accounts", fmt.Sprintf(`{"account_id":"a%d"}`, i)) }
	for i := range 5 {
		open(i)
	}
	s := follow(t, client, "?after=1", "")
	if s.response.StatusCode != 200 || s.response.Header.Get("Content-Type") != "text/event-stream" {
		t.Fatalf("answered %d, %s", s.response.StatusCode, s.response.Header.Get("Content-Type"))
	}
	resumed := follow(t, client, "?after=1", "3") // Last-Event-ID stands above after
	for want := uint64(2); want <= 20; want++ {
		if want == 6 { // the stream goes on well past the timeouts of the server
			time.Sleep(10 * timeout)
			for i := 5; i < 20; i++ {
				open(i)
			}
		}
		id, name, data := s.next()
		if id != want || name != "account.opened" || data["sequence"] != float64(want) || data["type"] != name || data["hash"] == "" {
			t.Fatalf("event %d %s %v, want %d", id, name, data, want)
		}
	}
	if id, _, _ := resumed.next(); id != 4 {
		t.Errorf("resumed with %d, want 4", id)
	}
}

func TestStreamsEndWithTheInstance(t *testing.T) {
	t.Parallel()
	synctest.Test(t, streamsEndWithTheInstance)
}

func streamsEndWithTheInstance(t *testing.T) {
	instance, end := context.WithCancel(t.Context())
	b := setup(t, func(o *httpapi.Options) { o.Context = instance })
	client := b.serve(t)
	b.must(201, "POST", "/api/v1/accounts", openAccount)
	s := follow(t, client, "", "")
	if id, _, _ := s.next(); id != 1 {
		t.Fatalf("event %d", id)
	}
	end()
	if id, _, _ := s.next(); id != 0 || s.lines.Err() != nil {
		t.Errorf("event %d, %v after the end", id, s.lines.Err())
	}
	b.must(503, "GET", "/api/v1/events", "", "Accept", "text/event-stream").expect(t, "code", "draining")
	b.must(200, "GET", "/api/v1/events", "")
}

func TestStreamsAreBoundedInNumber(t *testing.T) {
	t.Parallel()
	synctest.Test(t, streamsAreBoundedInNumber)
}

func streamsAreBoundedInNumber(t *testing.T) {
	b := setup(t, func(o *httpapi.Options) { o.Limits.MaxStreams, o.Limits.MaxInFlight = 1, 1 })
	client := b.serve(t)
	b.must(201, "POST", "/api/v1/accounts", openAccount)
	follow(t, client, "", "").next()
	b.must(429, "GET", "/api/v1/events", "", "Accept", "text/event-stream").expect(t, "code", "overloaded")
	b.must(200, "GET", "/api/v1/events", "") // a stream takes no place from other requests
}

func TestStreamsThatCannotBeginAreRefused(t *testing.T) {
	t.Parallel()
	b := setup(t, nil)
	for query, field := range map[string]string{"?after=7": "after", "?limit=5": "limit", "?cursor=MQ": "cursor", "?aftr=1": "aftr"} {
		b.must(422, "GET", "/api/v1/events"+query, "", "Accept", "text/event-stream").expect(t, "field", field)
	}
}

// silent is a custodian in which nothing happens.
type silent struct{ httpapi.Custodian }

func (silent) Ready() error    { return nil }
func (silent) Durable() uint64 { return 7 }
func (silent) FaceFault(sim.Face) sim.FaceFault {
	return sim.FaceFault{}
}
func (silent) Follow(ctx context.Context, _ uint64, _ func([]engine.Recorded) error) error {
	<-ctx.Done()
	return ctx.Err()
}

func TestSilentStreamsSayThatTheyAreAlive(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		handler := httpapi.New(httpapi.Options{Custodian: silent{}, Assets: asset.NewRegistry(), Logger: slog.New(slog.DiscardHandler)})
		ctx, end := context.WithTimeout(t.Context(), 50*time.Second)
		defer end()
		r := httptest.NewRequestWithContext(ctx, http.MethodGet, "/api/v1/events?after=7", nil)
		r.Header.Set("Accept", "text/event-stream")
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		if beats := strings.Count(w.Body.String(), ": still here\n\n"); beats != 3 {
			t.Errorf("%d heartbeats in 50 seconds, want one every 15: %q", beats, w.Body.String())
		}
	})
}
