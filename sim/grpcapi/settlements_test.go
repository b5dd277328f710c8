package grpcapi_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
	pb "github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/custodianpb"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/engine"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/grpcapi"
)

func deposit(account, symbol, quantity string) *pb.CreateSettlementRequest {
	return &pb.CreateSettlementRequest{SettlementType: "DEPOSIT", AccountId: account, Symbol: symbol, Quantity: quantity}
}

func TestADepositCompletesAtOnce(t *testing.T) {
	t.Parallel()
	b := setup(t, nil)
	req := deposit("test-account", "BTC-USD", "1.25")
	req.ExternalId = "ext-1"
	st := must[*pb.Settlement](t)(b.settlements.CreateSettlement(t.Context(), req))
	want := &pb.Settlement{
		SettlementId: st.GetSettlementId(), ExternalId: "ext-1", SettlementType: "DEPOSIT", AccountId: "test-account", Symbol: "BTC-USD",
		Quantity: "1.25", Status: "COMPLETED", SourceAccount: "DEPOSITORY", DestinationAccount: "test-account",
		SettledQuantity: "1.25", OpenQuantity: "0", ExpectedSettlementDate: "2026-11-23",
		InitiatedAt: st.GetInitiatedAt(), CompletedAt: st.GetInitiatedAt(),
		Processing: &pb.Dimension{Status: "ACKNOWLEDGED"}, Settlement: &pb.Dimension{Status: "SETTLED"}, Hold: &pb.Dimension{Status: "RELEASED"},
		History: []*pb.Transition{
			{At: st.GetInitiatedAt(), Status: "ACKNOWLEDGED", Sequence: 2}, {At: st.GetInitiatedAt(), Status: "SETTLED", Sequence: 2},
		},
		Metadata: "{}", Partial: "NPAR",
	}
	if !proto.Equal(st, want) {
		t.Errorf("got\n%v\nwant\n%v", st, want)
	}
	st.History[1].Postings = []*pb.Posting{{Symbol: "BTC-USD", Amount: "1.25",
		Debit: &pb.PostingSide{AccountId: "DEPOSITORY", Bucket: "MIRROR"}, Credit: &pb.PostingSide{AccountId: "test-account", Bucket: "AVAILABLE"}}}
	if got := must[*pb.Settlement](t)(b.settlements.GetSettlement(t.Context(), &pb.GetSettlementRequest{SettlementId: st.GetSettlementId()})); !proto.Equal(got, st) {
		t.Errorf("read %v", got)
	}
	_, err := b.settlements.CreateSettlement(t.Context(), req)
	refused(t, err).check(t, codes.AlreadyExists, "already_exists", "external_id")
}

func TestASettlementThatLacksHoldingsIsRecordedAsFailed(t *testing.T) {
	t.Parallel()
	b := setup(t, nil)
	for symbol, reason := range map[string]string{"BTC": "LACK", "USD": "MONY"} {
		st := must[*pb.Settlement](t)(b.settlements.CreateSettlement(t.Context(),
			&pb.CreateSettlementRequest{SettlementType: "WITHDRAWAL", AccountId: "a", Symbol: symbol, Quantity: "1"}))
		if st.GetStatus() != "FAILED" || st.GetReason() != reason || st.GetReasonText() == "" || st.GetCompletedAt() == nil {
			t.Errorf("%s: %v", symbol, st)
		}
		got := must[*pb.SettlementStatus](t)(b.settlements.GetSettlementStatus(t.Context(), &pb.GetSettlementStatusRequest{SettlementId: st.GetSettlementId()}))
		if got.GetStatus() != "FAILED" || got.GetReason() != reason || !proto.Equal(got.GetProcessing(), st.GetProcessing()) {
			t.Errorf("%s: status %v", symbol, got)
		}
	}
}

func TestATransferMovesCashBetweenAccounts(t *testing.T) {
	t.Parallel()
	b := setup(t, nil)
	settle := must[*pb.Settlement](t)
	settle(b.settlements.CreateSettlement(t.Context(), deposit("a", "USD", "100")))
	st := settle(b.settlements.CreateSettlement(t.Context(),
		&pb.CreateSettlementRequest{SettlementType: "TRANSFER", SourceAccount: "a", DestinationAccount: "b", Symbol: "USD", Quantity: "40.1"}))
	if st.GetStatus() != "COMPLETED" || st.GetSettledQuantity() != "40.10" || st.GetOpenQuantity() != "0.00" {
		t.Errorf("transfer: %v", st)
	}
	list := must[*pb.ListBalancesResponse](t)(b.custody.ListBalances(t.Context(), &pb.ListBalancesRequest{AccountId: "b", Currency: "USD"}))
	if len(list.GetBalances()) != 1 || list.GetBalances()[0].GetAvailableBalance() != "40.10" {
		t.Errorf("balances: %v", list)
	}
}

