package obs_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"
	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/obs"
)

const createPosition = "/custodian.CustodianService/CreatePosition"

// callUnary passes one call with the given outcome through the interceptor.
func callUnary(instance *obs.Instance, outcome error) (any, error) {
	return instance.UnaryServerInterceptor()(context.Background(), nil,
		&grpc.UnaryServerInfo{FullMethod: createPosition},
		func(context.Context, any) (any, error) { return "reply", outcome })
}

func TestCallsAreCountedByMethodAndStatusName(t *testing.T) {
	t.Parallel()
	_, instance := newInstance(t, obs.InstanceOptions{})
	outcomes := map[string]error{
		"OK":               nil,
		"NotFound":         status.Error(codes.NotFound, "no such position"),
		"AlreadyExists":    fmt.Errorf("wrapped: %w", status.Error(codes.AlreadyExists, "again")),
		"DeadlineExceeded": context.DeadlineExceeded,
		"Canceled":         fmt.Errorf("waiting: %w", context.Canceled),
		"Unknown":          errors.New("no status at all"),
	}
	for _, outcome := range outcomes {
		if _, err := callUnary(instance, outcome); !errors.Is(err, outcome) {
			t.Errorf("the interceptor made %v of %v", err, outcome)
		}
	}
	_, _ = callUnary(instance, status.Error(codes.Code(4711), "no such code"))
	lines := scrape(t, instance.Handler())
	for name := range outcomes {
		count := 1
		if name == "Unknown" {
			count = 2 // and the code that does not exist
		}
		wantSample(t, lines, fmt.Sprintf(`grpc_server_requests_total{method=%q,status=%q} %d`, createPosition, name, count))
	}
	wantSample(t, lines, `grpc_server_request_duration_seconds_count{method="`+createPosition+`"} 7`)
	wantSample(t, lines, `grpc_server_requests_in_flight{method="`+createPosition+`"} 0`)
}

func TestPanickingCallsEndToo(t *testing.T) {
	t.Parallel()
	_, instance := newInstance(t, obs.InstanceOptions{})
	func() {
		defer func() {
			if recover() == nil {
				t.Error("the interceptor swallowed the panic")
			}
		}()
		_, _ = instance.UnaryServerInterceptor()(t.Context(), nil, &grpc.UnaryServerInfo{FullMethod: createPosition},
			func(context.Context, any) (any, error) { panic("deliberate") })
	}()
	lines := scrape(t, instance.Handler())
	wantSample(t, lines, `grpc_server_requests_in_flight{method="`+createPosition+`"} 0`)
	wantSample(t, lines, `grpc_server_requests_total{method="`+createPosition+`",status="Internal"} 1`)
}

// TestServerWithInterceptorsMetersAllCalls runs a real server: unary, stream,
// and methods that clients made up.
func TestServerWithInterceptorsMetersAllCalls(t *testing.T) {
	t.Parallel()
	_, instance := newInstance(t, obs.InstanceOptions{})
	server := grpc.NewServer(
		grpc.ChainUnaryInterceptor(instance.UnaryServerInterceptor()),
		grpc.ChainStreamInterceptor(instance.StreamServerInterceptor()),
		grpc.UnknownServiceHandler(instance.UnknownMethodHandler),
		grpc.WaitForHandlers(true),
	)
	grpc_health_v1.RegisterHealthServer(server, health.NewServer())
	listener := bufconn.Listen(1 << 16)
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	conn, err := grpc.NewClient("passthrough:///memory",
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return listener.DialContext(ctx) }),
		grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()

	client := grpc_health_v1.NewHealthClient(conn)
	if _, err := client.Check(t.Context(), &grpc_health_v1.HealthCheckRequest{}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	watch, err := client.Watch(ctx, &grpc_health_v1.HealthCheckRequest{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := watch.Recv(); err != nil {
		t.Fatal(err)
	}
	wantSample(t, scrape(t, instance.Handler()), `grpc_server_requests_in_flight{method="/grpc.health.v1.Health/Watch"} 1`)
	cancel()
	for _, method := range []string{"/made.Up/Method", "/custodian.Nothing/Else", "/grpc.health.v1.Health/Nope"} {
		err := conn.Invoke(t.Context(), method, &emptypb.Empty{}, &emptypb.Empty{})
		if status.Code(err) != codes.Unimplemented {
			t.Errorf("%s: %v, want Unimplemented", method, err)
		}
	}
	server.Stop() // waits for the handlers, so all calls are counted
	if err := <-served; err != nil {
		t.Fatal(err)
	}
	lines := scrape(t, instance.Handler())
	wantSample(t, lines, `grpc_server_requests_total{method="/grpc.health.v1.Health/Check",status="OK"} 1`)
	wantSample(t, lines, `grpc_server_requests_total{method="/grpc.health.v1.Health/Watch",status="Canceled"} 1`)
	wantSample(t, lines, `grpc_server_requests_total{method="unknown",status="Unimplemented"} 3`)
	wantSample(t, lines, `grpc_server_requests_in_flight{method="/grpc.health.v1.Health/Watch"} 0`)
	wantNoSample(t, lines, `made\.Up|Nope`)
}
