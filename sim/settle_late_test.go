package sim_test

import (
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/profile"
)

// parts lets an instruction settle in parts.
func parts(c sim.Instruct, indicator sim.PartialIndicator, least string) sim.Instruct {
	c.Partial = indicator
	if least != "" {
		c.MinQuantity = amount(least)
	}
	return c
}

// arrive lets holdings arrive at once: by a position or balance that is set.
func (b *books) arrive(account, symbol, total string) {
	b.t.Helper()
	h := b.holding(account, symbol)
	b.accept(sim.UpdateHolding{Cash: h.Cash, ID: h.ID, Total: amountOf(total)})
	b.wait(0)
}

func TestTransition9PartsSettleAndTheLastTakesTheRemainder(t *testing.T) {
	t.Parallel()
	b := custodian(t, nil)
	b.give("a", "AAPL", "33")
	b.give("b", "USD", "20000")
	d, r := b.trade(
		parts(today(with(dvp(), func(c *sim.Instruct) { c.Payment.Amount = amount("1000.01") })), sim.PartialByQuantity, "10"),
		parts(today(with(rvp(), func(c *sim.Instruct) { c.Payment.Amount = amount("1000.01") })), sim.PartialByCash, "200"))
	b.wantEvent(sim.EventSettlementReserved, "33 AAPL a/AVAILABLE>a/RESERVED", "330 USD b/AVAILABLE>b/RESERVED")
	b.wait(15 * time.Minute)
	b.wantEvent(sim.EventSettlementPartiallySettled, "33 AAPL a/RESERVED>b/AVAILABLE", "330 USD b/RESERVED>a/AVAILABLE")
	for _, id := range []uuid.UUID{d, r} {
		st := b.wantState(id, "IN_PROGRESS ACKNOWLEDGED MATCHED PARTIALLY_SETTLED:PAIN RELEASED")
		wantAmount(t, "what is open", st.Open(), "67")
		wantAmount(t, "the payment", st.SettledPayment, "330")
	}
	b.arrive("a", "AAPL", "9") // less than the least part
	b.wait(30 * time.Minute)   // the next check
	b.wantState(d, "IN_PROGRESS ACKNOWLEDGED MATCHED PARTIALLY_SETTLED:LACK RELEASED")
	b.arrive("a", "AAPL", "67")
	b.wait(15 * time.Minute)
	b.wantEvent(sim.EventSettlementCompleted, "67 AAPL a/RESERVED>b/AVAILABLE", "670.01 USD b/RESERVED>a/AVAILABLE")
	b.wantSteps(d, "ACKNOWLEDGED UNMATCHED:CMIS MATCHED RESERVED PARTIALLY_SETTLED:PAIN PARTIALLY_SETTLED:LACK RESERVED SETTLED")
	b.wantState(r, "COMPLETED ACKNOWLEDGED MATCHED SETTLED RELEASED")
}

func TestTransition9ThePartIsWhatTheCashPaysFor(t *testing.T) {
	t.Parallel()
	b := custodian(t, nil)
	b.give("a", "AAPL", "100")
	b.give("b", "USD", "9599")
	b.trade(parts(today(dvp()), sim.PartialAllowed, ""), parts(today(rvp()), sim.PartialAllowed, ""))
	b.wantEvent(sim.EventSettlementReserved, "50 AAPL a/AVAILABLE>a/RESERVED", "9500 USD b/AVAILABLE>b/RESERVED")
}

func TestTransition9APartIsAllThereIsOnceTheRestIsCancelled(t *testing.T) {
	t.Parallel()
	b := custodian(t, nil)
	b.give("a", "AAPL", "40")
	b.give("b", "USD", "19000")
	d, r := b.trade(parts(today(dvp()), sim.PartialAllowed, ""), parts(today(rvp()), sim.PartialAllowed, ""))
	b.wait(15 * time.Minute)
	b.accept(sim.CancelSettlement{ID: d})
	b.accept(sim.CancelSettlement{ID: r})
	for _, id := range []uuid.UUID{d, r} {
		st := b.wantState(id, "CANCELLED CANCELLED:CAND MATCHED PARTIALLY_SETTLED:PARC RELEASED")
		wantAmount(t, "what settled", st.Settled, "40")
	}
}

