package grpcapi

import (
	"context"
	"strings"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/tap"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/access"
)

// reading begins the names of methods that change nothing.
var reading = []string{"Get", "List", "Watch", "ServerReflection"}

// admit returns why a call is refused. Health checks are open to all: they say
// nothing that is worth a key, and probes have none.
func (s *Server) admit(ctx context.Context, method string) error {
	guard := s.options.Access
	if guard == nil || guard.Empty() || strings.HasPrefix(method, healthPrefix) {
		return nil
	}
	given, _ := metadata.FromIncomingContext(ctx)
	from := ""
	if p, ok := peer.FromContext(ctx); ok {
		from = p.Addr.String()
	}
	caller, err := guard.Check(access.Secret(given["authorization"], given["x-api-key"]), access.Origin(from))
	if err != nil || caller.Role.Allows(access.Operate) {
		return err
	}
	name := method[strings.LastIndexByte(method, '/')+1:]
	for _, prefix := range reading {
		if strings.HasPrefix(name, prefix) {
			return nil
		}
	}
	return access.Forbidden(caller)
}

type refusedKey struct{}

// refuse marks a call that must not get through to its handler.
func refuse(ctx context.Context, err error) context.Context {
	return context.WithValue(ctx, refusedKey{}, err)
}

// refusalIn returns why a call was marked; nil if it was not.
func refusalIn(ctx context.Context) error {
	err, _ := ctx.Value(refusedKey{}).(error)
	return err
}

// errSlow is answered to who does not send a request to its end.
var errSlow = status.Error(codes.DeadlineExceeded, "the request did not arrive in time")

// bound ends unary calls after the time in which they are answered, whatever
// deadline their callers set: else a request that never arrives in whole would
// last as long as its connection. It is called in the connection's own goroutine.
func (s *Server) bound(ctx context.Context, info *tap.Info) (context.Context, error) {
	if lasting(info.FullMethodName) ||
		strings.HasPrefix(info.FullMethodName, healthPrefix) || strings.HasPrefix(info.FullMethodName, reflectionPrefix) {
		return ctx, nil
	}
	ctx, cancel := context.WithTimeout(ctx, s.options.Limits.CallTimeout) //nolint:gosec // see below
	_ = cancel                                                            // it ends with the call, whose context it is in
	return ctx, nil
}
