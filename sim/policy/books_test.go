package policy_test

import (
	"testing"
	"time"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/asset"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/policy"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/profile"
)

func TestTheBooksFollowCompiledPolicies(t *testing.T) {
	t.Parallel()
	policies, err := policy.Compile([]policy.Config{
		{Name: "sanctions", When: `beneficiary.bank.startsWith("BAD")`, Then: "reject", Reason: "sanctioned bank"},
		{Name: "weekly", When: `sent.amount(168) + transfer.quantity > 100 || sent.count(168) >= 3`, Then: "hold"},
		{Name: "large", When: `transfer.quantity > holding.total * decimal("0.3")`, Then: "require", Approvals: 2},
	})
	if err != nil {
		t.Fatal(err)
	}
	state := sim.NewState(sim.Rules{
		Assets: asset.NewRegistry(), AutoOpen: true, MaxAccounts: 10, MaxHoldings: 10, MaxOpenSettlements: 10, Policies: policies,
	}, sim.NewGenerator("policy", 1))
	now := time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)
	do := func(c sim.Command) sim.Result {
		t.Helper()
		now = now.Add(time.Minute)
		d, err := state.Decide(now, &sim.Request{Command: c})
		if err != nil || d.Outcome != sim.Accepted {
			t.Fatalf("%+v: %v, %v, %v", c, d.Outcome, d.Err, err)
		}
		return d.Result
	}
	do(sim.Instruct{Type: sim.Deposit, AccountID: "a", Symbol: "USD", Quantity: amount("200")})
	for _, c := range []struct {
		name, quantity, bank string
		stage                sim.TransferStage
		required             int
		code                 string
	}{
		{"a usual one settles", "40", "", sim.StageSettled, 0, ""},
		{"a sanctioned bank is refused", "1", "BADBANK", sim.StageRejected, 0, sim.ReasonForbidden},
		{"a third of what is there needs two", "50", "", sim.StageAwaitingApproval, 2, ""},
		{"more than may leave in a week is held", "11", "", sim.StageAwaitingApproval, 1, sim.ReasonRegulatory},
		{"and so is the fourth, however small", "0.01", "", sim.StageAwaitingApproval, 1, sim.ReasonRegulatory},
	} {
		tr := do(sim.SubmitTransfer{
			Rail: profile.WireDomestic, Direction: sim.DirectionOut, AccountID: "a", Symbol: "USD", Quantity: amount(c.quantity),
			Beneficiary: sim.Beneficiary{Account: "1", Bank: c.bank}, RequestedBy: "alice",
		}).Transfer
		if tr.Stage != c.stage || tr.ApprovalsRequired != c.required || tr.ReasonCode != c.code {
			t.Errorf("%s: it is %s with %d approvals required, %s (%s)", c.name, tr.Stage, tr.ApprovalsRequired, tr.ReasonCode, tr.Reason)
		}
	}
}
