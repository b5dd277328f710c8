package sim

import (
	"math"
	"math/big"
	"math/bits"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/money"
)

// Chance reports true with probability rate, in exact integer arithmetic: never
// for a rate of zero or less, always for one or more. It draws 64 bits, once,
// whatever the rate, so that what is drawn afterwards does not depend on it.
func (g *Generator) Chance(rate money.Amount) bool {
	return chance(g.pcg.Uint64(), rate)
}

// chance decides by a number that is uniform over 64 bits: it is below rate × 2^64
// with probability rate.
func chance(drawn uint64, rate money.Amount) bool {
	if rate.Sign() <= 0 {
		return false
	}
	threshold := new(big.Int).Lsh(rate.Unscaled(money.MaxDecimals), 64)
	point := new(big.Int).Mul(new(big.Int).SetUint64(drawn), big.NewInt(1_000_000_000_000_000_000))
	return point.Cmp(threshold) < 0
}

// Below returns a number from 0 up to but not including n, each with the same
// probability. It panics where n is not positive.
func (g *Generator) Below(n int64) int64 {
	if n <= 0 {
		panic("sim: Generator.Below of a number that is not positive")
	}
	// The high word of drawn × n is below n. Of the low words the first few would
	// make some numbers more likely than others; those are drawn again.
	bound := uint64(n)
	uneven := (math.MaxUint64 - bound + 1) % bound
	for {
		high, low := bits.Mul64(g.pcg.Uint64(), bound)
		if low >= uneven {
			return int64(high) // below n
		}
	}
}
