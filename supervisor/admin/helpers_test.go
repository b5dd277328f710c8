package admin_test

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
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/obs"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/supervisor"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/supervisor/admin"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/supervisor/admin/client"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/supervisor/admin/wire"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/supervisor/config"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// double stands in for a supervisor: it keeps what it is told in memory, and
// blocks or fails where a test wants it to.
type double struct {
	mu      sync.Mutex
	list    []supervisor.Status
	doc     supervisor.Document
	version int
	events  []supervisor.Event
	changed chan struct{}
	calls   []string
	// fail is returned by everything that can fail.
	fail error
	// entered gets a value when a waiting call begins, which then lasts until
	// its context ends. Nil for calls that return at once.
	entered chan string
	// onDesired runs after the desired state was read.
	onDesired func()
	readiness supervisor.Readiness
	vitals    map[string]obs.Vitals
}

func newDouble(names ...string) *double {
	d := &double{changed: make(chan struct{}), doc: supervisor.Document{Drained: []string{}, Paused: []string{}}}
	d.readiness = supervisor.Readiness{Ready: true, Status: "ready", Instances: map[string]int{"running": len(names)}, NotReady: []string{}}
	for _, name := range names {
		d.list = append(d.list, supervisor.Status{Name: name, State: supervisor.StateRunning, ManagedBy: supervisor.FromAPI, Ready: true})
		d.doc.Instances = append(d.doc.Instances, supervisor.Entry{Instance: config.Instance{Name: name}, ManagedBy: supervisor.FromAPI})
	}
	return d
}

func (d *double) note(format string, args ...any) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.calls = append(d.calls, fmt.Sprintf(format, args...))
	return d.fail
}

func (d *double) noted() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.calls)
}

func (d *double) happen(name, state string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.events = append(d.events, supervisor.Event{ID: uint64(len(d.events) + 1), Time: time.Unix(1, 0).UTC(), Instance: name, State: state})
	close(d.changed)
	d.changed = make(chan struct{})
}

func (d *double) List() []supervisor.Status { return d.list }

func (d *double) Get(name string) (supervisor.Status, error) {
	for _, s := range d.list {
		if s.Name == name {
			return s, nil
		}
	}
	return supervisor.Status{}, &supervisor.Error{Kind: supervisor.KindNotFound, Message: fmt.Sprintf("there is no instance %q", name)}
}

func (d *double) act(ctx context.Context, name string, wait bool, format string, args ...any) (supervisor.Status, error) {
	if err := d.note(format, args...); err != nil {
		return supervisor.Status{}, err
	}
	if wait && d.entered != nil {
		d.entered <- name
		<-ctx.Done()
		return supervisor.Status{}, ctx.Err()
	}
	return d.Get(name)
}

func (d *double) Add(_ context.Context, entry config.Instance, wait bool) (supervisor.Status, error) {
	if _, err := d.Get(entry.Name); err == nil {
		return supervisor.Status{}, &supervisor.Error{Kind: supervisor.KindConflict, Message: fmt.Sprintf("instance %q exists already", entry.Name)}
	}
	err := d.note("add %s wait=%t", entry.Name, wait)
	return supervisor.Status{Name: entry.Name, State: supervisor.StateStarting}, err
}

func (d *double) Drain(ctx context.Context, name string, grace time.Duration, wait bool) (supervisor.Status, error) {
	return d.act(ctx, name, wait, "drain %s grace=%s wait=%t", name, grace, wait)
}

func (d *double) Start(ctx context.Context, name string, wait bool) (supervisor.Status, error) {
	return d.act(ctx, name, wait, "start %s wait=%t", name, wait)
}

func (d *double) Restart(ctx context.Context, name string, grace time.Duration, wait bool) (supervisor.Status, error) {
	return d.act(ctx, name, wait, "restart %s grace=%s wait=%t", name, grace, wait)
}

