package grpcapi_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/health/grpc_health_v1"
	reflectionpb "google.golang.org/grpc/reflection/grpc_reflection_v1"
	"google.golang.org/grpc/status"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
	pb "github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/custodianpb"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/engine"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/grpcapi"
)

const serving, notServing = grpc_health_v1.HealthCheckResponse_SERVING, grpc_health_v1.HealthCheckResponse_NOT_SERVING

func within(t *testing.T, d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), d)
	t.Cleanup(cancel)
	return ctx
}

func TestHealthIsReportedForTheServerAndEachService(t *testing.T) {
	t.Parallel()
	b := setup(t, nil)
	client := grpc_health_v1.NewHealthClient(b.conn)
	expect := func(want grpc_health_v1.HealthCheckResponse_ServingStatus) {
		t.Helper()
		for _, name := range []string{"", "custodian.CustodianService", "custodian.SettlementService", "custodian.ReportingService"} {
			r := must[*grpc_health_v1.HealthCheckResponse](t)(client.Check(t.Context(), &grpc_health_v1.HealthCheckRequest{Service: name}))
			if r.GetStatus() != want {
				t.Errorf("%q is %s, want %s", name, r.GetStatus(), want)
			}
		}
	}
	expect(notServing)
	b.server.SetServing(true)
	expect(serving)
	b.server.SetServing(false)
	expect(notServing)
	_, err := client.Check(t.Context(), &grpc_health_v1.HealthCheckRequest{Service: "no.such.Service"})
	if refused(t, err).code != codes.NotFound {
		t.Errorf("unknown service: %v", err)
	}
}

