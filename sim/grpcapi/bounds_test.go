package grpcapi_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health/grpc_health_v1"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/bounds"
	pb "github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/custodianpb"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/engine"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/grpcapi"
)

func used(t *testing.T, b *bounds.Bounds, what bounds.Bound) int64 {
	t.Helper()
	for _, u := range b.Usage() {
		if u.Bound == what {
			return u.Used
		}
	}
	t.Fatalf("%s is not bounded", what)
	return 0
}

func waitFor(t *testing.T, what string, met func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !met(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within a minute: %s", what)
		}
	}
}

func TestCallsThatComeTooFastAreToldWhenToComeAgain(t *testing.T) {
	t.Parallel()
	b := setup(t, func(o *grpcapi.Options) { o.Bounds = bounds.New(bounds.Limits{Rate: 1, Burst: 2}, nil) })
	var refusal error
	for range 10 {
		if _, err := b.custody.GetAccount(t.Context(), &pb.GetAccountRequest{AccountId: "a"}); refused(t, err).code == codes.ResourceExhausted {
			refusal = err
		}
	}
	r := refused(t, refusal)
	r.check(t, codes.ResourceExhausted, "overloaded", "")
	if r.retry != time.Second || !strings.Contains(refusal.Error(), "limits.rate") {
		t.Errorf("refused with %v, retry after %s", refusal, r.retry)
	}
	health := grpc_health_v1.NewHealthClient(b.conn)
	must[*grpc_health_v1.HealthCheckResponse](t)(health.Check(t.Context(), &grpc_health_v1.HealthCheckRequest{}))
}

func TestLargeMessagesTakeTheirShareOfTheBytesAndGiveItBack(t *testing.T) {
	t.Parallel()
	bound := bounds.New(bounds.Limits{Bytes: 300 << 10}, nil)
	b := setup(t, func(o *grpcapi.Options) { o.Bounds = bound })
	large := &pb.ReceiveMessageRequest{Content: []byte(strings.Repeat("x", 200<<10))}
	_, err := b.reporting.ReceiveMessage(t.Context(), large)
	refused(t, err).check(t, codes.InvalidArgument, string(sim.CodeInvalid), "")
	must[*pb.ListEventsResponse](t)(b.reporting.ListEvents(t.Context(), &pb.ListEventsRequest{PageSize: 200}))
	if n := used(t, bound, bounds.Bytes); n != 0 {
		t.Errorf("%d bytes are taken by nobody", n)
	}
	if err := bound.Reserve(200 << 10); err != nil {
		t.Fatal(err)
	}
	_, tooLarge := b.reporting.ReceiveMessage(t.Context(), large)
	_, page := b.reporting.ListEvents(t.Context(), &pb.ListEventsRequest{PageSize: 200})
	for _, err := range []error{tooLarge, page} {
		r := refused(t, err)
		r.check(t, codes.ResourceExhausted, "overloaded", "")
		if r.retry != time.Second || !strings.Contains(err.Error(), "limits.max_bytes") {
			t.Errorf("refused with %v, retry after %s", err, r.retry)
		}
	}
	must[*pb.ListEventsResponse](t)(b.reporting.ListEvents(t.Context(), &pb.ListEventsRequest{PageSize: 20}))
	if n := used(t, bound, bounds.Bytes); n != 200<<10 {
		t.Errorf("%d bytes are taken after the refusals", n)
	}
}

// lengthy is a custodian with events of some size, as many as anybody wants.
type lengthy struct{ grpcapi.Custodian }

func lengthyEvents(after uint64, n int) []engine.Recorded {
	out := make([]engine.Recorded, n)
	for i := range out {
		out[i].Event = &sim.Event{
			Sequence: after + uint64(i) + 1, Type: sim.EventAccountOpened, Time: time.Unix(1, 0),
			Accounts: []*sim.Account{{AccountID: strings.Repeat("a", 900)}},
		}
	}
	return out
}

func (lengthy) Events(_ context.Context, after uint64, limit int) ([]engine.Recorded, error) {
	return lengthyEvents(after, limit), nil
}

func (lengthy) Follow(ctx context.Context, after uint64, fn func([]engine.Recorded) error) error {
	for ctx.Err() == nil {
		if err := fn(lengthyEvents(after, 100)); err != nil {
			return err
		}
		after += 100
	}
	return ctx.Err()
}

func TestAnAnswerCountsUntilItsReaderHasTakenIt(t *testing.T) {
	t.Parallel()
	bound := bounds.New(bounds.Limits{}, nil)
	b := setup(t, func(o *grpcapi.Options) { o.Custodian, o.Bounds = lengthy{o.Custodian}, bound })
	// A client whose window is small, and that a stream of its own has filled.
	conn, err := grpc.NewClient(b.address, grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithInitialConnWindowSize(64<<10), grpc.WithInitialWindowSize(64<<10), grpc.WithStaticConnWindowSize(64<<10), grpc.WithStaticStreamWindowSize(64<<10))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	client := pb.NewReportingServiceClient(conn)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	stream, err := client.WatchEvents(ctx, &pb.WatchEventsRequest{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := stream.Recv(); err != nil {
		t.Fatal(err)
	}
	answered := make(chan error, 1)
	go func() { answered <- drop(client.ListEvents(ctx, &pb.ListEventsRequest{PageSize: 1000})) }()
	waitFor(t, "the answer counts", func() bool { return used(t, bound, bounds.Bytes) > 500<<10 })
	select {
	case err := <-answered: // the stream left room after all
		if err != nil {
			t.Fatal(err)
		}
	default:
	}
	go func() {
		for err := error(nil); err == nil; {
			_, err = stream.Recv()
		}
	}()
	waitFor(t, "the answer counts no longer", func() bool { return used(t, bound, bounds.Bytes) == 0 })
}

func TestAWatchThatNobodyReadsIsEndedWithTheReason(t *testing.T) {
	t.Parallel()
	ended := make(chan struct{}, 1)
	bound := bounds.New(bounds.Limits{}, nil)
	b := setup(t, func(o *grpcapi.Options) {
		o.Custodian, o.Bounds, o.Limits.StreamPatience = lengthy{o.Custodian}, bound, 100*time.Millisecond
		o.OnSlowStream = func() { ended <- struct{}{} }
	})
	stream, err := b.reporting.WatchEvents(t.Context(), &pb.WatchEventsRequest{})
	if err != nil {
		t.Fatal(err)
	}
	select {
	case <-ended:
	case <-time.After(time.Minute):
		t.Fatal("a stream that nobody reads is kept")
	}
	waitFor(t, "the stream is given back", func() bool { return used(t, bound, bounds.Streams) == 0 })
	last := uint64(0)
	for {
		event, err := stream.Recv()
		if err != nil { // behind what had been sent before
			r := refused(t, err)
			r.check(t, codes.ResourceExhausted, "overloaded", "")
			if r.retry != time.Second || !strings.Contains(err.Error(), "resume") || last == 0 {
				t.Errorf("after event %d: %v, retry after %s", last, err, r.retry)
			}
			break
		}
		if event.GetSequence() != last+1 {
			t.Fatalf("event %d after %d", event.GetSequence(), last)
		}
		last = event.GetSequence()
	}
	resumed, err := b.reporting.WatchEvents(t.Context(), &pb.WatchEventsRequest{After: last})
	if err != nil {
		t.Fatal(err)
	}
	if event, err := resumed.Recv(); err != nil || event.GetSequence() != last+1 {
		t.Errorf("resumed with %v, %v, want event %d", event, err, last+1)
	}
}
