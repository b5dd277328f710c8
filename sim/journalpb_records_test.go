package sim_test

import (
	"time"

	"github.com/google/uuid"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/custodianpb/journalpb"
)

// recordBatch returns a batch with an event in which every field of settlements,
// transfers, holdings and documents is set, whether or not they go together.
func recordBatch(first uint64) *sim.Batch {
	at := func(n int) time.Time {
		return time.Date(2026, 11, 24, 9, n, 0, 1000, time.UTC)
	}
	id := func(n byte) uuid.UUID { return uuid.UUID{0: 1, 15: n} }
	history := []sim.Transition{{At: at(1), Status: "RETURNED", ReasonCode: "R01", Reason: "the paying account lacks the funds", Sequence: 7}}
	e := &sim.Event{Sequence: first, Time: at(0), Type: "test.recorded"}
	e.Holdings = []*sim.Holding{{
		ID: id(1), AccountID: "a", Symbol: "USD", Cash: true, Available: amount("1"), Locked: amount("2"), Reserved: amount("1.5"),
		PendingIn: amount("3"), Transit: amount("4"), Currency: "USD", CreatedAt: at(2), UpdatedAt: at(3), Removed: true,
	}}
	e.Settlements = []*sim.Settlement{{
		ID: id(2), Type: sim.DVP, AccountID: "a", Symbol: "AAPL", Quantity: amount("100"), Settled: amount("40"), Status: sim.StatusInProgress,
		Terms: &sim.Terms{
			Payment: sim.Cash{Currency: "USD", Amount: amount("19000.01")}, CounterpartyAccount: "b",
			Counterparty: sim.Party{Name: "Bank Ä", BIC: "DEUTDEFF"}, TradeDate: "2026-11-23", Rail: "wire_domestic",
			Partial: sim.PartialByQuantity, MinQuantity: amount("10"),
			Links: []sim.Link{{Type: sim.LinkWith, ExternalID: "A-0"}, {Type: sim.LinkAfter, ExternalID: "A-1"}}, ReversalOf: id(3),
		},
		Matching: sim.Dimension{Status: "MATCHED", ReasonCode: "X", Reason: "y"}, History: history, MatchedWith: id(4),
		SettledPayment: amount("7600"), Reserved: amount("60"), Penalty: amount("1.9"), DueAt: at(4), InitiatedAt: at(0), ExpectedDate: "2026-11-24",
		Course: sim.Course{UnderWay: amount("60"), ReadyAt: at(14), CutOffAt: at(15), LinksDone: 3},
	}}
	e.Transfers = []*sim.Transfer{{
		ID: id(5), ExternalID: "T-1", Rail: "crypto_external", Direction: sim.DirectionOut, AccountID: "a", Symbol: "BTC", Quantity: amount("1.5"),
		Beneficiary: sim.Beneficiary{Name: "n", Account: "acc", Bank: "BANKDEFF", Address: "bc1q", Network: "bitcoin"}, RequestedBy: "alice",
		Status: sim.StatusInProgress, Stage: sim.StageConfirming, ReasonCode: "NARR", Reason: "text", History: history,
		ApprovalsRequired: 2, Approvals: []sim.Approval{{By: "bob", At: at(5), Decision: sim.Approved}, {By: "eve", At: at(6), Decision: sim.Rejected}},
		Confirmations: 1, ConfirmationsRequired: 6, Fee: amount("0.0001"), MaxFee: amount("0.0002"),
		Reserved: amount("1"), Transit: amount("0.5"), PendingIn: amount("0.25"), ValueDate: "2026-11-25",
		InitiatedAt: at(7), CompletedAt: at(8), ExpectedCompletion: at(9), Metadata: []byte(`{"k":"v"}`), DueAt: at(10), ReturnDue: true,
		CreditAccount: "b", ExpiresAt: at(11), Reorgs: 2, Shortfall: amount("0.75"),
	}}
	e.Documents = []*sim.Document{{
		Kind: sim.DocumentVelocity, ID: "1:a/BTC", Body: []byte(`{"hours":[]}`), DueAt: at(12), UpdatedAt: at(13), Removed: true,
	}}
	return sim.NewBatch(sim.Digest{}, []*sim.Event{e}, sim.NewGenerator("records", 1).AppendState(nil))
}

