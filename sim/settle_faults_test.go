package sim_test

import (
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
)

// fault adds a fault rule for instructions.
func (b *books) fault(effect sim.FaultEffect, types ...sim.SettlementType) {
	b.t.Helper()
	match := sim.FaultMatch{}
	for _, kind := range types {
		match.SettlementTypes = append(match.SettlementTypes, string(kind))
	}
	b.accept(sim.AddFault{Match: match, Effect: effect})
}

func trading(t *testing.T) *books {
	b := custodian(t, nil)
	b.give("a", "AAPL", "100")
	b.give("b", "USD", "19000")
	return b
}

func TestAFaultRejectsAnInstruction(t *testing.T) {
	t.Parallel()
	b := trading(t)
	b.fault(sim.FaultEffect{Reject: &sim.RejectFault{Code: "NCRR", Reason: "by order"}}, sim.DVP)
	d, r := b.trade(today(dvp()), today(rvp()))
	st := b.wantState(d, "FAILED REJECTED:NCRR PENDING RELEASED")
	if st.Processing.Reason != "by order" {
		t.Errorf("rejected because %q", st.Processing.Reason)
	}
	b.wantState(r, "PENDING ACKNOWLEDGED UNMATCHED:CMIS PENDING RELEASED")
}

func TestAFaultDelaysASettlementOnce(t *testing.T) {
	t.Parallel()
	b := trading(t)
	b.fault(delayOfAnHour, sim.RVP)
	d, r := b.trade(today(dvp()), today(rvp()))
	b.wantState(d, "PENDING ACKNOWLEDGED MATCHED PENDING:NARR RELEASED")
	b.wantState(r, "PENDING ACKNOWLEDGED MATCHED PENDING:NARR RELEASED")
	b.wait(time.Hour)
	b.wantState(d, "IN_PROGRESS ACKNOWLEDGED MATCHED PENDING RELEASED")
	b.wait(15 * time.Minute)
	b.wantState(r, "COMPLETED ACKNOWLEDGED MATCHED SETTLED RELEASED")
}

func TestAFaultDelaysWhereNothingElseWaits(t *testing.T) {
	t.Parallel()
	b := newBooks(t)
	b.fault(delayOfAnHour)
	s := b.deposit("a", "AAPL", "1").ID
	b.wantState(s, "PENDING ACKNOWLEDGED PENDING:NARR RELEASED")
	b.wait(time.Hour)
	b.wantState(s, "COMPLETED ACKNOWLEDGED SETTLED RELEASED")
}

func TestTransition4AFaultHoldsForTheDepository(t *testing.T) {
	t.Parallel()
	b := trading(t)
	b.fault(sim.FaultEffect{Reject: &sim.RejectFault{Code: "CSDH", Reason: "held"}}, sim.DVP)
	d, r := b.trade(today(dvp()), today(rvp()))
	b.wantState(d, "PENDING ACKNOWLEDGED MATCHED PENDING:CSDH RELEASED")
	b.wantState(r, "PENDING ACKNOWLEDGED MATCHED PENDING:CSDH RELEASED")
	b.wait(2 * time.Hour)
	b.wantState(d, "PENDING ACKNOWLEDGED MATCHED PENDING:CSDH RELEASED")
	b.accept(sim.ClearFaults{})
	b.wait(30 * time.Minute) // the next check
	b.wantState(d, "IN_PROGRESS ACKNOWLEDGED MATCHED PENDING RELEASED")
}

func TestABankHolidayPutsSettlementOffToTheNextDay(t *testing.T) {
	t.Parallel()
	b := trading(t)
	b.accept(sim.AddFault{Effect: sim.FaultEffect{BankHoliday: true}, Duration: 24 * time.Hour})
	d, _ := b.trade(today(dvp()), today(rvp()))
	b.wantState(d, "PENDING ACKNOWLEDGED MATCHED PENDING:NARR RELEASED")
	b.until(at(24, 0, 0)) // still a holiday
	b.wantState(d, "PENDING ACKNOWLEDGED MATCHED FAILING:NARR RELEASED")
	b.until(at(25, 0, 0))
	b.wantState(d, "IN_PROGRESS ACKNOWLEDGED MATCHED PENDING RELEASED")
}

func TestAFaultLetsOnlyAPartSettle(t *testing.T) {
	t.Parallel()
	b := trading(t)
	b.fault(sim.FaultEffect{Partial: &sim.PartialFault{Share: amount("0.255")}}, sim.DVP)
	d, r := b.trade(parts(today(dvp()), sim.PartialAllowed, ""), parts(today(rvp()), sim.PartialAllowed, ""))
	b.wantEvent(sim.EventSettlementReserved, "25 AAPL a/AVAILABLE>a/RESERVED", "4750 USD b/AVAILABLE>b/RESERVED")
	b.wait(15 * time.Minute)
	b.wantState(d, "IN_PROGRESS ACKNOWLEDGED MATCHED PARTIALLY_SETTLED:PAIN RELEASED")
	b.wait(45 * time.Minute) // the next check lets the rest through
	b.wantState(r, "COMPLETED ACKNOWLEDGED MATCHED SETTLED RELEASED")
}

func TestTransition14ARedemptionCancelsWhatIsOpen(t *testing.T) {
	t.Parallel()
	b := trading(t)
	b.give("a", "ETC", "7")
	d, r := b.trade(today(dvp()), today(rvp()))
	b.accept(sim.HoldSettlement{ID: d})
	other := b.instruct(with(dvp(), func(c *sim.Instruct) { c.Symbol, c.Quantity = "ETC", amount("1") }))
	b.accept(sim.AnnounceCorporateAction{ID: "x", Type: sim.Redemption, Symbol: "AAPL", Rate: amount("180"), Currency: "USD",
		RecordDate: "2026-11-24", PaymentDate: "2026-11-25"})
	b.until(at(26, 0, 0))
	for _, id := range []uuid.UUID{d, r} {
		if st := b.settlement(id); st.Status != sim.StatusCancelled || st.Processing.ReasonCode != "CORP" {
			t.Errorf("it is %s", stateOf(st))
		}
	}
	if st := b.settlement(other); st.Status.Final() {
		t.Errorf("an instruction of another security is %s", stateOf(st))
	}
	b.wantHolding("a", "USD", "18000", "0")
}
