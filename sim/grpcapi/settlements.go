package grpcapi

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
	pb "github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/custodianpb"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/engine"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/report"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/request"
)

// settlementService answers for settlements.
type settlementService struct {
	pb.UnimplementedSettlementServiceServer
	*face
}

var _ pb.SettlementServiceServer = (*settlementService)(nil)

// instruct reads an instruction.
func instruct(in *input, req *pb.CreateSettlementRequest) sim.Instruct {
	c := sim.Instruct{
		Type: sim.SettlementType(req.GetSettlementType()), AccountID: req.GetAccountId(), Symbol: req.GetSymbol(),
		Quantity: in.required("quantity", req.GetQuantity()), ExternalID: req.GetExternalId(),
		SourceAccount: req.GetSourceAccount(), DestinationAccount: req.GetDestinationAccount(),
		SettlementDate: req.GetSettlementDate(), Hold: req.GetHold(), Metadata: in.metadata(req.GetMetadata()),
		CounterpartyAccount: req.GetCounterpartyAccount(), TradeDate: req.GetTradeDate(), Rail: req.GetRail(),
		Partial: sim.PartialIndicator(req.GetPartial()), MinQuantity: in.amount("min_quantity", req.GetMinQuantity()),
	}
	if p := req.GetPayment(); p != nil {
		in.require("payment.currency", p.GetCurrency())
		c.Payment = sim.Cash{Currency: p.GetCurrency(), Amount: in.required("payment.amount", p.GetAmount())}
	}
	if p := req.GetCounterparty(); p != nil {
		c.Counterparty = sim.Party{Name: p.GetName(), BIC: p.GetBic()}
	}
	if len(req.GetLinks()) > sim.MaxLinks {
		in.fail("links", "must have at most %d links", sim.MaxLinks)
		return c
	}
	for i, l := range req.GetLinks() {
		in.require(fmt.Sprintf("links[%d].type", i), l.GetType())
		in.require(fmt.Sprintf("links[%d].external_id", i), l.GetExternalId())
		c.Links = append(c.Links, sim.Link{Type: sim.LinkType(l.GetType()), ExternalID: l.GetExternalId()})
	}
	return c
}

// settlement answers with what a command made of a settlement.
func (s *settlementService) settlement(ctx context.Context, in *input, c sim.Command) (*pb.Settlement, error) {
	st, err := s.doSettlement(ctx, in, c)
	if err != nil {
		return nil, err
	}
	return s.shapes.settlement(st), nil
}

// CreateSettlement records an instruction.
func (s *settlementService) CreateSettlement(ctx context.Context, req *pb.CreateSettlementRequest) (*pb.Settlement, error) {
	var in input
	return s.settlement(ctx, &in, instruct(&in, req))
}

// CreateSettlements records many instructions, each on its own.
func (s *settlementService) CreateSettlements(ctx context.Context, req *pb.CreateSettlementsRequest) (*pb.CreateSettlementsResponse, error) {
	items := req.GetSettlements()
	switch {
	case len(items) == 0:
		return nil, sim.Invalid("settlements", "must have at least one instruction")
	case len(items) > s.limits.BulkMax:
		return nil, &sim.Error{Code: sim.CodeTooLarge, Field: "settlements",
			Message: "must have at most " + strconv.Itoa(s.limits.BulkMax) + " instructions"}
	}
	key, err := idempotencyKey(ctx)
	if err != nil {
		return nil, err
	}
	if key != "" {
		if err := sim.CheckIdempotencyKey(itemKey(key, len(items)-1)); err != nil {
			return nil, err
		}
	}
	results := make([]*pb.SettlementResult, len(items))
	requests, places := make([]sim.Request, 0, len(items)), make([]int, 0, len(items))
	for i, item := range items {
		var in input
		c := instruct(&in, item)
		if in.err != nil {
			results[i] = s.refused(in.err)
			continue
		}
		requests, places = append(requests, sim.Request{Command: c, IdempotencyKey: itemKey(key, i)}), append(places, i)
	}
	answers := s.custodian.DoAll(ctx, requests)
	if len(answers) == len(items) {
		if err := unserved(answers); err != nil {
			return nil, err
		}
	}
	replayed := 0
	for i := range answers {
		result := s.resultOf(&answers[i])
		if result.GetReplayed() {
			replayed++
		}
		results[places[i]] = result
	}
	if replayed == len(items) {
		if err := markReplayed(ctx); err != nil {
			return nil, err
		}
	}
	return &pb.CreateSettlementsResponse{Results: results}, nil
}

// unserved returns the first error if the custodian took none of the requests
// for a reason that has nothing to do with them, so that the call as a whole
// fails and clients that retry by status do so.
func unserved(answers []engine.Answer) error {
	for _, answer := range answers {
		switch sim.CodeOf(answer.Err) {
		case sim.CodeOverloaded, sim.CodePaused, sim.CodeOffline, sim.CodeUnavailable, sim.CodeDraining:
		default:
			return nil
		}
	}
	return answers[0].Err
}

