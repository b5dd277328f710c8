package supervisor

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/oklog/run"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/obs"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/engine"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/grpcapi"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/guard"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/webhook"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/store/redis"
)

// abortAfter is how long the parts of a group that ended unasked may take to
// end as well before they are cut off.
const abortAfter = 5 * time.Second

// group is one start of an instance: its parts, made anew each time. It runs
// as an oklog/run group, so the first part to end ends them all.
type group struct {
	name   string
	logger *slog.Logger

	ownership *ownership // nil where the store needs none
	engine    *engine.Engine
	http      *http.Server
	silent    silentConns // of the HTTP server
	grpc      *grpcapi.Server
	httpPort  net.Listener
	grpcPort  net.Listener
	redis     *redis.Server    // nil without Redis
	publisher *redis.Publisher // likewise
	webhooks  *webhook.Manager
	announce  func(context.Context) (withdrawn <-chan struct{}, err error) // until the context ends
	redisUp   func(up bool)                                                // told how Redis is, from time to time
	vitals    func() obs.Vitals
	inFlight  *atomic.Int64
	admitted  atomic.Int64 // requests under way that did not come through the port

	// asked ends when the group is to end in good order.
	asked context.Context
	// serving ends when a drain begins, and streams with it; abort when
	// everything is to be cut off.
	serving, abort context.Context
	stopServing    context.CancelFunc
	cut            context.CancelFunc

	crashed     chan error // told of panics outside of the parts; room for one
	recordPanic func(part string)
	cutOff      atomic.Bool   // a drain had to break something off
	grpcStopped chan struct{} // closed when the gRPC server was cut off

	pulse   *pulse     // tells how the group is, from time to time
	healthy sync.Mutex // orders what health checks are told
}

// hooks are what a group tells its instance, and asks of it.
type hooks struct {
	// started is called once the group serves.
	started func()
	// deadline returns by when a drain that begins now must be over.
	deadline func() time.Time
	// refuse closes the ports, if the instance is not to run again at once.
	refuse func()
	// progress is called with each step of a drain.
	progress func(step string, inFlight int)
}

// errEnded is what the conductor returns after a drain, to end the group.
var errEnded = errors.New("group ended as asked")

// run runs the group until a drain was asked for and is done (nil), or until a
// part of it fails.
func (g *group) run(h hooks) error {
	engineStop, stopEngine := context.WithCancel(g.abort)
	defer stopEngine()
	background, stopBackground := context.WithCancel(g.abort)
	defer stopBackground()
	announcing, stopAnnouncing := context.WithCancel(background)
	defer stopAnnouncing()
	posting, stopWebhooks := context.WithCancel(background)
	defer stopWebhooks()
	steps := drainSteps{
		announcing: announcing, stopAnnouncing: stopAnnouncing,
		posting: posting, stopWebhooks: stopWebhooks,
		stopEngine: stopEngine, engineDone: make(chan struct{}),
	}
	ended := make(chan struct{}) // closed when the conductor is done

	// held keeps a part that ended in good order, as the conductor asked it
	// to, from ending the group before the conductor is done.
	held := func(err error) error {
		if err == nil {
			<-ended
		}
		return err
	}

	var parts run.Group
	add := func(part string, execute func() error, interrupt func()) {
		parts.Add(func() error { return g.guard(part, execute) }, func(error) { guard.Do(part, g.panicked, interrupt) })
	}
	add("conductor", func() error {
		defer close(ended)
		return g.conduct(h, &steps)
	}, func() {
		stopBackground()
		g.stopServing()
	})
	add("engine", func() error { return held(g.runEngine(engineStop, steps.engineDone)) }, func() {
		stopEngine()
		time.AfterFunc(abortAfter, g.cut) // harmless once the group has ended
	})
	add("http server", func() error {
		return held(servingEnd(serveHTTP(g.http, g.httpPort)))
	}, func() { _ = g.http.Close() }) // its connections are of no use any more
	add("grpc server", func() error { return held(g.serveGRPC()) }, g.stopGRPC)
	if g.publisher != nil {
		add("event publisher", func() error { return held(g.afterStart(background, g.publisher.Run)) }, stopBackground)
	}
	// Telling health for the first time takes a deep stack, which this is not to keep.
	_ = guard.Apart("health", func() error { g.pulse.add(g); return nil }) // it reports its own panics
	defer g.pulse.remove(g)
	err := parts.Run()
	stopBackground()
	for _, done := range []<-chan struct{}{steps.withdrawn, steps.webhooksDone} {
		if done != nil {
			<-done
		}
	}
	if errors.Is(err, errEnded) {
		return nil
	}
	return g.ownership.explain(err)
}

