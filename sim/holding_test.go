package sim_test

import (
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
)

func TestHoldingsOpenWithTheirOpeningQuantities(t *testing.T) {
	t.Parallel()
	b := newBooks(t)
	p := b.accept(sim.OpenHolding{
		AccountID: "fund-a", Symbol: "BTC-USD", Available: amount("2"), Locked: amount("0.5"),
		AverageCost: amount("43000.125"), MarketValue: amount("107500"), Metadata: []byte(`{"desk":"x"}`),
	}).Holding
	if p.Cash || p.Currency != "USD" || !p.AverageCost.Equal(amount("43000.125")) || !p.MarketValue.Equal(amount("107500")) ||
		string(p.Metadata) != `{"desk":"x"}` || !p.CreatedAt.Equal(b.now) || !p.Total().Equal(amount("2.5")) {
		t.Errorf("position is %+v", p)
	}
	b.wantHolding("fund-a", "BTC-USD", "2", "0.5")
	b.wantMirror("BTC-USD", sim.Depository, "-2.5")

	cash := b.accept(sim.OpenHolding{Cash: true, AccountID: "fund-a", Symbol: "USD", Available: amount("1000"), Currency: "ignored"}).Holding
	if !cash.Cash || cash.Currency != "USD" {
		t.Errorf("balance is %+v", cash)
	}
	b.wantMirror("USD", sim.Nostro, "-1000")

	empty := b.accept(sim.OpenHolding{AccountID: "fund-b", Symbol: "AAPL", Currency: "EUR"}).Holding
	if empty.Currency != "EUR" || len(b.open[len(b.open)-1].Postings) != 0 {
		t.Errorf("empty position is %+v", empty)
	}
	if b.state.Holding(false, p.ID) != p || b.state.Holding(true, p.ID) != nil || b.state.Holding(true, cash.ID) != cash {
		t.Error("holdings are not found as what they are")
	}
}

func TestUpdatingAHoldingPostsTheDifference(t *testing.T) {
	t.Parallel()
	b := newBooks(t)
	id := b.accept(sim.OpenHolding{AccountID: "a", Symbol: "BTC", Available: amount("2"), Locked: amount("1")}).Holding.ID
	b.accept(sim.UpdateHolding{ID: id, Available: amountOf("5")})
	b.wantHolding("a", "BTC", "5", "1")
	b.accept(sim.UpdateHolding{ID: id, Total: amountOf("3.5")})
	b.wantHolding("a", "BTC", "2.5", "1")
	b.wantMirror("BTC", sim.Depository, "-3.5")
	b.accept(sim.UpdateHolding{ID: id, Total: amountOf("4"), Available: amountOf("3")})
	b.wantHolding("a", "BTC", "3", "1")
	b.accept(sim.UpdateHolding{ID: id, Total: amountOf("1")})
	b.wantHolding("a", "BTC", "0", "1")

	h := b.accept(sim.UpdateHolding{ID: id, AverageCost: amountOf("7"), MarketValue: amountOf("8"), Currency: textOf("EUR"), Metadata: []byte(`{}`)}).Holding
	if !h.AverageCost.Equal(amount("7")) || !h.MarketValue.Equal(amount("8")) || h.Currency != "EUR" || string(h.Metadata) != "{}" || !h.UpdatedAt.Equal(b.now) {
		t.Errorf("position is %+v", h)
	}
	same := b.accept(sim.UpdateHolding{ID: id}).Holding
	if !same.AverageCost.Equal(amount("7")) || same.Currency != "EUR" || string(same.Metadata) != "{}" {
		t.Errorf("an update of nothing left %+v", same)
	}
	if n := len(b.open[len(b.open)-1].Postings); n != 0 {
		t.Errorf("an update of nothing has %d postings", n)
	}
	cash := b.accept(sim.OpenHolding{Cash: true, AccountID: "a", Symbol: "USD", Available: amount("1")}).Holding
	b.accept(sim.UpdateHolding{Cash: true, ID: cash.ID, Total: amountOf("2.50"), Currency: textOf("USD")})
	b.wantHolding("a", "USD", "2.5", "0")
}

func TestLockingMovesBetweenAvailableAndLocked(t *testing.T) {
	t.Parallel()
	b := newBooks(t)
	id := b.accept(sim.OpenHolding{Cash: true, AccountID: "a", Symbol: "EUR", Available: amount("10")}).Holding.ID
	b.accept(sim.LockHolding{Cash: true, ID: id, Amount: amount("4.25")})
	b.wantHolding("a", "EUR", "5.75", "4.25")
	b.accept(sim.UnlockHolding{Cash: true, ID: id, Amount: amount("0.25")})
	b.wantHolding("a", "EUR", "6", "4")
	b.accept(sim.LockHolding{Cash: true, ID: id, Amount: amount("6")})
	b.wantHolding("a", "EUR", "0", "10")
	b.wantMirror("EUR", sim.Nostro, "-10")
	wantEvents(t, b.open[1:], sim.EventBalanceOpened, sim.EventBalanceLocked, sim.EventBalanceUnlocked, sim.EventBalanceLocked)
}

