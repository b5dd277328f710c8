package grpcapi

import (
	"context"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
	pb "github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/custodianpb"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/report"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/request"
)

// transferService answers for transfers.
type transferService struct {
	pb.UnimplementedTransferServiceServer
	*face
}

var _ pb.TransferServiceServer = (*transferService)(nil)

// transfer answers with what a command made of a transfer.
func (s *transferService) transfer(ctx context.Context, in *input, c sim.Command) (*pb.Transfer, error) {
	r, err := s.do(ctx, in, c)
	switch {
	case err != nil:
		return nil, err
	case r.Transfer == nil:
		return nil, errAnswer
	}
	return s.shapes.transfer(r.Transfer, nil), nil
}

// CreateTransfer submits a transfer.
func (s *transferService) CreateTransfer(ctx context.Context, req *pb.CreateTransferRequest) (*pb.Transfer, error) {
	var in input
	var transfer request.Transfer
	read(&in, req, &transfer)
	return s.transfer(ctx, &in, transfer.Command())
}

// find returns the transfer with an id.
func (s *transferService) findTransfer(ctx context.Context, text string) (*sim.Transfer, error) {
	var in input
	id := in.id("transfer_id", text)
	if in.err != nil {
		return nil, in.err
	}
	return s.custodian.Transfer(ctx, id)
}

// GetTransfer returns a transfer with its postings.
func (s *transferService) GetTransfer(ctx context.Context, req *pb.GetTransferRequest) (*pb.Transfer, error) {
	t, err := s.findTransfer(ctx, req.GetTransferId())
	if err != nil {
		return nil, err
	}
	moved, err := report.Moved(ctx, s.custodian, t.History)
	if err != nil {
		return nil, err
	}
	return s.shapes.transfer(t, moved), nil
}

// GetTransferStatus returns how far a transfer is.
func (s *transferService) GetTransferStatus(ctx context.Context, req *pb.GetTransferStatusRequest) (*pb.TransferStatus, error) {
	t, err := s.findTransfer(ctx, req.GetTransferId())
	if err != nil {
		return nil, err
	}
	return s.shapes.transferStatus(t), nil
}

// ListTransfers returns a page of transfers.
func (s *transferService) ListTransfers(ctx context.Context, req *pb.ListTransfersRequest) (*pb.ListTransfersResponse, error) {
	var in input
	filter := sim.TransferFilter{
		AccountID:  in.filter("account_id", req.GetAccountId(), sim.MaxIdentifier),
		Symbol:     in.filter("symbol", req.GetSymbol(), sim.MaxSymbol),
		Rail:       in.filter("rail", req.GetRail(), sim.MaxIdentifier),
		Direction:  sim.Direction(in.choice("direction", req.GetDirection(), []string{string(sim.DirectionOut), string(sim.DirectionIn)})),
		Status:     sim.SettlementStatus(in.choice("status", req.GetStatus(), sim.SettlementStatuses())),
		Stage:      sim.TransferStage(in.choice("stage", req.GetStage(), sim.TransferStages())),
		ExternalID: in.filter("external_id", req.GetExternalId(), sim.MaxIdentifier),
		From:       in.instant("from", req.GetFrom()),
		Until:      in.instant("until", req.GetUntil()),
	}
	transfers, next, err := page(s.face, &in, req,
		func(p sim.Page) ([]*sim.Transfer, error) { return s.custodian.ListTransfers(ctx, filter, p) },
		func(t *sim.Transfer) string { return t.ID.String() })
	if err != nil {
		return nil, err
	}
	return &pb.ListTransfersResponse{
		Transfers:     messagesIn(ctx, s.face, transfers, func(t *sim.Transfer) *pb.Transfer { return s.shapes.transfer(t, nil) }),
		NextPageToken: next,
	}, nil
}

// ApproveTransfer gives one approval.
func (s *transferService) ApproveTransfer(ctx context.Context, req *pb.ApproveTransferRequest) (*pb.Transfer, error) {
	var in input
	var approval request.Approval
	id := in.id("transfer_id", req.GetTransferId())
	read(&in, req, &approval)
	return s.transfer(ctx, &in, approval.Command(id))
}

// RejectTransfer rejects a transfer.
func (s *transferService) RejectTransfer(ctx context.Context, req *pb.RejectTransferRequest) (*pb.Transfer, error) {
	var in input
	var rejection request.Rejection
	id := in.id("transfer_id", req.GetTransferId())
	read(&in, req, &rejection)
	return s.transfer(ctx, &in, rejection.Command(id))
}

// CancelTransfer cancels a transfer.
func (s *transferService) CancelTransfer(ctx context.Context, req *pb.CancelTransferRequest) (*pb.Transfer, error) {
	var in input
	return s.transfer(ctx, &in, sim.CancelTransfer{ID: in.id("transfer_id", req.GetTransferId())})
}
