package grpcapi

import (
	"context"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
	pb "github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/custodianpb"
)

// position answers with what a command left of a position.
func (s *custodianService) position(ctx context.Context, in *input, c sim.Command) (*pb.Position, error) {
	h, err := s.doHolding(ctx, in, c)
	if err != nil {
		return nil, err
	}
	return s.shapes.position(h), nil
}

// CreatePosition opens a position.
func (s *custodianService) CreatePosition(ctx context.Context, req *pb.CreatePositionRequest) (*pb.Position, error) {
	var in input
	o := opening{
		total:     amountField{"quantity", req.GetQuantity()},
		available: amountField{"available_quantity", req.GetAvailableQuantity()},
		locked:    amountField{"locked_quantity", req.GetLockedQuantity()},
	}
	available, locked := o.read(&in)
	p, err := s.position(ctx, &in, sim.OpenHolding{
		AccountID: req.GetAccountId(), Symbol: req.GetSymbol(), Available: available, Locked: locked,
		AverageCost: in.amount("average_cost", req.GetAverageCost()),
		MarketValue: in.amount("market_value", req.GetMarketValue()),
		Currency:    req.GetCurrency(), Metadata: in.metadata(req.GetMetadata()),
	})
	return p, o.blame(err)
}

// GetPosition returns a position.
func (s *custodianService) GetPosition(ctx context.Context, req *pb.GetPositionRequest) (*pb.Position, error) {
	var in input
	id := in.id("position_id", req.GetPositionId())
	if in.err != nil {
		return nil, in.err
	}
	h, err := s.custodian.Holding(ctx, false, id)
	if err != nil {
		return nil, err
	}
	return s.shapes.position(h), nil
}

// ListPositions returns a page of positions.
func (s *custodianService) ListPositions(ctx context.Context, req *pb.ListPositionsRequest) (*pb.ListPositionsResponse, error) {
	var in input
	positions, next, err := s.listHoldings(ctx, &in, req, sim.HoldingFilter{
		AccountID: in.filter("account_id", req.GetAccountId(), sim.MaxIdentifier),
		Symbol:    in.filter("symbol", req.GetSymbol(), sim.MaxSymbol),
	})
	if err != nil {
		return nil, err
	}
	return &pb.ListPositionsResponse{Positions: messagesIn(ctx, s.face, positions, s.shapes.position), NextPageToken: next}, nil
}

// listHoldings returns a page of positions or balances.
func (s *custodianService) listHoldings(ctx context.Context, in *input, req paged, filter sim.HoldingFilter) ([]*sim.Holding, string, error) {
	return page(s.face, in, req,
		func(p sim.Page) ([]*sim.Holding, error) { return s.custodian.ListHoldings(ctx, filter, p) },
		func(h *sim.Holding) string { return h.ID.String() })
}

// UpdatePosition changes a position.
func (s *custodianService) UpdatePosition(ctx context.Context, req *pb.UpdatePositionRequest) (*pb.Position, error) {
	var in input
	return s.position(ctx, &in, sim.UpdateHolding{
		ID:          in.id("position_id", req.GetPositionId()),
		Total:       in.change("quantity", req.Quantity),
		Available:   in.change("available_quantity", req.AvailableQuantity),
		AverageCost: in.change("average_cost", req.AverageCost),
		MarketValue: in.change("market_value", req.MarketValue),
		Currency:    req.Currency, Metadata: in.changedMetadata(req.Metadata),
	})
}

// DeletePosition deletes a position.
func (s *custodianService) DeletePosition(ctx context.Context, req *pb.DeletePositionRequest) (*pb.DeletePositionResponse, error) {
	var in input
	if _, err := s.do(ctx, &in, sim.CloseHolding{ID: in.id("position_id", req.GetPositionId())}); err != nil {
		return nil, err
	}
	return &pb.DeletePositionResponse{}, nil
}

// LockPosition reserves part of what is available.
func (s *custodianService) LockPosition(ctx context.Context, req *pb.LockPositionRequest) (*pb.Position, error) {
	var in input
	return s.position(ctx, &in, sim.LockHolding{
		ID: in.id("position_id", req.GetPositionId()), Amount: in.required("quantity", req.GetQuantity()),
	})
}

// UnlockPosition makes part of what is locked available again.
func (s *custodianService) UnlockPosition(ctx context.Context, req *pb.UnlockPositionRequest) (*pb.Position, error) {
	var in input
	return s.position(ctx, &in, sim.UnlockHolding{
		ID: in.id("position_id", req.GetPositionId()), Amount: in.required("quantity", req.GetQuantity()),
	})
}
