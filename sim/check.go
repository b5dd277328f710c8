package sim

import "fmt"

// checkRecords checks that an event's records are what the books know them as:
// none stands twice in the event, which would let one posting explain two
// changes, and none takes on another identity.
func (s *State) checkRecords(e *Event) error {
	for i, h := range e.Holdings {
		for _, other := range e.Holdings[:i] {
			if other.ID == h.ID || other.Key() == h.Key() {
				return fmt.Errorf("holding of %s in %s is there twice", h.Symbol, h.AccountID)
			}
		}
		before := s.holdings[h.Key()]
		switch {
		case before != nil && (before.ID != h.ID || before.Cash != h.Cash):
			return fmt.Errorf("holding of %s in %s changes its identity", h.Symbol, h.AccountID)
		case before == nil && s.byID[h.ID] != nil:
			return fmt.Errorf("holding of %s in %s has the identity of another", h.Symbol, h.AccountID)
		case before == nil && h.Removed:
			return fmt.Errorf("holding of %s in %s is removed but not there", h.Symbol, h.AccountID)
		case h.Removed && !h.Sum().IsZero():
			return fmt.Errorf("holding of %s in %s is removed but not empty", h.Symbol, h.AccountID)
		}
	}
	for i, m := range e.Mirrors {
		for _, other := range e.Mirrors[:i] {
			if other.Symbol == m.Symbol {
				return fmt.Errorf("mirror account of %s is there twice", m.Symbol)
			}
		}
		if m.Account != Depository && m.Account != Nostro {
			return fmt.Errorf("%s is no mirror account", quote(m.Account))
		}
		if before := s.mirrors[m.Symbol]; before != nil && before.Account != m.Account {
			return fmt.Errorf("mirror account of %s changes its identity", m.Symbol)
		}
	}
	for i, st := range e.Settlements {
		for _, other := range e.Settlements[:i] {
			if other.ID == st.ID {
				return fmt.Errorf("settlement %s is there twice", st.ID)
			}
		}
		if err := s.checkSettlement(st); err != nil {
			return err
		}
	}
	for i, t := range e.Transfers {
		for _, other := range e.Transfers[:i] {
			if other.ID == t.ID {
				return fmt.Errorf("transfer %s is there twice", t.ID)
			}
		}
		if err := s.checkTransfer(t); err != nil {
			return err
		}
	}
	return nil
}

// checkSettlement checks that what was instructed stays, and that what was
// settled is a part of it, and all of it where the settlement is complete.
func (s *State) checkSettlement(st *Settlement) error {
	if before := s.open[st.ID]; before != nil {
		if before.Type != st.Type || before.AccountID != st.AccountID || before.Symbol != st.Symbol ||
			before.ExternalID != st.ExternalID || !before.Quantity.Equal(st.Quantity) {
			return fmt.Errorf("settlement %s changes its identity", st.ID)
		}
		if st.Settled.Less(before.Settled) {
			return fmt.Errorf("settlement %s has less settled than before", st.ID)
		}
	}
	switch {
	case st.Reserved.Sign() < 0 || st.Course.UnderWay.Sign() < 0 || st.Open().Less(st.Course.UnderWay):
		return fmt.Errorf("settlement %s has %s reserved and %s under way of %s", st.ID, st.Reserved, st.Course.UnderWay, st.Open())
	case st.Reserved.Sign() > 0 && (st.Status != StatusInProgress || st.Hold.Status == HoldHeld || !st.matched()):
		return fmt.Errorf("settlement %s has %s reserved and is %s, %s and matched: %v", st.ID, st.Reserved, st.Status, st.Hold.Status, st.matched())
	case st.NeedsMatch() && st.Terms == nil:
		return fmt.Errorf("settlement %s is a %s without terms", st.ID, st.Type)
	}
	if st.Settled.Sign() < 0 || st.Quantity.Less(st.Settled) || (st.Status == StatusCompleted && !st.Settled.Equal(st.Quantity)) {
		return fmt.Errorf("settlement %s is %s with %s settled of %s", st.ID, st.Status, st.Settled, st.Quantity)
	}
	return nil
}
