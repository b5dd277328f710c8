package sim_test

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
)

func TestBatchesAreChained(t *testing.T) {
	t.Parallel()
	b := newBooks(t)
	for range 3 {
		b.deposit("a", "BTC", "1")
		b.seal()
	}
	var place sim.Progress
	for _, batch := range b.batches {
		if err := batch.Follows(place); err != nil {
			t.Fatal(err)
		}
		if batch.Hash != sim.Chain(place.Hash, batch.Payload) {
			t.Error("the hash is not that of the chain")
		}
		place = batch.End()
	}
	if got := b.state.Progress(); got.Sequence != place.Sequence || got.Hash != place.Hash || !got.Time.Equal(place.Time) || !bytes.Equal(got.Generator, place.Generator) {
		t.Errorf("the state stands at %+v, the last batch ends at %+v", got, place)
	}
	second, third := b.batches[1], b.batches[2]
	for name, err := range map[string]error{
		"a gap":             third.Follows(b.batches[0].End()),
		"a repetition":      second.Follows(second.End()),
		"another past":      third.Follows(sim.Progress{Sequence: second.Last, Hash: b.batches[0].Hash}),
		"last before first": (&sim.Batch{First: 1, Last: 0}).Follows(sim.Progress{}),
	} {
		if !errors.Is(err, sim.ErrBrokenInvariant) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestEveryFlippedBitIsFound(t *testing.T) {
	t.Parallel()
	b := newBooks(t)
	b.deposit("a", "BTC", "1")
	batch := b.seal()
	for i := range len(batch.Payload) * 8 {
		tampered := &sim.Batch{First: batch.First, Last: batch.Last, Hash: batch.Hash, Payload: bytes.Clone(batch.Payload)}
		tampered.Payload[i/8] ^= 1 << (i % 8)
		if tampered.Decode() != nil {
			continue // found even earlier
		}
		err := sim.NewState(wideRules(), sim.NewGenerator("books", 1)).ApplyBatch(tampered)
		if !errors.Is(err, sim.ErrBrokenInvariant) {
			t.Fatalf("bit %d of %d: %v", i, len(batch.Payload)*8, err)
		}
	}
}

func TestABatchThatIsNotWhatItsRowSaysDoesNotDecode(t *testing.T) {
	t.Parallel()
	b := newBooks(t)
	b.deposit("a", "BTC", "1")
	batch := b.seal()
	for name, change := range map[string]func(*sim.Batch){
		"first":   func(b *sim.Batch) { b.First++ },
		"last":    func(b *sim.Batch) { b.Last++ },
		"time":    func(b *sim.Batch) { b.Time = b.Time.Add(time.Microsecond) },
		"payload": func(b *sim.Batch) { b.Payload = nil },
	} {
		row := &sim.Batch{First: batch.First, Last: batch.Last, Time: batch.Time, Hash: batch.Hash, Payload: batch.Payload}
		change(row)
		if err := row.Decode(); !errors.Is(err, sim.ErrBrokenInvariant) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := (&sim.Batch{Payload: batch.Payload}).Decode(); err != nil {
		t.Errorf("a batch without a row: %v", err)
	}
}

func TestAnUndecodedBatchIsNotApplied(t *testing.T) {
	t.Parallel()
	b := newBooks(t)
	b.deposit("a", "BTC", "1")
	batch := b.seal()
	raw := &sim.Batch{First: batch.First, Last: batch.Last, Hash: batch.Hash, Payload: batch.Payload}
	if err := sim.NewState(wideRules(), sim.NewGenerator("books", 1)).ApplyBatch(raw); !errors.Is(err, sim.ErrBrokenInvariant) {
		t.Errorf("applying answers %v", err)
	}
}

// script is a fixed run of commands that meets every kind of event.
func script(b *books) {
	position := b.accept(sim.OpenHolding{AccountID: "a", Symbol: "BTC-USD", Available: amount("2.5"), Locked: amount("0.5"), Metadata: []byte(`{"k":"v"}`)}).Holding
	b.accept(sim.LockHolding{ID: position.ID, Amount: amount("1")})
	b.seal()
	b.accept(sim.OpenAccount{AccountID: "z", ClientID: "client"})
	b.accept(sim.UpdateHolding{ID: position.ID, Total: amountOf("4")})
	held := b.accept(sim.Instruct{Type: sim.Withdrawal, AccountID: "a", Symbol: "BTC-USD", Quantity: amount("1"), Hold: true, ExternalID: "e-1"}).Settlement
	b.deposit("b", "USD", "12.34")
	b.seal()
	b.accept(sim.ReleaseSettlement{ID: held.ID})
	b.accept(sim.Instruct{Type: sim.Internal, SourceAccount: "b", DestinationAccount: "c", Symbol: "USD", Quantity: amount("99")})
	b.accept(sim.UnlockHolding{ID: position.ID, Amount: amount("1.5")})
	b.accept(sim.CloseHolding{ID: position.ID})
	b.seal()
}

func TestTheSameSeedAndCommandsGiveTheSameBytes(t *testing.T) {
	t.Parallel()
	run := func(instance string, seed uint64) *books {
		b := newBooks(t)
		b.state = sim.NewState(wideRules(), sim.NewGenerator(instance, seed))
		script(b)
		return b
	}
	first, second := run("one", 7), run("one", 7)
	for i, batch := range first.batches {
		if other := second.batches[i]; !bytes.Equal(batch.Payload, other.Payload) || batch.Hash != other.Hash {
			t.Errorf("batch %d differs", i)
		}
	}
	if first.state.Snapshot().Digest() != second.state.Snapshot().Digest() {
		t.Error("the digests differ")
	}
	for name, other := range map[string]*books{"another instance": run("two", 7), "another seed": run("one", 8)} {
		if other.holding("c", "USD") != nil || other.holding("b", "USD").ID == first.holding("b", "USD").ID {
			t.Errorf("%s has the same identifiers", name)
		}
		if other.state.Snapshot().Digest() == first.state.Snapshot().Digest() {
			t.Errorf("%s has the same digest", name)
		}
	}
}

func TestReplayGivesTheStateThatWroteTheJournal(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		b := newBooks(t)
		randomHistory(t, b, 40)
		replay := sim.NewState(wideRules(), sim.NewGenerator("books", 1))
		for _, batch := range stored(t, b.batches) {
			if err := replay.ApplyBatch(batch); err != nil {
				t.Fatal(err)
			}
		}
		if replay.Snapshot().Digest() != b.state.Snapshot().Digest() {
			t.Fatal("the replayed state has another digest")
		}
	})
}

func TestALoadedStateGoesOnAsIfItHadNeverStopped(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		b := newBooks(t)
		randomHistory(t, b, 30)
		// The tables stand somewhere in the history; the tail is replayed.
		at := rapid.IntRange(0, len(b.batches)).Draw(t, "projected")
		tables := sim.NewState(wideRules(), sim.NewGenerator("books", 1))
		journal := stored(t, b.batches)
		for _, batch := range journal[:at] {
			if err := tables.ApplyBatch(batch); err != nil {
				t.Fatal(err)
			}
		}
		loaded, err := sim.LoadState(wideRules(), sim.NewGenerator("books", 1), tables.Snapshot())
		if err != nil {
			t.Fatal(err)
		}
		for _, batch := range journal[at:] {
			if err := loaded.ApplyBatch(batch); err != nil {
				t.Fatal(err)
			}
		}
		records := keyRecords(b.batches[:at])
		for range rapid.IntRange(1, 20).Draw(t, "more") {
			r := drawRequest(t, b.state.Snapshot())
			want := b.decide(r)
			got, err := loaded.Decide(b.now, &r)
			if err == nil && got.Outcome == sim.NeedsLookup {
				r.Lookup = lookUp(&r, records, loaded.Progress().Sequence)
				got, err = loaded.Decide(b.now, &r)
			}
			if err != nil || got.Outcome != want.Outcome || got.Result.Sequence != want.Result.Sequence || (got.Err == nil) != (want.Err == nil) {
				t.Fatalf("%+v: the loaded state answers %+v, %v; the other %+v", r.Command, got, err, want)
			}
			if len(want.Events) == 0 {
				continue
			}
			b.open = nil
			if sealed, other := b.state.Seal(want.Events), loaded.Seal(got.Events); sealed.Hash != other.Hash || !bytes.Equal(sealed.Payload, other.Payload) {
				t.Fatalf("%+v makes other bytes", r.Command)
			}
		}
		if loaded.Snapshot().Digest() != b.state.Snapshot().Digest() {
			t.Fatal("the digests differ")
		}
	})
}

