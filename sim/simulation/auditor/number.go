package auditor

import (
	"math/big"
	"strings"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/money"
)

// number counts in units of 10^-18, the finest that amounts have.
type number = big.Int

const decimals = 18

var nothing = new(number)

// units reads an amount as it is written.
func units(a money.Amount) *number {
	whole, fraction, _ := strings.Cut(a.String(), ".")
	n, ok := new(number).SetString(whole+fraction+strings.Repeat("0", decimals-len(fraction)), 10)
	if !ok {
		panic("auditor: an amount is written as " + a.String()) // no amount is
	}
	return n
}

// text writes units as a decimal number.
func text(n *number) string {
	return new(big.Rat).SetFrac(n, new(number).Exp(big.NewInt(10), big.NewInt(decimals), nil)).FloatString(decimals)
}

func minus(a, b *number) *number { return new(number).Sub(a, b) }

func negative(a *number) *number { return new(number).Neg(a) }

// sumAt returns the number at a key, which it makes.
func sumAt[K comparable](m map[K]*number, key K) *number {
	n := m[key]
	if n == nil {
		n = new(number)
		m[key] = n
	}
	return n
}

// valueAt returns the number at a key, or zero.
func valueAt[K comparable](m map[K]*number, key K) *number {
	if n := m[key]; n != nil {
		return n
	}
	return nothing
}

func addAt[K comparable](m map[K]*number, key K, n *number) {
	sum := sumAt(m, key)
	sum.Add(sum, n)
}
