package admin_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/supervisor/admin"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/supervisor/admin/client"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/supervisor/admin/wire"
)

func TestWaitsHoldUpNothingElseAndAreBounded(t *testing.T) {
	t.Parallel()
	double := newDouble("one")
	double.entered = make(chan string)
	o := options(double)
	o.Limits = admin.Limits{MaxInFlight: 1, MaxWaits: 2}
	c := dial(t, serve(t, o), "")
	ctx, leave := context.WithCancel(t.Context())
	ended := make(chan error, 2)
	for range 2 {
		go func() { _, err := c.Drain(ctx, "one", 0, true); ended <- err }()
		<-double.entered
	}
	if _, err := c.Instances(t.Context()); err != nil {
		t.Errorf("beside the waits: %v", err)
	}
	_, err := c.Drain(t.Context(), "one", 0, true)
	if e, ok := errors.AsType[*client.Error](err); !ok || e.Status != http.StatusTooManyRequests || e.RetryAfter != time.Second || !strings.Contains(e.Detail, "at most 2") {
		t.Errorf("one wait too many: %v", err)
	}
	leave() // the callers leave, and so end their waits
	for range 2 {
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	}
	// Once the server has noticed, there is room again.
	ctx, leave = context.WithCancel(t.Context())
	go func() {
		for {
			_, err := c.Drain(ctx, "one", 0, true)
			if e, ok := errors.AsType[*client.Error](err); !ok || e.Status != http.StatusTooManyRequests {
				ended <- err
				return
			}
		}
	}()
	<-double.entered
	leave()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestRequestsUnderWayAreBoundedButHealthIsAlwaysAnswered(t *testing.T) {
	t.Parallel()
	double := newDouble("one")
	entered, goOn := make(chan struct{}), make(chan struct{})
	double.onDesired = func() { close(entered); <-goOn }
	o := options(double)
	o.Limits.MaxInFlight = 1
	api := admin.New(o)
	done := make(chan reply)
	go func() { done <- ask(t, api, "GET", "/admin/v1/config", "") }()
	<-entered
	if got := ask(t, api, "GET", "/version", ""); got.status != 429 || got.problem.Code != "overloaded" || got.header.Get("Retry-After") == "" {
		t.Errorf("got %d %s", got.status, got.body)
	}
	for _, path := range []string{"/healthz", "/readyz"} {
		if got := ask(t, api, "GET", path, ""); got.status != 200 {
			t.Errorf("%s: %d %s", path, got.status, got.body)
		}
	}
	close(goOn)
	if got := <-done; got.status != 200 {
		t.Errorf("got %d", got.status)
	}
	if got := ask(t, api, "GET", "/version", ""); got.status != 200 {
		t.Errorf("afterwards: %d", got.status)
	}
}

func TestStreamsAreBounded(t *testing.T) {
	t.Parallel()
	double := newDouble("one")
	double.happen("one", "running")
	o := options(double)
	o.Limits.MaxStreams = 1
	c := dial(t, serve(t, o), "")
	follow := func(fn func(wire.Event) error) error { return c.Follow(t.Context(), 0, "", fn) }
	enough := errors.New("enough")
	err := follow(func(wire.Event) error {
		err := follow(func(wire.Event) error { return nil })
		if e, ok := errors.AsType[*client.Error](err); !ok || e.Status != http.StatusTooManyRequests {
			t.Errorf("the second stream: %v", err)
		}
		return enough
	})
	if !errors.Is(err, enough) {
		t.Error(err)
	}
}

func TestWaitsEndWithTheServer(t *testing.T) {
	t.Parallel()
	double := newDouble("one")
	double.entered = make(chan string)
	ctx, end := context.WithCancel(t.Context())
	o := options(double)
	o.Context = ctx
	c := dial(t, serve(t, o), "")
	go func() { <-double.entered; end() }()
	_, err := c.Drain(t.Context(), "one", 0, true)
	if e, ok := errors.AsType[*client.Error](err); !ok || e.Status != http.StatusServiceUnavailable {
		t.Errorf("got %v", err)
	}
}

func TestPanicCostsOneRequest(t *testing.T) {
	t.Parallel()
	double := newDouble("one")
	double.onDesired = func() { panic("a defect with a secret in it") }
	api := admin.New(options(double))
	if got := ask(t, api, "GET", "/admin/v1/config", ""); got.status != 500 || strings.Contains(got.body, "secret") {
		t.Errorf("got %d %s", got.status, got.body)
	}
	if got := ask(t, api, "GET", "/version", ""); got.status != 200 {
		t.Errorf("afterwards: %d", got.status)
	}
	o := options(double)
	o.Metrics = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte("half"))
		panic("a defect")
	})
	err := dial(t, serve(t, o), "").Metrics(t.Context(), &strings.Builder{})
	if err == nil {
		t.Error("half an answer was taken for a whole one")
	}
}
