package sim

import "github.com/google/uuid"

// Fold returns the table changes of a run of consecutive decoded batches, of
// which there must be at least one. Of a record that changed many times only
// the last state is kept, so a projection costs the less per event the more
// events it covers.
func Fold(batches []*Batch) *Projection {
	p := &Projection{Through: batches[len(batches)-1].End()}
	accounts := latest[string, *Account]{into: &p.Accounts}
	holdings := latest[uuid.UUID, *Holding]{into: &p.Holdings}
	mirrors := latest[string, *Mirror]{into: &p.Mirrors}
	settlements := latest[uuid.UUID, *Settlement]{into: &p.Settlements}
	transfers := latest[uuid.UUID, *Transfer]{into: &p.Transfers}
	documents := latest[DocumentKey, *Document]{into: &p.Documents}
	for _, b := range batches {
		p.Events += len(b.Events)
		for _, e := range b.Events {
			for _, a := range e.Accounts {
				accounts.put(a.AccountID, a)
			}
			for _, h := range e.Holdings {
				holdings.put(h.ID, h)
			}
			for _, m := range e.Mirrors {
				mirrors.put(m.Symbol, m)
			}
			for _, s := range e.Settlements {
				settlements.put(s.ID, s)
			}
			for _, t := range e.Transfers {
				transfers.put(t.ID, t)
			}
			for _, v := range e.Documents {
				documents.put(v.Key(), v)
			}
			p.Entries = e.appendEntries(p.Entries)
			if e.Key != nil {
				p.Keys = append(p.Keys, KeyRecord{
					Key: Key{KeyIdempotency, e.Key.Key}, Fingerprint: e.Key.Fingerprint, Sequence: e.Sequence,
				})
			}
		}
	}
	return p
}

// latest keeps the last record per key, in the order of the keys' first
// appearance.
type latest[K comparable, R any] struct {
	at   map[K]int
	into *[]R
}

func (l *latest[K, R]) put(key K, record R) {
	if i, ok := l.at[key]; ok {
		(*l.into)[i] = record
		return
	}
	if l.at == nil {
		l.at = make(map[K]int)
	}
	l.at[key] = len(*l.into)
	*l.into = append(*l.into, record)
}
