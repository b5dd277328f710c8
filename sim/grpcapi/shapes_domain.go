package grpcapi

import (
	"github.com/google/uuid"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
	pb "github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/custodianpb"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/money"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/view"
)

// idText is empty for the zero id.
func idText(id uuid.UUID) string {
	if id == (uuid.UUID{}) {
		return ""
	}
	return id.String()
}

// positive is empty for zero.
func (s shapes) positive(symbol string, a money.Amount) string {
	if a.IsZero() {
		return ""
	}
	return s.amount(symbol, a)
}

// matching is not set where an instruction needs no match, and before it is processed.
func matching(st *sim.Settlement) *pb.Dimension {
	if st.Matching.Status == "" {
		return nil
	}
	return dimension(st.Matching)
}

// progress returns how much cash moved, what is reserved and what lateness cost.
func (s shapes) progress(st *sim.Settlement) (payment, reserved, penalty string) {
	if !st.Type.AgainstPayment() || st.Terms == nil {
		return "", s.positive(st.Symbol, st.Reserved), s.positive(st.Symbol, st.Penalty)
	}
	currency, side := st.Terms.Payment.Currency, st.Symbol
	if !st.Delivers() {
		side = currency
	}
	return s.amount(currency, st.SettledPayment), s.positive(side, st.Reserved), s.positive(currency, st.Penalty)
}

// terms adds what only some instructions say.
func (s shapes) terms(out *pb.Settlement, st *sim.Settlement) {
	t := st.Terms
	out.CounterpartyAccount, out.TradeDate, out.Rail, out.ReversalOf = t.CounterpartyAccount, t.TradeDate, t.Rail, idText(t.ReversalOf)
	if !t.Payment.IsZero() {
		out.Payment = &pb.Cash{Currency: t.Payment.Currency, Amount: s.amount(t.Payment.Currency, t.Payment.Amount)}
	}
	if !t.Counterparty.IsZero() {
		out.Counterparty = &pb.Party{Name: t.Counterparty.Name, Bic: t.Counterparty.BIC}
	}
	least := st.Symbol
	if t.Partial != "" {
		out.Partial = string(t.Partial)
		if t.Partial == sim.PartialByCash {
			least = t.Payment.Currency
		}
	}
	out.MinQuantity = s.positive(least, t.MinQuantity)
	for _, l := range t.Links {
		out.Links = append(out.Links, &pb.Link{Type: string(l.Type), ExternalId: l.ExternalID})
	}
}

// attach gives the steps of a history the postings of their events, the last
// step of each event alone.
func (s shapes) attach(history []*pb.Transition, moved view.Postings) {
	for i, step := range history {
		if i+1 < len(history) && history[i+1].GetSequence() == step.GetSequence() {
			continue
		}
		for _, p := range moved[step.GetSequence()] {
			step.Postings = append(step.Postings, &pb.Posting{
				Symbol: p.Symbol, Amount: s.amount(p.Symbol, p.Amount),
				Debit:  &pb.PostingSide{AccountId: p.Debit.AccountID, Bucket: string(p.Debit.Bucket)},
				Credit: &pb.PostingSide{AccountId: p.Credit.AccountID, Bucket: string(p.Credit.Bucket)},
			})
		}
	}
}

// transfer returns a transfer with the postings of its history.
func (s shapes) transfer(t *sim.Transfer, moved view.Postings) *pb.Transfer {
	out := &pb.Transfer{
		TransferId: t.ID.String(), ExternalId: t.ExternalID, Rail: t.Rail, Direction: string(t.Direction), AccountId: t.AccountID,
		Symbol: t.Symbol, Quantity: s.amount(t.Symbol, t.Quantity), CreditAccount: t.CreditAccount, RequestedBy: t.RequestedBy,
		Status: string(t.Status), Stage: string(t.Stage), Reason: t.ReasonCode, ReasonText: t.Reason,
		ApprovalsRequired: int32(t.ApprovalsRequired), Approvals: approvals(t),
		Confirmations: int32(t.Confirmations), ConfirmationsRequired: int32(t.ConfirmationsRequired),
		Fee: s.amount(t.Symbol, t.Fee), MaxFee: s.amount(t.Symbol, t.MaxFee),
		Reserved: s.positive(t.Symbol, t.Reserved), InTransit: s.positive(t.Symbol, t.Transit), PendingIn: s.positive(t.Symbol, t.PendingIn),
		Reorganizations: int32(t.Reorgs), Returnable: t.ReturnDue, Shortfall: s.positive(t.Symbol, t.Shortfall),
		ValueDate: t.ValueDate, InitiatedAt: timestamp(t.InitiatedAt), CompletedAt: timestamp(t.CompletedAt),
		ExpectedCompletion: timestamp(t.ExpectedCompletion), ExpiresAt: timestamp(t.ExpiresAt), NextActionAt: timestamp(t.DueAt),
		Metadata: metadataText(t.Metadata),
	}
	if b := t.Beneficiary; b != (sim.Beneficiary{}) {
		out.Beneficiary = &pb.Beneficiary{Name: b.Name, Account: b.Account, Bank: b.Bank, Address: b.Address, Network: b.Network}
	}
	out.History = history(t.History)
	s.attach(out.GetHistory(), moved)
	return out
}

func history(steps []sim.Transition) []*pb.Transition {
	out := make([]*pb.Transition, len(steps))
	for i, t := range steps {
		out[i] = &pb.Transition{At: timestamp(t.At), Status: t.Status, ReasonCode: t.ReasonCode, Reason: t.Reason, Sequence: t.Sequence}
	}
	return out
}

func approvals(t *sim.Transfer) []*pb.Approval {
	out := make([]*pb.Approval, len(t.Approvals))
	for i, a := range t.Approvals {
		out[i] = &pb.Approval{By: a.By, At: timestamp(a.At), Decision: string(a.Decision)}
	}
	return out
}

func (s shapes) transferStatus(t *sim.Transfer) *pb.TransferStatus {
	return &pb.TransferStatus{
		TransferId: t.ID.String(), ExternalId: t.ExternalID, Status: string(t.Status), Stage: string(t.Stage), Reason: t.ReasonCode, ReasonText: t.Reason,
		ApprovalsRequired: int32(t.ApprovalsRequired), Approvals: approvals(t),
		Confirmations: int32(t.Confirmations), ConfirmationsRequired: int32(t.ConfirmationsRequired),
		Fee: s.amount(t.Symbol, t.Fee), MaxFee: s.amount(t.Symbol, t.MaxFee), CompletedAt: timestamp(t.CompletedAt),
		ExpectedCompletion: timestamp(t.ExpectedCompletion), NextActionAt: timestamp(t.DueAt),
	}
}
