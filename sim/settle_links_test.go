package sim_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/profile"
)

// named gives an instruction an external id and links.
func named(c sim.Instruct, externalID string, links ...sim.Link) sim.Instruct {
	c.ExternalID, c.Links = externalID, links
	return c
}

func linkTo(kind sim.LinkType, externalID string) sim.Link {
	return sim.Link{Type: kind, ExternalID: externalID}
}

// pay is a transfer of cash from one account to another on the books' first day.
func pay(from, to, quantity string) sim.Instruct {
	return today(sim.Instruct{Type: sim.Internal, SourceAccount: from, DestinationAccount: to, Symbol: "USD", Quantity: amount(quantity)})
}

func TestALinkAfterWaitsUntilTheOtherHasSettled(t *testing.T) {
	t.Parallel()
	b := custodian(t, nil)
	b.give("a", "USD", "100")
	b.give("b", "USD", "1")
	first := b.instruct(named(pay("a", "b", "10"), "first"))
	second := b.instruct(named(pay("b", "c", "1"), "second", linkTo(sim.LinkAfter, "first")))
	b.wantState(second, "PENDING ACKNOWLEDGED PENDING:LINK RELEASED")
	b.wantReserved("b", "USD", "1", "0") // linked ones never reserve
	b.wait(15 * time.Minute)
	b.wantState(first, "COMPLETED ACKNOWLEDGED SETTLED RELEASED")
	b.wantState(second, "IN_PROGRESS ACKNOWLEDGED PENDING RELEASED")
	b.wait(15 * time.Minute)
	b.wantState(second, "COMPLETED ACKNOWLEDGED SETTLED RELEASED")
	// Links to what has settled already are ready.
	third := b.instruct(named(pay("a", "b", "1"), "third", linkTo(sim.LinkAfter, "first"), linkTo(sim.LinkInfo, "second")))
	b.wantState(third, "IN_PROGRESS ACKNOWLEDGED PENDING RELEASED")
}

func TestALinkBeforeKeepsTheOther(t *testing.T) {
	t.Parallel()
	b := custodian(t, nil)
	b.give("a", "USD", "100")
	later := b.instruct(named(with(pay("a", "b", "10"), func(c *sim.Instruct) { c.Hold = true }), "later"))
	sooner := b.instruct(named(pay("a", "c", "101"), "sooner", linkTo(sim.LinkBefore, "later")))
	b.accept(sim.ReleaseSettlement{ID: later})
	b.wantState(later, "PENDING ACKNOWLEDGED PENDING:LINK RELEASED")
	b.wantState(sooner, "PENDING ACKNOWLEDGED PENDING:MONY RELEASED")
	b.accept(sim.CancelSettlement{ID: sooner}) // then there is nothing to wait for
	b.wait(0)
	b.wantState(later, "IN_PROGRESS ACKNOWLEDGED PENDING RELEASED")
}

func TestALinkToWhatWasGivenUpNeverSettles(t *testing.T) {
	t.Parallel()
	b := custodian(t, nil)
	b.give("a", "USD", "100")
	first := b.instruct(named(with(pay("a", "b", "10"), func(c *sim.Instruct) { c.Hold = true }), "first"))
	second := b.instruct(named(pay("a", "c", "1"), "second", linkTo(sim.LinkAfter, "first")))
	b.accept(sim.CancelSettlement{ID: first})
	b.wait(time.Hour)
	st := b.wantState(second, "PENDING ACKNOWLEDGED PENDING:LINK RELEASED")
	if st.Settlement.Reason != `instruction "first" that it is linked to was given up` {
		t.Errorf("it waits because %s", st.Settlement.Reason)
	}
	late := b.instruct(named(pay("a", "c", "1"), "late", linkTo(sim.LinkAfter, "first")))
	b.wantState(late, "FAILED REJECTED:ULNK PENDING RELEASED")
}

