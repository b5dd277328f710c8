package view_test

import (
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/view"
)

// delivery is a settlement with everything that one can have.
func delivery() *sim.Settlement {
	s := settlement()
	s.Type, s.Symbol, s.Quantity, s.Settled, s.Status = sim.DVP, "AAPL", amount("100"), amount("40"), sim.StatusInProgress
	s.Terms = &sim.Terms{
		Payment: sim.Cash{Currency: "USD", Amount: amount("19000")}, CounterpartyAccount: "fund-b",
		Counterparty: sim.Party{Name: awkward, BIC: "BROKGB2L"}, TradeDate: "2026-11-20", Rail: "wire_domestic",
		Partial: sim.PartialByCash, MinQuantity: amount("500"), ReversalOf: id,
		Links: []sim.Link{{Type: sim.LinkAfter, ExternalID: "A-0"}, {Type: sim.LinkInfo, ExternalID: awkward}},
	}
	s.Matching = sim.Dimension{Status: sim.MatchingMatched}
	s.MatchedWith, s.SettledPayment, s.Reserved, s.Penalty, s.DueAt, s.CompletedAt = id, amount("7600"), amount("60"), amount("1.5"), at, time.Time{}
	return s
}

func transfer() *sim.Transfer {
	return &sim.Transfer{
		ID: id, ExternalID: awkward, Rail: "crypto_external", Direction: sim.DirectionOut, AccountID: "fund-a", Symbol: "BTC", Quantity: amount("2"),
		Beneficiary: sim.Beneficiary{Name: "n", Account: "a", Bank: "b", Address: "bc1", Network: "bitcoin"}, RequestedBy: "alice",
		Status: sim.StatusInProgress, Stage: sim.StageConfirming, ReasonCode: "ADEA", Reason: "late",
		History:           []sim.Transition{{At: at, Status: "SUBMITTED", Sequence: 5}, {At: at, Status: "RESERVED", Sequence: 5}},
		ApprovalsRequired: 2, Approvals: []sim.Approval{{By: "bob", At: at, Decision: sim.Approved}, {By: "carol", At: at, Decision: sim.Rejected}},
		Confirmations: 3, ConfirmationsRequired: 6, Fee: amount("0.0001"), MaxFee: amount("0.001"), Reserved: amount("2.001"), Transit: amount("1"),
		PendingIn: amount("3"), ValueDate: "2026-11-24", InitiatedAt: at, CompletedAt: at, ExpectedCompletion: at, Metadata: []byte(`{"k":1}`),
		DueAt: at, ReturnDue: true, CreditAccount: "fund-b", ExpiresAt: at, Reorgs: 1, Shortfall: amount("0.5"),
	}
}

func TestEncodersWriteTheWholeDomainAsDocumented(t *testing.T) {
	t.Parallel()
	posting := sim.Posting{Symbol: "USD", Amount: amount("5"), Debit: sim.LedgerAccount{AccountID: "fund-a", Bucket: sim.BucketAvailable},
		Credit: sim.LedgerAccount{AccountID: "fund-a", Bucket: sim.BucketReserved}}
	moved := view.Postings{3: {posting, posting}, 5: {posting}}
	s := checkShape[view.Settlement](t, encoder.SettlementWith(nil, delivery(), moved))
	if s.Payment.Amount != "19000.00" || *s.SettledPayment != "7600.00" || *s.Penalty != "1.50" || *s.Reserved != "60" || *s.MinQuantity != "500.00" || s.Matching.Status != "MATCHED" {
		t.Errorf("settlement = %+v", s)
	}
	if len(s.History[0].Postings) != 0 || len(s.History[1].Postings) != 2 {
		t.Errorf("an event's postings stand with its last step: %+v", s.History)
	}
	checkShape[view.SettlementStatus](t, encoder.SettlementStatus(nil, delivery()))
	if got := checkShape[view.Transfer](t, encoder.TransferWith(nil, transfer(), moved)); len(got.History[1].Postings) != 1 || *got.Reserved != "2.001" {
		t.Errorf("transfer = %+v", got)
	}
	bare := &sim.Transfer{ID: id, InitiatedAt: at}
	checkShape[view.Transfer](t, encoder.Transfer(nil, bare))
	checkShape[view.TransferStatus](t, encoder.TransferStatus(nil, bare))
	checkShape[view.TransferStatus](t, encoder.TransferStatus(nil, transfer()))

	account := &sim.Account{AccountID: awkward, ClientID: "client", Type: sim.AccountMaster, Status: sim.AccountFrozen, CreatedAt: at, UpdatedAt: at}
	held := []sim.SymbolBalance{{Symbol: "USD", Cash: true, Available: amount("9"), Locked: amount("1"), Reserved: amount("1")}, {Symbol: "BTC", PendingIn: amount("2")}}
	if got := checkShape[view.MasterBalance](t, encoder.MasterBalance(nil, "client", &sim.MasterBalance{Account: account, Own: held, Total: held})); got.Own[0].Total != "10.00" {
		t.Errorf("balance = %+v", got)
	}
	checkShape[view.MasterBalance](t, encoder.MasterBalance(nil, "client", &sim.MasterBalance{}))
	checkShape[view.SegregatedBalances](t, encoder.SegregatedBalances(nil, "client", []sim.AccountBalances{{Account: account, Balances: held}, {Account: account}}))
	checkShape[view.Clock](t, encoder.Clock(nil, sim.ClockSetting{}, at, time.Time{}))
	checkShape[view.Clock](t, encoder.Clock(nil, sim.ClockSetting{Mode: sim.ClockScaled, Factor: 60}, at, at))
	checkShape[view.Advance](t, encoder.Advance(nil, sim.ClockSetting{Instant: at, Events: 4}))
}

