package verify

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"hash/fnv"

	"github.com/google/uuid"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
)

// buckets is into how many parts a table is divided for comparison.
const buckets = 1024

// tally is a digest of a set of rows that does not depend on their order: rows
// can be added and taken out again.
type tally struct{ a, b uint64 }

func (t *tally) add(r record) {
	a, b := digest(r)
	t.a, t.b = t.a+a, t.b+b
}

func (t *tally) remove(r record) {
	a, b := digest(r)
	t.a, t.b = t.a-a, t.b-b
}

func digest(r record) (a, b uint64) {
	sum := sha256.Sum256(r.AppendCanonical(nil))
	return binary.BigEndian.Uint64(sum[:8]), binary.BigEndian.Uint64(sum[8:16])
}

// table holds the tallies of one table's buckets.
type table [buckets]tally

func bucketOf(key string) int {
	h := fnv.New32a()
	_, _ = h.Write([]byte(key)) // never fails
	return int(h.Sum32() % buckets)
}

// history digests the rows of the tables that grow with history.
type history struct {
	settlements, entries, keys table
	// open are the settlements whose rows may still change.
	open map[uuid.UUID]*sim.Settlement
	// rows keeps the rows themselves in the buckets that are looked into; nil
	// while only digests are taken.
	rows *rowsByKey
}

type rowsByKey struct {
	settlements map[string]*sim.Settlement
	entries     map[string]*sim.Entry
	keys        map[string]*sim.KeyRecord
	wanted      struct{ settlements, entries, keys map[int]bool }
}

func newHistory() *history { return &history{open: make(map[uuid.UUID]*sim.Settlement)} }

func settlementKey(s *sim.Settlement) string { return s.ID.String() }
func entryKey(e *sim.Entry) string           { return fmt.Sprintf("%d-%d", e.Sequence, e.Index) }
func keyKey(k *sim.KeyRecord) string         { return k.Value }

// addBatch adds the rows that a batch leads to.
func (h *history) addBatch(b *sim.Batch) {
	for _, e := range b.Events {
		for _, s := range e.Settlements {
			h.addSettlement(s)
		}
		entries := e.Entries()
		for i := range entries {
			key := entryKey(&entries[i])
			h.entries[bucketOf(key)].add(&entries[i])
			if h.rows != nil && h.rows.wanted.entries[bucketOf(key)] {
				h.rows.entries[key] = &entries[i]
			}
		}
		if e.Key != nil {
			record := &sim.KeyRecord{
				Key: sim.Key{Kind: sim.KeyIdempotency, Value: e.Key.Key}, Fingerprint: e.Key.Fingerprint, Sequence: e.Sequence,
			}
			h.keys[bucketOf(e.Key.Key)].add(record)
			if h.rows != nil && h.rows.wanted.keys[bucketOf(e.Key.Key)] {
				h.rows.keys[e.Key.Key] = record
			}
		}
	}
}

func (h *history) addSettlement(s *sim.Settlement) {
	key := settlementKey(s)
	bucket := bucketOf(key)
	if before := h.open[s.ID]; before != nil {
		h.settlements[bucket].remove(before)
	}
	h.settlements[bucket].add(s)
	if s.Status.Final() {
		delete(h.open, s.ID)
	} else {
		h.open[s.ID] = s
	}
	if h.rows != nil && h.rows.wanted.settlements[bucket] {
		h.rows.settlements[key] = s
	}
}

