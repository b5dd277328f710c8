package storetest

import (
	"errors"
	"testing"

	"github.com/google/uuid"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
)

func testEmpty(t *testing.T, s *store) {
	j := s.journal()
	sameSnapshot(t, j.load(), &sim.Snapshot{})
	sameProgress(t, j.progress(), sim.Progress{})
	sameBatches(t, j.read(0), nil)
	sameRecords(t, "accounts", j.accounts(10, sim.AccountFilter{}), nil)
	sameRecords(t, "positions", j.holdings(10, sim.HoldingFilter{}), nil)
	sameRecords(t, "balances", j.holdings(10, sim.HoldingFilter{Cash: true}), nil)
	sameRecords(t, "mirrors", j.mirrors(), nil)
	sameRecords(t, "settlements", j.settlements(10, sim.SettlementFilter{}), nil)
	sameRecords(t, "transfers", j.transfers(10, sim.TransferFilter{}), nil)
	sameRecords(t, "documents", j.documents(10, noteKind), nil)
	sameRecords(t, "entries", j.entries(10, sim.EntryFilter{}), nil)
	sameRecords(t, "keys", j.keys(), nil)
	if v := j.findTransfer(uuid.MustParse("019ab0de-0000-7000-8000-000000000001")); v != nil {
		t.Errorf("found transfer %+v in an empty journal", v)
	}
	if st := j.find(uuid.MustParse("019ab0de-0000-7000-8000-000000000001")); st != nil {
		t.Errorf("found settlement %+v in an empty journal", st)
	}
	if found, err := j.FindKeys(j.ctx, []sim.Key{{Kind: sim.KeyExternal, Value: "x"}, {Kind: sim.KeyTransfer, Value: "x"}}); err != nil || len(found) != 0 {
		t.Errorf("found keys %v (%v) in an empty journal", found, err)
	}
}

// history returns batches of various sizes: one event, some, and many.
func history(t testing.TB) []*sim.Batch {
	b := newBooks(t)
	b.do("open", sim.OpenAccount{AccountID: "fund-ä", Metadata: []byte(`{"a":1}`)})
	batches := []*sim.Batch{b.seal()}
	batches = append(batches, b.deposits(1), b.deposits(7), b.deposits(2500), b.deposits(2))
	return batches
}

func testReadBack(t *testing.T, s *store) {
	batches := history(t)
	j := s.loaded()
	j.append(batches...)
	sameBatches(t, j.read(0), batches)
	sameProgress(t, j.progress(), sim.Progress{}) // appending projects nothing
	j.close()

	again := s.journal()
	snap := again.load()
	if want := batches[len(batches)-1].Last; snap.Head != want {
		t.Errorf("after a restart the head is at %d, wanted %d", snap.Head, want)
	}
	stored := again.read(0)
	sameBatches(t, stored, batches)
	var at sim.Progress
	for _, b := range stored {
		if err := b.Decode(); err != nil {
			t.Fatal(err)
		}
		if err := b.Follows(at); err != nil {
			t.Fatal(err)
		}
		at = b.End()
	}
}

func testReadFromTheMiddle(t *testing.T, s *store) {
	batches := history(t)
	j := s.loaded()
	j.append(batches...)
	for i, b := range batches {
		for _, after := range []uint64{b.First - 1, b.Last - 1} {
			sameBatches(t, j.read(after), batches[i:]) // b ends behind it
		}
		sameBatches(t, j.read(b.Last), batches[i+1:])
	}
	sameBatches(t, j.read(batches[len(batches)-1].Last+1000), nil)
}

func testReadStops(t *testing.T, s *store) {
	j := s.loaded()
	j.append(history(t)...)
	stop := errors.New("enough")
	calls := 0
	err := j.Read(j.ctx, 0, func(*sim.Batch) error {
		calls++
		if calls == 2 {
			return stop
		}
		return nil
	})
	if !errors.Is(err, stop) || calls != 2 {
		t.Errorf("Read returned %v after %d calls, wanted the error of the second", err, calls)
	}
	// The journal is as good as before.
	if got := len(j.read(0)); got != 5 {
		t.Errorf("then %d batches are read, wanted 5", got)
	}
}

