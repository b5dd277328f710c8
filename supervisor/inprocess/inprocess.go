// Package inprocess runs a custodian within the process: engine, books in memory
// and the HTTP and gRPC faces, without supervisor, files and servers. It is there
// in a millisecond and leaves nothing behind.
//
// [Parse] reads an entry as it stands under instances: in a configuration,
// [Start] starts it, [Custodian.Handler] and [Custodian.Dial] talk to it without
// ports, [Custodian.Listen] opens a pair of those, and [Custodian.Close] ends it.
// Scripts of package scenario run against such custodians, and Go tests by way of
// package custodiantest.
//
// Keys of an entry that are about ports, storage and Redis are of no effect here,
// and nothing is posted to webhooks.
package inprocess

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/test/bufconn"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/access"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/engine"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/grpcapi"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/guard"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/httpapi"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/store/memory"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/supervisor/config"
)

// DefaultName is the name of a custodian whose entry has none.
const DefaultName = "custodian"

// DefaultNow is where the time of a manual clock begins that says nothing of it: a
// Monday on which every market is open.
const DefaultNow = config.Instant("2026-11-23T14:00:00Z")

const (
	// pipe is the room of a connection in memory, in bytes.
	pipe = 64 << 10
	// readHeaderTimeout ends connections that send no request.
	readHeaderTimeout = 10 * time.Second
)

// Custodian is a custodian within the process. It is safe for concurrent use.
type Custodian struct {
	// Engine is what the faces speak to.
	Engine *engine.Engine
	// Entry is what the custodian was made of, with all settings.
	Entry config.Instance

	handler  http.Handler
	grpc     *grpcapi.Server
	listener *bufconn.Listener
	serving  sync.Once

	http    *http.Server // nil until Listen
	hangUp  context.CancelFunc
	running context.Context // values of the context of Start, without its end

	stop, abort context.CancelFunc
	ended       chan struct{} // closed when the engine has ended
	err         error         // why, set before ended is closed
	serve       guard.Group
}

// Parse reads an entry from JSON, with a name and a manual clock where it says
// nothing of them. The error is a [*config.Problems].
func Parse(entry []byte) (config.Instance, error) {
	i, err := config.ParseInstance(named(entry))
	if err != nil {
		return config.Instance{}, err
	}
	if i.Clock.Mode == "" {
		i.Clock.Mode = string(sim.ClockManual)
	}
	if i.Clock.Mode == string(sim.ClockManual) && i.Clock.Now == "" {
		i.Clock.Now = DefaultNow
	}
	return i, nil
}