// compareHistory checks the tables that grow with history, by buckets and then
// row by row where buckets differ.
func (v *verifier) compareHistory(ctx context.Context, projected uint64, expected *history) error {
	found := newHistory()
	err := v.scan(ctx,
		func(s *sim.Settlement) error {
			v.report.Settlements++
			found.settlements[bucketOf(settlementKey(s))].add(s)
			return nil
		},
		func(e *sim.Entry) error {
			v.report.Entries++
			found.entries[bucketOf(entryKey(e))].add(e)
			return nil
		},
		func(k *sim.KeyRecord) error {
			found.keys[bucketOf(k.Value)].add(k)
			return nil
		})
	if err != nil {
		return err
	}
	rows := &rowsByKey{
		settlements: make(map[string]*sim.Settlement), entries: make(map[string]*sim.Entry), keys: make(map[string]*sim.KeyRecord),
	}
	rows.wanted.settlements = differing(&expected.settlements, &found.settlements)
	rows.wanted.entries = differing(&expected.entries, &found.entries)
	rows.wanted.keys = differing(&expected.keys, &found.keys)
	if len(rows.wanted.settlements)+len(rows.wanted.entries)+len(rows.wanted.keys) == 0 {
		return nil
	}
	return v.compareBuckets(ctx, projected, rows)
}

func differing(a, b *table) map[int]bool {
	m := make(map[int]bool)
	for i := range a {
		if a[i] != b[i] {
			m[i] = true
		}
	}
	return m
}

// compareBuckets reads journal and tables once more and compares the rows of
// the wanted buckets.
func (v *verifier) compareBuckets(ctx context.Context, projected uint64, rows *rowsByKey) error {
	expected := newHistory()
	expected.rows = rows
	err := v.source.Read(ctx, 0, func(b *sim.Batch) error {
		if err := b.Decode(); err != nil {
			return err
		}
		if b.Last <= projected {
			expected.addBatch(b)
		}
		return nil
	})
	if err != nil {
		return err
	}
	err = v.scan(ctx,
		func(s *sim.Settlement) error {
			if !rows.wanted.settlements[bucketOf(settlementKey(s))] {
				return nil
			}
			return compareRows(v, "settlements", rows.settlements, []*sim.Settlement{s}, settlementKey)
		},
		func(e *sim.Entry) error {
			if !rows.wanted.entries[bucketOf(entryKey(e))] {
				return nil
			}
			return compareRows(v, "ledger_entries", rows.entries, []*sim.Entry{e}, entryKey)
		},
		func(k *sim.KeyRecord) error {
			if !rows.wanted.keys[bucketOf(k.Value)] {
				return nil
			}
			return compareRows(v, "idempotency_keys", rows.keys, []*sim.KeyRecord{k}, keyKey)
		})
	if err != nil {
		return err
	}
	if err := missingRows(v, "settlements", rows.settlements); err != nil {
		return err
	}
	if err := missingRows(v, "ledger_entries", rows.entries); err != nil {
		return err
	}
	return missingRows(v, "idempotency_keys", rows.keys)
}

// scan reads every row of the tables that grow with history.
func (v *verifier) scan(ctx context.Context, settlement func(*sim.Settlement) error, entry func(*sim.Entry) error, key func(*sim.KeyRecord) error) error {
	err := pages(func(p sim.Page) ([]*sim.Settlement, error) {
		return v.source.ListSettlements(ctx, sim.SettlementFilter{}, p)
	}, settlementKey, func(rows []*sim.Settlement) error { return each(rows, settlement) })
	if err != nil {
		return err
	}
	err = pages(func(p sim.Page) ([]*sim.Entry, error) {
		rows, err := v.source.ListEntries(ctx, sim.EntryFilter{}, p)
		pointers := make([]*sim.Entry, len(rows))
		for i := range rows {
			pointers[i] = &rows[i]
		}
		return pointers, err
	}, entryKey, func(rows []*sim.Entry) error { return each(rows, entry) })
	if err != nil {
		return err
	}
	return v.source.ScanKeys(ctx, func(k sim.KeyRecord) error {
		if k.Kind != sim.KeyIdempotency {
			return nil // external ids are part of the settlements
		}
		return key(&k)
	})
}

func each[R any](rows []R, fn func(R) error) error {
	for _, r := range rows {
		if err := fn(r); err != nil {
			return err
		}
	}
	return nil
}

// describe shows a record in a report.
func describe(r record) string { return fmt.Sprintf("%+v", r) }
