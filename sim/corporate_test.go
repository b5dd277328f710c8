package sim_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"pgregory.net/rapid"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/money"
)

var (
	recordEnd = time.Date(2026, 11, 25, 0, 0, 0, 0, time.UTC)
	payment   = time.Date(2026, 11, 27, 0, 0, 0, 0, time.UTC)
)

func dividend(id string) sim.AnnounceCorporateAction {
	return sim.AnnounceCorporateAction{ID: id, Type: sim.CashDividend, Symbol: "AAPL", RecordDate: "2026-11-24", PaymentDate: "2026-11-27",
		Rate: amount("0.235"), Currency: "USD"}
}

func splitOf(newUnits, oldUnits string) sim.AnnounceCorporateAction {
	return sim.AnnounceCorporateAction{ID: "split", Type: sim.Split, Symbol: "ETC", RecordDate: "2026-11-24", PaymentDate: "2026-11-27",
		NewUnits: amount(newUnits), OldUnits: amount(oldUnits)}
}

func (b *books) corporateAction(id string) *sim.CorporateAction {
	b.t.Helper()
	v := b.state.Document(sim.DocumentCorporateAction, id)
	if v == nil {
		b.t.Fatalf("%s is gone", id)
		return nil
	}
	ca, err := v.CorporateAction()
	if err != nil {
		b.t.Fatalf("%v", err)
	}
	return ca
}

func (b *books) entitlements(id string, part int) *sim.EntitlementPart {
	b.t.Helper()
	v := b.state.Document(sim.DocumentEntitlement, fmt.Sprintf("%s#%04d", id, part))
	if v == nil {
		b.t.Fatalf("part %d of %s is gone", part, id)
		return nil
	}
	p, err := v.Entitlements()
	if err != nil {
		b.t.Fatalf("%v", err)
	}
	return p
}

func TestADividendIsPaidOnThePositionsOfTheRecordDate(t *testing.T) {
	t.Parallel()
	b := newBooks(t)
	b.deposit("a", "AAPL", "101")
	b.deposit("b", "AAPL", "10")
	b.accept(sim.LockHolding{ID: b.holding("b", "AAPL").ID, Amount: amount("4")})
	b.deposit("c", "MSFT", "7")
	v := b.accept(dividend("d")).Document
	if ca := b.corporateAction("d"); ca.Status != sim.CorporateAnnounced || ca.Code != "DVCA" || ca.Rounding != sim.RoundingDown || !v.DueAt.Equal(recordEnd) {
		t.Fatalf("announced: %+v due %s", ca, v.DueAt)
	}
	if events := b.fire(recordEnd.Add(-time.Microsecond)); len(events) > 0 {
		t.Fatalf("before the end of the record date: %v", types(events))
	}
	if events := b.fire(recordEnd); !slices.Equal(types(events), []sim.EventType{sim.EventCorporateEntitled}) || events[0].Documents[0].ID != "d" {
		t.Fatalf("at the end of the record date: %v", types(events))
	}
	if ca := b.corporateAction("d"); ca.Status != sim.CorporateEntitled || ca.Accounts != 2 || ca.Entitled.String() != "111" || ca.Parts != 1 {
		t.Fatalf("entitled: %+v", ca)
	}
	// Who sells afterwards keeps the dividend, who buys gets none.
	b.accept(sim.Instruct{Type: sim.Internal, SourceAccount: "a", DestinationAccount: "c", Symbol: "AAPL", Quantity: amount("101")})
	if err := b.refuse(sim.CancelCorporateAction{ID: "d"}); err.Code != sim.CodeWrongState {
		t.Errorf("cancelling after the record date is answered with %v", err)
	}
	if events := b.fire(payment); !slices.Equal(types(events), []sim.EventType{sim.EventCorporatePaid}) {
		t.Fatalf("on the payment date: %v", types(events))
	}
	b.wantHolding("a", "USD", "23.73", "0") // 23.735, rounded down
	b.wantHolding("b", "USD", "2.35", "0")
	b.wantMirror("USD", sim.Nostro, "-26.08")
	if b.holding("c", "USD") != nil {
		t.Error("the buyer was paid")
	}
	ca := b.corporateAction("d")
	if ca.Status != sim.CorporatePaid || ca.CashPaid.String() != "26.08" || ca.CompletedAt.IsZero() {
		t.Errorf("paid: %+v", ca)
	}
	if p := b.entitlements("d", 1); !p.Paid || len(p.Entitlements) != 2 || p.Entitlements[0].Cash.String() != "23.73" || p.Entitlements[0].Quantity.String() != "101" {
		t.Errorf("the part is %+v", p)
	}
	if _, any := b.state.NextDue(); any {
		t.Error("a paid action has a timer")
	}
}

