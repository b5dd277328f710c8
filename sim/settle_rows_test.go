package sim_test

import (
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/asset"
)

// The tests of this file follow the numbered transitions of the specification.

func TestTransition1AValidInstructionIsAcknowledged(t *testing.T) {
	t.Parallel()
	b := custodian(t, nil)
	d := b.instruct(dvp())
	b.wantState(d, "PENDING ACKNOWLEDGED UNMATCHED:CMIS PENDING RELEASED")
	b.wantSteps(d, "ACKNOWLEDGED UNMATCHED:CMIS")
	b.wantEvent(sim.EventSettlementAcknowledged)
	st := b.settlement(d)
	if st.SourceAccount != "a" || st.DestinationAccount != "b" || !st.DueAt.Equal(at(24, 0, 0)) {
		t.Errorf("settlement is %+v", st)
	}
}

func TestTransition1aAnInvalidInstructionIsRejectedAndRecorded(t *testing.T) {
	t.Parallel()
	closed := func(b *books) {
		b.accept(sim.OpenAccount{AccountID: "a"})
		b.accept(sim.UpdateAccount{AccountID: "a", Status: sim.AccountClosed})
	}
	for name, c := range map[string]struct {
		prepare func(*books)
		command sim.Instruct
		code    string
	}{
		"SAFE for a closed account":          {closed, dvp(), "SAFE"},
		"SAFE for a closed counterparty":     {closed, rvp(), "SAFE"},
		"DSEC for cash as the security":      {nil, with(dvp(), func(c *sim.Instruct) { c.Symbol = "EUR" }), "DSEC"},
		"DQUA for a fraction of a security":  {nil, with(dvp(), func(c *sim.Instruct) { c.Quantity = amount("0.5") }), "DQUA"},
		"LATE after the value date's cutoff": {func(b *books) { b.until(at(23, 15, 0)) }, today(dvp()), "LATE"},
		"ULNK for a link to nothing": {nil, with(dvp(), func(c *sim.Instruct) {
			c.Links = []sim.Link{{Type: sim.LinkAfter, ExternalID: "nothing"}}
		}), "ULNK"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := custodian(t, nil)
			if c.prepare != nil {
				c.prepare(b)
			}
			s := b.instruct(c.command)
			b.wantState(s, "FAILED REJECTED:"+c.code+" PENDING RELEASED")
			b.wantSteps(s, "ACKNOWLEDGED REJECTED:"+c.code)
			b.wantEvent(sim.EventSettlementRejected)
		})
	}
}

func TestFractionsOfADeclaredSecurityAreTaken(t *testing.T) {
	t.Parallel()
	rules := custodian(t, nil).given
	rules.Assets = asset.NewRegistry(asset.Asset{Symbol: "AAPL", Kind: asset.Security, Decimals: 3})
	b := newBooksWith(t, rules)
	b.now = at(23, 9, 30)
	s := b.instruct(with(dvp(), func(c *sim.Instruct) { c.Quantity = amount("0.5") }))
	b.wantState(s, "PENDING ACKNOWLEDGED UNMATCHED:CMIS PENDING RELEASED")
}

func TestTransition1bProcessingWaitsForTheNextDayOrForTheAccount(t *testing.T) {
	t.Parallel()
	b := custodian(t, nil)
	b.until(at(23, 16, 0))
	late := b.instruct(dvp())
	b.wantState(late, "PENDING PENDING_PROCESSING:ADEA PENDING RELEASED")
	b.until(at(24, 0, 0))
	b.wantState(late, "PENDING ACKNOWLEDGED UNMATCHED:CMIS PENDING RELEASED")
	b.wantSteps(late, "ACKNOWLEDGED PENDING_PROCESSING:ADEA ACKNOWLEDGED UNMATCHED:CMIS")

	b = custodian(t, nil)
	b.accept(sim.OpenAccount{AccountID: "a"})
	b.accept(sim.UpdateAccount{AccountID: "a", Status: sim.AccountFrozen})
	blocked := b.instruct(dvp())
	b.wantState(blocked, "PENDING PENDING_PROCESSING:BLOC PENDING RELEASED")
	b.accept(sim.UpdateAccount{AccountID: "a", Status: sim.AccountActive})
	b.wait(0)
	b.wantState(blocked, "PENDING ACKNOWLEDGED UNMATCHED:CMIS PENDING RELEASED")
}

