package grpcapi_test

import (
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"

	pb "github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/custodianpb"
)

func TestPositionsAreCreatedReadChangedAndDeleted(t *testing.T) {
	t.Parallel()
	b := setup(t, nil)
	ctx, position := t.Context(), must[*pb.Position](t)

	created := position(b.custody.CreatePosition(ctx, &pb.CreatePositionRequest{
		AccountId: "test-account", Symbol: "BTC-USD", Quantity: "2.5", Currency: "USD", AverageCost: "43000.5", Metadata: `{"b": 1.50, "a": "<x>"}`,
	}))
	want := &pb.Position{
		PositionId: created.GetPositionId(), AccountId: "test-account", Symbol: "BTC-USD", Quantity: "2.5", AvailableQuantity: "2.5", LockedQuantity: "0", ReservedQuantity: "0", PendingInQuantity: "0", InTransitQuantity: "0",
		AverageCost: created.GetAverageCost(), MarketValue: created.GetMarketValue(), Currency: "USD", Metadata: `{"a":"<x>","b":1.50}`,
		CreatedAt: created.GetCreatedAt(), LastUpdated: created.GetCreatedAt(),
	}
	if !proto.Equal(created, want) {
		t.Errorf("created\n%v\nwant\n%v", created, want)
	}
	if !created.GetCreatedAt().IsValid() || len(created.GetPositionId()) != 36 {
		t.Errorf("identifier %q, created at %v", created.GetPositionId(), created.GetCreatedAt())
	}
	id := created.GetPositionId()
	if got := position(b.custody.GetPosition(ctx, &pb.GetPositionRequest{PositionId: id})); !proto.Equal(got, created) {
		t.Errorf("read %v", got)
	}

	locked := position(b.custody.LockPosition(ctx, &pb.LockPositionRequest{PositionId: id, Quantity: "1.5"}))
	if locked.GetAvailableQuantity() != "1" || locked.GetLockedQuantity() != "1.5" || locked.GetQuantity() != "2.5" {
		t.Errorf("locked: %v", locked)
	}
	_, err := b.custody.LockPosition(ctx, &pb.LockPositionRequest{PositionId: id, Quantity: "1.00000001"})
	refused(t, err).check(t, codes.FailedPrecondition, "insufficient_holdings", "quantity")
	_, err = b.custody.DeletePosition(ctx, &pb.DeletePositionRequest{PositionId: id})
	refused(t, err).check(t, codes.FailedPrecondition, "wrong_state", "")
	unlocked := position(b.custody.UnlockPosition(ctx, &pb.UnlockPositionRequest{PositionId: id, Quantity: "1.5"}))
	if unlocked.GetAvailableQuantity() != "2.5" {
		t.Errorf("unlocked: %v", unlocked)
	}

	updated := position(b.custody.UpdatePosition(ctx, &pb.UpdatePositionRequest{
		PositionId: id, Quantity: new("3"), MarketValue: new("129000"), Metadata: new("{}"),
	}))
	if updated.GetQuantity() != "3" || updated.GetMarketValue() == "" || updated.GetMetadata() != "{}" || updated.GetAverageCost() != created.GetAverageCost() {
		t.Errorf("updated: %v", updated)
	}
	if _, err := b.custody.DeletePosition(ctx, &pb.DeletePositionRequest{PositionId: id}); err != nil {
		t.Fatal(err)
	}
	_, err = b.custody.GetPosition(ctx, &pb.GetPositionRequest{PositionId: id})
	refused(t, err).check(t, codes.NotFound, "not_found", "")
}

func TestASecondPositionForAccountAndSymbolExistsAlready(t *testing.T) {
	t.Parallel()
	b := setup(t, nil)
	req := &pb.CreatePositionRequest{AccountId: "a", Symbol: "BTC-USD", Quantity: "1"}
	must[*pb.Position](t)(b.custody.CreatePosition(t.Context(), req))
	_, err := b.custody.CreatePosition(t.Context(), req)
	refused(t, err).check(t, codes.AlreadyExists, "already_exists", "symbol")
}

