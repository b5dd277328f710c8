//go:build integration

package console_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strconv"
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

func TestInstancesAreShownAddedAndTakenThroughTheirLife(t *testing.T) {
	t.Parallel()
	p := start(t, nil)
	for n := range 20 {
		p.deposit(fmt.Sprint("before-", n))
	}
	p.trade("1")
	b := open(t, p.url)
	b.visit("")
	b.sees("bank", "quick", "running", "open settlements", "live")
	b.until(`[...document.querySelectorAll("tr")].some((r) => r.innerText.includes("bank") && r.innerText.includes("global-custodian"))`)
	p.deposit("while it is looked at")
	b.until(`document.querySelectorAll("svg.spark polyline").length === 2 && document.querySelector("svg.spark polyline").getAttribute("points").split(" ").length > 3`)
	b.looks("fleet")
	b.dark(true)
	b.looks("fleet-dark")
	b.dark(false)
	b.types("q", "qui")
	b.until(`document.querySelectorAll("tbody tr").length === 1`)
	b.quiet()

	// Wrong fields are told beside them.
	b.visit("add")
	b.sees("Add an instance")
	b.looks("add")
	b.types("name", "Not A Label")
	b.clicks("Add and start")
	b.until(`document.querySelector("[name=name]").getAttribute("aria-invalid") === "true"`)
	b.looks("add-refused")
	b.types("name", "third")
	b.chooses("profile", "prime-broker")
	b.types("http_port", strconv.Itoa(freePort(t)))
	b.types("grpc_port", strconv.Itoa(freePort(t)))
	b.clicks("More")
	b.types("more", `{"opening": {"accounts": [`)
	b.clicks("Add and start")
	b.sees("is no JSON")
	b.types("more", `{"opening": {"accounts": [{"account_id": "fund-x"}]}}`)
	b.clicks("Add and start")
	b.sees("third runs", "prime-broker", "Overview")
	b.quiet(http.StatusUnprocessableEntity)

	state := func(name, state string) {
		t.Helper()
		b.until(fmt.Sprintf(`document.querySelector("h1").innerText.startsWith(%q) && document.querySelector("h1 .badge")?.innerText === %q`, name, state))
	}
	state("third", "running")
	b.clicks("Pause")
	state("third", "paused")
	b.clicks("Resume")
	state("third", "running")
	b.opens("Restart")
	b.looks("dialog")
	b.presses(escape)
	b.closed()
	b.opens("Restart")
	b.clicks("Restart")
	b.sees("Restarting third")
	state("third", "running")
	b.opens("Clone")
	b.types("name", "bank")
	b.clicks("Clone")
	b.sees("exists already")
	b.types("name", "fourth")
	b.types("http_port", strconv.Itoa(freePort(t)))
	b.types("grpc_port", strconv.Itoa(freePort(t)))
	b.clicks("Clone")
	b.sees("fourth is a copy of third")
	b.opens("Drain")
	b.types("grace", "soon")
	b.clicks("Drain")
	b.sees("must be a duration")
	b.types("grace", "5s")
	b.clicks("Drain")
	state("third", "drained")
	b.looks("drained")
	b.clicks("Start")
	state("third", "running")
	b.opens("Reset")
	b.clicks("Reset")
	b.sees("third is back at its opening")
	state("third", "running")
	b.opens("Remove")
	b.clicks("Remove")
	b.until(`location.hash === "#/"`)
	b.sees("fourth")
	b.until(`![...document.querySelectorAll("tbody a")].some((a) => a.innerText === "third")`)
	b.quiet(http.StatusUnprocessableEntity, http.StatusConflict)

	b.visit("process")
	b.sees("Process", "1.2.3", "What happened to instances", "removed")
	b.looks("process")
	b.chooses("level", "debug")
	b.sees("The log level is debug")
	b.clicks("Documentation")
	b.sees("Custodian supervisor", "The first minute")
	b.looks("docs")
	b.clicks("What goes wrong")
	b.sees("The rule behind all of it")
	b.looks("docs-supervisor")
	b.visit("instances/nobody")
	b.sees("There is no such instance")
	b.quiet()
}

