package supervisor

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/oklog/run"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/engine"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/grpcapi"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/store/redis"
)

// abortAfter is how long the parts of a group that ended unasked may take to
// end as well before they are cut off.
const abortAfter = 5 * time.Second

// streamGrace is how long a drain waits for the event stream in Redis to catch
// up; what is missing is published at the next start.
const streamGrace = 2 * time.Second

// group is one start of an instance: its parts, made anew each time. It runs
// as an oklog/run group, so the first part to end ends them all.
type group struct {
	name   string
	logger *slog.Logger

	journal   sim.Journal
	ownership *ownership // nil where the store needs none
	engine    *engine.Engine
	http      *http.Server
	grpc      *grpcapi.Server
	httpPort  net.Listener
	grpcPort  net.Listener
	redis     *redis.Server    // nil without Redis
	publisher *redis.Publisher // likewise
	announce  func(context.Context) error
	inFlight  *atomic.Int64

	// serving ends when a drain begins, and streams with it; abort when
	// everything is to be cut off.
	serving, abort context.Context
	stopServing    context.CancelFunc
	cut            context.CancelFunc

	crashed chan error // told of panics in handlers; room for one
}

// drainRequest is how a group learns that it is to end, and by when.
type drainRequest struct {
	asked    <-chan struct{}
	deadline func() time.Time
	// refuse closes the ports, if the instance is not to run again at once.
	refuse func()
}

// errEnded is what the conductor returns after a drain, to end the group.
var errEnded = errors.New("group ended as asked")

// run runs the group until a drain was asked for and is done (nil), or until a
// part of it fails. It calls started once the instance serves, and progress
// with each step of a drain.
func (g *group) run(request drainRequest, started func(), progress func(step string, inFlight int)) error {
	engineStop, stopEngine := context.WithCancel(g.abort)
	defer stopEngine()
	background, stopBackground := context.WithCancel(g.abort)
	defer stopBackground()
	announcing, stopAnnouncing := context.WithCancel(background)
	defer stopAnnouncing()
	engineDone := make(chan struct{})
	announced := make(chan struct{})
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
		parts.Add(func() error { return g.guard(part, execute) }, func(error) { interrupt() })
	}
	add("conductor", func() error {
		defer close(ended)
		select {
		case <-g.engine.Serving():
		case <-request.asked:
			return errEnded // before it ever served
		case <-g.serving.Done():
			return nil
		}
		started()
		g.grpc.SetServing(true)
		select {
		case <-request.asked:
		case err := <-g.crashed:
			return err
		case <-g.serving.Done():
			return nil // another part failed
		}
		g.drain(request.deadline(), progress, drainSteps{
			refuse: request.refuse, stopAnnouncing: stopAnnouncing, announced: announced, stopEngine: stopEngine, engineDone: engineDone,
		})
		return errEnded
	}, g.stopServing)
	add("engine", func() error {
		err := g.runEngine(engineStop, engineDone)
		return held(err)
	}, func() {
		stopEngine()
		time.AfterFunc(abortAfter, g.cut) // harmless once the group has ended
	})
	add("http server", func() error {
		return held(servingEnd(g.http.Serve(g.httpPort)))
	}, func() { _ = g.http.Close() }) // its connections are of no use any more
	add("grpc server", func() error { return held(servingEnd(g.grpc.Serve(g.grpcPort))) }, g.stopGRPC)
	add("discovery", func() error {
		err := func() error {
			defer close(announced)
			return g.afterStart(announcing, g.announce)
		}()
		return held(err)
	}, stopBackground)
	if g.publisher != nil {
		add("event publisher", func() error { return held(g.afterStart(background, g.publisher.Run)) }, stopBackground)
	}
	if g.ownership != nil {
		add("ownership", func() error { return held(g.ownership.watch(background)) }, stopBackground)
	}
	err := parts.Run()
	if errors.Is(err, errEnded) {
		return nil
	}
	return err
}

