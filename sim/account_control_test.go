package sim_test

import (
	"strings"
	"testing"
	"time"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
)

func freeze(id string) sim.Command {
	return sim.UpdateAccount{AccountID: id, Status: sim.AccountFrozen}
}
func unfreeze(id string) sim.Command {
	return sim.UpdateAccount{AccountID: id, Status: sim.AccountActive}
}
func closeAccount(id string) sim.Command {
	return sim.UpdateAccount{AccountID: id, Status: sim.AccountClosed}
}

func TestAClientHasOneMasterAccount(t *testing.T) {
	t.Parallel()
	b := newBooks(t)
	b.accept(sim.OpenAccount{AccountID: "m", ClientID: "c"})
	err := b.refuse(sim.OpenAccount{AccountID: "m2", ClientID: "c"})
	if err.Code != sim.CodeAlreadyExists || err.Field != "account_type" || !strings.Contains(err.Message, `"m"`) {
		t.Errorf("a second master account gives %v", err)
	}
	b.accept(sim.OpenAccount{AccountID: "s1", ClientID: "c", Type: sim.AccountSegregated})
	b.accept(sim.OpenAccount{AccountID: "s2", ClientID: "c", Type: sim.AccountSegregated})
	// An account that opens by being named becomes segregated where its client has a master.
	b.deposit("c", "BTC", "1")
	if a := b.state.Account("c"); a.ClientID != "c" || a.Type != sim.AccountSegregated {
		t.Errorf("account is %+v", a)
	}
	// A closed master account makes room for another.
	b.accept(sim.OpenAccount{AccountID: "old", ClientID: "d"})
	b.accept(closeAccount("old"))
	b.accept(sim.OpenAccount{AccountID: "new", ClientID: "d"})
	m, refusal := b.state.MasterBalance("d")
	if refusal != nil || m.Account.AccountID != "new" {
		t.Errorf("the master account is %+v, %v", m, refusal)
	}
}

func TestBalancesOfAClientAreSummedExactly(t *testing.T) {
	t.Parallel()
	b := newBooksWith(t, rulesWith(t))
	b.accept(sim.OpenAccount{AccountID: "a", ClientID: "c"})
	for _, id := range []string{"s2", "s1"} {
		b.accept(sim.OpenAccount{AccountID: id, ClientID: "c", Type: sim.AccountSegregated})
		b.deposit(id, "BTC", "0.00000001")
	}
	b.deposit("a", "BTC", "3")
	b.deposit("s1", "USD", "0.10")
	b.deposit("other", "USD", "5")
	position := b.holding("a", "BTC")
	b.accept(sim.LockHolding{ID: position.ID, Amount: amount("0.25")})
	b.submit(onChain("2"))
	b.submit(incoming(onChain("7")))
	m, err := b.state.MasterBalance("c")
	if err != nil {
		t.Fatal(err)
	}
	check := func(name string, got []sim.SymbolBalance, want ...string) {
		t.Helper()
		var lines []string
		for _, s := range got {
			lines = append(lines, strings.Join([]string{s.Symbol, s.Available.String(), s.Locked.String(), s.Reserved.String(), s.PendingIn.String(), s.InTransit.String(), s.Total().String()}, " "))
		}
		if strings.Join(lines, "|") != strings.Join(want, "|") {
			t.Errorf("%s is %q, want %q", name, lines, want)
		}
	}
	check("the master's own", m.Own, "BTC 0.749 0.25 0 7 2.001 0.999")
	check("the total", m.Total, "BTC 0.74900002 0.25 0 7 2.001 0.99900002", "USD 0.1 0 0 0 0 0.1")
	segregated, err := b.state.SegregatedBalances("c")
	if err != nil || len(segregated) != 2 || segregated[0].Account.AccountID != "s1" || segregated[1].Account.AccountID != "s2" {
		t.Fatalf("segregated accounts are %+v, %v", segregated, err)
	}
	check("the first segregated", segregated[0].Balances, "BTC 0.00000001 0 0 0 0 0.00000001", "USD 0.1 0 0 0 0 0.1")
	for name, refusal := range map[string]*sim.Error{
		"master":     func() *sim.Error { _, e := b.state.MasterBalance("nobody"); return e }(),
		"segregated": func() *sim.Error { _, e := b.state.SegregatedBalances("nobody"); return e }(),
	} {
		if refusal == nil || refusal.Code != sim.CodeNotFound {
			t.Errorf("%s balances of nobody give %v", name, refusal)
		}
	}
	// A holding that was removed and opened again counts once.
	balance := b.holding("s1", "USD")
	b.accept(sim.CloseHolding{Cash: true, ID: balance.ID})
	b.deposit("s1", "USD", "0.20")
	segregated, _ = b.state.SegregatedBalances("c")
	check("the first segregated", segregated[0].Balances, "BTC 0.00000001 0 0 0 0 0.00000001", "USD 0.2 0 0 0 0 0.2")
}

