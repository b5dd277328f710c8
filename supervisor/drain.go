package supervisor

import (
	"context"
	"time"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/guard"
)

// flushShare is the part of a drain's time that is kept for flushing the books:
// requests and streams that do not end must not use it up.
const flushShare = 0.1

// flushReserve bounds that part.
const flushReserve = time.Second

// streamGrace is how long a drain waits for the event stream in Redis to catch
// up; what is missing is published at the next start.
const streamGrace = 2 * time.Second

// drainSteps are the ends of the parts that a drain takes down in order.
type drainSteps struct {
	announcing     context.Context
	stopAnnouncing context.CancelFunc
	withdrawn      <-chan struct{} // closed when discovery has ended; nil if it never began
	posting        context.Context
	stopWebhooks   context.CancelFunc
	webhooksDone   <-chan struct{} // closed when webhooks have ended; nil if they never began
	stopEngine     context.CancelFunc
	engineDone     chan struct{} // closed when the engine has ended
}

// drain takes the group down in order, by the deadline: first nobody is sent
// here any more, then what is in flight is finished, then the books are flushed.
func (g *group) drain(h hooks, steps *drainSteps) {
	deadline := h.deadline()
	ctx, cancel := context.WithDeadline(g.abort, deadline)
	defer cancel()
	reserve := min(flushReserve, time.Duration(flushShare*float64(time.Until(deadline))))
	finishing, finished := context.WithDeadline(ctx, deadline.Add(-reserve))
	defer finished()
	progress := func(step string) { h.progress(step, int(g.inFlight.Load())) }

	progress("refusing")
	g.stopServing() // not ready any more, and streams end
	g.tellHealth()
	steps.stopAnnouncing()
	await(finishing, steps.withdrawn)
	h.refuse()

	// Attempts under way are finished beside, and how far they came is saved in the
	// books. What is not posted yet is posted after the next start.
	steps.stopWebhooks()
	progress("finishing")
	g.finish(finishing, progress)
	progress("webhooks")
	if !await(finishing, steps.webhooksDone) {
		g.webhooks.Cut()
		saving, saved := context.WithTimeout(ctx, reserve/2)
		await(saving, steps.webhooksDone)
		saved()
	}

	progress("flushing")
	steps.stopEngine()
	if !await(ctx, steps.engineDone) {
		g.cutOff.Store(true)
		g.cut()
	}
	if g.publisher != nil {
		catchUp, cancel := context.WithTimeout(ctx, streamGrace)
		defer cancel()
		awaitCondition(catchUp, func() bool { return g.publisher.Lag() == 0 || g.redisErr() != nil })
	}
	progress("releasing")
}

// finish lets the faces answer what is in flight, until ctx ends.
func (g *group) finish(ctx context.Context, progress func(step string)) {
	var faces guard.Group
	faces.Go("http server", g.panicked, func() {
		silence := time.AfterFunc(silentGrace, func() { guard.Do("http server", g.panicked, g.silent.cut) })
		defer silence.Stop()
		if g.http.Shutdown(ctx) != nil {
			g.cutOff.Store(true)
			g.logger.Warn("drain deadline reached", "error", "HTTP requests were cut off", "requests", g.inFlight.Load())
			_ = g.http.Close() // the deadline cuts off what is left
		}
	})
	faces.Go("grpc server", g.panicked, func() {
		if err := g.grpc.Drain(ctx); err != nil {
			g.cutOff.Store(true)
			g.logger.Warn("drain deadline reached", "error", err)
		}
	})
	faces.Go("http server", g.panicked, func() { g.finishAdmitted(ctx) })
	done := make(chan struct{})
	guard.Go("conductor", g.panicked, func() { faces.Wait(); close(done) })
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	for {
		select {
		case <-done:
			return
		case <-ticker.C:
			progress("finishing")
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
