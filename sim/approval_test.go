package sim_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
)

func TestApprovalsAreAsManyAsTheAmountNeeds(t *testing.T) {
	t.Parallel()
	for quantity, required := range map[string]int{"9.99": 1, "10": 2, "99.99": 2, "100": 3, "500": 3} {
		t.Run(quantity, func(t *testing.T) {
			t.Parallel()
			b := newBooksWith(t, rulesWith(t, approvals))
			b.deposit("a", "USD", "1000")
			tr := b.submit(byWire(quantity))
			if tr.Stage != sim.StageAwaitingApproval || tr.Status != sim.StatusPending || tr.ApprovalsRequired != required ||
				!tr.ExpiresAt.Equal(b.now.Add(24*time.Hour)) || tr.ExpectedCompletion.IsZero() {
				t.Fatalf("transfer is %+v", tr)
			}
			if !tr.Reserved.Equal(amount(quantity).Add(amount("15"))) || !b.holding("a", "USD").Reserved.Equal(tr.Reserved) {
				t.Errorf("%s is reserved while it waits", tr.Reserved)
			}
			for i := range required {
				if i > 0 {
					b.wantTransfer(tr.ID, sim.StatusPending, sim.StageAwaitingApproval, "")
				}
				approved := b.accept(sim.ApproveTransfer{ID: tr.ID, By: fmt.Sprintf("approver-%d", i)}).Transfer
				if len(approved.Approvals) != i+1 || approved.Approvals[i].Decision != sim.Approved || !approved.Approvals[i].At.Equal(b.now) {
					t.Fatalf("approvals are %+v", approved.Approvals)
				}
			}
			done := b.wantTransfer(tr.ID, sim.StatusInProgress, sim.StageReserved, "")
			if stages(done) != "SUBMITTED AWAITING_APPROVAL APPROVED RESERVED" || !done.ExpiresAt.IsZero() {
				t.Errorf("transfer is %+v", done)
			}
		})
	}
}

func TestApprovalsAreRefusedToThoseWhoMayNotGiveThem(t *testing.T) {
	t.Parallel()
	b := newBooksWith(t, rulesWith(t, approvals))
	b.deposit("a", "USD", "1000")
	tr := b.submit(byWire("50"))
	b.accept(sim.ApproveTransfer{ID: tr.ID, By: "bob"})
	for _, r := range []refusal{
		{"by the requester", sim.ApproveTransfer{ID: tr.ID, By: "alice"}, sim.CodeInvalid, "by"},
		{"by the requester in capitals", sim.ApproveTransfer{ID: tr.ID, By: "ALICE"}, sim.CodeInvalid, "by"},
		{"twice", sim.ApproveTransfer{ID: tr.ID, By: "bob"}, sim.CodeAlreadyExists, "by"},
		{"rejected by one who approved", sim.RejectTransfer{ID: tr.ID, By: "Bob"}, sim.CodeAlreadyExists, "by"},
		{"rejected by the requester", sim.RejectTransfer{ID: tr.ID, By: "alice"}, sim.CodeInvalid, "by"},
		{"by nobody", sim.ApproveTransfer{ID: tr.ID}, sim.CodeInvalid, "by"},
		{"with a reason that does not end", sim.RejectTransfer{ID: tr.ID, By: "eve", Reason: strings.Repeat("x", sim.MaxIdentifier+1)}, sim.CodeInvalid, "reason"},
		{"of an unknown transfer", sim.ApproveTransfer{ID: stranger, By: "bob"}, sim.CodeNotFound, ""},
		{"rejection of an unknown transfer", sim.RejectTransfer{ID: stranger, By: "bob"}, sim.CodeNotFound, ""},
		{"cancellation of an unknown transfer", sim.CancelTransfer{ID: stranger}, sim.CodeNotFound, ""},
	} {
		if err := b.refuse(r.command); err.Code != r.code || err.Field != r.field {
			t.Errorf("%s: refused with %s on %q (%s)", r.name, err.Code, err.Field, err)
		}
	}
	b.accept(sim.ApproveTransfer{ID: tr.ID, By: "carol"})
	for _, c := range []sim.Command{sim.ApproveTransfer{ID: tr.ID, By: "dave"}, sim.RejectTransfer{ID: tr.ID, By: "dave"}} {
		if err := b.refuse(c); err.Code != sim.CodeWrongState || !strings.Contains(err.Message, "RESERVED") {
			t.Errorf("%T of an approved transfer gives %v", c, err)
		}
	}
	anonymous := byWire("50")
	anonymous.RequestedBy = ""
	if err := b.refuse(anonymous); err.Code != sim.CodeInvalid || err.Field != "requested_by" {
		t.Errorf("a request by nobody gives %v", err)
	}
}

