// Package asset knows what can be held: securities, crypto-assets and cash,
// each with its minor unit, the number of decimals in which it is counted.
//
// A [Registry] answers for every symbol: what an instance declared itself
// comes first, then the active currencies of ISO 4217, then common
// crypto-assets and their pairs. Any other symbol is a security whose
// quantities may use all decimals that an amount can have.
package asset

import (
	"strings"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/money"
)

// Kind says how an asset is held: cash as a balance, everything else as a
// position.
type Kind string

// The kinds of assets.
const (
	Cash     Kind = "cash"
	Security Kind = "security"
	Crypto   Kind = "crypto"
)

// Kinds lists every [Kind], for messages that say what is allowed.
func Kinds() []string { return []string{string(Cash), string(Security), string(Crypto)} }

// Asset describes one symbol.
type Asset struct {
	// Symbol names the asset: an ISO 4217 code, a ticker, a pair.
	Symbol string
	// Kind decides between balances and positions.
	Kind Kind
	// Decimals is the minor unit: how many digits after the point count.
	// Finer amounts are refused.
	Decimals int
	// Quote is the currency in which the asset is valued by default; empty
	// where the symbol does not tell.
	Quote string
}

// IsCash reports whether the asset is held as a balance.
func (a Asset) IsCash() bool { return a.Kind == Cash }

// Registry resolves symbols to assets. It is immutable and safe for
// concurrent use.
type Registry struct{ declared map[string]Asset }

// NewRegistry returns a registry in which the declared assets take precedence
// over the built-in ones.
func NewRegistry(declared ...Asset) *Registry {
	r := &Registry{}
	if len(declared) > 0 {
		r.declared = make(map[string]Asset, len(declared))
		for _, a := range declared {
			r.declared[a.Symbol] = a
		}
	}
	return r
}

// Lookup returns the asset named by symbol. Every symbol has one: what nobody
// declared is a security counted in [money.MaxDecimals] decimals.
func (r *Registry) Lookup(symbol string) Asset {
	if a, ok := r.single(symbol); ok {
		return a
	}
	a := Asset{Symbol: symbol, Kind: Security, Decimals: money.MaxDecimals}
	if base, quote, ok := strings.Cut(symbol, "-"); ok {
		// A pair such as BTC-USD is held in units of its base and valued in
		// its quote. A pair of currencies is a rate, not cash.
		if unit, known := r.single(base); known && !unit.IsCash() {
			a.Kind, a.Decimals = unit.Kind, unit.Decimals
		}
		if currency, known := r.single(quote); known && currency.IsCash() {
			a.Quote = quote
		}
	}
	return a
}

// Declared reports whether the instance declared the symbol itself.
func (r *Registry) Declared(symbol string) bool {
	_, ok := r.declared[symbol]
	return ok
}

// single returns what is known by a symbol that is no pair, or by a pair that
// was declared.
func (r *Registry) single(symbol string) (Asset, bool) {
	if a, ok := r.declared[symbol]; ok {
		return a, true
	}
	if decimals, ok := currencies[symbol]; ok {
		return Asset{Symbol: symbol, Kind: Cash, Decimals: decimals}, true
	}
	if decimals, ok := cryptoAssets[symbol]; ok {
		return Asset{Symbol: symbol, Kind: Crypto, Decimals: decimals}, true
	}
	return Asset{}, false
}

// IsCurrency reports whether code is an active alphabetic code of ISO 4217.
func IsCurrency(code string) bool {
	_, ok := currencies[code]
	return ok
}

// cryptoAssets gives the decimals of common crypto-assets' smallest units
// (satoshi, wei, lamport, …).
var cryptoAssets = map[string]int{
	"BTC": 8, "BCH": 8, "LTC": 8, "DOGE": 8, "ETH": 18, "ETC": 18, "BNB": 18,
	"AVAX": 18, "POL": 18, "LINK": 18, "UNI": 18, "AAVE": 18, "DAI": 18,
	"SOL": 9, "TON": 9, "SUI": 9, "ADA": 6, "XRP": 6, "TRX": 6, "ATOM": 6,
	"USDC": 6, "USDT": 6, "DOT": 10, "XLM": 7, "XTZ": 6, "NEAR": 18, "FIL": 18,
}