func TestNothingMovesInAFrozenAccount(t *testing.T) {
	t.Parallel()
	b := newBooksWith(t, rulesWith(t))
	b.deposit("a", "BTC", "3")
	b.deposit("b", "BTC", "3")
	position := b.holding("a", "BTC")
	b.accept(sim.LockHolding{ID: position.ID, Amount: amount("1")})
	b.accept(freeze("a"))
	for _, c := range []sim.Command{
		sim.LockHolding{ID: position.ID, Amount: amount("1")},
		sim.UnlockHolding{ID: position.ID, Amount: amount("1")},
		sim.UpdateHolding{ID: position.ID, Available: amountOf("5")},
		sim.CloseHolding{ID: position.ID},
		sim.OpenHolding{AccountID: "a", Symbol: "ETH", Available: amount("1")},
		onChain("1"), incoming(onChain("1")),
	} {
		if err := b.refuse(c); err.Code != sim.CodeWrongState || !strings.Contains(err.Message, "FROZEN") {
			t.Errorf("%T gives %v", c, err)
		}
	}
	// Instructions are well-formed all the same: they are recorded, and fail at once
	// because under this profile nothing waits.
	for _, c := range []sim.Instruct{
		{Type: sim.Deposit, AccountID: "a", Symbol: "BTC", Quantity: amount("1")},
		{Type: sim.Internal, SourceAccount: "b", DestinationAccount: "a", Symbol: "BTC", Quantity: amount("1")},
	} {
		if code, _ := b.accept(c).Settlement.Reason(); code != sim.ReasonFrozen && code != sim.ReasonBlocked {
			t.Errorf("a %s gives %s", c.Type, code)
		}
	}
	toFrozen := onChain("1")
	toFrozen.AccountID, toFrozen.Rail, toFrozen.Beneficiary = "b", "crypto_internal", sim.Beneficiary{Account: "a"}
	if err := b.refuse(toFrozen); err.Code != sim.CodeWrongState || err.Field != "beneficiary.account" {
		t.Errorf("a book transfer to it gives %v", err)
	}
	b.accept(sim.UpdateHolding{ID: position.ID, MarketValue: amountOf("5")}) // which moves nothing
	b.accept(unfreeze("a"))
	b.accept(sim.UnlockHolding{ID: position.ID, Amount: amount("1")})
}

