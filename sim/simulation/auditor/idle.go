package auditor

import (
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
)

// pairKey is what two instructions have in common that match without doubt.
type pairKey struct {
	deliverer, receiver, symbol, quantity, date, trade, currency, payment string
}

// Idle checks that nothing waits without a reason once all work that was due by
// an instance time is done: that what matches is matched, and that what can
// settle does. Instructions with links are left out, as are those that a fault or
// the cancellation of one side keeps.
func (a *Auditor) Idle(now time.Time) error {
	for _, rule := range a.faults {
		if rule.Effect.Offline != nil {
			return nil // nothing is done at all
		}
	}
	sides := make(map[pairKey]*sim.Settlement)
	for _, id := range a.view.Open {
		st := a.settlements[id]
		if needsMatch(st.Type) && st.Matching.Status == sim.MatchingUnmatched && st.Terms.CounterpartyAccount != "" &&
			st.Processing.Status == sim.ProcessingAcknowledged {
			key := pairKeyOf(st)
			if other := sides[key]; other != nil && receives(other.Type) != receives(st.Type) {
				return fmt.Errorf("settlements %s and %s match and are not matched", other.ID, st.ID)
			}
			sides[key] = st
		}
		if a.waitsForNothing(st, now) && (st.MatchedWith == uuid.UUID{} || a.waitsForNothing(a.settlements[st.MatchedWith], now)) {
			return fmt.Errorf("settlement %s (%s of %s) waits for nothing at %s: %+v", id, st.Type, st.AccountID, now.Format(time.RFC3339Nano), st)
		}
	}
	return nil
}

func pairKeyOf(st *sim.Settlement) pairKey {
	key := pairKey{
		deliverer: st.AccountID, receiver: st.Terms.CounterpartyAccount, symbol: st.Symbol, quantity: st.Quantity.String(),
		date: st.ExpectedDate, trade: st.Terms.TradeDate, currency: st.Terms.Payment.Currency, payment: st.Terms.Payment.Amount.String(),
	}
	if receives(st.Type) {
		key.deliverer, key.receiver = key.receiver, key.deliverer
	}
	return key
}

// waitsForNothing reports whether one side of a settlement has all that it needs
// to be reserved, and is not.
func (a *Auditor) waitsForNothing(st *sim.Settlement, now time.Time) bool {
	switch {
	case st.Status.Final() || units(st.Course.UnderWay).Sign() > 0 || len(linksOf(st)) > 0 || len(a.dependents[st.ExternalID]) > 0,
		st.Processing.Status != sim.ProcessingAcknowledged, st.Hold.Status == sim.HoldHeld, st.Course.ReadyAt.After(now),
		needsMatch(st.Type) && st.Matching.Status != sim.MatchingMatched:
		return false
	}
	h := a.hoursOf(st)
	if !a.instant && (h.date(now) < st.ExpectedDate || h.check(now) != nil) {
		return false
	}
	for _, id := range []string{st.AccountID, st.SourceAccount, st.DestinationAccount} {
		if st.Type != sim.Internal && id != st.AccountID {
			continue
		}
		if account := a.accounts[id]; account != nil && account.Status != sim.AccountActive {
			return false
		}
	}
	need := minus(units(st.Quantity), units(st.Settled))
	switch st.Type {
	case sim.Deposit, sim.RFP:
		return true
	case sim.RVP:
		// What the two sides pay may differ within the tolerance: the larger counts.
		need = minus(units(st.Terms.Payment.Amount), units(st.SettledPayment))
		if other := a.settlements[st.MatchedWith]; other != nil {
			if its := minus(units(other.Terms.Payment.Amount), units(other.SettledPayment)); its.Cmp(need) > 0 {
				need = its
			}
		}
	}
	p := a.holdings[reservationOf(st)]
	return p != nil && p.available.Cmp(need) >= 0
}
