package sim_test

import (
	"testing"
	"time"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/profile"
)

func onRails(rails ...string) sim.FaultMatch { return sim.FaultMatch{Rails: rails} }

func TestFaultsRejectAndDelayTransfers(t *testing.T) {
	t.Parallel()
	b := newBooksWith(t, rulesWith(t))
	b.deposit("a", "BTC", "10")
	b.deposit("a", "USD", "1000")
	b.accept(sim.AddFault{Match: onRails(profile.CryptoExternal), Effect: sim.FaultEffect{DelaySeconds: 86400}, Duration: time.Hour})
	late := b.submit(onChain("1"))
	if late.Stage != sim.StageReserved || !late.DueAt.Equal(b.now.Add(24*time.Hour)) || !late.ExpectedCompletion.Equal(b.now.Add(24*time.Hour+40*time.Minute)) {
		t.Errorf("transfer is %+v", late)
	}
	b.accept(sim.AddFault{Match: onRails(profile.WireDomestic), Effect: sim.FaultEffect{Reject: &sim.RejectFault{Code: "RR04", Reason: "compliance"}}, Duration: time.Hour})
	b.wantTransfer(b.submit(byWire("1")).ID, sim.StatusFailed, sim.StageRejected, "RR04")
	b.wantTransfer(b.submit(incoming(byWire("1"))).ID, sim.StatusFailed, sim.StageRejected, "RR04")
	b.wantParts("a", "USD", "1000", "0", "0", "0")
	b.wait(2 * time.Hour)
	if tr := b.submit(byWire("1")); tr.Stage != sim.StageReserved {
		t.Errorf("after the fault it is %s", tr.Stage)
	}
	if tr := b.submit(onChain("1")); tr.Stage != sim.StageBroadcast {
		t.Errorf("after the fault it is %s", tr.Stage)
	}
	b.wait(23 * time.Hour)
	b.wantTransfer(late.ID, sim.StatusCompleted, sim.StageSettled, "")
}

func TestASimulatedBankHolidayPutsTransfersOffToTheNextBusinessDay(t *testing.T) {
	t.Parallel()
	newYork, err := time.LoadLocation("America/New_York")
	if err != nil {
		t.Fatal(err)
	}
	b := newBooksWith(t, rulesWith(t))
	b.now = time.Date(2026, 11, 20, 10, 0, 0, 0, newYork) // a Friday
	b.deposit("a", "USD", "1000")
	b.accept(sim.AddFault{Match: onRails(profile.ACHTransfer), Effect: sim.FaultEffect{BankHoliday: true}, Duration: 24 * time.Hour})
	tr := b.submit(byACH(sim.DirectionOut, "10"))
	monday := time.Date(2026, 11, 23, 0, 0, 0, 0, newYork)
	if tr.Stage != sim.StageReserved || tr.ReasonCode != sim.ReasonCutOff || !tr.DueAt.Equal(monday) || tr.ValueDate != "2026-11-23" || !tr.ExpectedCompletion.Equal(monday.Add(2*time.Hour)) {
		t.Errorf("transfer is %+v", tr)
	}
	if last := b.open[len(b.open)-1]; last.Type != sim.EventTransferDelayed {
		t.Errorf("the event is %s", last.Type)
	}
	b.fire(monday.Add(2 * time.Hour))
	b.wantTransfer(tr.ID, sim.StatusCompleted, sim.StageSettled, "")
}

func TestFaultsSlowSimulatedApproversDown(t *testing.T) {
	t.Parallel()
	b := newBooksWith(t, rulesWith(t, approvals, simulatedApprovers("0")))
	b.deposit("a", "USD", "1000")
	b.accept(sim.AddFault{Match: sim.FaultMatch{MinAmount: amount("9")}, Effect: sim.FaultEffect{ApprovalDelayFactor: 10}, Duration: time.Hour})
	slow, quick := b.submit(byWire("9")), b.submit(byWire("8.99"))
	b.wait(30 * time.Minute)
	b.wantTransfer(slow.ID, sim.StatusPending, sim.StageAwaitingApproval, "")
	b.wantTransfer(quick.ID, sim.StatusInProgress, sim.StageReserved, "")
	b.wait(4*time.Hour + 30*time.Minute)
	b.wantTransfer(slow.ID, sim.StatusInProgress, sim.StageReserved, "")
	b.accept(sim.AddFault{Effect: sim.FaultEffect{ApprovalDelayFactor: 1_000}, Duration: time.Hour})
	never := b.submit(byWire("9"))
	if !never.DueAt.Equal(never.ExpiresAt) {
		t.Errorf("it is due at %s and expires at %s", never.DueAt, never.ExpiresAt)
	}
}