func TestReflectionListsTheServices(t *testing.T) {
	t.Parallel()
	b := setup(t, nil)
	stream, err := reflectionpb.NewServerReflectionClient(b.conn).ServerReflectionInfo(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ask := func(r *reflectionpb.ServerReflectionRequest) *reflectionpb.ServerReflectionResponse {
		if err := stream.Send(r); err != nil {
			t.Fatal(err)
		}
		return must[*reflectionpb.ServerReflectionResponse](t)(stream.Recv())
	}
	list := ask(&reflectionpb.ServerReflectionRequest{MessageRequest: &reflectionpb.ServerReflectionRequest_ListServices{}})
	names := keys(list.GetListServicesResponse().GetService(), (*reflectionpb.ServiceResponse).GetName)
	for _, want := range []string{"custodian.CustodianService", "custodian.SettlementService", "custodian.ReportingService", "grpc.health.v1.Health"} {
		if !slices.Contains(names, want) {
			t.Errorf("%s is missing in %v", want, names)
		}
	}
	file := ask(&reflectionpb.ServerReflectionRequest{MessageRequest: &reflectionpb.ServerReflectionRequest_FileContainingSymbol{
		FileContainingSymbol: "custodian.CustodianService.CreatePosition"}})
	if got := file.GetFileDescriptorResponse().GetFileDescriptorProto(); len(got) == 0 || !bytes.Contains(got[0], []byte("CreatePosition")) {
		t.Errorf("no descriptor: %v", file)
	}
	if err := stream.CloseSend(); err != nil {
		t.Fatal(err)
	}
	if _, err := stream.Recv(); !errors.Is(err, io.EOF) {
		t.Errorf("after the client had finished: %v", err)
	}
}

// slow is a custodian whose reads of accounts wait until they are let go.
func slow(entered chan<- struct{}, release <-chan struct{}) func(*grpcapi.Options) {
	return func(o *grpcapi.Options) {
		o.Custodian = scripted{o.Custodian, func(ctx context.Context) (*sim.Account, error) {
			entered <- struct{}{}
			select {
			case <-release:
				return &sim.Account{AccountID: "a"}, nil
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		}}
	}
}

func TestADrainFinishesCallsUnderWayAndRefusesOthers(t *testing.T) {
	t.Parallel()
	entered, release := make(chan struct{}, 1), make(chan struct{})
	b := setup(t, slow(entered, release))
	b.server.SetServing(true)
	watch, err := grpc_health_v1.NewHealthClient(b.conn).Watch(t.Context(), &grpc_health_v1.HealthCheckRequest{})
	if err != nil {
		t.Fatal(err)
	}
	if first := must[*grpc_health_v1.HealthCheckResponse](t)(watch.Recv()); first.GetStatus() != serving {
		t.Errorf("before the drain: %v", first)
	}
	answered := make(chan error, 1)
	go func() {
		answered <- drop(b.custody.GetAccount(context.Background(), &pb.GetAccountRequest{AccountId: "a"}))
	}()
	<-entered

	drained := make(chan error, 2)
	for range 2 { // a second drain joins the first
		go func() { drained <- b.server.Drain(within(t, 30*time.Second)) }()
	}
	for err == nil {
		_, err = watch.Recv() // NOT_SERVING may or may not come before the end
	}
	refused(t, err).check(t, codes.Unavailable, "draining", "")
	select {
	case err := <-drained:
		t.Fatalf("drained with a call under way: %v", err)
	default:
	}
	_, err = dialled(t, b.address).GetAccount(t.Context(), &pb.GetAccountRequest{AccountId: "a"})
	if refused(t, err).code != codes.Unavailable {
		t.Errorf("a new connection during the drain: %v", err)
	}
	close(release)
	if err := <-answered; err != nil {
		t.Errorf("the call under way: %v", err)
	}
	for range 2 {
		if err := <-drained; err != nil {
			t.Errorf("drain: %v", err)
		}
	}
	b.server.SetServing(true) // has no effect any more
	if err := b.server.Drain(within(t, time.Second)); err != nil {
		t.Errorf("drain after the drain: %v", err)
	}
}

func dialled(t *testing.T, address string) pb.CustodianServiceClient {
	return pb.NewCustodianServiceClient(dial(t, address))
}

func TestADrainEndsStreamsSoThatClientsResume(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(b *bundle, cancel context.CancelFunc){
		"drain":            func(b *bundle, _ context.CancelFunc) { _ = b.server.Drain(within(t, 30*time.Second)) },
		"instance context": func(_ *bundle, cancel context.CancelFunc) { cancel() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			instance, cancel := context.WithCancel(context.Background())
			defer cancel()
			b := setup(t, func(o *grpcapi.Options) { o.Context = instance })
			events, err := b.reporting.WatchEvents(t.Context(), &pb.WatchEventsRequest{})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := events.Header(); err != nil {
				t.Fatal(err)
			}
			reflection, err := reflectionpb.NewServerReflectionClient(b.conn).ServerReflectionInfo(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if err := reflection.Send(&reflectionpb.ServerReflectionRequest{MessageRequest: &reflectionpb.ServerReflectionRequest_ListServices{}}); err != nil {
				t.Fatal(err)
			}
			must[*reflectionpb.ServerReflectionResponse](t)(reflection.Recv())
			ended := make(chan struct{})
			go func() { end(b, cancel); close(ended) }()
			_, err = events.Recv()
			r := refused(t, err)
			r.check(t, codes.Unavailable, "draining", "")
			if r.retry == 0 {
				t.Error("the client is not told when to come back")
			}
			_, err = reflection.Recv()
			refused(t, err).check(t, codes.Unavailable, "draining", "")
			<-ended
		})
	}
}

// torrent is a custodian whose event log never ends. Its second event is more
// than a client takes that does not read, and when that has been sent it says
// so.
type torrent struct {
	grpcapi.Custodian
	full chan struct{}
}

func (c torrent) Follow(_ context.Context, _ uint64, fn func([]engine.Recorded) error) error {
	for n := uint64(1); ; n++ {
		account := &sim.Account{AccountID: "a"}
		if n == 2 {
			account.AccountID = strings.Repeat("x", 2<<20)
		}
		if n == 3 {
			close(c.full)
		}
		if err := fn([]engine.Recorded{{Event: &sim.Event{Sequence: n, Accounts: []*sim.Account{account}}}}); err != nil {
			return err
		}
	}
}

func TestAClientThatDoesNotReadCannotHoldUpADrain(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		grace time.Duration
		fails bool
	}{
		"with time left":         {time.Minute, false},
		"until the deadline":     {200 * time.Millisecond, true},
		"the deadline is passed": {0, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			full := make(chan struct{})
			b := setup(t, func(o *grpcapi.Options) { o.Custodian = torrent{o.Custodian, full} })
			stream, err := b.reporting.WatchEvents(t.Context(), &pb.WatchEventsRequest{})
			if err != nil {
				t.Fatal(err)
			}
			must[*pb.Event](t)(stream.Recv()) // and no more
			<-full
			began := time.Now()
			err = b.server.Drain(within(t, c.grace))
			if took := time.Since(began); took > 10*time.Second {
				t.Errorf("drain took %v", took)
			}
			if (err != nil) != c.fails {
				t.Errorf("drain: %v", err)
			}
		})
	}
}