func TestDocumentsThatAreRemovedTogetherAreAllNamed(t *testing.T) {
	t.Parallel()
	removed := func(id string) *sim.Document { return &sim.Document{Kind: sim.DocumentFault, ID: id, Removed: true} }
	const want = `{"id":"a","removed":true,"also_removed":["b","c"]}`
	got := encoder.EventData(nil, &sim.Event{Type: sim.EventFaultCleared, Documents: []*sim.Document{removed("a"), removed("b"), removed("c")}})
	if string(got) != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestSecretDocumentsAreNamedAndNotShown(t *testing.T) {
	t.Parallel()
	settings := sim.NewDocument(sim.DocumentWebhookEndpoint, "ops", map[string]string{"secret": "hush"})
	state := sim.NewDocument(sim.DocumentWebhook, "ops", map[string]int{"sequence": 1})
	for want, documents := range map[string][]*sim.Document{
		`{"id":"ops"}`:                {settings},
		`{"sequence":1}`:              {state, settings},
		`{"id":"ops","removed":true}`: {{Kind: sim.DocumentWebhookEndpoint, ID: "ops", Removed: true}},
	} {
		if got := encoder.EventData(nil, &sim.Event{Type: sim.EventWebhookSaved, Documents: documents}); string(got) != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func TestEveryRecordOfAnEventIsVisible(t *testing.T) {
	t.Parallel()
	other := delivery()
	other.ID = uuid.MustParse("019ab1c2-d3e4-7f56-8a9b-0c1d2e3f4a5c")
	pair := []*sim.Settlement{delivery(), other}
	clock := sim.NewDocument(sim.DocumentClock, "clock", sim.ClockSetting{Mode: sim.ClockManual, Instant: at})
	data := checkShape[view.Settlement](t, encoder.EventData(nil, &sim.Event{Type: "settlement.matched", Settlements: pair}))
	if data.SettlementID != id.String() || len(data.Also) != 1 || data.Also[0].SettlementID != other.ID.String() {
		t.Errorf("data = %+v", data)
	}
	for name, event := range map[string]*sim.Event{
		"a clock":              {Type: sim.EventClockChanged, Documents: []*sim.Document{clock}},
		"what is removed":      {Type: sim.EventFaultExpired, Documents: []*sim.Document{{Kind: sim.DocumentFault, ID: awkward, Removed: true}}},
		"a corporate action":   {Type: sim.EventCorporatePaid, Documents: []*sim.Document{clock}, Holdings: []*sim.Holding{position()}, Settlements: pair},
		"a transfer":           {Type: "transfer.completed", Transfers: []*sim.Transfer{transfer()}, Holdings: []*sim.Holding{position()}, Documents: []*sim.Document{clock}},
		"nothing":              {Type: sim.EventFaultCleared},
		"nothing but the rest": {Type: "velocity.expired", Settlements: pair[:0]},
	} {
		event.Time = at
		checkShape[view.Event](t, encoder.Event(nil, event, sim.Digest{}))
		about := view.AboutOf(event)
		if (about.Document != nil) != (len(event.Documents) > 0 && event.Type != "transfer.completed") || (about.Transfer != nil) != (event.Type == "transfer.completed") {
			t.Errorf("%s: about %+v", name, about)
		}
	}
}
