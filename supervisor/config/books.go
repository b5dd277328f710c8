package config

import (
	"fmt"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/money"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/policy"
)

// Rules returns the rules of the books of an instance whose settings are all
// given, as [Config.Resolve] returns it.
func (i Instance) Rules() (sim.Rules, error) {
	profile, err := i.ResolveProfile()
	if err != nil {
		return sim.Rules{}, err
	}
	policies, err := policy.Compile(i.Policies)
	if err != nil {
		return sim.Rules{}, err
	}
	reconciliation, err := i.Reconciliation.Rules()
	if err != nil {
		return sim.Rules{}, err
	}
	return sim.Rules{
		Assets: i.AssetRegistry(), AutoOpen: *i.Accounts.AutoOpen, Profile: profile, Policies: policies, Reconciliation: reconciliation,
		MaxAccounts: i.Limits.MaxAccounts, MaxHoldings: i.Limits.MaxHoldings,
		MaxOpenSettlements: i.Limits.MaxOpenSettlements, MaxOpenTransfers: i.Limits.MaxOpenTransfers,
	}, nil
}

// OpeningCommands returns the commands with which the books of a new instance
// begin: those of its clock and its opening.
func (i Instance) OpeningCommands() ([]sim.Command, error) {
	var commands []sim.Command
	if c, set := i.Clock.Command(); set {
		commands = append(commands, c)
	}
	o := i.Opening
	for _, a := range o.Accounts {
		commands = append(commands, sim.OpenAccount{
			AccountID: a.AccountID, ClientID: a.ClientID, Type: sim.AccountType(a.Type), Metadata: a.Metadata.JSON(),
		})
	}
	for i, p := range o.Positions {
		c := sim.OpenHolding{AccountID: p.AccountID, Symbol: p.Symbol, Currency: p.Currency, Metadata: p.Metadata.JSON()}
		err := parseAmounts(fmt.Sprintf("opening.positions[%d]", i), []amountField{
			{"quantity", p.Quantity, &c.Available}, {"average_cost", p.AverageCost, &c.AverageCost}, {"market_value", p.MarketValue, &c.MarketValue},
		})
		if err != nil {
			return nil, err
		}
		commands = append(commands, c)
	}
	for i, b := range o.Balances {
		c := sim.OpenHolding{Cash: true, AccountID: b.AccountID, Symbol: b.Currency, Metadata: b.Metadata.JSON()}
		err := parseAmounts(fmt.Sprintf("opening.balances[%d]", i), []amountField{{"available_balance", b.AvailableBalance, &c.Available}})
		if err != nil {
			return nil, err
		}
		commands = append(commands, c)
	}
	return commands, nil
}

type amountField struct {
	name string
	text Decimal
	into *money.Amount
}

func parseAmounts(where string, fields []amountField) error {
	for _, f := range fields {
		if f.text == "" {
			continue
		}
		amount, err := money.Parse(string(f.text))
		if err != nil {
			return fmt.Errorf("%s.%s: %w", where, f.name, err)
		}
		*f.into = amount
	}
	return nil
}
