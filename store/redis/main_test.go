package redis

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	goredis "github.com/redis/go-redis/v9"
	"go.uber.org/goleak"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/guard"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// testPrefix is a prefix that no other test has.
func testPrefix() Prefix {
	return Prefix(Root + "test:" + strings.ToLower(rand.Text()) + ":")
}

// openEmbedded is an embedded server that ends with the test.
func openEmbedded(t *testing.T) *Server {
	t.Helper()
	s, err := OpenEmbedded(nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// wire is the way to a server, which a test may cut, or make fail at random.
type wire struct {
	url  string // names user and password, may be empty
	dial func() (net.Conn, error)

	mu    sync.Mutex
	cut   bool
	conns map[net.Conn]struct{}
	// budget, if not nil, says how many bytes the next connection may carry
	// before it breaks.
	budget func() int
}

var errCut = errors.New("the wire is cut")

func (w *wire) connect(context.Context) (net.Conn, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.cut {
		return nil, errCut
	}
	conn, err := w.dial()
	if err != nil {
		return nil, err
	}
	if w.conns == nil {
		w.conns = make(map[net.Conn]struct{})
	}
	w.conns[conn] = struct{}{}
	if w.budget != nil {
		conn = &frailConn{Conn: conn, left: w.budget()}
	}
	return conn, nil
}

// broken is how many connections were opened beyond the first.
func (w *wire) broken() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.conns) - 1
}

func (w *wire) setCut(cut bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.cut = cut
	if cut {
		for conn := range w.conns {
			_ = conn.Close()
		}
		clear(w.conns)
	}
}

// frailConn breaks after so many bytes in either direction, perhaps in the
// midst of a message.
type frailConn struct {
	net.Conn
	mu   sync.Mutex
	left int
}

func (c *frailConn) take(n int) (allowed int, broken bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	allowed = min(n, c.left)
	c.left -= allowed
	return allowed, c.left == 0
}

func (c *frailConn) Write(p []byte) (int, error) {
	n, broken := c.take(len(p))
	if broken {
		_, _ = c.Conn.Write(p[:n])
		_ = c.Close()
		return n, errCut
	}
	return c.Conn.Write(p)
}

func (c *frailConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if _, broken := c.take(n); broken && err == nil {
		_ = c.Close()
		return 0, errCut
	}
	return n, err
}

// openOnWire opens a Server on a new miniredis behind a wire.
func openOnWire(t *testing.T) (*Server, *wire, *miniredis.Miniredis) {
	t.Helper()
	mini := miniredis.NewMiniRedis()
	w := &wire{dial: func() (net.Conn, error) {
		conn, err := mini.Dial()
		if err != nil {
			return nil, err
		}
		return newQueuedConn(conn), nil
	}}
	s := openVia(t, w)
	t.Cleanup(mini.Close)
	t.Cleanup(func() { _ = s.Close() })
	return s, w, mini
}

