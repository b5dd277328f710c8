package httpapi_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/engine"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/guard"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/httpapi"
)

// faulty is a custodian whose Do and DoAll are replaced.
type faulty struct {
	*engine.Engine
	do    func(ctx context.Context) (sim.Result, error)
	ready error
}

func (f *faulty) Do(ctx context.Context, r sim.Request) (sim.Result, error) {
	if f.do == nil {
		return f.Engine.Do(ctx, r)
	}
	return f.do(ctx)
}

func (f *faulty) DoAll(ctx context.Context, requests []sim.Request) []engine.Answer {
	answers := make([]engine.Answer, len(requests))
	for i, r := range requests {
		answers[i].Result, answers[i].Err = f.Do(ctx, r)
	}
	return answers
}

func (f *faulty) Ready() error { return f.ready }

const openAccount = `{"account_id":"a"}`

func TestRequestsBeyondTheBoundAreRefusedWhileOthersAreUnderWay(t *testing.T) {
	t.Parallel()
	entered, release := make(chan struct{}), make(chan struct{})
	f := &faulty{do: func(context.Context) (sim.Result, error) {
		entered <- struct{}{}
		<-release
		return sim.Result{}, sim.Errorf(sim.CodeNotFound, "done")
	}}
	b := setup(t, func(o *httpapi.Options) {
		f.Engine = o.Custodian.(*engine.Engine)
		o.Custodian, o.Limits.MaxInFlight = f, 2
	})
	done := make(chan int, 2)
	for range 2 {
		go func() {
			r := httptest.NewRequest("DELETE", "/api/v1/positions/019ab1c2-d3e4-7f56-8a9b-0c1d2e3f4a5b", nil)
			w := httptest.NewRecorder()
			b.handler.ServeHTTP(w, r)
			done <- w.Code
		}()
		<-entered
	}
	a := b.must(429, "GET", "/api/v1/accounts/a", "")
	a.expect(t, "code", "overloaded", "retry_after", 1.0)
	if a.header.Get("Retry-After") != "1" {
		t.Errorf("Retry-After = %q", a.header.Get("Retry-After"))
	}
	b.must(200, "GET", "/api/v1/health", "")
	b.must(200, "GET", "/api/v1/ready", "")
	b.must(200, "GET", "/metrics", "")
	close(release)
	for range 2 {
		if status := <-done; status != 404 {
			t.Errorf("a request under way was answered %d", status)
		}
	}
	b.must(404, "GET", "/api/v1/accounts/a", "")
}

func TestLargeBodiesAndBulksAreRefused(t *testing.T) {
	t.Parallel()
	b := setup(t, func(o *httpapi.Options) { o.Limits.MaxBodyBytes, o.Limits.BulkMax = 2000, 2 })
	a := b.must(413, "POST", "/api/v1/accounts", `{"account_id":"`+strings.Repeat("a", 2000)+`"}`)
	a.expect(t, "code", "too_large")
	if a.header.Get("Connection") != "close" {
		t.Error("the connection is kept with a body that nobody reads")
	}
	item := `{"settlement_type":"DEPOSIT","account_id":"a","symbol":"BTC","quantity":"1"}`
	b.must(413, "POST", "/api/v1/settlements/bulk", `{"settlements":[`+item+`,`+item+`,`+item+`]}`).expect(t, "code", "too_large", "field", "settlements")
	b.must(200, "GET", "/api/v1/events", "").expect(t, "events.0", nil)
}

func TestQueriesAreBoundedInTime(t *testing.T) {
	t.Parallel()
	b := setup(t, func(o *httpapi.Options) {
		o.Custodian, o.Limits.RequestTimeout = stuck{o.Custodian}, time.Millisecond
	})
	b.must(503, "GET", "/api/v1/events", "").expect(t, "code", "unavailable", "retry_after", 1.0)
}

// stuck is a custodian whose events do not come.
type stuck struct{ httpapi.Custodian }