func TestCashIsRoundedAsStated(t *testing.T) {
	t.Parallel()
	for rounding, want := range map[string]string{"": "23.73", sim.RoundingDown: "23.73", sim.RoundingHalfUp: "23.74", sim.RoundingHalfEven: "23.74"} {
		b := newBooks(t)
		b.deposit("a", "AAPL", "101")
		c := dividend("d")
		c.Rounding, c.Type = rounding, sim.Coupon
		b.accept(c)
		b.fire(payment)
		b.wantHolding("a", "USD", want, "0")
		if ca := b.corporateAction("d"); ca.Code != "INTR" {
			t.Errorf("a coupon has the code %s", ca.Code)
		}
	}
}

func TestManyAccountsArePaidInPartsAtOneInstant(t *testing.T) {
	t.Parallel()
	b := newBooks(t)
	for i := range 250 {
		b.deposit(fmt.Sprintf("a-%03d", i), "AAPL", "100")
	}
	b.accept(dividend("d"))
	b.fire(recordEnd)
	if ca := b.corporateAction("d"); ca.Parts != 3 || ca.Accounts != 250 {
		t.Fatalf("entitled: %+v", ca)
	}
	// A reload in the middle goes on where it was.
	events, fired, err := b.state.FireDue(payment)
	if err != nil || !fired || len(events) != 1 || len(events[0].Holdings) != 100 {
		t.Fatalf("the first part: %d events, %v, %v", len(events), fired, err)
	}
	b.open = append(b.open, events...)
	if d := b.decideAt(payment, sim.Reconcile{}); d.Outcome != sim.NeedsDueWork {
		t.Fatalf("a command comes between the parts: %v", d.Outcome)
	}
	b = b.reload(wideRules())
	if ca := b.corporateAction("d"); ca.Status != sim.CorporatePaying || ca.PaidParts != 1 {
		t.Fatalf("in the middle: %+v", ca)
	}
	for _, e := range b.fire(payment) {
		if !e.Time.Equal(payment) {
			t.Errorf("a part is paid at %s", e.Time)
		}
	}
	if ca := b.corporateAction("d"); ca.Status != sim.CorporatePaid || ca.CashPaid.String() != "5875" {
		t.Fatalf("paid: %+v", ca)
	}
	b.wantMirror("USD", sim.Nostro, "-5875")
}

// decideAt decides a command at an instance time, without doing what is due.
func (b *books) decideAt(now time.Time, c sim.Command) sim.Decision {
	b.t.Helper()
	d, err := b.state.Decide(now, &sim.Request{Command: c})
	if err != nil {
		b.t.Fatalf("%v", err)
	}
	return d
}

func TestASplitTurnsWhatIsThereOnThePaymentDate(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name                                        string
		announce                                    sim.AnnounceCorporateAction
		quantity, lock                              string
		available, locked, change, dropped, balance string
	}{
		{"two for one, locks grow with it", splitOf("2", "1"), "10", "3", "14", "6", "10", "0", ""},
		{"three for two", splitOf("3", "2"), "5", "0", "7.5", "0", "2.5", "0", ""},
		{"one for three, the fraction is dropped", splitOf("1", "3"), "1", "0", "0.333333333333333333", "0", "-0.666666666666666667", "0", ""},
		{"locks are rounded down", splitOf("1", "3"), "3", "2", "0.333333333333333334", "0.666666666666666666", "-2", "0", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b := newBooks(t)
			b.deposit("a", "ETC", c.quantity)
			if c.lock != "0" {
				b.accept(sim.LockHolding{ID: b.holding("a", "ETC").ID, Amount: amount(c.lock)})
			}
			b.accept(c.announce)
			b.fire(payment)
			b.wantHolding("a", "ETC", c.available, c.locked)
			ca := b.corporateAction("split")
			if ca.UnitsChange.String() != c.change || ca.Dropped.String() != c.dropped || !ca.Short.IsZero() {
				t.Errorf("the split is %+v", ca)
			}
		})
	}
}

