package sim_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
)

// condition is a condition made of a function.
type condition func(f *sim.PolicyFacts) (bool, error)

func (c condition) Holds(f *sim.PolicyFacts) (bool, error) { return c(f) }

func always(answer bool) condition {
	return func(*sim.PolicyFacts) (bool, error) { return answer, nil }
}

// policedBooks have policies, and 1000 USD and 10 BTC in account a.
func policedBooks(t *testing.T, policies ...sim.Policy) *books {
	t.Helper()
	rules := rulesWith(t)
	rules.Policies = policies
	b := newBooksWith(t, rules)
	b.deposit("a", "USD", "1000")
	b.deposit("a", "BTC", "10")
	return b
}

func TestPoliciesAreAskedInTheirOrder(t *testing.T) {
	t.Parallel()
	no := sim.Policy{Name: "no", Then: sim.PolicyReject}
	hold := sim.Policy{Name: "aml", Then: sim.PolicyHold}
	two := sim.Policy{Name: "two", Then: sim.PolicyRequire, Approvals: 2}
	for _, c := range []struct {
		name      string
		policies  []sim.Policy
		stage     sim.TransferStage
		code      string
		reason    string
		approvals int
	}{
		{"none", nil, sim.StageReserved, "", "", 0},
		{"one that does not apply", []sim.Policy{{Name: "no", When: always(false), Then: sim.PolicyReject}}, sim.StageReserved, "", "", 0},
		{"a rejection", []sim.Policy{hold, no}, sim.StageRejected, sim.ReasonForbidden, `policy "no"`, 0},
		{"a rejection with a reason", []sim.Policy{{Name: "no", Then: sim.PolicyReject, Reason: "closed today"}}, sim.StageRejected, sim.ReasonForbidden, "closed today", 0},
		{"a hold", []sim.Policy{hold}, sim.StageAwaitingApproval, sim.ReasonRegulatory, `held for compliance: policy "aml"`, 1},
		{"two holds count once", []sim.Policy{hold, hold}, sim.StageAwaitingApproval, sim.ReasonRegulatory, `policy "aml"`, 1},
		{"approvals", []sim.Policy{two}, sim.StageAwaitingApproval, "", "", 2},
		{"a hold comes on top of approvals", []sim.Policy{two, hold}, sim.StageAwaitingApproval, sim.ReasonRegulatory, "", 3},
		{"one that fails lets nothing pass", []sim.Policy{{Name: "odd", When: condition(func(*sim.PolicyFacts) (bool, error) {
			return false, errors.New("no such thing")
		}), Then: sim.PolicyReject}}, sim.StageRejected, sim.ReasonRegulatory, "no such thing", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b := policedBooks(t, c.policies...)
			tr := b.submit(byWire("100"))
			if tr.Stage != c.stage || tr.ReasonCode != c.code || !strings.Contains(tr.Reason, c.reason) {
				t.Errorf("transfer is %s, %s (%s)", tr.Stage, tr.ReasonCode, tr.Reason)
			}
			if c.stage != sim.StageRejected && tr.ApprovalsRequired != c.approvals {
				t.Errorf("%d approvals are required, want %d", tr.ApprovalsRequired, c.approvals)
			}
			if c.stage == sim.StageRejected {
				b.wantParts("a", "USD", "1000", "0", "0", "0")
			}
		})
	}
}

func TestPoliciesSeeTheFacts(t *testing.T) {
	t.Parallel()
	var seen []sim.PolicyFacts
	b := policedBooks(t, sim.Policy{Name: "look", When: condition(func(f *sim.PolicyFacts) (bool, error) {
		seen = append(seen, *f)
		return false, nil
	}), Then: sim.PolicyReject})
	b.submit(byWire("100"))
	b.submit(incoming(onChain("1")))
	c := incoming(onChain("1"))
	c.AccountID = "fresh"
	b.submit(c)
	f := seen[0]
	if !f.Now.Equal(b.now.Add(-2*time.Second)) || f.Transfer.Symbol != "USD" || !f.Asset.IsCash() || f.Account.AccountID != "a" || !f.Available.Equal(amount("1000")) || !f.Total.Equal(amount("1000")) {
		t.Errorf("facts are %+v", f)
	}
	if seen[2].Account.AccountID != "fresh" || seen[2].Account.Status != sim.AccountActive || !seen[2].Total.IsZero() {
		t.Errorf("facts are %+v", seen[2])
	}
}