func (stuck) Events(ctx context.Context, _ uint64, _ int) ([]engine.Recorded, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

func TestUnservedBulksAreRefusedAsAWhole(t *testing.T) {
	t.Parallel()
	f := &faulty{do: func(context.Context) (sim.Result, error) {
		return sim.Result{}, &sim.Error{Code: sim.CodePaused, Message: "this custodian is paused", RetryAfter: 5 * time.Second}
	}}
	b := setup(t, func(o *httpapi.Options) { f.Engine = o.Custodian.(*engine.Engine); o.Custodian = f })
	item := `{"settlement_type":"DEPOSIT","account_id":"a","symbol":"BTC","quantity":"1"}`
	b.must(503, "POST", "/api/v1/settlements/bulk", `{"settlements":[`+item+`,`+item+`]}`).expect(t, "code", "paused", "retry_after", 5.0)
	b.must(200, "POST", "/api/v1/settlements/bulk", `{"settlements":[`+item+`,{}]}`).expect(t, "results.0.status", 503.0, "results.1.status", 422.0)
}

func TestPanicsCostOneRequest(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	var seen *guard.Panic
	f := &faulty{do: func(context.Context) (sim.Result, error) { panic("boom") }}
	b := setup(t, func(o *httpapi.Options) {
		f.Engine = o.Custodian.(*engine.Engine)
		o.Custodian, o.OnPanic, o.Logger = f, func(p *guard.Panic) { seen = p }, slog.New(slog.NewTextHandler(&log, nil))
	})
	a := b.must(500, "POST", "/api/v1/accounts", openAccount)
	a.expect(t, "code", "internal")
	if strings.Contains(a.text, "boom") || seen == nil || seen.Value != "boom" {
		t.Errorf("answered %s, hook saw %v", a.text, seen)
	}
	for _, part := range []string{"boom", "limits_test.go", a.header.Get("X-Request-Id")} {
		if !strings.Contains(log.String(), part) {
			t.Errorf("the log lacks %q: %s", part, log.String())
		}
	}
	b.must(200, "GET", "/api/v1/accounts", "")
}

func TestPanicsOfAMiddlewareAreAnsweredAsWell(t *testing.T) {
	t.Parallel()
	var seen *guard.Panic
	b := setup(t, func(o *httpapi.Options) {
		o.OnPanic = func(p *guard.Panic) { seen = p }
		o.Middleware = func(http.Handler) http.Handler {
			return http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("boom") })
		}
	})
	b.must(500, "GET", "/api/v1/accounts", "").expect(t, "code", "internal")
	if seen == nil || seen.Value != "boom" {
		t.Errorf("the hook saw %v", seen)
	}
}

func TestPanicsInTheMiddleOfAnAnswerCutTheConnection(t *testing.T) {
	t.Parallel()
	b := setup(t, func(o *httpapi.Options) {
		o.Metrics = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(200); panic("late") })
	})
	server := httptest.NewUnstartedServer(b.handler)
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	server.Start()
	defer server.Close()
	response, err := server.Client().Get(server.URL + "/metrics")
	if err == nil {
		response.Body.Close()
		t.Errorf("answered %d as if nothing had happened", response.StatusCode)
	}
}

func TestUnexpectedErrorsAreLoggedAndHidden(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	f := &faulty{do: func(context.Context) (sim.Result, error) { return sim.Result{}, errors.New("password is hunter2") }}
	b := setup(t, func(o *httpapi.Options) {
		f.Engine = o.Custodian.(*engine.Engine)
		o.Custodian, o.Logger = f, slog.New(slog.NewTextHandler(&log, nil))
	})
	a := b.must(500, "POST", "/api/v1/accounts", openAccount)
	if strings.Contains(a.text, "hunter2") || !strings.Contains(log.String(), "hunter2") || !strings.Contains(log.String(), a.header.Get("X-Request-Id")) {
		t.Errorf("answered %s, logged %s", a.text, log.String())
	}
}

func TestMiddlewareSeesTheFinalStatus(t *testing.T) {
	t.Parallel()
	var statuses []int
	b := setup(t, func(o *httpapi.Options) {
		o.Custodian = &faulty{Engine: o.Custodian.(*engine.Engine), do: func(context.Context) (sim.Result, error) { panic("boom") }}
		o.Middleware = func(next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				seen := httptest.NewRecorder()
				next.ServeHTTP(seen, r)
				statuses = append(statuses, seen.Code)
				for name, values := range seen.Header() {
					w.Header()[name] = values
				}
				w.WriteHeader(seen.Code)
				_, _ = w.Write(seen.Body.Bytes())
			})
		}
	})
	// The middleware has a writer of its own, so the request id is not in it.
	for _, r := range []*http.Request{
		httptest.NewRequest("GET", "/nowhere", nil), httptest.NewRequest("GET", "/api/v1/health", nil),
		httptest.NewRequest("DELETE", "/api/v1/positions/019ab1c2-d3e4-7f56-8a9b-0c1d2e3f4a5b", nil),
	} {
		b.handler.ServeHTTP(httptest.NewRecorder(), r)
	}
	if len(statuses) != 3 || statuses[0] != 404 || statuses[1] != 200 || statuses[2] != 500 {
		t.Errorf("saw %v", statuses)
	}
}
