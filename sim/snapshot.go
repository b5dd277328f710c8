package sim

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"maps"
	"slices"
)

// Snapshot returns the records of the state, each list ordered by key. It is
// what the tables hold once they have reached the state's place.
func (s *State) Snapshot() *Snapshot {
	snap := &Snapshot{
		Projected: s.Progress(), Head: s.sequence, Keyed: s.keys.any(),
		Accounts:      slices.Collect(maps.Values(s.accounts)),
		Holdings:      slices.Collect(maps.Values(s.holdings)),
		Mirrors:       slices.Collect(maps.Values(s.mirrors)),
		Open:          slices.Collect(maps.Values(s.open)),
		OpenTransfers: slices.Collect(maps.Values(s.transfers)),
		Documents:     slices.Collect(maps.Values(s.documents)),
	}
	slices.SortFunc(snap.Accounts, func(a, b *Account) int { return cmp.Compare(a.AccountID, b.AccountID) })
	slices.SortFunc(snap.Holdings, func(a, b *Holding) int { return bytes.Compare(a.ID[:], b.ID[:]) })
	slices.SortFunc(snap.Mirrors, func(a, b *Mirror) int { return cmp.Compare(a.Symbol, b.Symbol) })
	slices.SortFunc(snap.Open, func(a, b *Settlement) int { return bytes.Compare(a.ID[:], b.ID[:]) })
	slices.SortFunc(snap.OpenTransfers, func(a, b *Transfer) int { return bytes.Compare(a.ID[:], b.ID[:]) })
	slices.SortFunc(snap.Documents, func(a, b *Document) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.ID, b.ID))
	})
	return snap
}

// Digest returns a SHA-256 over all records, the place in the journal and the
// generator. States with the same history have the same digest on any machine
// and in any store.
func (s *Snapshot) Digest() Digest {
	h := sha256.New()
	var buf, head []byte
	add := func(kind byte, content func([]byte) []byte) {
		buf = content(buf[:0])
		head = binary.AppendUvarint(append(head[:0], kind), uint64(len(buf)))
		_, _ = h.Write(head) // never fails
		_, _ = h.Write(buf)
	}
	batch := &Batch{First: s.Projected.Sequence, Generator: s.Projected.Generator}
	add('P', func(b []byte) []byte { return append(appendBatch(b, batch), s.Projected.Hash[:]...) })
	for _, a := range s.Accounts {
		add('A', a.AppendCanonical)
	}
	for _, v := range s.Holdings {
		add('H', v.AppendCanonical)
	}
	for _, m := range s.Mirrors {
		add('M', m.AppendCanonical)
	}
	for _, st := range s.Open {
		add('S', st.AppendCanonical)
	}
	for _, t := range s.OpenTransfers {
		add('T', t.AppendCanonical)
	}
	for _, v := range s.Documents {
		add('D', v.AppendCanonical)
	}
	var sum Digest
	h.Sum(sum[:0])
	return sum
}
