package grpcapi_test

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/health/grpc_health_v1"

	pb "github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/custodianpb"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/grpcapi"
)

func TestCallsUnderWayAreBounded(t *testing.T) {
	t.Parallel()
	entered, release := make(chan struct{}, 2), make(chan struct{})
	hold := slow(entered, release)
	b := setup(t, func(o *grpcapi.Options) { hold(o); o.Limits.MaxInFlight = 2 })
	answered := make(chan error, 2)
	for range 2 {
		go func() {
			answered <- drop(b.custody.GetAccount(context.Background(), &pb.GetAccountRequest{AccountId: "a"}))
		}()
		<-entered
	}
	_, err := b.settlements.CreateSettlement(t.Context(), deposit("a", "BTC", "1"))
	r := refused(t, err)
	r.check(t, codes.ResourceExhausted, "overloaded", "")
	if r.retry != time.Second {
		t.Errorf("retry after %v", r.retry)
	}
	health := grpc_health_v1.NewHealthClient(b.conn)
	must[*grpc_health_v1.HealthCheckResponse](t)(health.Check(t.Context(), &grpc_health_v1.HealthCheckRequest{}))
	close(release)
	for range 2 {
		if err := <-answered; err != nil {
			t.Error(err)
		}
	}
	must[*pb.Settlement](t)(b.settlements.CreateSettlement(t.Context(), deposit("a", "BTC", "1")))
}

func TestEventStreamsAreBounded(t *testing.T) {
	t.Parallel()
	b := setup(t, func(o *grpcapi.Options) { o.Limits.MaxWatchers = 2 })
	for range 2 {
		stream, err := b.reporting.WatchEvents(t.Context(), &pb.WatchEventsRequest{})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := stream.Header(); err != nil {
			t.Fatal(err)
		}
	}
	stream, err := b.reporting.WatchEvents(t.Context(), &pb.WatchEventsRequest{})
	if err != nil {
		t.Fatal(err)
	}
	_, err = stream.Recv()
	refused(t, err).check(t, codes.ResourceExhausted, "overloaded", "")
}

func TestRequestsAreBounded(t *testing.T) {
	t.Parallel()
	b := setup(t, func(o *grpcapi.Options) { o.Limits.MaxRecvBytes = 1 << 10 })
	_, err := b.custody.CreateAccount(t.Context(), &pb.CreateAccountRequest{AccountId: strings.Repeat("x", 2<<10)})
	if refused(t, err).code != codes.ResourceExhausted {
		t.Errorf("a request over the bound: %v", err)
	}
}

func TestConnectionsAreBounded(t *testing.T) {
	t.Parallel()
	b := setup(t, func(o *grpcapi.Options) { o.Limits.MaxConnections = 1 })
	must[*pb.Settlement](t)(b.settlements.CreateSettlement(t.Context(), deposit("a", "BTC", "1"))) // takes the one
	conn, err := net.Dial("tcp", b.address)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetReadDeadline(time.Now().Add(10 * time.Second))
	var netErr net.Error
	if _, err := conn.Read(make([]byte, 1)); err == nil || errors.As(err, &netErr) && netErr.Timeout() || !errors.Is(err, io.EOF) && !strings.Contains(err.Error(), "reset") {
		t.Errorf("a connection over the bound was kept: %v", err)
	}
	_ = b.conn.Close()
	// There is room again once the server has noticed.
	client := dialled(t, b.address)
	for err = errors.New("not tried"); err != nil && t.Context().Err() == nil; {
		_, err = client.CreateAccount(t.Context(), &pb.CreateAccountRequest{AccountId: "b"})
	}
}
