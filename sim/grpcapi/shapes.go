package grpcapi

import (
	"encoding/hex"
	"strconv"
	"time"

	"github.com/google/uuid"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/asset"
	pb "github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/custodianpb"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/engine"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/money"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/view"
)

// shapes turns records into messages.
type shapes struct{ assets *asset.Registry }

// amount writes cash with at least the digits of its minor unit, everything
// else in its shortest form.
func (s shapes) amount(symbol string, a money.Amount) string {
	if as := s.assets.Lookup(symbol); as.IsCash() {
		return a.Format(as.Decimals)
	}
	return a.String()
}

func metadataText(metadata []byte) string {
	if len(metadata) == 0 {
		return "{}"
	}
	return string(metadata)
}

// timestamp is not set for the zero time.
func timestamp(t time.Time) *timestamppb.Timestamp {
	if t.IsZero() {
		return nil
	}
	return timestamppb.New(t)
}

func (s shapes) account(a *sim.Account) *pb.Account {
	return &pb.Account{
		AccountId: a.AccountID, ClientId: a.ClientID, AccountType: string(a.Type), Status: string(a.Status),
		Metadata: metadataText(a.Metadata), CreatedAt: timestamp(a.CreatedAt), UpdatedAt: timestamp(a.UpdatedAt),
	}
}

func (s shapes) position(h *sim.Holding) *pb.Position {
	return &pb.Position{
		PositionId: h.ID.String(), AccountId: h.AccountID, Symbol: h.Symbol,
		Quantity:          s.amount(h.Symbol, h.Total()),
		AvailableQuantity: s.amount(h.Symbol, h.Available),
		LockedQuantity:    s.amount(h.Symbol, h.Locked),
		ReservedQuantity:  s.amount(h.Symbol, h.Reserved),
		PendingInQuantity: s.amount(h.Symbol, h.PendingIn),
		InTransitQuantity: s.amount(h.Symbol, h.Transit),
		AverageCost:       s.amount(h.Currency, h.AverageCost),
		MarketValue:       s.amount(h.Currency, h.MarketValue),
		Currency:          h.Currency, Metadata: metadataText(h.Metadata),
		CreatedAt: timestamp(h.CreatedAt), LastUpdated: timestamp(h.UpdatedAt),
	}
}

func (s shapes) balance(h *sim.Holding) *pb.Balance {
	return &pb.Balance{
		BalanceId: h.ID.String(), AccountId: h.AccountID, Currency: h.Symbol,
		AvailableBalance: s.amount(h.Symbol, h.Available),
		LockedBalance:    s.amount(h.Symbol, h.Locked),
		ReservedBalance:  s.amount(h.Symbol, h.Reserved),
		PendingInBalance: s.amount(h.Symbol, h.PendingIn),
		InTransitBalance: s.amount(h.Symbol, h.Transit),
		TotalBalance:     s.amount(h.Symbol, h.Total()),
		Metadata:         metadataText(h.Metadata),
		CreatedAt:        timestamp(h.CreatedAt), LastUpdated: timestamp(h.UpdatedAt),
	}
}

func dimension(d sim.Dimension) *pb.Dimension {
	return &pb.Dimension{Status: d.Status, ReasonCode: d.ReasonCode, Reason: d.Reason}
}

