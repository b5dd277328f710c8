package grpcapi

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/custodianpb"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/guard"
)

// healthPrefix begins the methods that are answered however busy the server
// is: a saturated server is alive.
const healthPrefix = "/grpc.health.v1.Health/"

// reflectionPrefix begins those of reflection, of all its versions.
const reflectionPrefix = "/grpc.reflection."

// part is what the face is called where it panics.
const part = "gRPC face"

// containUnary turns a panic into an INTERNAL status and reports it. It is the
// outermost interceptor: grpc-go recovers nothing.
func (s *Server) containUnary(ctx context.Context, req any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (resp any, err error) {
	defer s.contain(info.FullMethod, &err)
	return handler(ctx, req)
}

// containStream does the same for streams.
func (s *Server) containStream(srv any, stream grpc.ServerStream, info *grpc.StreamServerInfo, handler grpc.StreamHandler) (err error) {
	defer s.contain(info.FullMethod, &err)
	return handler(srv, stream)
}

// guardUnary bounds the calls under way and gives errors their status.
func (s *Server) guardUnary(ctx context.Context, req any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (resp any, err error) {
	if err := refusalIn(ctx); err != nil {
		return nil, s.statusOf(ctx, info.FullMethod, err)
	}
	if !strings.HasPrefix(info.FullMethod, healthPrefix) {
		if err := s.options.Bounds.Request(); err != nil {
			return nil, refusalStatus(err).Err()
		}
		defer s.options.Bounds.RequestDone()
		s.calls.Add(1)
		defer s.calls.Add(-1)
		if err := s.options.Lane.Begin(ctx); err != nil {
			return nil, s.statusOf(ctx, info.FullMethod, err)
		}
	}
	if err := s.disturb(ctx, info.FullMethod); err != nil {
		return nil, err
	}
	resp, err = handler(ctx, req)
	return resp, s.statusOf(ctx, info.FullMethod, err)
}

// lasting reports whether a method's calls last as long as their callers like. They
// count as streams of the instance.
func lasting(method string) bool {
	return method == custodianpb.ReportingService_WatchEvents_FullMethodName ||
		method == custodianpb.SettlementService_StreamSettlements_FullMethodName
}

// guardStream does the same for streams, which it ends when the server drains.
func (s *Server) guardStream(srv any, stream grpc.ServerStream, info *grpc.StreamServerInfo, handler grpc.StreamHandler) (err error) {
	if err := s.admit(stream.Context(), info.FullMethod); err != nil {
		return s.statusOf(stream.Context(), info.FullMethod, err)
	}
	if lasting(info.FullMethod) {
		if err := s.options.Bounds.Stream(); err != nil {
			return refusalStatus(err).Err()
		}
		defer s.options.Bounds.StreamDone()
		s.watchers.Add(1)
		defer s.watchers.Add(-1)
	} else {
		defer s.others.Add(-1)
		if s.others.Add(1) > int64(s.options.Limits.MaxOthers) {
			return refusalStatus(&sim.Error{Code: sim.CodeOverloaded, RetryAfter: time.Second,
				Message: fmt.Sprintf("%d streams of health checks and reflection are open already; close some", s.options.Limits.MaxOthers)}).Err()
		}
	}
	if err := s.disturb(stream.Context(), info.FullMethod); err != nil {
		return err
	}

	ctx, cancel := context.WithCancelCause(stream.Context())
	defer cancel(nil)
	defer context.AfterFunc(s.ending, func() { cancel(errDraining) })()
	err = handler(srv, &endingStream{ServerStream: stream, ctx: ctx, receives: info.IsClientStream, within: s.options.Limits.CallTimeout})
	if err != nil && errors.Is(context.Cause(ctx), errDraining) {
		err = errDraining
	}
	return s.statusOf(stream.Context(), info.FullMethod, err)
}

// contain turns a panic into an INTERNAL status.
func (s *Server) contain(method string, err *error) {
	value := recover()
	if value == nil {
		return
	}
	*err = status.Error(codes.Internal, internalMessage)
	guard.Do(part, nil, func() { s.panicked(guard.Recovered(part, value), "method", method) })
}

// panicked logs a panic and passes it on.
func (s *Server) panicked(p *guard.Panic, more ...any) {
	if s.options.OnPanic != nil {
		defer s.options.OnPanic(p)
	}
	if p.Tell() {
		s.options.Logger.Error("panic in the gRPC face", append(more, "panic", p.Value, "stack", p.Stack)...)
	}
}

// report is [Server.panicked] for goroutines.
func (s *Server) report(p *guard.Panic) { s.panicked(p) }

// contained calls what grpc-go calls on goroutines of its own. Its error is a
// panic's, if there was one.
func (s *Server) contained(fn func() error) error {
	err := guard.Run(part, fn)
	if p, ok := errors.AsType[*guard.Panic](err); ok {
		guard.Do(part, nil, func() { s.panicked(p) })
		return status.Error(codes.Internal, internalMessage)
	}
	return err
}

// endingStream is a stream whose context ends with the server's streams.
type endingStream struct {
	grpc.ServerStream
	ctx      context.Context
	receives bool // the client goes on sending
	// within is how long the one message of another client may take to arrive.
	within time.Duration
}

// Context returns the stream's context.
func (e *endingStream) Context() context.Context { return e.ctx }

// RecvMsg receives a message. A handler that waits for its client's next
// message, as reflection does, would not notice that the context has ended, so
// the wait is left to a goroutine, which ends with the call. Its panic goes on
// here.
func (e *endingStream) RecvMsg(m any) error {
	var late <-chan time.Time
	if !e.receives {
		timer := time.NewTimer(e.within)
		defer timer.Stop()
		late = timer.C
	}
	received := make(chan error, 1)
	guard.Go(part, nil, func() {
		received <- guard.Run(part, func() error { return e.ServerStream.RecvMsg(m) })
	})
	select {
	case err := <-received:
		if p, ok := errors.AsType[*guard.Panic](err); ok {
			panic(p)
		}
		return err
	case <-late:
		return errSlow
	case <-e.ctx.Done():
		return e.ctx.Err()
	}
}