func TestFractionsOfASplitAreDroppedOrPaidButNeverLost(t *testing.T) {
	t.Parallel()
	base := splitOf("1", "3")
	base.Symbol = "BTC" // eight decimals
	for _, paid := range []bool{false, true} {
		b := newBooks(t)
		b.deposit("a", "BTC", "1")
		b.accept(sim.UpdateHolding{ID: b.holding("a", "BTC").ID, AverageCost: amountOf("100")})
		c := base
		if paid {
			c.Fractions, c.FractionPrice, c.Currency = sim.FractionsPaid, amount("9000000"), "USD"
		}
		b.accept(c)
		b.fire(payment)
		if h := b.wantHolding("a", "BTC", "0.33333333", "0"); h.AverageCost.String() != "300" {
			t.Errorf("the average cost is %s", h.AverageCost)
		}
		ca := b.corporateAction("split")
		if ca.Code != "SPLR" {
			t.Errorf("a split one for three has the code %s", ca.Code)
		}
		if paid {
			b.wantHolding("a", "USD", "0.02", "0") // 0.00000000333… × 9000000 = 0.02999…, rounded down
			if !ca.Dropped.IsZero() {
				t.Errorf("%s is dropped", ca.Dropped)
			}
		} else if ca.Dropped.String() != "0.000000003333333333" || ca.Fractions != sim.FractionsDropped {
			t.Errorf("dropped is %s, %s", ca.Dropped, ca.Fractions)
		}
	}
}

func TestASplitTakesInWhoBoughtAfterTheRecordDate(t *testing.T) {
	t.Parallel()
	b := newBooks(t)
	b.deposit("a", "ETC", "10")
	b.accept(splitOf("2", "1"))
	b.fire(recordEnd)
	b.accept(sim.Instruct{Type: sim.Internal, SourceAccount: "a", DestinationAccount: "b", Symbol: "ETC", Quantity: amount("10")})
	b.fire(payment)
	b.wantHolding("a", "ETC", "0", "0")
	b.wantHolding("b", "ETC", "20", "0")
	b.wantMirror("ETC", sim.Depository, "-20")
}

func TestARedemptionTakesTheUnitsAgainstCash(t *testing.T) {
	t.Parallel()
	b := newBooks(t)
	b.deposit("a", "BOND", "10")
	b.accept(sim.LockHolding{ID: b.holding("a", "BOND").ID, Amount: amount("4")})
	c := dividend("r")
	c.Type, c.Symbol, c.Rate = sim.Redemption, "BOND", amount("100.5")
	b.accept(c)
	b.fire(payment)
	b.wantHolding("a", "BOND", "0", "0")
	b.wantHolding("a", "USD", "1005", "0")
	b.wantMirror("BOND", sim.Depository, "0")
	if ca := b.corporateAction("r"); ca.Code != "REDM" || ca.UnitsChange.String() != "-10" || ca.CashPaid.String() != "1005" {
		t.Errorf("the redemption is %+v", ca)
	}
}

func TestWhatInstructionsReservedIsLeftAndSaid(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name                            string
		announce                        sim.AnnounceCorporateAction
		available, locked, change, less string
	}{
		{"redemption", sim.AnnounceCorporateAction{Type: sim.Redemption, Rate: amount("1"), Currency: "USD"}, "0", "6", "-4", "6"},
		{"one for five", sim.AnnounceCorporateAction{Type: sim.Split, NewUnits: amount("1"), OldUnits: amount("5")}, "0", "6", "-4", "4"},
		{"four for five", sim.AnnounceCorporateAction{Type: sim.Split, NewUnits: amount("4"), OldUnits: amount("5")}, "1.2", "6.8", "-2", "0"},
		{"two for one", sim.AnnounceCorporateAction{Type: sim.Split, NewUnits: amount("2"), OldUnits: amount("1")}, "12", "8", "10", "0"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b := newBooksWith(t, rulesWith(t, approvals, `{"approvals":{"timeout":"240h"}}`))
			b.deposit("a", "BTC", "10")
			b.accept(sim.LockHolding{ID: b.holding("a", "BTC").ID, Amount: amount("1")})
			b.submit(onChain("5.995")) // reserves its fee as well, and waits for approval
			b.wantHolding("a", "BTC", "3", "7")
			c.announce.ID, c.announce.Symbol, c.announce.RecordDate, c.announce.PaymentDate = "x", "BTC", "2026-11-24", "2026-11-27"
			b.accept(c.announce)
			b.fire(payment)
			b.wantHolding("a", "BTC", c.available, c.locked)
			if ca := b.corporateAction("x"); ca.UnitsChange.String() != c.change || ca.Short.String() != c.less {
				t.Errorf("units change by %s, %s fall short", ca.UnitsChange, ca.Short)
			}
		})
	}
}

