package profile

import (
	"fmt"
	"math/big"
	"strconv"
	"strings"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/money"
)

var (
	one = money.MustParse("1")
	ten = big.NewInt(10)
)

// multiply returns a × b, rounded half away from zero to a number of decimals.
// The product itself is exact.
func multiply(a, b money.Amount, decimals int) money.Amount {
	x, scaleX := coefficient(a)
	y, scaleY := coefficient(b)
	product, scale := x.Mul(x, y), scaleX+scaleY
	if scale > decimals {
		unit := new(big.Int).Exp(ten, big.NewInt(int64(scale-decimals)), nil)
		half := new(big.Int).Rsh(unit, 1) // units are even
		if product.Sign() < 0 {
			half.Neg(half)
		}
		product.Quo(product.Add(product, half), unit)
		scale = decimals
	}
	digits := new(big.Int).Abs(product).String()
	if missing := scale + 1 - len(digits); missing > 0 {
		digits = strings.Repeat("0", missing) + digits
	}
	text := digits[:len(digits)-scale]
	if scale > 0 {
		text += "." + digits[len(digits)-scale:]
	}
	if product.Sign() < 0 {
		text = "-" + text
	}
	out, err := money.Restore(text)
	if err != nil {
		panic(fmt.Sprintf("profile: %s × %s gives %q: %v", a, b, text, err)) // digits and a point always read
	}
	return out
}

// coefficient returns a as an integer and the digits of it after the point.
func coefficient(a money.Amount) (*big.Int, int) {
	whole, fraction, _ := strings.Cut(a.String(), ".")
	n, ok := new(big.Int).SetString(whole+fraction, 10)
	if !ok {
		panic(fmt.Sprintf("profile: amount %s is no number", a))
	}
	return n, len(fraction)
}

// whole returns n as an amount.
func whole(n int) money.Amount { return money.MustParse(strconv.Itoa(n)) }
