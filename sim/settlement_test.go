package sim_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
)

func TestADepositEntersFromTheMirrorAccount(t *testing.T) {
	t.Parallel()
	b := newBooks(t)
	s := b.accept(sim.Instruct{Type: sim.Deposit, AccountID: "a", Symbol: "BTC-USD", Quantity: amount("1.25"), ExternalID: "e-1", Metadata: []byte(`{}`)}).Settlement
	if s.Status != sim.StatusCompleted || !s.Settled.Equal(s.Quantity) || !s.Open().IsZero() || s.SourceAccount != sim.Depository ||
		s.DestinationAccount != "a" || s.ExternalID != "e-1" || s.ExpectedDate != "2026-11-23" || string(s.Metadata) != "{}" ||
		!s.InitiatedAt.Equal(b.now) || !s.CompletedAt.Equal(b.now) {
		t.Errorf("settlement is %+v", s)
	}
	wantDimensions(t, s, sim.ProcessingAcknowledged, sim.SettlementSettled, sim.HoldReleased)
	wantHistory(t, s, sim.ProcessingAcknowledged, sim.SettlementSettled)
	b.wantHolding("a", "BTC-USD", "1.25", "0")
	b.wantMirror("BTC-USD", sim.Depository, "-1.25")

	e := b.open[len(b.open)-1]
	if s.History[1].Sequence != e.Sequence || e.SettlementID() != s.ID {
		t.Error("the history does not refer to the event with the postings")
	}
	entries := e.Entries()
	if len(entries) != 1 || entries[0].SettlementID != s.ID || entries[0].Debit != (sim.LedgerAccount{AccountID: sim.Depository, Bucket: sim.BucketMirror}) ||
		entries[0].Credit != (sim.LedgerAccount{AccountID: "a", Bucket: sim.BucketAvailable}) || !entries[0].Amount.Equal(amount("1.25")) {
		t.Errorf("entries are %+v", entries)
	}
}

func TestAWithdrawalLeavesToTheMirrorAccount(t *testing.T) {
	t.Parallel()
	b := newBooks(t)
	b.deposit("a", "USD", "100")
	s := b.accept(sim.Instruct{Type: sim.Withdrawal, AccountID: "a", Symbol: "USD", Quantity: amount("30.50")}).Settlement
	if s.Status != sim.StatusCompleted || s.SourceAccount != "a" || s.DestinationAccount != sim.Nostro {
		t.Errorf("settlement is %+v", s)
	}
	b.wantHolding("a", "USD", "69.5", "0")
	b.wantMirror("USD", sim.Nostro, "-69.5")
	named := b.accept(sim.Instruct{Type: sim.Withdrawal, AccountID: "a", SourceAccount: "a", DestinationAccount: "IBAN 1", Symbol: "USD", Quantity: amount("69.5")}).Settlement
	if named.DestinationAccount != "IBAN 1" {
		t.Errorf("the named destination became %q", named.DestinationAccount)
	}
	b.wantHolding("a", "USD", "0", "0")
}

func TestATransferPassesFromAccountToAccount(t *testing.T) {
	t.Parallel()
	b := newBooks(t)
	b.deposit("a", "BTC", "5")
	s := b.accept(sim.Instruct{Type: sim.Internal, SourceAccount: "a", DestinationAccount: "b", Symbol: "BTC", Quantity: amount("2")}).Settlement
	if s.Status != sim.StatusCompleted || s.AccountID != "a" {
		t.Errorf("settlement is %+v", s)
	}
	b.accept(sim.Instruct{Type: sim.Internal, AccountID: "a", SourceAccount: "b", DestinationAccount: "a", Symbol: "BTC", Quantity: amount("0.5")})
	b.wantHolding("a", "BTC", "3.5", "0")
	b.wantHolding("b", "BTC", "1.5", "0")
	b.wantMirror("BTC", sim.Depository, "-5")
}

