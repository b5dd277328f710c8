package grpcapi_test

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"

	pb "github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/custodianpb"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/grpcapi"
)

// drop forgets a call's answer.
func drop[M any](_ M, err error) error { return err }

func TestInvalidRequestsNameTheFieldAtFault(t *testing.T) {
	t.Parallel()
	b := setup(t, nil)
	position := func(change func(*pb.CreatePositionRequest)) func(context.Context) error {
		req := &pb.CreatePositionRequest{AccountId: "a", Symbol: "BTC", Quantity: "1"}
		change(req)
		return func(ctx context.Context) error { return drop(b.custody.CreatePosition(ctx, req)) }
	}
	balance := func(change func(*pb.CreateBalanceRequest)) func(context.Context) error {
		req := &pb.CreateBalanceRequest{AccountId: "a", Currency: "USD", AvailableBalance: "1"}
		change(req)
		return func(ctx context.Context) error { return drop(b.custody.CreateBalance(ctx, req)) }
	}
	settlement := func(change func(*pb.CreateSettlementRequest)) func(context.Context) error {
		req := deposit("a", "BTC", "1")
		change(req)
		return func(ctx context.Context) error { return drop(b.settlements.CreateSettlement(ctx, req)) }
	}
	list := func(req *pb.ListSettlementsRequest) func(context.Context) error {
		return func(ctx context.Context) error { return drop(b.settlements.ListSettlements(ctx, req)) }
	}
	update := func(req *pb.UpdatePositionRequest) func(context.Context) error {
		req.PositionId = "018f3c5e-7a10-7000-8000-0123456789ab"
		return func(ctx context.Context) error { return drop(b.custody.UpdatePosition(ctx, req)) }
	}
	for _, c := range []struct {
		name  string
		call  func(context.Context) error
		field string
	}{
		{"no account", position(func(r *pb.CreatePositionRequest) { r.AccountId = "" }), "account_id"},
		{"mirror account", position(func(r *pb.CreatePositionRequest) { r.AccountId = "NOSTRO" }), "account_id"},
		{"account too long", position(func(r *pb.CreatePositionRequest) { r.AccountId = strings.Repeat("x", 101) }), "account_id"},
		{"no symbol", position(func(r *pb.CreatePositionRequest) { r.Symbol = "" }), "symbol"},
		{"cash as position", position(func(r *pb.CreatePositionRequest) { r.Symbol = "USD" }), "symbol"},
		{"no quantity", position(func(r *pb.CreatePositionRequest) { r.Quantity = "" }), "quantity"},
		{"no number", position(func(r *pb.CreatePositionRequest) { r.Quantity = "NaN" }), "quantity"},
		{"exponent", position(func(r *pb.CreatePositionRequest) { r.Quantity = "1e2" }), "quantity"},
		{"blank", position(func(r *pb.CreatePositionRequest) { r.Quantity = " 1" }), "quantity"},
		{"too many digits", position(func(r *pb.CreatePositionRequest) { r.Quantity = strings.Repeat("9", 21) }), "quantity"},
		{"negative", position(func(r *pb.CreatePositionRequest) { r.Quantity = "-1" }), "quantity"},
		{"finer than the asset", position(func(r *pb.CreatePositionRequest) { r.Quantity = "0.000000001" }), "quantity"},
		{"parts finer than the asset", position(func(r *pb.CreatePositionRequest) { r.Quantity, r.AvailableQuantity = "", "0.000000001" }), "available_quantity"},
		{"parts contradict total", position(func(r *pb.CreatePositionRequest) { r.AvailableQuantity = "2" }), "quantity"},
		{"more locked than there is", position(func(r *pb.CreatePositionRequest) { r.LockedQuantity = "2" }), "locked_quantity"},
		{"negative cost", position(func(r *pb.CreatePositionRequest) { r.AverageCost = "-1" }), "average_cost"},
		{"currency too long", position(func(r *pb.CreatePositionRequest) { r.Currency = "ELEVENCHARS" }), "currency"},
		{"metadata no JSON", position(func(r *pb.CreatePositionRequest) { r.Metadata = "{" }), "metadata"},
		{"metadata no object", position(func(r *pb.CreatePositionRequest) { r.Metadata = "[1]" }), "metadata"},
		{"metadata with exponent", position(func(r *pb.CreatePositionRequest) { r.Metadata = `{"a":1e3}` }), "metadata.a"},
		{"metadata too large", position(func(r *pb.CreatePositionRequest) { r.Metadata = `{"a":"` + strings.Repeat("x", 4096) + `"}` }), "metadata"},
		{"security as balance", balance(func(r *pb.CreateBalanceRequest) { r.Currency = "BTC" }), "currency"},
		{"no balance", balance(func(r *pb.CreateBalanceRequest) { r.AvailableBalance = "" }), "total_balance"},
		{"finer than the currency", balance(func(r *pb.CreateBalanceRequest) { r.AvailableBalance = "0.001" }), "available_balance"},
		{"total finer than the currency", balance(func(r *pb.CreateBalanceRequest) { r.AvailableBalance, r.TotalBalance = "", "0.001" }), "total_balance"},
		{"no type", settlement(func(r *pb.CreateSettlementRequest) { r.SettlementType = "" }), "settlement_type"},
		{"type not available", settlement(func(r *pb.CreateSettlementRequest) { r.SettlementType = "SWAP" }), "settlement_type"},
		{"nothing to settle", settlement(func(r *pb.CreateSettlementRequest) { r.Quantity = "0" }), "quantity"},
		{"quantity missing", settlement(func(r *pb.CreateSettlementRequest) { r.Quantity = "" }), "quantity"},
		{"date no date", settlement(func(r *pb.CreateSettlementRequest) { r.SettlementDate = "tomorrow" }), "settlement_date"},
		{"transfer without source", settlement(func(r *pb.CreateSettlementRequest) { r.SettlementType = "TRANSFER" }), "source_account"},
		{"external id too long", settlement(func(r *pb.CreateSettlementRequest) { r.ExternalId = strings.Repeat("x", 101) }), "external_id"},
		{"empty change", update(&pb.UpdatePositionRequest{Quantity: new("")}), "quantity"},
		{"empty metadata", update(&pb.UpdatePositionRequest{Metadata: new("")}), "metadata"},
		{"identifier missing", func(ctx context.Context) error { return drop(b.custody.GetPosition(ctx, &pb.GetPositionRequest{})) }, "position_id"},
		{"identifier no UUID", func(ctx context.Context) error {
			return drop(b.custody.LockBalance(ctx, &pb.LockBalanceRequest{BalanceId: "1", Amount: "1"}))
		}, "balance_id"},
		{"identifier in braces", func(ctx context.Context) error {
			return drop(b.settlements.GetSettlement(ctx, &pb.GetSettlementRequest{SettlementId: "{018f3c5e-7a10-7000-8000-0123456789ab}"}))
		}, "settlement_id"},
		{"page too large", list(&pb.ListSettlementsRequest{PageSize: 1001}), "page_size"},
		{"page negative", list(&pb.ListSettlementsRequest{PageSize: -1}), "page_size"},
		{"token invented", list(&pb.ListSettlementsRequest{PageToken: "*"}), "page_token"},
		{"token too long", list(&pb.ListSettlementsRequest{PageToken: strings.Repeat("A", 1024)}), "page_token"},
		{"token of another list", func(ctx context.Context) error {
			return drop(b.custody.ListPositions(ctx, &pb.ListPositionsRequest{PageToken: "MS0w"}))
		}, "page_token"},
		{"filter unknown status", list(&pb.ListSettlementsRequest{Status: "DONE"}), "status"},
		{"filter unknown type", list(&pb.ListSettlementsRequest{SettlementType: "deposit"}), "settlement_type"},
		{"filter unprintable", list(&pb.ListSettlementsRequest{AccountId: "a\x00"}), "account_id"},
		{"filter too long", list(&pb.ListSettlementsRequest{Symbol: strings.Repeat("x", 51)}), "symbol"},
		{"filter no time", list(&pb.ListSettlementsRequest{From: &timestamppb.Timestamp{Seconds: 1 << 60}}), "from"},
		{"filter unknown account type", func(ctx context.Context) error {
			return drop(b.custody.ListAccounts(ctx, &pb.ListAccountsRequest{AccountType: "OMNIBUS"}))
		}, "account_type"},
		{"filter no settlement", func(ctx context.Context) error {
			return drop(b.reporting.ListLedgerEntries(ctx, &pb.ListLedgerEntriesRequest{SettlementId: "x"}))
		}, "settlement_id"},
		{"sequence out of range", func(ctx context.Context) error {
			return drop(b.reporting.ListEvents(ctx, &pb.ListEventsRequest{After: 1 << 63}))
		}, "after"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := refused(t, c.call(t.Context()))
			r.check(t, codes.InvalidArgument, "invalid_request", c.field)
			if len(r.violations) != 1 || r.violations[0] != c.field {
				t.Errorf("violations %v, want %s", r.violations, c.field)
			}
			if r.retry != 0 {
				t.Errorf("told to retry after %v", r.retry)
			}
		})
	}
}

