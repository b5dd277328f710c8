package memory

import (
	"bytes"
	"cmp"
	"strings"

	"github.com/google/uuid"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
)

// entryKey is the place of a ledger entry.
type entryKey struct {
	sequence uint64
	index    int
}

func compareEntries(a, b entryKey) int {
	return cmp.Or(cmp.Compare(a.sequence, b.sequence), cmp.Compare(a.index, b.index))
}

func compareIDs(a, b uuid.UUID) int { return bytes.Compare(a[:], b[:]) }

func compareDocuments(a, b sim.DocumentKey) int {
	return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.ID, b.ID))
}

// tables are the projections of one schema.
type tables struct {
	accounts    table[string, *sim.Account]
	holdings    [2]table[uuid.UUID, *sim.Holding] // positions, balances
	mirrors     table[string, *sim.Mirror]
	settlements table[uuid.UUID, *sim.Settlement]
	open        table[uuid.UUID, *sim.Settlement]
	transfers   table[uuid.UUID, *sim.Transfer]
	// pending are the transfers that are not done.
	pending   table[uuid.UUID, *sim.Transfer]
	documents table[sim.DocumentKey, *sim.Document]
	entries   table[entryKey, sim.Entry]

	// keys only grows, and nothing in it changes; keyAt says where one is.
	keys  []sim.KeyRecord
	keyAt map[sim.Key]int
}

func newTables() tables {
	holdings := table[uuid.UUID, *sim.Holding]{key: func(h *sim.Holding) uuid.UUID { return h.ID }, compare: compareIDs}
	settlements := table[uuid.UUID, *sim.Settlement]{key: func(s *sim.Settlement) uuid.UUID { return s.ID }, compare: compareIDs}
	transfers := table[uuid.UUID, *sim.Transfer]{key: func(t *sim.Transfer) uuid.UUID { return t.ID }, compare: compareIDs}
	return tables{
		accounts:    table[string, *sim.Account]{key: func(a *sim.Account) string { return a.AccountID }, compare: strings.Compare},
		holdings:    [2]table[uuid.UUID, *sim.Holding]{holdings, holdings},
		mirrors:     table[string, *sim.Mirror]{key: func(m *sim.Mirror) string { return m.Symbol }, compare: strings.Compare},
		settlements: settlements,
		open:        settlements,
		transfers:   transfers,
		pending:     transfers,
		documents:   table[sim.DocumentKey, *sim.Document]{key: (*sim.Document).Key, compare: compareDocuments},
		entries: table[entryKey, sim.Entry]{
			key: func(e sim.Entry) entryKey { return entryKey{e.Sequence, e.Index} }, compare: compareEntries,
		},
	}
}

// of returns the table of positions, or with cash that of balances.
func (t *tables) of(cash bool) *table[uuid.UUID, *sim.Holding] {
	if cash {
		return &t.holdings[1]
	}
	return &t.holdings[0]
}

func (t *tables) apply(p *sim.Projection) {
	for _, a := range p.Accounts {
		t.accounts.put(a)
	}
	for _, h := range p.Holdings {
		if h.Removed {
			t.of(h.Cash).remove(h.ID)
		} else {
			t.of(h.Cash).put(h)
		}
	}
	for _, m := range p.Mirrors {
		t.mirrors.put(m)
	}
	for _, s := range p.Settlements {
		t.settle(s)
	}
	for _, v := range p.Transfers {
		t.transfer(v)
	}
	for _, v := range p.Documents {
		if v.Removed {
			t.documents.remove(v.Key())
		} else {
			t.documents.put(v)
		}
	}
	for i := range p.Entries {
		t.entries.put(p.Entries[i])
	}
	for _, r := range p.Keys {
		t.addKey(r)
	}
}

func (t *tables) settle(s *sim.Settlement) {
	if added := t.settlements.put(s); added {
		t.addExternal(sim.Key{Kind: sim.KeyExternal, Value: s.ExternalID}, s.History)
	}
	if s.Status.Final() {
		t.open.remove(s.ID)
	} else {
		t.open.put(s)
	}
}

func (t *tables) transfer(v *sim.Transfer) {
	if added := t.transfers.put(v); added {
		t.addExternal(sim.Key{Kind: sim.KeyTransfer, Value: v.ExternalID}, v.History)
	}
	if v.Done() {
		t.pending.remove(v.ID)
	} else {
		t.pending.put(v)
	}
}

// addExternal adds the external id of a new record, if it has one.
func (t *tables) addExternal(key sim.Key, history []sim.Transition) {
	if key.Value == "" {
		return
	}
	r := sim.KeyRecord{Key: key}
	if len(history) > 0 {
		r.Sequence = history[0].Sequence // that of the event which recorded it first
	}
	t.addKey(r)
}

func (t *tables) addKey(r sim.KeyRecord) {
	if t.keyAt == nil {
		t.keyAt = make(map[sim.Key]int)
	}
	t.keyAt[r.Key] = len(t.keys)
	t.keys = append(t.keys, r)
}