func TestASettlementThatLacksHoldingsIsRecordedAsFailed(t *testing.T) {
	t.Parallel()
	b := newBooks(t)
	id := b.accept(sim.OpenHolding{AccountID: "a", Symbol: "BTC", Available: amount("2")}).Holding.ID
	b.accept(sim.LockHolding{ID: id, Amount: amount("1.5")})
	before := len(b.open)
	for reason, c := range map[string]sim.Instruct{
		sim.ReasonLack:  {Type: sim.Withdrawal, AccountID: "a", Symbol: "BTC", Quantity: amount("0.50000001")},
		sim.ReasonMoney: {Type: sim.Internal, SourceAccount: "a", DestinationAccount: "b", Symbol: "USD", Quantity: amount("1")},
	} {
		s := b.accept(c).Settlement
		code, text := s.Reason()
		if s.Status != sim.StatusFailed || code != reason || !strings.Contains(text, c.Quantity.String()) || !s.Settled.IsZero() || !s.Open().IsZero() || !s.CompletedAt.Equal(b.now) {
			t.Errorf("settlement is %+v", s)
		}
		wantDimensions(t, s, sim.ProcessingRejected, sim.SettlementPending, sim.HoldReleased)
		wantHistory(t, s, sim.ProcessingAcknowledged, sim.ProcessingRejected)
		if b.state.OpenSettlement(s.ID) != nil {
			t.Error("a failed settlement is open")
		}
	}
	for _, e := range b.open[before:] {
		if len(e.Postings)+len(e.Holdings)+len(e.Mirrors) != 0 {
			t.Errorf("event %d of a failed settlement moves something", e.Sequence)
		}
	}
	b.wantHolding("a", "BTC", "0.5", "1.5")
}

func TestAHeldSettlementWaitsForItsRelease(t *testing.T) {
	t.Parallel()
	b := newBooks(t)
	b.deposit("a", "BTC", "1")
	s := b.accept(sim.Instruct{Type: sim.Withdrawal, AccountID: "a", Symbol: "BTC", Quantity: amount("1"), Hold: true}).Settlement
	if code, _ := s.Reason(); s.Status != sim.StatusPending || code != sim.ReasonHeldOwn || !s.Open().Equal(amount("1")) || !s.CompletedAt.IsZero() {
		t.Errorf("settlement is %+v", s)
	}
	wantDimensions(t, s, sim.ProcessingAcknowledged, sim.SettlementPending, sim.HoldHeld)
	if b.state.OpenSettlement(s.ID) != s {
		t.Error("the held settlement is not open")
	}
	if err := b.refuse(sim.HoldSettlement{ID: s.ID}); err.Code != sim.CodeWrongState {
		t.Errorf("held again: %v", err)
	}
	after := b.accept(sim.ReleaseSettlement{ID: s.ID}).Settlement
	wantHistory(t, after, sim.ProcessingAcknowledged, sim.HoldHeld, sim.HoldReleased, sim.SettlementSettled)
	wantHistory(t, s, sim.ProcessingAcknowledged, sim.HoldHeld) // the record before stays as it was
	if code, _ := after.Reason(); after.Status != sim.StatusCompleted || code != "" || !after.CompletedAt.Equal(b.now) {
		t.Errorf("settlement is %+v", after)
	}
	b.wantHolding("a", "BTC", "0", "0")
	for _, c := range []sim.Command{sim.ReleaseSettlement{ID: s.ID}, sim.HoldSettlement{ID: s.ID}, sim.CancelSettlement{ID: s.ID}} {
		if err := b.refuse(c); err.Code != sim.CodeNotFound {
			t.Errorf("%T of a final settlement: %v", c, err)
		}
	}
}

