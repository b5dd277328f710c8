package grpcapi_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/bounds"
	pb "github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/custodianpb"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/grpcapi"
)

type instructions = grpc.BidiStreamingClient[pb.StreamSettlementsRequest, pb.StreamSettlementsResponse]

// instructionsTo opens a stream to a custodian, which has let it in.
func instructionsTo(ctx context.Context, t *testing.T, b *bundle) instructions {
	t.Helper()
	stream := must[instructions](t)(b.settlements.StreamSettlements(ctx))
	if _, err := stream.Header(); err != nil {
		t.Fatal(err)
	}
	return stream
}

func TestAStreamOfInstructionsIsAnsweredInOrder(t *testing.T) {
	t.Parallel()
	b := setup(t, nil)
	stream := instructionsTo(t.Context(), t, b)
	const many = 2000
	sent := make(chan error, 1)
	go func() {
		var err error
		for n := 0; n < many && err == nil; n++ {
			one := deposit("a", "BTC", "1")
			one.ExternalId = fmt.Sprintf("ext-%d", n)
			if n%100 == 7 {
				one.Quantity = "none"
			}
			err = stream.Send(&pb.StreamSettlementsRequest{Settlement: one})
		}
		sent <- errors.Join(err, stream.CloseSend())
	}()
	for n := range many {
		result := must[*pb.StreamSettlementsResponse](t)(stream.Recv()).GetResult()
		if n%100 == 7 {
			if e := result.GetError(); e.GetCode() != "invalid_request" || e.GetField() != "quantity" {
				t.Fatalf("instruction %d: %v", n, result)
			}
			continue
		}
		if s := result.GetSettlement(); s.GetExternalId() != fmt.Sprintf("ext-%d", n) || s.GetStatus() != "COMPLETED" {
			t.Fatalf("instruction %d: %v", n, result)
		}
	}
	if _, err := stream.Recv(); !errors.Is(err, io.EOF) {
		t.Errorf("behind the last answer: %v", err)
	}
	if err := <-sent; err != nil {
		t.Error(err)
	}
	page := must[*pb.ListPositionsResponse](t)(b.custody.ListPositions(t.Context(), &pb.ListPositionsRequest{AccountId: "a"}))
	if got := page.GetPositions()[0].GetQuantity(); got != "1980" {
		t.Errorf("the position has %s", got)
	}
}

func TestAnInstructionOfAStreamIsAnsweredBeforeTheNextIsSent(t *testing.T) {
	t.Parallel()
	b := setup(t, nil)
	stream := instructionsTo(t.Context(), t, b)
	ask := func(key string) *pb.SettlementResult {
		if err := stream.Send(&pb.StreamSettlementsRequest{Settlement: deposit("a", "BTC", "1"), IdempotencyKey: key}); err != nil {
			t.Fatal(err)
		}
		return must[*pb.StreamSettlementsResponse](t)(stream.Recv()).GetResult()
	}
	first, again := ask("key-1"), ask("key-1")
	if first.GetReplayed() || !again.GetReplayed() || first.GetSettlement().GetSettlementId() != again.GetSettlement().GetSettlementId() {
		t.Errorf("%v, then with the same key %v", first, again)
	}
	if e := ask(strings.Repeat("k", 1000)).GetError(); e.GetCode() != "invalid_request" || e.GetField() != "idempotency_key" {
		t.Errorf("a long key: %v", e)
	}
	if err := stream.Send(&pb.StreamSettlementsRequest{}); err != nil {
		t.Fatal(err)
	}
	if e := must[*pb.StreamSettlementsResponse](t)(stream.Recv()).GetResult().GetError(); e.GetField() != "settlement" {
		t.Errorf("without an instruction: %v", e)
	}
}

