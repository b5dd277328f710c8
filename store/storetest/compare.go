package storetest

import (
	"bytes"
	"cmp"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
)

// record is what all records have in common: equal records have equal bytes.
type record interface {
	AppendCanonical(dst []byte) []byte
}

// sameRecords checks a list against what is expected, in this order.
func sameRecords[R record](t testing.TB, what string, got, want []R) {
	t.Helper()
	for i := range min(len(got), len(want)) {
		if !bytes.Equal(got[i].AppendCanonical(nil), want[i].AppendCanonical(nil)) {
			t.Errorf("%s: record %d is\n%+v\nwanted\n%+v", what, i, got[i], want[i])
			return
		}
		if at, ok := notUTC(got[i]); ok {
			t.Errorf("%s: record %d has the time %v, not in UTC", what, i, at)
			return
		}
	}
	if len(got) != len(want) {
		t.Errorf("%s: %d records, wanted %d", what, len(got), len(want))
	}
}

// notUTC returns a time of the record that is not in UTC.
func notUTC(r record) (time.Time, bool) { return outsideUTC(reflect.ValueOf(r)) }

func outsideUTC(v reflect.Value) (time.Time, bool) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			return outsideUTC(v.Elem())
		}
	case reflect.Slice:
		for i := range v.Len() {
			if at, found := outsideUTC(v.Index(i)); found {
				return at, true
			}
		}
	case reflect.Struct:
		if at, ok := v.Interface().(time.Time); ok {
			return at, at.Location() != time.UTC
		}
		for i := range v.NumField() {
			if !v.Type().Field(i).IsExported() {
				continue
			}
			if at, found := outsideUTC(v.Field(i)); found {
				return at, true
			}
		}
	}
	return time.Time{}, false
}

func pointers[R any](rows []R) []*R {
	out := make([]*R, len(rows))
	for i := range rows {
		out[i] = &rows[i]
	}
	return out
}

// sameBatches checks stored batches against those that were appended.
func sameBatches(t testing.TB, got, want []*sim.Batch) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%d batches read, wanted %d", len(got), len(want))
	}
	for i, g := range got {
		w := want[i]
		switch {
		case g.First != w.First || g.Last != w.Last:
			t.Fatalf("batch %d goes from %d to %d, wanted %d to %d", i, g.First, g.Last, w.First, w.Last)
		case !g.Time.Equal(w.Time) || g.Time.Location() != time.UTC:
			t.Fatalf("batch %d is of %v, wanted %v", i, g.Time, w.Time)
		case g.Hash != w.Hash:
			t.Fatalf("batch %d has another hash", i)
		case !bytes.Equal(g.Payload, w.Payload):
			t.Fatalf("batch %d has %d other bytes than the %d appended", i, len(g.Payload), len(w.Payload))
		case g.Events != nil:
			t.Fatalf("batch %d came decoded", i)
		}
	}
}

func sameProgress(t testing.TB, got, want sim.Progress) {
	t.Helper()
	if got.Sequence != want.Sequence || !got.Time.Equal(want.Time) || got.Time.Location() != time.UTC ||
		got.Hash != want.Hash || !bytes.Equal(got.Generator, want.Generator) {
		t.Errorf("projected place is %s, wanted %s", showProgress(got), showProgress(want))
	}
}

func showProgress(p sim.Progress) string {
	return fmt.Sprintf("%d at %v, hash %.4x…, generator %x", p.Sequence, p.Time, p.Hash, p.Generator)
}

// sameSnapshot checks what Load returned. The order of its lists is free.
func sameSnapshot(t testing.TB, got, want *sim.Snapshot) {
	t.Helper()
	sameProgress(t, got.Projected, want.Projected)
	if got.Head != want.Head {
		t.Errorf("the head is at %d, wanted %d", got.Head, want.Head)
	}
	if got.Keyed != want.Keyed {
		t.Errorf("keys are reported: %v, wanted %v", got.Keyed, want.Keyed)
	}
	sameRecords(t, "accounts loaded", sortedBy(got.Accounts, accountCursor), sortedBy(want.Accounts, accountCursor))
	sameRecords(t, "holdings loaded", sortedBy(got.Holdings, holdingCursor), sortedBy(want.Holdings, holdingCursor))
	sameRecords(t, "mirrors loaded", sortedBy(got.Mirrors, mirrorKey), sortedBy(want.Mirrors, mirrorKey))
	sameRecords(t, "open settlements loaded", sortedBy(got.Open, settlementCursor), sortedBy(want.Open, settlementCursor))
	sameRecords(t, "open transfers loaded", sortedBy(got.OpenTransfers, transferCursor), sortedBy(want.OpenTransfers, transferCursor))
	sameRecords(t, "documents loaded", sortedBy(got.Documents, documentOrder), sortedBy(want.Documents, documentOrder))
}

func accountCursor(a *sim.Account) string       { return a.AccountID }
func holdingCursor(h *sim.Holding) string       { return h.ID.String() }
func mirrorKey(m *sim.Mirror) string            { return m.Symbol }
func settlementCursor(s *sim.Settlement) string { return s.ID.String() }
func transferCursor(t *sim.Transfer) string     { return t.ID.String() }
func documentCursor(v *sim.Document) string     { return v.ID }
func documentOrder(v *sim.Document) string      { return string(v.Kind) + " " + v.ID }
func entryCursor(e *sim.Entry) string           { return fmt.Sprintf("%d-%d", e.Sequence, e.Index) }
func keyOrder(k *sim.KeyRecord) string          { return fmt.Sprint(k.Kind, k.Value) }

