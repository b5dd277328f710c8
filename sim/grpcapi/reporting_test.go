package grpcapi_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	pb "github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/custodianpb"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/engine"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/grpcapi"
)

func TestListsAreReadPageByPage(t *testing.T) {
	t.Parallel()
	b := setup(t, func(o *grpcapi.Options) { o.Limits.PageMax = 3 })
	ctx := t.Context()
	for i := range 7 {
		req := deposit(fmt.Sprintf("account-%d", i), "BTC", "1")
		req.ExternalId = fmt.Sprint("e-", i)
		must[*pb.Settlement](t)(b.settlements.CreateSettlement(ctx, req))
		must[*pb.Balance](t)(b.custody.CreateBalance(ctx, &pb.CreateBalanceRequest{AccountId: req.GetAccountId(), Currency: "USD", TotalBalance: "1"}))
	}
	// Each list returns what tells its records apart, and the next token.
	lists := map[string]func(size int32, token string) ([]string, string, error){
		"accounts": func(size int32, token string) ([]string, string, error) {
			r, err := b.custody.ListAccounts(ctx, &pb.ListAccountsRequest{PageSize: size, PageToken: token})
			return keys(r.GetAccounts(), (*pb.Account).GetAccountId), r.GetNextPageToken(), err
		},
		"positions": func(size int32, token string) ([]string, string, error) {
			r, err := b.custody.ListPositions(ctx, &pb.ListPositionsRequest{PageSize: size, PageToken: token})
			return keys(r.GetPositions(), (*pb.Position).GetAccountId), r.GetNextPageToken(), err
		},
		"balances": func(size int32, token string) ([]string, string, error) {
			r, err := b.custody.ListBalances(ctx, &pb.ListBalancesRequest{PageSize: size, PageToken: token})
			return keys(r.GetBalances(), (*pb.Balance).GetAccountId), r.GetNextPageToken(), err
		},
		"settlements": func(size int32, token string) ([]string, string, error) {
			r, err := b.settlements.ListSettlements(ctx, &pb.ListSettlementsRequest{PageSize: size, PageToken: token})
			return keys(r.GetSettlements(), (*pb.Settlement).GetAccountId), r.GetNextPageToken(), err
		},
		"entries": func(size int32, token string) ([]string, string, error) {
			r, err := b.reporting.ListLedgerEntries(ctx, &pb.ListLedgerEntriesRequest{Symbol: "BTC", PageSize: size, PageToken: token})
			return keys(r.GetEntries(), func(e *pb.LedgerEntry) string { return e.GetCredit().GetAccountId() }), r.GetNextPageToken(), err
		},
	}
	for name, list := range lists {
		for _, size := range []int32{0, 1, 2, 3} {
			var all []string
			token, pages := "", 0
			for {
				page, next, err := list(size, token)
				if err != nil {
					t.Fatalf("%s by %d: %v", name, size, err)
				}
				if most := cmpSize(size, 3); len(page) > most {
					t.Errorf("%s by %d: a page has %d records", name, size, len(page))
				}
				all, token, pages = append(all, page...), next, pages+1
				if token == "" {
					break
				}
			}
			if len(all) != 7 || len(slices.Compact(slices.Sorted(slices.Values(all)))) != 7 {
				t.Errorf("%s by %d: read %v", name, size, all)
			}
			if most := cmpSize(size, 3); pages != (7+most-1)/most {
				t.Errorf("%s by %d: %d pages", name, size, pages)
			}
		}
	}
}

// cmpSize is the page size that a request gets.
func cmpSize(size int32, fallback int) int {
	if size == 0 {
		return fallback
	}
	return int(size)
}

func keys[M any](messages []M, key func(M) string) []string {
	out := make([]string, len(messages))
	for i, m := range messages {
		out[i] = key(m)
	}
	return out
}