func TestLinksWithMakeOneJournal(t *testing.T) {
	t.Parallel()
	for _, takes := range []time.Duration{0, 15 * time.Minute} {
		t.Run(fmt.Sprintf("processed for %s", takes), func(t *testing.T) {
			t.Parallel()
			b := custodian(t, func(s *profile.Settlement) { s.ProcessingTime = profile.Duration(takes) })
			// b buys from a and sells on to c, without holding any of it before.
			b.give("a", "AAPL", "100")
			b.give("b", "USD", "500")
			b.give("c", "USD", "19400")
			d, r := b.trade(today(dvp()), named(today(rvp()), "buy"))
			b.wantState(r, "PENDING ACKNOWLEDGED MATCHED PENDING:MONY RELEASED")
			sell := with(today(dvp()), func(c *sim.Instruct) {
				c.AccountID, c.CounterpartyAccount, c.Payment.Amount = "b", "c", amount("19500")
			})
			buy := with(sell, func(c *sim.Instruct) { c.Type, c.AccountID, c.CounterpartyAccount = sim.RVP, "c", "b" })
			on, end := b.trade(named(sell, "sell", linkTo(sim.LinkWith, "buy")), buy)
			b.wantState(d, "PENDING ACKNOWLEDGED MATCHED PENDING:LINK RELEASED")
			b.wantState(end, "PENDING ACKNOWLEDGED MATCHED PENDING:MONY RELEASED")
			b.arrive("c", "USD", "19500")
			b.wait(takes)
			for _, id := range []uuid.UUID{d, r, on, end} {
				b.wantState(id, "COMPLETED ACKNOWLEDGED MATCHED SETTLED RELEASED")
			}
			if n := len(b.last().Settlements); n != 4 {
				t.Errorf("the last event settles %d, want all four", n)
			}
			b.wantHolding("b", "USD", "1000", "0")
			b.wantHolding("b", "AAPL", "0", "0")
			b.wantHolding("c", "AAPL", "100", "0")
			b.wantHolding("a", "USD", "19000", "0")
		})
	}
}

func TestAGroupIsReleasedWhenOneOfItIsHeld(t *testing.T) {
	t.Parallel()
	b := custodian(t, nil)
	b.give("a", "USD", "100")
	b.give("b", "USD", "100")
	first := b.instruct(named(pay("a", "b", "10"), "first"))
	b.wantReserved("a", "USD", "90", "10")
	second := b.instruct(named(pay("b", "c", "50"), "second", linkTo(sim.LinkWith, "first")))
	b.wantReserved("a", "USD", "90", "10")
	b.wantReserved("b", "USD", "60", "40") // ten come in the same journal
	b.accept(sim.HoldSettlement{ID: second})
	b.wantState(first, "PENDING ACKNOWLEDGED PENDING:LINK RELEASED")
	b.wantReserved("a", "USD", "100", "0")
	b.wantReserved("b", "USD", "100", "0")
	b.accept(sim.ReleaseSettlement{ID: second})
	b.wait(15 * time.Minute)
	b.wantHolding("b", "USD", "60", "0")
}

func TestWhatIsReservedWaitsForWhatIsToSettleBeforeIt(t *testing.T) {
	t.Parallel()
	b := custodian(t, nil)
	b.give("a", "USD", "100")
	first := b.instruct(named(pay("a", "b", "10"), "first"))
	b.wantReserved("a", "USD", "90", "10")
	before := b.instruct(named(with(pay("a", "c", "20"), func(c *sim.Instruct) { c.Hold = true }), "before", linkTo(sim.LinkBefore, "first")))
	b.wait(0)
	b.wantState(first, "PENDING ACKNOWLEDGED PENDING:LINK RELEASED")
	b.wantReserved("a", "USD", "100", "0")
	b.wait(time.Hour)
	b.wantState(first, "PENDING ACKNOWLEDGED PENDING:LINK RELEASED")
	b.accept(sim.ReleaseSettlement{ID: before})
	b.wait(15 * time.Minute)
	b.wantState(before, "COMPLETED ACKNOWLEDGED SETTLED RELEASED")
	b.wait(15 * time.Minute)
	b.wantState(first, "COMPLETED ACKNOWLEDGED SETTLED RELEASED")
}

func TestLinksAreBounded(t *testing.T) {
	t.Parallel()
	b := custodian(t, nil)
	held := with(pay("a", "b", "1"), func(c *sim.Instruct) { c.Hold = true })
	b.instruct(named(held, "target"))
	for range sim.MaxDependents {
		b.instruct(named(held, "", linkTo(sim.LinkAfter, "target")))
	}
	if err := b.refuse(named(held, "", linkTo(sim.LinkAfter, "target"))); err.Code != sim.CodeLimitReached || err.Field != "links" {
		t.Errorf("one link too many: %v", err)
	}
	b.instruct(named(held, "0"))
	var refused *sim.Error
	for i := range 2 * sim.MaxGroup {
		next := named(held, fmt.Sprint(i+1), linkTo(sim.LinkWith, fmt.Sprint(i)))
		if i == 2*sim.MaxGroup-1 {
			refused = b.refuse(next)
		} else {
			b.instruct(next)
		}
	}
	if refused.Code != sim.CodeLimitReached || refused.Field != "links" {
		t.Errorf("a group too large: %v", refused)
	}
}

