package config

import (
	"bytes"
	"encoding/json"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/asset"
)

// Asset declares a symbol.
type Asset struct {
	// Symbol is what it is called by. It is required.
	Symbol string `koanf:"symbol" json:"symbol" len:"50"`
	// Kind is what it is. It is required.
	Kind string `koanf:"kind" json:"kind" oneof:"cash security crypto"`
	// Decimals is with how many fraction digits it is counted. If it is not given, it
	// is what the symbol has without a declaration.
	Decimals *int `koanf:"decimals" json:"decimals,omitempty" range:"0..18"`
}

// Opening is what the books of a new instance begin with.
type Opening struct {
	// Accounts are open from the start.
	Accounts []OpeningAccount `koanf:"accounts" json:"accounts,omitempty" len:"100000"`
	// Positions are holdings of anything but cash.
	Positions []OpeningPosition `koanf:"positions" json:"positions,omitempty" len:"100000"`
	// Balances are holdings of cash.
	Balances []OpeningBalance `koanf:"balances" json:"balances,omitempty" len:"100000"`
}

// OpeningAccount is an account that is there from the start. Empty ClientID
// means the account id itself, empty Type MASTER.
type OpeningAccount struct {
	// AccountID is what it is called by. It is required.
	AccountID string `koanf:"account_id" json:"account_id" len:"100"`
	// ClientID is whose it is; empty is the client of the account's own name.
	ClientID string `koanf:"client_id" json:"client_id,omitempty" len:"100"`
	// Type is MASTER, of which a client has one, or SEGREGATED; empty is MASTER.
	Type string `koanf:"type" json:"type,omitempty" oneof:"MASTER SEGREGATED"`
	// Metadata is the caller's own.
	Metadata Metadata `koanf:"metadata" json:"metadata,omitempty"`
}

// OpeningPosition is a holding of anything but cash. Empty amounts are zero,
// except Quantity, which is required.
type OpeningPosition struct {
	// AccountID is whose it is. It is required.
	AccountID string `koanf:"account_id" json:"account_id" len:"100"`
	// Symbol is what is held. It is required.
	Symbol string `koanf:"symbol" json:"symbol" len:"50"`
	// Quantity is how much is held. It is required.
	Quantity Decimal `koanf:"quantity" json:"quantity"`
	// Currency is that of AverageCost and MarketValue.
	Currency string `koanf:"currency" json:"currency,omitempty" len:"10"`
	// AverageCost is what a unit cost.
	AverageCost Decimal `koanf:"average_cost" json:"average_cost,omitempty"`
	// MarketValue is what the position is worth.
	MarketValue Decimal `koanf:"market_value" json:"market_value,omitempty"`
	// Metadata is the caller's own.
	Metadata Metadata `koanf:"metadata" json:"metadata,omitempty"`
}

// OpeningBalance is a holding of cash.
type OpeningBalance struct {
	// AccountID is whose it is. It is required.
	AccountID string `koanf:"account_id" json:"account_id" len:"100"`
	// Currency is what is held. It is required.
	Currency string `koanf:"currency" json:"currency" len:"10"`
	// AvailableBalance is how much is held. It is required.
	AvailableBalance Decimal `koanf:"available_balance" json:"available_balance"`
	// Metadata is the caller's own.
	Metadata Metadata `koanf:"metadata" json:"metadata,omitempty"`
}

// Metadata is a JSON object of the user's own. Its numbers are [json.Number],
// with the text that was written.
type Metadata map[string]any

// JSON returns m as a compact JSON object with sorted keys, nil if m is empty.
func (m Metadata) JSON() []byte {
	if len(m) == 0 {
		return nil
	}
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	if err := e.Encode(map[string]any(m)); err != nil {
		return nil // only for values that no parser of this package makes
	}
	return bytes.TrimSuffix(out.Bytes(), []byte("\n"))
}

// AssetRegistry returns the assets of i: the declared ones before the built-in.
func (i Instance) AssetRegistry() *asset.Registry {
	builtin := asset.NewRegistry()
	declared := make([]asset.Asset, 0, len(i.Assets))
	for _, a := range i.Assets {
		known := builtin.Lookup(a.Symbol)
		known.Kind = asset.Kind(a.Kind)
		if a.Decimals != nil {
			known.Decimals = *a.Decimals
		}
		declared = append(declared, known)
	}
	return asset.NewRegistry(declared...)
}
