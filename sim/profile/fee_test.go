package profile_test

import (
	"math/big"
	"testing"

	"pgregory.net/rapid"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/asset"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/money"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/profile"
)

func TestFeesAreRoundedToTheMinorUnitAndCapped(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, fixed, rate, most, amount string
		decimals                        int
		want                            string
	}{
		{"fixed alone", "25", "0", "0", "1000", 2, "25"},
		{"a share alone", "0", "0.0001", "0", "123456.78", 2, "12.35"},
		{"half a cent goes up", "0", "0.001", "0", "12345", 2, "12.35"},
		{"just below half a cent goes down", "0", "0.001", "0", "12344.99", 2, "12.34"},
		{"both", "10", "0.01", "0", "50", 2, "10.5"},
		{"capped", "10", "0.01", "50", "1000000", 2, "50"},
		{"not capped", "10", "0.01", "50", "100", 2, "11"},
		{"yen have no decimals", "0", "0.01", "0", "149", 0, "1"},
		{"satoshi", "0.00001", "0", "0", "1", 8, "0.00001"},
		{"wei of a large amount", "0", "0.000000000000000001", "0", "99999999999999999999", 18, "99.999999999999999999"},
		{"finer than the unit", "0.000001", "0", "0", "1", 2, "0"},
	} {
		fee := profile.Fee{Fixed: amount(c.fixed), Rate: amount(c.rate), Max: amount(c.most)}
		if got := fee.Of(amount(c.amount), c.decimals); got.String() != c.want {
			t.Errorf("%s: the fee for %s is %s, want %s", c.name, c.amount, got, c.want)
		}
	}
}

func TestFeesAgreeWithRationals(t *testing.T) {
	t.Parallel()
	number := rapid.StringMatching(`[0-9]{1,19}(\.[0-9]{1,18})?`)
	rate := rapid.StringMatching(`0\.[0-9]{1,18}`)
	rapid.Check(t, func(t *rapid.T) {
		textAmount, textRate := number.Draw(t, "amount"), rate.Draw(t, "rate")
		decimals := rapid.IntRange(0, money.MaxDecimals).Draw(t, "decimals")
		got := profile.Fee{Rate: amount(textRate)}.Of(amount(textAmount), decimals)
		if got.Decimals() > decimals {
			t.Fatalf("%s has more than %d decimals", got, decimals)
		}
		x, _ := new(big.Rat).SetString(textAmount)
		y, _ := new(big.Rat).SetString(textRate)
		z, _ := new(big.Rat).SetString(got.String())
		// FloatString rounds half away from zero, exactly.
		if want := x.Mul(x, y).FloatString(decimals); z.FloatString(decimals) != want {
			t.Fatalf("%s of %s is %s, want %s", textRate, textAmount, got, want)
		}
	})
}

func TestPenaltiesAccruePerDay(t *testing.T) {
	t.Parallel()
	s := resolve(t, builtin(t, profile.GlobalCustodian)).Settlement() // one basis point
	for _, c := range []struct {
		cash     string
		days     int
		decimals int
		want     string
	}{
		{"19000.00", 1, 2, "1.9"}, {"19000.00", 3, 2, "5.7"}, {"19000.00", 0, 2, "0"}, {"50", 1, 2, "0.01"}, {"49.99", 1, 2, "0"}, {"1000000", 7, 0, "700"},
	} {
		if got := s.Penalty(amount(c.cash), c.days, c.decimals); got.String() != c.want {
			t.Errorf("%s fails for %d days: %s, want %s", c.cash, c.days, got, c.want)
		}
	}
}

func TestRailsCarryTheirKinds(t *testing.T) {
	t.Parallel()
	r := resolve(t, builtin(t, profile.PrimeBroker))
	wire, _ := r.Rail(profile.WireDomestic)
	chain, _ := r.Rail(profile.CryptoExternal)
	if !wire.Allows(asset.Cash) || wire.Allows(asset.Crypto) || chain.Allows(asset.Cash) || !chain.Allows(asset.Crypto) || chain.Allows(asset.Security) {
		t.Error("rails carry what they should not, or do not carry what they should")
	}
}
