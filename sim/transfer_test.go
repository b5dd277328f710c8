package sim_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/profile"
)

// The rails of tests: a chain with three confirmations, wires with a cut-off and a
// cycle, and a clearing house that returns. Nothing goes wrong by chance unless a
// test says so.
const testRails = `{"rails":{
	"crypto_internal":{"kinds":["crypto"],"calendar":"24X7","cut_off":"24:00","processing_time":"5m"},
	"crypto_external":{"kinds":["crypto"],"calendar":"24X7","cut_off":"24:00","processing_time":"10m","confirmations":3,"block_interval":"10m",
		"fee":{"fixed":"0.001","max":"0.005"}},
	"wire_domestic":{"kinds":["cash"],"calendar":"FEDWIRE","time_zone":"America/New_York","cut_off":"16:00","cycle":2,"processing_time":"30m","fee":{"fixed":"15"}},
	"ach_transfer":{"kinds":["cash"],"calendar":"FEDWIRE","time_zone":"America/New_York","cut_off":"16:45","processing_time":"2h"}
}}`

// rulesWith returns rules with the test rails, changed by some JSON documents.
func rulesWith(t failer, overrides ...string) sim.Rules {
	t.Helper()
	p, _ := profile.Builtin(profile.Instant)
	for _, o := range append([]string{testRails}, overrides...) {
		var err error
		if p, err = p.Override([]byte(o)); err != nil {
			t.Fatalf("%v", err)
		}
	}
	resolved, err := p.Resolve()
	if err != nil {
		t.Fatalf("%v", err)
	}
	rules := wideRules()
	rules.Profile = resolved
	return rules
}

const (
	allDrop   = `{"rails":{"crypto_external":{"drop_rate":"1"},"wire_domestic":{"drop_rate":"1"}}}`
	allReorg  = `{"rails":{"crypto_external":{"reorg_rate":"1"}}}`
	allReturn = `{"rails":{"ach_transfer":{"return_rate":"1","return_window":2}}}`
	mayReturn = `{"rails":{"ach_transfer":{"return_rate":"0.000000000000000001","return_window":2}}}`
	approvals = `{"approvals":{"required_out":true,"timeout":"24h","tiers":[{"below":"10","required":1},{"below":"100","required":2},{"below":"0","required":3}]}}`
)

func simulatedApprovers(rate string) string {
	return `{"approvals":{"simulated":{"enabled":true,"delay":"30m","night_factor":4,"weekend_factor":2,"night_from":"20:00","night_until":"07:00",
		"time_zone":"America/New_York","reject_rate":"` + rate + `","names":["ann","ben","cat"]}}}`
}

// onChain is a transfer out over the chain.
func onChain(quantity string) sim.SubmitTransfer {
	return sim.SubmitTransfer{
		Rail: profile.CryptoExternal, Direction: sim.DirectionOut, AccountID: "a", Symbol: "BTC", Quantity: amount(quantity),
		Beneficiary: sim.Beneficiary{Address: "bc1qtest"}, RequestedBy: "alice",
	}
}

func byWire(quantity string) sim.SubmitTransfer {
	return sim.SubmitTransfer{
		Rail: profile.WireDomestic, Direction: sim.DirectionOut, AccountID: "a", Symbol: "USD", Quantity: amount(quantity),
		Beneficiary: sim.Beneficiary{Name: "Acme", Account: "12345678"}, RequestedBy: "alice",
	}
}

func byACH(direction sim.Direction, quantity string) sim.SubmitTransfer {
	c := byWire(quantity)
	c.Rail, c.Direction = profile.ACHTransfer, direction
	return c
}

func incoming(c sim.SubmitTransfer) sim.SubmitTransfer {
	c.Direction = sim.DirectionIn
	return c
}

// transferOf returns the last version of a transfer in the events.
func (b *books) transferOf(id uuid.UUID) *sim.Transfer {
	b.t.Helper()
	for _, e := range slices.Backward(b.open) {
		for _, t := range e.Transfers {
			if t.ID == id {
				return t
			}
		}
	}
	b.t.Fatalf("transfer %s is in no event", id)
	return nil
}

