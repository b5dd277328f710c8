package storetest

import (
	"testing"

	"github.com/google/uuid"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
)

// model is what the journal and the tables should hold. It knows nothing of
// folding: it takes the projected events one by one.
type model struct {
	batches     []*sim.Batch
	projected   sim.Progress
	accounts    map[string]*sim.Account
	holdings    map[uuid.UUID]*sim.Holding
	mirrors     map[string]*sim.Mirror
	settlements map[uuid.UUID]*sim.Settlement
	transfers   map[uuid.UUID]*sim.Transfer
	documents   map[sim.DocumentKey]*sim.Document
	entries     []*sim.Entry
	keys        map[sim.Key]*sim.KeyRecord
}

func newModel() *model {
	return &model{
		accounts: make(map[string]*sim.Account), holdings: make(map[uuid.UUID]*sim.Holding), mirrors: make(map[string]*sim.Mirror),
		settlements: make(map[uuid.UUID]*sim.Settlement), transfers: make(map[uuid.UUID]*sim.Transfer),
		documents: make(map[sim.DocumentKey]*sim.Document), keys: make(map[sim.Key]*sim.KeyRecord),
	}
}

func (m *model) append(b ...*sim.Batch) { m.batches = append(m.batches, b...) }

func (m *model) project(batches []*sim.Batch) {
	for _, b := range batches {
		for _, e := range b.Events {
			m.event(e)
		}
		m.projected = b.End()
	}
}

func (m *model) event(e *sim.Event) {
	for _, a := range e.Accounts {
		m.accounts[a.AccountID] = a
	}
	for _, h := range e.Holdings {
		if h.Removed {
			delete(m.holdings, h.ID)
		} else {
			m.holdings[h.ID] = h
		}
	}
	for _, x := range e.Mirrors {
		m.mirrors[x.Symbol] = x
	}
	for _, s := range e.Settlements {
		if key := (sim.Key{Kind: sim.KeyExternal, Value: s.ExternalID}); key.Value != "" && m.keys[key] == nil {
			m.keys[key] = &sim.KeyRecord{Key: key, Sequence: e.Sequence}
		}
		m.settlements[s.ID] = s
	}
	for _, v := range e.Transfers {
		if key := (sim.Key{Kind: sim.KeyTransfer, Value: v.ExternalID}); key.Value != "" && m.keys[key] == nil {
			m.keys[key] = &sim.KeyRecord{Key: key, Sequence: e.Sequence}
		}
		m.transfers[v.ID] = v
	}
	for _, v := range e.Documents {
		if v.Removed {
			delete(m.documents, v.Key())
		} else {
			m.documents[v.Key()] = v
		}
	}
	m.entries = append(m.entries, pointers(e.Entries())...)
	if e.Key != nil {
		key := sim.Key{Kind: sim.KeyIdempotency, Value: e.Key.Key}
		m.keys[key] = &sim.KeyRecord{Key: key, Fingerprint: e.Key.Fingerprint, Sequence: e.Sequence}
	}
}

// check compares what Load returned.
func (m *model) check(t testing.TB, got *sim.Snapshot) {
	t.Helper()
	want := &sim.Snapshot{
		Projected: m.projected, Accounts: values(m.accounts), Holdings: values(m.holdings), Mirrors: values(m.mirrors),
		Open:          keep(values(m.settlements), func(s *sim.Settlement) bool { return !s.Status.Final() }),
		OpenTransfers: keep(values(m.transfers), func(v *sim.Transfer) bool { return !v.Done() }),
		Documents:     values(m.documents),
		Keyed:         len(m.keys) > 0,
	}
	if n := len(m.batches); n > 0 {
		want.Head = m.batches[n-1].Last
	}
	sameSnapshot(t, got, want)
}

// checkTables compares the journal and every list, by pages of limit.
func (m *model) checkTables(t testing.TB, j *journal, limit int) {
	t.Helper()
	sameBatches(t, j.read(0), m.batches)
	sameRecords(t, "accounts", j.accounts(limit, sim.AccountFilter{}), sortedBy(values(m.accounts), accountCursor))
	for _, cash := range []bool{false, true} {
		want := keep(values(m.holdings), func(h *sim.Holding) bool { return h.Cash == cash })
		sameRecords(t, "holdings", j.holdings(limit, sim.HoldingFilter{Cash: cash}), sortedBy(want, holdingCursor))
	}
	sameRecords(t, "mirrors", j.mirrors(), sortedBy(values(m.mirrors), mirrorKey))
	settlements := sortedBy(values(m.settlements), settlementCursor)
	sameRecords(t, "settlements", j.settlements(limit, sim.SettlementFilter{}), settlements)
	for _, f := range []sim.SettlementFilter{
		{AccountID: "fund-a"}, {AccountID: "x", Status: sim.StatusCompleted}, {Status: sim.StatusPending}, {Symbol: "EUR", Type: sim.Internal},
	} {
		sameRecords(t, "settlements filtered", j.settlements(limit, f), keep(settlements, func(s *sim.Settlement) bool { return fits(f, s) }))
	}
	transfers := sortedBy(values(m.transfers), transferCursor)
	sameRecords(t, "transfers", j.transfers(limit, sim.TransferFilter{}), transfers)
	for _, f := range []sim.TransferFilter{
		{AccountID: "fund-a"}, {Status: sim.StatusPending}, {Stage: sim.StageBroadcast}, {Rail: "wire", Direction: sim.DirectionOut},
	} {
		sameRecords(t, "transfers filtered", j.transfers(limit, f), keep(transfers, func(v *sim.Transfer) bool { return fitsTransfer(f, v) }))
	}
	for _, kind := range randomKinds {
		of := keep(values(m.documents), func(v *sim.Document) bool { return v.Kind == kind })
		sameRecords(t, "documents", j.documents(limit, kind), sortedBy(of, documentOrder))
	}
	sameRecords(t, "entries", j.entries(limit, sim.EntryFilter{}), sortedEntries(m.entries))
	sameRecords(t, "keys", j.keys(), sortedBy(values(m.keys), keyOrder))
	for i, s := range settlements {
		if i%17 == 0 {
			sameRecords(t, "settlement found", []*sim.Settlement{j.find(s.ID)}, []*sim.Settlement{s})
		}
	}
	for i, v := range transfers {
		if i%17 == 0 {
			sameRecords(t, "transfer found", []*sim.Transfer{j.findTransfer(v.ID)}, []*sim.Transfer{v})
		}
	}
}

func values[K comparable, R any](m map[K]R) []R {
	out := make([]R, 0, len(m))
	for _, r := range m {
		out = append(out, r)
	}
	return out
}