func TestAClosedHoldingLeavesAndCanBeOpenedAnew(t *testing.T) {
	t.Parallel()
	b := newBooks(t)
	first := b.accept(sim.OpenHolding{AccountID: "a", Symbol: "BTC", Available: amount("3")}).Holding
	gone := b.accept(sim.CloseHolding{ID: first.ID}).Holding
	if !gone.Removed || !gone.Total().IsZero() || gone.ID != first.ID {
		t.Errorf("the last record is %+v", gone)
	}
	b.wantMirror("BTC", sim.Depository, "0")
	if b.holding("a", "BTC") != nil || b.state.Holding(false, first.ID) != nil {
		t.Error("the holding is still there")
	}
	if err := b.refuse(sim.CloseHolding{ID: first.ID}); err.Code != sim.CodeNotFound {
		t.Errorf("closed again: %v", err)
	}
	if second := b.deposit("a", "BTC", "1"); second.Status != sim.StatusCompleted {
		t.Errorf("deposit is %s", second.Status)
	}
	if again := b.wantHolding("a", "BTC", "1", "0"); again.ID == first.ID {
		t.Error("the new holding has the id of the old one")
	}
}

func TestHoldingsAreBounded(t *testing.T) {
	t.Parallel()
	rules := wideRules()
	rules.MaxHoldings = 1
	b := newBooksWith(t, rules)
	held := b.accept(sim.Instruct{Type: sim.Deposit, AccountID: "a", Symbol: "ETH", Quantity: amount("1"), Hold: true}).Settlement
	id := b.accept(sim.OpenHolding{AccountID: "a", Symbol: "BTC"}).Holding.ID
	for _, c := range []sim.Command{
		sim.OpenHolding{AccountID: "b", Symbol: "BTC"},
		sim.Instruct{Type: sim.Deposit, AccountID: "b", Symbol: "BTC", Quantity: amount("1")},
		sim.Instruct{Type: sim.Internal, SourceAccount: "a", DestinationAccount: "b", Symbol: "BTC", Quantity: amount("1")},
		sim.ReleaseSettlement{ID: held.ID},
	} {
		if err := b.refuse(c); err.Code != sim.CodeLimitReached {
			t.Errorf("%T: %v", c, err)
		}
	}
	b.deposit("a", "BTC", "1")
	b.accept(sim.CloseHolding{ID: id})
	b.accept(sim.ReleaseSettlement{ID: held.ID})
	b.wantHolding("a", "ETH", "1", "0")
}

