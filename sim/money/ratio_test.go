package money_test

import (
	"math/big"
	"testing"

	"pgregory.net/rapid"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/money"
)

func TestProductsAreRoundedAsAsked(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		a, num, den string
		decimals    int
		r           money.Rounding
		want        string
	}{
		{"10", "1", "3", 2, money.RoundDown, "3.33"},
		{"10", "2", "3", 2, money.RoundDown, "6.66"},
		{"10", "2", "3", 2, money.RoundHalfUp, "6.67"},
		{"10", "1", "3", 2, money.RoundUp, "3.34"},
		{"1", "1", "8", 2, money.RoundHalfUp, "0.13"},
		{"1", "1", "8", 2, money.RoundHalfEven, "0.12"},
		{"3", "1", "8", 2, money.RoundHalfEven, "0.38"},
		{"-1", "1", "8", 2, money.RoundHalfUp, "-0.13"},
		{"-1", "1", "8", 2, money.RoundDown, "-0.12"},
		{"-1", "1", "-8", 2, money.RoundUp, "0.13"},
		{"100", "1", "1", 0, money.RoundUp, "100"},
		{"0", "5", "7", 18, money.RoundUp, "0"},
		{"99999999999999999999.999999999999999999", "2", "1", 18, money.RoundDown, "199999999999999999999.999999999999999998"},
		{"0.000000000000000001", "0.5", "1", 18, money.RoundHalfUp, "0.000000000000000001"},
		{"0.000000000000000001", "0.5", "1", 18, money.RoundHalfEven, "0"},
	} {
		got := money.MustParse(c.a).MulDiv(money.MustParse(c.num), money.MustParse(c.den), c.decimals, c.r)
		if got.String() != c.want {
			t.Errorf("%s × %s ÷ %s to %d decimals is %s, want %s", c.a, c.num, c.den, c.decimals, got, c.want)
		}
	}
}

func drawAmount(t *rapid.T, label string) money.Amount {
	units := new(big.Int).SetUint64(rapid.Uint64().Draw(t, label))
	units.Mul(units, new(big.Int).SetUint64(rapid.Uint64().Draw(t, label+" times")))
	if rapid.Bool().Draw(t, label+" negative") {
		units.Neg(units)
	}
	return money.FromUnscaled(units, money.MaxDecimals)
}

func TestUnscaledAndFromUnscaledAreInverse(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		a := drawAmount(t, "amount")
		if back := money.FromUnscaled(a.Unscaled(money.MaxDecimals), money.MaxDecimals); !back.Equal(a) {
			t.Fatalf("%s came back as %s", a, back)
		}
		if dropped := money.FromUnscaled(a.Unscaled(2), 2); dropped.Decimals() > 2 || !a.Sub(dropped).Mul(money.MustParse("100"), 0, money.RoundDown).IsZero() {
			t.Fatalf("%s has %s with two decimals", a, dropped)
		}
	})
}

func TestRoundingStaysWithinOneUnitOfTheExactValue(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		a, b, c := drawAmount(t, "a"), drawAmount(t, "b"), drawAmount(t, "c")
		if c.IsZero() {
			c = money.MustParse("1")
		}
		decimals := rapid.IntRange(0, money.MaxDecimals).Draw(t, "decimals")
		r := money.Rounding(rapid.IntRange(0, 3).Draw(t, "rounding"))
		got := a.MulDiv(b, c, decimals, r)
		rat := func(x money.Amount) *big.Rat {
			v, ok := new(big.Rat).SetString(x.String())
			if !ok {
				t.Fatalf("%s is no number", x)
			}
			return v
		}
		exact := new(big.Rat).Mul(rat(a), rat(b))
		exact.Quo(exact, rat(c))
		off := new(big.Rat).Sub(rat(got), exact)
		unit := new(big.Rat).SetFrac(big.NewInt(1), new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(decimals)), nil))
		if new(big.Rat).Abs(off).Cmp(unit) >= 0 {
			t.Fatalf("%s × %s ÷ %s is %s, off by %s", a, b, c, got, off)
		}
		switch twice := new(big.Rat).Add(new(big.Rat).Abs(off), new(big.Rat).Abs(off)); {
		case r == money.RoundDown && off.Sign()*exact.Sign() > 0, r == money.RoundUp && off.Sign()*exact.Sign() < 0:
			t.Fatalf("%s is on the wrong side of %s", got, exact)
		case (r == money.RoundHalfUp || r == money.RoundHalfEven) && twice.Cmp(unit) > 0:
			t.Fatalf("%s is not the nearest to %s", got, exact)
		}
		if one := a.Mul(b, decimals, r); !one.Equal(a.MulDiv(b, money.MustParse("1"), decimals, r)) {
			t.Fatalf("%s × %s is %s", a, b, one)
		}
	})
}
