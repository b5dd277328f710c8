package auditor

import (
	"fmt"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
)

// purse is a holding by its postings alone.
type purse struct {
	available, locked, reserved, pending, transit number
	record                                        *sim.Holding
}

func (p *purse) bucket(b sim.Bucket) *number {
	switch b {
	case sim.BucketAvailable:
		return &p.available
	case sim.BucketLocked:
		return &p.locked
	case sim.BucketReserved:
		return &p.reserved
	case sim.BucketPendingIn:
		return &p.pending
	case sim.BucketTransit:
		return &p.transit
	default:
		return nil
	}
}

// post books the event's postings and compares the records with the result.
func (x *examination) post() error {
	mirrored := make(map[string]bool)
	for i := range x.e.Postings {
		p := &x.e.Postings[i]
		amount := units(p.Amount)
		if amount.Sign() <= 0 {
			return fmt.Errorf("a posting moves %s %s", p.Amount, p.Symbol)
		}
		for _, side := range []struct {
			sim.LedgerAccount
			amount *number
		}{{p.Debit, negative(amount)}, {p.Credit, amount}} {
			if side.Bucket == sim.BucketMirror {
				if side.AccountID != "DEPOSITORY" && side.AccountID != "NOSTRO" {
					return fmt.Errorf("a posting moves %s in the mirror account %q", p.Symbol, side.AccountID)
				}
				addAt(x.mirrors, p.Symbol, side.amount)
				mirrored[p.Symbol] = true
				continue
			}
			at := place{side.AccountID, p.Symbol}
			h := x.holdings[at]
			if h == nil {
				h = &purse{}
				x.holdings[at] = h
			}
			bucket := h.bucket(side.Bucket)
			if bucket == nil {
				return fmt.Errorf("a posting moves %s in the bucket %q", p.Symbol, side.Bucket)
			}
			bucket.Add(bucket, side.amount)
			addAt(x.flows, at, side.amount)
			x.touch(at)
		}
	}
	recorded := make(map[place]bool)
	for _, h := range x.e.Holdings {
		if err := x.compareHolding(h); err != nil {
			return err
		}
		recorded[place{h.AccountID, h.Symbol}] = true
	}
	for at := range x.touched {
		if !recorded[at] {
			return fmt.Errorf("postings move %s of %s, of which there is no record", at.symbol, at.account)
		}
	}
	for _, m := range x.e.Mirrors {
		if want := valueAt(x.mirrors, m.Symbol); units(m.Balance).Cmp(want) != 0 {
			return fmt.Errorf("mirror account %s has %s %s, its postings say %s", m.Account, m.Balance, m.Symbol, text(want))
		}
		delete(mirrored, m.Symbol)
	}
	for symbol := range mirrored {
		return fmt.Errorf("postings move the mirror account of %s, of which there is no record", symbol)
	}
	return x.checkTotals()
}

// compareHolding compares a holding's record with its postings.
func (x *examination) compareHolding(h *sim.Holding) error {
	at := place{h.AccountID, h.Symbol}
	p := x.holdings[at]
	if p == nil {
		p = &purse{}
		x.holdings[at] = p
	}
	x.touch(at)
	locked := new(number).Add(&p.locked, &p.reserved)
	for _, part := range []struct {
		name       string
		record, by *number
	}{
		{"available", units(h.Available), &p.available}, {"locked", units(h.Locked), locked}, {"reserved", units(h.Reserved), &p.reserved},
		{"pending in", units(h.PendingIn), &p.pending}, {"in transit", units(h.Transit), &p.transit},
	} {
		if part.record.Cmp(part.by) != 0 {
			return fmt.Errorf("%s has %s %s %s by its record and %s by its postings", h.AccountID, text(part.record), h.Symbol, part.name, text(part.by))
		}
		if part.record.Sign() < 0 {
			return fmt.Errorf("%s has %s %s %s", h.AccountID, text(part.record), h.Symbol, part.name)
		}
	}
	if p.locked.Sign() < 0 {
		return fmt.Errorf("%s has %s %s locked by its owner", h.AccountID, text(&p.locked), h.Symbol)
	}
	switch {
	case x.accounts[h.AccountID] == nil:
		return fmt.Errorf("%s has %s and was never opened", h.AccountID, h.Symbol)
	case p.record != nil && p.record.ID != h.ID:
		return fmt.Errorf("%s of %s was %s and is %s", h.Symbol, h.AccountID, p.record.ID, h.ID)
	case p.record == nil:
		if other, taken := x.ids[h.ID]; taken {
			return fmt.Errorf("%s of %s has the id of %s of %s", h.Symbol, h.AccountID, other.symbol, other.account)
		}
		x.ids[h.ID] = at
	}
	return nil
}