// submit submits a transfer and returns it.
func (b *books) submit(c sim.SubmitTransfer) *sim.Transfer {
	b.t.Helper()
	return b.accept(c).Transfer
}

// wantParts checks all parts of a holding: available, locked, pending in, transit.
func (b *books) wantParts(account, symbol, available, locked, pendingIn, transit string) {
	b.t.Helper()
	h := b.wantHolding(account, symbol, available, locked)
	if !h.PendingIn.Equal(amount(pendingIn)) || !h.Transit.Equal(amount(transit)) || !h.Reserved.Equal(h.Locked) {
		b.t.Fatalf("%s has %s %s pending in, %s in transit, %s reserved; want %s, %s, %s",
			account, h.PendingIn, symbol, h.Transit, h.Reserved, pendingIn, transit, locked)
	}
}

func (b *books) wantTransfer(id uuid.UUID, status sim.SettlementStatus, stage sim.TransferStage, code string) *sim.Transfer {
	b.t.Helper()
	t := b.transferOf(id)
	if t.Status != status || t.Stage != stage || t.ReasonCode != code {
		b.t.Fatalf("transfer is %s, %s, %s (%s); want %s, %s, %s", t.Status, t.Stage, t.ReasonCode, t.Reason, status, stage, code)
	}
	return t
}

// stages lists a transfer's history.
func stages(t *sim.Transfer) string {
	var names []string
	for _, h := range t.History {
		names = append(names, h.Status)
	}
	return strings.Join(names, " ")
}

func TestUnderTheInstantProfileATransferSettlesWhenItIsSubmitted(t *testing.T) {
	t.Parallel()
	b := newBooks(t)
	b.deposit("a", "BTC", "3")
	b.open = nil
	tr := b.submit(onChain("2"))
	if tr.Status != sim.StatusCompleted || stages(tr) != "SUBMITTED RESERVED BROADCAST SETTLED" || !tr.CompletedAt.Equal(b.now) || !tr.DueAt.IsZero() {
		t.Errorf("transfer is %+v", tr)
	}
	wantEvents(t, b.open, sim.EventTransferCompleted)
	b.wantParts("a", "BTC", "1", "0", "0", "0")
	b.wantMirror("BTC", sim.Depository, "-1")
	in := b.submit(incoming(onChain("5")))
	if in.Status != sim.StatusCompleted || stages(in) != "SUBMITTED BROADCAST SETTLED" {
		t.Errorf("transfer is %+v", in)
	}
	b.wantParts("a", "BTC", "6", "0", "0", "0")
	if b.state.OpenTransfer(tr.ID) != nil {
		t.Error("a settled transfer is still in memory")
	}
}

func TestATransferOutOverAChainIsConfirmedBlockByBlock(t *testing.T) {
	t.Parallel()
	b := newBooksWith(t, rulesWith(t))
	b.deposit("a", "BTC", "3")
	tr := b.submit(onChain("2"))
	if tr.Status != sim.StatusInProgress || tr.Stage != sim.StageBroadcast || tr.ConfirmationsRequired != 3 ||
		!tr.ExpectedCompletion.Equal(b.now.Add(40*time.Minute)) || !tr.MaxFee.Equal(amount("0.005")) || !tr.Fee.Equal(amount("0.001")) {
		t.Fatalf("transfer is %+v", tr)
	}
	b.wantParts("a", "BTC", "0.999", "0", "0", "2.001")
	for n, stage := range []sim.TransferStage{sim.StageBroadcast, sim.StageConfirming, sim.StageConfirming} {
		if got := b.wantTransfer(tr.ID, sim.StatusInProgress, stage, ""); got.Confirmations != n {
			t.Fatalf("it has %d confirmations, want %d", got.Confirmations, n)
		}
		if n == 0 {
			b.wait(10 * time.Minute) // processing
		}
		b.wait(10 * time.Minute)
	}
	done := b.wantTransfer(tr.ID, sim.StatusCompleted, sim.StageSettled, "")
	if done.Confirmations != 3 || !done.CompletedAt.Equal(tr.ExpectedCompletion) || stages(done) != "SUBMITTED RESERVED BROADCAST CONFIRMING SETTLED" {
		t.Errorf("transfer is %+v", done)
	}
	b.wantParts("a", "BTC", "0.999", "0", "0", "0")
	b.wantMirror("BTC", sim.Depository, "-0.999")
}

