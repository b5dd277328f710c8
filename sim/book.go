package sim

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/google/uuid"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/money"
)

// The depository's book, and for cash those of the correspondent banks, say what
// is held for us outside the house. They are kept apart from the mirror accounts
// of our ledger: mirrors move by postings, the books by what the records say
// was confirmed outside — how much of an instruction settled against the
// outside, which transfer left or arrived, what an issuer paid. Neither is made
// from the other, so that a posting without a confirmed movement, or a
// confirmed movement without a posting, is found: apply compares the two after
// every event, and so a difference that lasts can only be a fault on purpose.
//
// The books begin, where a state is loaded, with what the mirrors had: up to
// there the comparison has been made event by event. A replay from the first
// event builds them from nothing.

// outsideBook is the book of one symbol.
type outsideBook struct {
	// quantity is what is held for us, wrong what fault rules have put on top.
	quantity, wrong money.Amount
}

// bookOf returns the book of a symbol.
func (s *State) bookOf(symbol string) *outsideBook {
	b := s.books[symbol]
	if b == nil {
		b = &outsideBook{}
		s.books[symbol] = b
	}
	return b
}

// bookFault makes a book wrong as a fault rule says, or right again.
func (s *State) bookFault(r *FaultRule, wrong bool) {
	f := r.Effect.Book
	if f == nil {
		return
	}
	b := s.bookOf(f.Symbol)
	if wrong {
		b.wrong = b.wrong.Add(f.Amount)
		return
	}
	b.wrong = b.wrong.Sub(f.Amount)
	if s.mirrors[f.Symbol] == nil && b.wrong.IsZero() {
		delete(s.books, f.Symbol) // there was nothing but the fault
	}
}

// confirm books what came in from the outside, or below zero went out.
func (s *State) confirm(symbol string, amount money.Amount) {
	if !amount.IsZero() {
		b := s.bookOf(symbol)
		b.quantity = b.quantity.Add(amount)
	}
}

// confirmOutside books what an event's records say moved outside, before the
// state takes the records over.
func (s *State) confirmOutside(e *Event) {
	for _, st := range e.Settlements {
		s.confirmSettlement(s.open[st.ID], st)
	}
	for _, t := range e.Transfers {
		var before money.Amount
		if known := s.transfers[t.ID]; known != nil {
			before = outsideOf(known)
		}
		s.confirm(t.Symbol, outsideOf(t).Sub(before))
	}
	issuer := false
	for _, v := range e.Documents {
		issuer = s.confirmCorporateAction(v) || issuer
	}
	if len(e.Settlements) > 0 || len(e.Transfers) > 0 || issuer {
		return
	}
	// Holdings that are opened, corrected or closed without an instruction state
	// what is held outside.
	for _, h := range e.Holdings {
		var before money.Amount
		if known := s.holdings[h.Key()]; known != nil {
			before = known.Sum()
		}
		s.confirm(h.Symbol, h.Sum().Sub(before))
	}
}

// confirmSettlement books what more of an instruction has settled against the
// outside.
func (s *State) confirmSettlement(before, st *Settlement) {
	quantity, payment := st.Settled, st.SettledPayment
	if before != nil {
		quantity, payment = quantity.Sub(before.Settled), payment.Sub(before.SettledPayment)
	}
	switch {
	case st.Type == Internal || st.MatchedWith != (uuid.UUID{}):
		return // within the house
	case st.Terms != nil && st.Terms.CounterpartyAccount != "":
		return
	case st.Delivers():
		quantity = quantity.Neg()
	default:
		payment = payment.Neg()
	}
	s.confirm(st.Symbol, quantity)
	if st.Terms != nil && !st.Terms.Payment.IsZero() {
		s.confirm(st.Terms.Payment.Currency, payment)
	}
}

// outsideOf returns what a transfer has brought in so far, or below zero taken
// out. What has arrived without being final is there as well; a transfer that
// failed may have cost its fee, and what a return could not take back from its
// account the custodian has paid in. A book transfer stays in the house.
func outsideOf(t *Transfer) money.Amount {
	settled := t.Stage == StageSettled
	switch {
	case t.CreditAccount != "":
		return money.Zero // within the house
	case t.Direction == DirectionIn && settled:
		return t.Quantity
	case t.Direction == DirectionIn:
		return t.PendingIn.Add(t.Shortfall) // what a return could not take back
	case settled:
		return t.Quantity.Add(t.Fee).Neg()
	case !t.Status.Final():
		return money.Zero // what is in transit has not left
	default:
		return t.Fee.Neg()
	}
}

// checkBooks checks, after an event was applied, that the books of what it moved
// agree with the mirrors.
func (s *State) checkBooks(e *Event) error {
	for _, m := range e.Mirrors {
		if b := s.bookOf(m.Symbol); !b.quantity.Equal(m.Balance.Neg()) {
			return fmt.Errorf("%w: event %d (%s): mirror account %s says that %s %s are held outside, the records of what moved say %s",
				ErrBrokenInvariant, e.Sequence, e.Type, m.Account, m.Balance.Neg(), m.Symbol, b.quantity)
		}
	}
	return nil
}

// CheckBooks checks that every mirror account agrees with the book outside, but
// for what fault rules have made wrong, and that every book has its mirror
// account. Its error wraps [ErrBrokenInvariant]. The cost is that of a look at
// every symbol.
func (s *State) CheckBooks() error {
	for symbol, b := range s.books {
		var ours money.Amount
		if m := s.mirrors[symbol]; m != nil {
			ours = m.Balance.Neg()
		}
		if !b.quantity.Equal(ours) {
			return fmt.Errorf("%w: the book of %s has %s, the mirror account says %s", ErrBrokenInvariant, symbol, b.quantity, ours)
		}
	}
	for symbol, m := range s.mirrors {
		if s.books[symbol] == nil && !m.Balance.IsZero() {
			return fmt.Errorf("%w: there is no book of %s, the mirror account says %s", ErrBrokenInvariant, symbol, m.Balance.Neg())
		}
	}
	return nil
}

// Books returns, by symbol, what our mirror accounts and what the books outside
// say is held for us.
func (s *State) Books() []BookLine {
	lines := make([]BookLine, 0, len(s.mirrors))
	for symbol, b := range s.books {
		line := BookLine{Symbol: symbol, Account: MirrorOf(s.rules.Assets.Lookup(symbol).IsCash())}
		if m := s.mirrors[symbol]; m != nil {
			line.Account, line.Ours.Amount = m.Account, m.Balance.Neg()
		}
		line.Theirs.Amount = b.quantity.Add(b.wrong)
		line.Difference.Amount = line.Theirs.Sub(line.Ours.Amount)
		lines = append(lines, line)
	}
	slices.SortFunc(lines, func(a, b BookLine) int { return cmp.Compare(a.Symbol, b.Symbol) })
	return lines
}
