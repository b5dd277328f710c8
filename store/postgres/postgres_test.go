//go:build integration

package postgres

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"go.uber.org/goleak"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func testURL(t testing.TB, name string) string {
	t.Helper()
	url := os.Getenv(name)
	if url == "" {
		t.Fatalf("%s is not set; run these tests with: make test-integration", name)
	}
	return url
}

// openServer opens a server that is closed with the test.
func openServer(t testing.TB, change ...func(*Options)) *Server {
	t.Helper()
	o := Options{URL: testURL(t, "TEST_POSTGRES_URL"), MaxConnections: 16, Logger: slog.New(slog.NewTextHandler(testWriter{t}, nil))}
	for _, c := range change {
		c(&o)
	}
	s, err := Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := s.Close(ctx); err != nil {
			t.Error(err)
		}
	})
	return s
}

type testWriter struct{ t testing.TB }

func (w testWriter) Write(b []byte) (int, error) {
	w.t.Logf("%s", b)
	return len(b), nil
}

func newName() string {
	var id [8]byte
	_, _ = rand.Read(id[:])
	return "t_" + hex.EncodeToString(id[:])
}

// newSchema returns the name of a schema that is dropped with the test.
func newSchema(t testing.TB, s *Server) string {
	t.Helper()
	schema := newName()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		if err := s.Drop(ctx, schema, nil); err != nil {
			t.Error(err)
		}
	})
	return schema
}

func openJournal(t testing.TB, s *Server, schema string) *Journal {
	t.Helper()
	j, err := s.Journal(t.Context(), JournalOptions{Instance: "test", Schema: schema})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := j.Close(); err != nil {
			t.Error(err)
		}
	})
	return j
}

// load claims a journal.
func load(t testing.TB, j *Journal) *sim.Snapshot {
	t.Helper()
	snap, err := j.Load(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return snap
}

// batchAt returns a batch of one sequence number with some payload.
func batchAt(seq uint64, payload string) *sim.Batch {
	return &sim.Batch{First: seq, Last: seq, Time: time.UnixMicro(int64(1e15 + seq)).UTC(), Hash: sim.Chain(sim.Digest{}, []byte(payload)), Payload: []byte(payload)}
}

// session opens a connection outside of what is tested.
func session(t testing.TB, url string) *pgx.Conn {
	t.Helper()
	c, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closeConn(c) })
	return c
}

// eventually waits until a condition on another process holds.
func eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	deadline := time.NewTimer(20 * time.Second)
	defer deadline.Stop()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-tick.C:
		case <-deadline.C:
			t.Fatalf("timed out waiting: %s", what)
		}
	}
}

func errorSays(err error, text string) bool {
	return err != nil && strings.Contains(err.Error(), text)
}