func TestTheBooksOfAnInstanceAreShownAndWorkedOn(t *testing.T) {
	t.Parallel()
	p := start(t, nil)
	p.trade("1")
	p.posts("bank", "/api/v1/transfers", `{"rail":"wire_domestic","direction":"OUT","account_id":"fund","symbol":"USD","quantity":"25000.00","requested_by":"alice",
		"external_id":"wire-1","beneficiary":{"name":"Broker Ltd","account":"12345678","bank":"CHASUS33"}}`, "")
	b := open(t, p.url)
	b.visit("instances/bank")
	b.sees("Where and what", "Requests a second", "2\nopen settlements", "1\nto approve")
	b.looks("instance")

	b.clicks("Accounts")
	b.sees("client-1", "SEGREGATED")
	b.clicks("Freeze")
	b.sees("FROZEN")
	b.looks("accounts")
	b.clicks("Unfreeze")
	b.until(`!document.querySelector("main").innerText.includes("FROZEN")`)
	b.clicks("Positions")
	b.sees("ACME", "5000")
	b.looks("positions")
	b.clicks("Balances")
	b.sees("974975.00", "25025.00") // after the reservation, and its fee
	b.looks("balances")
	b.quiet()

	b.clicks("Settlements")
	b.sees("sell-1", "buy-1")
	b.looks("settlements")
	b.types("external_id", "buy-1")
	b.presses(enter)
	b.until(`document.querySelectorAll("tbody tr").length === 1`)
	b.chooses("status", "COMPLETED")
	b.sees("There is no settlement like that.")

	b.clicks("Clock")
	b.sees("manual")
	b.types("by", "25h")
	b.clicks("Advance")
	b.sees("events happened on the way")
	b.clicks("To the next event")
	b.looks("clock")
	b.chooses("mode", "scaled")
	b.types("factor", "0")
	b.clicks("Set the clock")
	b.until(`document.querySelector("[name=factor]").getAttribute("aria-invalid") === "true"`)
	b.clicks("Settlements")
	b.clicks("sell-1")
	b.sees("What happened", "COMPLETED", "19000.00", "broker")
	b.until(`document.querySelectorAll("ol.history table").length > 0`)
	b.looks("settlement")
	b.quiet(http.StatusUnprocessableEntity)

	b.visit("instances/bank/settlements")
	p.trade("2")
	b.sees("sell-2") // as it happens
	b.clicks("sell-2")
	b.clicks("Hold")
	b.sees("It is held")
	b.clicks("Release")
	b.sees("It is released")
	b.opens("Cancel")
	b.clicks("Cancel it")
	b.closed()
	b.quiet()

	b.visit("instances/bank/transfers")
	b.sees("wire-1")
	b.looks("transfers")
	b.quiet()
}

