package sim

import (
	"fmt"
	"time"

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
	s.confirmOutside(e)
	s.sequence, s.time = e.Sequence, e.Time
	for _, a := range e.Accounts {
		before := s.accounts[a.AccountID]
		s.putAccount(a)
		if before != nil && before.Status != a.Status {
			s.wakeAccount(a.AccountID)
		}
	}
	var grown []HoldingKey
	for _, h := range e.Holdings {
		if len(s.index.waiting) > 0 {
			if before := s.holdings[h.Key()]; before == nil || before.Available.Less(h.Available) {
				grown = append(grown, h.Key())
			}
		}
		s.putHolding(h)
	}
	for _, m := range e.Mirrors {
		s.mirrors[m.Symbol] = m
	}
	var room [4]*Settlement
	before := room[:0]
	for _, st := range e.Settlements {
		known := s.open[st.ID]
		if known == nil && st.ExternalID != "" {
			s.keys.add(KeyRecord{Key: Key{KeyExternal, st.ExternalID}, Sequence: e.Sequence})
		}
		before = append(before, known)
		s.putSettlement(st)
	}
	for i, st := range e.Settlements {
		s.wakeRelated(before[i], st)
	}
	for _, t := range e.Transfers {
		if _, known := s.transfers[t.ID]; !known && t.ExternalID != "" {
			s.keys.add(KeyRecord{Key: Key{KeyTransfer, t.ExternalID}, Sequence: e.Sequence})
		}
		s.putTransfer(t)
	}
	for _, v := range e.Documents {
		if err := s.putDocument(v); err != nil {
			return err
		}
	}
	if err := s.checkReserved(e); err != nil {
		return err
	}
	for _, st := range before {
		s.looked(st)
	}
	for _, key := range grown {
		s.wakeWaiting(key)
	}
	s.armReconciliation(e.Time, e.Type)
	if e.Key != nil {
		s.keys.add(KeyRecord{Key: Key{KeyIdempotency, e.Key.Key}, Fingerprint: e.Key.Fingerprint, Sequence: e.Sequence})
	}
	return s.checkBooks(e)
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
		var parts Holding
		if before := s.holdings[h.Key()]; before != nil {
			parts = *before
		}
		for i := range e.Postings {
			if p := &e.Postings[i]; p.Symbol == h.Symbol {
				sides += parts.shift(p, h.AccountID)
			}
		}
		if !parts.samePartsAs(h) {
			return fmt.Errorf("holding of %s in %s has %s, its postings say %s", h.Symbol, h.AccountID, h.parts(), parts.parts())
		}
		if err := h.check(); err != nil {
			return err
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
			if p.Debit.AccountID == m.Account && p.Debit.Bucket == BucketMirror {
				balance = balance.Sub(p.Amount)
				sides++
			}
			if p.Credit.AccountID == m.Account && p.Credit.Bucket == BucketMirror {
				balance = balance.Add(p.Amount)
				sides++
			}
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

// shift moves what a posting moves into or out of the account's buckets, and
// returns how many sides of the posting did.
func (h *Holding) shift(p *Posting, account string) (sides int) {
	if p.Debit.AccountID == account && p.Debit.Bucket != BucketMirror {
		h.move(p.Debit.Bucket, p.Amount.Neg())
		sides++
	}
	if p.Credit.AccountID == account && p.Credit.Bucket != BucketMirror {
		h.move(p.Credit.Bucket, p.Amount)
		sides++
	}
	return sides
}

func (h *Holding) samePartsAs(other *Holding) bool {
	return h.Available.Equal(other.Available) && h.Locked.Equal(other.Locked) && h.Reserved.Equal(other.Reserved) &&
		h.PendingIn.Equal(other.PendingIn) && h.Transit.Equal(other.Transit)
}

// parts describes the holding's parts.
func (h *Holding) parts() string {
	return fmt.Sprintf("%s available, %s locked (%s of it reserved), %s pending in and %s in transit",
		h.Available, h.Locked, h.Reserved, h.PendingIn, h.Transit)
}

// check refuses parts that are negative, or more reserved than locked.
func (h *Holding) check() error {
	if h.Available.Sign() < 0 || h.Locked.Less(h.Reserved) || h.Reserved.Sign() < 0 || h.PendingIn.Sign() < 0 || h.Transit.Sign() < 0 {
		return fmt.Errorf("holding of %s in %s has a negative part: %s", h.Symbol, h.AccountID, h.parts())
	}
	return nil
}

// putSettlement takes over a settlement, with its timer.
func (s *State) putSettlement(st *Settlement) {
	before := s.open[st.ID]
	if st.Status.Final() {
		if before != nil {
			s.index.change(before, nil)
			delete(s.open, st.ID)
			s.timers.set(timerKey{kind: timerSettlement, id: st.ID}, time.Time{})
		}
		return
	}
	s.index.change(before, st)
	s.open[st.ID] = st
	s.timers.set(timerKey{kind: timerSettlement, id: st.ID}, st.DueAt)
}

// putTransfer takes over a transfer, with its timer.
func (s *State) putTransfer(t *Transfer) {
	key := timerKey{kind: timerTransfer, id: t.ID}
	reserved := HoldingKey{t.AccountID, t.Symbol}
	if before := s.transfers[t.ID]; before != nil {
		if before.Stage == StageAwaitingApproval {
			s.awaiting--
		}
		s.index.reserve(reserved, before.Reserved.Neg())
	}
	if t.Stage == StageAwaitingApproval {
		s.awaiting++
	}
	if t.Done() {
		delete(s.transfers, t.ID)
		s.timers.set(key, time.Time{})
		return
	}
	s.index.reserve(reserved, t.Reserved)
	s.transfers[t.ID] = t
	s.timers.set(key, t.DueAt)
}

// putDocument takes over a document, with its timer and what follows from its
// content. Its errors wrap [ErrBrokenInvariant].
func (s *State) putDocument(v *Document) error {
	key := timerKey{kind: timerDocument, document: v.Key()}
	if v.Kind == DocumentWebhook {
		if s.documents[v.Key()] != nil {
			s.webhooks--
		}
		if !v.Removed {
			s.webhooks++
		}
	}
	if v.Removed {
		delete(s.documents, v.Key())
		s.timers.set(key, time.Time{})
	} else {
		s.documents[v.Key()] = v
		s.timers.set(key, v.DueAt)
	}
	return s.takeOver(v)
}
