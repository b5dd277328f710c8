package supervisor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/obs"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/store/storetest/servers"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/supervisor/config"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience bounds every wait of a test, and testPatience a test with all of its
// waits; generously: the machine may be busy.
const (
	patience     = time.Minute
	testPatience = 5 * time.Minute
)

var discard = slog.New(slog.DiscardHandler)

// harness is a running supervisor.
type harness struct {
	*Supervisor
	t       *testing.T
	ctx     context.Context // ends with testPatience
	metrics *obs.Registry
	stop    context.CancelFunc
	ran     chan error
	ended   sync.Once
	ending  error // what Run returned
}

// options shape the supervisor of a test.
type options struct {
	config config.Config
	load   func() (config.Config, error)
	wrap   func(spec Spec, j sim.Journal) sim.Journal
	logger *slog.Logger
	// tracing follows requests; nil for nobody.
	tracing *obs.Tracing
}

// testConfig keeps everything in memory and drains quickly.
func testConfig(t *testing.T) config.Config {
	t.Helper()
	c := config.Default()
	c.DataDir = t.TempDir()
	c.Storage.Driver = config.StorageMemory
	c.Admin.Listen = fmt.Sprintf("127.0.0.1:%d", freePort(t))
	c.Defaults.Restart.Initial = config.Duration(time.Millisecond)
	c.Defaults.Restart.Max = config.Duration(5 * time.Millisecond)
	c.Defaults.DrainGrace = config.Duration(10 * time.Second)
	return c
}

func freePort(t testing.TB) int {
	t.Helper()
	port, err := servers.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// entry parses an instance's entry on ports of its own; more is the rest of
// the JSON object.
func entry(t testing.TB, name string, more ...string) config.Instance {
	t.Helper()
	fields := append([]string{fmt.Sprintf(`"name":%q`, name)}, more...)
	if !strings.Contains(strings.Join(more, ","), "http_port") {
		fields = append(fields, fmt.Sprintf(`"http_port":%d,"grpc_port":%d`, freePort(t), freePort(t)))
	}
	i, err := config.ParseInstance([]byte("{" + strings.Join(fields, ",") + "}"))
	if err != nil {
		t.Fatal(err)
	}
	return i
}

// launch starts a supervisor and waits until its first round of starts is over.
func launch(t *testing.T, o options) *harness {
	t.Helper()
	h := open(t, o)
	h.run()
	return h
}

func open(t *testing.T, o options) *harness {
	t.Helper()
	if o.load == nil {
		o.load = func() (config.Config, error) { return o.config, nil }
	}
	if o.logger == nil {
		o.logger = discard
	}
	ctx, cancel := context.WithTimeout(context.Background(), testPatience)
	t.Cleanup(cancel)
	h := &harness{t: t, ctx: ctx, metrics: obs.NewRegistry(), ran: make(chan error, 1)}
	s, err := Open(ctx, Options{Config: o.config, Load: o.load, Metrics: h.metrics, Tracing: o.tracing, Logger: o.logger, Version: "test"})
	if err != nil {
		t.Fatal(err)
	}
	s.host.storages.wrap = o.wrap
	h.Supervisor = s
	return h
}

func (h *harness) run() {
	h.t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	h.stop = stop
	go func() { h.ran <- h.Run(ctx) }()
	h.t.Cleanup(h.end)
	h.until("the first round of starts is over", func() bool { return h.Readiness().Ready })
}

// end stops the supervisor in good order and waits for that.
func (h *harness) end() {
	h.ended.Do(func() {
		h.stop()
		select {
		case err := <-h.ran:
			if _, cut := errors.AsType[*CutOffError](err); err != nil && !cut {
				h.t.Errorf("Run: %v", err)
			}
			h.ending = err
		case <-time.After(2 * patience):
			h.t.Error("Run does not return")
		}
	})
}

// until waits for a condition that events announce.
func (h *harness) until(what string, met func() bool) {
	h.t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	for !met() {
		select {
		case <-tick.C:
		case <-deadline.C:
			h.t.Fatalf("waited in vain until %s; instances: %+v", what, h.List())
		}
	}
}

// awaitState waits for a state and returns the status.
func (h *harness) awaitState(name string, state State) Status {
	h.t.Helper()
	var status Status
	h.until(fmt.Sprintf("%s is %s", name, state), func() bool {
		var err error
		status, err = h.Get(name)
		return err == nil && status.State == state
	})
	return status
}

// add adds an instance that must come up.
func (h *harness) add(name string, more ...string) Status {
	h.t.Helper()
	status, err := h.Add(h.ctx, entry(h.t, name, more...), true)
	if err != nil {
		h.t.Fatalf("adding %s: %v", name, err)
	}
	return status
}

// must fails the test on an error of an operation.
func (h *harness) must(status Status, err error) Status {
	h.t.Helper()
	if err != nil {
		h.t.Fatal(err)
	}
	return status
}

// states returns the states that an instance went through, in order and
// without the steps of a drain.
func (h *harness) states(name string) []string {
	kept, _ := h.Events(0)
	var states []string
	for _, e := range kept {
		if e.Instance == name && (len(states) == 0 || states[len(states)-1] != e.State) {
			states = append(states, e.State)
		}
	}
	return states
}

// client is an HTTP client without connections kept from one request to the
// next, so that none of them outlives a test.
var client = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: patience}

