package sim_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/google/uuid"
	"pgregory.net/rapid"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/money"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/profile"
)

const muchGoesWrong = `{"rails":{"crypto_external":{"drop_rate":"0.2","reorg_rate":"0.4"},"wire_domestic":{"drop_rate":"0.2"},
	"ach_transfer":{"return_rate":"0.5","return_window":2}}}`

// unluckyRules are those of a custodian where much goes wrong, approvals are
// needed and simulated, and policies apply.
func unluckyRules(t failer) sim.Rules {
	rules := rulesWith(t, muchGoesWrong, approvals, simulatedApprovers("0.2"))
	rules.Policies = []sim.Policy{
		{Name: "slow", Velocity: &sim.VelocityLimit{Hours: 24, MaxAmount: amount("400"), MaxCount: 8}, Then: sim.PolicyReject},
		{Name: "aml", Concentration: &sim.ConcentrationLimit{MaxShare: amount("0.5")}, Then: sim.PolicyHold},
	}
	return rules
}

// drawTransferStep draws a command about transfers, or none and how long to wait.
func drawTransferStep(t *rapid.T, snap *sim.Snapshot) (sim.Command, time.Duration) {
	account := rapid.SampledFrom(randomAccounts).Draw(t, "account")
	transfer := stranger
	if n := len(snap.OpenTransfers); n > 0 {
		transfer = snap.OpenTransfers[rapid.IntRange(0, n-1).Draw(t, "open")].ID
	}
	by := rapid.SampledFrom([]string{"alice", "bob", "carol", "ann", "Ben"}).Draw(t, "by")
	switch rapid.IntRange(0, 11).Draw(t, "step") {
	case 0:
		return sim.Instruct{Type: sim.Deposit, AccountID: account, Symbol: rapid.SampledFrom([]string{"USD", "BTC"}).Draw(t, "symbol"), Quantity: amount("300")}, 0
	case 1:
		return sim.Instruct{Type: sim.Withdrawal, AccountID: account, Symbol: "USD", Quantity: amount("100")}, 0
	case 2, 3:
		return sim.ApproveTransfer{ID: transfer, By: by}, 0
	case 4:
		return sim.RejectTransfer{ID: transfer, By: by, Reason: "no"}, 0
	case 5:
		return sim.CancelTransfer{ID: transfer}, 0
	case 6:
		return sim.UpdateAccount{AccountID: account, Status: rapid.SampledFrom([]sim.AccountStatus{sim.AccountActive, sim.AccountActive, sim.AccountFrozen}).Draw(t, "status")}, 0
	case 7:
		return nil, time.Duration(rapid.IntRange(1, 72*60).Draw(t, "minutes")) * time.Minute
	default:
		return drawSubmission(t, account), 0
	}
}

func drawSubmission(t *rapid.T, account string) sim.SubmitTransfer {
	c := sim.SubmitTransfer{
		Rail:      rapid.SampledFrom([]string{profile.CryptoExternal, profile.CryptoInternal, profile.WireDomestic, profile.ACHTransfer}).Draw(t, "rail"),
		Direction: rapid.SampledFrom([]sim.Direction{sim.DirectionOut, sim.DirectionOut, sim.DirectionIn}).Draw(t, "direction"),
		AccountID: account, Symbol: "USD", Quantity: amount(rapid.SampledFrom([]string{"5", "40", "99.99", "250"}).Draw(t, "quantity")),
		Beneficiary: sim.Beneficiary{Account: "outside", Address: "bc1q"}, RequestedBy: "alice",
	}
	if c.Rail == profile.CryptoExternal || c.Rail == profile.CryptoInternal {
		c.Symbol = "BTC"
	}
	if c.Rail == profile.CryptoInternal {
		c.Beneficiary.Account = rapid.SampledFrom([]string{"a", "b", "outside"}).Draw(t, "beneficiary")
	}
	return c
}

// checkTransferBooks checks conservation, and that what transfers have under way
// is what the holdings say.
func checkTransferBooks(t *rapid.T, state *sim.State) {
	if err := state.CheckBooks(); err != nil {
		t.Fatal(err)
	}
	snap := state.Snapshot()
	type parts struct{ reserved, transit, pending money.Amount }
	under := make(map[sim.HoldingKey]parts)
	for _, tr := range snap.OpenTransfers {
		p := under[sim.HoldingKey{AccountID: tr.AccountID, Symbol: tr.Symbol}]
		p.reserved, p.transit, p.pending = p.reserved.Add(tr.Reserved), p.transit.Add(tr.Transit), p.pending.Add(tr.PendingIn)
		under[sim.HoldingKey{AccountID: tr.AccountID, Symbol: tr.Symbol}] = p
	}
	sums := make(map[string]money.Amount)
	for _, h := range snap.Holdings {
		p := under[h.Key()]
		if !h.Reserved.Equal(p.reserved) || !h.Transit.Equal(p.transit) || !h.PendingIn.Equal(p.pending) {
			t.Fatalf("%s of %s has %s reserved, %s in transit, %s pending; its transfers have %+v", h.Symbol, h.AccountID, h.Reserved, h.Transit, h.PendingIn, p)
		}
		for _, part := range []money.Amount{h.Available, h.Locked, h.Reserved, h.Transit, h.PendingIn} {
			if part.Sign() < 0 {
				t.Fatalf("%s of %s has a negative part", h.Symbol, h.AccountID)
			}
		}
		sums[h.Symbol] = sums[h.Symbol].Add(h.Sum())
	}
	for _, m := range snap.Mirrors {
		if !sums[m.Symbol].Add(m.Balance).IsZero() {
			t.Fatalf("%s: holdings sum to %s, the mirror has %s", m.Symbol, sums[m.Symbol], m.Balance)
		}
	}
}