func (s shapes) settlement(st *sim.Settlement) *pb.Settlement {
	reason, text := st.Reason()
	history := make([]*pb.Transition, len(st.History))
	for i, t := range st.History {
		history[i] = &pb.Transition{At: timestamp(t.At), Status: t.Status, ReasonCode: t.ReasonCode, Reason: t.Reason, Sequence: t.Sequence}
	}
	out := &pb.Settlement{
		SettlementId: st.ID.String(), ExternalId: st.ExternalID, SettlementType: string(st.Type), AccountId: st.AccountID, Symbol: st.Symbol,
		Quantity: s.amount(st.Symbol, st.Quantity), Status: string(st.Status),
		SourceAccount: st.SourceAccount, DestinationAccount: st.DestinationAccount,
		SettledQuantity: s.amount(st.Symbol, st.Settled), OpenQuantity: s.amount(st.Symbol, st.Open()),
		Reason: reason, ReasonText: text, ExpectedSettlementDate: st.ExpectedDate,
		InitiatedAt: timestamp(st.InitiatedAt), CompletedAt: timestamp(st.CompletedAt),
		Processing: dimension(st.Processing), Settlement: dimension(st.Settlement), Hold: dimension(st.Hold),
		History: history, Metadata: metadataText(st.Metadata), Partial: string(sim.PartialNotAllowed),
		MatchedWith: idText(st.MatchedWith), Matching: matching(st), NextActionAt: timestamp(st.DueAt),
	}
	out.SettledPayment, out.Reserved, out.Penalty = s.progress(st)
	if st.Terms != nil {
		s.terms(out, st)
	}
	return out
}

func (s shapes) settlementStatus(st *sim.Settlement) *pb.SettlementStatus {
	reason, text := st.Reason()
	payment, reserved, penalty := s.progress(st)
	return &pb.SettlementStatus{
		SettledPayment: payment, Reserved: reserved, Penalty: penalty, Matching: matching(st), NextActionAt: timestamp(st.DueAt),
		SettlementId: st.ID.String(), ExternalId: st.ExternalID, Status: string(st.Status), Reason: reason, ReasonText: text,
		SettledQuantity: s.amount(st.Symbol, st.Settled), OpenQuantity: s.amount(st.Symbol, st.Open()),
		ExpectedSettlementDate: st.ExpectedDate, InitiatedAt: timestamp(st.InitiatedAt), CompletedAt: timestamp(st.CompletedAt),
		Processing: dimension(st.Processing), Settlement: dimension(st.Settlement), Hold: dimension(st.Hold),
	}
}

// entryID is an entry's name and its place in lists.
func entryID(e *sim.Entry) string {
	return strconv.FormatUint(e.Sequence, 10) + "-" + strconv.Itoa(e.Index)
}

func (s shapes) entry(e *sim.Entry) *pb.LedgerEntry {
	out := &pb.LedgerEntry{
		EntryId: entryID(e), Sequence: e.Sequence, Symbol: e.Symbol, Amount: s.amount(e.Symbol, e.Amount),
		Debit:    &pb.LedgerAccount{AccountId: e.Debit.AccountID, Bucket: string(e.Debit.Bucket)},
		Credit:   &pb.LedgerAccount{AccountId: e.Credit.AccountID, Bucket: string(e.Credit.Bucket)},
		PostedAt: timestamp(e.PostedAt),
	}
	if e.SettlementID != (uuid.UUID{}) {
		out.SettlementId = e.SettlementID.String()
	}
	return out
}

func (s shapes) event(r *engine.Recorded) *pb.Event {
	out := &pb.Event{
		Sequence: r.Event.Sequence, Type: string(r.Event.Type), Time: timestamp(r.Event.Time), Hash: hex.EncodeToString(r.Hash[:]),
	}
	also := r.Event.Settlements
	switch about := view.AboutOf(r.Event); {
	case about.Settlement != nil:
		out.Data = &pb.Event_Settlement{Settlement: s.settlement(about.Settlement)}
		also = also[1:]
	case about.Transfer != nil:
		out.Data = &pb.Event_Transfer{Transfer: s.transfer(about.Transfer, nil)}
	case about.Holding != nil && about.Holding.Cash:
		out.Data = &pb.Event_Balance{Balance: s.balance(about.Holding)}
	case about.Holding != nil:
		out.Data = &pb.Event_Position{Position: s.position(about.Holding)}
	case about.Account != nil:
		out.Data = &pb.Event_Account{Account: s.account(about.Account)}
	case about.Document != nil:
		bare := *r.Event
		bare.Settlements = nil
		out.Data = &pb.Event_Document{Document: string(view.NewEncoder(s.assets).EventData(nil, &bare))}
	}
	if len(also) > 0 {
		out.Also = messages(also, s.settlement)
	}
	return out
}
