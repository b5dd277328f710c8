package webhook_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/webhook"
)

// delivery is a request that a receiver got.
type delivery struct {
	path, id, eventType string
	sequence            uint64
	at                  time.Time
}

// receiver is an HTTP server on connections in memory, so that it can live in a
// synctest bubble. It checks every signature.
type receiver struct {
	t       testing.TB
	conns   chan net.Conn
	closed  chan struct{}
	once    sync.Once
	mu      sync.Mutex
	secrets []webhook.Secret
	got     []delivery
	answer  func(w http.ResponseWriter, r *http.Request, d delivery)
}

func newReceiver(t testing.TB) *receiver {
	r := &receiver{t: t, conns: make(chan net.Conn), closed: make(chan struct{}), secrets: []webhook.Secret{secret}}
	server := &http.Server{Handler: r, ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelDebug)}
	served := make(chan error, 1)
	go func() { served <- server.Serve(r) }()
	t.Cleanup(func() {
		_ = server.Close()
		if err := <-served; !errors.Is(err, http.ErrServerClosed) {
			t.Errorf("receiver: %v", err)
		}
	})
	return r
}

func (r *receiver) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	client, server := net.Pipe()
	select {
	case r.conns <- server:
		return client, nil
	case <-r.closed:
		return nil, errors.New("connection refused")
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Accept implements [net.Listener].
func (r *receiver) Accept() (net.Conn, error) {
	select {
	case conn := <-r.conns:
		return conn, nil
	case <-r.closed:
		return nil, net.ErrClosed
	}
}

// Close implements [net.Listener].
func (r *receiver) Close() error {
	r.once.Do(func() { close(r.closed) })
	return nil
}

// Addr implements [net.Listener].
func (r *receiver) Addr() net.Addr { return &net.UnixAddr{Name: "receiver", Net: "pipe"} }

func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body, err := io.ReadAll(req.Body)
	if err != nil {
		r.t.Errorf("reading a delivery: %v", err)
	}
	var payload struct {
		Type      string
		Timestamp time.Time
		Data      struct{ Sequence uint64 }
	}
	if err := json.Unmarshal(body, &payload); err != nil || payload.Timestamp.IsZero() {
		r.t.Errorf("payload %s: %v", body, err)
	}
	if req.Method != http.MethodPost || req.Header.Get("Content-Type") != "application/json" {
		r.t.Errorf("got %s of %s", req.Method, req.Header.Get("Content-Type"))
	}
	d := delivery{req.URL.Path, req.Header.Get("webhook-id"), payload.Type, payload.Data.Sequence, time.Now()}
	r.mu.Lock()
	answer := r.answer
	r.got = append(r.got, d)
	for _, s := range r.secrets {
		verifier, err := standardwebhooks.NewWebhook(s.Reveal())
		if err == nil {
			err = verifier.Verify(body, req.Header)
		}
		if err != nil {
			r.t.Errorf("delivery of %d: %v", d.sequence, err)
		}
	}
	r.mu.Unlock()
	if answer != nil {
		answer(w, req, d)
	}
}

// answers sets what the receiver does from now on.
func (r *receiver) answers(fn func(w http.ResponseWriter, r *http.Request, d delivery)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.answer = fn
}

func status(code int) func(http.ResponseWriter, *http.Request, delivery) {
	return func(w http.ResponseWriter, _ *http.Request, _ delivery) { w.WriteHeader(code) }
}

// take returns what was received on a path since, once everybody waits.
func (r *receiver) take(path string) (taken []delivery) {
	synctest.Wait()
	r.mu.Lock()
	defer r.mu.Unlock()
	var others []delivery
	for _, d := range r.got {
		if d.path == path {
			taken = append(taken, d)
		} else {
			others = append(others, d)
		}
	}
	r.got = others
	return taken
}

func sequences(deliveries []delivery) string {
	var out []string
	for _, d := range deliveries {
		out = append(out, fmt.Sprint(d.sequence))
	}
	return strings.Join(out, " ")
}

// expect takes what was received on a path and compares the sequence numbers.
func (r *receiver) expect(path, want string) []delivery {
	r.t.Helper()
	got := r.take(path)
	if sequences(got) != want {
		r.t.Errorf("%s got events %q, want %q", path, sequences(got), want)
	}
	return got
}