func TestAHeldSettlementWaitsForReleaseOrCancel(t *testing.T) {
	t.Parallel()
	b := setup(t, nil)
	ctx, settle := t.Context(), must[*pb.Settlement](t)
	req := deposit("a", "BTC", "1")
	req.Hold = true
	held := settle(b.settlements.CreateSettlement(ctx, req))
	if held.GetStatus() != "PENDING" || held.GetHold().GetStatus() != "HELD" || held.GetCompletedAt() != nil || held.GetOpenQuantity() != "1" {
		t.Errorf("held: %v", held)
	}
	_, err := b.settlements.HoldSettlement(ctx, &pb.HoldSettlementRequest{SettlementId: held.GetSettlementId()})
	refused(t, err).check(t, codes.FailedPrecondition, "wrong_state", "")
	released := settle(b.settlements.ReleaseSettlement(ctx, &pb.ReleaseSettlementRequest{SettlementId: held.GetSettlementId()}))
	if released.GetStatus() != "COMPLETED" || len(released.GetHistory()) != 4 {
		t.Errorf("released: %v", released)
	}
	held = settle(b.settlements.CreateSettlement(ctx, req))
	cancelled := settle(b.settlements.CancelSettlement(ctx, &pb.CancelSettlementRequest{SettlementId: held.GetSettlementId()}))
	if cancelled.GetStatus() != "CANCELLED" || cancelled.GetReason() != "CANI" {
		t.Errorf("cancelled: %v", cancelled)
	}
	_, err = b.settlements.CancelSettlement(ctx, &pb.CancelSettlementRequest{SettlementId: held.GetSettlementId()})
	refused(t, err).check(t, codes.FailedPrecondition, "wrong_state", "")
	_, err = b.settlements.CancelSettlement(ctx, &pb.CancelSettlementRequest{SettlementId: "018f3c5e-7a10-7000-8000-0123456789ab"})
	refused(t, err).check(t, codes.NotFound, "not_found", "")
}

func TestARepeatedRequestIsAnsweredAsBefore(t *testing.T) {
	t.Parallel()
	b := setup(t, nil)
	ctx, req := withKey(t, "key-1"), deposit("a", "BTC", "1")
	create := func(ctx context.Context, req *pb.CreateSettlementRequest) (*pb.Settlement, string, error) {
		var header metadata.MD
		st, err := b.settlements.CreateSettlement(ctx, req, grpc.Header(&header))
		return st, strings.Join(header.Get("idempotent-replayed"), ","), err
	}
	first, replayed, err := create(ctx, req)
	if err != nil || replayed != "" {
		t.Fatalf("first: %v, replayed %q", err, replayed)
	}
	second, replayed, err := create(ctx, req)
	if err != nil || replayed != "true" || !proto.Equal(first, second) {
		t.Errorf("second: %v, %v, replayed %q", second, err, replayed)
	}
	_, _, err = create(ctx, deposit("a", "BTC", "2"))
	r := refused(t, err)
	r.check(t, codes.InvalidArgument, "idempotency_key_reused", "idempotency-key")
	if !strings.HasPrefix(r.message, "idempotency-key: ") {
		t.Errorf("message %q speaks of another header", r.message)
	}
	_, _, err = create(withKey(t, strings.Repeat("k", 256)), req)
	refused(t, err).check(t, codes.InvalidArgument, "invalid_request", "idempotency-key")
	_, _, err = create(metadata.AppendToOutgoingContext(ctx, "idempotency-key", "another"), req)
	refused(t, err).check(t, codes.InvalidArgument, "invalid_request", "idempotency-key")
}