func TestASilentConnectionCannotHoldUpADrain(t *testing.T) {
	t.Parallel()
	b := setup(t, nil)
	for _, said := range []string{"", "PRI * HTT"} {
		conn, err := net.Dial("tcp", b.address)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = conn.Close() }()
		if _, err := io.WriteString(conn, said); err != nil {
			t.Fatal(err)
		}
	}
	// The connections were accepted before this one is served.
	must[*pb.Settlement](t)(b.settlements.CreateSettlement(t.Context(), deposit("a", "BTC", "1")))
	began := time.Now()
	if err := b.server.Drain(within(t, time.Minute)); err != nil {
		t.Errorf("drain: %v", err)
	}
	if took := time.Since(began); took > 8*time.Second {
		t.Errorf("drain took %v", took)
	}
}

func TestAHandlerThatIgnoresItsContextCannotHoldUpADrain(t *testing.T) {
	t.Parallel()
	entered, release := make(chan struct{}, 1), make(chan struct{})
	b := setup(t, func(o *grpcapi.Options) {
		o.Custodian = scripted{o.Custodian, func(context.Context) (*sim.Account, error) {
			entered <- struct{}{}
			<-release
			return nil, sim.Errorf(sim.CodeNotFound, "too late")
		}}
	})
	answered := make(chan error, 1)
	go func() {
		answered <- drop(b.custody.GetAccount(context.Background(), &pb.GetAccountRequest{AccountId: "a"}))
	}()
	<-entered
	began := time.Now()
	err := b.server.Drain(within(t, 100*time.Millisecond))
	if took := time.Since(began); err == nil || took > 5*time.Second || !strings.Contains(err.Error(), "1 requests") {
		t.Errorf("drain took %v: %v", took, err)
	}
	if refused(t, <-answered).code != codes.Unavailable {
		t.Error("the call was not cut off")
	}
	close(release)
}

func TestServeAfterADrainEndsAtOnce(t *testing.T) {
	t.Parallel()
	b := setup(t, nil)
	if err := b.server.Drain(within(t, time.Minute)); err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := b.server.Serve(listener); err != nil {
		t.Errorf("serve: %v", err)
	}
	if conn, err := listener.Accept(); err == nil {
		_ = conn.Close()
		t.Error("the listener is open")
	}
}

func TestServeReturnsTheListenersError(t *testing.T) {
	t.Parallel()
	b := setup(t, nil)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = listener.Close()
	if err := b.server.Serve(listener); !errors.Is(err, net.ErrClosed) {
		t.Errorf("serve: %v", err)
	}
}

func TestADrainUnderLoadLosesNoAcknowledgedSettlement(t *testing.T) {
	t.Parallel()
	custodian := newCustodian(t)
	b := setup(t, func(o *grpcapi.Options) { o.Custodian = custodian })
	const clients = 8
	type outcome struct {
		acknowledged []string
		err          error
	}
	outcomes, busy := make(chan outcome, clients), make(chan struct{}, clients)
	for c := range clients {
		client := pb.NewSettlementServiceClient(dial(t, b.address))
		go func() {
			var o outcome
			for n := 0; o.err == nil; n++ {
				req := deposit("a", "BTC", "1")
				req.ExternalId = fmt.Sprintf("%d-%d", c, n)
				if _, o.err = client.CreateSettlement(context.Background(), req); o.err == nil {
					o.acknowledged = append(o.acknowledged, req.GetExternalId())
				}
				if n == 20 {
					busy <- struct{}{}
				}
			}
			outcomes <- o
		}()
	}
	for range clients {
		<-busy
	}
	if err := b.server.Drain(within(t, time.Minute)); err != nil {
		t.Errorf("drain: %v", err)
	}
	all, _ := custodian.ListSettlements(t.Context(), sim.SettlementFilter{}, sim.Page{Limit: 1 << 30})
	recorded := make(map[string]bool)
	for _, st := range all {
		recorded[st.ExternalID] = true
	}
	total := 0
	for range clients {
		o := <-outcomes
		if status.Code(o.err) != codes.Unavailable {
			t.Errorf("refused with %v", o.err)
		}
		for _, id := range o.acknowledged {
			if !recorded[id] {
				t.Errorf("settlement %s was acknowledged and is gone", id)
			}
		}
		total += len(o.acknowledged)
	}
	if len(all) != total {
		t.Errorf("%d settlements are recorded, %d were acknowledged", len(all), total)
	}
}
