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
	return &pb.ListAccountsResponse{Accounts: messages(accounts, s.shapes.account), NextPageToken: next}, nil
}

// UpdateAccount changes an account's metadata.
func (s *custodianService) UpdateAccount(ctx context.Context, req *pb.UpdateAccountRequest) (*pb.Account, error) {
	var in input
	in.require("account_id", req.GetAccountId())
	a, err := s.doAccount(ctx, &in, sim.UpdateAccount{
		AccountID: req.GetAccountId(), Metadata: in.changedMetadata(req.Metadata),
	})
	if err != nil {
		return nil, err
	}
	return s.shapes.account(a), nil
}
