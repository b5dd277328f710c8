package engine_test

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/asset"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/engine"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/money"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/store/memory"
)

// errStore is the failure of a store that is away.
var errStore = errors.New("the store is away")

// journal is a journal in memory that a test can hold up or make fail. A hook
// is called in place of the method and gets the real one as next.
type journal struct {
	sim.Journal
	mu         sync.Mutex
	onLoad     func(ctx context.Context, next func() (*sim.Snapshot, error)) (*sim.Snapshot, error)
	onAppend   func(ctx context.Context, b *sim.Batch, next func() error) error
	onProject  func(ctx context.Context, p *sim.Projection, next func() error) error
	onRead     func(after uint64)
	onFindKeys func(keys []sim.Key) error
	onScan     func() error

	appends, projects, reads, lookups, loads atomic.Int64
	batches                                  atomic.Int64 // that were read
}

func (j *journal) hook(set func(*journal)) {
	j.mu.Lock()
	defer j.mu.Unlock()
	set(j)
}

func hookOf[H any](j *journal, get func(*journal) H) H {
	j.mu.Lock()
	defer j.mu.Unlock()
	return get(j)
}

func (j *journal) Load(ctx context.Context) (*sim.Snapshot, error) {
	j.loads.Add(1)
	next := func() (*sim.Snapshot, error) { return j.Journal.Load(ctx) }
	if hook := hookOf(j, func(j *journal) func(context.Context, func() (*sim.Snapshot, error)) (*sim.Snapshot, error) {
		return j.onLoad
	}); hook != nil {
		return hook(ctx, next)
	}
	return next()
}

func (j *journal) Append(ctx context.Context, b *sim.Batch) error {
	j.appends.Add(1)
	next := func() error { return j.Journal.Append(ctx, b) }
	if hook := hookOf(j, func(j *journal) func(context.Context, *sim.Batch, func() error) error { return j.onAppend }); hook != nil {
		return hook(ctx, b, next)
	}
	return next()
}

func (j *journal) Project(ctx context.Context, p *sim.Projection) error {
	j.projects.Add(1)
	next := func() error { return j.Journal.Project(ctx, p) }
	if hook := hookOf(j, func(j *journal) func(context.Context, *sim.Projection, func() error) error { return j.onProject }); hook != nil {
		return hook(ctx, p, next)
	}
	return next()
}

func (j *journal) Read(ctx context.Context, after uint64, fn func(*sim.Batch) error) error {
	j.reads.Add(1)
	if hook := hookOf(j, func(j *journal) func(uint64) { return j.onRead }); hook != nil {
		hook(after)
	}
	return j.Journal.Read(ctx, after, func(b *sim.Batch) error {
		j.batches.Add(1)
		return fn(b)
	})
}

func (j *journal) FindKeys(ctx context.Context, keys []sim.Key) ([]sim.KeyRecord, error) {
	j.lookups.Add(1)
	if hook := hookOf(j, func(j *journal) func([]sim.Key) error { return j.onFindKeys }); hook != nil {
		if err := hook(keys); err != nil {
			return nil, err
		}
	}
	return j.Journal.FindKeys(ctx, keys)
}

func (j *journal) ScanKeys(ctx context.Context, fn func(sim.KeyRecord) error) error {
	if hook := hookOf(j, func(j *journal) func() error { return j.onScan }); hook != nil {
		if err := hook(); err != nil {
			return err
		}
	}
	return j.Journal.ScanKeys(ctx, fn)
}

// clock gives times a microsecond apart.
type clock struct {
	ticks atomic.Int64
	panic atomic.Bool
}

func (c *clock) Now() time.Time {
	if c.panic.Load() {
		panic("the clock is broken")
	}
	return time.Date(2026, 11, 23, 14, 30, 0, 0, time.UTC).Add(time.Duration(c.ticks.Add(1)) * time.Microsecond)
}

// counters are metrics of which some are looked at.
type counters struct {
	refused, created, reloads, events, settled, balances atomic.Int64
}

func (c *counters) RecordPositionCreated(string, string)     { c.created.Add(1) }
func (c *counters) RecordSettlementProcessed(string, string) { c.settled.Add(1) }
func (c *counters) RecordBalanceChange(string, string)       { c.balances.Add(1) }
func (c *counters) RecordBatch(events int, _ time.Duration)  { c.events.Add(int64(events)) }
func (c *counters) RecordRefused(string)                     { c.refused.Add(1) }
func (c *counters) RecordProjection(int, time.Duration)      {}
func (c *counters) SetProjectionLag(int)                     {}
func (c *counters) SetQueueDepth(int)                        {}
func (c *counters) RecordReload()                            { c.reloads.Add(1) }

// bundle is an engine on a journal in memory and what belongs to it.
type bundle struct {
	*engine.Engine
	t       testing.TB
	store   *memory.Store
	journal *journal
	clock   *clock
	metrics *counters
	stop    context.CancelFunc
	abort   context.CancelFunc
	done    chan error
}