// servingEnd takes a server's end for a good one if its port was closed, which
// only a drain does.
func servingEnd(err error) error {
	if errors.Is(err, http.ErrServerClosed) || errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

// stopGRPC cuts the gRPC server off without waiting for it. After a drain there
// is nothing left to cut.
func (g *group) stopGRPC() {
	now, cancel := context.WithCancel(context.Background())
	cancel()
	go func() { _ = g.grpc.Drain(now) }() // its error says what was cut off, which is the intent
}

func (g *group) runEngine(stop context.Context, done chan<- struct{}) error {
	defer close(done)
	err := g.engine.Run(stop, g.abort)
	if err == nil && g.serving.Err() == nil && g.abort.Err() == nil {
		return errors.New("ended unasked")
	}
	return err
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
func (g *group) guard(part string, fn func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			g.logger.Error("panic", "part", part, "panic", p, "stack", string(debug.Stack()))
			err = &crash{fmt.Errorf("%s: panic: %v", part, p)}
		}
	}()
	if err := fn(); err != nil && !errors.Is(err, errEnded) {
		return fmt.Errorf("%s: %w", part, err)
	} else if err != nil {
		return err
	}
	return nil
}

// crash marks a failure by panic: a defect, not a store that is away.
type crash struct{ error }

func (c *crash) Unwrap() error { return c.error }

// panicked is told by the faces of a panic in one of their handlers.
func (g *group) panicked(p any) {
	select {
	case g.crashed <- &crash{fmt.Errorf("request handler: panic: %v", p)}:
	default:
	}
}

// drainSteps are the ends of the parts that a drain takes down in order.
type drainSteps struct {
	refuse         func()
	stopAnnouncing context.CancelFunc
	announced      <-chan struct{}
	stopEngine     context.CancelFunc
	engineDone     <-chan struct{}
}

// drain takes the group down in order, by the deadline: first nobody is sent
// here any more, then what is in flight is finished, then the books are flushed.
func (g *group) drain(deadline time.Time, progress func(string, int), steps drainSteps) {
	ctx, cancel := context.WithDeadline(g.abort, deadline)
	defer cancel()

	progress("refusing", int(g.inFlight.Load()))
	g.grpc.SetServing(false)
	steps.stopAnnouncing()
	g.stopServing() // not ready any more, and streams end
	await(ctx, steps.announced)
	steps.refuse()

	progress("finishing", int(g.inFlight.Load()))
	ticking, stopTicking := context.WithCancel(ctx)
	var faces sync.WaitGroup
	faces.Go(func() {
		if g.http.Shutdown(ctx) != nil {
			_ = g.http.Close() // the deadline cuts off what is left
		}
	})
	faces.Go(func() {
		if err := g.grpc.Drain(ctx); err != nil {
			g.logger.Warn("drain deadline reached", "error", err)
		}
	})
	var ticker sync.WaitGroup
	ticker.Go(func() { g.tick(ticking, progress) })
	faces.Wait()
	stopTicking()
	ticker.Wait()

	progress("flushing", int(g.inFlight.Load()))
	steps.stopEngine()
	if !await(ctx, steps.engineDone) {
		g.cut()
	}
	if g.publisher != nil {
		catchUp, cancel := context.WithTimeout(ctx, streamGrace)
		defer cancel()
		awaitCondition(catchUp, func() bool { return g.publisher.Lag() == 0 })
	}
	progress("releasing", int(g.inFlight.Load()))
}

// tick reports the requests that are still being answered, every second.
func (g *group) tick(ctx context.Context, progress func(string, int)) {
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			progress("finishing", int(g.inFlight.Load()))
		case <-ctx.Done():
			return
		}
	}
}

// await waits for ch to be closed, and reports whether that came before ctx
// ended.
func await(ctx context.Context, ch <-chan struct{}) bool {
	select {
	case <-ch:
		return true
	case <-ctx.Done():
		return false
	}
}

func awaitCondition(ctx context.Context, met func() bool) {
	ticker := time.NewTicker(10 * time.Millisecond)
	defer ticker.Stop()
	for !met() {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
	}
}