// Start starts a custodian from an entry of [Parse] and returns once it serves.
func Start(ctx context.Context, entry config.Instance, logger *slog.Logger) (*Custodian, error) {
	entry = config.Default().Resolve(entry)
	rules, err := entry.Rules()
	if err != nil {
		return nil, err
	}
	opening, err := entry.OpeningCommands()
	if err != nil {
		return nil, err
	}
	if logger == nil {
		logger = slog.New(slog.DiscardHandler)
	}
	limits := engine.DefaultLimits()
	limits.Queue, limits.Batch, limits.Request = entry.Limits.Queue, entry.Limits.MaxBatch, entry.Limits.RequestTimeout.Std()
	c := &Custodian{Entry: entry, listener: bufconn.Listen(pipe), ended: make(chan struct{})}
	c.Engine = engine.New(engine.Config{
		Instance: entry.Name, Seed: entry.Seed, Rules: rules, Journal: memory.NewStore().Journal(entry.Schema), Clock: wallClock{},
		Metrics: unmetered{}, Logger: logger, Limits: limits, Opening: opening,
	})
	keys := access.NewGuard("API key", "this needs an API key (Authorization: Bearer …, or X-API-Key)", config.Keys(entry.APIKeys))
	c.handler = httpapi.New(httpapi.Options{
		Custodian: c.Engine, Assets: rules.Assets, Instance: entry.Name, Logger: logger, Access: keys,
		Limits: httpapi.Limits{
			MaxBodyBytes: entry.Limits.MaxBodyBytes, MaxInFlight: entry.Limits.MaxInFlight, PageMax: entry.Limits.PageMax,
			RequestTimeout: entry.Limits.RequestTimeout.Std(),
		},
	})
	running := context.WithoutCancel(ctx) // it ends by Close
	c.grpc = grpcapi.New(grpcapi.Options{
		Custodian: c.Engine, Assets: rules.Assets, Context: running, Logger: logger, Access: keys,
		Limits: grpcapi.Limits{
			MaxRecvBytes: entry.Limits.MaxBodyBytes, MaxInFlight: entry.Limits.MaxInFlight, PageMax: entry.Limits.PageMax,
		},
	})
	stopping, stop := context.WithCancel(running)
	aborting, abort := context.WithCancel(running)
	c.stop, c.abort, c.running = stop, abort, running
	guard.Go("engine", nil, func() { // its panic is an error already
		defer close(c.ended)
		c.err = guard.Run("engine", func() error { return c.Engine.Run(stopping, aborting) })
	})
	select {
	case <-c.Engine.Serving():
		c.grpc.SetServing(true)
		return c, nil
	case <-c.ended:
		return nil, errors.Join(fmt.Errorf("the custodian did not start: %w", c.err), c.Close(ctx))
	case <-ctx.Done():
		return nil, errors.Join(ctx.Err(), c.Close(running))
	}
}

// Handler returns the HTTP face.
func (c *Custodian) Handler() http.Handler { return c.handler }

// Dial connects to the gRPC face. The connection is the caller's to close.
func (c *Custodian) Dial() (*grpc.ClientConn, error) {
	c.serving.Do(func() {
		c.serve.Go("gRPC face", nil, func() { _ = c.grpc.Serve(c.listener) }) // ends with the listener
	})
	return grpc.NewClient("passthrough:///"+c.Entry.Name,
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return c.listener.DialContext(ctx) }),
		grpc.WithTransportCredentials(insecure.NewCredentials()))
}

// Listen opens a free port for each face, on loopback, and returns their addresses
// as host:port. It is called once at most, by one goroutine, before Close.
func (c *Custodian) Listen(ctx context.Context) (httpAddr, grpcAddr string, err error) {
	var config net.ListenConfig
	overHTTP, err := config.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", "", err
	}
	overGRPC, err := config.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		_ = overHTTP.Close() // nobody knows of it
		return "", "", err
	}
	calls, hangUp := context.WithCancel(c.running)
	c.hangUp = hangUp
	c.http = &http.Server{
		Handler: c.handler, ReadHeaderTimeout: readHeaderTimeout,
		BaseContext: func(net.Listener) context.Context { return calls },
	}
	c.serve.Go("HTTP face", nil, func() { _ = c.http.Serve(overHTTP) }) // both end by Close
	c.serve.Go("gRPC face", nil, func() { _ = c.grpc.Serve(overGRPC) })
	return overHTTP.Addr().String(), overGRPC.Addr().String(), nil
}

// Close ends the custodian: what was accepted is answered until ctx ends. Its
// error is that of the engine, if it failed.
func (c *Custodian) Close(ctx context.Context) error {
	drained := c.grpc.Drain(ctx)
	if c.http != nil {
		c.hangUp() // event streams would hold the server up
		drained = errors.Join(drained, c.http.Shutdown(ctx))
		_ = c.http.Close() // what Shutdown did not wait for
	}
	c.stop()
	select {
	case <-c.ended:
	case <-ctx.Done():
		c.abort()
		<-c.ended
	}
	c.abort()
	_ = c.listener.Close() // in memory; nothing can fail
	c.serve.Wait()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return errors.Join(c.err, drained)
}

// wallClock is the process's clock.
type wallClock struct{}

// Now returns the present time.
func (wallClock) Now() time.Time { return time.Now() }
