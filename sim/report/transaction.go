package report

import (
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/asset"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/iso20022"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/money"
)

// transactionOf returns what a settlement is about, as seen from its account.
func transactionOf(s *sim.Settlement, assets *asset.Registry, quantity money.Amount) (iso20022.Transaction, error) {
	t := iso20022.Transaction{
		AccountID: s.AccountID, Instrument: iso20022.Instrument{Symbol: s.Symbol}, Movement: iso20022.Receive, Payment: iso20022.FreeOfPayment,
		Quantity: counted(assets, s.Symbol, quantity),
	}
	if err := sayable(s.Symbol, t.Quantity); err != nil {
		return t, err
	}
	var err error
	if t.SettlementDate, err = iso20022.ParseDate(s.ExpectedDate); err != nil {
		return t, unsayable(err)
	}
	if s.Delivers() {
		t.Movement = iso20022.Deliver
	}
	var other iso20022.Party
	if terms := s.Terms; terms != nil {
		t.Partial = iso20022.Partial(terms.Partial)
		if terms.TradeDate != "" {
			if t.TradeDate, err = iso20022.ParseDate(terms.TradeDate); err != nil {
				return t, unsayable(err)
			}
		}
		if !terms.Payment.IsZero() {
			t.Payment = iso20022.AgainstPayment
			t.Amount = &iso20022.Amount{Currency: terms.Payment.Currency, Value: terms.Payment.Amount, Direction: iso20022.Debit}
			if s.Delivers() {
				t.Amount.Direction = iso20022.Credit
			}
		}
		switch {
		case terms.CounterpartyAccount != "":
			other = iso20022.Party{Name: terms.CounterpartyAccount, AccountID: terms.CounterpartyAccount}
		case terms.Counterparty.BIC != "":
			other = iso20022.Party{BIC: terms.Counterparty.BIC}
		default:
			other = iso20022.Party{Name: terms.Counterparty.Name}
		}
	}
	if other.IsZero() {
		return t, nil
	}
	parties := &iso20022.Parties{Party1: other}
	if s.Delivers() {
		t.Receiving = parties
	} else {
		t.Delivering = parties
	}
	return t, nil
}
