package grpcapi_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	pb "github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/custodianpb"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/money"
)

// FuzzSettlements sends instructions made of arbitrary text. Each is either
// settled with exactly the quantity that was sent, or refused as the caller's
// mistake; never is it the server's.
func FuzzSettlements(f *testing.F) {
	f.Add("DEPOSIT", "a", "BTC", "1.5", "e-1", "", `{"a":1}`)
	f.Add("TRANSFER", "a", "USD", "00.10", "", "b", "{}")
	f.Add("WITHDRAWAL", "DEPOSITORY", "ETH", "-0", "\x00", "\u2028", "[")
	f.Add("", "", "", "1e9", strings.Repeat("9", 101), "ü", `{"a":"\u0000"}`)
	b := setup(f, nil)
	f.Fuzz(func(t *testing.T, kind, account, symbol, quantity, external, destination, metadata string) {
		for _, text := range []string{kind, account, symbol, quantity, external, destination, metadata} {
			if !utf8.ValidString(text) {
				t.Skip("clients cannot send this")
			}
		}
		st, err := b.settlements.CreateSettlement(t.Context(), &pb.CreateSettlementRequest{
			SettlementType: kind, AccountId: account, Symbol: symbol, Quantity: quantity,
			ExternalId: external, DestinationAccount: destination, SourceAccount: account, Metadata: metadata,
		})
		if err != nil {
			switch status.Code(err) {
			case codes.InvalidArgument, codes.AlreadyExists, codes.ResourceExhausted:
				return
			}
			t.Fatalf("refused with %v", err)
		}
		if sent := money.MustParse(quantity); !sent.Equal(money.MustParse(st.GetQuantity())) || sent.Sign() <= 0 {
			t.Fatalf("sent %q, settled %q", quantity, st.GetQuantity())
		}
		if st.GetAccountId() != account || st.GetExternalId() != external {
			t.Fatalf("sent %q and %q, recorded %v", account, external, st)
		}
	})
}

// FuzzLookups sends arbitrary identifiers and page tokens.
func FuzzLookups(f *testing.F) {
	f.Add("018f3c5e-7a10-7000-8000-0123456789ab", "MS0w", int32(1))
	f.Add("", "", int32(0))
	f.Add("{018f3c5e-7a10-7000-8000-0123456789ab}", "====", int32(-1))
	b := setup(f, nil)
	f.Fuzz(func(t *testing.T, id, token string, size int32) {
		if !utf8.ValidString(id) || !utf8.ValidString(token) {
			t.Skip("clients cannot send this")
		}
		_, err := b.custody.GetPosition(t.Context(), &pb.GetPositionRequest{PositionId: id})
		if code := status.Code(err); code != codes.InvalidArgument && code != codes.NotFound {
			t.Fatalf("position %q: %v", id, err)
		}
		_, err = b.custody.ListAccounts(t.Context(), &pb.ListAccountsRequest{PageToken: token, PageSize: size, ClientId: id})
		if code := status.Code(err); code != codes.InvalidArgument && code != codes.OK {
			t.Fatalf("token %q, size %d, client %q: %v", token, size, id, err)
		}
	})
}
