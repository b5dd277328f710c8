package webhook_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/engine"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/webhook"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	secret = webhook.Secret("whsec_c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0")
	token  = "token-in-the-query"
)

// eventLog is an event log in memory.
type eventLog struct {
	mu     sync.Mutex
	events []engine.Recorded
	grown  chan struct{}
	fails  error // of the next Follow
	panics bool  // the next Follow
}

func newEventLog() *eventLog { return &eventLog{grown: make(chan struct{})} }

// add appends events of the types as one batch.
func (l *eventLog) add(types ...sim.EventType) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, eventType := range types {
		n := uint64(len(l.events) + 1)
		event := &sim.Event{Sequence: n, Type: eventType, Time: time.Date(2026, 11, 23, 9, 0, int(n), 0, time.UTC)}
		l.events = append(l.events, engine.Recorded{Event: event, Hash: sim.Digest{byte(n), 7}})
	}
	close(l.grown)
	l.grown = make(chan struct{})
}

// breakWith makes the next Follow fail or panic.
func (l *eventLog) breakWith(err error, panics bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.fails, l.panics = err, panics
}

func (l *eventLog) Durable() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return uint64(len(l.events))
}

func (l *eventLog) Follow(ctx context.Context, after uint64, fn func([]engine.Recorded) error) error {
	l.mu.Lock()
	err, panics := l.fails, l.panics
	l.fails, l.panics = nil, false
	l.mu.Unlock()
	if panics {
		panic("the log is broken")
	}
	if err != nil {
		return err
	}
	for {
		l.mu.Lock()
		var batch []engine.Recorded
		if after < uint64(len(l.events)) {
			batch = slices.Clone(l.events[after:min(after+100, uint64(len(l.events)))])
		}
		grown := l.grown
		l.mu.Unlock()
		if len(batch) > 0 {
			after += uint64(len(batch))
			if err := fn(batch); err != nil {
				return err
			}
			continue
		}
		select {
		case <-grown:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// cursors keep states in memory, as JSON.
type cursors struct {
	mu    sync.Mutex
	saved map[string][]byte
	saves int
	fails error
	held  map[string]chan struct{} // Save waits for it
}

func newCursors() *cursors { return &cursors{saved: make(map[string][]byte)} }

func (c *cursors) Load(_ context.Context, id string) (s webhook.State, found bool, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	raw, found := c.saved[id]
	if c.fails != nil || !found {
		return s, false, c.fails
	}
	return s, true, json.Unmarshal(raw, &s)
}

func (c *cursors) Save(ctx context.Context, id string, s webhook.State) error {
	c.mu.Lock()
	held := c.held[id]
	c.mu.Unlock()
	if held != nil {
		<-held
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := errors.Join(c.fails, ctx.Err()); err != nil {
		return err
	}
	raw, err := json.Marshal(s)
	c.saved[id] = raw
	c.saves++
	return err
}

func (c *cursors) Delete(_ context.Context, id string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.fails != nil {
		return c.fails
	}
	delete(c.saved, id)
	return nil
}

func (c *cursors) fail(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.fails = err
}

// hold makes the saves of an endpoint's state wait until release is called.
func (c *cursors) hold(id string) (release func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	held := make(chan struct{})
	c.held = map[string]chan struct{}{id: held}
	return func() { close(held) }
}

func (c *cursors) of(t testing.TB, id string) webhook.State {
	t.Helper()
	s, found, err := c.Load(context.Background(), id)
	if err != nil || !found {
		t.Fatalf("endpoint %s has no cursor: %v", id, err)
	}
	return s
}

func (c *cursors) clone() *cursors {
	c.mu.Lock()
	defer c.mu.Unlock()
	return &cursors{saved: maps.Clone(c.saved)}
}

// lab is a manager with all around it.
type lab struct {
	t        testing.TB
	log      *eventLog
	cursors  *cursors
	receiver *receiver
	metrics  *metrics
	opts     webhook.Options
	*webhook.Manager
	stop, abort context.CancelFunc
	ran         chan error
}

func endpoint(id string) webhook.Endpoint {
	return webhook.Endpoint{ID: id, URL: "http://receiver.test/" + id + "?" + token, Secret: secret}
}

func render(r engine.Recorded) ([]byte, error) {
	return fmt.Appendf(nil, `{"sequence":%d}`, r.Event.Sequence), nil
}

// newLab returns a manager that does not run yet.
func newLab(t testing.TB, change func(*webhook.Options)) *lab {
	l := &lab{t: t, log: newEventLog(), cursors: newCursors(), receiver: newReceiver(t), metrics: newMetrics()}
	rules, err := webhook.NewTargetRules(nil, true)
	if err != nil {
		t.Fatal(err)
	}
	l.opts = webhook.Options{
		Instance: "test", Source: l.log, Cursors: l.cursors, Render: render, Targets: rules,
		Endpoints: []webhook.Endpoint{endpoint("a")}, Retry: webhook.RetryPolicy{Jitter: -1, Attempts: 4},
		Metrics: l.metrics,
	}
	if change != nil {
		change(&l.opts)
	}
	l.make()
	return l
}

func (l *lab) make() {
	l.t.Helper()
	logs := new(buffer)
	l.opts.Logger = slog.New(slog.NewJSONHandler(logs, &slog.HandlerOptions{Level: slog.LevelDebug}))
	manager, err := webhook.New(l.opts)
	if err != nil {
		l.t.Fatal(err)
	}
	manager.DialWith(l.receiver.dial)
	l.Manager, l.ran = manager, make(chan error, 1)
	l.t.Cleanup(func() {
		shown, err := json.Marshal(manager.List())
		if text := logs.String() + string(shown); err != nil || strings.Contains(text, token) || strings.Contains(text, string(secret[6:])) {
			l.t.Errorf("a secret was told (%v): %s", err, text)
		}
	})
}

// run runs the manager until end or the end of the test.
func (l *lab) run() *lab {
	abort, cancelAbort := context.WithCancel(context.Background())
	stop, cancelStop := context.WithCancel(abort)
	l.stop, l.abort = cancelStop, cancelAbort
	manager, ran := l.Manager, l.ran
	go func() {
		ran <- deliver(stop, abort, manager)
		close(ran)
	}()
	l.t.Cleanup(func() {
		cancelAbort()
		if err := <-ran; err != nil {
			l.t.Errorf("Start: %v", err)
		}
		cancelStop()
	})
	synctest.Wait()
	return l
}

// deliver has a manager deliver and waits until it has ended.
func deliver(stop, abort context.Context, m *webhook.Manager) error {
	ended, err := m.Start(stop, abort)
	if err == nil {
		<-ended
	}
	return err
}

// end stops it in good order.
func (l *lab) end() {
	l.t.Helper()
	l.stop()
	if err := <-l.ran; err != nil {
		l.t.Errorf("Start: %v", err)
	}
}

// restart runs another manager on what is durable.
func (l *lab) restart() {
	l.t.Helper()
	l.make()
	l.run()
}

func (l *lab) status(id string) webhook.Status {
	l.t.Helper()
	synctest.Wait()
	s, err := l.Status(id)
	if err != nil {
		l.t.Fatal(err)
	}
	return s
}

type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

type metrics struct {
	mu     sync.Mutex
	counts map[string]uint64
}

func newMetrics() *metrics { return &metrics{counts: make(map[string]uint64)} }

func (m *metrics) add(name string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.counts[name]++
}

func (m *metrics) get(name string) uint64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.counts[name]
}

func (m *metrics) RecordWebhookDelivered(id string)             { m.add("delivered " + id) }
func (m *metrics) RecordWebhookAttemptFailed(id, reason string) { m.add(reason + " " + id) }
func (m *metrics) RecordWebhookGivenUp(id string)               { m.add("given up " + id) }
func (m *metrics) ForgetWebhook(id string)                      { m.add("forgotten " + id) }
func (m *metrics) SetWebhookLag(id string, events uint64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.counts["lag "+id] = events
}

// bubble runs a test in which time passes only when everybody waits for it.
func bubble(t *testing.T, fn func(t *testing.T)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, fn)
}

// pass lets time pass. In a bubble that takes no time.
func pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

func code(t testing.TB, err error, want sim.Code) {
	t.Helper()
	if got := sim.CodeOf(err); got != want {
		t.Errorf("error is %q (%v), want %q", got, err, want)
	}
}