func TestLargeInstructionsOfAStreamWaitForOneAnother(t *testing.T) {
	t.Parallel()
	bound := bounds.New(bounds.Limits{}, nil)
	b := setup(t, func(o *grpcapi.Options) { o.Bounds = bound })
	stream := instructionsTo(t.Context(), t, b)
	if held := used(t, bound, bounds.Bytes); held != 256<<10 {
		t.Errorf("the stream takes %d bytes", held)
	}
	const many = 40
	sent := make(chan error, 1)
	go func() {
		var err error
		for n := 0; n < many && err == nil; n++ {
			one := deposit("a", "BTC", "1")
			one.ExternalId = strings.Repeat("x", 60<<10) // too long, which only the custodian finds
			if n == 3 {
				one.ExternalId = strings.Repeat("x", 70<<10)
			}
			err = stream.Send(&pb.StreamSettlementsRequest{Settlement: one})
		}
		sent <- errors.Join(err, stream.CloseSend())
	}()
	for n := range many {
		want := "invalid_request"
		if n == 3 {
			want = "too_large"
		}
		if e := must[*pb.StreamSettlementsResponse](t)(stream.Recv()).GetResult().GetError(); e.GetCode() != want {
			t.Fatalf("instruction %d: %v", n, e)
		}
	}
	if err := <-sent; err != nil {
		t.Error(err)
	}
	if _, err := stream.Recv(); !errors.Is(err, io.EOF) {
		t.Error(err)
	}
	waitFor(t, "the bytes are given back", func() bool { return used(t, bound, bounds.Bytes) == 0 && used(t, bound, bounds.Streams) == 0 })
}

func TestAStreamOfInstructionsEndsWithADrain(t *testing.T) {
	t.Parallel()
	b := setup(t, nil)
	stream := instructionsTo(t.Context(), t, b)
	if err := stream.Send(&pb.StreamSettlementsRequest{Settlement: deposit("a", "BTC", "1")}); err != nil {
		t.Fatal(err)
	}
	must[*pb.StreamSettlementsResponse](t)(stream.Recv())
	if err := b.server.Drain(within(t, time.Minute)); err != nil {
		t.Errorf("drain: %v", err)
	}
	if _, err := stream.Recv(); status.Code(err) != codes.Unavailable {
		t.Errorf("the stream ended with %v", err)
	}
}

func TestAnswersThatNobodyReadsEndTheirStream(t *testing.T) {
	t.Parallel()
	ended := make(chan struct{}, 1)
	b := setup(t, func(o *grpcapi.Options) {
		o.Limits.StreamPatience = 100 * time.Millisecond
		o.OnSlowStream = func() { ended <- struct{}{} }
	})
	stream := instructionsTo(t.Context(), t, b)
	go func() {
		for stream.Send(&pb.StreamSettlementsRequest{Settlement: deposit("a", "BTC", "1")}) == nil {
		}
	}()
	select {
	case <-ended:
	case <-time.After(time.Minute):
		t.Fatal("a stream whose answers nobody reads is kept")
	}
	for {
		if _, err := stream.Recv(); err != nil {
			refused(t, err).check(t, codes.ResourceExhausted, "overloaded", "")
			if !strings.Contains(err.Error(), "idempotency_key") {
				t.Error(err)
			}
			return
		}
	}
}

func TestStreamsOfInstructionsAreBounded(t *testing.T) {
	t.Parallel()
	b := setup(t, func(o *grpcapi.Options) { o.Limits.MaxWatchers = 1 })
	instructionsTo(t.Context(), t, b)
	stream := must[instructions](t)(b.settlements.StreamSettlements(t.Context()))
	_, err := stream.Recv()
	refused(t, err).check(t, codes.ResourceExhausted, "overloaded", "")
}

func TestInstructionsOfAStreamCountInTheRate(t *testing.T) {
	t.Parallel()
	b := setup(t, func(o *grpcapi.Options) { o.Bounds = bounds.New(bounds.Limits{Rate: 1, Burst: 2}, nil) })
	stream := instructionsTo(t.Context(), t, b)
	refusals := 0
	for range 10 { // one after the other, so that each is a request
		if err := stream.Send(&pb.StreamSettlementsRequest{Settlement: deposit("a", "BTC", "1")}); err != nil {
			t.Fatal(err)
		}
		e := must[*pb.StreamSettlementsResponse](t)(stream.Recv()).GetResult().GetError()
		if e == nil {
			continue
		}
		refusals++
		if e.GetCode() != "overloaded" || !strings.Contains(e.GetMessage(), "limits.rate") || e.GetRetryAfter().AsDuration() != time.Second {
			t.Errorf("refused with %v", e)
		}
	}
	if refusals == 0 || refusals == 10 {
		t.Errorf("%d of 10 were refused", refusals)
	}
}
