package sim

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/google/uuid"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/money"
)

// Bounds of what one pass along those that wait for a holding sees and wakes. What
// is behind is tried again when more arrives, and at the next cut-off.
const (
	maxWaitingSeen = 1024
	maxWoken       = 64
)

// matchKey is what two instructions must have in common to match, but for the
// payment, which may differ within the tolerance.
type matchKey struct {
	deliverer, receiver, symbol, quantity, date, currency string
}

func matchKeyOf(s *Settlement) matchKey {
	k := matchKey{
		deliverer: s.AccountID, receiver: s.Terms.CounterpartyAccount, symbol: s.Symbol,
		quantity: s.Quantity.String(), date: s.ExpectedDate, currency: s.Terms.Payment.Currency,
	}
	if !s.Delivers() {
		k.deliverer, k.receiver = k.receiver, k.deliverer
	}
	return k
}

// settlementIndex is what follows from the open settlements and transfers. Its
// lists are ordered by id, which is the order in which instructions came.
type settlementIndex struct {
	byExternal map[string]uuid.UUID
	// dependents are those that link to an external id.
	dependents map[string][]uuid.UUID
	// unmatched are those that await a counterparty's instruction in the house, by
	// their own account; exact are the same by what must agree.
	unmatched map[string][]uuid.UUID
	exact     map[matchKey][]uuid.UUID
	// waiting are those that would settle if the holding had more.
	waiting map[HoldingKey][]uuid.UUID
	// passes are those under way along the waiting.
	passes map[HoldingKey]pass
	// reserved is the sum of the open reservations of a holding.
	reserved map[HoldingKey]money.Amount
}

func newSettlementIndex() settlementIndex {
	return settlementIndex{
		byExternal: make(map[string]uuid.UUID), dependents: make(map[string][]uuid.UUID),
		unmatched: make(map[string][]uuid.UUID), exact: make(map[matchKey][]uuid.UUID),
		waiting: make(map[HoldingKey][]uuid.UUID), passes: make(map[HoldingKey]pass), reserved: make(map[HoldingKey]money.Amount),
	}
}

func compareIDs(a, b uuid.UUID) int { return bytes.Compare(a[:], b[:]) }

func insertID[K comparable](m map[K][]uuid.UUID, key K, id uuid.UUID) {
	ids := m[key]
	if at, known := slices.BinarySearchFunc(ids, id, compareIDs); !known {
		m[key] = slices.Insert(ids, at, id)
	}
}

func removeID[K comparable](m map[K][]uuid.UUID, key K, id uuid.UUID) {
	ids := m[key]
	at, known := slices.BinarySearchFunc(ids, id, compareIDs)
	switch {
	case !known:
	case len(ids) == 1:
		delete(m, key)
	default:
		m[key] = slices.Delete(ids, at, at+1)
	}
}

// change replaces what follows from a settlement before by what follows from it
// after; either may be nil.
func (x *settlementIndex) change(before, after *Settlement) {
	if before != nil {
		x.remove(before)
	}
	if after != nil {
		x.add(after)
	}
}

func (x *settlementIndex) add(s *Settlement) {
	if s.ExternalID != "" {
		x.byExternal[s.ExternalID] = s.ID
	}
	if s.Terms != nil {
		for _, l := range s.Terms.Links {
			insertID(x.dependents, l.ExternalID, s.ID)
		}
	}
	if s.seeksMatch() {
		insertID(x.unmatched, s.AccountID, s.ID)
		insertID(x.exact, matchKeyOf(s), s.ID)
	}
	if key, waits := s.waitsFor(); waits {
		insertID(x.waiting, key, s.ID)
	}
	x.reserve(s.needs(), s.Reserved)
}

func (x *settlementIndex) remove(s *Settlement) {
	if s.ExternalID != "" {
		delete(x.byExternal, s.ExternalID)
	}
	if s.Terms != nil {
		for _, l := range s.Terms.Links {
			removeID(x.dependents, l.ExternalID, s.ID)
		}
	}
	if s.seeksMatch() {
		removeID(x.unmatched, s.AccountID, s.ID)
		removeID(x.exact, matchKeyOf(s), s.ID)
	}
	if key, waits := s.waitsFor(); waits {
		removeID(x.waiting, key, s.ID)
	}
	x.reserve(s.needs(), s.Reserved.Neg())
}

