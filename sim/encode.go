package sim

import (
	"time"

	"github.com/google/uuid"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/money"
)

// batchVersion is the version of the stored format, see
// custodianpb/journalpb/journal.proto.
const batchVersion = 1

// encoder appends protobuf fields in the order of their numbers and leaves out
// zero values, so that equal records have equal bytes.
type encoder struct{ b []byte }

func (e *encoder) uint(field protowire.Number, v uint64) {
	if v != 0 {
		e.b = protowire.AppendVarint(protowire.AppendTag(e.b, field, protowire.VarintType), v)
	}
}

func (e *encoder) bool(field protowire.Number, v bool) { e.uint(field, protowire.EncodeBool(v)) }

func (e *encoder) text(field protowire.Number, v string) {
	if v != "" {
		e.b = protowire.AppendString(protowire.AppendTag(e.b, field, protowire.BytesType), v)
	}
}

func (e *encoder) bytes(field protowire.Number, v []byte) {
	if len(v) > 0 {
		e.b = protowire.AppendBytes(protowire.AppendTag(e.b, field, protowire.BytesType), v)
	}
}

func (e *encoder) id(field protowire.Number, v uuid.UUID) {
	if v != (uuid.UUID{}) {
		e.bytes(field, v[:])
	}
}

func (e *encoder) time(field protowire.Number, v time.Time) {
	if !v.IsZero() {
		e.uint(field, uint64(v.UnixMicro()))
	}
}

func (e *encoder) amount(field protowire.Number, v money.Amount) {
	if v.IsZero() {
		return
	}
	var room [64]byte
	text, _ := v.AppendText(room[:0]) // never fails
	e.bytes(field, text)
}

// message appends a nested message. Its length comes before it, so the content
// is written first and moved if the length needs more than one byte.
func (e *encoder) message(field protowire.Number, content func(*encoder)) {
	e.b = append(protowire.AppendTag(e.b, field, protowire.BytesType), 0)
	start := len(e.b)
	content(e)
	n := len(e.b) - start
	size := protowire.SizeVarint(uint64(n))
	if size > 1 {
		e.b = append(e.b, make([]byte, size-1)...)
		copy(e.b[start+size-1:], e.b[start:start+n])
	}
	protowire.AppendVarint(e.b[:start-1], uint64(n))
}

// appendBatch appends the encoding of a batch.
func appendBatch(dst []byte, b *Batch) []byte {
	e := &encoder{dst}
	e.uint(1, batchVersion)
	e.uint(2, b.First)
	e.bytes(3, b.Generator)
	for _, event := range b.Events {
		e.message(4, event.encode)
	}
	return e.b
}

func (e *Event) encode(enc *encoder) {
	enc.time(1, e.Time)
	enc.text(2, string(e.Type))
	for _, a := range e.Accounts {
		enc.message(3, a.encode)
	}
	for _, h := range e.Holdings {
		enc.message(4, h.encode)
	}
	for _, m := range e.Mirrors {
		enc.message(5, m.encode)
	}
	for _, s := range e.Settlements {
		enc.message(6, s.encode)
	}
	for i := range e.Postings {
		enc.message(7, e.Postings[i].encode)
	}
	if e.Key != nil {
		enc.message(8, func(enc *encoder) {
			enc.text(1, e.Key.Key)
			enc.bytes(2, e.Key.Fingerprint[:])
		})
	}
	for _, t := range e.Transfers {
		enc.message(9, t.encode)
	}
	for _, v := range e.Documents {
		enc.message(10, v.encode)
	}
}

func (a *Account) encode(e *encoder) {
	e.text(1, a.AccountID)
	e.text(2, a.ClientID)
	e.text(3, string(a.Type))
	e.text(4, string(a.Status))
	e.bytes(5, a.Metadata)
	e.time(6, a.CreatedAt)
	e.time(7, a.UpdatedAt)
}

