package money

import (
	"math/big"
	"strings"

	"github.com/quagmt/udecimal"
)

// Rounding says what becomes of digits that a product or quotient has beyond
// those that are kept.
type Rounding int

// The ways of rounding.
const (
	// RoundDown drops them: towards zero.
	RoundDown Rounding = iota
	// RoundHalfUp rounds to the nearer neighbour, halves away from zero: what
	// commerce uses.
	RoundHalfUp
	// RoundHalfEven rounds to the nearer neighbour, halves to the even one.
	RoundHalfEven
	// RoundUp rounds away from zero.
	RoundUp
)

var ten = big.NewInt(10)

// pow10 returns 10^n.
func pow10(n int) *big.Int { return new(big.Int).Exp(ten, big.NewInt(int64(n)), nil) }

// Unscaled returns the amount in units of 10^-decimals; digits beyond them are
// dropped. Decimals must be from 0 to [MaxDecimals].
func (a Amount) Unscaled(decimals int) *big.Int {
	text := a.d.String()
	whole, fraction, _ := strings.Cut(text, ".")
	if len(fraction) > decimals {
		fraction = fraction[:decimals]
	}
	v, _ := new(big.Int).SetString(whole+fraction+strings.Repeat("0", decimals-len(fraction)), 10) // an amount's text is digits
	return v
}

// FromUnscaled returns units × 10^-decimals. Decimals must be from 0 to
// [MaxDecimals]; units must have at most 100 digits.
func FromUnscaled(units *big.Int, decimals int) Amount {
	digits := new(big.Int).Abs(units).String()
	if len(digits) <= decimals {
		digits = strings.Repeat("0", decimals-len(digits)+1) + digits
	}
	if decimals > 0 {
		digits = digits[:len(digits)-decimals] + "." + digits[len(digits)-decimals:]
	}
	if units.Sign() < 0 {
		digits = "-" + digits
	}
	return Amount{udecimal.MustParse(digits)}
}

// MulDiv returns a × num ÷ den, computed exactly and then rounded to so many
// decimals, from 0 to [MaxDecimals]. It panics where den is zero.
func (a Amount) MulDiv(num, den Amount, decimals int, r Rounding) Amount {
	// With every factor in units of 10^-18: a×num/den is in the same units.
	n := new(big.Int).Mul(a.Unscaled(MaxDecimals), num.Unscaled(MaxDecimals))
	d := new(big.Int).Mul(den.Unscaled(MaxDecimals), pow10(MaxDecimals-decimals))
	return FromUnscaled(divide(n, d, r), decimals)
}

// Mul returns a × b, computed exactly and then rounded to so many decimals, from
// 0 to [MaxDecimals].
func (a Amount) Mul(b Amount, decimals int, r Rounding) Amount {
	n := new(big.Int).Mul(a.Unscaled(MaxDecimals), b.Unscaled(MaxDecimals))
	return FromUnscaled(divide(n, pow10(2*MaxDecimals-decimals), r), decimals)
}

// divide returns n ÷ d, rounded to an integer.
func divide(n, d *big.Int, r Rounding) *big.Int {
	q, rest := new(big.Int).QuoRem(n, d, new(big.Int))
	if rest.Sign() == 0 {
		return q
	}
	away := int64(n.Sign() * d.Sign())
	half := new(big.Int).Abs(rest)
	half.Lsh(half, 1)
	side := half.CmpAbs(d)
	switch {
	case r == RoundUp, r != RoundDown && side > 0,
		r == RoundHalfUp && side == 0,
		r == RoundHalfEven && side == 0 && q.Bit(0) == 1:
		q.Add(q, big.NewInt(away))
	}
	return q
}
