package grpcapi_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/reflection/grpc_reflection_v1"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/access"
	pb "github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/custodianpb"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/grpcapi"
)

func key(name, secret string, role access.Role) access.Key {
	sum := sha256.Sum256([]byte(secret))
	return access.Key{Name: name, SHA256: hex.EncodeToString(sum[:]), Role: role}
}

func guarded(o *grpcapi.Options) {
	o.Access = access.NewGuard("key", "this needs an API key", []access.Key{key("desk", "k-operate", ""), key("dash", "k-read", access.Read)})
}

func as(t *testing.T, pairs ...string) context.Context {
	return metadata.AppendToOutgoingContext(t.Context(), pairs...)
}

func TestKeysLetInByTheirRole(t *testing.T) {
	t.Parallel()
	b := setup(t, guarded)
	operate, read := as(t, "authorization", "Bearer k-operate"), as(t, "x-api-key", "k-read")

	if _, err := grpc_health_v1.NewHealthClient(b.conn).Check(t.Context(), &grpc_health_v1.HealthCheckRequest{}); err != nil {
		t.Errorf("health: %v", err)
	}
	for name, ctx := range map[string]context.Context{
		"none": t.Context(), "a wrong one": as(t, "x-api-key", "k"), "another scheme": as(t, "authorization", "Basic k-operate"),
		"two": as(t, "x-api-key", "k-operate", "x-api-key", "k-operate"),
	} {
		_, err := b.custody.ListPositions(ctx, &pb.ListPositionsRequest{})
		refused(t, err).check(t, codes.Unauthenticated, "unauthorized", "")
		if err != nil && strings.Contains(err.Error(), "k-") {
			t.Errorf("%s: the refusal has a key in it: %v", name, err)
		}
	}
	stream, err := b.reporting.WatchEvents(t.Context(), &pb.WatchEventsRequest{})
	if err == nil {
		_, err = stream.Recv()
	}
	refused(t, err).check(t, codes.Unauthenticated, "unauthorized", "")
	if err := reflect(t.Context(), b.conn); status.Code(err) != codes.Unauthenticated {
		t.Errorf("reflection without a key: %v", err)
	}
	if err := reflect(read, b.conn); err != nil {
		t.Errorf("reflection for who reads: %v", err)
	}

	create := &pb.CreatePositionRequest{AccountId: "a", Symbol: "BTC", Quantity: "1", Currency: "USD"}
	_, err = b.custody.CreatePosition(read, create)
	refused(t, err).check(t, codes.PermissionDenied, "forbidden", "")
	must[*pb.Position](t)(b.custody.CreatePosition(operate, create))
	if list := must[*pb.ListPositionsResponse](t)(b.custody.ListPositions(read, &pb.ListPositionsRequest{})); len(list.GetPositions()) != 1 {
		t.Errorf("who reads sees %v", list)
	}
	watch, cancel := context.WithCancel(read)
	defer cancel()
	events := must[grpc.ServerStreamingClient[pb.Event]](t)(b.reporting.WatchEvents(watch, &pb.WatchEventsRequest{}))
	if _, err := events.Recv(); err != nil {
		t.Errorf("events for who reads: %v", err)
	}
}

// reflect asks which services there are.
func reflect(ctx context.Context, conn *grpc.ClientConn) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := grpc_reflection_v1.NewServerReflectionClient(conn).ServerReflectionInfo(ctx)
	if err != nil {
		return err
	}
	// Whether the request arrives is told by the answer.
	_ = stream.Send(&grpc_reflection_v1.ServerReflectionRequest{MessageRequest: &grpc_reflection_v1.ServerReflectionRequest_ListServices{}})
	_, err = stream.Recv()
	return err
}

// Every method that a reader may call has a name which says that it reads, and
// the other way round: the descriptors know of no others.
func TestReadersMayCallJustWhatReads(t *testing.T) {
	t.Parallel()
	b := setup(t, guarded)
	ctx := as(t, "x-api-key", "k-read")
	for _, service := range []grpc.ServiceDesc{
		pb.CustodianService_ServiceDesc, pb.SettlementService_ServiceDesc, pb.TransferService_ServiceDesc, pb.ReportingService_ServiceDesc,
		pb.CorporateActionService_ServiceDesc, pb.WebhookService_ServiceDesc, pb.ClockService_ServiceDesc, pb.ChaosService_ServiceDesc,
	} {
		for _, method := range service.Methods {
			err := b.conn.Invoke(ctx, "/"+service.ServiceName+"/"+method.MethodName, &emptypb.Empty{}, &emptypb.Empty{})
			reads := strings.HasPrefix(method.MethodName, "Get") || strings.HasPrefix(method.MethodName, "List")
			if reads == (status.Code(err) == codes.PermissionDenied) {
				t.Errorf("%s: %v", method.MethodName, err)
			}
		}
	}
}

func TestGuessingKeysIsSlow(t *testing.T) {
	t.Parallel()
	b := setup(t, guarded)
	for range 10 {
		_, err := b.custody.ListPositions(as(t, "x-api-key", "wrong"), &pb.ListPositionsRequest{})
		if status.Code(err) != codes.Unauthenticated {
			t.Fatal(err)
		}
	}
	_, err := b.custody.ListPositions(as(t, "x-api-key", "wrong"), &pb.ListPositionsRequest{})
	r := refused(t, err)
	r.check(t, codes.ResourceExhausted, "too_many_failures", "")
	if r.retry <= 0 {
		t.Error("nothing says when to try again")
	}
}

func TestRequestsThatNeverArriveEnd(t *testing.T) {
	t.Parallel()
	b := setup(t, func(o *grpcapi.Options) { o.Limits.CallTimeout = 50 * time.Millisecond })
	for _, method := range []string{pb.CustodianService_ListPositions_FullMethodName, pb.ReportingService_WatchEvents_FullMethodName} {
		// A stream whose headers are sent, and nothing else.
		stream, err := b.conn.NewStream(t.Context(), &grpc.StreamDesc{ClientStreams: true}, method)
		if err != nil {
			t.Fatal(err)
		}
		if err := stream.RecvMsg(&emptypb.Empty{}); status.Code(err) != codes.DeadlineExceeded {
			t.Errorf("%s: %v", method, err)
		}
	}
}
