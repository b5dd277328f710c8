package supervisor

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/obs"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/fair"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/guard"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/httpapi/strictjson"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/store/redis"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/supervisor/config"
)

// Options are what a supervisor needs. All but Tracing are required.
type Options struct {
	// Config is the configuration to start with.
	Config config.Config
	// Load reads the configuration again, for [Supervisor.Reload].
	Load    func() (config.Config, error)
	Metrics *obs.Registry
	// Tracing follows requests; nil for nobody.
	Tracing *obs.Tracing
	Logger  *slog.Logger
	Version string
}

// Supervisor keeps the instances that should run running. [Open] makes one,
// [Supervisor.Run] runs it; all other methods are safe for concurrent use
// while it runs.
type Supervisor struct {
	opts   Options
	host   *host
	events *events
	cut    context.CancelFunc
	store  desiredStore
	ops    sync.WaitGroup // operations that run on behind their callers

	// changing is held, as a token, by who changes what is desired. It covers
	// deciding and persisting, never the wait for an instance.
	changing chan struct{}
	// Guarded by changing.
	file     config.Config
	desired  desired
	revision int64
	closing  bool

	// mu guards the map alone and is held for moments.
	mu        sync.RWMutex
	instances map[string]*instance
	settled   bool // the first round of starts is over
	stopping  bool
}

// Open connects a supervisor to its storage and reads what the admin API had
// decided earlier. It starts nothing yet. Its errors are readable in one line:
// a storage that is absent, refuses the password or lacks a right.
func Open(ctx context.Context, opts Options) (*Supervisor, error) {
	abort, cut := context.WithCancel(context.Background())
	opts.Logger = slog.New(guard.Handler(opts.Logger.Handler(), func(p *guard.Panic) { opts.Metrics.RecordPanic(p.Part) }))
	s := &Supervisor{
		opts: opts, events: newEvents(), cut: cut, file: opts.Config,
		changing: make(chan struct{}, 1), instances: make(map[string]*instance),
	}
	s.host = &host{
		processors:  fair.New(0, func() (io.ReadCloser, io.WriteCloser, error) { return os.Pipe() }, fair.ProcessUsage),
		projections: fair.New(0, nil, nil),
		abort:       abort, metrics: opts.Metrics, tracing: opts.Tracing, logger: opts.Logger, events: s.events,
		storages: newStorages(opts.Config, opts.Metrics, opts.Logger),
		redis:    redis.NewServers(redis.Options{Logger: opts.Logger}),
		service:  opts.Config.Service, redisCfg: opts.Config.Redis, clock: func(Spec) sim.Clock { return wallClock{} }, version: opts.Version,
	}
	s.host.sync = s.syncDesired
	if err := s.open(ctx); err != nil {
		cut()
		return nil, errors.Join(err, s.close(ctx))
	}
	opts.Metrics.ReportInstances(s.countStates)
	return s, nil
}

func (s *Supervisor) open(ctx context.Context) error {
	if err := s.host.loadTLS(s.file.Ports.TLS); err != nil {
		return err
	}
	var err error
	if s.host.embedded, err = redis.OpenEmbedded(s.opts.Logger); err != nil {
		return fmt.Errorf("starting the embedded Redis: %w", err)
	}
	process := config.InstanceStorage{Driver: s.file.Storage.Driver, Postgres: config.InstancePostgres{
		URL: s.file.Storage.Postgres.URL, Isolation: s.file.Storage.Postgres.Isolation,
	}}
	if err := s.host.storages.check(ctx, process); err != nil {
		return err
	}
	if err := s.checkRedis(ctx); err != nil {
		return err
	}
	if s.store, err = s.host.storages.desired(ctx, s.file); err != nil {
		return err
	}
	if s.desired, s.revision, err = s.readDesired(ctx); err != nil {
		return fmt.Errorf("reading the desired state: %w", err)
	}
	_, err = s.resolve(s.file, s.desired)
	return err
}