func TestTransition9NothingSettlesInPartsUnlessAllAllowIt(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		deliver, receive sim.Instruct
		profile          func(*profile.Settlement)
	}{
		"the receiver does not":    {parts(today(dvp()), sim.PartialAllowed, ""), today(rvp()), nil},
		"the deliverer does not":   {parts(today(dvp()), sim.PartialNotAllowed, ""), parts(today(rvp()), sim.PartialAllowed, ""), nil},
		"the profile does not":     {parts(today(dvp()), sim.PartialAllowed, ""), parts(today(rvp()), sim.PartialAllowed, ""), func(s *profile.Settlement) { s.Partial = false }},
		"the part is too small":    {parts(today(dvp()), sim.PartialByQuantity, "51"), parts(today(rvp()), sim.PartialAllowed, ""), nil},
		"the payment is too small": {parts(today(dvp()), sim.PartialAllowed, ""), parts(today(rvp()), sim.PartialByCash, "9500.01"), nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := custodian(t, c.profile)
			b.give("a", "AAPL", "50")
			b.give("b", "USD", "19000")
			d, _ := b.trade(c.deliver, c.receive)
			b.wantState(d, "PENDING ACKNOWLEDGED MATCHED PENDING:LACK RELEASED")
			b.wantReserved("a", "AAPL", "50", "0")
		})
	}
}

func TestTransition11AfterItsLastCutOffASettlementFailsAndCosts(t *testing.T) {
	t.Parallel()
	b := custodian(t, nil)
	b.give("a", "AAPL", "99")
	b.give("b", "USD", "19000")
	d, r := b.trade(today(dvp()), today(rvp()))
	b.until(at(23, 14, 59))
	b.wantState(d, "PENDING ACKNOWLEDGED MATCHED PENDING:LACK RELEASED")
	b.until(at(23, 15, 0))
	b.wantEvent(sim.EventSettlementFailing)
	b.wantState(d, "PENDING ACKNOWLEDGED MATCHED FAILING:LACK RELEASED")
	b.wantState(r, "PENDING ACKNOWLEDGED MATCHED FAILING:CLAC RELEASED")
	wantAmount(t, "the deliverer's penalty", b.settlement(d).Penalty, "1.9") // a basis point a day
	wantAmount(t, "the receiver's penalty", b.settlement(r).Penalty, "0")
	b.arrive("a", "AAPL", "100") // after the cut-off: it waits for the next day
	b.wantState(d, "PENDING ACKNOWLEDGED MATCHED FAILING RELEASED")
	b.until(at(24, 0, 0))
	b.wantState(d, "IN_PROGRESS ACKNOWLEDGED MATCHED PENDING RELEASED")
	b.until(at(24, 0, 15))
	b.wantState(d, "COMPLETED ACKNOWLEDGED MATCHED SETTLED RELEASED")
	b.wantSteps(d, "ACKNOWLEDGED UNMATCHED:CMIS MATCHED PENDING:LACK FAILING:LACK RESERVED SETTLED")
}

func TestTransition11ThePenaltyAccruesPerBusinessDay(t *testing.T) {
	t.Parallel()
	b := custodian(t, nil)
	b.give("b", "USD", "19000")
	d, r := b.trade(today(dvp()), today(rvp()))
	b.until(at(27, 14, 0)) // Thanksgiving is no business day; the 27th closes at 13:00
	wantAmount(t, "the penalty", b.settlement(d).Penalty, "7.6")
	b.wantSteps(d, "ACKNOWLEDGED UNMATCHED:CMIS MATCHED PENDING:LACK FAILING:LACK")
	wantAmount(t, "the receiver's penalty", b.settlement(r).Penalty, "0")
}

func TestTransition11AnUnmatchedInstructionFailsAndMatchesLate(t *testing.T) {
	t.Parallel()
	b := custodian(t, nil)
	b.give("a", "AAPL", "100")
	b.give("b", "USD", "19000")
	d := b.instruct(today(dvp()))
	b.until(at(23, 15, 0))
	b.wantState(d, "PENDING ACKNOWLEDGED UNMATCHED:CMIS FAILING:CLAT RELEASED")
	wantAmount(t, "the penalty of who was in time", b.settlement(d).Penalty, "0")
	r := b.instruct(today(rvp())) // late, but what the counterparty waits for
	b.wantState(r, "PENDING PENDING_PROCESSING:ADEA PENDING RELEASED")
	b.until(at(24, 0, 15))
	b.wantState(d, "COMPLETED ACKNOWLEDGED MATCHED:CLAT SETTLED RELEASED")
	b.wantState(r, "COMPLETED ACKNOWLEDGED MATCHED:LATE SETTLED RELEASED")
	b.wantSteps(r, "ACKNOWLEDGED PENDING_PROCESSING:ADEA ACKNOWLEDGED MATCHED:LATE RESERVED SETTLED")
	wantAmount(t, "the penalty of who was in time", b.settlement(d).Penalty, "0")
	wantAmount(t, "the penalty of who was late", b.settlement(r).Penalty, "1.9")
}

