package memory_test

import (
	"context"
	"errors"
	"testing"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/store/memory"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/store/storetest"
)

func harness() storetest.Harness {
	return storetest.Harness{Fresh: func(testing.TB) storetest.Opener {
		store := memory.NewStore()
		return func(testing.TB) sim.Journal { return store.Journal("custodian_sim_001") }
	}}
}

func TestJournal(t *testing.T) {
	t.Parallel()
	storetest.Run(t, harness())
}

func BenchmarkJournal(b *testing.B) { storetest.Bench(b, harness()) }

func TestSchemasShareNothing(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	store := memory.NewStore()
	one, two := store.Journal("one"), store.Journal("two")
	for _, j := range []*memory.Journal{one, two} {
		if _, err := j.Load(ctx); err != nil {
			t.Fatal(err)
		}
	}
	b := &sim.Batch{First: 1, Last: 3}
	if err := one.Append(ctx, b); err != nil {
		t.Fatal(err)
	}
	if snap, err := two.Load(ctx); err != nil || snap.Head != 0 {
		t.Errorf("the other schema has its head at %d (%v), wanted 0", snap.Head, err)
	}
}

func TestDroppedSchemaIsForgotten(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	store := memory.NewStore()
	old := store.Journal("one")
	if _, err := old.Load(ctx); err != nil {
		t.Fatal(err)
	}
	if err := old.Append(ctx, &sim.Batch{First: 1, Last: 1}); err != nil {
		t.Fatal(err)
	}
	store.Drop("one")
	store.Drop("never opened")
	if err := old.Append(ctx, &sim.Batch{First: 2, Last: 2}); !errors.Is(err, sim.ErrLostOwnership) {
		t.Errorf("appending to a dropped schema: %v, wanted ErrLostOwnership", err)
	}
	if _, err := old.Load(ctx); !errors.Is(err, sim.ErrLostOwnership) {
		t.Errorf("loading a dropped schema: %v, wanted ErrLostOwnership", err)
	}
	if snap, err := store.Journal("one").Load(ctx); err != nil || snap.Head != 0 {
		t.Errorf("the schema opened anew has its head at %d (%v), wanted 0", snap.Head, err)
	}
}

func TestWritingWithoutALoadIsRefused(t *testing.T) {
	t.Parallel()
	j := memory.NewStore().Journal("one")
	if err := j.Append(context.Background(), &sim.Batch{First: 1, Last: 1}); !errors.Is(err, sim.ErrLostOwnership) {
		t.Errorf("appending: %v, wanted ErrLostOwnership", err)
	}
}

func TestDesiredStateIsComparedAndSwapped(t *testing.T) {
	t.Parallel()
	storetest.RunDesired(t, func(testing.TB) storetest.Desired { return memory.NewDesired() }, memory.ErrRevision)
}
