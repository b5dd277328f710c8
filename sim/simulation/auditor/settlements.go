package auditor

import (
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
)

func needsMatch(t sim.SettlementType) bool {
	return t == sim.DVP || t == sim.RVP || t == sim.DFP || t == sim.RFP
}

func receives(t sim.SettlementType) bool { return t == sim.Deposit || t == sim.RVP || t == sim.RFP }

// moved is what one settlement has moved with the event.
type moved struct {
	before, after     *sim.Settlement
	quantity, payment *number
}

// settle takes the event's settlements.
func (x *examination) settle() error {
	moves := make(map[uuid.UUID]*moved, len(x.e.Settlements))
	for _, st := range x.e.Settlements {
		before := x.settlements[st.ID]
		m := &moved{before: before, after: st, quantity: units(st.Settled), payment: units(st.SettledPayment)}
		if before != nil {
			m.quantity, m.payment = minus(m.quantity, units(before.Settled)), minus(m.payment, units(before.SettledPayment))
		}
		if moves[st.ID] != nil {
			return fmt.Errorf("settlement %s is there twice", st.ID)
		}
		moves[st.ID] = m
		if err := x.lifeOf(before, st); err != nil {
			return fmt.Errorf("settlement %s (%s of %s): %w", st.ID, st.Type, st.AccountID, err)
		}
	}
	for _, st := range x.e.Settlements {
		x.explained = true
		if err := x.movesOf(moves[st.ID], moves); err != nil {
			return fmt.Errorf("settlement %s (%s of %s): %w", st.ID, st.Type, st.AccountID, err)
		}
	}
	return nil
}

// lifeOf checks that a record of a settlement may follow the one before.
func (x *examination) lifeOf(before, st *sim.Settlement) error {
	settled, instructed := units(st.Settled), units(st.Quantity)
	switch {
	case settled.Sign() < 0 || settled.Cmp(instructed) > 0:
		return fmt.Errorf("%s settled of %s", st.Settled, st.Quantity)
	case st.Status == sim.StatusCompleted && settled.Cmp(instructed) != 0:
		return fmt.Errorf("COMPLETED with %s settled of %s", st.Settled, st.Quantity)
	case st.Status != sim.StatusCompleted && settled.Cmp(instructed) == 0:
		return fmt.Errorf("%s with all of it settled", st.Status)
	}
	// Settled, open and cancelled are what was instructed; what is under way is open.
	open := minus(instructed, settled)
	if underWay := units(st.Course.UnderWay); st.Status.Final() {
		if units(st.Reserved).Sign() != 0 || underWay.Sign() != 0 || !st.DueAt.IsZero() || st.CompletedAt.IsZero() {
			return fmt.Errorf("%s and yet something is under way: %s reserved, %s under way, due %s", st.Status, st.Reserved, st.Course.UnderWay, st.DueAt)
		}
	} else if underWay.Cmp(open) > 0 || units(st.Reserved).Sign() < 0 {
		return fmt.Errorf("%s under way with %s reserved and %s open", st.Course.UnderWay, st.Reserved, text(open))
	}
	if err := x.dimensions(before, st); err != nil {
		return err
	}
	from := 0
	if before != nil {
		from = len(before.History)
		switch {
		case before.Status.Final():
			return fmt.Errorf("it was %s, which is final", before.Status)
		case settled.Cmp(units(before.Settled)) < 0:
			return fmt.Errorf("%s settled, and %s before", st.Settled, before.Settled)
		case before.Type != st.Type || before.AccountID != st.AccountID || before.Symbol != st.Symbol || before.ExternalID != st.ExternalID ||
			units(before.Quantity).Cmp(instructed) != 0 || before.ExpectedDate != st.ExpectedDate || before.SourceAccount != st.SourceAccount ||
			before.DestinationAccount != st.DestinationAccount || !before.InitiatedAt.Equal(st.InitiatedAt):
			return fmt.Errorf("what was instructed changes: %+v to %+v", before, st)
		case before.MatchedWith != uuid.UUID{} && before.MatchedWith != st.MatchedWith:
			return fmt.Errorf("it was matched with %s and is with %s", before.MatchedWith, st.MatchedWith)
		case len(st.History) < from:
			return fmt.Errorf("its history has %d steps and had %d", len(st.History), from)
		}
		for i := range before.History {
			if before.History[i] != st.History[i] {
				return fmt.Errorf("step %d of its history changes", i)
			}
		}
	} else if err := x.newSettlement(st); err != nil {
		return err
	}
	for _, step := range st.History[from:] {
		if !step.At.Equal(x.e.Time) || step.Sequence != x.e.Sequence {
			return fmt.Errorf("step %s is of event %d at %s", step.Status, step.Sequence, step.At)
		}
	}
	return x.penalty(before, st)
}

// newSettlement checks what must be new with an instruction.
func (x *examination) newSettlement(st *sim.Settlement) error {
	if st.ExternalID != "" {
		if other, used := x.byExternal["s"+st.ExternalID]; used {
			return fmt.Errorf("external id %q is that of %s", st.ExternalID, other)
		}
	}
	if !st.InitiatedAt.Equal(x.e.Time) {
		return fmt.Errorf("initiated at %s", st.InitiatedAt)
	}
	return x.mark(st.Metadata)
}