func TestAWhitelistLetsNobodyElseBePaid(t *testing.T) {
	t.Parallel()
	b := policedBooks(t, sim.Policy{Name: "list", Whitelist: sim.NewWhitelist([]string{"12345678"}, []string{"bc1qtest"}), Then: sim.PolicyReject})
	if tr := b.submit(byWire("1")); tr.Stage != sim.StageReserved {
		t.Errorf("a listed account gives %s", tr.Reason)
	}
	if tr := b.submit(onChain("1")); tr.Status != sim.StatusInProgress {
		t.Errorf("a listed address gives %s", tr.Reason)
	}
	other := byWire("1")
	other.Beneficiary.Account = "87654321"
	elsewhere := onChain("1")
	elsewhere.Beneficiary.Address = "bc1qother"
	mixed := byWire("1")
	mixed.Beneficiary.Address = "bc1qother"
	for _, c := range []sim.SubmitTransfer{other, elsewhere, mixed} {
		if tr := b.submit(c); tr.Stage != sim.StageRejected || tr.ReasonCode != sim.ReasonForbidden {
			t.Errorf("%+v gives %s, %s", c.Beneficiary, tr.Stage, tr.Reason)
		}
	}
	other.Direction = sim.DirectionIn
	if tr := b.submit(other); tr.Stage == sim.StageRejected {
		t.Errorf("what comes in gives %s", tr.Reason)
	}
}

func TestAVelocityLimitLooksBackOverItsWindow(t *testing.T) {
	t.Parallel()
	limit := sim.Policy{Name: "daily", Velocity: &sim.VelocityLimit{Hours: 24, MaxAmount: amount("300"), MaxCount: 3}, Then: sim.PolicyReject}
	b := policedBooks(t, limit)
	rejected := func(quantity, part string) {
		t.Helper()
		if tr := b.submit(byWire(quantity)); tr.Stage != sim.StageRejected || tr.ReasonCode != sim.ReasonLimitExceeded || !strings.Contains(tr.Reason, part) {
			t.Fatalf("%s gives %s, %s", quantity, tr.Stage, tr.Reason)
		}
	}
	passes := func(quantity string) *sim.Transfer {
		t.Helper()
		tr := b.submit(byWire(quantity))
		if tr.Stage != sim.StageReserved {
			t.Fatalf("%s gives %s, %s", quantity, tr.Stage, tr.Reason)
		}
		return tr
	}
	passes("100")
	rejected("200.01", "300.01 USD would leave, 300 may")
	b.wait(10 * time.Hour)
	second := passes("200")
	rejected("0.01", "300.01")
	b.accept(sim.CancelTransfer{ID: second.ID}) // which never left
	passes("50")
	passes("50")
	rejected("1", "4 transfers would leave, 3 may")
	if other := onChain("5"); b.submit(other).Stage == sim.StageRejected {
		t.Error("another asset is limited too")
	}
	rules := rulesWith(t)
	rules.Policies = []sim.Policy{limit}
	b.restart(rules)
	rejected("1", "4 transfers")
	b.wait(15*time.Hour + 30*time.Minute) // the first is past
	passes("100")
	rejected("1", "4 transfers")
	b.wait(8 * 24 * time.Hour)
	for _, v := range b.state.Snapshot().Documents {
		t.Errorf("document %s is kept: %s", v.ID, v.Body)
	}
}

func TestAConcentrationLimitIsExact(t *testing.T) {
	t.Parallel()
	b := policedBooks(t, sim.Policy{Name: "third", Concentration: &sim.ConcentrationLimit{MaxShare: amount("0.333333333333333333")}, Then: sim.PolicyReject})
	if tr := b.submit(onChain("3.33333333")); tr.Stage == sim.StageRejected {
		t.Errorf("less than the share gives %s", tr.Reason)
	}
	b = policedBooks(t, sim.Policy{Name: "third", Concentration: &sim.ConcentrationLimit{MaxShare: amount("0.333333333333333333")}, Then: sim.PolicyReject})
	if tr := b.submit(onChain("3.33333334")); tr.Stage != sim.StageRejected || tr.ReasonCode != sim.ReasonLimitExceeded {
		t.Errorf("more than the share gives %s", tr.Stage)
	}
	b = policedBooks(t, sim.Policy{Name: "half", Concentration: &sim.ConcentrationLimit{MaxShare: amount("0.5")}, Then: sim.PolicyReject})
	if tr := b.submit(onChain("5")); tr.Stage == sim.StageRejected {
		t.Errorf("exactly the share gives %s", tr.Reason)
	}
}
