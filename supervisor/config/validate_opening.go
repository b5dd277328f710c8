package config

import (
	"fmt"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/asset"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/money"
)

// maxMetadataBytes is what the books take as metadata of one record.
const maxMetadataBytes = 4096

// mirrorAccounts are the custodian's own; clients cannot have them.
var mirrorAccounts = map[string]bool{"DEPOSITORY": true, "NOSTRO": true}

func (k *checker) assets(path string, i Instance) {
	seen := make(map[string]bool, len(i.Assets))
	for n, a := range i.Assets {
		at := index(path+"assets", n)
		k.addErr(at+".symbol", checkText(a.Symbol, true))
		if a.Kind == "" {
			k.add(at+".kind", "is required", "cash, security, crypto")
		}
		if a.Kind == string(asset.Cash) && len([]rune(a.Symbol)) > 10 {
			k.add(at+".symbol", "is too long for cash", "at most 10 characters")
		}
		if a.Symbol != "" && seen[a.Symbol] {
			k.add(at+".symbol", fmt.Sprintf("%q is declared twice", clip(a.Symbol)), "")
		}
		seen[a.Symbol] = true
	}
}

// openingChecker looks at the books that an instance begins with.
type openingChecker struct {
	*checker
	assets   *asset.Registry
	accounts map[string]bool
	autoOpen bool
	holdings map[[2]string]string
}

func (k *checker) opening(path string, i Instance, autoOpen bool) {
	o := openingChecker{
		checker: k, assets: i.AssetRegistry(), autoOpen: autoOpen,
		accounts: make(map[string]bool), holdings: make(map[[2]string]string),
	}
	for n, a := range i.Opening.Accounts {
		at := index(path+"opening.accounts", n)
		o.accountID(at, a.AccountID)
		if o.accounts[a.AccountID] && a.AccountID != "" {
			k.add(at+".account_id", fmt.Sprintf("account %q is opened twice", clip(a.AccountID)), "")
		}
		o.accounts[a.AccountID] = true
		k.addErr(at+".client_id", checkText(a.ClientID, false))
		o.metadata(at, a.Metadata)
	}
	for n, p := range i.Opening.Positions {
		at := index(path+"opening.positions", n)
		o.holding(at, "symbol", p.AccountID, p.Symbol, false)
		known := o.assets.Lookup(p.Symbol)
		o.amount(at+".quantity", p.Quantity, true, known.Decimals)
		o.amount(at+".average_cost", p.AverageCost, false, money.MaxDecimals)
		o.amount(at+".market_value", p.MarketValue, false, money.MaxDecimals)
		k.addErr(at+".currency", checkText(p.Currency, false))
		o.metadata(at, p.Metadata)
	}
	for n, b := range i.Opening.Balances {
		at := index(path+"opening.balances", n)
		o.holding(at, "currency", b.AccountID, b.Currency, true)
		o.amount(at+".available_balance", b.AvailableBalance, true, o.assets.Lookup(b.Currency).Decimals)
		o.metadata(at, b.Metadata)
	}
}

func (o *openingChecker) accountID(at, id string) {
	o.addErr(at+".account_id", checkText(id, true))
	if mirrorAccounts[id] {
		o.add(at+".account_id", id+" is the custodian's own mirror account; name a client account", "")
	}
}

func (o *openingChecker) holding(at, key, account, symbol string, cash bool) {
	o.accountID(at, account)
	if account != "" && !o.autoOpen && !o.accounts[account] {
		o.add(at+".account_id", fmt.Sprintf("account %q is not among opening.accounts, and accounts.auto_open is false", clip(account)), "")
	}
	o.addErr(at+"."+key, checkText(symbol, true))
	if symbol == "" {
		return
	}
	if isCash := o.assets.Lookup(symbol).IsCash(); cash && !isCash {
		o.add(at+"."+key, fmt.Sprintf("%q is not cash: put it under positions, or declare it as cash under assets", clip(symbol)), "")
	} else if !cash && isCash {
		o.add(at+"."+key, fmt.Sprintf("%q is cash: put it under balances", clip(symbol)), "")
	}
	id := [2]string{account, symbol}
	if first, twice := o.holdings[id]; twice {
		o.add(at+"."+key, fmt.Sprintf("account %q has %q twice; first at %s", clip(account), clip(symbol), first), "")
		return
	}
	o.holdings[id] = at
}

func (o *openingChecker) amount(at string, d Decimal, required bool, decimals int) {
	if d == "" {
		if required {
			o.add(at, "is required", "")
		}
		return
	}
	amount, err := money.Parse(string(d))
	switch {
	case err != nil:
		o.add(at, err.Error(), "")
	case amount.Sign() < 0:
		o.add(at, "must not be negative", "")
	case amount.Decimals() > decimals:
		o.add(at, fmt.Sprintf("%s has too many fraction digits", amount), fmt.Sprintf("at most %d", decimals))
	}
}

func (o *openingChecker) metadata(at string, m Metadata) {
	if len(m.JSON()) > maxMetadataBytes {
		o.add(at+".metadata", "is too large", fmt.Sprintf("at most %d bytes of JSON", maxMetadataBytes))
	}
}