// checkRedis refuses a Redis that will not let this process do its work until
// somebody mends that. One that is away may come back: instances are degraded
// without it, and settle all the same.
func (s *Supervisor) checkRedis(ctx context.Context) error {
	if s.file.Redis.Driver != config.RedisServer {
		return nil
	}
	server, release, err := s.host.redis.Open(ctx, s.file.Redis.URL.Reveal())
	if err != nil {
		return fmt.Errorf("redis.url: %w", err)
	}
	defer release()
	err = server.Check(ctx)
	if err == nil && s.file.Resolve(config.Instance{}).Redis.Isolation == config.IsolationRole {
		err = server.CheckUsers(ctx)
	}
	if _, denied := errors.AsType[*redis.PermissionError](err); denied || errors.Is(err, redis.ErrAuth) {
		return err
	}
	if err != nil {
		s.opts.Logger.Warn("starting without Redis", "error", err)
	}
	return nil
}

// Run starts what should run and keeps it so until ctx ends; then it drains all
// instances, each within its grace period, and returns, with a [*CutOffError] if
// that was not enough for all. [Supervisor.Force] cuts
// the drain short. Run is called once, and gives back what Open took.
func (s *Supervisor) Run(ctx context.Context) error {
	started, err := s.begin(ctx)
	if err != nil {
		closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), abortAfter)
		defer cancel()
		return errors.Join(err, s.close(closing))
	}
	s.settle(ctx, started)
	if storage := s.opts.Config.Storage; storage.Driver == config.StoragePostgres && storage.Postgres.Standby {
		s.followDesired(ctx)
	}
	<-ctx.Done()
	return s.shutdown()
}

func (s *Supervisor) begin(ctx context.Context) ([]*instance, error) {
	if err := s.lock(ctx); err != nil {
		return nil, err
	}
	defer s.unlock()
	t, err := s.resolve(s.file, s.desired)
	if err != nil {
		return nil, err
	}
	return s.apply(t, s.desired, s.plan(t, s.desired)), nil
}

// settle waits for the first round of starts.
func (s *Supervisor) settle(ctx context.Context, started []*instance) {
	for _, i := range started {
		_ = i.awaitStart(ctx, 0) // its failure shows in its status
	}
	s.mu.Lock()
	s.settled = true
	s.mu.Unlock()
}

func (s *Supervisor) shutdown() error {
	_ = s.lock(context.Background()) // waits for a change under way, which is short
	s.closing = true
	s.unlock()
	s.mu.Lock()
	s.stopping = true
	all := make([]*instance, 0, len(s.instances))
	for _, i := range s.instances {
		all = append(all, i)
	}
	s.mu.Unlock()
	now := time.Now()
	latest := now
	for _, i := range all {
		deadline := i.deadlineFor(0)
		i.setWant(wantRemoved, deadline)
		i.hurry(deadline) // where a longer drain is under way already
		if deadline.After(latest) {
			latest = deadline
		}
	}
	var cut []string
	for _, i := range all {
		<-i.gone
		if i.wasCutOff() {
			cut = append(cut, i.name)
		}
	}
	ctx, cancel := context.WithDeadline(context.Background(), latest.Add(abortAfter))
	defer cancel()
	defer context.AfterFunc(ctx, s.cut)() // operations that go on end with it
	s.ops.Wait()
	if err := s.close(ctx); err != nil || len(cut) == 0 {
		return err
	}
	slices.Sort(cut)
	return &CutOffError{Instances: cut}
}

// CutOffError says that a shutdown had to break off requests, or the flushing of
// books, because the grace period ended or the drain was forced. What had been
// acknowledged is durable all the same.
type CutOffError struct {
	// Instances names those where that was so.
	Instances []string
}

// Error names the first few instances.
func (e *CutOffError) Error() string {
	names, more := e.Instances, ""
	if len(names) > 5 {
		names, more = names[:5], fmt.Sprintf(" and %d more", len(names)-5)
	}
	return "requests were cut off when their time to finish was over, at " + strings.Join(names, ", ") + more + "; what was acknowledged is durable all the same"
}

