package view_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/asset"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/money"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/view"
)

var (
	at      = time.Date(2026, 11, 23, 9, 30, 0, 123456000, time.FixedZone("EST", -5*3600))
	id      = uuid.MustParse("019ab1c2-d3e4-7f56-8a9b-0c1d2e3f4a5b")
	encoder = view.NewEncoder(asset.NewRegistry(asset.Asset{Symbol: "POINTS", Kind: asset.Cash, Decimals: 1}))
)

// awkward is text that needs every kind of escape.
const awkward = "a\"b\\c<d>&\u2028\n\x01é😀"

func amount(s string) money.Amount { return money.MustParse(s) }

func settlement() *sim.Settlement {
	return &sim.Settlement{
		ID: id, ExternalID: "ext-1", Type: sim.Withdrawal, AccountID: "fund-a", Symbol: "USD",
		Quantity: amount("1000"), Status: sim.StatusFailed, SourceAccount: "fund-a",
		Processing:  sim.Dimension{Status: "REJECTED", ReasonCode: "MONY", Reason: awkward},
		Settlement:  sim.Dimension{Status: "PENDING"},
		Hold:        sim.Dimension{Status: "RELEASED"},
		History:     []sim.Transition{{At: at, Status: "ACKNOWLEDGED", Sequence: 3}, {At: at, Status: "REJECTED", ReasonCode: "MONY", Reason: "no", Sequence: 3}},
		InitiatedAt: at, CompletedAt: at, ExpectedDate: "2026-11-23", Metadata: []byte(`{"a":[1.50]}`),
	}
}

func position() *sim.Holding {
	return &sim.Holding{ID: id, AccountID: awkward, Symbol: "BTC-USD", Available: amount("2"), Locked: amount("0.50"),
		AverageCost: amount("50000"), MarketValue: amount("125000.123"), Currency: "USD", CreatedAt: at, UpdatedAt: at}
}

func balance(symbol, available string) *sim.Holding {
	return &sim.Holding{ID: id, AccountID: "fund-a", Symbol: symbol, Cash: true, Currency: symbol, Available: amount(available),
		Locked: amount("100"), CreatedAt: at, UpdatedAt: at}
}

// checkShape decodes what was encoded into the documenting struct and encodes
// that again: both must agree in every byte.
func checkShape[T any](t *testing.T, encoded []byte) T {
	t.Helper()
	var shape T
	decoder := json.NewDecoder(bytes.NewReader(encoded))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&shape); err != nil {
		t.Fatalf("%v in %s", err, encoded)
	}
	var again bytes.Buffer
	e := json.NewEncoder(&again)
	e.SetEscapeHTML(false)
	if err := e.Encode(shape); err != nil {
		t.Fatal(err)
	}
	if got := strings.TrimSuffix(again.String(), "\n"); got != string(encoded) {
		t.Errorf("encoder wrote\n%s\nand the shape says\n%s", encoded, got)
	}
	return shape
}

