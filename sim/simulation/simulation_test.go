package simulation_test

import (
	"testing"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/simulation"
)

func TestX(t *testing.T) {
	for seed := uint64(1); seed <= 20; seed++ {
		out, err := simulation.Run(simulation.Options{Seed: seed, Steps: 1000}, simulation.NewBooks)
		if err != nil {
			t.Errorf("%v", err)
		} else {
			t.Logf("seed %d %d events", seed, out.Events)
		}
	}
}
