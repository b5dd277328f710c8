package supervisor

import (
	"cmp"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strconv"
	"time"

	"github.com/google/uuid"
	"google.golang.org/grpc"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/obs"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/asset"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/bounds"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/engine"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/fair"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/grpcapi"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/guard"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/httpapi"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/view"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/store/redis"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/supervisor/config"
)

// Timeouts of an instance's HTTP server. Streams outlive the write timeout by
// extending it themselves.
const (
	headerTimeout = 5 * time.Second
	idleTimeout   = 2 * time.Minute
	maxHeader     = 16 << 10
)

// build makes the parts of one start. What it opens is closed by the function
// that it returns, or before it returns an error.
func (i *instance) build(asked context.Context, spec Spec) (_ *group, _ func() error, err error) {
	var closers []func() error
	closeAll := func() error {
		var err error
		for n := len(closers) - 1; n >= 0; n-- {
			// One that panics does not keep the others from closing.
			err = errors.Join(err, guard.Run("closing", closers[n]))
		}
		return err
	}
	built := false
	defer func() {
		if !built { // also after a panic
			err = errors.Join(err, closeAll())
		}
	}()

	rules, err := spec.Rules()
	if err != nil {
		return nil, nil, err
	}
	assets := rules.Assets
	opening, err := spec.OpeningCommands()
	if err != nil {
		return nil, nil, err
	}
	if i.metrics == nil {
		i.metrics, err = i.host.metrics.Instance(spec.Name, obs.InstanceOptions{
			LabelValues: spec.Limits.LabelValues, Restarts: i.restarts(), Logger: i.log, OnPanic: i.scrapePanicked,
		})
		if err != nil {
			return nil, nil, err
		}
	}
	redisServer, releaseRedis, err := i.host.redisOf(asked, spec)
	if err != nil {
		return nil, nil, err
	}
	closers = append(closers, func() error { releaseRedis(); return nil })
	// The store comes before the ports: who does not own the instance has no
	// use for them, and may be on the machine of who does.
	journal, owned, err := i.host.storages.open(asked, spec, i.takeLease(spec))
	if err != nil {
		return nil, nil, err
	}
	if owned != nil {
		closers = append(closers, func() error {
			release, cancel := context.WithTimeout(context.Background(), abortAfter)
			defer cancel()
			return owned.lease.Release(release)
		})
	}
	closers = append(closers, journal.Close)
	// Only the owner may give the instance's user a new password.
	publishing, closeUser, err := publisherServer(spec, redisServer)
	if err != nil {
		return nil, nil, err
	}
	closers = append(closers, closeUser)
	if err := i.bindPorts(asked, spec); err != nil {
		return nil, nil, err
	}

	limits := engine.DefaultLimits()
	limits.Queue, limits.Batch, limits.Request = spec.Limits.Queue, spec.Limits.MaxBatch, spec.Limits.RequestTimeout.Std()
	lane := i.host.processors.Lane(i.metrics.RecordRequestDelayed)
	bound := bounds.New(bounds.Limits{
		Requests: spec.Limits.MaxInFlight, Rate: spec.Limits.Rate, Burst: spec.Limits.Burst,
		Connections: spec.Limits.MaxClientConnections, Streams: spec.Limits.MaxStreams, Bytes: spec.Limits.MaxBytes,
		ConnectionRate: spec.Limits.ConnectionRate,
	}, i.metrics)
	i.metrics.ReportBounds(bound.Usage)
	traces := i.host.tracing.Instance(spec.Name)
	g := &group{
		name: spec.Name, logger: i.log, ownership: owned, asked: asked,
		inFlight: &i.inFlight, redis: redisServer, redisUp: i.metrics.SetRedisUp, recordPanic: i.metrics.RecordPanic, vitals: i.metrics.Vitals,
		pulse: &i.host.pulse, crashed: make(chan error, 1), grpcStopped: make(chan struct{}),
		engine: engine.New(engine.Config{
			Instance: spec.Name, Seed: spec.Seed, Rules: rules, Journal: journal, Clock: i.host.clock(spec),
			Metrics: i.metrics, Domain: i.metrics, Logger: i.log, Limits: limits, Opening: opening, Owned: owned.recent(),
			Lane: lane, Projections: i.host.projections.Lane(nil), LocalJournal: spec.Storage.Driver != config.StoragePostgres,
			Tracer: engineTracer(traces),
		}),
	}
	g.engine.SetPaused(i.pausedNow())
	g.abort, g.cut = context.WithCancel(i.host.abort)
	g.serving, g.stopServing = context.WithCancel(g.abort)
	closers = append(closers, func() error { g.cut(); return nil })
	if err := g.buildWebhooks(i, spec, assets, traces); err != nil {
		return nil, nil, err
	}
	if err := g.buildFaces(i, spec, assets, lane, bound); err != nil {
		return nil, nil, err
	}
	// Whatever became of the servers, the leases end with this start.
	closers = append(closers, g.httpPort.Close, g.grpcPort.Close)
	g.buildRedis(i, spec, assets, redisServer, publishing)
	if i.host.assembled != nil {
		i.host.assembled(g)
	}
	built = true
	return g, closeAll, nil
}

