//go:build integration

package console_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"testing"
	"time"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/obs"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/store/storetest/servers"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/supervisor"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/supervisor/admin"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/supervisor/admin/wire"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/supervisor/config"
)

// place is a supervisor that keeps everything in memory, with its admin API.
type place struct {
	t    *testing.T
	url  string
	live *supervisor.Supervisor
}

func freePort(t *testing.T) int {
	t.Helper()
	port, err := servers.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// bank is a custody bank whose clock stands still, and whose transfers take two
// approvals.
const bank = `{"name": "bank", "http_port": %d, "grpc_port": %d, "profile": "global-custodian", "clock": {"mode": "manual", "now": "2026-11-23T14:00:00Z"},
	"approvals": {"tiers": [{"required": 2}], "simulated": {"enabled": false}},
	"opening": {"accounts": [{"account_id": "fund", "client_id": "client-1"}, {"account_id": "broker", "client_id": "client-2"}],
		"balances": [{"account_id": "fund", "currency": "USD", "available_balance": "1000000"}],
		"positions": [{"account_id": "broker", "symbol": "ACME", "quantity": "5000"}]}}`

const quick = `{"name": "quick", "http_port": %d, "grpc_port": %d}`

// start starts a supervisor with the two, and with tokens if there are any: role by
// secret.
func start(t *testing.T, tokens map[string]string) *place {
	t.Helper()
	c := config.Default()
	c.DataDir, c.Storage.Driver = t.TempDir(), config.StorageMemory
	c.Admin.Listen = fmt.Sprintf("127.0.0.1:%d", freePort(t))
	for secret, role := range tokens {
		sum := sha256.Sum256([]byte(secret))
		c.Admin.Tokens = append(c.Admin.Tokens, config.Token{Name: role, SHA256: config.KeyHash(hex.EncodeToString(sum[:])), Role: role})
	}
	for _, text := range []string{bank, quick} {
		entry, err := config.ParseInstance(fmt.Appendf(nil, text, freePort(t), freePort(t)))
		if err != nil {
			t.Fatal(err)
		}
		c.Instances = append(c.Instances, entry)
	}
	return startWith(t, c)
}

// startWith starts a supervisor with a configuration.
func startWith(t *testing.T, c config.Config) *place {
	t.Helper()
	logger, metrics := slog.New(slog.DiscardHandler), obs.NewRegistry()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	server, err := admin.Bind(ctx, c.Admin, logger)
	if err != nil {
		t.Fatal(err)
	}
	s, err := supervisor.Open(ctx, supervisor.Options{
		Config: c, Load: func() (config.Config, error) { return c, nil }, Metrics: metrics, Logger: logger, Version: "1.2.3",
	})
	if err != nil {
		t.Fatal(err)
	}
	_, level, _, err := obs.NewLogger(obs.LogOptions{Writer: io.Discard})
	if err != nil {
		t.Fatal(err)
	}
	running, stop := context.WithCancel(context.Background())
	ran, served := make(chan error, 1), make(chan error, 1)
	go func() { ran <- s.Run(running) }()
	go func() {
		served <- server.Serve(admin.New(admin.Options{
			Config: c.Admin, Supervisor: s, Metrics: metrics.Handler(), Level: level, Logger: logger, Context: server.Context(),
			Version: wire.Version{Version: "1.2.3", Go: "go", OS: "linux", Arch: "amd64"},
		}))
	}()
	t.Cleanup(func() {
		stop()
		if err := <-ran; err != nil {
			t.Errorf("the supervisor: %v", err)
		}
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := server.Shutdown(ctx); err != nil {
			t.Errorf("the server: %v", err)
		}
		if err := <-served; err != nil {
			t.Errorf("serving: %v", err)
		}
	})
	p := &place{t: t, url: server.URL(), live: s}
	for deadline := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		if r := s.Readiness(); r.Ready && len(r.NotReady) == 0 {
			return p
		}
		if time.Now().After(deadline) {
			t.Fatalf("not ready: %+v", s.Readiness())
		}
	}
}

// posts sends a request to an instance through its own port, and returns the member
// of the answer.
func (p *place) posts(instance, path, body, member string) string {
	p.t.Helper()
	status, err := p.live.Get(instance)
	if err != nil {
		p.t.Fatal(err)
	}
	resp, err := http.Post("http://"+status.HTTPAddr+path, "application/json", bytes.NewReader([]byte(body)))
	if err != nil {
		p.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	var answer map[string]any
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil || resp.StatusCode >= http.StatusBadRequest {
		p.t.Fatalf("POST %s: %d %v, %v", path, resp.StatusCode, answer, err)
	}
	text, _ := answer[member].(string)
	return text
}

// trade instructs both sides of a trade.
func (p *place) trade(id string) {
	p.t.Helper()
	const body = `{"settlement_type":%q,"account_id":%q,"symbol":"ACME","quantity":"100","payment":{"currency":"USD","amount":"19000.00"},"counterparty_account":%q,"external_id":%q}`
	p.posts("bank", "/api/v1/settlements", fmt.Sprintf(body, "DVP", "broker", "fund", "sell-"+id), "")
	p.posts("bank", "/api/v1/settlements", fmt.Sprintf(body, "RVP", "fund", "broker", "buy-"+id), "")
}

func (p *place) deposit(id string) {
	p.t.Helper()
	p.posts("quick", "/api/v1/settlements", fmt.Sprintf(`{"settlement_type":"DEPOSIT","account_id":"a","symbol":"BTC-USD","quantity":"1.5","external_id":%q}`, id), "")
}

// adds adds an instance with what its entry has beside name and ports, and does not wait
// for it.
func (p *place) adds(name, more string) {
	p.t.Helper()
	entry, err := config.ParseInstance(fmt.Appendf(nil, `{"name": %q, "http_port": %d, "grpc_port": %d%s}`, name, freePort(p.t), freePort(p.t), more))
	if err != nil {
		p.t.Fatal(err)
	}
	if _, err := p.live.Add(p.t.Context(), entry, false); err != nil {
		p.t.Fatal(err)
	}
}

// unfinished begins a request to an instance, which waits for the rest of it.
func (p *place) unfinished(instance string) (finish func()) {
	p.t.Helper()
	status, err := p.live.Get(instance)
	if err != nil {
		p.t.Fatal(err)
	}
	const body = `{"settlement_type":"DEPOSIT","account_id":"a","symbol":"BTC-USD","quantity":"1"}`
	reader, writer := io.Pipe()
	answered := make(chan error, 1)
	go func() {
		resp, err := http.Post("http://"+status.HTTPAddr+"/api/v1/settlements", "application/json", reader)
		if err == nil {
			err = resp.Body.Close()
		}
		answered <- err
	}()
	if _, err := io.WriteString(writer, body[:10]); err != nil {
		p.t.Fatal(err)
	}
	return func() {
		_, err := io.WriteString(writer, body[10:])
		if err := errors.Join(err, writer.Close(), <-answered); err != nil {
			p.t.Error(err)
		}
	}
}