func TestTransition2InstructionsThatDifferInOneKeyAreUnmatchedWithTheReason(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*sim.Instruct)
		code   string
	}{
		"the amount":        {func(c *sim.Instruct) { c.Payment.Amount = amount("19002.01") }, "DMON"},
		"the currency":      {func(c *sim.Instruct) { c.Payment.Currency = "EUR" }, "NCRR"},
		"the quantity":      {func(c *sim.Instruct) { c.Quantity = amount("99") }, "DQUA"},
		"the security":      {func(c *sim.Instruct) { c.Symbol = "MSFT" }, "DSEC"},
		"the date":          {func(c *sim.Instruct) { c.SettlementDate = "2026-11-25" }, "DDAT"},
		"the trade date":    {func(c *sim.Instruct) { c.TradeDate = "2026-11-20" }, "DTRD"},
		"the direction":     {func(c *sim.Instruct) { c.Type = sim.DVP }, "DELN"},
		"the payment":       {func(c *sim.Instruct) { c.Type, c.Payment = sim.RFP, sim.Cash{} }, "DELN"},
		"the counterparty":  {func(c *sim.Instruct) { c.CounterpartyAccount = "c" }, "ICUS"},
		"two keys are many": {func(c *sim.Instruct) { c.Symbol, c.Quantity = "MSFT", amount("1") }, "CMIS"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := custodian(t, nil)
			first := b.instruct(with(dvp(), func(c *sim.Instruct) { c.TradeDate = "2026-11-23" }))
			second := b.instruct(with(rvp(), c.change))
			if c.code == "ICUS" { // the candidate of b is a's, which names b; a's candidate names c
				b.wantState(second, "PENDING ACKNOWLEDGED UNMATCHED:CMIS PENDING RELEASED")
				first = b.instruct(with(dvp(), func(c *sim.Instruct) { c.TradeDate = "2026-11-23" }))
				b.wantState(first, "PENDING ACKNOWLEDGED UNMATCHED:ICUS PENDING RELEASED")
				return
			}
			b.wantState(first, "PENDING ACKNOWLEDGED UNMATCHED:"+c.code+" PENDING RELEASED")
			b.wantState(second, "PENDING ACKNOWLEDGED UNMATCHED:"+c.code+" PENDING RELEASED")
		})
	}
}

func TestTransition2TheReasonGoesWithTheInstructionThatGaveIt(t *testing.T) {
	t.Parallel()
	b := custodian(t, nil)
	first := b.instruct(dvp())
	second := b.instruct(with(rvp(), func(c *sim.Instruct) { c.Payment.Amount = amount("1") }))
	b.wantState(first, "PENDING ACKNOWLEDGED UNMATCHED:DMON PENDING RELEASED")
	b.accept(sim.CancelSettlement{ID: second})
	b.wantState(first, "PENDING ACKNOWLEDGED UNMATCHED:CMIS PENDING RELEASED")
	b.instruct(rvp())
	b.wantState(first, "PENDING ACKNOWLEDGED MATCHED PENDING:FUTU RELEASED")
}

func TestTransition3InstructionsMatchWithinTheTolerance(t *testing.T) {
	t.Parallel()
	b := custodian(t, nil)
	d := b.instruct(dvp())
	r := b.instruct(with(rvp(), func(c *sim.Instruct) { c.Payment.Amount = amount("19002") }))
	b.wantEvent(sim.EventSettlementAcknowledged)
	if len(b.last().Settlements) != 2 || b.last().Settlements[0].ID != r {
		t.Error("the match is not one event, with the new instruction first")
	}
	b.wantState(d, "PENDING ACKNOWLEDGED MATCHED PENDING:FUTU RELEASED")
	b.wantState(r, "PENDING ACKNOWLEDGED MATCHED PENDING:FUTU RELEASED")
	b.wantSteps(d, "ACKNOWLEDGED UNMATCHED:CMIS MATCHED PENDING:FUTU")
	b.wantSteps(r, "ACKNOWLEDGED MATCHED PENDING:FUTU")
	if b.settlement(d).MatchedWith != r || b.settlement(r).MatchedWith != d {
		t.Error("the two do not name each other")
	}
}