func (d *double) Pause(ctx context.Context, name string) (supervisor.Status, error) {
	return d.act(ctx, name, false, "pause %s", name)
}

func (d *double) Resume(ctx context.Context, name string) (supervisor.Status, error) {
	return d.act(ctx, name, false, "resume %s", name)
}

func (d *double) Remove(ctx context.Context, name string, o supervisor.RemoveOptions) (supervisor.Status, error) {
	return d.act(ctx, name, o.Wait, "remove %s grace=%s purge=%t wait=%t", name, o.Grace, o.Purge, o.Wait)
}

func (d *double) Reset(ctx context.Context, name string, grace time.Duration, wait bool) (supervisor.Status, error) {
	return d.act(ctx, name, wait, "reset %s grace=%s wait=%t", name, grace, wait)
}

func (d *double) Snapshot(context.Context, string) (*supervisor.Snapshot, error) {
	return nil, &supervisor.Error{Kind: supervisor.KindConflict, Message: "the double has no books"}
}

func (d *double) Restore(ctx context.Context, name string, from io.Reader) (supervisor.Status, error) {
	body, err := io.ReadAll(from)
	if err != nil {
		return supervisor.Status{}, err
	}
	return d.act(ctx, name, true, "restore %s %s", name, body)
}

func (d *double) Clone(ctx context.Context, name string, o supervisor.CloneOptions) (supervisor.Status, error) {
	return d.act(ctx, name, true, "clone %s %+v", name, o)
}

func (d *double) tag() string { return fmt.Sprintf("%d-x", d.version) }

func (d *double) Desired(context.Context) (supervisor.Document, string, error) {
	d.mu.Lock()
	doc, tag, then := d.doc, d.tag(), d.onDesired
	d.mu.Unlock()
	if then != nil {
		then()
	}
	return doc, tag, d.fail
}

func (d *double) Apply(_ context.Context, doc supervisor.Document, tag string, dryRun bool) ([]supervisor.Change, string, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if tag != d.tag() {
		return nil, "", &supervisor.Error{Kind: supervisor.KindStale, Message: "changed since"}
	}
	changes := []supervisor.Change{}
	for _, entry := range doc.Instances {
		if !slices.ContainsFunc(d.doc.Instances, func(e supervisor.Entry) bool { return e.Instance.Name == entry.Instance.Name }) {
			changes = append(changes, supervisor.Change{Action: "add", Instance: entry.Instance.Name})
		}
	}
	if !dryRun {
		d.doc = doc
		d.version++
	}
	return changes, d.tag(), nil
}

func (d *double) Events(after uint64) ([]supervisor.Event, uint64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	last := uint64(len(d.events))
	return slices.Clone(d.events[min(after, last):]), last
}

func (d *double) Follow(ctx context.Context, after uint64, fn func([]supervisor.Event) error) error {
	for {
		d.mu.Lock()
		batch, changed := slices.Clone(d.events[min(after, uint64(len(d.events))):]), d.changed
		d.mu.Unlock()
		if len(batch) > 0 {
			after = batch[len(batch)-1].ID
			if err := fn(batch); err != nil {
				return err
			}
			continue
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (d *double) Live() []supervisor.Live {
	d.mu.Lock()
	defer d.mu.Unlock()
	out := make([]supervisor.Live, len(d.list))
	for i, status := range d.list {
		out[i] = supervisor.Live{Status: status, Vitals: d.vitals[status.Name]}
	}
	return out
}

// setVitals says how an instance is doing from now on.
func (d *double) setVitals(name string, v obs.Vitals) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.vitals == nil {
		d.vitals = make(map[string]obs.Vitals)
	}
	d.vitals[name] = v
}

// forget takes an instance away.
func (d *double) forget(name string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.list = slices.DeleteFunc(d.list, func(s supervisor.Status) bool { return s.Name == name })
}

func (d *double) Face(name string) (http.Handler, error) {
	status, err := d.Get(name)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = fmt.Fprintf(w, "%s answers %s %s %q", status.Name, r.Method, r.URL.RequestURI(), r.Header.Get("Authorization"))
	}), err
}