func TestTransfersUnderWayWaitWhileTheirAccountIsFrozen(t *testing.T) {
	t.Parallel()
	b := newBooksWith(t, rulesWith(t))
	b.deposit("a", "USD", "1000")
	wire := b.submit(byWire("500"))
	in := b.submit(incoming(onChain("7")))
	b.accept(freeze("a"))
	b.wait(3 * 24 * time.Hour)
	for _, id := range []string{wire.ID.String(), in.ID.String()} {
		tr := b.transferOf(wire.ID)
		if id == in.ID.String() {
			tr = b.transferOf(in.ID)
		}
		if tr.ReasonCode != sim.ReasonBlockedAccount || !tr.DueAt.IsZero() || tr.Status != sim.StatusInProgress {
			t.Errorf("transfer is %+v", tr)
		}
	}
	b.wantParts("a", "USD", "485", "515", "0", "0")
	b.wantParts("a", "BTC", "0", "0", "7", "0")
	// They go on in a state that was loaded in between as well.
	b.seal()
	b.restart(rulesWith(t))
	b.now = time.Date(2026, 11, 30, 10, 0, 0, 0, time.UTC) // a Monday
	b.accept(unfreeze("a"))
	b.wait(time.Hour)
	b.wantTransfer(wire.ID, sim.StatusCompleted, sim.StageSettled, "")
	b.wantTransfer(in.ID, sim.StatusCompleted, sim.StageSettled, "")
	b.wantParts("a", "USD", "485", "0", "0", "0")
	b.wantParts("a", "BTC", "7", "0", "0", "0")
}

// restart puts a state in the place of the books' own that was loaded from its
// snapshot.
func (b *books) restart(rules sim.Rules) {
	b.t.Helper()
	b.state = b.reload(rules).state
	b.state.SetHistory(&sim.KeyFilter{})
}

func TestAccountsTakeOnAllowedStatusesOnly(t *testing.T) {
	t.Parallel()
	b := newBooksWith(t, rulesWith(t, mayReturn))
	b.deposit("a", "USD", "1000")
	if frozen := b.accept(freeze("a")).Account; frozen.Status != sim.AccountFrozen || !frozen.UpdatedAt.Equal(b.now) {
		t.Errorf("account is %+v", frozen)
	}
	b.accept(freeze("a")) // again is fine
	want := func(c sim.Command, code sim.Code, part string) {
		t.Helper()
		if err := b.refuse(c); err.Code != code || !strings.Contains(err.Message, part) {
			t.Errorf("%+v gives %v; want %s with %q", c, err, code, part)
		}
	}
	want(closeAccount("a"), sim.CodeWrongState, "FROZEN")
	want(sim.UpdateAccount{AccountID: "a", Status: "GONE"}, sim.CodeInvalid, "allowed")
	b.accept(unfreeze("a"))
	want(closeAccount("a"), sim.CodeWrongState, "1000 USD")
	b.accept(sim.Instruct{Type: sim.Withdrawal, AccountID: "a", Symbol: "USD", Quantity: amount("1000")})
	held := b.accept(sim.Instruct{Type: sim.Deposit, AccountID: "a", Symbol: "USD", Quantity: amount("1"), Hold: true}).Settlement
	want(closeAccount("a"), sim.CodeWrongState, "settlements are open")
	b.accept(sim.CancelSettlement{ID: held.ID})
	b.submit(byACH(sim.DirectionIn, "5"))
	want(closeAccount("a"), sim.CodeWrongState, "on its way in")
	b.wait(2 * time.Hour)
	b.accept(sim.Instruct{Type: sim.Withdrawal, AccountID: "a", Symbol: "USD", Quantity: amount("5")})
	want(closeAccount("a"), sim.CodeWrongState, "may still be returned")
	b.wait(7 * 24 * time.Hour)
	b.accept(sim.OpenAccount{AccountID: "s", ClientID: "a", Type: sim.AccountSegregated})
	want(closeAccount("a"), sim.CodeWrongState, `segregated account "s"`)
	b.accept(closeAccount("s"))
	if closed := b.accept(closeAccount("a")).Account; closed.Status != sim.AccountClosed {
		t.Errorf("account is %+v", closed)
	}
	want(unfreeze("a"), sim.CodeWrongState, "final")
	want(sim.UpdateAccount{AccountID: "a", Metadata: []byte(`{}`)}, sim.CodeWrongState, "final")
	want(sim.OpenAccount{AccountID: "a"}, sim.CodeAlreadyExists, "exists")
	want(byWire("1"), sim.CodeWrongState, "CLOSED")
	// An instruction is well-formed all the same: it is recorded as rejected.
	b.wantState(b.deposit("a", "USD", "1").ID, "FAILED REJECTED:SAFE PENDING RELEASED")
}