func TestARejectedOrExpiredTransferGivesItsReservationBack(t *testing.T) {
	t.Parallel()
	b := newBooksWith(t, rulesWith(t, approvals))
	b.deposit("a", "USD", "1000")
	rejected := b.accept(sim.RejectTransfer{ID: b.submit(byWire("50")).ID, By: "bob", Reason: "wrong account"}).Transfer
	if rejected.Status != sim.StatusFailed || rejected.Stage != sim.StageRejected || rejected.ReasonCode != sim.ReasonOrderRejected ||
		!strings.Contains(rejected.Reason, "wrong account") || len(rejected.Approvals) != 1 || rejected.Approvals[0].Decision != sim.Rejected {
		t.Errorf("transfer is %+v", rejected)
	}
	b.wantParts("a", "USD", "1000", "0", "0", "0")
	tr := b.submit(byWire("50"))
	b.accept(sim.ApproveTransfer{ID: tr.ID, By: "bob"})
	b.fire(tr.ExpiresAt.Add(-time.Microsecond))
	b.wantTransfer(tr.ID, sim.StatusPending, sim.StageAwaitingApproval, "")
	b.fire(tr.ExpiresAt)
	expired := b.wantTransfer(tr.ID, sim.StatusFailed, sim.StageExpired, sim.ReasonTimeout)
	if !strings.Contains(expired.Reason, "1 of 2") {
		t.Errorf("the reason is %q", expired.Reason)
	}
	b.wantParts("a", "USD", "1000", "0", "0", "0")
	awaiting := b.submit(byWire("50"))
	b.accept(sim.CancelTransfer{ID: awaiting.ID})
	b.wantParts("a", "USD", "1000", "0", "0", "0")
}

func TestSimulatedApproversAnswerSlowerAtNightAndOnWeekends(t *testing.T) {
	t.Parallel()
	newYork, err := time.LoadLocation("America/New_York")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name  string
		at    time.Time
		delay time.Duration
	}{
		{"by day", time.Date(2026, 11, 23, 10, 0, 0, 0, newYork), 30 * time.Minute},
		{"at night", time.Date(2026, 11, 23, 22, 0, 0, 0, newYork), 2 * time.Hour},
		{"on a weekend", time.Date(2026, 11, 28, 10, 0, 0, 0, newYork), time.Hour},
		{"on a weekend's night", time.Date(2026, 11, 28, 1, 0, 0, 0, newYork), 4 * time.Hour},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b := newBooksWith(t, rulesWith(t, approvals, simulatedApprovers("0")))
			b.now = c.at.Add(-2 * time.Second)
			b.deposit("a", "USD", "1000")
			request := byWire("9")
			request.RequestedBy = "Ann" // so she does not answer
			tr := b.submit(request)
			b.fire(c.at.Add(c.delay - time.Microsecond))
			b.wantTransfer(tr.ID, sim.StatusPending, sim.StageAwaitingApproval, "")
			b.fire(c.at.Add(c.delay))
			if got := b.transferOf(tr.ID); len(got.Approvals) != 1 || got.Approvals[0].By != "ben" || got.Stage != sim.StageReserved {
				t.Errorf("transfer is %+v", got)
			}
		})
	}
}

func TestSimulatedApproversTakeTurnsAndLeaveOutThoseWhoDecided(t *testing.T) {
	t.Parallel()
	b := newBooksWith(t, rulesWith(t, approvals, simulatedApprovers("0")))
	b.deposit("a", "USD", "1000")
	tr := b.submit(byWire("150"))
	b.accept(sim.ApproveTransfer{ID: tr.ID, By: "ann"})
	b.wait(30 * time.Minute)
	b.wait(30 * time.Minute)
	got := b.transferOf(tr.ID)
	if len(got.Approvals) != 3 || got.Approvals[1].By != "ben" || got.Approvals[2].By != "cat" || got.Stage != sim.StageReserved {
		t.Errorf("transfer is %+v", got)
	}
	// With nobody left it waits for somebody to call, until it expires.
	request := byWire("150")
	request.RequestedBy = "ann"
	alone := b.submit(request)
	b.wait(12 * time.Hour)
	b.wantTransfer(alone.ID, sim.StatusPending, sim.StageAwaitingApproval, "")
	b.wait(13 * time.Hour)
	b.wantTransfer(alone.ID, sim.StatusFailed, sim.StageExpired, sim.ReasonTimeout)
}

func TestSimulatedApproversReject(t *testing.T) {
	t.Parallel()
	b := newBooksWith(t, rulesWith(t, approvals, simulatedApprovers("1")))
	b.deposit("a", "USD", "1000")
	tr := b.submit(byWire("9"))
	b.wait(30 * time.Minute)
	got := b.wantTransfer(tr.ID, sim.StatusFailed, sim.StageRejected, sim.ReasonOrderRejected)
	if len(got.Approvals) != 1 || got.Approvals[0].By != "ann" || got.Approvals[0].Decision != sim.Rejected {
		t.Errorf("approvals are %+v", got.Approvals)
	}
	b.wantParts("a", "USD", "1000", "0", "0", "0")
}

