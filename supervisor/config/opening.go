package config

import (
	"bytes"
	"encoding/json"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/asset"
)

// Asset declares a symbol.
type Asset struct {
	Symbol string `koanf:"symbol" json:"symbol" len:"50"`
	Kind   string `koanf:"kind" json:"kind" oneof:"cash security crypto"`
	// Decimals is the minor unit; nil means that of the same symbol without a
	// declaration.
	Decimals *int `koanf:"decimals" json:"decimals,omitempty" range:"0..18"`
}

// Opening is what the books of a new instance begin with.
type Opening struct {
	Accounts  []OpeningAccount  `koanf:"accounts" json:"accounts,omitempty" len:"100000"`
	Positions []OpeningPosition `koanf:"positions" json:"positions,omitempty" len:"100000"`
	Balances  []OpeningBalance  `koanf:"balances" json:"balances,omitempty" len:"100000"`
}

// OpeningAccount is an account that is there from the start. Empty ClientID
// means the account id itself, empty Type MASTER.
type OpeningAccount struct {
	AccountID string   `koanf:"account_id" json:"account_id" len:"100"`
	ClientID  string   `koanf:"client_id" json:"client_id,omitempty" len:"100"`
	Type      string   `koanf:"type" json:"type,omitempty" oneof:"MASTER SEGREGATED"`
	Metadata  Metadata `koanf:"metadata" json:"metadata,omitempty"`
}

// OpeningPosition is a holding of anything but cash. Empty amounts are zero,
// except Quantity, which is required.
type OpeningPosition struct {
	AccountID   string   `koanf:"account_id" json:"account_id" len:"100"`
	Symbol      string   `koanf:"symbol" json:"symbol" len:"50"`
	Quantity    Decimal  `koanf:"quantity" json:"quantity"`
	Currency    string   `koanf:"currency" json:"currency,omitempty" len:"10"`
	AverageCost Decimal  `koanf:"average_cost" json:"average_cost,omitempty"`
	MarketValue Decimal  `koanf:"market_value" json:"market_value,omitempty"`
	Metadata    Metadata `koanf:"metadata" json:"metadata,omitempty"`
}

// OpeningBalance is a holding of cash.
type OpeningBalance struct {
	AccountID        string   `koanf:"account_id" json:"account_id" len:"100"`
	Currency         string   `koanf:"currency" json:"currency" len:"10"`
	AvailableBalance Decimal  `koanf:"available_balance" json:"available_balance"`
	Metadata         Metadata `koanf:"metadata" json:"metadata,omitempty"`
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
