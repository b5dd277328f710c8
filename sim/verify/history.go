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

func bucketOf(key string) int {
	h := fnv.New32a()
	_, _ = h.Write([]byte(key)) // never fails
	return int(h.Sum32() % buckets)
}

// table is a table that grows with history, as digests of its buckets.
type table[R record] struct {
	name    string
	keyOf   func(R) string
	count   uint64
	tallies [buckets]tally
	// wanted are the buckets that are looked into, whose rows are kept; nil while
	// only digests are taken.
	wanted map[int]bool
	rows   map[string]R
}

func newTable[R record](name string, keyOf func(R) string) table[R] {
	return table[R]{name: name, keyOf: keyOf, rows: make(map[string]R)}
}

func (t *table[R]) add(r R) {
	key := t.keyOf(r)
	bucket := bucketOf(key)
	t.count++
	t.tallies[bucket].add(r)
	if t.wanted[bucket] {
		t.rows[key] = r
	}
}

func (t *table[R]) remove(r R) {
	key := t.keyOf(r)
	t.count--
	t.tallies[bucketOf(key)].remove(r)
	delete(t.rows, key)
}

// lookInto makes the table keep the rows of those buckets in which two others
// differ, and reports whether there are any.
func (t *table[R]) lookInto(a, b *table[R]) bool {
	t.wanted = make(map[int]bool)
	for i := range a.tallies {
		if a.tallies[i] != b.tallies[i] {
			t.wanted[i] = true
		}
	}
	return len(t.wanted) > 0
}

// compare checks a row of the store against the one kept here, which is used up.
func (t *table[R]) compare(v *verifier, r R) error {
	if !t.wanted[bucketOf(t.keyOf(r))] {
		return nil
	}
	return compareRows(v, t.name, t.rows, []R{r}, t.keyOf)
}

// history is the tables that grow with history.
type history struct {
	settlements table[*sim.Settlement]
	transfers   table[transferRow]
	approvals   table[approvalRow]
	entries     table[*sim.Entry]
	keys        table[*sim.KeyRecord]
	// open are the settlements and transfers whose rows may still change.
	open          map[uuid.UUID]*sim.Settlement
	openTransfers map[uuid.UUID]*sim.Transfer
}

func newHistory() *history {
	return &history{
		settlements: newTable("settlements", func(s *sim.Settlement) string { return s.ID.String() }),
		transfers:   newTable("transfers", func(t transferRow) string { return t.ID.String() }),
		approvals:   newTable("approvals", approvalRow.key),
		entries:     newTable("ledger_entries", entryKey),
		keys:        newTable("idempotency_keys", func(k *sim.KeyRecord) string { return k.Value }),
		open:        make(map[uuid.UUID]*sim.Settlement), openTransfers: make(map[uuid.UUID]*sim.Transfer),
	}
}

// count is how many rows there are.
func (h *history) count() uint64 {
	return h.settlements.count + h.transfers.count + h.approvals.count + h.entries.count + h.keys.count
}

// transferRow is a transfer without its approvals, which are in another table.
type transferRow struct{ *sim.Transfer }

// AppendCanonical appends the row's bytes to dst.
func (t transferRow) AppendCanonical(dst []byte) []byte {
	row := *t.Transfer
	row.Approvals = nil
	return row.AppendCanonical(dst)
}

// String shows the row in a report.
func (t transferRow) String() string {
	row := *t.Transfer
	row.Approvals = nil
	return describe(&row)
}

// approvalRow is an approval of a transfer.
type approvalRow struct {
	transfer uuid.UUID
	index    int
	sim.Approval
}

func (a approvalRow) key() string { return fmt.Sprintf("%s-%d", a.transfer, a.index) }

// AppendCanonical appends the row's bytes to dst: those of a transfer with this
// approval alone.
func (a approvalRow) AppendCanonical(dst []byte) []byte {
	row := sim.Transfer{ID: a.transfer, Confirmations: a.index, Approvals: []sim.Approval{a.Approval}}
	return row.AppendCanonical(dst)
}

// String shows the row in a report.
func (a approvalRow) String() string { return fmt.Sprintf("%+v", a.Approval) }

func approvalsOf(t *sim.Transfer) []approvalRow {
	rows := make([]approvalRow, len(t.Approvals))
	for i, a := range t.Approvals {
		rows[i] = approvalRow{t.ID, i, a}
	}
	return rows
}

func entryKey(e *sim.Entry) string { return fmt.Sprintf("%d-%d", e.Sequence, e.Index) }

