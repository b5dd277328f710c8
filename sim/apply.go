package sim

import (
	"fmt"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/money"
)

// apply checks an event against the books and takes over its records. The
// check is double entry itself: the postings must explain, to the last digit,
// the difference between every holding's and mirror's record before and after,
// and nothing may become negative.
func (s *State) apply(e *Event) error {
	if e.Sequence != s.sequence+1 {
		return fmt.Errorf("%w: event %d follows event %d", ErrBrokenInvariant, e.Sequence, s.sequence)
	}
	if e.Time.Before(s.time) {
		return fmt.Errorf("%w: event %d is earlier than the event before it", ErrBrokenInvariant, e.Sequence)
	}
	if err := s.checkRecords(e); err != nil {
		return fmt.Errorf("%w: event %d (%s): %w", ErrBrokenInvariant, e.Sequence, e.Type, err)
	}
	if err := s.checkPostings(e); err != nil {
		return fmt.Errorf("%w: event %d (%s): %w", ErrBrokenInvariant, e.Sequence, e.Type, err)
	}
	s.sequence, s.time = e.Sequence, e.Time
	for _, a := range e.Accounts {
		s.accounts[a.AccountID] = a
	}
	for _, h := range e.Holdings {
		if h.Removed {
			delete(s.holdings, h.Key())
			delete(s.byID, h.ID)
			continue
		}
		s.holdings[h.Key()], s.byID[h.ID] = h, h
	}
	for _, m := range e.Mirrors {
		s.mirrors[m.Symbol] = m
	}
	for _, st := range e.Settlements {
		if _, known := s.open[st.ID]; !known && st.ExternalID != "" {
			s.keys.add(KeyRecord{Key: Key{KeyExternal, st.ExternalID}, Sequence: e.Sequence})
		}
		if st.Status.Final() {
			delete(s.open, st.ID)
		} else {
			s.open[st.ID] = st
		}
	}
	if e.Key != nil {
		s.keys.add(KeyRecord{Key: Key{KeyIdempotency, e.Key.Key}, Fingerprint: e.Key.Fingerprint, Sequence: e.Sequence})
	}
	return nil
}

// checkPostings checks double entry for records that [State.checkRecords] has
// passed.
func (s *State) checkPostings(e *Event) error {
	for _, p := range e.Postings {
		if p.Amount.Sign() <= 0 {
			return fmt.Errorf("posting of %s %s is not positive", p.Amount, p.Symbol)
		}
	}
	// Every side of every posting must meet the record that it changes.
	sides := 0
	for _, h := range e.Holdings {
		var available, locked money.Amount
		if before := s.holdings[h.Key()]; before != nil {
			available, locked = before.Available, before.Locked
		}
		for _, p := range e.Postings {
			if p.Symbol != h.Symbol {
				continue
			}
			n := 0
			available, n = shift(available, p, h.AccountID, BucketAvailable, n)
			locked, n = shift(locked, p, h.AccountID, BucketLocked, n)
			sides += n
		}
		if !available.Equal(h.Available) || !locked.Equal(h.Locked) {
			return fmt.Errorf("holding of %s in %s has %s available and %s locked, its postings say %s and %s",
				h.Symbol, h.AccountID, h.Available, h.Locked, available, locked)
		}
		if available.Sign() < 0 || locked.Sign() < 0 {
			return fmt.Errorf("holding of %s in %s becomes negative", h.Symbol, h.AccountID)
		}
	}
	for _, m := range e.Mirrors {
		var balance money.Amount
		if before := s.mirrors[m.Symbol]; before != nil {
			balance = before.Balance
		}
		for _, p := range e.Postings {
			if p.Symbol != m.Symbol {
				continue
			}
			n := 0
			balance, n = shift(balance, p, m.Account, BucketMirror, n)
			sides += n
		}
		if !balance.Equal(m.Balance) {
			return fmt.Errorf("mirror account %s of %s has %s, its postings say %s", m.Account, m.Symbol, m.Balance, balance)
		}
	}
	if sides != 2*len(e.Postings) {
		return fmt.Errorf("%d posting sides of %d meet a record", sides, 2*len(e.Postings))
	}
	return nil
}

// shift adds to balance what the posting moves into or out of one bucket of an
// account, and counts the sides that did.
func shift(balance money.Amount, p Posting, account string, bucket Bucket, sides int) (money.Amount, int) {
	if p.Debit.AccountID == account && p.Debit.Bucket == bucket {
		balance = balance.Sub(p.Amount)
		sides++
	}
	if p.Credit.AccountID == account && p.Credit.Bucket == bucket {
		balance = balance.Add(p.Amount)
		sides++
	}
	return balance, sides
}