func TestSettlementsAreFiltered(t *testing.T) {
	t.Parallel()
	b := setup(t, nil)
	ctx, settle := t.Context(), must[*pb.Settlement](t)
	first := settle(b.settlements.CreateSettlement(ctx, deposit("a", "BTC", "1")))
	second := settle(b.settlements.CreateSettlement(ctx,
		&pb.CreateSettlementRequest{SettlementType: "WITHDRAWAL", AccountId: "b", Symbol: "ETH", Quantity: "1", ExternalId: "e"}))
	for name, c := range map[string]struct {
		req  *pb.ListSettlementsRequest
		want string
	}{
		"account":     {&pb.ListSettlementsRequest{AccountId: "a"}, first.GetSettlementId()},
		"symbol":      {&pb.ListSettlementsRequest{Symbol: "ETH"}, second.GetSettlementId()},
		"type":        {&pb.ListSettlementsRequest{SettlementType: "DEPOSIT"}, first.GetSettlementId()},
		"status":      {&pb.ListSettlementsRequest{Status: "FAILED"}, second.GetSettlementId()},
		"external id": {&pb.ListSettlementsRequest{ExternalId: "e"}, second.GetSettlementId()},
		"from":        {&pb.ListSettlementsRequest{From: second.GetInitiatedAt()}, second.GetSettlementId()},
		"until":       {&pb.ListSettlementsRequest{Until: second.GetInitiatedAt()}, first.GetSettlementId()},
		"from the far past until the far future": {&pb.ListSettlementsRequest{
			AccountId: "a", From: timestamppb.New(time.Unix(0, 0)), Until: timestamppb.New(time.Unix(1<<37, 0))}, first.GetSettlementId()},
	} {
		got := must[*pb.ListSettlementsResponse](t)(b.settlements.ListSettlements(ctx, c.req)).GetSettlements()
		if len(got) != 1 || got[0].GetSettlementId() != c.want {
			t.Errorf("by %s: %v", name, got)
		}
	}
}

func TestLedgerEntriesExplainASettlement(t *testing.T) {
	t.Parallel()
	b := setup(t, nil)
	must[*pb.Balance](t)(b.custody.CreateBalance(t.Context(), &pb.CreateBalanceRequest{AccountId: "a", Currency: "USD", TotalBalance: "5"}))
	st := must[*pb.Settlement](t)(b.settlements.CreateSettlement(t.Context(), deposit("a", "USD", "1.5")))
	got := must[*pb.ListLedgerEntriesResponse](t)(b.reporting.ListLedgerEntries(t.Context(),
		&pb.ListLedgerEntriesRequest{SettlementId: st.GetSettlementId(), AccountId: "NOSTRO", After: 2})).GetEntries()
	want := &pb.LedgerEntry{
		EntryId: "3-0", Sequence: 3, Symbol: "USD", Amount: "1.50", SettlementId: st.GetSettlementId(), PostedAt: st.GetCompletedAt(),
		Debit:  &pb.LedgerAccount{AccountId: "NOSTRO", Bucket: "MIRROR"},
		Credit: &pb.LedgerAccount{AccountId: "a", Bucket: "AVAILABLE"},
	}
	if len(got) != 1 || !proto.Equal(got[0], want) {
		t.Errorf("got %v, want %v", got, want)
	}
	all := must[*pb.ListLedgerEntriesResponse](t)(b.reporting.ListLedgerEntries(t.Context(), &pb.ListLedgerEntriesRequest{})).GetEntries()
	if len(all) != 2 || all[0].GetSettlementId() != "" {
		t.Errorf("all: %v", all)
	}
}