func (i *instance) restarts() uint64 {
	i.mu.Lock()
	defer i.mu.Unlock()
	return uint64(i.status.Restarts) // counts up from 0
}

func (i *instance) pausedNow() bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.paused
}

// bindPorts opens the instance's ports, unless it has them from an earlier
// start.
func (i *instance) bindPorts(ctx context.Context, spec Spec) error {
	for _, p := range []struct {
		held    **port
		address string
	}{{&i.http, spec.HTTPAddr}, {&i.grpc, spec.GRPCAddr}} {
		if *p.held != nil && (*p.held).address == p.address && !(*p.held).closed.Load() {
			continue
		}
		i.dismissStandIn()
		_ = (*p.held).close() // of an address that it has no more
		bound, err := bind(ctx, p.address)
		if err != nil {
			*p.held = nil
			return err
		}
		*p.held = bound
	}
	return nil
}

func (g *group) buildFaces(i *instance, spec Spec, assets *asset.Registry, lane *fair.Lane, bound *bounds.Bounds) (err error) {
	i.dismissStandIn()
	if g.httpPort, err = i.http.lease(); err != nil {
		return fmt.Errorf("leasing the HTTP port: %w", err)
	}
	if g.grpcPort, err = i.grpc.lease(); err != nil {
		return fmt.Errorf("leasing the gRPC port: %w", err)
	}
	i.access.SetKeys(config.Keys(spec.APIKeys))
	secure := i.host.tlsOf(spec)
	g.httpPort = newBoundedListener(g.httpPort, bound, secure == nil, g.panicked)
	face := httpapi.New(httpapi.Options{
		Custodian: g.engine, Assets: assets, Instance: spec.Name, Version: i.host.version,
		Webhooks: g.webhooks, Metrics: i.metrics.Handler(), Middleware: i.metrics.HTTPMiddleware, Logger: g.logger, OnPanic: g.panicked,
		Components: g.components, Context: g.serving, Access: i.access, Sites: spec.sites(),
		Lane: lane, Bounds: bound, OnSlowStream: func() { i.metrics.RecordSlowStreamEnded("http") },
		Limits: httpapi.Limits{
			MaxBodyBytes: spec.Limits.MaxBodyBytes, PageMax: spec.Limits.PageMax, RequestTimeout: spec.Limits.RequestTimeout.Std(),
		},
	})
	g.http = &http.Server{
		Handler: i.host.tracing.HTTP(spec.Name, g.counted(face)), ReadHeaderTimeout: headerTimeout, IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeader,
		ReadTimeout: spec.Limits.RequestTimeout.Std(), WriteTimeout: 2 * spec.Limits.RequestTimeout.Std(),
		BaseContext: func(net.Listener) context.Context { return g.abort },
		TLSConfig:   secure.Clone(), // net/http writes to it
		ConnState: func(conn net.Conn, state http.ConnState) {
			guard.Do("http server", g.panicked, func() { g.silent.track(conn, state) })
		},
		// What net/http reports of single connections (broken clients) is of
		// interest only in detail.
		ErrorLog: slog.NewLogLogger(g.logger.Handler(), slog.LevelDebug),
	}
	if secure == nil { // where there is none to negotiate, nothing for HTTP/2 is set up
		g.http.Protocols = new(http.Protocols)
		g.http.Protocols.SetHTTP1(true)
	}
	g.grpc = grpcapi.New(grpcapi.Options{
		Custodian: g.engine, Assets: assets, Webhooks: g.webhooks, Context: g.serving, Logger: g.logger, OnPanic: g.panicked,
		Access: i.access, TLS: secure, Lane: lane, Bounds: bound, OnSlowStream: func() { i.metrics.RecordSlowStreamEnded("grpc") },
		Stats:  i.host.tracing.GRPC(spec.Name),
		Unary:  []grpc.UnaryServerInterceptor{i.metrics.UnaryServerInterceptor(), g.countedCall},
		Stream: []grpc.StreamServerInterceptor{i.metrics.StreamServerInterceptor()},
		Limits: grpcapi.Limits{
			MaxRecvBytes: spec.Limits.MaxBodyBytes, MaxConcurrentStreams: uint32(spec.Limits.MaxCallsPerConnection),
			PageMax: spec.Limits.PageMax, CallTimeout: 2 * spec.Limits.RequestTimeout.Std(),
		},
	})
	return nil
}