// conduct waits for the group to serve, then for the reason to end, and takes
// it down in order if it was asked to.
func (g *group) conduct(h hooks, steps *drainSteps) error {
	for serving := g.engine.Serving(); ; {
		select {
		case <-serving:
			if err := g.startBeside(steps); err != nil {
				return err
			}
			h.started()
			serving = nil
		case <-g.asked.Done():
			if serving == nil { // else it never served
				g.drain(h, steps)
			}
			return errEnded
		case err := <-g.crashed:
			return err
		case <-g.ownership.lost():
			return fmt.Errorf("ownership: %w", g.ownership.explain(sim.ErrLostOwnership))
		case <-g.serving.Done():
			return nil // another part failed
		}
	}
}

// servingEnd takes a server's end for a good one if its port was closed, which
// only a drain does.
func servingEnd(err error) error {
	if errors.Is(err, http.ErrServerClosed) || errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

// serveGRPC serves until the server has drained or was cut off. A server that
// was cut off is not waited for: a handler that ignores its context would hold
// up the group for ever.
func (g *group) serveGRPC() error {
	port := g.grpc.Await(g.grpcPort)
	served := make(chan error, 1)
	guard.Go("grpc server", g.panicked, func() {
		served <- g.guard("serving", func() error { return servingEnd(g.grpc.Serve(port)) })
	})
	select {
	case err := <-served:
		return err
	case <-g.grpcStopped:
		return nil
	}
}

// stopGRPC cuts the gRPC server off without waiting for it. After a drain there
// is nothing left to cut.
func (g *group) stopGRPC() {
	now, cancel := context.WithCancel(context.Background())
	cancel()
	guard.Go("grpc server", g.panicked, func() {
		defer close(g.grpcStopped)
		_ = g.grpc.Drain(now) // its error says what was cut off, which is the intent
	})
}

// runEngine runs the engine. What is no defect of its is the store's doing.
func (g *group) runEngine(stop context.Context, done chan<- struct{}) error {
	defer close(done)
	err := g.engine.Run(stop, g.abort)
	switch {
	case err == nil && g.serving.Err() == nil && g.abort.Err() == nil:
		return errors.New("ended unasked")
	case err != nil && !engine.Fatal(err):
		return &storageError{err}
	}
	return err
}

// startBeside starts the parts that have no goroutine while they have nothing to do:
// discovery, and webhooks. They end with their contexts.
func (g *group) startBeside(steps *drainSteps) error {
	err := guard.Run("discovery", func() (err error) {
		steps.withdrawn, err = g.announce(steps.announcing)
		return err
	})
	if err != nil {
		return fmt.Errorf("starting discovery: %w", err)
	}
	err = guard.Run("webhooks", func() (err error) {
		steps.webhooksDone, err = g.webhooks.Start(steps.posting, g.abort)
		return err
	})
	if err != nil {
		return fmt.Errorf("starting webhooks: %w", err)
	}
	return nil
}

// afterStart runs a background part once the instance serves, and takes its end
// by the context for a good one.
func (g *group) afterStart(ctx context.Context, fn func(context.Context) error) error {
	select {
	case <-g.engine.Serving():
	case <-ctx.Done():
		return nil
	}
	err := fn(ctx)
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// guard names a part's error and turns its panic into one, so that neither
// leaves the group.
func (g *group) guard(part string, fn func() error) error {
	err := guard.Run(part, fn)
	p, panicked := errors.AsType[*guard.Panic](err)
	switch {
	case panicked:
		g.contained(p)
	case err == nil || errors.Is(err, errEnded):
		return err
	}
	if panicked && p.Part == part {
		return p
	}
	return fmt.Errorf("%s: %w", part, err)
}

// panicked is told of panics on goroutines that are no part's own: those of
// requests, of deliveries, and those that libraries start. They end the group,
// as a part's do: what state a defect left behind is not known.
func (g *group) panicked(p *guard.Panic) {
	g.contained(p)
	select {
	case g.crashed <- p:
	default: // it ends already
	}
}

// contained logs and counts a panic.
func (g *group) contained(p *guard.Panic) {
	g.recordPanic(p.Part)
	if p.Tell() {
		g.logger.Error("panic", "part", p.Part, "panic", p.Value, "stack", p.Stack)
	}
}