// addBatch adds the rows that a batch leads to.
func (h *history) addBatch(b *sim.Batch) {
	for _, e := range b.Events {
		for _, s := range e.Settlements {
			h.addSettlement(s)
		}
		for _, t := range e.Transfers {
			h.addTransfer(t)
		}
		entries := e.Entries()
		for i := range entries {
			h.entries.add(&entries[i])
		}
		if e.Key != nil {
			h.keys.add(&sim.KeyRecord{
				Key: sim.Key{Kind: sim.KeyIdempotency, Value: e.Key.Key}, Fingerprint: e.Key.Fingerprint, Sequence: e.Sequence,
			})
		}
	}
}

func (h *history) addSettlement(s *sim.Settlement) {
	if before := h.open[s.ID]; before != nil {
		h.settlements.remove(before)
	}
	h.settlements.add(s)
	if s.Status.Final() {
		delete(h.open, s.ID)
	} else {
		h.open[s.ID] = s
	}
}

func (h *history) addTransfer(t *sim.Transfer) {
	if before := h.openTransfers[t.ID]; before != nil {
		h.transfers.remove(transferRow{before})
		for _, a := range approvalsOf(before) {
			h.approvals.remove(a)
		}
	}
	h.transfers.add(transferRow{t})
	for _, a := range approvalsOf(t) {
		h.approvals.add(a)
	}
	if t.Done() {
		delete(h.openTransfers, t.ID)
	} else {
		h.openTransfers[t.ID] = t
	}
}

// compareHistory checks the tables that grow with history, by buckets and then
// row by row where buckets differ.
func (v *verifier) compareHistory(ctx context.Context, projected uint64, expected *history) error {
	found := newHistory()
	v.begin("comparing", expected.count(), "rows")
	err := v.scan(ctx, visitor{
		settlement: func(s *sim.Settlement) error {
			v.report.Settlements++
			found.settlements.add(s)
			return nil
		},
		transfer: func(t transferRow) error {
			v.report.Transfers++
			found.transfers.add(t)
			return nil
		},
		approval: func(a approvalRow) error {
			found.approvals.add(a)
			return nil
		},
		entry: func(e *sim.Entry) error {
			v.report.Entries++
			found.entries.add(e)
			return nil
		},
		key: func(k *sim.KeyRecord) error {
			found.keys.add(k)
			return nil
		},
	})
	if err != nil {
		return err
	}
	rows := newHistory()
	differ := false
	for _, look := range []bool{
		rows.settlements.lookInto(&expected.settlements, &found.settlements), rows.transfers.lookInto(&expected.transfers, &found.transfers),
		rows.approvals.lookInto(&expected.approvals, &found.approvals), rows.entries.lookInto(&expected.entries, &found.entries),
		rows.keys.lookInto(&expected.keys, &found.keys),
	} {
		differ = differ || look
	}
	if !differ {
		return nil
	}
	return v.compareBuckets(ctx, projected, expected.count(), rows)
}

// compareBuckets reads journal and tables once more and compares the rows of
// the buckets that are looked into.
func (v *verifier) compareBuckets(ctx context.Context, projected, count uint64, rows *history) error {
	v.begin("replaying what differs", projected, "events")
	err := v.source.Read(ctx, 0, func(b *sim.Batch) error {
		v.tell(b.Last)
		if err := b.Decode(); err != nil {
			return err
		}
		if b.Last <= projected {
			rows.addBatch(b)
		}
		return nil
	})
	if err != nil {
		return err
	}
	v.begin("comparing what differs", count, "rows")
	err = v.scan(ctx, visitor{
		settlement: func(s *sim.Settlement) error { return rows.settlements.compare(v, s) },
		transfer:   func(t transferRow) error { return rows.transfers.compare(v, t) },
		approval:   func(a approvalRow) error { return rows.approvals.compare(v, a) },
		entry:      func(e *sim.Entry) error { return rows.entries.compare(v, e) },
		key:        func(k *sim.KeyRecord) error { return rows.keys.compare(v, k) },
	})
	if err != nil {
		return err
	}
	for _, missing := range []func() error{
		func() error { return missingRows(v, rows.settlements.name, rows.settlements.rows) },
		func() error { return missingRows(v, rows.transfers.name, rows.transfers.rows) },
		func() error { return missingRows(v, rows.approvals.name, rows.approvals.rows) },
		func() error { return missingRows(v, rows.entries.name, rows.entries.rows) },
		func() error { return missingRows(v, rows.keys.name, rows.keys.rows) },
	} {
		if err := missing(); err != nil {
			return err
		}
	}
	return nil
}
