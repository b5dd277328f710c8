package httpapi_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/bounds"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/engine"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/fair"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/httpapi"
)

// usedBytes returns how many bytes an instance has in memory, as it counts them.
func usedBytes(t *testing.T, b *bounds.Bounds) int64 {
	t.Helper()
	for _, u := range b.Usage() {
		if u.Bound == bounds.Bytes {
			return u.Used
		}
	}
	t.Fatal("bytes are not bounded")
	return 0
}

// waitFor waits until a condition is met.
func waitFor(t *testing.T, what string, met func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !met(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within a minute: %s", what)
		}
	}
}

func TestRequestsThatComeTooFastAreToldWhenToComeAgain(t *testing.T) {
	t.Parallel()
	b := setup(t, func(o *httpapi.Options) { o.Bounds = bounds.New(bounds.Limits{Rate: 1, Burst: 2}, nil) })
	var refused answer
	for range 10 {
		if a := b.send("GET", "/api/v1/accounts/a", ""); a.status == http.StatusTooManyRequests {
			refused = a
		}
	}
	refused.expect(t, "code", "overloaded", "retry_after", 1.0)
	if refused.header.Get("Retry-After") != "1" || !strings.Contains(refused.str("detail"), "limits.rate") {
		t.Errorf("refused with %v %s", refused.header, refused.text)
	}
	b.must(200, "GET", "/api/v1/health", "") // whoever looks after it is not kept out
}

func TestARequestThatNeverBeganIsNotAnsweredAsIfItHad(t *testing.T) {
	t.Parallel()
	start := time.Now()
	p := fair.New(2, nil, func() time.Duration { return 2 * time.Since(start) }) // both are busy
	t.Cleanup(p.Close)
	var delayed atomic.Int64
	quiet, noisy := p.Lane(nil), p.Lane(func() { delayed.Add(1) })
	b := setup(t, func(o *httpapi.Options) { o.Lane = noisy })
	gone, leave := context.WithCancel(t.Context())
	leave()
	waitFor(t, "requests are slowed down and cut off", func() bool {
		if err := quiet.Begin(t.Context()); err != nil {
			t.Fatal(err)
		}
		for range 200 {
			_ = noisy.Begin(gone)
		}
		before := delayed.Load()
		r := httptest.NewRequestWithContext(gone, http.MethodGet, "/api/v1/accounts/a", http.NoBody)
		w := httptest.NewRecorder()
		b.handler.ServeHTTP(w, r)
		if w.Code < 300 {
			t.Fatalf("answered %d %s", w.Code, w.Body)
		}
		return delayed.Load() > before && w.Code == http.StatusServiceUnavailable
	})
}

func TestLargeBodiesAndPagesTakeTheirShareOfTheBytesAndGiveItBack(t *testing.T) {
	t.Parallel()
	bound := bounds.New(bounds.Limits{Bytes: 300 << 10}, nil)
	b := setup(t, func(o *httpapi.Options) { o.Bounds = bound })
	large := func(size int) string { return `{"account_id":"a"` + strings.Repeat(" ", size) + `}` }
	b.must(201, "POST", "/api/v1/accounts", large(200<<10))
	b.must(200, "GET", "/api/v1/events?limit=200", "")
	if used := usedBytes(t, bound); used != 0 {
		t.Errorf("%d bytes are taken by nobody", used)
	}
	if err := bound.Reserve(200 << 10); err != nil {
		t.Fatal(err)
	}
	for _, a := range []answer{
		b.must(429, "POST", "/api/v1/accounts", large(200<<10)),
		b.must(429, "GET", "/api/v1/events?limit=200", ""),
		b.must(429, "GET", "/api/v1/statements/holdings?account_id=a&date=2026-11-23", ""),
	} {
		a.expect(t, "code", "overloaded", "retry_after", 1.0)
		if !strings.Contains(a.str("detail"), "limits.max_bytes") {
			t.Errorf("the refusal does not say what to do: %s", a.text)
		}
	}
	// What is small is no matter.
	b.must(200, "GET", "/api/v1/events?limit=20", "")
	b.must(201, "POST", "/api/v1/accounts", `{"account_id":"b"}`)
	// Of a body of unknown length, no more is read than there is room for.
	body := &countingReader{Reader: strings.NewReader(large(1 << 20))}
	r := httptest.NewRequest("POST", "/api/v1/accounts", body)
	r.ContentLength = -1
	r.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	b.handler.ServeHTTP(w, r)
	if w.Code != 429 || w.Header().Get("Connection") != "close" || body.read > 100<<10 {
		t.Errorf("answered %d %v after %d bytes", w.Code, w.Header(), body.read)
	}
	if used := usedBytes(t, bound); used != 200<<10 {
		t.Errorf("%d bytes are taken after the refusals", used)
	}
}

type countingReader struct {
	io.Reader
	read int
}

func (c *countingReader) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	c.read += n
	return n, err
}

// endless is a custodian in which events never end.
type endless struct{ httpapi.Custodian }

func (endless) Follow(ctx context.Context, after uint64, fn func([]engine.Recorded) error) error {
	for ctx.Err() == nil {
		after++
		event := &sim.Event{Sequence: after, Type: sim.EventAccountOpened, Time: time.Unix(1, 0), Accounts: []*sim.Account{{AccountID: strings.Repeat("a", 90)}}}
		if err := fn([]engine.Recorded{{Event: event}}); err != nil {
			return err
		}
	}
	return ctx.Err()
}

func TestAStreamThatNobodyReadsIsEnded(t *testing.T) {
	t.Parallel()
	ended := make(chan struct{}, 1)
	bound := bounds.New(bounds.Limits{}, nil)
	b := setup(t, func(o *httpapi.Options) {
		o.Custodian, o.Bounds, o.Limits.StreamPatience = endless{o.Custodian}, bound, 50*time.Millisecond
		o.OnSlowStream = func() { ended <- struct{}{} }
	})
	server := httptest.NewServer(b.handler)
	defer server.Close()
	conn, err := net.Dial("tcp", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	fmt.Fprintf(conn, "GET /api/v1/events HTTP/1.1\r\nHost: a\r\nAccept: text/event-stream\r\n\r\n")
	select {
	case <-ended:
	case <-time.After(time.Minute):
		t.Fatal("a stream that nobody reads is kept")
	}
	waitFor(t, "the stream is given back", func() bool {
		for _, u := range bound.Usage() {
			if u.Bound == bounds.Streams {
				return u.Used == 0
			}
		}
		return false
	})
}
