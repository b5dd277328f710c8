package grpcapi

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/custodianpb"
)

// healthPrefix begins the methods that are answered however busy the server
// is: a saturated server is alive.
const healthPrefix = "/grpc.health.v1.Health/"

// guardUnary bounds the calls under way, contains panics and gives errors their
// status.
func (s *Server) guardUnary(ctx context.Context, req any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (resp any, err error) {
	if !strings.HasPrefix(info.FullMethod, healthPrefix) {
		if err := s.options.Bounds.Request(); err != nil {
			return nil, refusalStatus(err).Err()
		}
		defer s.options.Bounds.RequestDone()
		s.calls.Add(1)
		defer s.calls.Add(-1)
	}
	defer s.contain(info.FullMethod, &err)
	if err := s.disturb(ctx, info.FullMethod); err != nil {
		return nil, err
	}
	resp, err = handler(ctx, req)
	return resp, s.statusOf(info.FullMethod, err)
}

// guardStream does the same for streams, which it ends when the server drains.
func (s *Server) guardStream(srv any, stream grpc.ServerStream, info *grpc.StreamServerInfo, handler grpc.StreamHandler) (err error) {
	if info.FullMethod == custodianpb.ReportingService_WatchEvents_FullMethodName {
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
	defer s.contain(info.FullMethod, &err)
	if err := s.disturb(stream.Context(), info.FullMethod); err != nil {
		return err
	}

	ctx, cancel := context.WithCancelCause(stream.Context())
	defer cancel(nil)
	defer context.AfterFunc(s.ending, func() { cancel(errDraining) })()
	err = handler(srv, &endingStream{ServerStream: stream, ctx: ctx, receives: info.IsClientStream})
	if err != nil && errors.Is(context.Cause(ctx), errDraining) {
		err = errDraining
	}
	return s.statusOf(info.FullMethod, err)
}

// contain turns a panic into an INTERNAL status.
func (s *Server) contain(method string, err *error) {
	p := recover()
	if p == nil {
		return
	}
	s.options.Logger.Error("panic in gRPC handler", "method", method, "panic", p, "stack", string(debug.Stack()))
	*err = status.Error(codes.Internal, internalMessage)
	if s.options.OnPanic != nil {
		s.options.OnPanic(p)
	}
}

// endingStream is a stream whose context ends with the server's streams.
type endingStream struct {
	grpc.ServerStream
	ctx      context.Context
	receives bool // the client goes on sending
}

// Context returns the stream's context.
func (e *endingStream) Context() context.Context { return e.ctx }

// RecvMsg receives a message. A handler that waits for its client's next
// message, as reflection does, would not notice that the context has ended, so
// the wait is left to a goroutine, which ends with the call.
func (e *endingStream) RecvMsg(m any) error {
	if !e.receives {
		return e.ServerStream.RecvMsg(m)
	}
	received := make(chan error, 1)
	go func() { received <- e.ServerStream.RecvMsg(m) }()
	select {
	case err := <-received:
		return err
	case <-e.ctx.Done():
		return e.ctx.Err()
	}
}
