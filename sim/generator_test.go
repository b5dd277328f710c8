package sim_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/google/uuid"
	"pgregory.net/rapid"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
)

func wantUUIDv7(t failer, id uuid.UUID) {
	t.Helper()
	if id.Version() != 7 || id.Variant() != uuid.RFC4122 {
		t.Fatalf("%s has version %d and variant %s", id, id.Version(), id.Variant())
	}
}

func TestIdentifiersIncreaseWhileTimeStandsStill(t *testing.T) {
	t.Parallel()
	g := sim.NewGenerator("a", 1)
	last := g.ID(start)
	for range 3 * 4096 { // far beyond what one millisecond has room for
		id := g.ID(start)
		wantUUIDv7(t, id)
		if bytes.Compare(id[:], last[:]) <= 0 {
			t.Fatalf("%s follows %s", id, last)
		}
		last = id
	}
	if ahead := time.UnixMilli(millisOf(last)).Sub(start); ahead != 3*time.Millisecond {
		t.Errorf("identifiers run %s ahead of a clock that stands still", ahead)
	}
	if id := g.ID(start.Add(time.Second)); !time.UnixMilli(millisOf(id)).Equal(start.Add(time.Second)) {
		t.Errorf("%s does not carry its time again", id)
	}
}

func millisOf(id uuid.UUID) int64 {
	var millis int64
	for _, b := range id[:6] {
		millis = millis<<8 | int64(b)
	}
	return millis
}

func TestIdentifiersIncreaseWhateverTheClockDoes(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		g := sim.NewGenerator("a", rapid.Uint64().Draw(t, "seed"))
		var last uuid.UUID
		for _, offset := range rapid.SliceOfN(rapid.Int64Range(-2_000_000_000_000, 2_000_000_000_000), 1, 50).Draw(t, "micros") {
			id := g.ID(start.Add(time.Duration(offset) * time.Microsecond))
			wantUUIDv7(t, id)
			if bytes.Compare(id[:], last[:]) <= 0 {
				t.Fatalf("%s follows %s", id, last)
			}
			last = id
		}
	})
}

func TestAGeneratorContinuesFromItsState(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		g := sim.NewGenerator("a", rapid.Uint64().Draw(t, "seed"))
		for range rapid.IntRange(0, 20).Draw(t, "before") {
			g.ID(start)
		}
		state := g.AppendState(nil)
		other := sim.NewGenerator("b", 99)
		if err := other.Restore(state); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(other.AppendState(nil), state) {
			t.Fatal("the restored generator has another state")
		}
		for i := range 20 {
			if now := start.Add(time.Duration(i/3) * time.Millisecond); g.ID(now) != other.ID(now) {
				t.Fatal("the restored generator draws other identifiers")
			}
		}
	})
}

func TestInstancesAndSeedsDrawDifferentIdentifiers(t *testing.T) {
	t.Parallel()
	drawn := make(map[uuid.UUID]string)
	for _, instance := range []string{"", "a", "b", "custodian-sim-001", "custodian-sim-002"} {
		for seed := range uint64(20) {
			g := sim.NewGenerator(instance, seed)
			id := g.ID(start)
			if other, ok := drawn[id]; ok {
				t.Errorf("%q with seed %d draws what %s draws", instance, seed, other)
			}
			drawn[id] = instance
			if again := sim.NewGenerator(instance, seed); again.ID(start) != id {
				t.Errorf("%q with seed %d draws another identifier the second time", instance, seed)
			}
		}
	}
}