// Force cuts off everything that is still running. Acknowledged requests are
// durable all the same.
func (s *Supervisor) Force() { s.cut() }

func (s *Supervisor) close(ctx context.Context) error {
	defer s.cut()
	defer s.host.processors.Close()
	var err error
	if s.store != nil {
		err = s.store.Close()
	}
	s.host.redis.Close()
	if s.host.embedded != nil {
		err = errors.Join(err, s.host.embedded.Close())
	}
	return errors.Join(err, s.host.storages.close(ctx))
}

func (s *Supervisor) lock(ctx context.Context) error {
	select {
	case s.changing <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	if s.closing {
		s.unlock()
		return &Error{Kind: KindUnavailable, Message: "the supervisor is shutting down"}
	}
	return nil
}

func (s *Supervisor) unlock() { <-s.changing }

// List returns the status of all instances, ordered by name.
func (s *Supervisor) List() []Status {
	all := s.all()
	list := make([]Status, len(all))
	for n, i := range all {
		list[n] = i.snapshot()
	}
	return list
}

// all returns the instances, ordered by name.
func (s *Supervisor) all() []*instance {
	s.mu.RLock()
	all := make([]*instance, 0, len(s.instances))
	for _, i := range s.instances {
		all = append(all, i)
	}
	s.mu.RUnlock()
	slices.SortFunc(all, func(a, b *instance) int { return strings.Compare(a.name, b.name) })
	return all
}

// Get returns the status of one instance, or an [Error] of [KindNotFound].
func (s *Supervisor) Get(name string) (Status, error) {
	i, err := s.find(name)
	if err != nil {
		return Status{}, err
	}
	return i.snapshot(), nil
}

func (s *Supervisor) find(name string) (*instance, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if i := s.instances[name]; i != nil {
		return i, nil
	}
	return nil, noInstance(name, slices.Sorted(maps.Keys(s.instances)))
}

// noInstance says that there is no instance of a name, and which was meant.
func noInstance(name string, names []string) *Error {
	text := fmt.Sprintf("there is no instance %q", name)
	if near := strictjson.Nearest(name, names); near != "" && len(name) > 2 {
		text += fmt.Sprintf("; did you mean %q?", near)
	}
	return &Error{Kind: KindNotFound, Message: text}
}

func (s *Supervisor) countStates() map[string]int {
	counts := make(map[string]int, len(States()))
	for _, state := range States() {
		counts[string(state)] = 0
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	for _, i := range s.instances {
		i.mu.Lock()
		counts[string(i.status.State)]++
		i.mu.Unlock()
	}
	return counts
}

// Readiness is the supervisor's own health.
type Readiness struct {
	// Ready is true once the first round of starts is over and until the
	// shutdown begins. Trouble of single instances does not change it.
	Ready bool `json:"ready"`
	// Status is ready, starting, degraded (some instance is not as it should
	// be) or draining.
	Status string `json:"status"`
	// Instances counts the instances by state.
	Instances map[string]int `json:"instances"`
	// NotReady names the instances that should run but are not ready, at most
	// a hundred of them.
	NotReady []string `json:"not_ready"`
}

// Readiness returns the supervisor's own health.
func (s *Supervisor) Readiness() Readiness {
	r := Readiness{Instances: s.countStates(), NotReady: []string{}}
	for _, status := range s.List() {
		settled := status.Ready || status.State == StateDrained || status.State == StateDraining || status.State == StatePaused
		if !settled && len(r.NotReady) < 100 {
			r.NotReady = append(r.NotReady, status.Name)
		}
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	switch {
	case s.stopping:
		r.Status = "draining"
	case !s.settled:
		r.Status = "starting"
	case len(r.NotReady) > 0:
		r.Ready, r.Status = true, "degraded"
	default:
		r.Ready, r.Status = true, "ready"
	}
	return r
}