func TestTotalAndPartsOfAnOpeningMayBothBeGiven(t *testing.T) {
	t.Parallel()
	b := setup(t, nil)
	p := must[*pb.Position](t)(b.custody.CreatePosition(t.Context(),
		&pb.CreatePositionRequest{AccountId: "a", Symbol: "BTC", Quantity: "3.0", AvailableQuantity: "2", LockedQuantity: "1"}))
	if p.GetQuantity() != "3" || p.GetAvailableQuantity() != "2" || p.GetLockedQuantity() != "1" {
		t.Errorf("opened %v", p)
	}
}

// raw sends bytes as they are, and takes no notice of what comes back.
type raw struct{}

func (raw) Marshal(v any) ([]byte, error)   { return *v.(*[]byte), nil }
func (raw) Unmarshal(_ []byte, _ any) error { return nil }
func (raw) Name() string                    { return "proto" }

func TestRequestsThatCannotBeReadAreTheCallersFault(t *testing.T) {
	t.Parallel()
	var seen atomic.Int64
	b := setup(t, func(o *grpcapi.Options) {
		o.Unary = append(o.Unary, func(ctx context.Context, req any, _ *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
			answer, err := next(ctx, req)
			if status.Code(err) == codes.InvalidArgument {
				seen.Add(1)
			}
			return answer, err
		})
		o.Stream = append(o.Stream, func(srv any, stream grpc.ServerStream, _ *grpc.StreamServerInfo, next grpc.StreamHandler) error {
			err := next(srv, stream)
			if status.Code(err) == codes.InvalidArgument {
				seen.Add(1)
			}
			return err
		})
	})
	for name, c := range map[string]struct {
		body   []byte
		stream bool // whether the stream cannot read it either, which has no text
	}{
		"text that is not UTF-8": {[]byte{0x0a, 3, 0xff, 0xfe, 0xfd}, false},
		"no message":             {[]byte{0xff, 0xff, 0xff, 0xff, 0xff}, true},
		"cut off":                {[]byte{0x0a, 100, 'x'}, true},
	} {
		t.Run(name, func(t *testing.T) {
			body, calls := c.body, int64(2)
			before := seen.Load()
			err := b.conn.Invoke(t.Context(), pb.CustodianService_CreateAccount_FullMethodName, &body, &body, grpc.ForceCodec(raw{}))
			refused(t, err).check(t, codes.InvalidArgument, "malformed_request", "")
			body = c.body
			err = b.conn.Invoke(t.Context(), grpc_health_v1.Health_Check_FullMethodName, &body, &body, grpc.ForceCodec(raw{}))
			refused(t, err).check(t, codes.InvalidArgument, "malformed_request", "")
			body = c.body
			if c.stream {
				calls++
				refused(t, watchRaw(t, b.conn, body)).check(t, codes.InvalidArgument, "malformed_request", "")
			}
			if n := seen.Load() - before; n != calls {
				t.Errorf("the interceptors saw %d of %d refusals", n, calls)
			}
		})
	}
}

// watchRaw begins a stream with bytes as they are, and returns how it ends.
func watchRaw(t *testing.T, conn *grpc.ClientConn, body []byte) error {
	t.Helper()
	stream, err := conn.NewStream(t.Context(), &grpc.StreamDesc{ServerStreams: true}, pb.ReportingService_WatchEvents_FullMethodName, grpc.ForceCodec(raw{}))
	if err == nil {
		err = errors.Join(stream.SendMsg(&body), stream.CloseSend())
	}
	if err != nil {
		t.Fatal(err)
	}
	return stream.RecvMsg(&body)
}
