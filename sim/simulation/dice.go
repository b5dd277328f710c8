package simulation

import (
	"math/big"
	"math/rand/v2"
	"time"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/money"
)

// dice draws what one step of a history does. Each step has its own, so that a
// history without some of its steps draws the same in the others.
type dice struct{ *rand.Rand }

func newDice(seed uint64, step int) *dice {
	return &dice{rand.New(rand.NewPCG(seed, uint64(step)))} //nolint:gosec // a history repeats by its seed
}

// in reports true once in so many times.
func (d *dice) in(n int) bool { return d.IntN(n) == 0 }

// pick returns one of some values.
func pick[T any](d *dice, values ...T) T { return values[d.IntN(len(values))] }

// pickOr returns one of a list, or the other value where it is empty.
func pickOr[T any](d *dice, list []T, other T) T {
	if len(list) == 0 {
		return other
	}
	return list[d.IntN(len(list))]
}

// choice is one of several things to do, the more often the larger its weight.
type choice[T any] struct {
	weight int
	value  T
}

func weighted[T any](d *dice, choices []choice[T]) T {
	sum := 0
	for _, c := range choices {
		sum += c.weight
	}
	at := d.IntN(sum)
	for _, c := range choices {
		if at -= c.weight; at < 0 {
			return c.value
		}
	}
	panic("simulation: weights do not add up") // they do
}

// between returns a duration of whole microseconds, from low up to high.
func (d *dice) between(low, high time.Duration) time.Duration {
	return low + time.Duration(d.Int64N(int64((high-low)/time.Microsecond)+1))*time.Microsecond
}

// decimal returns an amount of some units of 10^-decimals.
func decimal(units int64, decimals int) money.Amount {
	return money.FromUnscaled(big.NewInt(units), decimals)
}

// share returns a probability in hundredths.
func share(hundredths int) money.Amount { return decimal(int64(hundredths), 2) }