func TestBalancesShowTheMinorUnit(t *testing.T) {
	t.Parallel()
	b := setup(t, nil)
	ctx, balance := t.Context(), must[*pb.Balance](t)

	created := balance(b.custody.CreateBalance(ctx, &pb.CreateBalanceRequest{AccountId: "a", Currency: "USD", AvailableBalance: "1000"}))
	if created.GetAvailableBalance() != "1000.00" || created.GetLockedBalance() != "0.00" || created.GetTotalBalance() != "1000.00" {
		t.Errorf("created: %v", created)
	}
	yen := balance(b.custody.CreateBalance(ctx, &pb.CreateBalanceRequest{AccountId: "a", Currency: "JPY", TotalBalance: "1000", LockedBalance: "1"}))
	if yen.GetAvailableBalance() != "999" || yen.GetLockedBalance() != "1" {
		t.Errorf("created: %v", yen)
	}
	id := created.GetBalanceId()
	locked := balance(b.custody.LockBalance(ctx, &pb.LockBalanceRequest{BalanceId: id, Amount: "0.5"}))
	if locked.GetAvailableBalance() != "999.50" || locked.GetLockedBalance() != "0.50" {
		t.Errorf("locked: %v", locked)
	}
	_, err := b.custody.UnlockBalance(ctx, &pb.UnlockBalanceRequest{BalanceId: id, Amount: "0.51"})
	refused(t, err).check(t, codes.FailedPrecondition, "insufficient_holdings", "amount")
	updated := balance(b.custody.UpdateBalance(ctx, &pb.UpdateBalanceRequest{BalanceId: id, TotalBalance: new("10"), AvailableBalance: new("9.5")}))
	if updated.GetTotalBalance() != "10.00" {
		t.Errorf("updated: %v", updated)
	}
	balance(b.custody.UnlockBalance(ctx, &pb.UnlockBalanceRequest{BalanceId: id, Amount: "0.5"}))
	if _, err := b.custody.DeleteBalance(ctx, &pb.DeleteBalanceRequest{BalanceId: id}); err != nil {
		t.Fatal(err)
	}
	_, err = b.custody.GetBalance(ctx, &pb.GetBalanceRequest{BalanceId: id})
	refused(t, err).check(t, codes.NotFound, "not_found", "")
	// A position's identifier names no balance.
	p := must[*pb.Position](t)(b.custody.CreatePosition(ctx, &pb.CreatePositionRequest{AccountId: "a", Symbol: "ETH", Quantity: "1"}))
	_, err = b.custody.GetBalance(ctx, &pb.GetBalanceRequest{BalanceId: p.GetPositionId()})
	refused(t, err).check(t, codes.NotFound, "not_found", "")
}

func TestAccountsAreOpenedByNameOrByFirstUse(t *testing.T) {
	t.Parallel()
	b := setup(t, nil)
	ctx, account := t.Context(), must[*pb.Account](t)

	opened := account(b.custody.CreateAccount(ctx, &pb.CreateAccountRequest{AccountId: "fund-a", ClientId: "c", AccountType: "SEGREGATED"}))
	if opened.GetClientId() != "c" || opened.GetAccountType() != "SEGREGATED" || opened.GetStatus() != "ACTIVE" || opened.GetMetadata() != "{}" {
		t.Errorf("opened: %v", opened)
	}
	_, err := b.custody.CreateAccount(ctx, &pb.CreateAccountRequest{AccountId: "fund-a"})
	refused(t, err).check(t, codes.AlreadyExists, "already_exists", "account_id")
	updated := account(b.custody.UpdateAccount(ctx, &pb.UpdateAccountRequest{AccountId: "fund-a", Metadata: new(`{"desk":"x"}`)}))
	if updated.GetMetadata() != `{"desk":"x"}` || updated.GetUpdatedAt().AsTime().Equal(opened.GetUpdatedAt().AsTime()) {
		t.Errorf("updated: %v", updated)
	}
	must[*pb.Balance](t)(b.custody.CreateBalance(ctx, &pb.CreateBalanceRequest{AccountId: "fund-b", Currency: "EUR", AvailableBalance: "1"}))
	if got := account(b.custody.GetAccount(ctx, &pb.GetAccountRequest{AccountId: "fund-b"})); got.GetAccountType() != "MASTER" || got.GetClientId() != "fund-b" {
		t.Errorf("opened by first use: %v", got)
	}
	_, err = b.custody.GetAccount(ctx, &pb.GetAccountRequest{AccountId: "nobody"})
	refused(t, err).check(t, codes.NotFound, "not_found", "")
	_, err = b.custody.GetAccount(ctx, &pb.GetAccountRequest{})
	refused(t, err).check(t, codes.InvalidArgument, "invalid_request", "account_id")
}
