package asset_test

import (
	"slices"
	"testing"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/asset"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/money"
)

func TestLookupKnowsCurrenciesCryptoAssetsAndPairs(t *testing.T) {
	t.Parallel()
	r := asset.NewRegistry()
	for _, want := range []asset.Asset{
		{Symbol: "USD", Kind: asset.Cash, Decimals: 2},
		{Symbol: "JPY", Kind: asset.Cash, Decimals: 0},
		{Symbol: "KWD", Kind: asset.Cash, Decimals: 3},
		{Symbol: "CLF", Kind: asset.Cash, Decimals: 4},
		{Symbol: "BTC", Kind: asset.Crypto, Decimals: 8},
		{Symbol: "ETH", Kind: asset.Crypto, Decimals: 18},
		{Symbol: "USDC", Kind: asset.Crypto, Decimals: 6},
		{Symbol: "BTC-USD", Kind: asset.Crypto, Decimals: 8, Quote: "USD"},
		{Symbol: "ETH-BTC", Kind: asset.Crypto, Decimals: 18},
		{Symbol: "VOD-GBP", Kind: asset.Security, Decimals: money.MaxDecimals, Quote: "GBP"},
		{Symbol: "BRK-B", Kind: asset.Security, Decimals: money.MaxDecimals},
		{Symbol: "USD-EUR", Kind: asset.Security, Decimals: money.MaxDecimals, Quote: "EUR"},
		{Symbol: "-USD", Kind: asset.Security, Decimals: money.MaxDecimals, Quote: "USD"},
		{Symbol: "BTC-", Kind: asset.Crypto, Decimals: 8},
		{Symbol: "AAPL", Kind: asset.Security, Decimals: money.MaxDecimals},
		{Symbol: "XAU", Kind: asset.Security, Decimals: money.MaxDecimals}, // metal: no minor unit, no cash
		{Symbol: "usd", Kind: asset.Security, Decimals: money.MaxDecimals},
		{Symbol: "", Kind: asset.Security, Decimals: money.MaxDecimals},
	} {
		got := r.Lookup(want.Symbol)
		if got != want {
			t.Errorf("Lookup(%q) = %+v, want %+v", want.Symbol, got, want)
		}
		if got.IsCash() != (want.Kind == asset.Cash) {
			t.Errorf("%q: IsCash is %v", want.Symbol, got.IsCash())
		}
	}
}

func TestDeclaredAssetsComeFirst(t *testing.T) {
	t.Parallel()
	declared := []asset.Asset{
		{Symbol: "USD", Kind: asset.Security, Decimals: 4},
		{Symbol: "GOLD", Kind: asset.Cash, Decimals: 3},
		{Symbol: "BTC", Kind: asset.Crypto, Decimals: 10, Quote: "EUR"},
		{Symbol: "ETH-USD", Kind: asset.Security, Decimals: 1, Quote: "JPY"},
		{Symbol: "ACME", Kind: asset.Security, Decimals: 0},
	}
	r := asset.NewRegistry(declared...)
	for _, want := range declared {
		if got := r.Lookup(want.Symbol); got != want {
			t.Errorf("Lookup(%q) = %+v, want %+v", want.Symbol, got, want)
		}
	}
	if got := r.Lookup("EUR"); got.Decimals != 2 || !got.IsCash() {
		t.Errorf("undeclared currency is %+v", got)
	}
}

func TestPairsFollowTheDeclarationsOfTheirParts(t *testing.T) {
	t.Parallel()
	r := asset.NewRegistry(
		asset.Asset{Symbol: "BTC", Kind: asset.Crypto, Decimals: 10},
		asset.Asset{Symbol: "ACME", Kind: asset.Security, Decimals: 0},
		asset.Asset{Symbol: "GOLD", Kind: asset.Cash, Decimals: 3},
		asset.Asset{Symbol: "USD", Kind: asset.Security, Decimals: 4},
	)
	for _, want := range []asset.Asset{
		{Symbol: "BTC-EUR", Kind: asset.Crypto, Decimals: 10, Quote: "EUR"},
		{Symbol: "ACME-GOLD", Kind: asset.Security, Decimals: 0, Quote: "GOLD"},
		{Symbol: "BTC-USD", Kind: asset.Crypto, Decimals: 10},                                 // USD is declared as no cash
		{Symbol: "GOLD-EUR", Kind: asset.Security, Decimals: money.MaxDecimals, Quote: "EUR"}, // a rate, not cash
	} {
		if got := r.Lookup(want.Symbol); got != want {
			t.Errorf("Lookup(%q) = %+v, want %+v", want.Symbol, got, want)
		}
	}
}

func TestIsCurrencyKnowsActiveCodesOnly(t *testing.T) {
	t.Parallel()
	for code, want := range map[string]bool{
		"USD": true, "EUR": true, "XOF": true, "XCG": true, "ZWG": true,
		"DEM": false, "HRK": false, "XTS": false, "XXX": false, "usd": false, "": false, "BTC": false,
	} {
		if got := asset.IsCurrency(code); got != want {
			t.Errorf("IsCurrency(%q) = %v", code, got)
		}
	}
}

func TestKindsListsEveryKind(t *testing.T) {
	t.Parallel()
	for _, kind := range []asset.Kind{asset.Cash, asset.Security, asset.Crypto} {
		if !slices.Contains(asset.Kinds(), string(kind)) {
			t.Errorf("%s is missing", kind)
		}
	}
}
