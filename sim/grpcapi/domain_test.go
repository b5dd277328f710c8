package grpcapi_test

import (
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/asset"
	pb "github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/custodianpb"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/grpcapi"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/view"
)

func TestFaultsAreAnsweredInPlaceOfTheCustodian(t *testing.T) {
	t.Parallel()
	b := setup(t, nil)
	ctx, chaos := t.Context(), pb.NewChaosServiceClient(b.conn)
	list := func() error {
		_, err := b.custody.ListAccounts(ctx, &pb.ListAccountsRequest{})
		return err
	}
	rule := must[*pb.FaultRule](t)(chaos.AddFaultRule(ctx, &pb.AddFaultRuleRequest{Effect: &pb.FaultEffect{GrpcError: &pb.GRPCFault{Rate: "1", Code: "DATA_LOSS"}}}))
	refused(t, list()).check(t, codes.DataLoss, "fault_injected", "")
	if got := must[*pb.ChaosStatus](t)(chaos.GetChaosStatus(ctx, &pb.GetChaosStatusRequest{})); got.GetActive() != 1 || got.GetRules()[0].GetId() != rule.GetId() {
		t.Errorf("status %v", got)
	}
	must[*pb.ClearFaultRuleResponse](t)(chaos.ClearFaultRule(ctx, &pb.ClearFaultRuleRequest{RuleId: rule.GetId()}))
	if err := list(); err != nil {
		t.Error(err)
	}
	must[*pb.FaultRule](t)(chaos.TakeOffline(ctx, &pb.TakeOfflineRequest{ErrorMessage: "system_maintenance"}))
	r := refused(t, list())
	if r.check(t, codes.Unavailable, "custodian_offline", ""); r.message != "system_maintenance" {
		t.Errorf("message %q", r.message)
	}
	stream, err := b.reporting.WatchEvents(ctx, &pb.WatchEventsRequest{})
	if err == nil {
		_, err = stream.Recv()
	}
	refused(t, err).check(t, codes.Unavailable, "custodian_offline", "")
	must[*pb.ChaosStatus](t)(chaos.ClearFaults(ctx, &pb.ClearFaultsRequest{}))
	if err := list(); err != nil {
		t.Error(err)
	}
	_, err = chaos.AddFaultRule(ctx, &pb.AddFaultRuleRequest{Effect: &pb.FaultEffect{}, DurationS: -1})
	refused(t, err).check(t, codes.InvalidArgument, "invalid_request", "duration_s")
	_, err = chaos.DelaySettlements(ctx, &pb.DelaySettlementsRequest{})
	refused(t, err).check(t, codes.InvalidArgument, "invalid_request", "delay_hours")
}

func TestWebhooksAreUnimplementedWithoutAManager(t *testing.T) {
	t.Parallel()
	b := setup(t, nil)
	_, err := pb.NewWebhookServiceClient(b.conn).ListWebhooks(t.Context(), &pb.ListWebhooksRequest{})
	if status.Code(err) != codes.Unimplemented {
		t.Errorf("answered %v", err)
	}
}

func TestEventsAboutDocumentsCarryTheirContent(t *testing.T) {
	t.Parallel()
	custodian := newCustodian(t)
	b := setup(t, func(o *grpcapi.Options) { o.Custodian = custodian })
	ctx, clock := t.Context(), pb.NewClockServiceClient(b.conn)
	must[*pb.Clock](t)(clock.SetClock(ctx, &pb.SetClockRequest{Mode: "manual", Now: timestamppb.Now()}))
	must[*pb.AdvanceClockResponse](t)(clock.AdvanceClock(ctx, &pb.AdvanceClockRequest{By: "1h"}))
	events := must[*pb.ListEventsResponse](t)(b.reporting.ListEvents(ctx, &pb.ListEventsRequest{})).GetEvents()
	recorded, err := custodian.Events(ctx, 0, 10)
	if err != nil || len(recorded) != len(events) || len(events) != 2 {
		t.Fatalf("%d events of %d: %v", len(events), len(recorded), err)
	}
	encoder := view.NewEncoder(asset.NewRegistry())
	for i, e := range events {
		if want := string(encoder.EventData(nil, recorded[i].Event)); e.GetDocument() != want {
			t.Errorf("%s: document %s, want %s", e.GetType(), e.GetDocument(), want)
		}
	}
}
