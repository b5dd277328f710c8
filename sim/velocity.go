package sim

import (
	"fmt"
	"slices"
	"time"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/money"
)

// MaxVelocityHours is the longest window of a velocity limit: a week.
const MaxVelocityHours = 7 * 24

// EventVelocityExpired says that nothing has left an account in an asset for
// longer than any velocity limit looks back.
const EventVelocityExpired EventType = "velocity.expired"

// velocityBook counts what was submitted to leave one account in one asset, hour
// by hour: the content of a [DocumentVelocity]. It has no more hours than a
// velocity limit can look back to. There is at most one for each holding that
// transfers left from, and it goes away when all of its hours are past.
type velocityBook struct {
	// Hours are in order; only those in which something was submitted are there.
	Hours []velocityHour `json:"hours"`
}

// velocityHour is one hour of a [velocityBook].
type velocityHour struct {
	// Hour counts from 1970 (UTC).
	Hour int64 `json:"hour"`
	// Amount is the sum in units of the asset, as text: sums may have more digits
	// than amounts that callers send.
	Amount string `json:"amount"`
	Count  int64  `json:"count"`
}

func hourOf(t time.Time) int64 { return t.Unix() / 3600 }

// velocityID identifies the document of an account and a symbol. The length in
// front keeps two pairs from sharing one.
func velocityID(accountID, symbol string) string {
	return fmt.Sprintf("%d:%s/%s", len(accountID), accountID, symbol)
}

// sentFrom returns what left an account lately. It must not be changed.
func (s *State) sentFrom(accountID, symbol string) *velocityBook {
	v := s.Document(DocumentVelocity, velocityID(accountID, symbol))
	if v == nil {
		return &velocityBook{}
	}
	sent, err := valueOf[velocityBook](v)
	if err != nil {
		return &velocityBook{} // putDocument has refused such documents
	}
	return &sent
}

// since sums the hours from one on.
func (b *velocityBook) since(hour int64) (total money.Amount, count int64) {
	if b == nil {
		return total, 0
	}
	for _, h := range b.Hours {
		if h.Hour >= hour {
			total, count = total.Add(h.amount()), count+h.Count
		}
	}
	return total, count
}

func (h *velocityHour) amount() money.Amount {
	a, _ := money.Restore(h.Amount) // putDocument has refused others
	return a
}

// check refuses content that this package would not write.
func (b *velocityBook) check() error {
	for i, h := range b.Hours {
		if i > 0 && h.Hour <= b.Hours[i-1].Hour {
			return fmt.Errorf("%w: hours of a velocity document are out of order", ErrBrokenInvariant)
		}
		if a, err := money.Restore(h.Amount); err != nil || a.Sign() < 0 || h.Count < 0 {
			return fmt.Errorf("%w: velocity document has %s by %d transfers in an hour", ErrBrokenInvariant, quote(h.Amount), h.Count)
		}
	}
	return nil
}

// countSent adds a transfer to what leaves its account (more is 1), where policies
// look at that, or takes one that never left out of it again (more is -1).
func (d *decision) countSent(e *Event, t *Transfer, more int) {
	if more == 0 || len(d.rules.Policies) == 0 {
		return
	}
	hour, oldest := hourOf(t.InitiatedAt), hourOf(d.now)-MaxVelocityHours
	before := d.sentFrom(t.AccountID, t.Symbol)
	at, found := slices.BinarySearchFunc(before.Hours, hour, func(h velocityHour, hour int64) int { return int(h.Hour - hour) })
	if more < 0 && !found {
		return // past, or submitted when there were no policies
	}
	after := velocityBook{Hours: slices.Clone(before.Hours)}
	if !found {
		after.Hours = slices.Insert(after.Hours, at, velocityHour{Hour: hour})
	}
	h := &after.Hours[at]
	sum := h.amount().Add(t.Quantity)
	if more < 0 {
		sum = h.amount().Sub(t.Quantity)
	}
	if h.Count += int64(more); h.Count <= 0 || sum.Sign() < 0 {
		sum, h.Count = money.Zero, 0
	}
	h.Amount = sum.String()
	after.Hours = slices.DeleteFunc(after.Hours, func(h velocityHour) bool { return h.Hour < oldest || h.Count == 0 })
	id := velocityID(t.AccountID, t.Symbol)
	if len(after.Hours) == 0 {
		if d.Document(DocumentVelocity, id) != nil {
			d.remove(e, DocumentKey{DocumentVelocity, id})
		}
		return
	}
	v := NewDocument(DocumentVelocity, id, after)
	v.DueAt = after.expiry()
	d.record(e, v)
}

// expiry is when the last hour is past.
func (b *velocityBook) expiry() time.Time {
	return time.Unix((b.Hours[len(b.Hours)-1].Hour+MaxVelocityHours+1)*3600, 0).UTC()
}

// lookAtVelocity removes what no velocity limit looks back to any more.
func (d *decision) lookAtVelocity(v *Document) {
	if !d.now.Before(v.DueAt) {
		d.remove(d.emit(EventVelocityExpired), v.Key())
	}
}
