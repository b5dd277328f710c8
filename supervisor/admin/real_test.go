package admin_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/obs"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/store/storetest/servers"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/supervisor"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/supervisor/admin"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/supervisor/admin/client"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/supervisor/admin/wire"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/supervisor/config"
)

// patience bounds every wait of these tests, generously: the machine may be busy.
const patience = time.Minute

// started is a whole process but for its command line: a supervisor that keeps
// everything in memory, its admin API, and a client.
type started struct {
	*client.Client
	url     string
	ctx     context.Context
	metrics *obs.Registry
	end     func()
}

func port(t *testing.T) int {
	t.Helper()
	port, err := servers.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	return port
}

func ports(t *testing.T) string {
	t.Helper()
	return fmt.Sprintf(`"http_port":%d,"grpc_port":%d`, port(t), port(t))
}

func start(t *testing.T, inFile ...string) *started {
	t.Helper()
	c := config.Default()
	c.DataDir, c.Storage.Driver = t.TempDir(), config.StorageMemory
	c.Admin.Listen = fmt.Sprintf("127.0.0.1:%d", port(t))
	c.Instances = []config.Instance{}
	for _, text := range inFile {
		c.Instances = append(c.Instances, entry(t, text))
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	logger, metrics := slog.New(slog.DiscardHandler), obs.NewRegistry()
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
	running, stop := context.WithCancel(context.Background())
	ran, served := make(chan error, 1), make(chan error, 1)
	go func() { ran <- s.Run(running) }()
	o := options(nil)
	o.Config, o.Supervisor, o.Metrics, o.Middleware, o.Context = c.Admin, s, metrics.Handler(), metrics.AdminMiddleware, server.Context()
	go func() { served <- server.Serve(admin.New(o)) }()
	p := &started{Client: dial(t, server.URL(), ""), url: server.URL(), ctx: ctx, metrics: metrics}
	p.end = func() {
		stop()
		if err := <-ran; err != nil {
			t.Errorf("the supervisor: %v", err)
		}
		if err := server.Shutdown(ctx); err != nil {
			t.Errorf("the server: %v", err)
		}
		if err := <-served; err != nil {
			t.Errorf("serving: %v", err)
		}
	}
	t.Cleanup(func() {
		if p.end != nil {
			p.end()
		}
		p.Close()
		cancel()
	})
	return p
}

// until follows the events until one of an instance has a state, and returns
// the states on the way there.
func (p *started) until(t *testing.T, after uint64, name, state string) []string {
	t.Helper()
	enough := errors.New("enough")
	var states []string
	err := p.Follow(p.ctx, after, name, func(e wire.Event) error {
		states = append(states, strings.TrimSpace(e.State+" "+e.Detail))
		if e.State == state {
			return enough
		}
		return nil
	})
	if !errors.Is(err, enough) {
		t.Fatalf("waiting until %s is %s: %v, after %v", name, state, err, states)
	}
	return states
}

func refused(t *testing.T, err error, status int, naming ...string) {
	t.Helper()
	e, ok := errors.AsType[*client.Error](err)
	if !ok || e.Status != status {
		t.Fatalf("got %v, want status %d", err, status)
	}
	for _, name := range naming {
		if !strings.Contains(e.Detail, name) {
			t.Errorf("%q does not name %q", e.Detail, name)
		}
	}
}

func TestLifeOfAnInstanceByAPI(t *testing.T) {
	t.Parallel()
	p := start(t)
	added, err := p.Add(p.ctx, []byte(`{"name":"one",`+ports(t)+`,"opening":{"balances":[{"account_id":"a","currency":"USD","available_balance":"12.50"}]}}`), true)
	if err != nil || added.State != "running" || !added.Ready || added.ManagedBy != "api" || added.Schema != "one" || added.RedisPrefix != "custodian:one:" {
		t.Fatalf("added %+v, %v", added, err)
	}
	if text := get(p.ctx, t, "http://"+added.HTTPAddr+"/api/v1/balances"); !strings.Contains(text, `"12.50"`) {
		t.Errorf("balances: %s", text)
	}
	if text := p.scrape(t); !strings.Contains(text, `http_requests_total{endpoint="/api/v1/balances",instance="one"`) {
		t.Errorf("no series of the instance in\n%s", text)
	}

	paused, err := p.Pause(p.ctx, "one")
	if err != nil || paused.State != "paused" || paused.Ready {
		t.Errorf("paused %+v, %v", paused, err)
	}
	resumed, err := p.Resume(p.ctx, "one")
	if err != nil || resumed.State != "running" {
		t.Errorf("resumed %+v, %v", resumed, err)
	}
	page, err := p.Events(p.ctx, 0, "one")
	if err != nil {
		t.Fatal(err)
	}
	drained, err := p.Drain(p.ctx, "one", 5*time.Second, true)
	if err != nil || drained.State != "drained" || drained.Drain == nil {
		t.Fatalf("drained %+v, %v", drained, err)
	}
	steps := p.until(t, page.LastID, "one", "drained")
	for _, step := range []string{"draining refusing", "draining flushing", "drained"} {
		if !slices.Contains(steps, step) {
			t.Errorf("no step %q in %q", step, steps)
		}
	}
	if text := p.scrape(t); strings.Contains(text, `instance="one"`) {
		t.Errorf("series are left over in\n%s", text)
	}
	for _, do := range []func() (wire.Instance, error){
		func() (wire.Instance, error) { return p.Start(p.ctx, "one", true) },
		func() (wire.Instance, error) { return p.Restart(p.ctx, "one", 0, true) },
		func() (wire.Instance, error) { return p.Reset(p.ctx, "one", 0, true) },
	} {
		if got, err := do(); err != nil || got.State != "running" {
			t.Errorf("started again: %+v, %v", got, err)
		}
	}
	if err := p.Remove(p.ctx, "one", client.RemoveOptions{Purge: true, Wait: true}); err != nil {
		t.Error(err)
	}
	_, err = p.Instance(p.ctx, "one")
	refused(t, err, http.StatusNotFound, `"one"`)
	if events, err := p.Events(p.ctx, 0, "one"); err != nil || events.Events[len(events.Events)-1].State != wire.StateRemoved {
		t.Errorf("events: %+v, %v", events, err)
	}
}

func TestConflictsNameBothSides(t *testing.T) {
	t.Parallel()
	mine := ports(t)
	p := start(t, `{"name":"one",`+mine+`}`)
	p.until(t, 0, "one", "running")
	_, err := p.Add(p.ctx, []byte(`{"name":"one"}`), true)
	refused(t, err, http.StatusConflict, `"one"`, "file")
	_, err = p.Add(p.ctx, []byte(`{"name":"two",`+mine+`}`), true)
	refused(t, err, http.StatusConflict, `"one"`, `"two"`)
	if e, _ := errors.AsType[*client.Error](err); len(e.Problems) < 2 {
		t.Errorf("problems: %+v", e.Problems)
	}
	_, err = p.Add(p.ctx, []byte(`{"name":"two",`+ports(t)+`,"schema":"one"}`), true)
	refused(t, err, http.StatusConflict, `"one"`, `"two"`, "schema")
	_, err = p.Add(p.ctx, []byte(`{"name":"one-b",`+ports(t)+`}`), true)
	refused(t, err, http.StatusConflict, "custodian:one:")
	err = p.Remove(p.ctx, "one", client.RemoveOptions{Wait: true})
	refused(t, err, http.StatusConflict, "configuration file")
	if list, err := p.Instances(p.ctx); err != nil || len(list) != 1 {
		t.Errorf("left %+v, %v", list, err)
	}
}

func TestDesiredStateIsReplacedAsAWhole(t *testing.T) {
	t.Parallel()
	p := start(t, `{"name":"filed",`+ports(t)+`}`)
	p.until(t, 0, "filed", "running")
	if _, err := p.Add(p.ctx, []byte(`{"name":"old",`+ports(t)+`}`), true); err != nil {
		t.Fatal(err)
	}
	document, etag, err := p.Config(p.ctx)
	if err != nil {
		t.Fatal(err)
	}
	plan, same, err := p.PutConfig(p.ctx, document, etag, false)
	if err != nil || len(plan.Changes) != 0 {
		t.Fatalf("sending it back: %+v, %s, %v", plan, same, err)
	}
	etag = same
	var parsed wire.Config
	if err := json.Unmarshal(document, &parsed); err != nil {
		t.Fatal(err)
	}
	parsed.Instances[1] = json.RawMessage(`{"name":"new",` + ports(t) + `}`)
	parsed.Drained = []string{"filed"}
	edited, err := json.Marshal(parsed)
	if err != nil {
		t.Fatal(err)
	}
	want := []wire.Change{{Action: "drain-and-forget", Instance: "old"}, {Action: "drain", Instance: "filed"}, {Action: "add", Instance: "new"}}
	for _, dryRun := range []bool{true, false} {
		plan, _, err := p.PutConfig(p.ctx, edited, etag, dryRun)
		if err != nil || !slices.Equal(plan.Changes, want) {
			t.Fatalf("dry run %t: %+v, %v", dryRun, plan, err)
		}
	}
	p.until(t, 0, "old", wire.StateRemoved)
	p.until(t, 0, "filed", "drained")
	p.until(t, 0, "new", "running")
	_, _, err = p.PutConfig(p.ctx, edited, etag, false)
	refused(t, err, http.StatusPreconditionFailed)
	parsed.Instances = parsed.Instances[1:]
	if edited, err = json.Marshal(parsed); err != nil {
		t.Fatal(err)
	}
	_, _, err = p.PutConfig(p.ctx, edited, "", false)
	refused(t, err, http.StatusConflict, `"filed"`)
}

func TestAPIAnswersUntilTheLastInstanceIsDrained(t *testing.T) {
	t.Parallel()
	p := start(t, `{"name":"one",`+ports(t)+`}`)
	p.until(t, 0, "one", "running")
	readiness, err := p.Readiness(p.ctx)
	for ; err == nil && !readiness.Ready; readiness, err = p.Readiness(p.ctx) {
		continue // the first round of starts is about to be over
	}
	if err != nil {
		t.Fatal(err)
	}
	one, err := p.Instance(p.ctx, "one")
	if err != nil {
		t.Fatal(err)
	}
	// A request whose body has not come to its end holds up the drain.
	body, rest := io.Pipe()
	answered := make(chan error, 1)
	r, err := http.NewRequestWithContext(p.ctx, http.MethodPost, "http://"+one.HTTPAddr+"/api/v1/accounts", body)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Close = true
	go func() {
		resp, err := http.DefaultClient.Do(r)
		if err == nil {
			if resp.StatusCode != http.StatusCreated {
				err = errors.New(resp.Status)
			}
			_ = resp.Body.Close()
		}
		answered <- err
	}()
	if _, err := io.WriteString(rest, `{"account_id":"late",`); err != nil {
		t.Fatal(err)
	}
	for !strings.Contains(p.scrape(t), `http_requests_in_flight{instance="one",method="POST"} 1`) {
		continue // it is about to arrive
	}
	// The stream is open when the shutdown begins, and tells of it to its end.
	seen := make(chan []string, 1)
	following := make(chan struct{})
	go func() {
		var states []string
		open := sync.OnceFunc(func() { close(following) })
		_ = p.Follow(p.ctx, 0, "one", func(e wire.Event) error {
			open()
			states = append(states, e.State+" "+e.Detail)
			if e.Detail == "finishing" {
				if readiness, err := p.Readiness(p.ctx); err != nil || readiness.Ready || readiness.Status != "draining" {
					t.Errorf("while draining: %+v, %v", readiness, err)
				}
				_, _ = io.WriteString(rest, `"client_id":"c"}`)
				_ = rest.Close()
			}
			if e.Detail == "releasing" {
				return errors.New("enough")
			}
			return nil
		})
		seen <- states
	}()
	<-following
	p.end()
	p.end = nil
	if err := <-answered; err != nil {
		t.Errorf("the request under way: %v", err)
	}
	if states := <-seen; !slices.Contains(states, "draining releasing") {
		t.Errorf("seen %q", states)
	}
}

func (p *started) scrape(t *testing.T) string {
	t.Helper()
	var out strings.Builder
	if err := p.Metrics(p.ctx, &out); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func get(ctx context.Context, t *testing.T, target string) string {
	t.Helper()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, target, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Close = true
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}