func TestManySettlementsAreAnsweredEachOnItsOwn(t *testing.T) {
	t.Parallel()
	b := setup(t, nil)
	wrong := deposit("a", "BTC", "1e3")
	tooFine := deposit("a", "USD", "0.001")
	req := &pb.CreateSettlementsRequest{Settlements: []*pb.CreateSettlementRequest{deposit("a", "BTC", "1"), wrong, tooFine, deposit("a", "BTC", "2")}}
	many := must[*pb.CreateSettlementsResponse](t)
	got := many(b.settlements.CreateSettlements(withKey(t, "bulk"), req)).GetResults()
	if len(got) != 4 {
		t.Fatalf("%d results", len(got))
	}
	if got[0].GetSettlement().GetQuantity() != "1" || got[3].GetSettlement().GetQuantity() != "2" {
		t.Errorf("results: %v", got)
	}
	for _, i := range []int{1, 2} {
		if e := got[i].GetError(); e.GetCode() != "invalid_request" || e.GetField() != "quantity" || e.GetMessage() == "" {
			t.Errorf("result %d: %v", i, got[i])
		}
	}

	var header metadata.MD
	again := many(b.settlements.CreateSettlements(withKey(t, "bulk"), req, grpc.Header(&header))).GetResults()
	if !again[3].GetReplayed() || !proto.Equal(again[3].GetSettlement(), got[3].GetSettlement()) || len(header.Get("idempotent-replayed")) != 0 {
		t.Errorf("again: %v, header %v", again[3], header)
	}
	req.Settlements = req.GetSettlements()[:1]
	many(b.settlements.CreateSettlements(withKey(t, "bulk"), req, grpc.Header(&header)))
	if len(header.Get("idempotent-replayed")) != 1 {
		t.Error("an answer that is a repetition as a whole does not say so")
	}
}

func TestManySettlementsAreBounded(t *testing.T) {
	t.Parallel()
	b := setup(t, func(o *grpcapi.Options) { o.Limits.BulkMax = 2 })
	one := deposit("a", "BTC", "1")
	for _, c := range []struct {
		name   string
		ctx    context.Context
		items  []*pb.CreateSettlementRequest
		code   codes.Code
		reason string
		field  string
	}{
		{"none", t.Context(), nil, codes.InvalidArgument, "invalid_request", "settlements"},
		{"too many", t.Context(), []*pb.CreateSettlementRequest{one, one, one}, codes.ResourceExhausted, "too_large", "settlements"},
		{"key too long for its extension", withKey(t, strings.Repeat("k", 254)), []*pb.CreateSettlementRequest{one}, codes.InvalidArgument, "invalid_request", "idempotency-key"},
	} {
		_, err := b.settlements.CreateSettlements(c.ctx, &pb.CreateSettlementsRequest{Settlements: c.items})
		t.Log(c.name)
		refused(t, err).check(t, c.code, c.reason, c.field)
	}
}

// bulk is a custodian that answers many requests with given errors, in order.
type bulk struct {
	grpcapi.Custodian
	errs []error
}

func (b bulk) DoAll(context.Context, []sim.Request) []engine.Answer {
	answers := make([]engine.Answer, len(b.errs))
	for i, err := range b.errs {
		answers[i].Err = err
	}
	return answers
}

func TestManySettlementsSayEachWhyItFailed(t *testing.T) {
	t.Parallel()
	var log lockedText
	b := setup(t, func(o *grpcapi.Options) {
		o.Logger = slog.New(slog.NewTextHandler(&log, nil))
		o.Custodian = bulk{o.Custodian, []error{
			&sim.Error{Code: sim.CodePaused, Message: "paused", RetryAfter: 5 * time.Second},
			fmt.Errorf("waiting: %w", context.DeadlineExceeded),
			errors.New("password=secret"),
			nil, // an answer without its record is a defect
		}}
	})
	one := deposit("a", "BTC", "1")
	got := must[*pb.CreateSettlementsResponse](t)(b.settlements.CreateSettlements(t.Context(),
		&pb.CreateSettlementsRequest{Settlements: []*pb.CreateSettlementRequest{one, one, one, one}})).GetResults()
	for i, want := range []sim.Code{sim.CodePaused, sim.CodeUnavailable, sim.CodeInternal, sim.CodeInternal} {
		if e := got[i].GetError(); e.GetCode() != string(want) || e.GetMessage() == "" || strings.Contains(e.GetMessage(), "secret") {
			t.Errorf("result %d: %v, want %s", i, got[i], want)
		}
	}
	if got[0].GetError().GetRetryAfter().AsDuration() != 5*time.Second {
		t.Errorf("retry after %v", got[0].GetError().GetRetryAfter())
	}
	if !strings.Contains(log.String(), "password=secret") {
		t.Errorf("log: %s", log.String())
	}
}