func (h *Holding) encode(e *encoder) {
	e.id(1, h.ID)
	e.text(2, h.AccountID)
	e.text(3, h.Symbol)
	e.bool(4, h.Cash)
	e.amount(5, h.Available)
	e.amount(6, h.Locked)
	e.amount(7, h.AverageCost)
	e.amount(8, h.MarketValue)
	e.text(9, h.Currency)
	e.bytes(10, h.Metadata)
	e.time(11, h.CreatedAt)
	e.time(12, h.UpdatedAt)
	e.bool(13, h.Removed)
	e.amount(14, h.Reserved)
	e.amount(15, h.PendingIn)
	e.amount(16, h.Transit)
}

func (m *Mirror) encode(e *encoder) {
	e.text(1, m.Account)
	e.text(2, m.Symbol)
	e.amount(3, m.Balance)
}

func (a LedgerAccount) encode(e *encoder) {
	e.text(1, a.AccountID)
	e.text(2, string(a.Bucket))
}

func (p *Posting) encode(e *encoder) {
	e.text(1, p.Symbol)
	e.amount(2, p.Amount)
	e.message(3, p.Debit.encode)
	e.message(4, p.Credit.encode)
}

func (d Dimension) encode(e *encoder) {
	e.text(1, d.Status)
	e.text(2, d.ReasonCode)
	e.text(3, d.Reason)
}

func (s *Settlement) encode(e *encoder) {
	e.id(1, s.ID)
	e.text(2, s.ExternalID)
	e.text(3, string(s.Type))
	e.text(4, s.AccountID)
	e.text(5, s.Symbol)
	e.amount(6, s.Quantity)
	e.amount(7, s.Settled)
	e.text(8, string(s.Status))
	e.text(9, s.SourceAccount)
	e.text(10, s.DestinationAccount)
	e.message(11, s.Processing.encode)
	e.message(12, s.Settlement.encode)
	e.message(13, s.Hold.encode)
	for i := range s.History {
		e.message(14, s.History[i].encode)
	}
	e.time(15, s.InitiatedAt)
	e.time(16, s.CompletedAt)
	e.text(17, s.ExpectedDate)
	e.bytes(18, s.Metadata)
	if s.Matching != (Dimension{}) {
		e.message(19, s.Matching.encode)
	}
	if s.Terms != nil {
		e.message(20, s.Terms.encode)
	}
	e.id(21, s.MatchedWith)
	e.amount(22, s.SettledPayment)
	e.amount(23, s.Reserved)
	e.amount(24, s.Penalty)
	e.time(25, s.DueAt)
	if !s.Course.IsZero() {
		e.message(26, s.Course.encode)
	}
}

func (c *Course) encode(e *encoder) {
	e.amount(1, c.UnderWay)
	e.time(2, c.ReadyAt)
	e.time(3, c.CutOffAt)
	e.uint(4, uint64(c.LinksDone))
}

func (t *Transition) encode(e *encoder) {
	e.time(1, t.At)
	e.text(2, t.Status)
	e.text(3, t.ReasonCode)
	e.text(4, t.Reason)
	e.uint(5, t.Sequence)
}

func (t *Terms) encode(e *encoder) {
	e.text(1, t.Payment.Currency)
	e.amount(2, t.Payment.Amount)
	e.text(3, t.CounterpartyAccount)
	e.text(4, t.Counterparty.Name)
	e.text(5, t.Counterparty.BIC)
	e.text(6, t.TradeDate)
	e.text(7, t.Rail)
	e.text(8, string(t.Partial))
	e.amount(9, t.MinQuantity)
	for _, l := range t.Links {
		e.message(10, func(e *encoder) {
			e.text(1, string(l.Type))
			e.text(2, l.ExternalID)
		})
	}
	e.id(11, t.ReversalOf)
}

func (b *Beneficiary) encode(e *encoder) {
	e.text(1, b.Name)
	e.text(2, b.Account)
	e.text(3, b.Bank)
	e.text(4, b.Address)
	e.text(5, b.Network)
}

func (a *Approval) encode(e *encoder) {
	e.text(1, a.By)
	e.time(2, a.At)
	e.text(3, string(a.Decision))
}