// counted counts the requests under way, for the progress of a drain.
func (g *group) counted(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		g.inFlight.Add(1)
		defer g.inFlight.Add(-1)
		next.ServeHTTP(w, r)
	})
}

func (g *group) countedCall(ctx context.Context, req any, _ *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
	g.inFlight.Add(1)
	defer g.inFlight.Add(-1)
	return next(ctx, req)
}

// publisherServer returns the Redis server as the instance's own work uses it:
// by a user of its own, if it is isolated so.
func publisherServer(spec Spec, server *redis.Server) (*redis.Server, func() error, error) {
	if server == nil || spec.Redis.Isolation != config.IsolationRole {
		return server, func() error { return nil }, nil
	}
	own, err := server.As(redis.Prefix(spec.RedisPrefix))
	if err != nil {
		return nil, nil, fmt.Errorf("redis.url: %w", err)
	}
	return own, own.Close, nil
}

// buildRedis makes the parts that tell the ecosystem of the instance: the
// heartbeat of discovery, whose keys lie beyond the instance's own, and the
// published event stream.
func (g *group) buildRedis(i *instance, spec Spec, assets *asset.Registry, server, publishing *redis.Server) {
	if server == nil {
		never := make(chan struct{})
		close(never)
		g.announce = func(context.Context) (<-chan struct{}, error) { return never, nil }
		return
	}
	h := i.host
	service := redis.Service{
		ServiceName: spec.Name, ServiceID: uuid.NewString(), Address: advertised(spec.Host), Port: spec.HTTPPort,
		Version: cmp.Or(h.service.Version, h.version), RegisteredAt: time.Now().UTC(),
		Metadata: map[string]string{
			"http_port": strconv.Itoa(spec.HTTPPort), "grpc_port": strconv.Itoa(spec.GRPCPort), "instance": spec.Name,
			"profile": spec.Profile, "environment": h.service.Environment, "service": h.service.Name,
		},
	}
	if spec.TLS.Cert != "" {
		service.Metadata["tls"] = "true"
	}
	discovery := redis.NewDiscovery(server)
	g.announce = func(ctx context.Context) (<-chan struct{}, error) {
		return discovery.Keep(ctx, service, h.redisCfg.HeartbeatInterval.Std(), g.ownership.confirm, g.panicked)
	}
	g.publisher = redis.NewPublisher(publishing, redis.Prefix(spec.RedisPrefix), &published{g.engine, view.NewEncoder(assets)}, redis.PublisherOptions{
		Logger: g.logger, OnPublished: i.metrics.RecordStreamPublished, Confirm: g.ownership.confirm,
	})
}

// advertised is the address under which others find a listener: one that
// listens everywhere is found by the name of the machine.
func advertised(host string) string {
	if ip := net.ParseIP(host); host != "" && (ip == nil || !ip.IsUnspecified()) {
		return host
	}
	name, err := os.Hostname()
	if err != nil {
		return host
	}
	return name
}

// published shows an engine's events as the stream in Redis carries them.
type published struct {
	engine  *engine.Engine
	encoder *view.Encoder
}

// eventBytes is room for the JSON of most events.
const eventBytes = 1 << 10

// Durable implements [redis.Source].
func (p *published) Durable() uint64 { return p.engine.Durable() }

// Follow implements [redis.Source].
func (p *published) Follow(ctx context.Context, after uint64, fn func([]redis.Event) error) error {
	return p.engine.Follow(ctx, after, func(recorded []engine.Recorded) error {
		events := make([]redis.Event, len(recorded))
		data := make([]byte, 0, len(recorded)*eventBytes) // of all of them, one behind the other
		for n, r := range recorded {
			begin := len(data)
			data = p.encoder.EventData(data, r.Event)
			events[n] = redis.Event{
				Sequence: r.Event.Sequence, Type: string(r.Event.Type), Time: r.Event.Time,
				Data: data[begin:len(data):len(data)], Hash: hex.EncodeToString(r.Hash[:]),
			}
		}
		return fn(events)
	})
}