func (x *settlementIndex) reserve(key HoldingKey, amount money.Amount) {
	if amount.IsZero() {
		return
	}
	if sum := x.reserved[key].Add(amount); sum.IsZero() {
		delete(x.reserved, key)
	} else {
		x.reserved[key] = sum
	}
}

// seeksMatch reports whether the instruction awaits a counterparty's in the house.
func (s *Settlement) seeksMatch() bool {
	return s.NeedsMatch() && s.Matching.Status != MatchingMatched && s.Terms.CounterpartyAccount != "" &&
		s.Processing.Status != ProcessingPending
}

// needs returns the holding of which the instruction reserves; none where it
// only receives free of payment.
func (s *Settlement) needs() HoldingKey {
	switch {
	case s.Delivers():
		return HoldingKey{s.SourceAccount, s.Symbol}
	case s.Type == RVP:
		return HoldingKey{s.AccountID, s.Terms.Payment.Currency}
	default:
		return HoldingKey{}
	}
}

// waitsFor returns the holding that must grow before the instruction settles.
func (s *Settlement) waitsFor() (HoldingKey, bool) {
	switch s.Settlement.ReasonCode {
	case ReasonLack, ReasonMoney, ReasonPartial:
		key := s.needs()
		return key, key != HoldingKey{} && s.Course.UnderWay.IsZero()
	default:
		return HoldingKey{}, false
	}
}

// pass goes along those that wait for a holding which has grown, the oldest first.
// One is looked at after the other, because whether it takes what has come, or
// something else keeps it, decides what is left for the next.
type pass struct {
	at    uuid.UUID // which is to be looked at
	seen  int
	woken int
}

// wakeWaiting begins a pass along those that wait for a holding.
func (s *State) wakeWaiting(key HoldingKey) { s.passOn(key, pass{}) }

// passOn wakes the next of a pass for which what is available may do, and ends the
// pass where there is none.
func (s *State) passOn(key HoldingKey, p pass) {
	delete(s.index.passes, key)
	h, waiting := s.holdings[key], s.index.waiting[key]
	next, known := slices.BinarySearchFunc(waiting, p.at, compareIDs)
	if known {
		next++
	}
	if h == nil || h.Available.Sign() <= 0 || p.woken == maxWoken {
		return
	}
	for _, id := range waiting[next:] {
		if p.seen++; p.seen > maxWaitingSeen {
			return
		}
		if s.mayTake(s.open[id], h.Available) {
			p.at = id
			p.woken++
			s.index.passes[key] = p
			s.timers.wake(timerKey{kind: timerSettlement, id: id}, s.time)
			return
		}
	}
}

// looked takes the passes on that were at a settlement which has been looked at.
func (s *State) looked(st *Settlement) {
	if len(s.index.passes) == 0 || st == nil {
		return
	}
	key := st.needs()
	if p, passing := s.index.passes[key]; passing && p.at == st.ID {
		s.passOn(key, p)
	}
}

// mayTake reports whether an instruction that waits for a holding may settle with
// what is available of it.
func (s *State) mayTake(st *Settlement, available money.Amount) bool {
	need := st.Open()
	if !st.Delivers() {
		need = st.Terms.Payment.Amount.Sub(st.SettledPayment)
	}
	switch {
	case !available.Less(need):
		return true
	case st.Terms == nil:
		return false
	default:
		// Others may bring a part of what it needs, a part may settle, or its payment
		// may differ from the counterparty's within the tolerance.
		return s.linked(st) || st.mayBePartial() || !st.Delivers()
	}
}

// linked reports whether others may settle together with the instruction.
func (s *State) linked(st *Settlement) bool {
	return (st.Terms != nil && len(st.Terms.Links) > 0) || (st.ExternalID != "" && len(s.index.dependents[st.ExternalID]) > 0) ||
		(st.MatchedWith != uuid.UUID{} && s.open[st.MatchedWith] != nil && s.open[st.MatchedWith].Terms != nil && len(s.open[st.MatchedWith].Terms.Links) > 0)
}