func TestTransfersConserveWhatTheyMoveAndAllEnd(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		b := newBooksWith(t, unluckyRules(t))
		known := make(map[uuid.UUID]*sim.Transfer)
		for range rapid.IntRange(1, 50).Draw(t, "steps") {
			before := len(b.open)
			c, pause := drawTransferStep(t, b.state.Snapshot())
			if c == nil {
				b.wait(pause)
			} else {
				b.decide(sim.Request{Command: c})
			}
			checkTransferBooks(t, b.state)
			for _, e := range b.open[before:] {
				for _, tr := range e.Transfers {
					checkLife(t, known[tr.ID], tr)
					known[tr.ID] = tr
				}
			}
		}
		for _, account := range randomAccounts {
			if b.state.Account(account) != nil {
				b.decide(sim.Request{Command: unfreeze(account)})
			}
		}
		b.wait(60 * 24 * time.Hour)
		checkTransferBooks(t, b.state)
		snap := b.state.Snapshot()
		if len(snap.OpenTransfers) > 0 || len(snap.Documents) > 0 {
			t.Fatalf("after two months %d transfers and %d documents are open", len(snap.OpenTransfers), len(snap.Documents))
		}
	})
}

// checkLife checks that a transfer's next version may follow the one before.
func checkLife(t *rapid.T, before, after *sim.Transfer) {
	if before != nil {
		if before.Done() {
			t.Fatalf("transfer %s was done and goes on: %+v", after.ID, after)
		}
		if len(after.History) < len(before.History) {
			t.Fatalf("transfer %s has forgotten some of its history", after.ID)
		}
	}
	given := 0
	seen := make(map[string]bool)
	for _, a := range after.Approvals {
		if a.By == after.RequestedBy || seen[a.By] {
			t.Fatalf("approvals of %s's request are %+v", after.RequestedBy, after.Approvals)
		}
		seen[a.By] = true
		if a.Decision == sim.Approved {
			given++
		}
	}
	passed := after.Status == sim.StatusInProgress || after.Status == sim.StatusCompleted
	if passed && given < after.ApprovalsRequired {
		t.Fatalf("transfer is %s with %d of %d approvals", after.Status, given, after.ApprovalsRequired)
	}
	if last := after.History[len(after.History)-1]; last.Status != string(after.Stage) {
		t.Fatalf("transfer is %s, its history ends with %s", after.Stage, last.Status)
	}
	if after.Done() != after.DueAt.IsZero() && after.ReasonCode != sim.ReasonBlockedAccount {
		t.Fatalf("transfer is %s and due at %s", after.Stage, after.DueAt)
	}
}

func TestTransfersGoOnAfterARestartAsIfThereHadBeenNone(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		steady, restarted := newBooksWith(t, unluckyRules(t)), newBooksWith(t, unluckyRules(t))
		replay := sim.NewState(unluckyRules(t), sim.NewGenerator("books", 1))
		for range rapid.IntRange(1, 40).Draw(t, "steps") {
			if rapid.IntRange(0, 3).Draw(t, "restart") == 0 {
				restarted.restart(unluckyRules(t))
			}
			c, pause := drawTransferStep(t, steady.state.Snapshot())
			for _, b := range []*books{steady, restarted} {
				if c == nil {
					b.wait(pause)
				} else {
					b.decide(sim.Request{Command: c})
				}
			}
			if len(steady.open) != len(restarted.open) {
				t.Fatalf("%+v gives %d events, and %d after a restart", c, len(steady.open), len(restarted.open))
			}
			if len(steady.open) == 0 {
				continue
			}
			one, other := steady.seal(), restarted.seal()
			if !bytes.Equal(one.Payload, other.Payload) || one.Hash != other.Hash {
				t.Fatalf("%+v makes other bytes after a restart", c)
			}
		}
		for _, batch := range stored(t, steady.batches) {
			if err := replay.ApplyBatch(batch); err != nil {
				t.Fatal(err)
			}
		}
		if d := steady.state.Snapshot().Digest(); d != restarted.state.Snapshot().Digest() || d != replay.Snapshot().Digest() {
			t.Fatal("the digests differ")
		}
	})
}