func TestWhereNothingWaitsATradeSettlesWithItsSecondInstruction(t *testing.T) {
	t.Parallel()
	b := newBooks(t)
	b.give("a", "AAPL", "100")
	b.give("b", "USD", "19000")
	d, r := b.trade(today(dvp()), today(rvp()))
	b.wantEvent(sim.EventSettlementCompleted, "100 AAPL a/AVAILABLE>b/AVAILABLE", "19000 USD b/AVAILABLE>a/AVAILABLE")
	b.wantState(d, "COMPLETED ACKNOWLEDGED MATCHED SETTLED RELEASED")
	b.wantState(r, "COMPLETED ACKNOWLEDGED MATCHED SETTLED RELEASED")
	b.wantSteps(d, "ACKNOWLEDGED UNMATCHED:CMIS MATCHED SETTLED")
	if b.last().Settlements[0].ID != r {
		t.Error("the command's own settlement is not the first of its event")
	}
	d, r = b.trade(today(dvp()), today(rvp())) // a has no more
	b.wantState(d, "FAILED REJECTED:LACK MATCHED PENDING RELEASED")
	b.wantState(r, "FAILED REJECTED:MONY MATCHED PENDING RELEASED")

	b.give("x", "AAPL", "100")
	out := b.instruct(today(outside(with(dvp(), func(c *sim.Instruct) { c.AccountID = "x" }))))
	b.wantState(out, "COMPLETED ACKNOWLEDGED MATCHED SETTLED RELEASED")
	b.wantEvent(sim.EventSettlementCompleted, "100 AAPL x/AVAILABLE>DEPOSITORY/MIRROR", "19000 USD NOSTRO/MIRROR>x/AVAILABLE")
	alone := b.instruct(today(dvp()))
	b.wait(10 * 24 * time.Hour)
	b.wantState(alone, "PENDING ACKNOWLEDGED UNMATCHED:CMIS PENDING RELEASED")
}

func TestEveryInstructionOfALinkedGroupIsProcessedFromTheNextDayOn(t *testing.T) {
	t.Parallel()
	b := custodian(t, nil)
	b.now = at(23, 16, 0) // after the cut-off
	late := func(external string, links ...sim.Link) uuid.UUID {
		return b.instruct(sim.Instruct{Type: sim.Deposit, AccountID: "a", Symbol: "AAPL", Quantity: amount("5"), ExternalID: external, Links: links})
	}
	first := late("x")
	second := late("y", sim.Link{Type: sim.LinkWith, ExternalID: "x"})
	b.wantState(second, "PENDING PENDING_PROCESSING:ADEA PENDING RELEASED")
	b.wait(at(24, 9, 0).Sub(b.now))
	for _, id := range []uuid.UUID{first, second} {
		b.wantState(id, "PENDING ACKNOWLEDGED PENDING:FUTU RELEASED")
	}
	b.wait(at(25, 9, 0).Sub(b.now))
	for _, id := range []uuid.UUID{first, second} {
		b.wantState(id, "COMPLETED ACKNOWLEDGED SETTLED RELEASED")
	}
}

func TestAnInstructionSaysAtOnceThatAnotherHasComeBeforeIt(t *testing.T) {
	t.Parallel()
	b := custodian(t, nil)
	b.give("a", "AAPL", "1")
	later := b.instruct(today(sim.Instruct{Type: sim.Withdrawal, AccountID: "a", Symbol: "AAPL", Quantity: amount("5"), ExternalID: "x"}))
	b.wantState(later, "PENDING ACKNOWLEDGED PENDING:LACK RELEASED")
	b.instruct(today(sim.Instruct{Type: sim.Deposit, AccountID: "a", Symbol: "AAPL", Quantity: amount("4"), Hold: true,
		Links: []sim.Link{{Type: sim.LinkBefore, ExternalID: "x"}}}))
	b.wait(0)
	b.wantState(later, "PENDING ACKNOWLEDGED PENDING:LINK RELEASED")
}

