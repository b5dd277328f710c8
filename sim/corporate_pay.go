package sim

import (
	"cmp"
	"slices"
	"time"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/money"
)

// lookAtCorporateAction takes a corporate action one step further: the record
// of positions, or the payment of one part of the entitlements. All parts are
// paid at one instant, before anything else happens at it.
//
// Dividends and coupons are paid on the positions at the end of the record date.
// Splits and redemptions change the units themselves, so they take those that
// are there when the payment date begins: open instructions on the symbol are
// cancelled, and positions are recorded once more.
func (d *decision) lookAtCorporateAction(v *Document) {
	ca, err := v.CorporateAction()
	if err != nil {
		return // putDocument has refused it
	}
	after := *ca
	changesUnits := ca.Type == Split || ca.Type == Redemption
	if ca.Status == CorporateEntitled && changesUnits && d.cancelPointless(&after) {
		return
	}
	switch {
	case ca.Status == CorporateAnnounced:
		d.entitle(&after, CorporateEntitled)
	case ca.Status == CorporateEntitled && changesUnits:
		d.entitle(&after, CorporatePaying)
	case ca.Status == CorporateEntitled || ca.Status == CorporatePaying:
		d.payPart(&after)
	}
}

// entitle records the positions: an event for each part.
func (d *decision) entitle(ca *CorporateAction, status CorporateActionStatus) {
	list := d.positionsOf(ca.Symbol)
	before := ca.Parts
	ca.Status, ca.EntitledAt, ca.Accounts, ca.Entitled = status, d.now, len(list), Sum{}
	for _, t := range list {
		ca.Entitled.Amount = ca.Entitled.Add(t.Quantity.Amount)
	}
	ca.Parts = 0
	var last *Event
	for part := range slices.Chunk(list, entitlementsPerPart) {
		last = d.emit(EventCorporateEntitled)
		d.recordPart(last, ca.ID, &EntitlementPart{CorporateAction: ca.ID, Part: ca.Parts + 1, Entitlements: part})
		ca.Parts++
	}
	if last == nil {
		last = d.emit(EventCorporateEntitled)
	}
	for part := ca.Parts; part < before; part++ {
		d.remove(last, entitlementKey(ca.ID, part))
	}
	due := ca.paymentStart()
	if due.Before(d.now) {
		due = d.now
	}
	d.recordCorporateAction(last, ca, due)
	// What an event is about comes first in it.
	slices.Reverse(last.Documents)
}

func (d *decision) recordPart(e *Event, id string, part *EntitlementPart) {
	key := entitlementKey(id, part.Part-1)
	d.record(e, NewDocument(key.Kind, key.ID, part))
}

// positionsOf lists what accounts have of a symbol, by account.
func (d *decision) positionsOf(symbol string) []Entitlement {
	var list []Entitlement
	for key, h := range d.holdings {
		if quantity := h.Total().Add(h.Transit); key.Symbol == symbol && quantity.Sign() > 0 {
			list = append(list, Entitlement{AccountID: key.AccountID, Quantity: Sum{quantity}})
		}
	}
	slices.SortFunc(list, func(a, b Entitlement) int { return cmp.Compare(a.AccountID, b.AccountID) })
	return list
}

// payPart pays the next part of the entitlements.
func (d *decision) payPart(ca *CorporateAction) {
	e := d.emit(EventCorporatePaid)
	ca.Status = CorporatePaying
	if v := d.documents[entitlementKey(ca.ID, ca.PaidParts)]; v != nil {
		part, err := v.Entitlements()
		if err != nil {
			return // putDocument has refused it
		}
		after := *part
		after.Paid, after.Entitlements = true, slices.Clone(part.Entitlements)
		b := book{d, e}
		for i := range after.Entitlements {
			t := &after.Entitlements[i]
			ca.pay(b, t)
			ca.CashPaid.Amount = ca.CashPaid.Add(t.Cash.Amount)
			ca.UnitsChange.Amount = ca.UnitsChange.Add(t.Units.Amount)
			ca.Dropped.Amount = ca.Dropped.Add(t.Dropped.Amount)
			ca.Short.Amount = ca.Short.Add(t.Short.Amount)
		}
		d.recordPart(e, ca.ID, &after)
		ca.PaidParts++
	}
	due := d.now
	if ca.PaidParts >= ca.Parts {
		ca.Status, ca.CompletedAt, due = CorporatePaid, d.now, time.Time{}
	}
	d.recordCorporateAction(e, ca, due)
	slices.Reverse(e.Documents)
}