func (t *Transfer) encode(e *encoder) {
	e.id(1, t.ID)
	e.text(2, t.ExternalID)
	e.text(3, t.Rail)
	e.text(4, string(t.Direction))
	e.text(5, t.AccountID)
	e.text(6, t.Symbol)
	e.amount(7, t.Quantity)
	e.message(8, t.Beneficiary.encode)
	e.text(9, t.RequestedBy)
	e.text(10, string(t.Status))
	e.text(11, string(t.Stage))
	e.text(12, t.ReasonCode)
	e.text(13, t.Reason)
	for i := range t.History {
		e.message(14, t.History[i].encode)
	}
	e.uint(15, uint64(t.ApprovalsRequired))
	for i := range t.Approvals {
		e.message(16, t.Approvals[i].encode)
	}
	e.uint(17, uint64(t.Confirmations))
	e.uint(18, uint64(t.ConfirmationsRequired))
	e.amount(19, t.Fee)
	e.amount(20, t.MaxFee)
	e.amount(21, t.Reserved)
	e.amount(22, t.Transit)
	e.amount(23, t.PendingIn)
	e.text(24, t.ValueDate)
	e.time(25, t.InitiatedAt)
	e.time(26, t.CompletedAt)
	e.time(27, t.ExpectedCompletion)
	e.bytes(28, t.Metadata)
	e.time(29, t.DueAt)
	e.bool(30, t.ReturnDue)
	e.text(31, t.CreditAccount)
	e.time(32, t.ExpiresAt)
	e.uint(33, uint64(t.Reorgs))
	e.amount(34, t.Shortfall)
}

func (v *Document) encode(e *encoder) {
	e.text(1, string(v.Kind))
	e.text(2, v.ID)
	e.bytes(3, v.Body)
	e.time(4, v.DueAt)
	e.time(5, v.UpdatedAt)
	e.bool(6, v.Removed)
}

// The AppendCanonical methods append a record's bytes as they stand in the
// journal. Equal records have equal bytes, so they serve to compare records
// and to digest them.

// AppendCanonical appends the account's bytes to dst.
func (a *Account) AppendCanonical(dst []byte) []byte { return appendMessage(dst, a.encode) }

// AppendCanonical appends the holding's bytes to dst.
func (h *Holding) AppendCanonical(dst []byte) []byte { return appendMessage(dst, h.encode) }

// AppendCanonical appends the mirror's bytes to dst.
func (m *Mirror) AppendCanonical(dst []byte) []byte { return appendMessage(dst, m.encode) }

// AppendCanonical appends the settlement's bytes to dst.
func (s *Settlement) AppendCanonical(dst []byte) []byte { return appendMessage(dst, s.encode) }

// AppendCanonical appends the transfer's bytes to dst.
func (t *Transfer) AppendCanonical(dst []byte) []byte { return appendMessage(dst, t.encode) }

// AppendCanonical appends the document's bytes to dst.
func (v *Document) AppendCanonical(dst []byte) []byte { return appendMessage(dst, v.encode) }

// AppendCanonical appends bytes that tell the entry from every other to dst.
func (v *Entry) AppendCanonical(dst []byte) []byte {
	return appendMessage(dst, func(e *encoder) {
		e.uint(1, v.Sequence)
		e.uint(2, uint64(v.Index))
		e.message(3, v.encode)
		e.id(4, v.SettlementID)
		e.time(5, v.PostedAt)
	})
}

// AppendCanonical appends bytes that tell the record from every other to dst.
func (r *KeyRecord) AppendCanonical(dst []byte) []byte {
	return appendMessage(dst, func(e *encoder) {
		e.uint(1, uint64(r.Kind))
		e.text(2, r.Value)
		e.bytes(3, r.Fingerprint[:])
		e.uint(4, r.Sequence)
	})
}

func appendMessage(dst []byte, content func(*encoder)) []byte {
	e := &encoder{dst}
	content(e)
	return e.b
}
