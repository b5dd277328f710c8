package grpcapi

import (
	"context"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
	pb "github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/custodianpb"
)

// custodianService answers for accounts, positions and balances.
type custodianService struct {
	pb.UnimplementedCustodianServiceServer
	*face
}

var _ pb.CustodianServiceServer = (*custodianService)(nil)

// CreateAccount opens an account.
func (s *custodianService) CreateAccount(ctx context.Context, req *pb.CreateAccountRequest) (*pb.Account, error) {
	var in input
	a, err := s.doAccount(ctx, &in, sim.OpenAccount{
		AccountID: req.GetAccountId(), ClientID: req.GetClientId(), Type: sim.AccountType(req.GetAccountType()),
		Metadata: in.metadata(req.GetMetadata()),
	})
	if err != nil {
		return nil, err
	}
	return s.shapes.account(a), nil
}

// GetAccount returns an account.
func (s *custodianService) GetAccount(ctx context.Context, req *pb.GetAccountRequest) (*pb.Account, error) {
	var in input
	if in.require("account_id", req.GetAccountId()); in.err != nil {
		return nil, in.err
	}
	a, err := s.custodian.Account(ctx, req.GetAccountId())
	if err != nil {
		return nil, err
	}
	return s.shapes.account(a), nil
}

// ListAccounts returns a page of accounts.
func (s *custodianService) ListAccounts(ctx context.Context, req *pb.ListAccountsRequest) (*pb.ListAccountsResponse, error) {
	var in input
	filter := sim.AccountFilter{
		ClientID: in.filter("client_id", req.GetClientId(), sim.MaxIdentifier),
		Type: sim.AccountType(in.choice("account_type", req.GetAccountType(),
			[]string{string(sim.AccountMaster), string(sim.AccountSegregated)})),
	}
	accounts, next, err := page(s.face, &in, req,
		func(p sim.Page) ([]*sim.Account, error) { return s.custodian.ListAccounts(ctx, filter, p) },
		func(a *sim.Account) string { return a.AccountID })
	if err != nil {
		return nil, err
	}
	return &pb.ListAccountsResponse{Accounts: messagesIn(ctx, s.face, accounts, s.shapes.account), NextPageToken: next}, nil
}

// UpdateAccount changes an account's metadata.
func (s *custodianService) UpdateAccount(ctx context.Context, req *pb.UpdateAccountRequest) (*pb.Account, error) {
	var in input
	in.require("account_id", req.GetAccountId())
	if req.Status != nil {
		in.require("status", req.GetStatus())
	}
	if req.Status == nil && req.Metadata == nil {
		in.fail("", "there is nothing to change; give at least one field")
	}
	a, err := s.doAccount(ctx, &in, sim.UpdateAccount{
		AccountID: req.GetAccountId(), Status: sim.AccountStatus(req.GetStatus()), Metadata: in.changedMetadata(req.Metadata),
	})
	if err != nil {
		return nil, err
	}
	return s.shapes.account(a), nil
}

// GetMasterBalance returns all that a client holds.
func (s *custodianService) GetMasterBalance(ctx context.Context, req *pb.GetMasterBalanceRequest) (*pb.MasterBalance, error) {
	var in input
	if in.require("client_id", req.GetClientId()); in.err != nil {
		return nil, in.err
	}
	balance, err := s.custodian.MasterBalance(ctx, req.GetClientId())
	if err != nil {
		return nil, err
	}
	return answer(&pb.MasterBalance{}, s.encoder.MasterBalance(nil, req.GetClientId(), balance))
}

// GetSegregatedBalances returns what a client's segregated accounts hold.
func (s *custodianService) GetSegregatedBalances(ctx context.Context, req *pb.GetSegregatedBalancesRequest) (*pb.SegregatedBalances, error) {
	var in input
	if in.require("client_id", req.GetClientId()); in.err != nil {
		return nil, in.err
	}
	accounts, err := s.custodian.SegregatedBalances(ctx, req.GetClientId())
	if err != nil {
		return nil, err
	}
	return answer(&pb.SegregatedBalances{}, s.encoder.SegregatedBalances(nil, req.GetClientId(), accounts))
}