func TestOpenInstructionsAreCancelledBeforeUnitsChange(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		announce sim.AnnounceCorporateAction
		cancels  bool
	}{
		{sim.AnnounceCorporateAction{Type: sim.Redemption, Rate: amount("1"), Currency: "USD"}, true},
		{sim.AnnounceCorporateAction{Type: sim.Split, NewUnits: amount("2"), OldUnits: amount("1")}, true},
		{sim.AnnounceCorporateAction{Type: sim.CashDividend, Rate: amount("1"), Currency: "USD"}, false},
	} {
		t.Run(string(c.announce.Type), func(t *testing.T) {
			t.Parallel()
			b := newBooks(t)
			b.deposit("a", "ETC", "10")
			var held []uuid.UUID
			for range 250 { // more than one event cancels
				held = append(held, b.accept(sim.Instruct{Type: sim.Withdrawal, AccountID: "a", Symbol: "ETC", Quantity: amount("1"), Hold: true}).Settlement.ID)
			}
			other := b.accept(sim.Instruct{Type: sim.Withdrawal, AccountID: "a", Symbol: "BTC", Quantity: amount("1"), Hold: true}).Settlement.ID
			c.announce.ID, c.announce.Symbol, c.announce.RecordDate, c.announce.PaymentDate = "x", "ETC", "2026-11-24", "2026-11-27"
			b.accept(c.announce)
			b.fire(payment)
			for _, id := range held {
				s := b.settlement(id)
				if cancelled := s.Status == sim.StatusCancelled && s.Processing.ReasonCode == sim.ReasonCorporateAction; cancelled != c.cancels {
					t.Fatalf("an open instruction is %s, %+v", s.Status, s.Processing)
				}
			}
			if b.state.OpenSettlement(other) == nil {
				t.Error("an instruction of another symbol is cancelled")
			}
			if ca := b.corporateAction("x"); ca.Status != sim.CorporatePaid || !ca.Short.IsZero() {
				t.Errorf("the action is %+v", ca)
			}
		})
	}
}

func TestAnActionThatEntitlesNobodyIsDone(t *testing.T) {
	t.Parallel()
	b := newBooks(t)
	b.accept(dividend("d"))
	b.fire(payment)
	if ca := b.corporateAction("d"); ca.Status != sim.CorporatePaid || ca.Accounts != 0 || ca.Parts != 0 {
		t.Errorf("the action is %+v", ca)
	}
}

func TestAnActionIsCancelledBeforeTheEndOfItsRecordDate(t *testing.T) {
	t.Parallel()
	b := newBooks(t)
	b.deposit("a", "AAPL", "10")
	b.accept(dividend("d"))
	b.accept(sim.CancelCorporateAction{ID: "d"})
	if ca := b.corporateAction("d"); ca.Status != sim.CorporateCancelled {
		t.Errorf("the action is %+v", ca)
	}
	if events := b.fire(payment); len(events) > 0 {
		t.Errorf("a cancelled action does %v", types(events))
	}
	if err := b.refuse(sim.CancelCorporateAction{ID: "d"}); err.Code != sim.CodeWrongState {
		t.Errorf("cancelling twice is answered with %v", err)
	}
	if err := b.refuse(sim.CancelCorporateAction{ID: "x"}); err.Code != sim.CodeNotFound {
		t.Errorf("cancelling nothing is answered with %v", err)
	}
	if err := b.refuse(dividend("d")); err.Code != sim.CodeInvalid && err.Code != sim.CodeAlreadyExists {
		t.Errorf("announcing it again is answered with %v", err)
	}
}

func TestFinishedActionsMakeRoomForNewOnes(t *testing.T) {
	t.Parallel()
	b := newBooks(t)
	b.deposit("a", "AAPL", "10")
	for i := range sim.MaxCorporateActions {
		b.accept(dividend(fmt.Sprintf("d-%03d", i)))
	}
	if err := b.refuse(dividend("more")); err.Code != sim.CodeLimitReached {
		t.Fatalf("answered with %v", err)
	}
	b.fire(payment)
	c := dividend("more")
	c.RecordDate, c.PaymentDate = "2026-11-28", "2026-12-01"
	b.accept(c)
	if b.state.Document(sim.DocumentCorporateAction, "d-000") != nil || b.state.Document(sim.DocumentEntitlement, "d-000#0001") != nil {
		t.Error("the oldest action is kept")
	}
	b.corporateAction("d-001")
}

