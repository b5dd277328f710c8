package supervisor

import (
	"context"
	"encoding/json"
	"log/slog"
	"runtime/debug"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
)

// trap panics once, on the first goroutine that passes it below a given function.
// Journals and the clock lead past it, so every goroutine that uses either can be
// made to panic without a change of the program.
type trap struct {
	name  string // of the instance
	below atomic.Pointer[string]
}

// set lays the trap for goroutines whose stack has the function.
func (t *trap) set(function string) { t.below.Store(&function) }

func (t *trap) pass() {
	below := t.below.Load()
	if below == nil || !strings.Contains(string(debug.Stack()), *below) {
		return
	}
	if t.below.CompareAndSwap(below, nil) {
		panic("deliberate")
	}
}

func (t *trap) wrap(spec Spec, j sim.Journal) sim.Journal {
	if spec.Name != t.name {
		return j
	}
	t.pass()
	return trappedJournal{j, t}
}

type trappedJournal struct {
	sim.Journal
	trap *trap
}

func (j trappedJournal) Load(ctx context.Context) (*sim.Snapshot, error) {
	j.trap.pass()
	return j.Journal.Load(ctx)
}

func (j trappedJournal) Append(ctx context.Context, b *sim.Batch) error {
	j.trap.pass()
	return j.Journal.Append(ctx, b)
}

func (j trappedJournal) Read(ctx context.Context, after uint64, fn func(*sim.Batch) error) error {
	j.trap.pass()
	return j.Journal.Read(ctx, after, fn)
}

func (j trappedJournal) Project(ctx context.Context, p *sim.Projection) error {
	j.trap.pass()
	return j.Journal.Project(ctx, p)
}

func (j trappedJournal) ScanKeys(ctx context.Context, fn func(sim.KeyRecord) error) error {
	j.trap.pass()
	return j.Journal.ScanKeys(ctx, fn)
}

func (j trappedJournal) ListSettlements(ctx context.Context, f sim.SettlementFilter, p sim.Page) ([]*sim.Settlement, error) {
	j.trap.pass()
	return j.Journal.ListSettlements(ctx, f, p)
}

func (j trappedJournal) FindSettlement(ctx context.Context, id uuid.UUID) (*sim.Settlement, error) {
	j.trap.pass()
	return j.Journal.FindSettlement(ctx, id)
}

func (j trappedJournal) Close() error {
	defer func() { _ = j.Journal.Close() }()
	j.trap.pass()
	return nil
}

// clock is an instance's clock.
func (t *trap) clock(spec Spec) sim.Clock {
	if spec.Name != t.name {
		return wallClock{}
	}
	return trappedClock{t}
}

type trappedClock struct{ trap *trap }

func (c trappedClock) Now() time.Time {
	c.trap.pass()
	return time.Now()
}

// records keeps what is logged, as JSON.
type records struct {
	mu   sync.Mutex
	text strings.Builder
}

func (r *records) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.text.Write(p)
}

func (r *records) logger() *slog.Logger {
	return slog.New(slog.NewJSONHandler(r, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

// logLine is a line of the log.
type logLine struct{ Msg, Instance, Part, Stack string }

// stacks returns the lines with a stack, of whatever instance.
func (r *records) stacks(t *testing.T) (found []logLine) {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	for line := range strings.Lines(r.text.String()) {
		var one logLine
		if err := json.Unmarshal([]byte(line), &one); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		if one.Stack != "" {
			found = append(found, one)
		}
	}
	return found
}

// brokenLogger panics whatever is logged.
func brokenLogger() *slog.Logger { return slog.New(brokenHandler{slog.DiscardHandler}) }

type brokenHandler struct{ slog.Handler }

func (brokenHandler) Enabled(context.Context, slog.Level) bool { return true }

func (brokenHandler) Handle(context.Context, slog.Record) error { panic("deliberate") }

func (h brokenHandler) WithAttrs([]slog.Attr) slog.Handler { return h }