// mayBePartial reports whether the instruction allows parts.
func (s *Settlement) mayBePartial() bool {
	return s.Terms != nil && s.Terms.Partial != "" && s.Terms.Partial != PartialNotAllowed
}

// wakeRelated wakes what waits for a settlement that has changed: those linked
// with it either way. Final ones and those that turned ready concern them alike.
func (s *State) wakeRelated(before, after *Settlement) {
	if after.Terms != nil && before != nil && after.Course.LinksDone != before.Course.LinksDone {
		s.timers.wake(timerKey{kind: timerSettlement, id: after.ID}, s.time)
	}
	if before == nil && after.Terms != nil {
		for _, l := range after.Terms.Links {
			// One more settles before it, or with it and is not worked on yet, so that it has
			// not looked at what settles with it.
			awaited := l.Type == LinkBefore || l.Type == LinkWith && after.Processing.Status == ProcessingPending
			if id, open := s.index.byExternal[l.ExternalID]; open && awaited {
				s.timers.wake(timerKey{kind: timerSettlement, id: id}, s.time)
			}
		}
	}
	if before == nil || !after.Status.Final() {
		return
	}
	if after.ExternalID != "" {
		for _, id := range s.index.dependents[after.ExternalID] {
			s.timers.wake(timerKey{kind: timerSettlement, id: id}, s.time)
		}
	}
	if after.Terms == nil {
		return
	}
	for _, l := range after.Terms.Links {
		if id, open := s.index.byExternal[l.ExternalID]; open {
			s.timers.wake(timerKey{kind: timerSettlement, id: id}, s.time)
		}
	}
}

// wakeAccount wakes the open settlements of an account that may settle again.
func (s *State) wakeAccount(accountID string) {
	for id, st := range s.open {
		if st.AccountID == accountID || st.SourceAccount == accountID || st.DestinationAccount == accountID {
			s.timers.wake(timerKey{kind: timerSettlement, id: id}, s.time)
		}
	}
}

// wakeSettlements wakes the open settlements that an event may have woken before
// the state was loaded: those that wait for something that is there.
func (s *State) wakeSettlements() {
	for key := range s.index.waiting {
		s.wakeWaiting(key)
	}
	for id, st := range s.open {
		switch st.Settlement.ReasonCode {
		case ReasonLinked, ReasonFrozen:
			s.timers.wake(timerKey{kind: timerSettlement, id: id}, s.time)
		}
		if st.Processing.ReasonCode == ReasonBlocked {
			s.timers.wake(timerKey{kind: timerSettlement, id: id}, s.time)
		}
	}
}

// checkReserved checks that what an event's holdings have reserved is the sum of
// the open reservations, and that every changed reservation has its holding in
// the event. It is called once the event's records are taken over.
func (s *State) checkReserved(e *Event) error {
	for _, h := range e.Holdings {
		if sum := s.index.reserved[h.Key()]; !h.Reserved.Equal(sum) {
			return fmt.Errorf("%w: event %d (%s): %s has reserved %s of %s, its instructions and transfers %s",
				ErrBrokenInvariant, e.Sequence, e.Type, h.AccountID, h.Reserved, h.Symbol, sum)
		}
	}
	check := func(key HoldingKey) error {
		var reserved money.Amount
		if h := s.holdings[key]; h != nil {
			reserved = h.Reserved
		}
		if sum := s.index.reserved[key]; !sum.Equal(reserved) {
			return fmt.Errorf("%w: event %d (%s): %s has reserved %s of %s, its instructions and transfers %s",
				ErrBrokenInvariant, e.Sequence, e.Type, key.AccountID, reserved, key.Symbol, sum)
		}
		return nil
	}
	for _, st := range e.Settlements {
		if st.Terms == nil && len(s.index.reserved) == 0 {
			continue
		}
		if key := st.needs(); key != (HoldingKey{}) {
			if err := check(key); err != nil {
				return err
			}
		}
	}
	for _, t := range e.Transfers {
		if err := check(HoldingKey{t.AccountID, t.Symbol}); err != nil {
			return err
		}
	}
	return nil
}