func TestAnIncomingTransferIsPendingUntilItIsConfirmed(t *testing.T) {
	t.Parallel()
	b := newBooksWith(t, rulesWith(t))
	tr := b.submit(incoming(onChain("2")))
	b.wantParts("a", "BTC", "0", "0", "2", "0")
	b.wait(30 * time.Minute)
	b.wantTransfer(tr.ID, sim.StatusInProgress, sim.StageConfirming, "")
	b.wantParts("a", "BTC", "0", "0", "2", "0")
	b.wait(10 * time.Minute)
	done := b.wantTransfer(tr.ID, sim.StatusCompleted, sim.StageSettled, "")
	if !done.Fee.IsZero() || !done.PendingIn.IsZero() {
		t.Errorf("transfer is %+v", done)
	}
	b.wantParts("a", "BTC", "2", "0", "0", "0")
}

func TestADroppedTransferComesBackWithoutItsFee(t *testing.T) {
	t.Parallel()
	b := newBooksWith(t, rulesWith(t, allDrop))
	b.deposit("a", "BTC", "3")
	b.deposit("a", "USD", "1000")
	out, in, wire := b.submit(onChain("2")), b.submit(incoming(onChain("7"))), b.submit(byWire("500"))
	b.wantParts("a", "BTC", "0.999", "0", "7", "2.001")
	b.wait(7 * 24 * time.Hour)
	b.wantTransfer(out.ID, sim.StatusFailed, sim.StageRejected, sim.ReasonRailError)
	b.wantTransfer(in.ID, sim.StatusFailed, sim.StageRejected, sim.ReasonRailError)
	b.wantTransfer(wire.ID, sim.StatusFailed, sim.StageRejected, sim.ReasonRailError)
	b.wantParts("a", "BTC", "2.999", "0", "0", "0")
	b.wantParts("a", "USD", "985", "0", "0", "0")
}

func TestAReorganisationTakesConfirmationsBackUntilTheChainSettles(t *testing.T) {
	t.Parallel()
	b := newBooksWith(t, rulesWith(t, allReorg))
	b.deposit("a", "BTC", "3")
	out, in := b.submit(onChain("2")), b.submit(incoming(onChain("7")))
	b.wait(20 * time.Minute)
	b.wantParts("a", "BTC", "0.999", "0", "7", "2.001")
	b.wait(10 * time.Minute)
	b.wantParts("a", "BTC", "0.999", "0", "0", "2.001") // what came in is outside again
	if tr := b.transferOf(in.ID); tr.Reorgs != 1 || tr.Confirmations != 0 || tr.Stage != sim.StageBroadcast || tr.ReasonCode == "" {
		t.Errorf("transfer is %+v", tr)
	}
	b.wait(10 * time.Minute)
	b.wantParts("a", "BTC", "0.999", "0", "7", "2.001") // and is mined again
	b.wait(2 * time.Hour)
	for _, id := range []uuid.UUID{out.ID, in.ID} {
		if tr := b.wantTransfer(id, sim.StatusCompleted, sim.StageSettled, ""); tr.Reorgs != 3 {
			t.Errorf("it was taken back %d times", tr.Reorgs)
		}
	}
	b.wantParts("a", "BTC", "7.999", "0", "0", "0")
}

