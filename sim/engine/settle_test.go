package engine_test

import (
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/money"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/store/memory"
)

// pay is a transfer of one dollar with an external id and links.
func pay(externalID string, links ...sim.Link) sim.Instruct {
	return sim.Instruct{Type: sim.Internal, SourceAccount: "a", DestinationAccount: "b", Symbol: "USD",
		Quantity: money.MustParse("1"), ExternalID: externalID, Links: links}
}

func after(externalID string) sim.Link {
	return sim.Link{Type: sim.LinkAfter, ExternalID: externalID}
}

func TestLinksFindFinalInstructionsInTheTables(t *testing.T) {
	bubble(t, func(t *testing.T) {
		store := memory.NewStore()
		b := start(t, store)
		b.must(sim.OpenHolding{Cash: true, AccountID: "a", Symbol: "USD", Available: money.MustParse("2")})
		b.must(pay("settled"))
		b.must(sim.CancelSettlement{ID: b.must(sim.Instruct{Type: sim.Deposit, AccountID: "a", Symbol: "USD",
			Quantity: money.MustParse("1"), ExternalID: "cancelled", Hold: true}).Settlement.ID})
		for range 2 {
			if st := b.must(pay("", after("settled"))).Settlement; st.Processing.ReasonCode == sim.ReasonLink || !st.Status.Final() {
				t.Errorf("linked to what has settled, it is %+v", st)
			}
			for _, other := range []string{"cancelled", "unknown"} {
				if st := b.must(pay("", after(other))).Settlement; st.Status != sim.StatusFailed || st.Processing.ReasonCode != sim.ReasonLink {
					t.Errorf("linked to what is %s, it is %+v", other, st)
				}
			}
			b.wantFinish()
			b = start(t, store) // and the same again, with nothing in memory
		}
		b.wantFinish()
	})
}

func TestReversalsFindWhatTheyReverseInTheTables(t *testing.T) {
	bubble(t, func(t *testing.T) {
		store := memory.NewStore()
		b := start(t, store)
		id := b.must(deposit("a")).Settlement.ID
		b.wantFinish()
		b = start(t, store)
		back := b.must(sim.ReverseSettlement{ID: id}).Settlement
		if back.Type != sim.Withdrawal || back.Status != sim.StatusCompleted || back.Terms.ReversalOf != id {
			t.Errorf("the reversal is %+v", back)
		}
		_, err := b.do(sim.ReverseSettlement{ID: id})
		b.wantCode(err, sim.CodeAlreadyExists)
		_, err = b.do(sim.ReverseSettlement{ID: uuid.UUID{15: 1}})
		b.wantCode(err, sim.CodeNotFound)
		_, err = b.do(sim.CancelSettlement{ID: id})
		b.wantCode(err, sim.CodeWrongState)
		if !strings.Contains(err.Error(), sim.ReasonDeniedSettled) {
			t.Errorf("the refusal does not say why: %v", err)
		}
		b.wantFinish()
	})
}
