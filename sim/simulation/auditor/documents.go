package auditor

import (
	"errors"
	"fmt"
	"math/big"
	"slices"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
)

// issue takes what the event says about corporate actions and reconciliations,
// and what it adds to and takes from the fault rules.
func (x *examination) issue() error {
	for _, v := range x.e.Documents {
		if v.Removed {
			continue
		}
		switch v.Kind {
		case sim.DocumentEntitlement:
			if err := x.entitlements(v); err != nil {
				return fmt.Errorf("entitlements %s: %w", v.ID, err)
			}
		case sim.DocumentReconciliation:
			if err := x.reconciliation(v); err != nil {
				return fmt.Errorf("reconciliation %s: %w", v.ID, err)
			}
		case sim.DocumentCorporateAction:
			x.explained = true
		}
	}
	return nil
}

// entitlements checks a part of a corporate action's entitlements, once it is paid.
func (x *examination) entitlements(v *sim.Document) error {
	part, err := v.Entitlements()
	if err != nil || !part.Paid {
		return err
	}
	if known := x.documents[v.Key()]; known != nil {
		before, err := known.Entitlements()
		if err != nil {
			return err
		}
		if before.Paid {
			return errors.New("paid a second time")
		}
	}
	action := x.documents[sim.DocumentKey{Kind: sim.DocumentCorporateAction, ID: part.CorporateAction}]
	if action == nil {
		return fmt.Errorf("there is no corporate action %q", part.CorporateAction)
	}
	ca, err := action.CorporateAction()
	if err != nil {
		return err
	}
	for _, t := range part.Entitlements {
		x.expect(t.AccountID, ca.Symbol, units(t.Units.Amount))
		x.expect(t.AccountID, ca.Currency, units(t.Cash.Amount))
		if ca.Type != sim.CashDividend && ca.Type != sim.Coupon {
			continue
		}
		// What is paid differs from quantity × rate by less than one minor unit.
		one := new(number).Exp(big.NewInt(10), big.NewInt(int64(decimals)), nil)
		exact := new(number).Mul(units(t.Quantity.Amount), units(ca.Rate))
		off := minus(exact, new(number).Mul(units(t.Cash.Amount), one))
		unit := new(number).Exp(big.NewInt(10), big.NewInt(int64(2*decimals-x.cfg.Decimals(ca.Currency))), nil)
		if off.CmpAbs(unit) >= 0 || (ca.Rounding == sim.RoundingDown && off.Sign() < 0) {
			return fmt.Errorf("%s is paid %s for %s at %s", t.AccountID, t.Cash, t.Quantity, ca.Rate)
		}
	}
	return nil
}

// reconciliation checks that a comparison of the books found exactly what fault
// rules have made wrong.
func (x *examination) reconciliation(v *sim.Document) error {
	r, err := v.Reconciliation()
	if err != nil {
		return err
	}
	wrong := make(map[string]*number)
	for _, rule := range x.faults {
		if b := rule.Effect.Book; b != nil {
			addAt(wrong, b.Symbol, units(b.Amount))
		}
	}
	for _, line := range r.Differences {
		ours, theirs := units(line.Ours.Amount), units(line.Theirs.Amount)
		if ours.Cmp(negative(valueAt(x.mirrors, line.Symbol))) != 0 {
			return fmt.Errorf("our %s are said to be %s, the mirror account has %s", line.Symbol, line.Ours, text(valueAt(x.mirrors, line.Symbol)))
		}
		if minus(theirs, ours).Cmp(valueAt(wrong, line.Symbol)) != 0 {
			return fmt.Errorf("a difference of %s %s, fault rules have made %s", line.Difference, line.Symbol, text(valueAt(wrong, line.Symbol)))
		}
		delete(wrong, line.Symbol)
	}
	for symbol, amount := range wrong {
		if amount.Sign() != 0 && len(r.Differences) < 100 {
			return fmt.Errorf("nothing about %s %s that fault rules have made wrong", text(amount), symbol)
		}
	}
	return nil
}

// takeOver takes over the event's records.
func (x *examination) takeOver() error {
	for _, account := range x.e.Accounts {
		before := x.accounts[account.AccountID]
		switch {
		case before == nil:
			x.view.Accounts = append(x.view.Accounts, account.AccountID)
			if err := x.mark(account.Metadata); err != nil {
				return err
			}
		case before.Status == sim.AccountClosed:
			return fmt.Errorf("account %s was CLOSED, which is final", account.AccountID)
		}
		if account.Status == sim.AccountClosed {
			if err := x.empty(account.AccountID); err != nil {
				return err
			}
		}
		x.accounts[account.AccountID] = account
	}
	for _, st := range x.e.Settlements {
		x.takeSettlement(st)
	}
	for _, t := range x.e.Transfers {
		if x.transfers[t.ID] == nil && t.ExternalID != "" {
			x.byExternal["t"+t.ExternalID] = t.ID
		}
		x.transfers[t.ID] = t
		if t.Status.Final() && !t.ReturnDue {
			x.view.drop(&x.view.OpenTransfers, t.ID)
		} else {
			x.view.put(&x.view.OpenTransfers, t.ID)
		}
	}
	for _, v := range x.e.Documents {
		if err := x.takeDocument(v); err != nil {
			return err
		}
	}
	return nil
}

func (x *examination) takeSettlement(st *sim.Settlement) {
	if x.settlements[st.ID] == nil {
		if st.ExternalID != "" {
			x.byExternal["s"+st.ExternalID] = st.ID
		}
		for _, l := range linksOf(st) {
			x.dependents[l.ExternalID] = append(x.dependents[l.ExternalID], st.ID)
		}
		x.view.remember(st.ID, st.ExternalID)
	}
	x.settlements[st.ID] = st
	if st.Status.Final() {
		x.view.drop(&x.view.Open, st.ID)
	} else {
		x.view.put(&x.view.Open, st.ID)
	}
}

func (x *examination) takeDocument(v *sim.Document) error {
	known := x.documents[v.Key()] != nil
	list := map[sim.DocumentKind]*[]string{sim.DocumentFault: &x.view.Faults, sim.DocumentCorporateAction: &x.view.Actions}[v.Kind]
	if v.Removed {
		if !known {
			return fmt.Errorf("%s %s is removed and not there", v.Kind, v.ID)
		}
		delete(x.documents, v.Key())
		delete(x.faults, v.ID)
		if list != nil {
			*list = slices.DeleteFunc(*list, func(id string) bool { return id == v.ID })
		}
		return nil
	}
	x.documents[v.Key()] = v
	if list != nil && !known {
		*list = append(*list, v.ID)
	}
	if v.Kind == sim.DocumentFault {
		rule, err := v.Fault()
		if err != nil {
			return err
		}
		x.faults[v.ID] = rule
	}
	return nil
}

// empty checks that an account that is closed holds nothing.
func (x *examination) empty(account string) error {
	for at, p := range x.holdings {
		if at.account == account && p.record != nil && worth(p.record).Sign() != 0 {
			return fmt.Errorf("account %s is closed and has %s of %s", account, text(worth(p.record)), at.symbol)
		}
	}
	return nil
}
