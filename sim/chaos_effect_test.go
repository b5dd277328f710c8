package sim_test

import (
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/profile"
)

// chaos adds the rule of one of the ecosystem's calls.
func (b *books) chaos(c ruler) *sim.FaultRule {
	b.t.Helper()
	rule, refusal := c.Rule()
	if refusal != nil {
		b.t.Fatalf("%+v: %v", c, refusal)
	}
	added, err := b.accept(rule).Document.Fault()
	if err != nil {
		b.t.Fatalf("%v", err)
	}
	return added
}

// rich are books on the test rails with something to send.
func rich(t *testing.T, overrides ...string) *books {
	t.Helper()
	b := newBooksWith(t, rulesWith(t, overrides...))
	b.deposit("a", "BTC", "10")
	b.deposit("a", "USD", "1000000")
	return b
}

// completed lets time pass until a transfer is final and returns when it was.
func (b *books) completed(id uuid.UUID) time.Time {
	b.t.Helper()
	for range 100 {
		if t := b.transferOf(id); t.Status.Final() {
			return t.CompletedAt
		}
		next, any := b.state.NextDue()
		if !any {
			break
		}
		b.fire(next)
	}
	b.t.Fatalf("transfer %s never ends", id)
	return time.Time{}
}

func TestDelayedSettlementsTakeLonger(t *testing.T) {
	t.Parallel()
	b := rich(t)
	onTime := b.submit(onChain("1"))
	b.chaos(sim.DelaySettlements{SettlementTypes: []string{profile.CryptoExternal}, DelayHours: 24, DurationS: 3600})
	late, other := b.submit(onChain("1")), b.submit(byWire("100"))
	if by := late.ExpectedCompletion.Sub(onTime.ExpectedCompletion); by < 24*time.Hour || by > 24*time.Hour+time.Minute {
		t.Errorf("expected %s later", by)
	}
	if by := b.completed(late.ID).Sub(b.completed(onTime.ID)); by < 24*time.Hour || by > 24*time.Hour+time.Minute {
		t.Errorf("completed %s later", by)
	}
	b.fire(b.now.Add(10 * 24 * time.Hour))
	if wire := b.transferOf(other.ID); wire.Status != sim.StatusCompleted || wire.CompletedAt.After(wire.ExpectedCompletion.Add(time.Hour)) {
		t.Errorf("a wire is delayed: %+v", wire)
	}
}

func TestAPartOfTheSettlementsFails(t *testing.T) {
	t.Parallel()
	run := func() (pattern string, failed int) {
		b := rich(t)
		b.chaos(sim.PartialSettlementFailure{SettlementType: profile.WireDomestic, FailureRate: amount("0.3"), Error: "insufficient_funds"})
		for range 200 {
			switch x := b.submit(byWire("100")); {
			case x.Stage != sim.StageRejected:
				pattern += "."
			case x.ReasonCode == sim.ReasonMoney && x.Reason == "insufficient_funds":
				pattern += "x"
				failed++
			default:
				t.Fatalf("rejected with %s: %s", x.ReasonCode, x.Reason)
			}
		}
		return pattern, failed
	}
	pattern, failed := run()
	if failed < 35 || failed > 85 {
		t.Errorf("of 200 wires %d failed at a rate of 0.3", failed)
	}
	if again, _ := run(); again != pattern {
		t.Error("a second run has other failures")
	}
}

func TestApproversTakeManyTimesAsLong(t *testing.T) {
	t.Parallel()
	approved := func(slower bool) time.Duration {
		b := rich(t, approvals, simulatedApprovers("0"), `{"approvals":{"timeout":"240h"}}`)
		if slower {
			b.chaos(sim.MultiSigDelays{DelayMultiplier: 10, MinAmount: amount("5"), DurationS: 1800})
		}
		small := b.submit(onChain("4"))
		sent := b.now
		large := b.submit(onChain("5"))
		if x, y := b.completed(small.ID), b.completed(large.ID); slower && y.Sub(x) < 4*time.Hour {
			t.Errorf("the small one took until %s, the large one until %s", x, y)
		}
		return b.completed(large.ID).Sub(sent)
	}
	if plain, slow := approved(false), approved(true); slow < plain+4*time.Hour {
		t.Errorf("a transfer takes %s, with slow approvers %s", plain, slow)
	}
}