// sortedBy returns a copy in the order of the keys' bytes.
func sortedBy[R any](rows []R, key func(R) string) []R {
	out := slices.Clone(rows)
	slices.SortFunc(out, func(a, b R) int { return strings.Compare(key(a), key(b)) })
	return out
}

func sortedEntries(rows []*sim.Entry) []*sim.Entry {
	out := slices.Clone(rows)
	slices.SortFunc(out, func(a, b *sim.Entry) int {
		return cmp.Or(cmp.Compare(a.Sequence, b.Sequence), cmp.Compare(a.Index, b.Index))
	})
	return out
}

// pages reads a whole list with a limit per page and checks that every page is
// full but the last.
func pages[R any](t testing.TB, limit int, list func(sim.Page) ([]R, error), cursor func(R) string) []R {
	t.Helper()
	var out []R
	page := sim.Page{Limit: limit}
	for {
		rows, err := list(page)
		if err != nil {
			t.Fatalf("listing behind %q: %v", page.After, err)
		}
		if len(rows) > limit {
			t.Fatalf("%d rows listed, the limit is %d", len(rows), limit)
		}
		out = append(out, rows...)
		if len(rows) < limit {
			return out
		}
		page.After = cursor(rows[len(rows)-1])
	}
}

// The methods below read whole lists, by pages of limit.

func (j *journal) accounts(limit int, f sim.AccountFilter) []*sim.Account {
	j.t.Helper()
	return pages(j.t, limit, func(p sim.Page) ([]*sim.Account, error) { return j.ListAccounts(j.ctx, f, p) }, accountCursor)
}

func (j *journal) holdings(limit int, f sim.HoldingFilter) []*sim.Holding {
	j.t.Helper()
	return pages(j.t, limit, func(p sim.Page) ([]*sim.Holding, error) { return j.ListHoldings(j.ctx, f, p) }, holdingCursor)
}

func (j *journal) settlements(limit int, f sim.SettlementFilter) []*sim.Settlement {
	j.t.Helper()
	return pages(j.t, limit, func(p sim.Page) ([]*sim.Settlement, error) { return j.ListSettlements(j.ctx, f, p) }, settlementCursor)
}

func (j *journal) transfers(limit int, f sim.TransferFilter) []*sim.Transfer {
	j.t.Helper()
	return pages(j.t, limit, func(p sim.Page) ([]*sim.Transfer, error) { return j.ListTransfers(j.ctx, f, p) }, transferCursor)
}

func (j *journal) documents(limit int, kind sim.DocumentKind) []*sim.Document {
	j.t.Helper()
	cursor := documentCursor
	if kind == "" {
		cursor = documentOrder
	}
	return pages(j.t, limit, func(p sim.Page) ([]*sim.Document, error) { return j.ListDocuments(j.ctx, kind, p) }, cursor)
}

func (j *journal) findTransfer(id uuid.UUID) *sim.Transfer {
	j.t.Helper()
	v, err := j.FindTransfer(j.ctx, id)
	if err != nil {
		j.t.Fatalf("finding transfer %s: %v", id, err)
	}
	return v
}

func (j *journal) entries(limit int, f sim.EntryFilter) []*sim.Entry {
	j.t.Helper()
	return pages(j.t, limit, func(p sim.Page) ([]*sim.Entry, error) {
		rows, err := j.ListEntries(j.ctx, f, p)
		return pointers(rows), err
	}, entryCursor)
}

func (j *journal) mirrors() []*sim.Mirror {
	j.t.Helper()
	rows, err := j.ListMirrors(j.ctx)
	if err != nil {
		j.t.Fatalf("listing mirrors: %v", err)
	}
	return sortedBy(rows, mirrorKey)
}

// keys returns the records of all keys that a scan tells of. Those of external ids
// have to be looked up.
func (j *journal) keys() []*sim.KeyRecord {
	j.t.Helper()
	var out []*sim.KeyRecord
	var external []sim.Key
	err := j.ScanKeys(j.ctx, func(r sim.KeyRecord) error {
		if r.Kind == sim.KeyIdempotency {
			out = append(out, &r)
			return nil
		}
		external = append(external, r.Key)
		if r != (sim.KeyRecord{Key: r.Key}) {
			j.t.Errorf("a scan tells more of external id %q than itself: %+v", r.Value, r)
		}
		return nil
	})
	if err != nil {
		j.t.Fatalf("scanning keys: %v", err)
	}
	found, err := j.FindKeys(j.ctx, external)
	if err != nil {
		j.t.Fatalf("finding keys: %v", err)
	}
	return sortedBy(append(out, pointers(found)...), keyOrder)
}

func (j *journal) find(id uuid.UUID) *sim.Settlement {
	j.t.Helper()
	s, err := j.FindSettlement(j.ctx, id)
	if err != nil {
		j.t.Fatalf("finding settlement %s: %v", id, err)
	}
	return s
}
