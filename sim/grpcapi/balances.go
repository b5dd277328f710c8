package grpcapi

import (
	"context"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
	pb "github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/custodianpb"
)

// balance answers with what a command left of a balance.
func (s *custodianService) balance(ctx context.Context, in *input, c sim.Command) (*pb.Balance, error) {
	h, err := s.doHolding(ctx, in, c)
	if err != nil {
		return nil, err
	}
	return s.shapes.balance(h), nil
}

// CreateBalance opens a balance.
func (s *custodianService) CreateBalance(ctx context.Context, req *pb.CreateBalanceRequest) (*pb.Balance, error) {
	var in input
	o := opening{
		total:     amountField{"total_balance", req.GetTotalBalance()},
		available: amountField{"available_balance", req.GetAvailableBalance()},
		locked:    amountField{"locked_balance", req.GetLockedBalance()},
	}
	available, locked := o.read(&in)
	b, err := s.balance(ctx, &in, sim.OpenHolding{
		Cash: true, AccountID: req.GetAccountId(), Symbol: req.GetCurrency(), Available: available, Locked: locked,
		Metadata: in.metadata(req.GetMetadata()),
	})
	return b, o.blame(err)
}

// GetBalance returns a balance.
func (s *custodianService) GetBalance(ctx context.Context, req *pb.GetBalanceRequest) (*pb.Balance, error) {
	var in input
	id := in.id("balance_id", req.GetBalanceId())
	if in.err != nil {
		return nil, in.err
	}
	h, err := s.custodian.Holding(ctx, true, id)
	if err != nil {
		return nil, err
	}
	return s.shapes.balance(h), nil
}

// ListBalances returns a page of balances.
func (s *custodianService) ListBalances(ctx context.Context, req *pb.ListBalancesRequest) (*pb.ListBalancesResponse, error) {
	var in input
	balances, next, err := s.listHoldings(ctx, &in, req, sim.HoldingFilter{
		Cash:      true,
		AccountID: in.filter("account_id", req.GetAccountId(), sim.MaxIdentifier),
		Symbol:    in.filter("currency", req.GetCurrency(), sim.MaxCurrency),
	})
	if err != nil {
		return nil, err
	}
	return &pb.ListBalancesResponse{Balances: messagesIn(ctx, s.face, balances, s.shapes.balance), NextPageToken: next}, nil
}

// UpdateBalance changes a balance.
func (s *custodianService) UpdateBalance(ctx context.Context, req *pb.UpdateBalanceRequest) (*pb.Balance, error) {
	var in input
	return s.balance(ctx, &in, sim.UpdateHolding{
		Cash: true, ID: in.id("balance_id", req.GetBalanceId()),
		Total:     in.change("total_balance", req.TotalBalance),
		Available: in.change("available_balance", req.AvailableBalance),
		Metadata:  in.changedMetadata(req.Metadata),
	})
}

// DeleteBalance deletes a balance.
func (s *custodianService) DeleteBalance(ctx context.Context, req *pb.DeleteBalanceRequest) (*pb.DeleteBalanceResponse, error) {
	var in input
	if _, err := s.do(ctx, &in, sim.CloseHolding{Cash: true, ID: in.id("balance_id", req.GetBalanceId())}); err != nil {
		return nil, err
	}
	return &pb.DeleteBalanceResponse{}, nil
}

// LockBalance reserves part of what is available.
func (s *custodianService) LockBalance(ctx context.Context, req *pb.LockBalanceRequest) (*pb.Balance, error) {
	var in input
	return s.balance(ctx, &in, sim.LockHolding{
		Cash: true, ID: in.id("balance_id", req.GetBalanceId()), Amount: in.required("amount", req.GetAmount()),
	})
}

// UnlockBalance makes part of what is locked available again.
func (s *custodianService) UnlockBalance(ctx context.Context, req *pb.UnlockBalanceRequest) (*pb.Balance, error) {
	var in input
	return s.balance(ctx, &in, sim.UnlockHolding{
		Cash: true, ID: in.id("balance_id", req.GetBalanceId()), Amount: in.required("amount", req.GetAmount()),
	})
}