func TestABookTransferMovesBetweenTwoAccountsInOneJournal(t *testing.T) {
	t.Parallel()
	b := newBooksWith(t, rulesWith(t))
	b.deposit("a", "BTC", "3")
	b.accept(sim.OpenAccount{AccountID: "b"})
	c := onChain("2")
	c.Rail, c.Beneficiary = profile.CryptoInternal, sim.Beneficiary{Account: "b"}
	tr := b.submit(c)
	if tr.CreditAccount != "b" || tr.Stage != sim.StageReserved || !tr.MaxFee.IsZero() || !tr.ExpectedCompletion.Equal(b.now.Add(5*time.Minute)) {
		t.Fatalf("transfer is %+v", tr)
	}
	b.wantParts("a", "BTC", "1", "2", "0", "0")
	b.wait(5 * time.Minute)
	b.wantTransfer(tr.ID, sim.StatusCompleted, sim.StageSettled, "")
	b.wantParts("a", "BTC", "1", "0", "0", "0")
	b.wantParts("b", "BTC", "2", "0", "0", "0")
	last := b.open[len(b.open)-1]
	if len(last.Postings) != 1 || last.Postings[0].Credit.AccountID != "b" {
		t.Errorf("its postings are %+v", last.Postings)
	}

	again := b.submit(c)
	b.wantTransfer(again.ID, sim.StatusFailed, sim.StageRejected, sim.ReasonLack)
	c.Quantity = amount("1")
	frozen := b.submit(c)
	b.accept(sim.UpdateAccount{AccountID: "b", Status: sim.AccountFrozen})
	b.wait(time.Hour)
	b.wantTransfer(frozen.ID, sim.StatusFailed, sim.StageRejected, sim.ReasonBlockedAccount)
	b.wantParts("a", "BTC", "1", "0", "0", "0")
}

func TestAWireIsSentOnItsValueDateAndHeldBackOverHolidays(t *testing.T) {
	t.Parallel()
	newYork, err := time.LoadLocation("America/New_York")
	if err != nil {
		t.Fatal(err)
	}
	at := func(day, hour, minute int) time.Time { return time.Date(2026, 11, day, hour, minute, 0, 0, newYork) }
	for _, c := range []struct {
		name             string
		submitted, start time.Time
	}{
		{"Monday noon settles on Wednesday", at(23, 12, 0), at(25, 0, 0)},
		{"a second before the cut-off is in time", at(23, 15, 59), at(25, 0, 0)},
		{"on the cut-off it is late, and Thanksgiving is no business day", at(23, 16, 0), at(27, 0, 0)},
		{"Tuesday settles after Thanksgiving", at(24, 12, 0), at(27, 0, 0)},
		{"Saturday belongs to Monday", at(21, 12, 0), at(25, 0, 0)},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b := newBooksWith(t, rulesWith(t))
			b.now = c.submitted.Add(-2 * time.Second)
			b.deposit("a", "USD", "1000")
			tr := b.submit(byWire("500"))
			if tr.Stage != sim.StageReserved || tr.ValueDate != c.start.Format(time.DateOnly) || !tr.ExpectedCompletion.Equal(c.start.Add(30*time.Minute)) {
				t.Fatalf("transfer is %+v", tr)
			}
			b.wantParts("a", "USD", "485", "515", "0", "0")
			b.fire(c.start.Add(-time.Microsecond))
			b.wantTransfer(tr.ID, sim.StatusInProgress, sim.StageReserved, "")
			b.fire(c.start)
			b.wantTransfer(tr.ID, sim.StatusInProgress, sim.StageBroadcast, "")
			b.wantParts("a", "USD", "485", "0", "0", "515")
			b.fire(c.start.Add(30 * time.Minute))
			if done := b.wantTransfer(tr.ID, sim.StatusCompleted, sim.StageSettled, ""); !done.CompletedAt.Equal(tr.ExpectedCompletion) {
				t.Errorf("it settled at %s", done.CompletedAt)
			}
			b.wantMirror("USD", sim.Nostro, "-485")
		})
	}
}

