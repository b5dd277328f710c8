package engine_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/engine"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/profile"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/store/memory"
)

// chained is an engine whose chain gives two confirmations and whose transfers
// need an approval.
func chained(t *testing.T) *bundle {
	t.Helper()
	p, _ := profile.Builtin(profile.Instant)
	p, err := p.Override([]byte(`{"rails":{"crypto_external":{"confirmations":2,"block_interval":"10m"}},"approvals":{"required_out":true}}`))
	if err != nil {
		t.Fatal(err)
	}
	resolved, err := p.Resolve()
	if err != nil {
		t.Fatal(err)
	}
	return start(t, memory.NewStore(), func(cfg *engine.Config) { cfg.Rules.Profile = resolved })
}

func sendOne() sim.Command {
	return sim.SubmitTransfer{
		Rail: profile.CryptoExternal, Direction: sim.DirectionOut, AccountID: "a", Symbol: "BTC", Quantity: amount("1"),
		Beneficiary: sim.Beneficiary{Address: "bc1q"}, RequestedBy: "alice", ExternalID: "t-1",
	}
}

func TestTransfersTravelAsTheClockAdvances(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := chained(t)
		defer b.wantFinish()
		b.must(sim.SetClock{Mode: sim.ClockManual, Real: time.Now()})
		b.must(deposit("a"))
		id := b.must(sendOne()).Transfer.ID
		_, err := b.do(sendOne())
		b.wantCode(err, sim.CodeAlreadyExists)
		b.must(sim.ApproveTransfer{ID: id, By: "bob"})
		for _, want := range []sim.TransferStage{sim.StageConfirming, sim.StageSettled} {
			b.must(sim.AdvanceClock{ToNextEvent: true})
			tr, err := b.Transfer(context.Background(), id)
			if err != nil || tr.Stage != want {
				t.Fatalf("transfer is %+v, %v; want %s", tr, err, want)
			}
		}
		if b.held("a") != "0" {
			t.Errorf("a still has %s", b.held("a"))
		}
		listed, err := b.ListTransfers(context.Background(), sim.TransferFilter{Stage: sim.StageSettled}, sim.Page{Limit: 10})
		if err != nil || len(listed) != 1 || listed[0].ID != id {
			t.Errorf("listed are %v, %v", listed, err)
		}
		for _, c := range []sim.Command{sim.ApproveTransfer{ID: id, By: "carol"}, sim.RejectTransfer{ID: id, By: "carol"}, sim.CancelTransfer{ID: id}} {
			_, err := b.do(c)
			b.wantCode(err, sim.CodeWrongState)
			if err != nil && !strings.Contains(err.Error(), "SETTLED") {
				t.Errorf("%T of a settled transfer says %v", c, err)
			}
		}
		_, err = b.do(sim.CancelTransfer{ID: uuid.MustParse("01999999-9999-7999-9999-999999999999")})
		b.wantCode(err, sim.CodeNotFound)
	})
}

func TestClientsAreAskedForTheirBalances(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := chained(t)
		defer b.wantFinish()
		b.must(sim.OpenAccount{AccountID: "m", ClientID: "c"})
		b.must(sim.OpenAccount{AccountID: "s", ClientID: "c", Type: sim.AccountSegregated})
		b.must(deposit("m"))
		b.must(deposit("s"))
		m, err := b.MasterBalance(context.Background(), "c")
		if err != nil || m.Account.AccountID != "m" || len(m.Total) != 1 || !m.Total[0].Available.Equal(amount("2")) || !m.Own[0].Available.Equal(amount("1")) {
			t.Errorf("master balance is %+v, %v", m, err)
		}
		s, err := b.SegregatedBalances(context.Background(), "c")
		if err != nil || len(s) != 1 || s[0].Account.AccountID != "s" || !s[0].Balances[0].Available.Equal(amount("1")) {
			t.Errorf("segregated balances are %+v, %v", s, err)
		}
		_, err = b.MasterBalance(context.Background(), "nobody")
		b.wantCode(err, sim.CodeNotFound)
		_, err = b.SegregatedBalances(context.Background(), "nobody")
		b.wantCode(err, sim.CodeNotFound)
	})
}