func (d *double) Readiness() supervisor.Readiness { return d.readiness }

// level stands in for the log's.
type level struct {
	mu   sync.Mutex
	name string
	own  map[string]string
}

func (l *level) GetInstance(instance string) (string, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if own, found := l.own[instance]; found {
		return own, true
	}
	return l.name, false
}

func (l *level) SetInstance(instance, name string) error {
	if name != "" && !slices.Contains([]string{"debug", "info", "warn", "error"}, name) {
		return errors.New("is no level")
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.own == nil {
		l.own = make(map[string]string)
	}
	l.own[instance] = name
	if name == "" {
		delete(l.own, instance)
	}
	return nil
}

func (l *level) Get() string { l.mu.Lock(); defer l.mu.Unlock(); return l.name }

func (l *level) Set(name string) error {
	if !slices.Contains([]string{"debug", "info", "warn", "error"}, name) {
		return errors.New("is no level")
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.name = name
	return nil
}

// options are those of an API on loopback that anybody may use.
func options(s admin.Supervisor) admin.Options {
	return admin.Options{
		Config: config.Admin{Listen: "127.0.0.1:7080"}, Supervisor: s, Level: &level{name: "info"},
		Logger: slog.New(slog.DiscardHandler), Version: wire.Version{Version: "1.2.3", Go: "go1.26", OS: "linux", Arch: "amd64"},
		Metrics: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "custodian_instances 1\n") }),
	}
}

// serve starts an API and returns its address.
func serve(t *testing.T, o admin.Options) string {
	t.Helper()
	server := httptest.NewServer(admin.New(o))
	t.Cleanup(server.Close)
	return server.URL
}

// dial returns a client of an API.
func dial(t *testing.T, url, token string) *client.Client {
	t.Helper()
	c, err := client.New(client.Options{URL: url, Token: token})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func tokens(named ...string) []config.Token {
	var list []config.Token
	for i, text := range named {
		sum := sha256.Sum256([]byte(text))
		list = append(list, config.Token{Name: fmt.Sprintf("token-%d", i), SHA256: config.KeyHash(hex.EncodeToString(sum[:]))})
	}
	return list
}

// reply is an answer, read to its end.
type reply struct {
	status  int
	header  http.Header
	body    string
	problem wire.Problem
}

// ask handles one request without a network.
func ask(t *testing.T, h http.Handler, method, target, body string, header ...string) reply {
	t.Helper()
	return askFrom(t, h, "127.0.0.1:4000", method, target, body, header...)
}

// askFrom is ask from another address.
func askFrom(t *testing.T, h http.Handler, from, method, target, body string, header ...string) reply {
	t.Helper()
	var reader io.Reader
	if body != "" {
		reader = strings.NewReader(body)
	}
	r := httptest.NewRequestWithContext(t.Context(), method, "http://127.0.0.1:7080"+target, reader)
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	r.RemoteAddr = from
	for i := 0; i < len(header); i += 2 {
		if header[i] == "Host" {
			r.Host = header[i+1]
			continue
		}
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	out := reply{status: w.Code, header: w.Header(), body: w.Body.String()}
	if w.Header().Get("Content-Type") == "application/problem+json" {
		decoder := json.NewDecoder(bytes.NewReader(w.Body.Bytes()))
		decoder.DisallowUnknownFields()
		if err := decoder.Decode(&out.problem); err != nil {
			t.Fatalf("%s: %v", w.Body, err)
		}
		if out.problem.Status != w.Code || out.problem.Type == "" || out.problem.Title == "" || out.problem.Instance == "" {
			t.Errorf("incomplete problem %s", w.Body)
		}
	} else if w.Code >= 400 && target != "/readyz" {
		t.Errorf("%s %s: %d without a problem: %s", method, target, w.Code, w.Body)
	}
	return out
}