// itemKey extends a key to one of many instructions; HTTP does the same.
func itemKey(key string, i int) string {
	if key == "" {
		return ""
	}
	return key + "#" + strconv.Itoa(i)
}

// refused is the result of an instruction that was refused.
func (s *settlementService) refused(err error) *pb.SettlementResult {
	refusal, ok := errors.AsType[*sim.Error](err)
	switch {
	case ok:
	case errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded):
		refusal = sim.Errorf(sim.CodeUnavailable, "no answer in time; whether it was carried out is unknown: repeat the call with the same %s", idempotencyHeader)
	default:
		s.logger.Error("bulk settlement failed", "error", err)
		refusal = sim.Errorf(sim.CodeInternal, internalMessage)
	}
	out := &pb.Refusal{Code: string(refusal.Code), Field: fieldName(refusal.Field), Message: refusal.Message}
	if refusal.RetryAfter > 0 {
		out.RetryAfter = durationpb.New(refusal.RetryAfter)
	}
	return &pb.SettlementResult{Outcome: &pb.SettlementResult_Error{Error: out}}
}

// find returns the settlement with an id.
func (f *face) find(ctx context.Context, text string) (*sim.Settlement, error) {
	var in input
	id := in.id("settlement_id", text)
	if in.err != nil {
		return nil, in.err
	}
	return f.custodian.Settlement(ctx, id)
}

// GetSettlement returns a settlement.
func (s *settlementService) GetSettlement(ctx context.Context, req *pb.GetSettlementRequest) (*pb.Settlement, error) {
	st, err := s.find(ctx, req.GetSettlementId())
	if err != nil {
		return nil, err
	}
	moved, err := report.Moved(ctx, s.custodian, st.History)
	if err != nil {
		return nil, err
	}
	out := s.shapes.settlement(st)
	s.shapes.attach(out.GetHistory(), moved)
	return out, nil
}

// GetSettlementStatus returns where a settlement stands.
func (s *settlementService) GetSettlementStatus(ctx context.Context, req *pb.GetSettlementStatusRequest) (*pb.SettlementStatus, error) {
	st, err := s.find(ctx, req.GetSettlementId())
	if err != nil {
		return nil, err
	}
	return s.shapes.settlementStatus(st), nil
}

// ListSettlements returns a page of settlements.
func (s *settlementService) ListSettlements(ctx context.Context, req *pb.ListSettlementsRequest) (*pb.ListSettlementsResponse, error) {
	var in input
	filter := sim.SettlementFilter{
		AccountID:  in.filter("account_id", req.GetAccountId(), sim.MaxIdentifier),
		Symbol:     in.filter("symbol", req.GetSymbol(), sim.MaxSymbol),
		Type:       sim.SettlementType(in.choice("settlement_type", req.GetSettlementType(), sim.SettlementTypes())),
		Status:     sim.SettlementStatus(in.choice("status", req.GetStatus(), sim.SettlementStatuses())),
		ExternalID: in.filter("external_id", req.GetExternalId(), sim.MaxIdentifier),
		From:       in.instant("from", req.GetFrom()),
		Until:      in.instant("until", req.GetUntil()),
	}
	settlements, next, err := page(s.face, &in, req,
		func(p sim.Page) ([]*sim.Settlement, error) { return s.custodian.ListSettlements(ctx, filter, p) },
		func(st *sim.Settlement) string { return st.ID.String() })
	if err != nil {
		return nil, err
	}
	return &pb.ListSettlementsResponse{Settlements: messagesIn(ctx, s.face, settlements, s.shapes.settlement), NextPageToken: next}, nil
}

// CancelSettlement cancels a settlement.
func (s *settlementService) CancelSettlement(ctx context.Context, req *pb.CancelSettlementRequest) (*pb.Settlement, error) {
	var in input
	return s.settlement(ctx, &in, sim.CancelSettlement{ID: in.id("settlement_id", req.GetSettlementId())})
}

// HoldSettlement holds a settlement.
func (s *settlementService) HoldSettlement(ctx context.Context, req *pb.HoldSettlementRequest) (*pb.Settlement, error) {
	var in input
	return s.settlement(ctx, &in, sim.HoldSettlement{ID: in.id("settlement_id", req.GetSettlementId())})
}

// ReleaseSettlement releases a held settlement.
func (s *settlementService) ReleaseSettlement(ctx context.Context, req *pb.ReleaseSettlementRequest) (*pb.Settlement, error) {
	var in input
	return s.settlement(ctx, &in, sim.ReleaseSettlement{ID: in.id("settlement_id", req.GetSettlementId())})
}

// ReverseSettlement takes back what a settlement has moved.
func (s *settlementService) ReverseSettlement(ctx context.Context, req *pb.ReverseSettlementRequest) (*pb.Settlement, error) {
	var in input
	var reversal request.Reversal
	id := in.id("settlement_id", req.GetSettlementId())
	read(&in, req, &reversal)
	return s.settlement(ctx, &in, reversal.Command(id))
}