func (r reader) terms(t *journalpb.Terms) *sim.Terms {
	if t == nil {
		return nil
	}
	out := &sim.Terms{
		Payment:             sim.Cash{Currency: t.GetPaymentCurrency(), Amount: r.amount(t.GetPaymentAmount())},
		CounterpartyAccount: t.GetCounterpartyAccount(),
		Counterparty:        sim.Party{Name: t.GetCounterpartyName(), BIC: t.GetCounterpartyBic()},
		TradeDate:           t.GetTradeDate(), Rail: t.GetRail(), Partial: sim.PartialIndicator(t.GetPartial()),
		MinQuantity: r.amount(t.GetMinQuantity()), ReversalOf: r.optionalID(t.GetReversalOf()),
	}
	for _, l := range t.GetLinks() {
		out.Links = append(out.Links, sim.Link{Type: sim.LinkType(l.GetType()), ExternalID: l.GetExternalId()})
	}
	return out
}

func (r reader) optionalID(b []byte) uuid.UUID {
	if len(b) == 0 {
		return uuid.UUID{}
	}
	return r.id(b)
}

func (r reader) history(steps []*journalpb.Transition) (out []sim.Transition) {
	for _, h := range steps {
		out = append(out, sim.Transition{
			At: r.time(h.GetAt()), Status: h.GetStatus(), ReasonCode: h.GetReasonCode(), Reason: h.GetReason(), Sequence: h.GetSequence(),
		})
	}
	return out
}

func (r reader) transfer(t *journalpb.Transfer) *sim.Transfer {
	b := t.GetBeneficiary()
	out := &sim.Transfer{
		ID: r.id(t.GetId()), ExternalID: t.GetExternalId(), Rail: t.GetRail(), Direction: sim.Direction(t.GetDirection()),
		AccountID: t.GetAccountId(), Symbol: t.GetSymbol(), Quantity: r.amount(t.GetQuantity()),
		Beneficiary: sim.Beneficiary{Name: b.GetName(), Account: b.GetAccount(), Bank: b.GetBank(), Address: b.GetAddress(), Network: b.GetNetwork()},
		RequestedBy: t.GetRequestedBy(), Status: sim.SettlementStatus(t.GetStatus()), Stage: sim.TransferStage(t.GetStage()),
		ReasonCode: t.GetReasonCode(), Reason: t.GetReason(), History: r.history(t.GetHistory()),
		ApprovalsRequired: int(t.GetApprovalsRequired()), Confirmations: int(t.GetConfirmations()),
		ConfirmationsRequired: int(t.GetConfirmationsRequired()), Fee: r.amount(t.GetFee()), MaxFee: r.amount(t.GetMaxFee()),
		Reserved: r.amount(t.GetReserved()), Transit: r.amount(t.GetTransit()), PendingIn: r.amount(t.GetPendingIn()),
		ValueDate: t.GetValueDate(), InitiatedAt: r.time(t.GetInitiatedAt()), CompletedAt: r.time(t.GetCompletedAt()),
		ExpectedCompletion: r.time(t.GetExpectedCompletion()), Metadata: t.GetMetadata(), DueAt: r.time(t.GetDueAt()),
		ReturnDue: t.GetReturnDue(), CreditAccount: t.GetCreditAccount(), ExpiresAt: r.time(t.GetExpiresAt()),
		Reorgs: int(t.GetReorgs()), Shortfall: r.amount(t.GetShortfall()),
	}
	for _, a := range t.GetApprovals() {
		out.Approvals = append(out.Approvals, sim.Approval{By: a.GetBy(), At: r.time(a.GetAt()), Decision: sim.ApprovalDecision(a.GetDecision())})
	}
	return out
}

func (r reader) course(c *journalpb.Course) sim.Course {
	return sim.Course{UnderWay: r.amount(c.GetUnderWay()), ReadyAt: r.time(c.GetReadyAt()), CutOffAt: r.time(c.GetCutOffAt()), LinksDone: c.GetLinksDone()}
}
