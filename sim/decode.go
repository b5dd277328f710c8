package sim

import (
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/money"
)

var errWire = errors.New("malformed protobuf")

// value is one field's value as it stands on the wire.
type value struct {
	number uint64 // of a varint
	data   []byte // of a length-delimited field
}

// Decode decodes the payload into Events, Generator, First, Last and Time. What
// of the last three is set already must agree with the payload. Its errors wrap
// [ErrBrokenInvariant]: a stored payload that does not decode has been tampered
// with or was written by a newer version.
func (b *Batch) Decode() error {
	var version uint64
	out := Batch{Hash: b.Hash, Payload: b.Payload}
	err := fields(b.Payload, func(field protowire.Number, v value) (err error) {
		switch field {
		case 1:
			version = v.number
		case 2:
			out.First = v.number
		case 3:
			out.Generator = v.data
		case 4:
			event := &Event{Sequence: out.First + uint64(len(out.Events))}
			err = fields(v.data, event.decode)
			out.Events = append(out.Events, event)
		}
		return err
	})
	switch {
	case err != nil:
	case version != batchVersion:
		err = fmt.Errorf("format version %d is not known to this program; it knows %d", version, batchVersion)
	case out.First == 0 || len(out.Events) == 0:
		err = errors.New("batch without events")
	}
	if err != nil {
		return fmt.Errorf("%w: decoding journal batch at %d: %w", ErrBrokenInvariant, b.First, err)
	}
	out.Last = out.First + uint64(len(out.Events)) - 1
	out.Time = out.Events[len(out.Events)-1].Time
	if (b.First != 0 && b.First != out.First) || (b.Last != 0 && b.Last != out.Last) || (!b.Time.IsZero() && !b.Time.Equal(out.Time)) {
		return fmt.Errorf("%w: journal batch %d to %d of %s holds events %d to %d of %s", ErrBrokenInvariant,
			b.First, b.Last, b.Time.Format(time.RFC3339Nano), out.First, out.Last, out.Time.Format(time.RFC3339Nano))
	}
	*b = out
	return nil
}

// fields calls fn with each field of a message. Fields unknown to fn are for it
// to pass over.
func fields(b []byte, fn func(protowire.Number, value) error) error {
	for len(b) > 0 {
		field, kind, n := protowire.ConsumeTag(b)
		if n < 0 {
			return errWire
		}
		b = b[n:]
		var v value
		switch kind {
		case protowire.VarintType:
			v.number, n = protowire.ConsumeVarint(b)
		case protowire.BytesType:
			v.data, n = protowire.ConsumeBytes(b)
		default:
			n = protowire.ConsumeFieldValue(field, kind, b)
		}
		if n < 0 {
			return errWire
		}
		b = b[n:]
		if err := fn(field, v); err != nil {
			return err
		}
	}
	return nil
}

func (v value) time() time.Time { return time.UnixMicro(int64(v.number)).UTC() }

func (v value) id(into *uuid.UUID) error {
	if len(v.data) != len(into) {
		return errWire
	}
	copy(into[:], v.data)
	return nil
}

func (v value) amount(into *money.Amount) (err error) {
	*into, err = money.Restore(string(v.data))
	return err
}

func (v value) dimension(into *Dimension) error {
	return fields(v.data, func(field protowire.Number, v value) error {
		switch field {
		case 1:
			into.Status = string(v.data)
		case 2:
			into.ReasonCode = string(v.data)
		case 3:
			into.Reason = string(v.data)
		}
		return nil
	})
}

func (v value) ledgerAccount(into *LedgerAccount) error {
	return fields(v.data, func(field protowire.Number, v value) error {
		switch field {
		case 1:
			into.AccountID = string(v.data)
		case 2:
			into.Bucket = Bucket(v.data)
		}
		return nil
	})
}

func (e *Event) decode(field protowire.Number, v value) error {
	switch field {
	case 1:
		e.Time = v.time()
	case 2:
		e.Type = EventType(v.data)
	case 3:
		a := &Account{}
		e.Accounts = append(e.Accounts, a)
		return fields(v.data, a.decode)
	case 4:
		h := &Holding{}
		e.Holdings = append(e.Holdings, h)
		return fields(v.data, h.decode)
	case 5:
		m := &Mirror{}
		e.Mirrors = append(e.Mirrors, m)
		return fields(v.data, m.decode)
	case 6:
		s := &Settlement{}
		e.Settlements = append(e.Settlements, s)
		return fields(v.data, s.decode)
	case 7:
		var p Posting
		err := fields(v.data, p.decode)
		e.Postings = append(e.Postings, p)
		return err
	case 8:
		e.Key = &IdempotencyKey{}
		return fields(v.data, e.Key.decode)
	case 9:
		t := &Transfer{}
		e.Transfers = append(e.Transfers, t)
		return fields(v.data, t.decode)
	case 10:
		d := &Document{}
		e.Documents = append(e.Documents, d)
		return fields(v.data, d.decode)
	}
	return nil
}