func TestSubmissionsAreRefused(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", sim.MaxIdentifier+1)
	change := func(c sim.SubmitTransfer, f func(*sim.SubmitTransfer)) sim.SubmitTransfer {
		f(&c)
		return c
	}
	wire, chain := byWire("1"), onChain("1")
	b := newBooksWith(t, rulesWith(t))
	b.deposit("a", "USD", "1000")
	b.accept(sim.OpenAccount{AccountID: "b"})
	for _, r := range []refusal{
		{"no rail", change(wire, func(c *sim.SubmitTransfer) { c.Rail = "" }), sim.CodeInvalid, "rail"},
		{"a rail that there is none", change(wire, func(c *sim.SubmitTransfer) { c.Rail = "pigeon" }), sim.CodeInvalid, "rail"},
		{"no direction", change(wire, func(c *sim.SubmitTransfer) { c.Direction = "" }), sim.CodeInvalid, "direction"},
		{"an unknown direction", change(wire, func(c *sim.SubmitTransfer) { c.Direction = "UP" }), sim.CodeInvalid, "direction"},
		{"no account", change(wire, func(c *sim.SubmitTransfer) { c.AccountID = "" }), sim.CodeInvalid, "account_id"},
		{"no symbol", change(wire, func(c *sim.SubmitTransfer) { c.Symbol = "" }), sim.CodeInvalid, "symbol"},
		{"crypto by wire", change(wire, func(c *sim.SubmitTransfer) { c.Symbol = "BTC" }), sim.CodeInvalid, "symbol"},
		{"cash over a chain", change(chain, func(c *sim.SubmitTransfer) { c.Symbol = "USD" }), sim.CodeInvalid, "symbol"},
		{"nothing", byWire("0"), sim.CodeInvalid, "quantity"},
		{"less than nothing", byWire("-1"), sim.CodeInvalid, "quantity"},
		{"finer than a cent", byWire("0.001"), sim.CodeInvalid, "quantity"},
		{"a wire to no account", change(wire, func(c *sim.SubmitTransfer) { c.Beneficiary.Account = "" }), sim.CodeInvalid, "beneficiary.account"},
		{"to no address", change(chain, func(c *sim.SubmitTransfer) { c.Beneficiary.Address = "" }), sim.CodeInvalid, "beneficiary.address"},
		{"in house to nobody", change(chain, func(c *sim.SubmitTransfer) { c.Rail, c.Beneficiary.Address = "crypto_internal", "" }), sim.CodeInvalid, "beneficiary.account"},
		{"in house to itself", change(chain, func(c *sim.SubmitTransfer) { c.Rail, c.Beneficiary.Account = "crypto_internal", "a" }), sim.CodeInvalid, "beneficiary.account"},
		{"in house out of another's account", change(incoming(chain), func(c *sim.SubmitTransfer) { c.Rail, c.Beneficiary.Account = "crypto_internal", "b" }), sim.CodeInvalid, "beneficiary.account"},
		{"a long name", change(wire, func(c *sim.SubmitTransfer) { c.Beneficiary.Name = long }), sim.CodeInvalid, "beneficiary.name"},
		{"a long external id", change(wire, func(c *sim.SubmitTransfer) { c.ExternalID = long }), sim.CodeInvalid, "external_id"},
		{"a long requester", change(wire, func(c *sim.SubmitTransfer) { c.RequestedBy = long }), sim.CodeInvalid, "requested_by"},
		{"much metadata", change(wire, func(c *sim.SubmitTransfer) { c.Metadata = make([]byte, sim.MaxMetadataBytes+1) }), sim.CodeInvalid, "metadata"},
	} {
		if err := b.refuse(r.command); err.Code != r.code || err.Field != r.field || err.Message == "" {
			t.Errorf("%s: refused with %s on %q (%s), want %s on %q", r.name, err.Code, err.Field, err, r.code, r.field)
		}
	}
	twice := change(wire, func(c *sim.SubmitTransfer) { c.ExternalID = "t-1" })
	b.accept(twice)
	if err := b.refuse(twice); err.Code != sim.CodeAlreadyExists || err.Field != "external_id" {
		t.Errorf("the same external id gives %v", err)
	}
	b.now = time.Date(2031, 3, 1, 0, 0, 0, 0, time.UTC)
	b.fire(b.now)
	if err := b.refuse(wire); err.Code != sim.CodeInvalid || err.Field != "rail" {
		t.Errorf("a transfer beyond the calendar gives %v", err)
	}
}

func TestOpenTransfersAreBounded(t *testing.T) {
	t.Parallel()
	rules := rulesWith(t)
	rules.MaxOpenTransfers, rules.MaxHoldings = 2, 1
	b := newBooksWith(t, rules)
	b.deposit("a", "USD", "1000")
	if err := b.refuse(incoming(onChain("1"))); err.Code != sim.CodeLimitReached {
		t.Errorf("a second holding gives %v", err)
	}
	first := b.submit(byWire("1"))
	b.submit(byWire("1"))
	if err := b.refuse(byWire("1")); err.Code != sim.CodeLimitReached {
		t.Errorf("a third transfer gives %v", err)
	}
	b.accept(sim.CancelTransfer{ID: first.ID})
	b.submit(byWire("1"))
}
