package webhook_test

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/asset"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/engine"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/view"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/webhook"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/store/memory"
)

// network returns a manager whose deliveries go over the real network.
func network(t *testing.T, rules *webhook.TargetRules, roots *x509.CertPool, url string) *webhook.Manager {
	t.Helper()
	m, err := webhook.New(webhook.Options{
		Source: newEventLog(), Cursors: newCursors(), Render: render, Targets: rules, RootCAs: roots,
		Endpoints: []webhook.Endpoint{{ID: "a", URL: url, Secret: secret}},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { // for the idle connections
		ended, cancel := context.WithCancel(context.Background())
		cancel()
		if err := deliver(ended, ended, m); err != nil {
			t.Error(err)
		}
	})
	return m
}

func rules(t testing.TB, allowHTTP bool, allow ...string) *webhook.TargetRules {
	t.Helper()
	r, err := webhook.NewTargetRules(allow, allowHTTP)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestWhatANameResolvesToIsCheckedWhenItIsDialled(t *testing.T) {
	t.Parallel()
	var reached atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached.Add(1) }))
	defer server.Close()
	url := strings.Replace(server.URL, "127.0.0.1", "localhost", 1) + "/hook?" + token
	for _, tt := range []struct {
		name  string
		rules *webhook.TargetRules
		want  string
	}{
		{"a name that leads to loopback is refused", rules(t, true),
			"url: leads to %s, a loopback address; list the host, address or network in webhooks.allow_targets to allow it"},
		{"also where another network is allowed", rules(t, true, "10.0.0.0/8"), "a loopback address"},
		{"allowed by its name", rules(t, false, "LOCALHOST."), ""},
		{"allowed by its networks", rules(t, true, "127.0.0.0/8", "::1"), ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			reached.Store(0)
			a, err := network(t, tt.rules, nil, url).Ping(t.Context(), "a")
			if err != nil {
				t.Fatal(err)
			}
			if want, _, _ := strings.Cut(tt.want, "%s"); !strings.Contains(a.Error, want) || (a.Error == "") != (tt.want == "") {
				t.Errorf("Ping = %+v, want %q", a, tt.want)
			}
			if strings.Contains(a.Error, token) || (reached.Load() == 1) != (tt.want == "") {
				t.Errorf("%d requests came, the error is %q", reached.Load(), a.Error)
			}
		})
	}
}

func TestRedirectsAreNotFollowed(t *testing.T) {
	t.Parallel()
	mux := http.NewServeMux()
	mux.HandleFunc("/elsewhere", func(http.ResponseWriter, *http.Request) { t.Error("the redirect was followed") })
	mux.Handle("/", http.RedirectHandler("/elsewhere", http.StatusPermanentRedirect))
	server := httptest.NewServer(mux)
	defer server.Close()
	a, err := network(t, rules(t, false, "127.0.0.1"), nil, server.URL).Ping(t.Context(), "a")
	if err != nil || a.Status != 308 || a.Error != "answered 308 Permanent Redirect; redirects are not followed" {
		t.Errorf("Ping = %+v, %v", a, err)
	}
}

func TestCertificatesAreVerified(t *testing.T) {
	t.Parallel()
	protocol := make(chan string, 1)
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { protocol <- r.Proto }))
	server.EnableHTTP2 = true
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelDebug)
	server.StartTLS()
	defer server.Close()
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	local := rules(t, false, "127.0.0.0/8")
	if a, err := network(t, local, roots, server.URL).Ping(t.Context(), "a"); err != nil || a.Error != "" || <-protocol != "HTTP/2.0" {
		t.Errorf("Ping = %+v, %v", a, err)
	}
	if a, err := network(t, local, x509.NewCertPool(), server.URL).Ping(t.Context(), "a"); err != nil || !strings.Contains(a.Error, "certificate") {
		t.Errorf("Ping = %+v, %v", a, err)
	}
}

func TestErrorsOfConnectionsDoNotTellTheURL(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(nil)
	server.Close()
	a, err := network(t, rules(t, false, "127.0.0.1"), nil, server.URL+"/?"+token).Ping(t.Context(), "a")
	if err != nil || !strings.Contains(a.Error, "connection refused") || strings.Contains(a.Error, token) {
		t.Errorf("Ping = %+v, %v", a, err)
	}
}

type wall struct{}

func (wall) Now() time.Time { return time.Now() }

type quiet struct{}

func (quiet) RecordPositionCreated(string, string)     {}
func (quiet) RecordSettlementProcessed(string, string) {}
func (quiet) RecordBalanceChange(string, string)       {}
func (quiet) RecordBatch(int, time.Duration)           {}
func (quiet) RecordRefused(string)                     {}
func (quiet) RecordProjection(int, time.Duration)      {}
func (quiet) SetProjectionLag(int)                     {}
func (quiet) SetQueueDepth(int)                        {}
func (quiet) RecordReload()                            {}

// A custodian's events arrive as its HTTP face shows them.
func TestTheEventsOfAnEngineArrive(t *testing.T) {
	t.Parallel()
	assets := asset.NewRegistry()
	e := engine.New(engine.Config{
		Instance: "webhook-test", Seed: 1, Rules: sim.Rules{Assets: assets, AutoOpen: true, MaxAccounts: 10, MaxHoldings: 10, MaxOpenSettlements: 10},
		Journal: memory.NewStore().Journal("webhook_test"), Clock: wall{}, Metrics: quiet{},
		Logger: slog.New(slog.DiscardHandler), Limits: engine.DefaultLimits(),
	})
	stop, end := context.WithCancel(context.Background())
	ran := make(chan error, 2)
	go func() { ran <- e.Run(stop, context.Background()) }()
	<-e.Serving()

	bodies := make(chan []byte, 10)
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var body json.RawMessage
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
			t.Error(err)
		}
		bodies <- body
	}))
	defer server.Close()
	encoder := view.NewEncoder(assets)
	m, err := webhook.New(webhook.Options{
		Instance: "webhook-test", Source: e, Cursors: newCursors(), Targets: rules(t, false, "127.0.0.1"),
		Render:    func(r engine.Recorded) ([]byte, error) { return encoder.Event(nil, r.Event, r.Hash), nil },
		Endpoints: []webhook.Endpoint{{ID: "a", URL: server.URL, Secret: secret, Events: []string{"account.*"}, From: 1}},
	})
	if err != nil {
		t.Fatal(err)
	}
	delivering, endDelivering := context.WithCancel(context.Background())
	go func() { ran <- deliver(delivering, context.Background(), m) }()
	if _, err := e.Do(t.Context(), sim.Request{Command: sim.OpenAccount{AccountID: "fund-a"}}); err != nil {
		t.Fatal(err)
	}
	var payload struct {
		Type      string
		Timestamp time.Time
		Data      view.Event
	}
	body := <-bodies
	if err := json.Unmarshal(body, &payload); err != nil {
		t.Fatal(err)
	}
	if payload.Type != "account.opened" || payload.Data.Type != payload.Type || payload.Data.Sequence == 0 ||
		payload.Data.Time != payload.Timestamp.UTC().Format("2006-01-02T15:04:05.999999Z07:00") ||
		!strings.Contains(string(payload.Data.Data), `"account_id":"fund-a"`) {
		t.Errorf("got %s", body)
	}
	endDelivering()
	if err := <-ran; err != nil {
		t.Error(err)
	}
	end()
	if err := <-ran; err != nil {
		t.Error(err)
	}
	if s := m.List()[0]; s.Cursor != payload.Data.Sequence {
		t.Errorf("status is %+v", s)
	}
}