func TestTransition4HoldsAreMirroredAndReleaseWhatIsReserved(t *testing.T) {
	t.Parallel()
	b := custodian(t, nil)
	b.give("a", "AAPL", "100")
	b.give("b", "USD", "19000")
	d, r := b.trade(today(dvp()), today(rvp()))
	b.wantReserved("a", "AAPL", "0", "100")
	b.accept(sim.HoldSettlement{ID: d})
	b.wantEvent(sim.EventSettlementHeld, "100 AAPL a/RESERVED>a/AVAILABLE", "19000 USD b/RESERVED>b/AVAILABLE")
	b.wantState(d, "PENDING ACKNOWLEDGED MATCHED PENDING:PREA HELD:PREA")
	b.wantState(r, "PENDING ACKNOWLEDGED MATCHED PENDING:PRCY RELEASED")
	b.accept(sim.HoldSettlement{ID: r})
	b.wantState(d, "PENDING ACKNOWLEDGED MATCHED PENDING:BOTH HELD:PREA")
	b.wantState(r, "PENDING ACKNOWLEDGED MATCHED PENDING:BOTH HELD:PREA")
	b.accept(sim.ReleaseSettlement{ID: d})
	b.wantState(d, "PENDING ACKNOWLEDGED MATCHED PENDING:PRCY RELEASED")
	b.wantState(r, "PENDING ACKNOWLEDGED MATCHED PENDING:PREA HELD:PREA")
	b.accept(sim.ReleaseSettlement{ID: r})
	b.wantEvent(sim.EventSettlementReserved, "100 AAPL a/AVAILABLE>a/RESERVED", "19000 USD b/AVAILABLE>b/RESERVED")
	b.wantState(d, "IN_PROGRESS ACKNOWLEDGED MATCHED PENDING RELEASED")
}

func TestTransition5BeforeItsDateASettlementIsPending(t *testing.T) {
	t.Parallel()
	b := custodian(t, nil)
	b.give("a", "AAPL", "100")
	b.give("b", "USD", "19000")
	d, r := b.trade(dvp(), rvp())
	b.wantState(d, "PENDING ACKNOWLEDGED MATCHED PENDING:FUTU RELEASED")
	b.until(at(23, 23, 59))
	b.wantReserved("a", "AAPL", "100", "0")
	b.until(at(24, 0, 0))
	b.wantState(d, "IN_PROGRESS ACKNOWLEDGED MATCHED PENDING RELEASED")
	b.wantState(r, "IN_PROGRESS ACKNOWLEDGED MATCHED PENDING RELEASED")
}

func TestTransition6WhatIsLackingIsMirrored(t *testing.T) {
	t.Parallel()
	b := custodian(t, nil)
	b.give("a", "AAPL", "99")
	b.give("b", "USD", "18999.99")
	d, r := b.trade(today(dvp()), today(rvp()))
	b.wantState(d, "PENDING ACKNOWLEDGED MATCHED PENDING:LACK RELEASED")
	b.wantState(r, "PENDING ACKNOWLEDGED MATCHED PENDING:MONY RELEASED")
	arrive := func(account, symbol, quantity string) {
		b.accept(today(sim.Instruct{Type: sim.Deposit, AccountID: account, Symbol: symbol, Quantity: amount(quantity)}))
		b.wait(15 * time.Minute) // for its processing
	}
	arrive("a", "AAPL", "1")
	b.wantState(d, "PENDING ACKNOWLEDGED MATCHED PENDING:CMON RELEASED")
	b.wantState(r, "PENDING ACKNOWLEDGED MATCHED PENDING:MONY RELEASED")
	arrive("b", "USD", "0.01")
	b.wantState(d, "IN_PROGRESS ACKNOWLEDGED MATCHED PENDING RELEASED")
	b.wantSteps(d, "ACKNOWLEDGED UNMATCHED:CMIS MATCHED PENDING:LACK PENDING:CMON RESERVED")

	b = custodian(t, nil)
	b.give("b", "USD", "19000")
	d, r = b.trade(today(dvp()), today(rvp()))
	b.wantState(d, "PENDING ACKNOWLEDGED MATCHED PENDING:LACK RELEASED")
	b.wantState(r, "PENDING ACKNOWLEDGED MATCHED PENDING:CLAC RELEASED")
}

