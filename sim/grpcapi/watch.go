package grpcapi

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
	pb "github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/custodianpb"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/engine"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/guard"
)

// watchChunk is how many events a stream has ready to be sent.
const watchChunk = 64

// watch is one stream of events under way.
type watch struct {
	*face
	stream grpc.ServerStreamingServer[pb.Event]
	after  uint64       // the last event that was sent
	broken error        // why sending failed
	since  atomic.Int64 // when the send under way began, in Unix nanoseconds; 0 without one
}

// WatchEvents sends events as they become durable until the stream's context
// ends, or until its client has not read for too long.
func (s *reportingService) WatchEvents(req *pb.WatchEventsRequest, stream grpc.ServerStreamingServer[pb.Event]) error {
	var in input
	after := in.sequence("after", req.GetAfter())
	if in.err != nil {
		return in.err
	}
	// Headers tell the client that it is watching, even before anything happens.
	if err := stream.SendHeader(nil); err != nil {
		return err
	}
	// A send waits for its client as long as that likes, and only the end of this
	// handler ends it. So the sending is left to a goroutine, which ends with the
	// stream.
	w := &watch{face: s.face, stream: stream, after: after}
	ended := make(chan error, 1)
	ctx := stream.Context()
	guard.Go(part, nil, func() { ended <- guard.Run(part, func() error { return w.run(ctx) }) })
	look := time.NewTicker(s.limits.StreamPatience / 4)
	defer look.Stop()
	for {
		select {
		case err := <-ended:
			if p, ok := errors.AsType[*guard.Panic](err); ok {
				panic(p) // where panics of handlers are dealt with
			}
			return err
		case <-look.C:
			if since := w.since.Load(); since == 0 || time.Since(time.Unix(0, since)) < s.limits.StreamPatience {
				continue
			}
			s.logger.Info("event stream ended: its client did not read", "timeout", s.limits.StreamPatience.String())
			if s.onSlow != nil {
				s.onSlow()
			}
			return &sim.Error{Code: sim.CodeOverloaded, RetryAfter: time.Second, Message: fmt.Sprintf(
				"nothing was read from this stream for %s, so it has ended; read faster, and resume with after, behind the last event received",
				s.limits.StreamPatience)}
		}
	}
}

// run follows the events until ctx ends or sending fails.
func (w *watch) run(ctx context.Context) error {
	err := w.custodian.Follow(ctx, w.after, func(events []engine.Recorded) error {
		for len(events) > 0 {
			n := min(len(events), watchChunk)
			if err := w.send(ctx, events[:n]); err != nil {
				return err
			}
			events = events[n:]
		}
		return nil
	})
	if _, refusal := errors.AsType[*sim.Error](err); err == nil || refusal || w.broken != nil || ctx.Err() != nil {
		return err
	}
	w.logger.Warn("event stream interrupted", "after", w.after, "error", err)
	broken := sim.Errorf(sim.CodeUnavailable, "the event log is not available at the moment; resume after %d", w.after)
	broken.RetryAfter = time.Second
	return broken
}

func (w *watch) send(ctx context.Context, events []engine.Recorded) error {
	var out []*pb.Event
	err := w.lane.Do(ctx, func() {
		out = messages(events, func(r engine.Recorded) *pb.Event { return w.shapes.event(&r) })
	})
	if err != nil {
		return err
	}
	for i, event := range out {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		w.since.Store(time.Now().UnixNano())
		w.broken = w.stream.Send(event)
		w.since.Store(0)
		if w.broken != nil {
			return w.broken
		}
		w.after = events[i].Event.Sequence
	}
	return nil
}