func TestTransfersOfTheClearingHouseMayComeBackAfterCredit(t *testing.T) {
	t.Parallel()
	b := newBooksWith(t, rulesWith(t, allReturn))
	b.deposit("a", "USD", "100")
	out := b.submit(byACH(sim.DirectionOut, "60"))
	in := b.submit(byACH(sim.DirectionIn, "500"))
	b.wait(2 * time.Hour)
	for _, id := range []uuid.UUID{out.ID, in.ID} {
		if tr := b.wantTransfer(id, sim.StatusCompleted, sim.StageSettled, ""); !tr.ReturnDue || b.state.OpenTransfer(id) == nil {
			t.Errorf("transfer is %+v", tr)
		}
	}
	b.wantParts("a", "USD", "540", "0", "0", "0")
	b.accept(sim.Instruct{Type: sim.Withdrawal, AccountID: "a", Symbol: "USD", Quantity: amount("450")}) // 90 are left for a return of 500
	b.wait(5 * 24 * time.Hour)
	back := b.transferOf(out.ID)
	if back.Status != sim.StatusFailed || back.Stage != sim.StageReturned || !strings.HasPrefix(back.ReasonCode, "R") || !back.Shortfall.IsZero() {
		t.Errorf("transfer is %+v", back)
	}
	taken := b.transferOf(in.ID)
	if taken.Stage != sim.StageReturned || !strings.HasPrefix(taken.ReasonCode, "R") || taken.ReturnDue {
		t.Errorf("transfer is %+v", taken)
	}
	// Which return comes first is drawn; together they are what is left.
	left := b.holding("a", "USD").Available
	if want := amount("90").Add(amount("60")).Sub(amount("500")).Add(taken.Shortfall); !left.Equal(want) || taken.Shortfall.Sign() <= 0 {
		t.Errorf("%s is left and %s is owed", left, taken.Shortfall)
	}
	if !strings.Contains(taken.Reason, taken.Shortfall.String()) || b.state.OpenTransfer(in.ID) != nil {
		t.Errorf("transfer is %+v", taken)
	}
}

func TestAClearedTransferIsFinalWhenItsReturnWindowIsOver(t *testing.T) {
	t.Parallel()
	b := newBooksWith(t, rulesWith(t, mayReturn))
	tr := b.submit(byACH(sim.DirectionIn, "500"))
	b.wait(2 * time.Hour)
	if err := b.refuse(sim.CancelTransfer{ID: tr.ID}); err.Code != sim.CodeWrongState || !strings.Contains(err.Message, "SETTLED") {
		t.Errorf("cancelling it gives %v", err)
	}
	b.wait(5 * 24 * time.Hour)
	if done := b.wantTransfer(tr.ID, sim.StatusCompleted, sim.StageSettled, ""); done.ReturnDue || b.state.OpenTransfer(tr.ID) != nil {
		t.Errorf("transfer is %+v", done)
	}
	if last := b.open[len(b.open)-1]; last.Type != sim.EventTransferFinalized {
		t.Errorf("the last event is %s", last.Type)
	}
}

func TestATransferThatLacksHoldingsIsRecordedAsFailed(t *testing.T) {
	t.Parallel()
	b := newBooksWith(t, rulesWith(t))
	b.deposit("a", "USD", "510")
	cash := b.submit(byWire("500")) // 515 with its fee
	b.wantTransfer(cash.ID, sim.StatusFailed, sim.StageRejected, sim.ReasonInsufficientFunds)
	if !strings.Contains(cash.Reason, "515") {
		t.Errorf("the reason is %q", cash.Reason)
	}
	coin := b.submit(onChain("1"))
	b.wantTransfer(coin.ID, sim.StatusFailed, sim.StageRejected, sim.ReasonLack)
	b.wantParts("a", "USD", "510", "0", "0", "0")
	b.accept(sim.CancelTransfer{ID: b.submit(byWire("1")).ID})
}

func TestATransferIsCancelledUntilItIsSent(t *testing.T) {
	t.Parallel()
	b := newBooksWith(t, rulesWith(t))
	b.deposit("a", "USD", "1000")
	tr := b.submit(byWire("500"))
	cancelled := b.accept(sim.CancelTransfer{ID: tr.ID}).Transfer
	if cancelled.Status != sim.StatusCancelled || cancelled.Stage != sim.StageCancelled || cancelled.ReasonCode != sim.ReasonCustomer || !cancelled.Reserved.IsZero() {
		t.Errorf("transfer is %+v", cancelled)
	}
	b.wantParts("a", "USD", "1000", "0", "0", "0")
	if err := b.refuse(sim.CancelTransfer{ID: tr.ID}); err.Code != sim.CodeNotFound {
		t.Errorf("cancelling again gives %v", err)
	}
	sent := b.submit(byWire("500"))
	b.wait(2 * 24 * time.Hour)
	if b.transferOf(sent.ID).Stage != sim.StageSettled {
		t.Fatal("it has not settled")
	}
}