// pay pays one account, and notes in the entitlement what it got.
func (ca *CorporateAction) pay(b book, t *Entitlement) {
	switch ca.Type {
	case Split:
		ca.split(b, t)
	case Redemption:
		ca.redeem(b, t)
	default:
		ca.payCash(b, t, t.Quantity.Amount, ca.Rate)
	}
}

// payCash pays units × price into the account's balance, from the correspondent
// bank that got it from the issuer.
func (ca *CorporateAction) payCash(b book, t *Entitlement, units, price money.Amount) {
	decimals := b.d.rules.Assets.Lookup(ca.Currency).Decimals
	t.Cash.Amount = units.Mul(price, decimals, ca.rounding())
	if !t.Cash.IsZero() {
		b.enter(b.holding(t.AccountID, ca.Currency, true), BucketAvailable, t.Cash.Amount)
	}
}

// split turns old units into new ones, and locks of callers with them. What is
// reserved stays as the instructions have it. A fraction that the asset's minor
// unit has no room for is paid or dropped.
func (ca *CorporateAction) split(b book, t *Entitlement) {
	decimals := b.d.rules.Assets.Lookup(ca.Symbol).Decimals
	h := b.holding(t.AccountID, ca.Symbol, false)
	target := h.Total().MulDiv(ca.NewUnits, ca.OldUnits, decimals, money.RoundDown)
	fraction := h.Total().MulDiv(ca.NewUnits, ca.OldUnits, money.MaxDecimals, money.RoundDown).Sub(target)
	locked := h.Locked.Sub(h.Reserved)
	lockedAfter := locked.MulDiv(ca.NewUnits, ca.OldUnits, decimals, money.RoundDown)
	if free := target.Sub(h.Reserved); free.Less(lockedAfter) {
		if lockedAfter = free; free.Sign() < 0 {
			lockedAfter, t.Short.Amount = money.Zero, free.Neg()
		}
	}
	available := target.Add(t.Short.Amount).Sub(h.Reserved).Sub(lockedAfter)
	t.Units.Amount = available.Sub(h.Available).Add(lockedAfter).Sub(locked)
	ca.adjust(b, h, BucketLocked, lockedAfter.Sub(locked))
	ca.adjust(b, h, BucketAvailable, available.Sub(h.Available))
	h.AverageCost = h.AverageCost.MulDiv(ca.OldUnits, ca.NewUnits, money.MaxDecimals, money.RoundHalfEven)
	if ca.Fractions == FractionsPaid {
		ca.payCash(b, t, fraction, ca.FractionPrice)
	} else {
		t.Dropped.Amount = fraction
	}
}

// redeem takes the units against cash. What is reserved cannot be taken.
func (ca *CorporateAction) redeem(b book, t *Entitlement) {
	h := b.holding(t.AccountID, ca.Symbol, false)
	t.Short.Amount = h.Reserved
	units := h.Total().Sub(h.Reserved)
	t.Units.Amount = units.Neg()
	ca.adjust(b, h, BucketLocked, h.Reserved.Sub(h.Locked))
	ca.adjust(b, h, BucketAvailable, h.Available.Neg())
	ca.payCash(b, t, units, ca.Rate)
}

// adjust posts a change of a bucket against the depository.
func (ca *CorporateAction) adjust(b book, h *Holding, bucket Bucket, change money.Amount) {
	if change.Sign() > 0 {
		b.enter(h, bucket, change)
	} else {
		b.leave(h, bucket, change.Neg())
	}
}

// confirmCorporateAction books what a corporate action's record says the issuer
// has paid or changed since, and reports whether the document is one.
func (s *State) confirmCorporateAction(v *Document) bool {
	if v.Kind != DocumentCorporateAction {
		return false
	}
	var before CorporateAction
	if known := s.documents[v.Key()]; known != nil {
		if ca, err := known.CorporateAction(); err == nil {
			before = *ca
		}
	}
	if v.Removed {
		return true
	}
	if ca, err := v.CorporateAction(); err == nil && ca != nil {
		s.confirm(ca.Currency, ca.CashPaid.Sub(before.CashPaid.Amount))
		s.confirm(ca.Symbol, ca.UnitsChange.Sub(before.UnitsChange.Amount))
	}
	return true
}