// newBundle makes an engine that is not running yet.
func newBundle(t testing.TB, store *memory.Store, change ...func(*engine.Config)) *bundle {
	b := &bundle{t: t, store: store, journal: &journal{Journal: store.Journal("books")}, clock: &clock{}, metrics: &counters{}}
	cfg := engine.Config{
		Instance: "test", Seed: 1, Journal: b.journal, Clock: b.clock, Metrics: b.metrics,
		Logger: slog.New(slog.DiscardHandler), Limits: engine.DefaultLimits(),
		Rules: sim.Rules{Assets: asset.NewRegistry(), AutoOpen: true, MaxAccounts: 1000, MaxHoldings: 1000, MaxOpenSettlements: 1000},
	}
	for _, c := range change {
		c(&cfg)
	}
	b.Engine = engine.New(cfg)
	return b
}

// run starts the engine.
func (b *bundle) run() *bundle {
	stop, stopNow := context.WithCancel(context.Background())
	abort, abortNow := context.WithCancel(context.Background())
	b.stop, b.abort, b.done = stopNow, abortNow, make(chan error, 1)
	go func() { b.done <- b.Run(stop, abort) }()
	return b
}

// start makes an engine, starts it and waits until it serves.
func start(t testing.TB, store *memory.Store, change ...func(*engine.Config)) *bundle {
	t.Helper()
	b := newBundle(t, store, change...).run()
	select {
	case <-b.Serving():
	case err := <-b.done:
		t.Fatalf("the engine ended: %v", err)
	}
	return b
}

// finish stops the engine and returns what Run did.
func (b *bundle) finish() error {
	b.stop()
	err := <-b.done
	b.abort()
	return err
}

func (b *bundle) wantFinish() {
	b.t.Helper()
	if err := b.finish(); err != nil {
		b.t.Errorf("the engine ended with %v", err)
	}
}

// bubble runs a test in a bubble of its own, where time passes only when
// everybody waits.
func bubble(t *testing.T, fn func(t *testing.T)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, fn)
}

// gate makes every append wait until the test lets it go on, with an error or
// without. Appends end early with their context.
type gate struct {
	entered chan *sim.Batch
	leave   chan error
}

func (b *bundle) gate() *gate {
	g := &gate{entered: make(chan *sim.Batch, 100), leave: make(chan error)}
	b.journal.hook(func(j *journal) {
		j.onAppend = func(ctx context.Context, batch *sim.Batch, next func() error) error {
			g.entered <- batch
			select {
			case err := <-g.leave:
				if err != nil {
					return err
				}
				return next()
			case <-ctx.Done():
				return ctx.Err()
			}
		}
	})
	return g
}

// open lets every append pass from now on, the one that waits included.
func (b *bundle) open(g *gate) {
	b.journal.hook(func(j *journal) { j.onAppend = nil })
	select {
	case g.leave <- nil:
	default:
	}
}

// later runs fn in the background and returns a channel for its result.
func later[T any](fn func() T) <-chan T {
	ch := make(chan T, 1)
	go func() { ch <- fn() }()
	return ch
}

func amount(text string) money.Amount { return money.MustParse(text) }

func deposit(account string) sim.Command {
	return sim.Instruct{Type: sim.Deposit, AccountID: account, Symbol: "BTC", Quantity: amount("1")}
}

func named(external string) sim.Command {
	return sim.Instruct{Type: sim.Deposit, AccountID: "a", Symbol: "BTC", Quantity: amount("1"), ExternalID: external}
}

// do answers a command without a key.
func (b *bundle) do(c sim.Command) (sim.Result, error) {
	return b.Do(context.Background(), sim.Request{Command: c})
}

func (b *bundle) keyed(key string, c sim.Command) (sim.Result, error) {
	return b.Do(context.Background(), sim.Request{Command: c, IdempotencyKey: key})
}

// must answers a command that has to succeed.
func (b *bundle) must(c sim.Command) sim.Result {
	b.t.Helper()
	r, err := b.do(c)
	if err != nil {
		b.t.Fatalf("%+v: %v", c, err)
	}
	return r
}

// doLater answers a command in the background.
func (b *bundle) doLater(c sim.Command) <-chan engine.Answer {
	return later(func() engine.Answer {
		r, err := b.do(c)
		return engine.Answer{Result: r, Err: err}
	})
}

func (b *bundle) wantCode(err error, code sim.Code) {
	b.t.Helper()
	if sim.CodeOf(err) != code {
		b.t.Errorf("answered with %v, want %s", err, code)
	}
}

// held returns what an account has of BTC according to the tables.
func (b *bundle) held(account string) string {
	b.t.Helper()
	rows, err := b.ListHoldings(context.Background(), sim.HoldingFilter{AccountID: account, Symbol: "BTC"}, sim.Page{Limit: 10})
	if err != nil {
		b.t.Fatal(err)
	}
	if len(rows) == 0 {
		return "none"
	}
	return rows[0].Available.String()
}

// answered reports whether a result has come, once everybody waits.
func answered[T any](ch <-chan T) bool {
	synctest.Wait()
	return len(ch) > 0
}
