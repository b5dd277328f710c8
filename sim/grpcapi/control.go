package grpcapi

import (
	"context"

	"google.golang.org/protobuf/proto"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
	pb "github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/custodianpb"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/request"
)

// clockService answers for the clock.
type clockService struct {
	pb.UnimplementedClockServiceServer
	*face
}

var _ pb.ClockServiceServer = (*clockService)(nil)

// GetClock returns the clock.
func (s *clockService) GetClock(ctx context.Context, _ *pb.GetClockRequest) (*pb.Clock, error) {
	setting, now, next, err := s.custodian.Clock(ctx)
	if err != nil {
		return nil, err
	}
	return answer(&pb.Clock{}, s.encoder.Clock(nil, setting, now, next))
}

// SetClock sets the clock's mode.
func (s *clockService) SetClock(ctx context.Context, req *pb.SetClockRequest) (*pb.Clock, error) {
	var in input
	var clock request.Clock
	read(&in, req, &clock)
	if _, err := s.do(ctx, &in, clock.Command()); err != nil {
		return nil, err
	}
	return s.GetClock(ctx, nil)
}

// AdvanceClock moves a manual clock forward.
func (s *clockService) AdvanceClock(ctx context.Context, req *pb.AdvanceClockRequest) (*pb.AdvanceClockResponse, error) {
	var in input
	var advance request.Advance
	read(&in, req, &advance)
	command, err := advance.Command()
	if in.err == nil {
		in.err = err
	}
	document, err := s.doDocument(ctx, &in, command)
	if err != nil {
		return nil, err
	}
	setting, err := document.Clock()
	if err != nil {
		return nil, err
	}
	return answer(&pb.AdvanceClockResponse{}, s.encoder.Advance(nil, setting))
}

func (f *face) doDocument(ctx context.Context, in *input, c sim.Command) (*sim.Document, error) {
	r, err := f.do(ctx, in, c)
	if err == nil && r.Document == nil {
		err = errAnswer
	}
	return r.Document, err
}

// chaosService answers for faults on purpose.
type chaosService struct {
	pb.UnimplementedChaosServiceServer
	*face
}

var _ pb.ChaosServiceServer = (*chaosService)(nil)

// add adds the fault rule that a request means, which is read into call.
func (s *chaosService) add(ctx context.Context, req proto.Message, call request.Chaos) (*pb.FaultRule, error) {
	var in input
	read(&in, req, call)
	command, refusal := call.Fault()
	if in.err == nil && refusal != nil {
		in.err = refusal
	}
	document, err := s.doDocument(ctx, &in, command)
	if err != nil {
		return nil, err
	}
	return answer(&pb.FaultRule{}, s.encoder.Document(nil, document))
}

// DelaySettlements makes settlements take longer.
func (s *chaosService) DelaySettlements(ctx context.Context, req *pb.DelaySettlementsRequest) (*pb.FaultRule, error) {
	return s.add(ctx, req, &request.DelaySettlements{})
}

// FailSettlements lets a part of the settlements fail.
func (s *chaosService) FailSettlements(ctx context.Context, req *pb.FailSettlementsRequest) (*pb.FaultRule, error) {
	return s.add(ctx, req, &request.PartialSettlementFailure{})
}

// DelayApprovals makes approvers slow.
func (s *chaosService) DelayApprovals(ctx context.Context, req *pb.DelayApprovalsRequest) (*pb.FaultRule, error) {
	return s.add(ctx, req, &request.MultiSigDelays{})
}

// SimulateBankHoliday makes it a bank holiday.
func (s *chaosService) SimulateBankHoliday(ctx context.Context, req *pb.SimulateBankHolidayRequest) (*pb.FaultRule, error) {
	return s.add(ctx, req, &request.SimulateBankHoliday{})
}

// RejectTransfers refuses transfers.
func (s *chaosService) RejectTransfers(ctx context.Context, req *pb.RejectTransfersRequest) (*pb.FaultRule, error) {
	return s.add(ctx, req, &request.RejectTransfers{})
}

// TakeOffline takes the custodian away.
func (s *chaosService) TakeOffline(ctx context.Context, req *pb.TakeOfflineRequest) (*pb.FaultRule, error) {
	return s.add(ctx, req, &request.CustodianOffline{})
}

// AddFaultRule adds a rule in the general form.
func (s *chaosService) AddFaultRule(ctx context.Context, req *pb.AddFaultRuleRequest) (*pb.FaultRule, error) {
	return s.add(ctx, req, &request.FaultRule{})
}

// GetChaosStatus returns the active rules.
func (s *chaosService) GetChaosStatus(ctx context.Context, _ *pb.GetChaosStatusRequest) (*pb.ChaosStatus, error) {
	rules, now, err := s.custodian.Faults(ctx)
	if err != nil {
		return nil, err
	}
	return answer(&pb.ChaosStatus{}, s.encoder.ChaosStatus(nil, rules, now))
}

// ClearFaultRule takes one rule away.
func (s *chaosService) ClearFaultRule(ctx context.Context, req *pb.ClearFaultRuleRequest) (*pb.ClearFaultRuleResponse, error) {
	var in input
	in.require("rule_id", req.GetRuleId())
	if _, err := s.do(ctx, &in, sim.ClearFault{ID: req.GetRuleId()}); err != nil {
		return nil, err
	}
	return &pb.ClearFaultRuleResponse{}, nil
}

// ClearFaults takes every rule away.
func (s *chaosService) ClearFaults(ctx context.Context, _ *pb.ClearFaultsRequest) (*pb.ChaosStatus, error) {
	var in input
	if _, err := s.do(ctx, &in, sim.ClearFaults{}); err != nil {
		return nil, err
	}
	return s.GetChaosStatus(ctx, nil)
}
