package obs

import (
	"context"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// unknownMethod is the method label of calls to what is not registered.
const unknownMethod = "unknown"

// UnaryServerInterceptor meters unary calls. Place it first in the chain, so
// that what other interceptors refuse is counted too. The method label is the
// full method, as "/custodian.CustodianService/CreatePosition".
func (in *Instance) UnaryServerInterceptor() grpc.UnaryServerInterceptor {
	return func(ctx context.Context, req any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (resp any, err error) {
		// grpc calls this for registered methods only, so the label is bounded.
		finish := in.startCall(ctx, info.FullMethod, false)
		panicked := true
		defer func() { finish(err, panicked) }()
		resp, err = handler(ctx, req)
		panicked = false
		return resp, err
	}
}

// StreamServerInterceptor meters streaming calls, from their start to their
// end. Calls to methods that are not registered come here only if the server
// has a handler for them ([Instance.UnknownMethodHandler]); their method label
// is "unknown".
func (in *Instance) StreamServerInterceptor() grpc.StreamServerInterceptor {
	return func(srv any, ss grpc.ServerStream, info *grpc.StreamServerInfo, handler grpc.StreamHandler) (err error) {
		method := info.FullMethod
		if srv == nil { // no service behind it: the client made the name up
			method = unknownMethod
		}
		finish := in.startCall(ss.Context(), method, true)
		panicked := true
		defer func() { finish(err, panicked) }()
		err = handler(srv, ss)
		panicked = false
		return err
	}
}

// UnknownMethodHandler answers calls to methods that are not registered, for
// use with grpc.UnknownServiceHandler. Without it grpc answers them just the
// same but past all interceptors, so nobody would see them.
func (in *Instance) UnknownMethodHandler(_ any, stream grpc.ServerStream) error {
	method, _ := grpc.MethodFromServerStream(stream)
	return status.Errorf(codes.Unimplemented, "unknown method %s", method)
}

func (in *Instance) startCall(ctx context.Context, method string, streamed bool) (finish func(err error, panicked bool)) {
	inFlight := in.grpcInFlight.get().WithLabelValues(method)
	inFlight.Inc()
	start := time.Now()
	return func(err error, panicked bool) {
		inFlight.Dec()
		took := time.Since(start)
		in.grpcDuration.get().WithLabelValues(method).Observe(took.Seconds())
		name := codes.Internal.String()
		if !panicked {
			name = statusLabel(err)
		}
		in.grpcRequests.get().WithLabelValues(method, name).Inc()
		in.vitals.request(serverFailures[name])
		if !streamed {
			in.vitals.took(took)
		}
		if in.logs(ctx) {
			in.logger.DebugContext(ctx, "call", "method", method, "status", name, "took", took)
		}
	}
}

// statusLabel is the name of the code that the client will see for err, as
// "OK" or "NotFound". It converts as the grpc server does, which turns the
// errors of a context into their codes, and bounds codes that do not exist.
func statusLabel(err error) string {
	st, ok := status.FromError(err)
	if !ok {
		st = status.FromContextError(err)
	}
	code := st.Code()
	if code > codes.Unauthenticated {
		code = codes.Unknown
	}
	return code.String()
}