func TestAHeldInstructionThatFailsForWantOfAMatchKeepsSayingSo(t *testing.T) {
	t.Parallel()
	b := custodian(t, nil)
	id := b.instruct(today(with(dvp(), func(c *sim.Instruct) { c.Hold = true })))
	b.wait(at(24, 9, 0).Sub(b.now))
	const failing = "PENDING ACKNOWLEDGED UNMATCHED:CMIS FAILING:CLAT HELD:PREA"
	b.wantState(id, failing)
	b.accept(sim.UpdateAccount{AccountID: "a", Status: sim.AccountFrozen}) // which looks at what it has open
	b.accept(sim.UpdateAccount{AccountID: "a", Status: sim.AccountActive})
	b.wait(0)
	b.wantState(id, failing)
}

// What is received after the cut-off is worked on from the next day on, and what
// settles with it says until then that it waits for that.
func TestAnInstructionSaysAtOnceThatAnotherThatIsNotProcessedYetSettlesWithIt(t *testing.T) {
	t.Parallel()
	b := custodian(t, nil)
	b.give("a", "AAPL", "100")
	lacks := b.instruct(today(sim.Instruct{Type: sim.Withdrawal, AccountID: "a", Symbol: "AAPL", Quantity: amount("500"), ExternalID: "lacks"}))
	b.now = at(23, 14, 55)
	reserved := b.instruct(today(sim.Instruct{Type: sim.Withdrawal, AccountID: "a", Symbol: "AAPL", Quantity: amount("5"), ExternalID: "reserved"}))
	b.wantState(lacks, "PENDING ACKNOWLEDGED PENDING:LACK RELEASED")
	b.wantReserved("a", "AAPL", "95", "5")
	b.now = at(23, 15, 5)
	for _, with := range []string{"lacks", "reserved"} {
		b.instruct(sim.Instruct{Type: sim.Deposit, AccountID: "a", Symbol: "AAPL", Quantity: amount("400"),
			Links: []sim.Link{{Type: sim.LinkWith, ExternalID: with}}})
	}
	b.wait(0)
	b.wantState(lacks, "PENDING ACKNOWLEDGED FAILING:LINK RELEASED")
	b.wantState(reserved, "PENDING ACKNOWLEDGED FAILING:LINK RELEASED")
	b.wantReserved("a", "AAPL", "100", "0")
}

// What is released for an instruction that settles with what had reserved it is
// there for the whole group at once.
func TestWhatAGroupHadReservedCountsForTheLargerGroup(t *testing.T) {
	t.Parallel()
	b := custodian(t, nil)
	b.give("a", "AAPL", "100")
	b.give("b", "USD", "10")
	first := b.instruct(named(today(sim.Instruct{Type: sim.Withdrawal, AccountID: "a", Symbol: "AAPL", Quantity: amount("60")}), "first"))
	b.wantReserved("a", "AAPL", "40", "60")
	second := b.instruct(named(pay("b", "c", "10"), "second", linkTo(sim.LinkWith, "first")))
	for _, id := range []uuid.UUID{first, second} {
		b.wantState(id, "IN_PROGRESS ACKNOWLEDGED PENDING RELEASED")
	}
	b.wantReserved("a", "AAPL", "40", "60")
	b.wantReserved("b", "USD", "0", "10")
}

// Whether the oldest of those that wait takes what comes is known when it has been
// looked at: what it leaves is for the next.
func TestWhatOneThatWaitsDoesNotTakeIsForTheNext(t *testing.T) {
	t.Parallel()
	b := custodian(t, nil)
	b.give("a", "AAPL", "1")
	oldest, _ := b.trade(today(dvp()), today(rvp())) // whose receiver has no cash either
	var next []uuid.UUID
	for _, quantity := range []string{"70", "80", "30"} {
		next = append(next, b.instruct(today(sim.Instruct{Type: sim.Withdrawal, AccountID: "a", Symbol: "AAPL", Quantity: amount(quantity)})))
	}
	b.arrive("a", "AAPL", "100")
	b.wantState(oldest, "PENDING ACKNOWLEDGED MATCHED PENDING:CMON RELEASED")
	b.wantState(next[0], "IN_PROGRESS ACKNOWLEDGED PENDING RELEASED")
	b.wantState(next[1], "PENDING ACKNOWLEDGED PENDING:LACK RELEASED")
	b.wantState(next[2], "IN_PROGRESS ACKNOWLEDGED PENDING RELEASED")
	b.wantReserved("a", "AAPL", "0", "100")
}
