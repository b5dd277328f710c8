package httpapi_test

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/asset"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/engine"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/httpapi"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/profile"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/webhook"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/store/memory"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// newCustodian runs an engine on a journal in memory until the test ends.
func newCustodian(t testing.TB, profiles ...string) *engine.Engine {
	t.Helper()
	var kept *profile.Resolved
	for _, name := range profiles {
		p, ok := profile.Builtin(name)
		if !ok {
			t.Fatalf("there is no profile %s", name)
		}
		resolved, err := p.Resolve()
		if err != nil {
			t.Fatal(err)
		}
		kept = resolved
	}
	e := engine.New(engine.Config{
		Instance: "http-test", Seed: 1,
		Rules: sim.Rules{
			Assets: asset.NewRegistry(), AutoOpen: true,
			MaxAccounts: 1_000_000, MaxHoldings: 1_000_000, MaxOpenSettlements: 100_000,
			Profile: kept,
		},
		Journal: memory.NewStore().Journal("http_test"),
		Clock:   &ticking{now: time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)},
		Metrics: unmetered{}, Logger: slog.New(slog.DiscardHandler), Limits: engine.DefaultLimits(),
	})
	stop, end := context.WithCancel(context.Background())
	ran := make(chan error, 1)
	go func() { ran <- e.Run(stop, context.Background()) }()
	t.Cleanup(func() {
		end()
		if err := <-ran; err != nil {
			t.Errorf("engine: %v", err)
		}
	})
	select {
	case <-e.Serving():
	case err := <-ran:
		t.Fatalf("engine: %v", err)
	}
	return e
}

// ticking is a clock on which every look takes a millisecond.
type ticking struct {
	mu  sync.Mutex
	now time.Time
}

func (c *ticking) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(time.Millisecond)
	return c.now
}

type unmetered struct{}

func (unmetered) RecordPositionCreated(string, string)     {}
func (unmetered) RecordSettlementProcessed(string, string) {}
func (unmetered) RecordBalanceChange(string, string)       {}
func (unmetered) RecordBatch(int, time.Duration)           {}
func (unmetered) RecordRefused(string)                     {}
func (unmetered) RecordProjection(int, time.Duration)      {}
func (unmetered) SetProjectionLag(int)                     {}
func (unmetered) SetQueueDepth(int)                        {}
func (unmetered) RecordReload()                            {}

// forgetful keeps no cursors.
type forgetful struct{}

func (forgetful) Added(context.Context) (map[string]webhook.State, error) { return nil, nil }

func (forgetful) Load(context.Context, string) (webhook.State, bool, error) {
	return webhook.State{}, false, nil
}
func (forgetful) Save(context.Context, string, webhook.State) error { return nil }
func (forgetful) Delete(context.Context, string) error              { return nil }

// bundle is the face of a custodian of its own.
type bundle struct {
	t         testing.TB
	custodian *engine.Engine
	handler   http.Handler
}

// setup returns a face, with options that change may change.
func setup(t testing.TB, change func(*httpapi.Options)) *bundle {
	t.Helper()
	b := &bundle{t: t, custodian: newCustodian(t)}
	options := httpapi.Options{
		Custodian: b.custodian, Assets: asset.NewRegistry(), Logger: slog.New(slog.DiscardHandler),
		Metrics:  http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "up 1\n") }),
		Instance: "http-test", Version: "v1",
	}
	manager, err := webhook.New(webhook.Options{Instance: "http-test", Source: b.custodian, Cursors: forgetful{},
		Render: func(engine.Recorded) ([]byte, error) { return []byte("{}"), nil }})
	if err != nil {
		t.Fatal(err)
	}
	options.Webhooks = manager
	if change != nil {
		change(&options)
	}
	b.handler = httpapi.New(options)
	return b
}

// answer is what a request was answered with.
type answer struct {
	status int
	header http.Header
	text   string
	json   map[string]any
}

// get returns a member of the answer by its path, such as "results.0.status".
func (a answer) get(path string) any {
	var at any = a.json
	for step := range strings.SplitSeq(path, ".") {
		switch v := at.(type) {
		case map[string]any:
			at = v[step]
		case []any:
			i := int(step[0] - '0')
			if i >= len(v) {
				return nil
			}
			at = v[i]
		default:
			return nil
		}
	}
	return at
}

// text returns a member that is a string.
func (a answer) str(path string) string {
	s, _ := a.get(path).(string)
	return s
}

// send sends a request with headers given as name, value, … and holds the answer
// against the OpenAPI document.
func (b *bundle) send(method, path, body string, headers ...string) answer {
	b.t.Helper()
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	b.handler.ServeHTTP(w, r)
	a := answer{status: w.Code, header: w.Header(), text: w.Body.String()}
	if strings.Contains(w.Header().Get("Content-Type"), "json") {
		if err := json.Unmarshal(w.Body.Bytes(), &a.json); err != nil {
			b.t.Fatalf("%s %s answered %q: %v", method, path, a.text, err)
		}
	}
	if a.header.Get("X-Request-Id") == "" {
		b.t.Errorf("%s %s was answered without a request id", method, path)
	}
	checkAgainstDocument(b.t, r, a)
	return a
}

// must sends a request and fails the test unless the status is as wanted.
func (b *bundle) must(status int, method, path, body string, headers ...string) answer {
	b.t.Helper()
	a := b.send(method, path, body, headers...)
	if a.status != status {
		b.t.Fatalf("%s %s %s answered %d, want %d: %s", method, path, body, a.status, status, a.text)
	}
	return a
}

// expect checks members of an answer, given as path, value, ….
func (a answer) expect(t testing.TB, members ...any) {
	t.Helper()
	for i := 0; i < len(members); i += 2 {
		if got := a.get(members[i].(string)); got != members[i+1] {
			t.Errorf("%s = %v, want %v, in %s", members[i], got, members[i+1], a.text)
		}
	}
}
