package grpcapi_test

import (
	"context"
	"log/slog"
	"net"
	"testing"
	"time"

	"go.uber.org/goleak"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/asset"
	pb "github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/custodianpb"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/grpcapi"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// bundle is a server on a port of its own, and clients of it.
type bundle struct {
	server  *grpcapi.Server
	address string
	served  chan error
	conn    *grpc.ClientConn

	custody     pb.CustodianServiceClient
	settlements pb.SettlementServiceClient
	reporting   pb.ReportingServiceClient
}

// setup starts a server with a custodian of its own, unless change puts another
// in its place. The server is drained when the test ends.
func setup(t testing.TB, change func(*grpcapi.Options)) *bundle {
	t.Helper()
	options := grpcapi.Options{
		Custodian: newCustodian(t), Assets: asset.NewRegistry(),
		Context: context.Background(), Logger: slog.New(slog.DiscardHandler),
	}
	if change != nil {
		change(&options)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	b := &bundle{server: grpcapi.New(options), address: listener.Addr().String(), served: make(chan error, 1)}
	go func() { b.served <- b.server.Serve(listener) }()
	b.conn = dial(t, b.address)
	b.custody = pb.NewCustodianServiceClient(b.conn)
	b.settlements = pb.NewSettlementServiceClient(b.conn)
	b.reporting = pb.NewReportingServiceClient(b.conn)
	t.Cleanup(func() {
		_ = b.conn.Close() // so that the drain has nothing to wait for
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := b.server.Drain(ctx); err != nil {
			t.Errorf("drain: %v", err)
		}
		if err := <-b.served; err != nil {
			t.Errorf("serve: %v", err)
		}
	})
	return b
}

func dial(t testing.TB, address string) *grpc.ClientConn {
	t.Helper()
	conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() }) // closing twice is harmless
	return conn
}

// withKey returns the test's context with an idempotency key.
func withKey(t testing.TB, key string) context.Context {
	return metadata.AppendToOutgoingContext(t.Context(), "idempotency-key", key)
}

// must fails the test on an error, and returns the answer otherwise.
func must[M any](t testing.TB) func(M, error) M {
	return func(m M, err error) M {
		t.Helper()
		if err != nil {
			t.Fatalf("unexpected error: %v", err)
		}
		return m
	}
}

// refusal is what an error's status says.
type refusal struct {
	code       codes.Code
	reason     string
	field      string // of ErrorInfo
	violations []string
	retry      time.Duration
	message    string
}

// refused reads the status of an error.
func refused(t testing.TB, err error) refusal {
	t.Helper()
	if err == nil {
		t.Fatal("the call was not refused")
	}
	st, ok := status.FromError(err)
	if !ok {
		t.Fatalf("no status: %v", err)
	}
	r := refusal{code: st.Code(), message: st.Message()}
	for _, d := range st.Details() {
		switch d := d.(type) {
		case *errdetails.ErrorInfo:
			if d.GetDomain() != "custodian" {
				t.Errorf("domain %q", d.GetDomain())
			}
			r.reason, r.field = d.GetReason(), d.GetMetadata()["field"]
		case *errdetails.BadRequest:
			for _, v := range d.GetFieldViolations() {
				r.violations = append(r.violations, v.GetField())
			}
		case *errdetails.RetryInfo:
			r.retry = d.GetRetryDelay().AsDuration()
		}
	}
	return r
}

// check compares what refusals are told apart by.
func (r refusal) check(t testing.TB, code codes.Code, reason, field string) {
	t.Helper()
	if r.code != code || r.reason != reason || r.field != field {
		t.Errorf("got %s %q on field %q (%s), want %s %q on field %q", r.code, r.reason, r.field, r.message, code, reason, field)
	}
}