func TestWhatDoesNotMatchFailsAndIsMarkedWhenItMatchesLate(t *testing.T) {
	t.Parallel()
	b := custodian(t, nil)
	r := b.instruct(with(today(rvp()), func(c *sim.Instruct) { c.Symbol = "MSFT" }))
	b.until(at(23, 14, 59))
	d := b.instruct(with(today(dvp()), func(c *sim.Instruct) { c.Symbol = "MSFT"; c.Payment.Amount = amount("1") }))
	b.wantState(d, "PENDING ACKNOWLEDGED UNMATCHED:DMON PENDING RELEASED")
	b.until(at(23, 15, 0))
	b.wantState(r, "PENDING ACKNOWLEDGED UNMATCHED:DMON FAILING:LATE RELEASED")
	out := custodian(t, func(s *profile.Settlement) { s.Counterparty.AffirmDelay = profile.Duration(6 * time.Hour) })
	late := out.instruct(outside(today(rvp())))
	out.until(at(24, 9, 0))
	st := out.settlement(late)
	if st.Matching.Status != sim.MatchingMatched || st.Matching.ReasonCode != "CLAT" {
		t.Errorf("matched late, it is %s", stateOf(st))
	}
}

func TestTransition12BeforeItMatchesTheOwnerCancels(t *testing.T) {
	t.Parallel()
	b := custodian(t, nil)
	d := b.instruct(dvp())
	b.accept(sim.CancelSettlement{ID: d})
	b.wantState(d, "CANCELLED CANCELLED:CANI UNMATCHED:CMIS PENDING RELEASED")
	b.wantEvent(sim.EventSettlementCancelled)
	r := b.instruct(rvp())
	b.wantState(r, "PENDING ACKNOWLEDGED UNMATCHED:CMIS PENDING RELEASED")
}

func TestTransition13AfterItMatchedBothMustAsk(t *testing.T) {
	t.Parallel()
	b := custodian(t, nil)
	b.give("a", "AAPL", "100")
	b.give("b", "USD", "19000")
	d, r := b.trade(today(dvp()), today(rvp()))
	b.accept(sim.CancelSettlement{ID: d})
	b.wantEvent(sim.EventSettlementCancelRequested)
	b.wantState(d, "IN_PROGRESS CANCEL_REQUESTED:CANP MATCHED PENDING RELEASED")
	b.wantState(r, "IN_PROGRESS ACKNOWLEDGED MATCHED PENDING RELEASED")
	if err := b.refuse(sim.CancelSettlement{ID: d}); err.Code != sim.CodeWrongState {
		t.Errorf("asked again: %v", err)
	}
	b.accept(sim.CancelSettlement{ID: r})
	b.wantEvent(sim.EventSettlementCancelled, "19000 USD b/RESERVED>b/AVAILABLE", "100 AAPL a/RESERVED>a/AVAILABLE")
	b.wantState(d, "CANCELLED CANCELLED:CAND MATCHED PENDING RELEASED")
	b.wantState(r, "CANCELLED CANCELLED:CAND MATCHED PENDING RELEASED")
}

func TestTransition13CancellationIsDeniedOnceItSettled(t *testing.T) {
	t.Parallel()
	b := custodian(t, nil)
	b.give("a", "AAPL", "100")
	b.give("b", "USD", "19000")
	d, _ := b.trade(today(dvp()), today(rvp()))
	b.accept(sim.CancelSettlement{ID: d})
	b.wait(15 * time.Minute)
	b.wantState(d, "COMPLETED ACKNOWLEDGED MATCHED SETTLED RELEASED")
	b.wantSteps(d, "ACKNOWLEDGED UNMATCHED:CMIS MATCHED RESERVED CANCEL_REQUESTED:CANP CANCEL_DENIED:DSET SETTLED")
}