func TestTransfersAreApprovedFaultsSwitchedAndEventsFollowed(t *testing.T) {
	t.Parallel()
	p := start(t, nil)
	p.posts("bank", "/api/v1/transfers", `{"rail":"wire_domestic","direction":"OUT","account_id":"fund","symbol":"USD","quantity":"25000.00","requested_by":"alice",
		"external_id":"wire-1","beneficiary":{"name":"Broker Ltd","account":"12345678","bank":"CHASUS33"}}`, "")
	b := open(t, p.url)
	b.visit("instances/bank/transfers")
	b.sees("AWAITING_APPROVAL", "0 of 2")
	b.opens("Approve")
	b.types("by", "alice")
	b.clicks("Approve")
	b.sees("nobody approves or rejects his own request")
	b.looks("approve-refused")
	b.types("by", "bob")
	b.clicks("Approve")
	b.closed()
	b.sees("1 of 2")
	b.opens("Reject")
	b.types("by", "carol")
	b.types("reason", "too much")
	b.clicks("Reject")
	b.closed()
	b.sees("REJECTED")
	b.quiet(http.StatusForbidden, http.StatusConflict, http.StatusUnprocessableEntity)

	b.clicks("Faults")
	b.sees("Nothing goes wrong on purpose.")
	b.opens("Take the custodian away")
	b.types("error_message", "system maintenance")
	b.types("duration_s", "600")
	b.clicks("Switch on")
	b.closed()
	b.sees("system maintenance")
	b.looks("faults")
	b.clicks("Clear all")
	b.sees("Nothing goes wrong on purpose.")
	b.opens("Let settlements fail")
	b.types("failure_rate", "2")
	b.clicks("Switch on")
	b.until(`document.querySelector("dialog [name=failure_rate]").getAttribute("aria-invalid") === "true"`)
	b.types("failure_rate", "0.5")
	b.clicks("Switch on")
	b.closed()
	b.sees("partial")
	b.clicks("Clear")
	b.sees("Nothing goes wrong on purpose.")
	b.opens("A rule")
	b.clicks("Switch on")
	b.sees("latency_ms")
	b.quiet(http.StatusUnprocessableEntity, http.StatusBadRequest)

	b.visit("instances/quick/events")
	b.sees("Events")
	p.deposit("seen-1")
	b.sees("seen-1")
	b.looks("events")
	b.clicks("Hold")
	p.deposit("seen-2")
	b.clicks("Go on")
	b.sees("seen-2")
	b.clicks("Configuration")
	b.sees("http_port", "that of the process: info")
	b.looks("configuration")
	b.chooses("level", "debug")
	b.sees("quick logs at debug")
	b.chooses("level", "")
	b.sees("quick logs at info")
	b.quiet()
}

func TestTheConsoleShowsWhatATokenAllows(t *testing.T) {
	t.Parallel()
	p := start(t, map[string]string{"a-secret-of-those-who-operate": "operate", "a-secret-of-those-who-read": "read"})
	b := open(t, p.url)
	b.visit("")
	b.sees("Sign in")
	b.looks("sign-in")
	b.types("token", "guessed")
	b.clicks("Sign in")
	b.sees("token")
	b.until(`document.querySelector(".notice.warn")`)
	b.types("token", "a-secret-of-those-who-read")
	b.clicks("Sign in")
	b.sees("bank", "token read, read")
	b.until(`![...document.querySelectorAll("button")].some((b) => b.innerText.startsWith("Drain"))`)
	b.visit("instances/bank/faults")
	b.sees("Nothing goes wrong on purpose.")
	b.until(`![...document.querySelectorAll("button")].some((b) => b.innerText.startsWith("Take the custodian"))`)
	b.quiet(http.StatusUnauthorized)
	b.clicks("Sign out")
	b.types("token", "a-secret-of-those-who-operate")
	b.clicks("Sign in")
	b.sees("token operate, operate", "Take the custodian away")
	b.narrow()
	b.visit("")
	b.sees("bank")
	b.looks("narrow")
	// Nothing is wider than the screen.
	b.until(`document.documentElement.scrollWidth <= 390`)
	b.visit("instances/bank/accounts")
	b.sees("client-1")
	b.looks("narrow-accounts")
	b.until(`document.documentElement.scrollWidth <= 390`)
	b.quiet(http.StatusUnauthorized)

	// Without a pointer: the first stop leads to the content, the next through it.
	b.reload()
	b.sees("client-1")
	b.presses(tab)
	b.until(`document.activeElement.className === "skip"`)
	b.presses(enter)
	b.until(`document.activeElement.id === "main"`)
	b.presses(tab)
	b.until(`document.activeElement.tagName === "BUTTON" && document.activeElement.innerText === "Drain"`)
	b.presses(enter)
	b.until(`document.querySelector("dialog").open && document.activeElement.closest("dialog")`)
	b.presses(escape)
	b.closed()
	b.quiet(http.StatusUnauthorized)
}
