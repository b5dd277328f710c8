package sim_test

import (
	"bytes"
	"math"
	"testing"

	"pgregory.net/rapid"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
)

func TestAChanceComesAsOftenAsItsRateSays(t *testing.T) {
	t.Parallel()
	for rate, want := range map[string][2]int{
		"-1": {0, 0}, "0": {0, 0}, "0.000000000000000001": {0, 0}, "0.1": {900, 1100}, "0.5": {4800, 5200},
		"0.999999999999999999": {10_000, 10_000}, "1": {10_000, 10_000}, "7": {10_000, 10_000},
	} {
		g, came := sim.NewGenerator("chance", 1), 0
		for range 10_000 {
			if g.Chance(amount(rate)) {
				came++
			}
		}
		if came < want[0] || came > want[1] {
			t.Errorf("a chance of %s came %d times of 10000, want %v", rate, came, want)
		}
	}
}

func TestAChanceDrawsOnceWhateverItsRate(t *testing.T) {
	t.Parallel()
	one, other := sim.NewGenerator("chance", 1), sim.NewGenerator("chance", 1)
	for _, rate := range []string{"0", "0.3", "1", "2"} {
		one.Chance(amount(rate))
		other.Chance(amount("0.5"))
		if !bytes.Equal(one.AppendState(nil), other.AppendState(nil)) {
			t.Fatalf("a chance of %s leaves the generator elsewhere", rate)
		}
	}
}

func TestNumbersBelowABoundAreUniform(t *testing.T) {
	t.Parallel()
	g, seen := sim.NewGenerator("below", 1), make(map[int64]int)
	for range 70_000 {
		seen[g.Below(7)]++
	}
	for n := range int64(7) {
		if seen[n] < 9_600 || seen[n] > 10_400 {
			t.Errorf("%d came %d times of 70000", n, seen[n])
		}
	}
	if len(seen) != 7 {
		t.Errorf("drawn were %v", seen)
	}
}

func TestNumbersStayBelowTheirBound(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		g := sim.NewGenerator("below", rapid.Uint64().Draw(t, "seed"))
		n := rapid.Int64Range(1, math.MaxInt64).Draw(t, "bound")
		if got := g.Below(n); got < 0 || got >= n {
			t.Fatalf("%d is not below %d", got, n)
		}
	})
}

func TestANumberBelowNothingPanics(t *testing.T) {
	t.Parallel()
	defer func() {
		if recover() == nil {
			t.Error("Below(0) did not panic")
		}
	}()
	sim.NewGenerator("below", 1).Below(0)
}