func TestHoldingCommandsAreRefused(t *testing.T) {
	t.Parallel()
	var position, balance uuid.UUID
	prepared := func(b *books) {
		b.accept(sim.OpenHolding{AccountID: "a", Symbol: "BTC", Available: amount("2"), Locked: amount("1")})
		b.accept(sim.OpenHolding{Cash: true, AccountID: "a", Symbol: "USD", Available: amount("10"), Locked: amount("5")})
	}
	b := newBooks(t) // books with the same history have the same ids
	prepared(b)
	position, balance = b.holding("a", "BTC").ID, b.holding("a", "USD").ID
	minus, fine, finer := amountOf("-1"), amountOf("0.00000001"), amountOf("0.000000001")
	checkRefusals(t, prepared, []refusal{
		{"open without symbol", sim.OpenHolding{AccountID: "b"}, sim.CodeInvalid, "symbol"},
		{"open with a symbol too long", sim.OpenHolding{AccountID: "b", Symbol: strings.Repeat("X", sim.MaxSymbol+1)}, sim.CodeInvalid, "symbol"},
		{"open a position of cash", sim.OpenHolding{AccountID: "b", Symbol: "USD"}, sim.CodeInvalid, "symbol"},
		{"open a balance of no cash", sim.OpenHolding{Cash: true, AccountID: "b", Symbol: "BTC"}, sim.CodeInvalid, "currency"},
		{"open a balance with a currency too long", sim.OpenHolding{Cash: true, AccountID: "b", Symbol: strings.Repeat("X", sim.MaxCurrency+1)}, sim.CodeInvalid, "currency"},
		{"open without account", sim.OpenHolding{Symbol: "BTC"}, sim.CodeInvalid, "account_id"},
		{"open for a mirror account", sim.OpenHolding{AccountID: sim.Depository, Symbol: "BTC"}, sim.CodeInvalid, "account_id"},
		{"open with less than nothing", sim.OpenHolding{AccountID: "b", Symbol: "BTC", Available: *minus}, sim.CodeInvalid, "available_quantity"},
		{"open too fine", sim.OpenHolding{AccountID: "b", Symbol: "BTC", Available: *finer}, sim.CodeInvalid, "available_quantity"},
		{"open with less than nothing locked", sim.OpenHolding{AccountID: "b", Symbol: "BTC", Locked: *minus}, sim.CodeInvalid, "locked_quantity"},
		{"open a balance too fine", sim.OpenHolding{Cash: true, AccountID: "b", Symbol: "USD", Available: *fine}, sim.CodeInvalid, "available_balance"},
		{"open a balance locked too fine", sim.OpenHolding{Cash: true, AccountID: "b", Symbol: "USD", Locked: *fine}, sim.CodeInvalid, "locked_balance"},
		{"open with a negative cost", sim.OpenHolding{AccountID: "b", Symbol: "BTC", AverageCost: *minus}, sim.CodeInvalid, "average_cost"},
		{"open with a negative value", sim.OpenHolding{AccountID: "b", Symbol: "BTC", MarketValue: *minus}, sim.CodeInvalid, "market_value"},
		{"open with a valuation currency too long", sim.OpenHolding{AccountID: "b", Symbol: "BTC", Currency: "ABCDEFGHIJK"}, sim.CodeInvalid, "currency"},
		{"open with metadata too large", sim.OpenHolding{AccountID: "b", Symbol: "BTC", Metadata: make([]byte, sim.MaxMetadataBytes+1)}, sim.CodeInvalid, "metadata"},
		{"open a second position", sim.OpenHolding{AccountID: "a", Symbol: "BTC"}, sim.CodeAlreadyExists, "symbol"},
		{"open a second balance", sim.OpenHolding{Cash: true, AccountID: "a", Symbol: "USD"}, sim.CodeAlreadyExists, "currency"},

		{"update an unknown one", sim.UpdateHolding{ID: stranger}, sim.CodeNotFound, ""},
		{"update a balance as a position", sim.UpdateHolding{ID: balance}, sim.CodeNotFound, ""},
		{"update to less than nothing", sim.UpdateHolding{ID: position, Available: minus}, sim.CodeInvalid, "available_quantity"},
		{"update too fine", sim.UpdateHolding{ID: position, Available: finer}, sim.CodeInvalid, "available_quantity"},
		{"update the total too fine", sim.UpdateHolding{Cash: true, ID: balance, Total: fine}, sim.CodeInvalid, "total_balance"},
		{"update the total to less than nothing", sim.UpdateHolding{ID: position, Total: minus}, sim.CodeInvalid, "quantity"},
		{"update the total below what is locked", sim.UpdateHolding{ID: position, Total: amountOf("0.5")}, sim.CodeInsufficientHoldings, "quantity"},
		{"update to a contradiction", sim.UpdateHolding{ID: position, Total: amountOf("5"), Available: amountOf("5")}, sim.CodeInvalid, "quantity"},
		{"update to a negative cost", sim.UpdateHolding{ID: position, AverageCost: minus}, sim.CodeInvalid, "average_cost"},
		{"update to a negative value", sim.UpdateHolding{ID: position, MarketValue: minus}, sim.CodeInvalid, "market_value"},
		{"update to no currency", sim.UpdateHolding{ID: position, Currency: textOf("")}, sim.CodeInvalid, "currency"},
		{"update the currency of a balance", sim.UpdateHolding{Cash: true, ID: balance, Currency: textOf("EUR")}, sim.CodeInvalid, "currency"},
		{"update with metadata too large", sim.UpdateHolding{ID: position, Metadata: make([]byte, sim.MaxMetadataBytes+1)}, sim.CodeInvalid, "metadata"},

		{"close an unknown one", sim.CloseHolding{Cash: true, ID: stranger}, sim.CodeNotFound, ""},
		{"close with something locked", sim.CloseHolding{ID: position}, sim.CodeWrongState, ""},

		{"lock of an unknown one", sim.LockHolding{ID: stranger, Amount: amount("1")}, sim.CodeNotFound, ""},
		{"lock nothing", sim.LockHolding{ID: position}, sim.CodeInvalid, "quantity"},
		{"lock less than nothing", sim.LockHolding{Cash: true, ID: balance, Amount: *minus}, sim.CodeInvalid, "amount"},
		{"lock too fine", sim.LockHolding{ID: position, Amount: *finer}, sim.CodeInvalid, "quantity"},
		{"lock more than is available", sim.LockHolding{ID: position, Amount: amount("2.00000001")}, sim.CodeInsufficientHoldings, "quantity"},
		{"unlock of an unknown one", sim.UnlockHolding{ID: stranger, Amount: amount("1")}, sim.CodeNotFound, ""},
		{"unlock nothing", sim.UnlockHolding{Cash: true, ID: balance}, sim.CodeInvalid, "amount"},
		{"unlock too fine", sim.UnlockHolding{Cash: true, ID: balance, Amount: *fine}, sim.CodeInvalid, "amount"},
		{"unlock more than is locked", sim.UnlockHolding{Cash: true, ID: balance, Amount: amount("5.01")}, sim.CodeInsufficientHoldings, "amount"},
	})
}
