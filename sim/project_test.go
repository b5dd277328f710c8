package sim_test

import (
	"bytes"
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
)

// tables are rows by key, as the bytes of their records.
type tables struct{ accounts, holdings, mirrors, settlements, entries, keys map[string]string }

func newTables() *tables {
	return &tables{map[string]string{}, map[string]string{}, map[string]string{}, map[string]string{}, map[string]string{}, map[string]string{}}
}

func (t *tables) holding(h *sim.Holding) {
	if h.Removed {
		delete(t.holdings, h.ID.String())
		return
	}
	t.holdings[h.ID.String()] = string(h.AppendCanonical(nil))
}

func (t *tables) entry(e sim.Entry) {
	row := string(e.AppendCanonical(nil))
	t.entries[row] = row
}

// project takes over a folded run of batches.
func (t *tables) project(p *sim.Projection) {
	for _, a := range p.Accounts {
		t.accounts[a.AccountID] = string(a.AppendCanonical(nil))
	}
	for _, h := range p.Holdings {
		t.holding(h)
	}
	for _, m := range p.Mirrors {
		t.mirrors[m.Symbol] = string(m.AppendCanonical(nil))
	}
	for _, s := range p.Settlements {
		t.settlements[s.ID.String()] = string(s.AppendCanonical(nil))
	}
	for _, e := range p.Entries {
		t.entry(e)
	}
	for _, k := range p.Keys {
		t.keys[k.Value] = string(k.AppendCanonical(nil))
	}
}

// step takes over one event after another, record by record.
func (t *tables) step(e *sim.Event) {
	for _, a := range e.Accounts {
		t.accounts[a.AccountID] = string(a.AppendCanonical(nil))
	}
	for _, h := range e.Holdings {
		t.holding(h)
	}
	for _, m := range e.Mirrors {
		t.mirrors[m.Symbol] = string(m.AppendCanonical(nil))
	}
	for _, s := range e.Settlements {
		t.settlements[s.ID.String()] = string(s.AppendCanonical(nil))
	}
	for i, p := range e.Postings {
		t.entry(sim.Entry{Sequence: e.Sequence, Index: i, Posting: p, SettlementID: e.SettlementID(), PostedAt: e.Time})
	}
	if e.Key != nil {
		r := sim.KeyRecord{Key: sim.Key{Kind: sim.KeyIdempotency, Value: e.Key.Key}, Fingerprint: e.Key.Fingerprint, Sequence: e.Sequence}
		t.keys[r.Value] = string(r.AppendCanonical(nil))
	}
}

func (t *tables) equal(o *tables) bool {
	return maps.Equal(t.accounts, o.accounts) && maps.Equal(t.holdings, o.holdings) && maps.Equal(t.mirrors, o.mirrors) &&
		maps.Equal(t.settlements, o.settlements) && maps.Equal(t.entries, o.entries) && maps.Equal(t.keys, o.keys)
}

func TestFoldingLeadsWhereEveryEventAloneDoes(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		b := newBooks(t)
		randomHistory(t, b, 50)
		folded, single := newTables(), newTables()
		for rest := b.batches; len(rest) > 0; {
			n := rapid.IntRange(1, len(rest)).Draw(t, "run")
			p := sim.Fold(rest[:n])
			events := 0
			for _, batch := range rest[:n] {
				events += len(batch.Events)
				for _, e := range batch.Events {
					single.step(e)
				}
			}
			if end := rest[n-1].End(); p.Events != events || p.Through.Sequence != end.Sequence || p.Through.Hash != end.Hash ||
				!p.Through.Time.Equal(end.Time) || !bytes.Equal(p.Through.Generator, end.Generator) {
				t.Fatalf("%d events through %+v, want %d through %+v", p.Events, p.Through, events, end)
			}
			checkFolded(t, p)
			folded.project(p)
			if !folded.equal(single) {
				t.Fatalf("tables differ after event %d", p.Through.Sequence)
			}
			rest = rest[n:]
		}
		// What the state has in memory is what the tables hold.
		fromState := newTables()
		for _, h := range b.state.Snapshot().Holdings {
			fromState.holding(h)
		}
		if !maps.Equal(fromState.holdings, folded.holdings) {
			t.Fatal("the state's holdings are not those of the tables")
		}
	})
}

// checkFolded checks that a projection has one record per key and keeps the
// order of entries and keys.
func checkFolded(t *rapid.T, p *sim.Projection) {
	once := make(map[string]bool)
	add := func(key string) {
		if once[key] {
			t.Fatalf("%s is there twice", key)
		}
		once[key] = true
	}
	for _, a := range p.Accounts {
		add("account " + a.AccountID)
	}
	for _, h := range p.Holdings {
		add("holding " + h.ID.String())
	}
	for _, m := range p.Mirrors {
		add("mirror " + m.Symbol)
	}
	for _, s := range p.Settlements {
		add("settlement " + s.ID.String())
	}
	if !slices.IsSortedFunc(p.Entries, func(a, b sim.Entry) int {
		if a.Sequence != b.Sequence {
			return int(a.Sequence) - int(b.Sequence)
		}
		return a.Index - b.Index
	}) {
		t.Fatal("entries are out of order")
	}
	if !slices.IsSortedFunc(p.Keys, func(a, b sim.KeyRecord) int { return int(a.Sequence) - int(b.Sequence) }) {
		t.Fatal("keys are out of order")
	}
}