func TestABankHolidayPutsWiresOffAndLeavesTheChainAlone(t *testing.T) {
	t.Parallel()
	b := rich(t, `{"rails":{"wire_domestic":{"cycle":0}}}`)
	rule := b.chaos(sim.SimulateBankHoliday{DurationHours: 12, AffectedTypes: []string{profile.WireDomestic, profile.ACHTransfer}})
	wire, chain := b.submit(byWire("100")), b.submit(onChain("1"))
	if done := b.completed(chain.ID); !done.Before(rule.Until) {
		t.Errorf("the chain waited until %s", done)
	}
	if done := b.completed(wire.ID); done.Before(rule.Until) || b.transferOf(wire.ID).Status != sim.StatusCompleted {
		t.Errorf("the wire settled at %s on a holiday until %s", done, rule.Until)
	}
}

func TestRejectedTransfersAreThoseOfRailsAndTheTransferInstructions(t *testing.T) {
	t.Parallel()
	b := rich(t)
	b.chaos(sim.RejectTransfers{Rate: amount("1"), Reason: "compliance", DurationS: 600})
	before := b.holding("a", "BTC")
	if x := b.submit(onChain("1")); x.Stage != sim.StageRejected || x.ReasonCode != "RR04" || x.Reason != "compliance" {
		t.Errorf("the transfer is %s, %s: %s", x.Stage, x.ReasonCode, x.Reason)
	}
	moved := b.accept(sim.Instruct{Type: sim.Internal, SourceAccount: "a", DestinationAccount: "b", Symbol: "BTC", Quantity: amount("1")}).Settlement
	if code, text := moved.Reason(); moved.Status != sim.StatusFailed || code != "RR04" || text != "compliance" {
		t.Errorf("the instruction is %s, %s: %s", moved.Status, code, text)
	}
	if after := b.holding("a", "BTC"); !after.Available.Equal(before.Available) || !after.Locked.Equal(before.Locked) {
		t.Errorf("a rejected transfer leaves %+v of %+v", after, before)
	}
	if s := b.deposit("a", "BTC", "1"); s.Status != sim.StatusCompleted {
		t.Errorf("a deposit is %s", s.Status)
	}
	b.fire(b.now.Add(10 * time.Minute))
	if x := b.submit(onChain("1")); x.Stage == sim.StageRejected {
		t.Error("transfers are rejected after the fault is over")
	}
}

func TestTransfersUnderWayWaitWhileTheCustodianIsOffline(t *testing.T) {
	t.Parallel()
	b := rich(t)
	x := b.submit(onChain("1"))
	rule := b.chaos(sim.CustodianOffline{DurationS: 7200, ErrorMessage: "system_maintenance"})
	if !x.ExpectedCompletion.Before(rule.Until) {
		t.Fatalf("the transfer is expected at %s only", x.ExpectedCompletion)
	}
	b.fire(rule.Until.Add(-time.Microsecond))
	if now := b.transferOf(x.ID); now.Status.Final() || now.Stage != x.Stage {
		t.Errorf("offline, the transfer came to %s", now.Stage)
	}
	if done := b.completed(x.ID); done.Before(rule.Until) || done.After(rule.Until.Add(time.Hour)) || b.transferOf(x.ID).Status != sim.StatusCompleted {
		t.Errorf("the transfer ends at %s", done)
	}
	if err := b.state.CheckBooks(); err != nil {
		t.Error(err)
	}
}

func TestAShareSettlesWhereBothSidesAllowParts(t *testing.T) {
	t.Parallel()
	b := custodian(t, nil)
	b.give("a", "AAPL", "100")
	b.give("b", "USD", "19000")
	b.accept(sim.AddFault{Effect: sim.FaultEffect{Partial: &sim.PartialFault{Share: amount("0.4")}}, Duration: 2 * time.Hour})
	d, r := b.trade(parts(today(dvp()), sim.PartialAllowed, ""), parts(today(rvp()), sim.PartialAllowed, ""))
	b.wantEvent(sim.EventSettlementReserved, "40 AAPL a/AVAILABLE>a/RESERVED", "7600 USD b/AVAILABLE>b/RESERVED")
	b.until(at(23, 14, 59))
	for _, id := range []uuid.UUID{d, r} {
		if s := b.settlement(id); s.Status != sim.StatusCompleted {
			t.Errorf("once the fault is over, the settlement is %s with %s settled", s.Status, s.Settled)
		}
	}
	if err := b.state.CheckBooks(); err != nil {
		t.Error(err)
	}
}