func TestEncodersWriteWhatTheShapesDocument(t *testing.T) {
	t.Parallel()
	failed := settlement()
	pending := settlement()
	pending.Status, pending.ExternalID, pending.CompletedAt, pending.SourceAccount, pending.Metadata = sim.StatusPending, "", time.Time{}, "", nil
	pending.Processing, pending.Symbol, pending.History = sim.Dimension{Status: "ACKNOWLEDGED"}, "ETH", []sim.Transition{}
	unvalued := position()
	unvalued.Currency = ""
	for _, s := range []*sim.Settlement{failed, pending} {
		checkShape[view.Settlement](t, encoder.Settlement(nil, s))
		checkShape[view.SettlementStatus](t, encoder.SettlementStatus(nil, s))
	}
	for _, h := range []*sim.Holding{position(), unvalued} {
		checkShape[view.Position](t, encoder.Holding(nil, h))
	}
	checkShape[view.Balance](t, encoder.Holding(nil, balance("JPY", "5")))
	account := &sim.Account{AccountID: "fund-a", ClientID: "client", Type: sim.AccountMaster, Status: sim.AccountActive, CreatedAt: at, UpdatedAt: at}
	checkShape[view.Account](t, encoder.Account(nil, account))
	entry := sim.Entry{Sequence: 17, Index: 2, SettlementID: id, PostedAt: at, Posting: sim.Posting{Symbol: "USD", Amount: amount("5"),
		Debit: sim.LedgerAccount{AccountID: sim.Nostro, Bucket: sim.BucketMirror}, Credit: sim.LedgerAccount{AccountID: "fund-a", Bucket: sim.BucketAvailable}}}
	if got := checkShape[view.Entry](t, encoder.Entry(nil, &entry)); got.EntryID != "17-2" || got.Amount != "5.00" {
		t.Errorf("entry = %+v", got)
	}
	entry.SettlementID = uuid.UUID{}
	checkShape[view.Entry](t, encoder.Entry(nil, &entry))
	for _, event := range []*sim.Event{
		{Sequence: 17, Time: at, Type: sim.EventSettlementFailed, Settlements: []*sim.Settlement{failed}, Holdings: []*sim.Holding{position()}},
		{Sequence: 18, Time: at, Type: sim.EventPositionLocked, Holdings: []*sim.Holding{position()}},
		{Sequence: 19, Time: at, Type: sim.EventAccountOpened, Accounts: []*sim.Account{account}},
	} {
		checkShape[view.Event](t, encoder.Event(nil, event, sim.Digest{0xab}))
	}
}

func TestCashShowsItsMinorUnitAndOtherAssetsDoNot(t *testing.T) {
	t.Parallel()
	for symbol, want := range map[string]string{"USD": "5.00", "JPY": "5", "BHD": "5.000", "POINTS": "5.0"} {
		if got := checkShape[view.Balance](t, encoder.Holding(nil, balance(symbol, "5"))); got.AvailableBalance != want {
			t.Errorf("5 %s is shown as %s, want %s", symbol, got.AvailableBalance, want)
		}
	}
	p := checkShape[view.Position](t, encoder.Holding(nil, position()))
	if p.Quantity != "2.5" || p.AvailableQuantity != "2" || p.LockedQuantity != "0.5" || p.AverageCost != "50000.00" || p.MarketValue != "125000.123" {
		t.Errorf("position = %+v", p)
	}
}

func TestSettlementGolden(t *testing.T) {
	t.Parallel()
	s := settlement()
	s.Processing.Reason = "too little"
	const want = `{"settlement_id":"019ab1c2-d3e4-7f56-8a9b-0c1d2e3f4a5b","external_id":"ext-1","settlement_type":"WITHDRAWAL",` +
		`"account_id":"fund-a","symbol":"USD","quantity":"1000.00","payment":null,"status":"FAILED","source_account":"fund-a","destination_account":null,` +
		`"counterparty_account":null,"counterparty":null,"trade_date":null,"rail":null,"partial":"NPAR","min_quantity":null,"links":[],` +
		`"reversal_of":null,"matched_with":null,"settled_quantity":"0.00","open_quantity":"0.00","settled_payment":null,"reserved":null,"penalty":null,` +
		`"reason":"MONY","reason_text":"too little","expected_settlement_date":"2026-11-23",` +
		`"initiated_at":"2026-11-23T14:30:00.123456Z","completed_at":"2026-11-23T14:30:00.123456Z","next_action_at":null,` +
		`"processing":{"status":"REJECTED","reason_code":"MONY","reason":"too little"},"matching":null,"settlement":{"status":"PENDING"},"hold":{"status":"RELEASED"},` +
		`"history":[{"at":"2026-11-23T14:30:00.123456Z","status":"ACKNOWLEDGED","sequence":3},` +
		`{"at":"2026-11-23T14:30:00.123456Z","status":"REJECTED","reason_code":"MONY","reason":"no","sequence":3}],"metadata":{"a":[1.50]}}`
	if got := string(encoder.Settlement(nil, s)); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func BenchmarkSettlement(b *testing.B) {
	s, buf := settlement(), make([]byte, 0, 4096)
	b.ReportAllocs()
	for b.Loop() {
		buf = encoder.Settlement(buf[:0], s)
	}
}