func (k *IdempotencyKey) decode(field protowire.Number, v value) error {
	switch field {
	case 1:
		k.Key = string(v.data)
	case 2:
		if len(v.data) != len(k.Fingerprint) {
			return errWire
		}
		copy(k.Fingerprint[:], v.data)
	}
	return nil
}

func (a *Account) decode(field protowire.Number, v value) error {
	switch field {
	case 1:
		a.AccountID = string(v.data)
	case 2:
		a.ClientID = string(v.data)
	case 3:
		a.Type = AccountType(v.data)
	case 4:
		a.Status = AccountStatus(v.data)
	case 5:
		a.Metadata = v.data
	case 6:
		a.CreatedAt = v.time()
	case 7:
		a.UpdatedAt = v.time()
	}
	return nil
}

func (h *Holding) decode(field protowire.Number, v value) error {
	switch field {
	case 1:
		return v.id(&h.ID)
	case 2:
		h.AccountID = string(v.data)
	case 3:
		h.Symbol = string(v.data)
	case 4:
		h.Cash = v.number != 0
	case 5:
		return v.amount(&h.Available)
	case 6:
		return v.amount(&h.Locked)
	case 7:
		return v.amount(&h.AverageCost)
	case 8:
		return v.amount(&h.MarketValue)
	case 9:
		h.Currency = string(v.data)
	case 10:
		h.Metadata = v.data
	case 11:
		h.CreatedAt = v.time()
	case 12:
		h.UpdatedAt = v.time()
	case 13:
		h.Removed = v.number != 0
	case 14:
		return v.amount(&h.Reserved)
	case 15:
		return v.amount(&h.PendingIn)
	case 16:
		return v.amount(&h.Transit)
	}
	return nil
}

func (m *Mirror) decode(field protowire.Number, v value) error {
	switch field {
	case 1:
		m.Account = string(v.data)
	case 2:
		m.Symbol = string(v.data)
	case 3:
		return v.amount(&m.Balance)
	}
	return nil
}

func (p *Posting) decode(field protowire.Number, v value) error {
	switch field {
	case 1:
		p.Symbol = string(v.data)
	case 2:
		return v.amount(&p.Amount)
	case 3:
		return v.ledgerAccount(&p.Debit)
	case 4:
		return v.ledgerAccount(&p.Credit)
	}
	return nil
}

func (t *Transition) decode(field protowire.Number, v value) error {
	switch field {
	case 1:
		t.At = v.time()
	case 2:
		t.Status = string(v.data)
	case 3:
		t.ReasonCode = string(v.data)
	case 4:
		t.Reason = string(v.data)
	case 5:
		t.Sequence = v.number
	}
	return nil
}

func (s *Settlement) decode(field protowire.Number, v value) error {
	switch field {
	case 1:
		return v.id(&s.ID)
	case 2:
		s.ExternalID = string(v.data)
	case 3:
		s.Type = SettlementType(v.data)
	case 4:
		s.AccountID = string(v.data)
	case 5:
		s.Symbol = string(v.data)
	case 6:
		return v.amount(&s.Quantity)
	case 7:
		return v.amount(&s.Settled)
	case 8:
		s.Status = SettlementStatus(v.data)
	case 9:
		s.SourceAccount = string(v.data)
	case 10:
		s.DestinationAccount = string(v.data)
	case 11:
		return v.dimension(&s.Processing)
	case 12:
		return v.dimension(&s.Settlement)
	case 13:
		return v.dimension(&s.Hold)
	case 14:
		var t Transition
		err := fields(v.data, t.decode)
		s.History = append(s.History, t)
		return err
	case 15:
		s.InitiatedAt = v.time()
	case 16:
		s.CompletedAt = v.time()
	case 17:
		s.ExpectedDate = string(v.data)
	case 18:
		s.Metadata = v.data
	case 19:
		return v.dimension(&s.Matching)
	case 20:
		s.Terms = &Terms{}
		return fields(v.data, s.Terms.decode)
	case 21:
		return v.id(&s.MatchedWith)
	case 22:
		return v.amount(&s.SettledPayment)
	case 23:
		return v.amount(&s.Reserved)
	case 24:
		return v.amount(&s.Penalty)
	case 25:
		s.DueAt = v.time()
	case 26:
		return fields(v.data, s.Course.decode)
	}
	return nil
}