// openVia opens a Server behind w. The caller closes it.
func openVia(t *testing.T, w *wire) *Server {
	t.Helper()
	// Nobody has to wait for a connection: those who wait use timers that the
	// client library shares between clients, which a bubble forbids.
	s, err := Open(t.Context(), Options{URL: cmp.Or(w.url, "redis://wire"), name: "wire", dialer: w.connect, PoolSize: 200})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// journal is a Source in memory.
type journal struct {
	mu      sync.Mutex
	events  []Event
	changed chan struct{}
	batch   int // events per call of fn, 0 for all
	follows int
}

func newJournal(events int) *journal {
	j := &journal{changed: make(chan struct{})}
	j.append(events)
	return j
}

// append adds so many events. Their hash depends on salt and sequence.
func (j *journal) append(n int) { j.appendSalted(n, "") }

func (j *journal) appendSalted(n int, salt string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for range n {
		seq := uint64(len(j.events) + 1)
		j.events = append(j.events, Event{
			Sequence: seq,
			Type:     "settlement.completed",
			Time:     time.Date(2026, 11, 23, 9, 0, 0, int(seq), time.UTC),
			Data:     []byte(`{"n":` + strconv.FormatUint(seq, 10) + `}`),
			Hash:     fmt.Sprintf("%s%x", salt, seq*0x9e3779b97f4a7c15),
		})
	}
	close(j.changed)
	j.changed = make(chan struct{})
}

// reset replaces the history by another one.
func (j *journal) reset(n int, salt string) {
	j.mu.Lock()
	j.events = nil
	j.mu.Unlock()
	j.appendSalted(n, salt)
}

func (j *journal) Durable() uint64 {
	j.mu.Lock()
	defer j.mu.Unlock()
	return uint64(len(j.events))
}

func (j *journal) Follow(ctx context.Context, after uint64, fn func([]Event) error) error {
	j.mu.Lock()
	j.follows++
	j.mu.Unlock()
	for {
		j.mu.Lock()
		var events []Event
		if after < uint64(len(j.events)) {
			events = j.events[after:]
		}
		if j.batch > 0 && len(events) > j.batch {
			events = events[:j.batch]
		}
		changed := j.changed
		j.mu.Unlock()
		if len(events) > 0 {
			if err := fn(events); err != nil {
				return fmt.Errorf("source: %w", err)
			}
			after += uint64(len(events))
			continue
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// running is a loop that a test started.
type running struct {
	cancel context.CancelFunc
	done   chan error
}

func start(t *testing.T, run func(context.Context) error) *running {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	r := &running{cancel: cancel, done: make(chan error, 1)}
	go func() { r.done <- run(ctx) }()
	t.Cleanup(cancel)
	return r
}

// keep returns a loop that keeps a service announced.
func keep(d *Discovery, svc Service, interval time.Duration, confirm func(context.Context) error) func(context.Context) error {
	return func(ctx context.Context) error {
		withdrawn, err := d.Keep(ctx, svc, interval, confirm, func(p *guard.Panic) { panic(p) })
		if err == nil {
			<-withdrawn
		}
		return err
	}
}

// stop ends the loop and checks that it ends well.
func (r *running) stop(t *testing.T) {
	t.Helper()
	r.cancel()
	if err := <-r.done; err != nil {
		t.Errorf("loop returned %v, want nil", err)
	}
}

// entries reads the whole stream through a connection of the test's own.
func entries(t *testing.T, c *goredis.Client, p Prefix) []goredis.XMessage {
	t.Helper()
	all, err := c.XRange(context.Background(), p.Events(), "-", "+").Result()
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// wantStream checks that the stream holds exactly the journal's events from
// first on.
func wantStream(t *testing.T, got []goredis.XMessage, j *journal, first uint64) {
	t.Helper()
	want := j.events[first-1:]
	if len(got) != len(want) {
		t.Fatalf("stream holds %d entries, want %d", len(got), len(want))
	}
	for i, e := range want {
		m := got[i]
		if m.ID != strconv.FormatUint(e.Sequence, 10)+"-0" {
			t.Fatalf("entry %d has id %s, want %d-0", i, m.ID, e.Sequence)
		}
		if m.Values["data"] != string(e.Data) || m.Values["hash"] != e.Hash || m.Values["type"] != e.Type ||
			m.Values["sequence"] != strconv.FormatUint(e.Sequence, 10) ||
			m.Values["time"] != e.Time.Format(time.RFC3339Nano) {
			t.Fatalf("entry %s holds %v, want %+v", m.ID, m.Values, e)
		}
		if !json.Valid([]byte(m.Values["data"].(string))) {
			t.Fatalf("entry %s has malformed data", m.ID)
		}
	}
}

// await waits until ok, asking whenever the publisher reports something, or
// every few milliseconds for conditions that report nothing.
func await(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.NewTimer(time.Minute)
	defer deadline.Stop()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-deadline.C:
			t.Fatalf("waited in vain for %s", what)
		}
	}
}