func TestAReleasedSettlementFailsWhereHoldingsHaveGone(t *testing.T) {
	t.Parallel()
	b := newBooks(t)
	b.deposit("a", "BTC", "1")
	s := b.accept(sim.Instruct{Type: sim.Withdrawal, AccountID: "a", Symbol: "BTC", Quantity: amount("1"), Hold: true}).Settlement
	b.accept(sim.Instruct{Type: sim.Withdrawal, AccountID: "a", Symbol: "BTC", Quantity: amount("0.1")})
	after := b.accept(sim.ReleaseSettlement{ID: s.ID}).Settlement
	if code, _ := after.Reason(); after.Status != sim.StatusFailed || code != sim.ReasonLack {
		t.Errorf("settlement is %+v", after)
	}
}

func TestAHeldSettlementCanBeCancelled(t *testing.T) {
	t.Parallel()
	b := newBooks(t)
	s := b.accept(sim.Instruct{Type: sim.Deposit, AccountID: "a", Symbol: "BTC", Quantity: amount("1"), Hold: true}).Settlement
	after := b.accept(sim.CancelSettlement{ID: s.ID}).Settlement
	if code, _ := after.Reason(); after.Status != sim.StatusCancelled || code != sim.ReasonCancelledByOwner || !after.Open().IsZero() || !after.CompletedAt.Equal(b.now) {
		t.Errorf("settlement is %+v", after)
	}
	wantHistory(t, after, sim.ProcessingAcknowledged, sim.HoldHeld, sim.ProcessingCancelled)
	if b.holding("a", "BTC") != nil || b.state.OpenSettlement(s.ID) != nil {
		t.Error("the cancelled settlement left something behind")
	}
}

func TestOpenSettlementsAreBounded(t *testing.T) {
	t.Parallel()
	rules := wideRules()
	rules.MaxOpenSettlements = 1
	b := newBooksWith(t, rules)
	hold := sim.Instruct{Type: sim.Deposit, AccountID: "a", Symbol: "BTC", Quantity: amount("1"), Hold: true}
	first := b.accept(hold).Settlement
	if err := b.refuse(hold); err.Code != sim.CodeLimitReached {
		t.Errorf("a second one: %v", err)
	}
	b.deposit("a", "BTC", "1")
	b.accept(sim.CancelSettlement{ID: first.ID})
	b.accept(hold)
}

