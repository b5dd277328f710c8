package badinput

import "math/rand/v2"

// dice decide, the same way for the same seed.
type dice struct{ *rand.Rand }

func newDice(seed uint64) *dice { return &dice{rand.New(rand.NewPCG(seed, 0x9e3779b97f4a7c15))} }

// in is true once in n times.
func (d *dice) in(n int) bool { return d.IntN(n) == 0 }

// bytes returns up to most bytes of any values.
func (d *dice) bytes(most int) []byte {
	out := make([]byte, d.IntN(most+1))
	for i := range out {
		out[i] = byte(d.Uint32())
	}
	return out
}

func pick[T any](d *dice, list []T) T { return list[d.IntN(len(list))] }