func testAppendOrder(t *testing.T, s *store) {
	b := newBooks(t)
	first, second, third := b.deposits(3), b.deposits(3), b.deposits(3)
	j := s.loaded()
	refused := func(what string, batch *sim.Batch) {
		t.Helper()
		if err := j.Append(j.ctx, batch); !errors.Is(err, sim.ErrLostOwnership) {
			t.Errorf("appending %s: %v, wanted ErrLostOwnership", what, err)
		}
		j.load() // what an engine does after any failed append
	}
	refused("the second batch first", second)
	j.append(first)
	refused("the first batch again", first)
	refused("the third batch behind the first", third)
	sameBatches(t, j.read(0), []*sim.Batch{first})
	j.append(second, third)
	sameBatches(t, j.read(0), []*sim.Batch{first, second, third})
}

func testFencing(t *testing.T, s *store) {
	b := newBooks(t)
	first, second := b.deposits(2), b.deposits(2)
	old := s.loaded()
	old.append(first)

	owner := s.journal()
	if head := owner.load().Head; head != first.Last {
		t.Fatalf("the new owner finds the head at %d, wanted %d", head, first.Last)
	}
	if err := old.Append(old.ctx, second); !errors.Is(err, sim.ErrLostOwnership) {
		t.Errorf("the old owner appends: %v, wanted ErrLostOwnership", err)
	}
	if err := old.Project(old.ctx, sim.Fold([]*sim.Batch{first})); !errors.Is(err, sim.ErrLostOwnership) {
		t.Errorf("the old owner projects: %v, wanted ErrLostOwnership", err)
	}
	sameBatches(t, owner.read(0), []*sim.Batch{first})
	sameProgress(t, owner.progress(), sim.Progress{})
	sameRecords(t, "settlements", owner.settlements(10, sim.SettlementFilter{}), nil)

	owner.append(second)
	owner.project(sim.Fold([]*sim.Batch{first, second}))
	sameProgress(t, owner.progress(), second.End())
	// The old owner may claim it back, and then the other is shut out.
	if head := old.load().Head; head != second.Last {
		t.Errorf("the old owner finds the head at %d, wanted %d", head, second.Last)
	}
	if err := owner.Append(owner.ctx, b.deposits(1)); !errors.Is(err, sim.ErrLostOwnership) {
		t.Errorf("the second owner appends: %v, wanted ErrLostOwnership", err)
	}
}

func testReload(t *testing.T, s *store) {
	b := newBooks(t)
	j := s.loaded()
	var batches []*sim.Batch
	for range 3 {
		batch := b.deposits(2)
		j.append(batch)
		j.project(sim.Fold([]*sim.Batch{batch}))
		batches = append(batches, batch)
		if head := j.load().Head; head != batch.Last {
			t.Fatalf("the head is at %d, wanted %d", head, batch.Last)
		}
	}
	sameBatches(t, j.read(0), batches)
}

func testRestart(t *testing.T, s *store) {
	b := newBooks(t)
	b.do("k-1", sim.OpenHolding{AccountID: "fund-a", Symbol: "BTC-USD", Available: amount("10")})
	first := b.seal()
	b.do("k-2", sim.Instruct{Type: sim.Withdrawal, AccountID: "fund-a", Symbol: "BTC-USD", Quantity: amount("1"), ExternalID: "e-1", Hold: true})
	b.deposit("fund-b", "USD", "99.95", "")
	second := b.seal()
	want := b.state.Snapshot().Digest()

	j := s.loaded()
	j.append(first, second)
	j.project(sim.Fold([]*sim.Batch{first}))
	j.close()

	again := s.journal()
	snap := again.load()
	sameProgress(t, snap.Projected, first.End())
	if snap.Head != second.Last || !snap.Keyed {
		t.Errorf("head %d, keyed %v; wanted %d, true", snap.Head, snap.Keyed, second.Last)
	}
	state, err := sim.LoadState(rules(), sim.NewGenerator("store-test", 1), snap)
	if err != nil {
		t.Fatal(err)
	}
	tail := again.read(snap.Projected.Sequence)
	for _, batch := range tail {
		if err := batch.Decode(); err != nil {
			t.Fatal(err)
		}
		if err := state.ApplyBatch(batch); err != nil {
			t.Fatal(err)
		}
	}
	if state.Snapshot().Digest() != want {
		t.Error("projection and tail make another state than before the restart")
	}
	again.project(sim.Fold(tail))
	if digestOf(t, again.load()) != want {
		t.Error("the tables have another state than before the restart")
	}
}

// digestOf returns the digest of the state that a snapshot makes.
func digestOf(t testing.TB, snap *sim.Snapshot) sim.Digest {
	t.Helper()
	state, err := sim.LoadState(rules(), sim.NewGenerator("store-test", 1), snap)
	if err != nil {
		t.Fatal(err)
	}
	return state.Snapshot().Digest()
}