func TestTransition6NothingOfAFrozenAccountSettles(t *testing.T) {
	t.Parallel()
	b := custodian(t, nil)
	b.give("a", "AAPL", "100")
	b.give("b", "USD", "19000")
	d, r := b.trade(today(dvp()), today(rvp()))
	b.accept(sim.UpdateAccount{AccountID: "b", Status: sim.AccountFrozen})
	b.wait(15 * time.Minute)
	b.wantState(d, "PENDING ACKNOWLEDGED MATCHED PENDING:FROZ RELEASED")
	b.wantState(r, "PENDING ACKNOWLEDGED MATCHED PENDING:FROZ RELEASED")
	b.wantReserved("a", "AAPL", "100", "0")
	b.accept(sim.UpdateAccount{AccountID: "b", Status: sim.AccountActive})
	b.wait(15 * time.Minute)
	b.wantState(r, "COMPLETED ACKNOWLEDGED MATCHED SETTLED RELEASED")
}

func TestTransitions7And8BothLegsAreReservedAndSettleInOneJournal(t *testing.T) {
	t.Parallel()
	b := custodian(t, nil)
	b.give("a", "AAPL", "100")
	b.give("b", "USD", "19000")
	d, r := b.trade(today(dvp()), today(rvp()))
	b.wantEvent(sim.EventSettlementReserved, "100 AAPL a/AVAILABLE>a/RESERVED", "19000 USD b/AVAILABLE>b/RESERVED")
	b.wantReserved("b", "USD", "0", "19000")
	b.wait(15*time.Minute - time.Second)
	b.wantState(d, "IN_PROGRESS ACKNOWLEDGED MATCHED PENDING RELEASED")
	b.wait(time.Second)
	b.wantEvent(sim.EventSettlementCompleted, "100 AAPL a/RESERVED>b/AVAILABLE", "19000 USD b/RESERVED>a/AVAILABLE")
	for _, id := range []uuid.UUID{d, r} {
		st := b.wantState(id, "COMPLETED ACKNOWLEDGED MATCHED SETTLED RELEASED")
		wantAmount(t, "what settled", st.Settled, "100")
		wantAmount(t, "the payment", st.SettledPayment, "19000")
		if !st.Course.IsZero() || !st.DueAt.IsZero() || !st.Reserved.IsZero() || !st.CompletedAt.Equal(b.now) {
			t.Errorf("a final settlement keeps %+v", st)
		}
	}
	b.wantSteps(r, "ACKNOWLEDGED MATCHED RESERVED SETTLED")
	b.wantReserved("a", "AAPL", "0", "0")
	b.wantHolding("a", "USD", "19000", "0")
	b.wantHolding("b", "AAPL", "100", "0")
}

func TestTransition8xOutsideTheHouseTheDepositoryConfirms(t *testing.T) {
	t.Parallel()
	b := custodian(t, nil)
	b.give("a", "AAPL", "100")
	b.give("b", "USD", "19000")
	d, r := b.trade(today(outside(dvp())), today(outside(rvp())))
	b.wantState(d, "PENDING ACKNOWLEDGED UNMATCHED:CMIS PENDING RELEASED")
	b.until(at(23, 11, 30).Add(3 * time.Second)) // it affirms after two hours
	b.wantEvent(sim.EventSettlementReserved, "100 AAPL a/AVAILABLE>a/RESERVED")
	b.until(at(23, 11, 31))
	b.wantEvent(sim.EventSettlementReserved, "19000 USD b/AVAILABLE>b/RESERVED")
	b.wantState(d, "IN_PROGRESS ACKNOWLEDGED MATCHED PENDING RELEASED")
	b.until(at(23, 12, 15).Add(3 * time.Second)) // processed for 15 minutes, confirmed after 30
	b.wantEvent(sim.EventSettlementCompleted, "100 AAPL a/RESERVED>DEPOSITORY/MIRROR", "19000 USD NOSTRO/MIRROR>a/AVAILABLE")
	b.until(at(23, 12, 16))
	b.wantEvent(sim.EventSettlementCompleted, "100 AAPL DEPOSITORY/MIRROR>b/AVAILABLE", "19000 USD b/RESERVED>NOSTRO/MIRROR")
	b.wantState(r, "COMPLETED ACKNOWLEDGED MATCHED SETTLED RELEASED")
}
