package grpcapi_test

import (
	"bytes"
	"encoding/json"
	"testing"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/asset"
	pb "github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/custodianpb"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/grpcapi"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/view"
)

// TestMessagesSayWhatHTTPSays compares each message, member by member, with the
// JSON in which the same record leaves over HTTP.
func TestMessagesSayWhatHTTPSays(t *testing.T) {
	t.Parallel()
	custodian := newCustodian(t)
	b := setup(t, func(o *grpcapi.Options) { o.Custodian = custodian })
	ctx, encoder := t.Context(), view.NewEncoder(asset.NewRegistry())

	must[*pb.Account](t)(b.custody.CreateAccount(ctx, &pb.CreateAccountRequest{AccountId: "a", ClientId: "c", Metadata: `{"n": 1.10, "s": "\u00e9"}`}))
	must[*pb.Position](t)(b.custody.CreatePosition(ctx, &pb.CreatePositionRequest{
		AccountId: "a", Symbol: "BTC-USD", Quantity: "2.50", LockedQuantity: "1", AverageCost: "43000", MarketValue: "107500.5", Metadata: `{"x":[1]}`}))
	must[*pb.Balance](t)(b.custody.CreateBalance(ctx, &pb.CreateBalanceRequest{AccountId: "a", Currency: "USD", TotalBalance: "5", LockedBalance: "0.5"}))
	for _, req := range []*pb.CreateSettlementRequest{
		{SettlementType: "DEPOSIT", AccountId: "a", Symbol: "USD", Quantity: "1", ExternalId: "e", SourceAccount: "outside"},
		{SettlementType: "WITHDRAWAL", AccountId: "a", Symbol: "ETH", Quantity: "1"},
		{SettlementType: "WITHDRAWAL", AccountId: "a", Symbol: "USD", Quantity: "1", Hold: true},
	} {
		st := must[*pb.Settlement](t)(b.settlements.CreateSettlement(ctx, req))
		status := must[*pb.SettlementStatus](t)(b.settlements.GetSettlementStatus(ctx, &pb.GetSettlementStatusRequest{SettlementId: st.GetSettlementId()}))
		all, _ := custodian.ListSettlements(ctx, sim.SettlementFilter{}, sim.Page{Limit: 100})
		record := all[len(all)-1]
		alike(t, "settlement status", status, encoder.SettlementStatus(nil, record))
	}

	recorded, _ := custodian.Events(ctx, 0, 100)
	for i, e := range must[*pb.ListEventsResponse](t)(b.reporting.ListEvents(ctx, &pb.ListEventsRequest{})).GetEvents() {
		r := recorded[i]
		switch {
		case e.GetAccount() != nil:
			alike(t, e.GetType(), e.GetAccount(), encoder.Account(nil, r.Event.Accounts[0]))
		case e.GetPosition() != nil:
			alike(t, e.GetType(), e.GetPosition(), encoder.Holding(nil, r.Event.Holdings[0]))
		case e.GetBalance() != nil:
			alike(t, e.GetType(), e.GetBalance(), encoder.Holding(nil, r.Event.Holdings[0]))
		default:
			alike(t, e.GetType(), e.GetSettlement(), encoder.Settlement(nil, r.Event.Settlements[0]))
		}
		var event view.Event
		if err := json.Unmarshal(encoder.Event(nil, r.Event, r.Hash), &event); err != nil {
			t.Fatal(err)
		}
		if event.Sequence != e.GetSequence() || event.Type != e.GetType() || event.Hash != e.GetHash() {
			t.Errorf("event %v, over HTTP %+v", e, event)
		}
	}
	entries, _ := custodian.ListEntries(ctx, sim.EntryFilter{}, sim.Page{Limit: 100})
	for i, e := range must[*pb.ListLedgerEntriesResponse](t)(b.reporting.ListLedgerEntries(ctx, &pb.ListLedgerEntriesRequest{})).GetEntries() {
		alike(t, "entry", e, encoder.Entry(nil, &entries[i]))
	}
}

// alike checks that a message has every member of a JSON object under the same
// name and with the same value.
func alike(t *testing.T, what string, m proto.Message, object []byte) {
	t.Helper()
	text, err := protojson.MarshalOptions{UseProtoNames: true, EmitUnpopulated: true}.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	got, want := members(t, text), members(t, object)
	if metadata, ok := got["metadata"].(string); ok {
		got["metadata"] = members(t, []byte(metadata))
	}
	contains(t, what, got, want)
}

func members(t *testing.T, text []byte) map[string]any {
	t.Helper()
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	var m map[string]any
	if err := decoder.Decode(&m); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	return m
}

// contains compares what JSON holds with what the message holds: null and what
// is left out are empty in messages, 64-bit numbers are text in their JSON.
func contains(t *testing.T, path string, got, want any) {
	t.Helper()
	switch want := want.(type) {
	case map[string]any:
		object, ok := got.(map[string]any)
		if !ok {
			t.Errorf("%s: %v is no message", path, got)
			return
		}
		for name, value := range want {
			member, there := object[name]
			if !there {
				t.Errorf("%s: messages have no %s", path, name)
			}
			contains(t, path+"."+name, member, value)
		}
	case []any:
		list, ok := got.([]any)
		if !ok || len(list) != len(want) {
			t.Errorf("%s: %v, over HTTP %v", path, got, want)
			return
		}
		for i := range want {
			contains(t, path, list[i], want[i])
		}
	case nil:
		if got != nil && got != "" {
			t.Errorf("%s: %v, over HTTP null", path, got)
		}
	case json.Number:
		if text, ok := got.(string); got != want && (!ok || text != want.String()) {
			t.Errorf("%s: %v, over HTTP %v", path, got, want)
		}
	default:
		if got != want {
			t.Errorf("%s: %v, over HTTP %v", path, got, want)
		}
	}
}
