package sim_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/profile"
)

func TestReplayRefusesTransfersThatContradictThemselves(t *testing.T) {
	t.Parallel()
	velocity := func(body string) func(*sim.Event, *sim.Transfer) {
		return func(e *sim.Event, _ *sim.Transfer) {
			e.Documents = []*sim.Document{{Kind: sim.DocumentVelocity, ID: "1:a/USD", Body: []byte(body), DueAt: e.Time.Add(time.Hour), UpdatedAt: e.Time}}
		}
	}
	for _, c := range []struct {
		name   string
		change func(*sim.Event, *sim.Transfer)
		says   string
	}{
		{"nothing changed", func(*sim.Event, *sim.Transfer) {}, ""},
		{"another account", func(_ *sim.Event, tr *sim.Transfer) { tr.AccountID = "b" }, "identity"},
		{"another quantity", func(_ *sim.Event, tr *sim.Transfer) { tr.Quantity = amount("51") }, "identity"},
		{"another rail", func(_ *sim.Event, tr *sim.Transfer) { tr.Rail = profile.ACHTransfer }, "identity"},
		{"another account to credit", func(_ *sim.Event, tr *sim.Transfer) { tr.CreditAccount = "b" }, "identity"},
		{"an approval taken back", func(_ *sim.Event, tr *sim.Transfer) { tr.Approvals = nil }, "fewer approvals"},
		{"a negative part", func(_ *sim.Event, tr *sim.Transfer) { tr.Reserved = amount("-1") }, "negative part"},
		{"a fee above what was reserved", func(_ *sim.Event, tr *sim.Transfer) { tr.Fee = amount("16") }, "fee"},
		{"final with something under way", func(_ *sim.Event, tr *sim.Transfer) { tr.Transit = amount("1") }, "under way"},
		{"there twice", func(e *sim.Event, tr *sim.Transfer) { e.Transfers = append(e.Transfers, tr) }, "there twice"},
		{"velocity that is no JSON", velocity(`{`), "velocity"},
		{"velocity of a negative amount", velocity(`{"hours":[{"hour":1,"amount":"-1","count":1}]}`), "velocity"},
		{"velocity of no amount", velocity(`{"hours":[{"hour":1,"amount":"x","count":1}]}`), "velocity"},
		{"velocity of hours out of order", velocity(`{"hours":[{"hour":2,"amount":"1","count":1},{"hour":2,"amount":"1","count":1}]}`), "out of order"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b := newBooksWith(t, rulesWith(t, approvals))
			b.deposit("a", "USD", "1000")
			tr := b.submit(byWire("50"))
			b.accept(sim.ApproveTransfer{ID: tr.ID, By: "bob"})
			before := b.seal()
			b.accept(sim.CancelTransfer{ID: tr.ID})
			event := *b.open[0]
			last := *event.Transfers[0]
			event.Transfers = []*sim.Transfer{&last}
			c.change(&event, &last)
			replay := sim.NewState(wideRules(), sim.NewGenerator("books", 1))
			if err := replay.ApplyBatch(before); err != nil {
				t.Fatal(err)
			}
			err := replay.ApplyBatch(sim.NewBatch(before.Hash, []*sim.Event{&event}, b.state.Progress().Generator))
			switch {
			case c.says == "" && err != nil:
				t.Errorf("the genuine event is refused: %v", err)
			case c.says != "" && (!errors.Is(err, sim.ErrBrokenInvariant) || !strings.Contains(err.Error(), c.says)):
				t.Errorf("replay answers %v, want a broken invariant that says %q", err, c.says)
			}
		})
	}
}

func TestTransfersComeToAnEndWhereTheirRailIsWithdrawn(t *testing.T) {
	t.Parallel()
	b := newBooksWith(t, rulesWith(t, approvals, mayReturn))
	b.deposit("a", "BTC", "100")
	b.deposit("a", "USD", "1000")
	in, awaiting, due := b.submit(incoming(onChain("7"))), b.submit(onChain("2")), b.submit(byWire("9"))
	sent := b.submit(onChain("3"))
	b.accept(sim.ApproveTransfer{ID: sent.ID, By: "bob"})
	b.accept(sim.ApproveTransfer{ID: due.ID, By: "bob"})
	cleared := b.submit(byACH(sim.DirectionIn, "5"))
	b.wait(2*time.Hour - time.Minute)
	late := b.submit(incoming(onChain("11")))
	out := b.submit(onChain("1"))
	b.accept(sim.ApproveTransfer{ID: out.ID, By: "bob"})
	b.wait(time.Minute)
	if !b.transferOf(cleared.ID).ReturnDue {
		t.Fatal("it may not be returned")
	}
	p, _ := profile.Builtin(profile.Instant)
	p.Rails = nil
	resolved, err := p.Resolve()
	if err != nil {
		t.Fatal(err)
	}
	rules := wideRules()
	rules.Profile = resolved
	b.restart(rules)
	if err := b.refuse(sim.ApproveTransfer{ID: awaiting.ID, By: "bob"}); err.Code != sim.CodeWrongState || !strings.Contains(err.Message, "not on offer") {
		t.Errorf("approving it gives %v", err)
	}
	b.wait(30 * 24 * time.Hour)
	for _, id := range []*sim.Transfer{in, sent} { // settled before
		b.wantTransferIn(id, sim.StageSettled)
	}
	snap := b.state.Snapshot()
	if len(snap.OpenTransfers) > 0 {
		t.Errorf("open are %+v", snap.OpenTransfers[0])
	}
	b.wantTransferIn(late, sim.StageSettled)
	b.wantTransferIn(out, sim.StageSettled)
	b.wantTransferIn(awaiting, sim.StageRejected)
	b.wantTransferIn(due, sim.StageRejected)
	b.wantTransferIn(cleared, sim.StageSettled)
	b.wantParts("a", "USD", "1005", "0", "0", "0")
	if err := b.state.CheckBooks(); err != nil {
		t.Error(err)
	}
}

// wantTransferIn checks the stage of the last version of a transfer, in sealed
// batches as well.
func (b *books) wantTransferIn(tr *sim.Transfer, stage sim.TransferStage) {
	b.t.Helper()
	last := tr
	note := func(events []*sim.Event) {
		for _, e := range events {
			for _, v := range e.Transfers {
				if v.ID == tr.ID {
					last = v
				}
			}
		}
	}
	for _, batch := range b.batches {
		note(batch.Events)
	}
	note(b.open)
	if last.Stage != stage {
		b.t.Fatalf("%s of %s is %s (%s), want %s", last.Rail, last.Quantity, last.Stage, last.Reason, stage)
	}
}