// keyRecords returns what the tables hold of keys after some batches.
func keyRecords(batches []*sim.Batch) map[sim.Key]sim.KeyRecord {
	records := make(map[sim.Key]sim.KeyRecord)
	if len(batches) == 0 {
		return records
	}
	p := sim.Fold(batches)
	for _, r := range p.Keys {
		records[r.Key] = r
	}
	for _, s := range p.Settlements {
		if s.ExternalID != "" {
			key := sim.Key{Kind: sim.KeyExternal, Value: s.ExternalID}
			records[key] = sim.KeyRecord{Key: key}
		}
	}
	return records
}

func lookUp(r *sim.Request, records map[sim.Key]sim.KeyRecord, through uint64) *sim.KeyLookup {
	l := &sim.KeyLookup{Through: through}
	for _, k := range r.Keys() {
		if record, ok := records[k]; ok {
			l.Found = append(l.Found, record)
		}
	}
	return l
}

func TestInstanceTimeNeverRunsBackwards(t *testing.T) {
	t.Parallel()
	b := newBooks(t)
	b.deposit("a", "BTC", "1")
	b.now = b.now.Add(-time.Hour)
	if s := b.deposit("a", "BTC", "1"); !s.InitiatedAt.Equal(start.Add(time.Second)) {
		t.Errorf("the later settlement is dated %s", s.InitiatedAt)
	}
	b.now = start.Add(time.Minute + 999*time.Nanosecond).In(time.FixedZone("far", 8*3600))
	if s := b.deposit("a", "BTC", "1"); s.InitiatedAt != start.Add(61*time.Second) {
		t.Errorf("times are not in UTC microseconds: %v", s.InitiatedAt)
	}
	b.seal()
}

func TestInstanceTimeBeginsAfterTheUnixEpoch(t *testing.T) {
	t.Parallel()
	for _, now := range []time.Time{{}, time.Unix(0, 0), time.Unix(0, 0).Add(-time.Second), time.Date(1850, 1, 1, 0, 0, 0, 0, time.UTC)} {
		b := newBooks(t)
		b.now = now.Add(-time.Second)
		b.deposit("a", "BTC", "1")
		b.now = now.Add(-time.Second)
		b.deposit("a", "BTC", "1")
		b.seal()
		replay := sim.NewState(wideRules(), sim.NewGenerator("books", 1))
		if err := replay.ApplyBatch(stored(t, b.batches)[0]); err != nil {
			t.Fatal(err)
		}
		if got, want := replay.Progress().Time, b.state.Progress().Time; !got.Equal(want) || got.Before(time.Unix(0, 0)) {
			t.Errorf("%s becomes %s in the journal, %s in the state", now, got, want)
		}
	}
}