func TestTransition13OutsideTheHouseTheCounterpartyConsentsOrDoesNot(t *testing.T) {
	t.Parallel()
	for rate, want := range map[string]string{
		"1": "CANCELLED CANCELLED:CAND MATCHED PENDING:FUTU RELEASED",
		"0": "PENDING ACKNOWLEDGED MATCHED PENDING:FUTU RELEASED",
	} {
		b := custodian(t, func(s *profile.Settlement) {
			s.Counterparty.MatchRate = amount(rate)
			s.Counterparty.Rules = []profile.CounterpartyRule{{Symbol: "AAPL", Delay: profile.Duration(time.Second)}} // matches whatever the rate
		})
		b.give("a", "AAPL", "100")
		d := b.instruct(outside(dvp()))
		b.wait(2*time.Hour + time.Second)
		b.accept(sim.CancelSettlement{ID: d})
		b.wantState(d, "PENDING CANCEL_REQUESTED:CANP MATCHED PENDING:FUTU RELEASED")
		b.wait(2 * time.Hour)
		b.wantState(d, want)
	}
	b := custodian(t, nil)
	b.give("a", "AAPL", "100")
	d := b.instruct(outside(today(dvp())))
	b.wait(2 * time.Hour)
	b.wantState(d, "IN_PROGRESS ACKNOWLEDGED MATCHED PENDING RELEASED")
	if err := b.refuse(sim.CancelSettlement{ID: d}); err.Code != sim.CodeWrongState {
		t.Errorf("cancelled while the depository settles it: %v", err)
	}
}

func TestTransition14AtTheEndOfRetentionTheSystemCancels(t *testing.T) {
	t.Parallel()
	b := custodian(t, func(s *profile.Settlement) { s.Retention = 2 })
	d, r := b.trade(today(dvp()), today(rvp()))
	alone := b.instruct(with(today(dvp()), func(c *sim.Instruct) { c.Symbol = "IBM" }))
	b.until(at(25, 14, 59))
	b.wantState(d, "PENDING ACKNOWLEDGED MATCHED FAILING:LACK RELEASED")
	b.until(at(25, 15, 0))
	b.wantState(d, "FAILED CANCELLED:CANS MATCHED FAILING:LACK RELEASED")
	b.wantState(r, "FAILED CANCELLED:CANS MATCHED FAILING:MONY RELEASED")
	b.wantState(alone, "FAILED CANCELLED:CANS UNMATCHED:CMIS FAILING:CLAT RELEASED")
	if next, any := b.state.NextDue(); any {
		t.Errorf("work is due at %s though all is final", next)
	}
}

func TestTransition15AReversalIsAnOppositeSettlement(t *testing.T) {
	t.Parallel()
	b := custodian(t, nil)
	b.give("a", "AAPL", "100")
	b.give("b", "USD", "19000")
	d, r := b.trade(today(dvp()), today(rvp()))
	if err := b.refuse(sim.ReverseSettlement{ID: d}); err.Code != sim.CodeWrongState {
		t.Errorf("an open one was reversed: %v", err)
	}
	b.wait(15 * time.Minute)
	back := b.accept(sim.ReverseSettlement{ID: d, Reason: "wrong account"}).Settlement
	if back.Type != sim.RVP || back.AccountID != "a" || back.Terms.ReversalOf != d || back.ExternalID != sim.ReversalID(d) ||
		string(back.Metadata) != `{"reversal_reason":"wrong account"}` {
		t.Errorf("the reversal is %+v", back)
	}
	b.wantEvent(sim.EventSettlementReserved, "100 AAPL b/AVAILABLE>b/RESERVED", "19000 USD a/AVAILABLE>a/RESERVED")
	b.wait(15 * time.Minute)
	b.wantEvent(sim.EventSettlementCompleted, "100 AAPL b/RESERVED>a/AVAILABLE", "19000 USD a/RESERVED>b/AVAILABLE")
	b.wantState(d, "COMPLETED ACKNOWLEDGED MATCHED SETTLED RELEASED") // nothing is ever deleted
	for _, id := range []uuid.UUID{d, r} {
		if err := b.refuse(sim.ReverseSettlement{ID: id}); err.Code != sim.CodeAlreadyExists {
			t.Errorf("reversed twice: %v", err)
		}
	}
	if err := b.refuse(sim.ReverseSettlement{ID: stranger}); err.Code != sim.CodeNotFound {
		t.Errorf("an unknown one was reversed: %v", err)
	}
}

func TestTransition15AReversalNeedsTheHoldings(t *testing.T) {
	t.Parallel()
	b := custodian(t, nil)
	in := b.instruct(today(sim.Instruct{Type: sim.Deposit, AccountID: "a", Symbol: "AAPL", Quantity: amount("5")}))
	b.wait(15 * time.Minute)
	b.arrive("a", "AAPL", "4")
	back := b.accept(sim.ReverseSettlement{ID: in}).Settlement
	b.wantState(back.ID, "PENDING ACKNOWLEDGED PENDING:LACK RELEASED")
	b.arrive("a", "AAPL", "6")
	b.wait(15 * time.Minute)
	b.wantState(back.ID, "COMPLETED ACKNOWLEDGED SETTLED RELEASED")
	b.wantHolding("a", "AAPL", "1", "0")

	now := newBooks(t)
	s := now.deposit("a", "AAPL", "5")
	now.accept(sim.Instruct{Type: sim.Withdrawal, AccountID: "a", Symbol: "AAPL", Quantity: amount("1")})
	if err := now.refuse(sim.ReverseSettlement{ID: s.ID}); err.Code != sim.CodeInsufficientHoldings {
		t.Errorf("reversed without holdings: %v", err)
	}
	now.deposit("a", "AAPL", "1")
	now.accept(sim.ReverseSettlement{ID: s.ID})
	now.wantHolding("a", "AAPL", "0", "0")
}