// answer is what came back of a request.
type answer struct {
	status int
	body   string
	header http.Header
}

func (a answer) code() string {
	var problem struct{ Code string }
	_ = json.Unmarshal([]byte(a.body), &problem)
	return problem.Code
}

func request(ctx context.Context, method, addr, path, body string) (answer, error) {
	r, err := http.NewRequestWithContext(ctx, method, "http://"+addr+path, strings.NewReader(body))
	if err != nil {
		return answer{}, err
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	resp, err := client.Do(r)
	if err != nil {
		return answer{}, err
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	return answer{resp.StatusCode, string(text), resp.Header}, err
}

// call sends a request that must be answered.
func (h *harness) call(method, addr, path, body string) answer {
	h.t.Helper()
	a, err := request(h.ctx, method, addr, path, body)
	if err != nil {
		h.t.Fatalf("%s %s: %v", method, path, err)
	}
	return a
}

// want sends a request that must be answered with a status.
func (h *harness) want(status int, method, addr, path, body string) answer {
	h.t.Helper()
	a := h.call(method, addr, path, body)
	if a.status != status {
		h.t.Fatalf("%s %s: %d %s, want %d", method, path, a.status, a.body, status)
	}
	return a
}

// deposit books something, so that an instance has history.
func (h *harness) deposit(addr, id string) answer {
	h.t.Helper()
	return h.want(http.StatusCreated, http.MethodPost, addr, "/api/v1/settlements", depositBody(id))
}

func depositBody(id string) string {
	return fmt.Sprintf(`{"settlement_type":"DEPOSIT","account_id":"a","symbol":"BTC-USD","quantity":"1","external_id":%q}`, id)
}

// settlements counts what the books of an instance hold.
func (h *harness) settlements(addr string) int {
	h.t.Helper()
	a := h.want(http.StatusOK, http.MethodGet, addr, "/api/v1/settlements?limit=1000", "")
	var list struct{ Settlements []json.RawMessage }
	if err := json.Unmarshal([]byte(a.body), &list); err != nil {
		h.t.Fatal(err)
	}
	return len(list.Settlements)
}

// dialGRPC connects to an instance for as long as the test lasts.
func dialGRPC(t *testing.T, addr string) *grpc.ClientConn {
	t.Helper()
	conn, err := grpc.NewClient(addr, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// refuses reports whether nobody listens on an address.
func refuses(addr string) bool {
	conn, err := (&net.Dialer{Timeout: time.Second}).Dial("tcp", addr)
	if err == nil {
		_ = conn.Close()
	}
	return err != nil
}

// scrape returns the series that name an instance.
func (h *harness) scrape(containing string) []string {
	h.t.Helper()
	w := httptest.NewRecorder()
	h.metrics.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	var lines []string
	for line := range strings.SplitSeq(w.Body.String(), "\n") {
		if !strings.HasPrefix(line, "#") && strings.Contains(line, containing) {
			lines = append(lines, line)
		}
	}
	slices.Sort(lines)
	return lines
}

// wantKind checks an error's kind and that it names all of what it must.
func wantKind(t *testing.T, err error, kind Kind, naming ...string) {
	t.Helper()
	refusal, ok := errors.AsType[*Error](err)
	if !ok || refusal.Kind != kind {
		t.Fatalf("got error %v, want one of kind %s", err, kind)
	}
	for _, name := range naming {
		if !strings.Contains(err.Error(), name) {
			t.Errorf("error %q does not name %q", err, name)
		}
	}
}

// logBuffer is a log that can be read while it is written.
type logBuffer struct {
	mu   sync.Mutex
	text strings.Builder
}

// Write implements [io.Writer].
func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}