// penalty checks that penalties come after the value date only.
func (x *examination) penalty(before, st *sim.Settlement) error {
	had := nothing
	if before != nil {
		had = units(before.Penalty)
	}
	switch units(st.Penalty).Cmp(had) {
	case 0:
		return nil
	case -1:
		return fmt.Errorf("a penalty of %s, and of %s before", st.Penalty, text(had))
	}
	h := x.hoursOf(st)
	day := h.date(x.e.Time)
	late := day > st.ExpectedDate || (day == st.ExpectedDate && h.check(x.e.Time) != nil)
	if !late || x.instant {
		return fmt.Errorf("a penalty of %s at %s, with value date %s", st.Penalty, x.e.Time.In(h.zone).Format(time.DateTime), st.ExpectedDate)
	}
	return nil
}

// movesOf checks what a settlement moved or reserved with the event, and adds it
// to what the postings should say.
func (x *examination) movesOf(m *moved, moves map[uuid.UUID]*moved) error {
	st := m.after
	reserved := units(st.Reserved)
	if m.before != nil {
		reserved = minus(reserved, units(m.before.Reserved))
	}
	began := false // with this event
	for _, step := range st.History[historyOf(m.before):] {
		began = began || step.Status == sim.StepReserved
	}
	if began {
		if err := x.mayBegin(st); err != nil {
			return fmt.Errorf("reserved: %w", err)
		}
	}
	if reserved.Sign() != 0 {
		addAt(x.reserved, reservationOf(st), reserved)
		x.touch(reservationOf(st))
	}
	if m.quantity.Sign() == 0 {
		if m.payment.Sign() != 0 {
			return fmt.Errorf("%s paid for nothing", text(m.payment))
		}
		return nil
	}
	if m.before == nil || (units(m.before.Course.UnderWay).Sign() == 0 && !began) {
		if x.takes(st) {
			return fmt.Errorf("settled without having been reserved")
		}
		if err := x.mayBegin(st); err != nil {
			return fmt.Errorf("settled: %w", err)
		}
	}
	if h := x.hoursOf(st); !x.instant && h.date(x.e.Time) < st.ExpectedDate {
		return fmt.Errorf("settled on %s, with value date %s", h.date(x.e.Time), st.ExpectedDate)
	}
	if err := x.together(m, moves); err != nil {
		return err
	}
	switch {
	case st.Type == sim.Internal:
		x.expect(st.SourceAccount, st.Symbol, negative(m.quantity))
		x.expect(st.DestinationAccount, st.Symbol, m.quantity)
	case receives(st.Type):
		x.expect(st.AccountID, st.Symbol, m.quantity)
	default:
		x.expect(st.AccountID, st.Symbol, negative(m.quantity))
	}
	if st.Type == sim.DVP || st.Type == sim.RVP {
		payment := m.payment
		if st.Type == sim.RVP {
			payment = negative(payment)
		}
		x.expect(st.AccountID, st.Terms.Payment.Currency, payment)
		if st.Status == sim.StatusCompleted {
			return x.paid(st, moves)
		}
	}
	return nil
}

func historyOf(st *sim.Settlement) int {
	if st == nil {
		return 0
	}
	return len(st.History)
}

// paid checks that what was paid in all is what one of the sides instructed.
func (x *examination) paid(st *sim.Settlement, moves map[uuid.UUID]*moved) error {
	total := units(st.SettledPayment)
	if total.Cmp(units(st.Terms.Payment.Amount)) == 0 {
		return nil
	}
	if other := moves[st.MatchedWith]; other != nil && total.Cmp(units(other.after.Terms.Payment.Amount)) == 0 {
		return nil
	}
	return fmt.Errorf("%s paid, neither side instructed that", st.SettledPayment)
}

// mayBegin checks that a settlement may be reserved, or settled at once, now.
func (x *examination) mayBegin(st *sim.Settlement) error {
	h := x.hoursOf(st)
	if !x.instant {
		if day := h.date(x.e.Time); day < st.ExpectedDate {
			return fmt.Errorf("on %s, with value date %s", day, st.ExpectedDate)
		}
		if err := h.check(x.e.Time); err != nil {
			return err
		}
	}
	switch {
	case needsMatch(st.Type) && st.Matching.Status != sim.MatchingMatched:
		return fmt.Errorf("and not matched")
	case st.Hold.Status == sim.HoldHeld:
		return fmt.Errorf("and held")
	}
	for _, id := range []string{st.AccountID, st.SourceAccount, st.DestinationAccount} {
		if st.Type != sim.Internal && id != st.AccountID {
			continue
		}
		if account := x.accounts[id]; account != nil && account.Status != sim.AccountActive {
			return fmt.Errorf("and account %s is %s", id, account.Status)
		}
	}
	return x.order(st)
}

// reservationOf returns the place of which a settlement reserves.
func reservationOf(st *sim.Settlement) place {
	switch st.Type {
	case sim.RVP:
		return place{st.AccountID, st.Terms.Payment.Currency}
	case sim.Internal:
		return place{st.SourceAccount, st.Symbol}
	default:
		return place{st.AccountID, st.Symbol}
	}
}
