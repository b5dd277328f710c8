package grpcapi

import (
	"context"
	"errors"
	"time"

	"google.golang.org/grpc"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
	pb "github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/custodianpb"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/engine"
)

// watchChunk is how many events a stream has ready to be sent.
const watchChunk = 64

// watch is one stream of events under way.
type watch struct {
	*face
	sending
	stream grpc.ServerStreamingServer[pb.Event]
	after  uint64 // the last event that was sent
	broken error  // why sending failed
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
	w := &watch{face: s.face, stream: stream, after: after}
	ctx := stream.Context()
	return s.patiently(&w.sending, "read faster, and resume with after, behind the last event received", func() error { return w.run(ctx) })
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
		if w.broken = w.sending.send(func() error { return w.stream.Send(event) }); w.broken != nil {
			return w.broken
		}
		w.after = events[i].Event.Sequence
	}
	return nil
}