func TestBadAnnouncementsAreRefusedByField(t *testing.T) {
	t.Parallel()
	b := newBooks(t)
	change := func(c sim.AnnounceCorporateAction, f func(*sim.AnnounceCorporateAction)) sim.AnnounceCorporateAction {
		f(&c)
		return c
	}
	type announce = sim.AnnounceCorporateAction
	d, s := dividend("d"), splitOf("2", "1")
	for _, c := range []struct {
		field string
		c     announce
	}{
		{"id", change(d, func(c *announce) { c.ID = "" })},
		{"type", change(d, func(c *announce) { c.Type = "MERGER" })},
		{"symbol", change(d, func(c *announce) { c.Symbol = "USD" })},
		{"record_date", change(d, func(c *announce) { c.RecordDate = "" })},
		{"record_date", change(d, func(c *announce) { c.RecordDate = "24.11.2026" })},
		{"record_date", change(d, func(c *announce) { c.RecordDate = "2026-11-22" })},
		{"payment_date", change(d, func(c *announce) { c.PaymentDate = "2026-11-31" })},
		{"payment_date", change(d, func(c *announce) { c.PaymentDate = c.RecordDate })},
		{"rate", change(d, func(c *announce) { c.Rate = money.Zero })},
		{"currency", change(d, func(c *announce) { c.Currency = "" })},
		{"currency", change(d, func(c *announce) { c.Currency = "AAPL" })},
		{"rounding", change(d, func(c *announce) { c.Rounding = "UP" })},
		{"new_units", change(d, func(c *announce) { c.NewUnits = amount("2") })},
		{"fractions", change(d, func(c *announce) { c.Fractions = sim.FractionsDropped })},
		{"rate", change(s, func(c *announce) { c.Rate = amount("1") })},
		{"new_units", change(s, func(c *announce) { c.NewUnits = money.Zero })},
		{"new_units", change(s, func(c *announce) { c.OldUnits = c.NewUnits })},
		{"old_units", change(s, func(c *announce) { c.OldUnits = amount("-1") })},
		{"fractions", change(s, func(c *announce) { c.Fractions = "KEEP" })},
		{"fraction_price", change(s, func(c *announce) { c.Fractions = sim.FractionsPaid })},
		{"fraction_price", change(s, func(c *announce) { c.Currency = "USD" })},
		{"currency", change(s, func(c *announce) { c.Fractions, c.FractionPrice = sim.FractionsPaid, amount("1") })},
	} {
		if err := b.refuse(c.c); err.Code != sim.CodeInvalid || err.Field != c.field {
			t.Errorf("%+v is answered with %s: %v, want a word on %s", c.c, err.Code, err, c.field)
		}
	}
}

func TestCorporateActionsKeepTheBooksInBalance(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		b := newBooks(t)
		total := money.Zero
		for i := range rapid.IntRange(0, 5).Draw(t, "accounts") {
			q := amount(fmt.Sprintf("%d.%08d", rapid.IntRange(0, 1000).Draw(t, "units"), rapid.IntRange(1, 99_999_999).Draw(t, "fraction")))
			account := fmt.Sprint("a", i)
			b.deposit(account, "BTC", q.String())
			total = total.Add(q)
			if rapid.Bool().Draw(t, "locked") {
				b.accept(sim.LockHolding{ID: b.holding(account, "BTC").ID, Amount: q})
			}
		}
		c := splitOf(fmt.Sprint(rapid.IntRange(1, 9).Draw(t, "new")), "10")
		c.Symbol = "BTC"
		b.accept(c)
		b.fire(payment)
		if err := b.state.CheckBooks(); err != nil {
			t.Fatal(err)
		}
		ca := b.corporateAction("split")
		exact := total.MulDiv(c.NewUnits, c.OldUnits, money.MaxDecimals, money.RoundDown)
		if got := total.Add(ca.UnitsChange.Amount).Add(ca.Dropped.Amount); !got.Equal(exact) {
			t.Fatalf("%s became %s with what was dropped, want %s", total, got, exact)
		}
	})
}