func TestTransition11WhatMatchesAfterItsDateFailsOnBothSides(t *testing.T) {
	t.Parallel()
	b := custodian(t, nil)
	b.give("b", "USD", "19000")
	d := b.instruct(today(dvp()))
	b.until(at(23, 15, 0))
	b.wantState(d, "PENDING ACKNOWLEDGED UNMATCHED:CMIS FAILING:CLAT RELEASED")
	r := b.instruct(today(rvp()))
	b.until(at(24, 0, 0))
	b.wantState(d, "PENDING ACKNOWLEDGED MATCHED:CLAT FAILING:LACK RELEASED")
	b.wantState(r, "PENDING ACKNOWLEDGED MATCHED:LATE FAILING:CLAC RELEASED")
	b.wantSteps(r, "ACKNOWLEDGED PENDING_PROCESSING:ADEA ACKNOWLEDGED MATCHED:LATE FAILING:CLAC")
	wantAmount(t, "the penalty of who lacks the securities, before the next cut-off", b.settlement(d).Penalty, "0")
}

func TestTransition11OnlyWhoseAccountIsFrozenPays(t *testing.T) {
	t.Parallel()
	b := custodian(t, nil)
	b.give("a", "AAPL", "100")
	b.give("b", "USD", "19000")
	d, r := b.trade(with(today(dvp()), func(c *sim.Instruct) { c.Hold = true }), today(rvp()))
	b.accept(sim.UpdateAccount{AccountID: "b", Status: sim.AccountFrozen})
	b.accept(sim.ReleaseSettlement{ID: d})
	b.until(at(23, 15, 0))
	b.wantState(d, "PENDING ACKNOWLEDGED MATCHED FAILING:FROZ RELEASED")
	b.wantState(r, "PENDING ACKNOWLEDGED MATCHED FAILING:FROZ RELEASED")
	wantAmount(t, "the penalty of the other side", b.settlement(d).Penalty, "0")
	wantAmount(t, "the penalty of who is frozen", b.settlement(r).Penalty, "1.9")
}

// What only the hour keeps when its cut-off passes is tried when the market opens,
// and not left until the next cut-off.
func TestTransition11WhatOnlyTheHourKeepsIsTriedOnTheNextDay(t *testing.T) {
	t.Parallel()
	b := custodian(t, nil)
	b.give("a", "AAPL", "60")
	b.give("b", "USD", "20000")
	b.until(at(23, 14, 50))
	d, r := b.trade(parts(today(dvp()), sim.PartialAllowed, ""), parts(today(rvp()), sim.PartialAllowed, ""))
	b.arrive("a", "AAPL", "100") // the rest has come, while the part is under way until after the cut-off
	b.wantReserved("a", "AAPL", "40", "60")
	b.until(at(23, 16, 0))
	b.wantState(d, "IN_PROGRESS ACKNOWLEDGED MATCHED FAILING:LATE RELEASED")
	b.until(at(24, 0, 15))
	for _, id := range []uuid.UUID{d, r} {
		b.wantState(id, "COMPLETED ACKNOWLEDGED MATCHED SETTLED RELEASED")
	}
}

// Where nothing waits, what settles in parts waits all the same, as its owner
// allowed: no event says that it has failed.
func TestTransition9WhatLacksForTheRestHasNotFailed(t *testing.T) {
	t.Parallel()
	b := newBooks(t)
	b.give("a", "AAPL", "60")
	b.give("b", "USD", "20000")
	d, _ := b.trade(parts(today(dvp()), sim.PartialAllowed, ""), parts(today(rvp()), sim.PartialAllowed, ""))
	b.wantState(d, "IN_PROGRESS ACKNOWLEDGED MATCHED PARTIALLY_SETTLED:PAIN RELEASED")
	b.wait(time.Hour)
	b.wantState(d, "IN_PROGRESS ACKNOWLEDGED MATCHED PARTIALLY_SETTLED:LACK RELEASED")
	b.wantEvent(sim.EventSettlementPending)
}