// checkTotals checks that per symbol all records and the mirror sum to zero.
func (x *examination) checkTotals() error {
	symbols := make(map[string]bool)
	for _, h := range x.e.Holdings {
		at := place{h.AccountID, h.Symbol}
		p := x.holdings[at]
		if p.record != nil {
			addAt(x.totals, h.Symbol, negative(worth(p.record)))
		} else {
			x.view.addHolding(h)
		}
		addAt(x.totals, h.Symbol, worth(h))
		symbols[h.Symbol] = true
		p.record = h
		x.view.holdings[h.ID] = h
		if h.Removed {
			if worth(h).Sign() != 0 || valueAt(x.reserved, at).Sign() != 0 {
				return fmt.Errorf("%s of %s is removed and not empty", h.Symbol, h.AccountID)
			}
			x.view.removeHolding(h)
			delete(x.holdings, at)
		}
	}
	for symbol := range symbols {
		if sum := new(number).Add(x.totals[symbol], valueAt(x.mirrors, symbol)); sum.Sign() != 0 {
			return fmt.Errorf("all holdings and the mirror account of %s sum to %s", symbol, text(sum))
		}
	}
	return nil
}

// worth is all that a record says is there or on its way.
func worth(h *sim.Holding) *number {
	sum := new(number).Add(units(h.Available), units(h.Locked))
	return sum.Add(sum, new(number).Add(units(h.PendingIn), units(h.Transit)))
}

// sums checks that what is reserved, in transit and pending at every place that
// the event touched is the sum of what open instructions and transfers have there.
func (x *examination) sums() error {
	for at := range x.touched {
		p := x.holdings[at]
		if p == nil {
			p = &purse{}
		}
		for _, part := range []struct {
			name string
			has  *number
			want *number
		}{
			{"reserved", &p.reserved, valueAt(x.reserved, at)},
			{"in transit", &p.transit, valueAt(x.transit, at)},
			{"pending in", &p.pending, valueAt(x.pending, at)},
		} {
			if part.has.Cmp(part.want) != 0 {
				return fmt.Errorf("%s has %s %s %s, what is open sums to %s", at.account, text(part.has), at.symbol, part.name, text(part.want))
			}
		}
	}
	return nil
}

// rest checks that nothing moves in accounts that are frozen or closed.
func (x *examination) rest() error {
	for i := range x.e.Postings {
		p := &x.e.Postings[i]
		for _, side := range []sim.LedgerAccount{p.Debit, p.Credit} {
			account := x.accounts[side.AccountID]
			if account == nil || account.Status == sim.AccountActive || x.issuer() || harmless(p) {
				continue
			}
			return fmt.Errorf("%s %s move from %s of %s to %s of %s, and %s is %s", p.Amount, p.Symbol,
				p.Debit.Bucket, p.Debit.AccountID, p.Credit.Bucket, p.Credit.AccountID, side.AccountID, account.Status)
		}
	}
	return nil
}

// harmless reports whether a posting is no movement of a frozen account: a
// release of what it had reserved itself, and what is outside the custodian's
// power because it is on its way already.
func harmless(p *sim.Posting) bool {
	within := p.Debit.AccountID == p.Credit.AccountID
	switch {
	case within && p.Credit.Bucket == sim.BucketAvailable:
		return p.Debit.Bucket == sim.BucketReserved || p.Debit.Bucket == sim.BucketTransit
	case p.Credit.Bucket == sim.BucketMirror:
		return p.Debit.Bucket == sim.BucketTransit || p.Debit.Bucket == sim.BucketPendingIn
	default:
		return p.Debit.Bucket == sim.BucketMirror && p.Credit.Bucket == sim.BucketPendingIn
	}
}

// issuer reports whether the event is about a corporate action.
func (x *examination) issuer() bool {
	for _, v := range x.e.Documents {
		if v.Kind == sim.DocumentCorporateAction {
			return true
		}
	}
	return false
}