func TestInstructionsAreRefused(t *testing.T) {
	t.Parallel()
	base := func(change func(*sim.Instruct)) sim.Command {
		c := sim.Instruct{Type: sim.Deposit, AccountID: "a", Symbol: "BTC", Quantity: amount("1")}
		change(&c)
		return c
	}
	transfer := func(account, source, destination string) sim.Command {
		return sim.Instruct{Type: sim.Internal, AccountID: account, SourceAccount: source, DestinationAccount: destination, Symbol: "BTC", Quantity: amount("1")}
	}
	long := strings.Repeat("x", sim.MaxIdentifier+1)
	checkRefusals(t, func(b *books) {
		b.accept(sim.Instruct{Type: sim.Deposit, AccountID: "a", Symbol: "BTC", Quantity: amount("1"), ExternalID: "used"})
	}, []refusal{
		{"no type", base(func(c *sim.Instruct) { c.Type = "" }), sim.CodeInvalid, "settlement_type"},
		{"unknown type", base(func(c *sim.Instruct) { c.Type = "deposit" }), sim.CodeInvalid, "settlement_type"},
		{"no account", base(func(c *sim.Instruct) { c.AccountID = "" }), sim.CodeInvalid, "account_id"},
		{"a mirror account", base(func(c *sim.Instruct) { c.AccountID = sim.Depository }), sim.CodeInvalid, "account_id"},
		{"deposit for another account", base(func(c *sim.Instruct) { c.DestinationAccount = "b" }), sim.CodeInvalid, "destination_account"},
		{"withdrawal from another account", base(func(c *sim.Instruct) { c.Type, c.SourceAccount = sim.Withdrawal, "b" }), sim.CodeInvalid, "source_account"},
		{"transfer without source", transfer("a", "", "b"), sim.CodeInvalid, "source_account"},
		{"transfer without destination", transfer("a", "a", ""), sim.CodeInvalid, "destination_account"},
		{"transfer to itself", transfer("a", "a", "a"), sim.CodeInvalid, "destination_account"},
		{"transfer of somebody else", transfer("c", "a", "b"), sim.CodeInvalid, "account_id"},
		{"transfer to a mirror account", transfer("a", "a", sim.Depository), sim.CodeInvalid, "destination_account"},
		{"no symbol", base(func(c *sim.Instruct) { c.Symbol = "" }), sim.CodeInvalid, "symbol"},
		{"symbol too long", base(func(c *sim.Instruct) { c.Symbol = strings.Repeat("X", sim.MaxSymbol+1) }), sim.CodeInvalid, "symbol"},
		{"nothing", base(func(c *sim.Instruct) { c.Quantity = amount("0") }), sim.CodeInvalid, "quantity"},
		{"less than nothing", base(func(c *sim.Instruct) { c.Quantity = amount("-1") }), sim.CodeInvalid, "quantity"},
		{"too fine", base(func(c *sim.Instruct) { c.Quantity = amount("0.000000001") }), sim.CodeInvalid, "quantity"},
		{"cash too fine", base(func(c *sim.Instruct) { c.Symbol, c.Quantity = "JPY", amount("0.5") }), sim.CodeInvalid, "quantity"},
		{"external id too long", base(func(c *sim.Instruct) { c.ExternalID = long }), sim.CodeInvalid, "external_id"},
		{"source too long", base(func(c *sim.Instruct) { c.SourceAccount = long }), sim.CodeInvalid, "source_account"},
		{"destination too long", base(func(c *sim.Instruct) { c.Type, c.DestinationAccount = sim.Withdrawal, long }), sim.CodeInvalid, "destination_account"},
		{"no date", base(func(c *sim.Instruct) { c.SettlementDate = "23.11.2026" }), sim.CodeInvalid, "settlement_date"},
		{"yesterday", base(func(c *sim.Instruct) { c.SettlementDate = "2026-11-22" }), sim.CodeInvalid, "settlement_date"},
		{"metadata too large", base(func(c *sim.Instruct) { c.Metadata = make([]byte, sim.MaxMetadataBytes+1) }), sim.CodeInvalid, "metadata"},
		{"external id used", base(func(c *sim.Instruct) { c.ExternalID = "used" }), sim.CodeAlreadyExists, "external_id"},
		{"cancel of an unknown one", sim.CancelSettlement{ID: stranger}, sim.CodeNotFound, ""},
		{"hold of an unknown one", sim.HoldSettlement{ID: stranger}, sim.CodeNotFound, ""},
		{"release of an unknown one", sim.ReleaseSettlement{ID: uuid.UUID{}}, sim.CodeNotFound, ""},
	})
}

func TestTodayIsTheDateOfTheInstance(t *testing.T) {
	t.Parallel()
	b := newBooks(t)
	b.now = time.Date(2026, 12, 31, 23, 59, 59, 0, time.UTC) // the next command is a second later
	c := sim.Instruct{Type: sim.Deposit, AccountID: "a", Symbol: "BTC", Quantity: amount("1"), SettlementDate: "2027-01-01"}
	if s := b.accept(c).Settlement; s.ExpectedDate != "2027-01-01" {
		t.Errorf("settles on %s", s.ExpectedDate)
	}
}

func wantDimensions(t *testing.T, s *sim.Settlement, processing, settlement, hold string) {
	t.Helper()
	if s.Processing.Status != processing || s.Settlement.Status != settlement || s.Hold.Status != hold {
		t.Errorf("dimensions are %s, %s, %s; want %s, %s, %s", s.Processing.Status, s.Settlement.Status, s.Hold.Status, processing, settlement, hold)
	}
}

func wantHistory(t *testing.T, s *sim.Settlement, steps ...string) {
	t.Helper()
	var got []string
	for _, step := range s.History {
		got = append(got, step.Status)
	}
	if strings.Join(got, " ") != strings.Join(steps, " ") {
		t.Errorf("history is %v, want %v", got, steps)
	}
}