func TestEventsCarryTheRecordTheyAreAbout(t *testing.T) {
	t.Parallel()
	b := setup(t, nil)
	ctx := t.Context()
	p := must[*pb.Position](t)(b.custody.CreatePosition(ctx, &pb.CreatePositionRequest{AccountId: "a", Symbol: "BTC", Quantity: "1"}))
	bal := must[*pb.Balance](t)(b.custody.CreateBalance(ctx, &pb.CreateBalanceRequest{AccountId: "a", Currency: "USD", TotalBalance: "1"}))
	st := must[*pb.Settlement](t)(b.settlements.CreateSettlement(ctx, deposit("a", "USD", "1")))
	got := must[*pb.ListEventsResponse](t)(b.reporting.ListEvents(ctx, &pb.ListEventsRequest{}))
	types := keys(got.GetEvents(), (*pb.Event).GetType)
	if !slices.Equal(types, []string{"account.opened", "position.opened", "balance.opened", "settlement.completed"}) || got.GetNextAfter() != 4 {
		t.Fatalf("types %v, next after %d", types, got.GetNextAfter())
	}
	for i, e := range got.GetEvents() {
		if e.GetSequence() != uint64(i+1) || len(e.GetHash()) != 64 || !e.GetTime().IsValid() {
			t.Errorf("event %v", e)
		}
	}
	if got.GetEvents()[0].GetAccount().GetAccountId() != "a" || !proto.Equal(got.GetEvents()[1].GetPosition(), p) ||
		!proto.Equal(got.GetEvents()[2].GetBalance(), bal) || !proto.Equal(got.GetEvents()[3].GetSettlement(), st) {
		t.Errorf("events %v", got)
	}
	page := must[*pb.ListEventsResponse](t)(b.reporting.ListEvents(ctx, &pb.ListEventsRequest{After: 1, PageSize: 2}))
	if len(page.GetEvents()) != 2 || page.GetEvents()[0].GetSequence() != 2 || page.GetNextAfter() != 3 {
		t.Errorf("page %v", page)
	}
	none := must[*pb.ListEventsResponse](t)(b.reporting.ListEvents(ctx, &pb.ListEventsRequest{After: 99}))
	if len(none.GetEvents()) != 0 || none.GetNextAfter() != 99 {
		t.Errorf("behind the end: %v", none)
	}
}

func TestWatchersSeePastAndNewEventsWithoutGap(t *testing.T) {
	t.Parallel()
	b := setup(t, nil)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	settle := must[*pb.Settlement](t)
	settle(b.settlements.CreateSettlement(ctx, deposit("a", "BTC", "1"))) // events 1 and 2
	stream, err := b.reporting.WatchEvents(ctx, &pb.WatchEventsRequest{After: 1})
	if err != nil {
		t.Fatal(err)
	}
	for want := uint64(2); want < 10; want++ {
		e, err := stream.Recv()
		if err != nil {
			t.Fatal(err)
		}
		if e.GetSequence() != want || e.GetSettlement().GetAccountId() != "a" {
			t.Errorf("event %v, want sequence %d", e, want)
		}
		settle(b.settlements.CreateSettlement(ctx, deposit("a", "BTC", "1")))
	}
	cancel()
	for err == nil {
		_, err = stream.Recv()
	}
	if got := refused(t, err); got.code != codes.Canceled {
		t.Errorf("after cancelling: %v", err)
	}
}

// brokenLog is a custodian whose event log fails.
type brokenLog struct {
	grpcapi.Custodian
	err error
}

func (b brokenLog) Follow(context.Context, uint64, func([]engine.Recorded) error) error { return b.err }

func TestAWatcherLearnsThatTheEventLogIsAway(t *testing.T) {
	t.Parallel()
	b := setup(t, func(o *grpcapi.Options) {
		o.Custodian = brokenLog{o.Custodian, errors.New("connection refused by 10.0.0.1")}
	})
	stream, err := b.reporting.WatchEvents(t.Context(), &pb.WatchEventsRequest{After: 7})
	if err != nil {
		t.Fatal(err)
	}
	_, err = stream.Recv()
	if errors.Is(err, io.EOF) {
		t.Fatal("the stream ended as if all were well")
	}
	r := refused(t, err)
	r.check(t, codes.Unavailable, "unavailable", "")
	if r.retry == 0 || r.message != "the event log is not available at the moment; resume after 7" {
		t.Errorf("message %q, retry after %v", r.message, r.retry)
	}
}
