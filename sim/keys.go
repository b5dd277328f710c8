package sim

import "github.com/bits-and-blooms/bloom/v3"

// Sizing of the key filter. Filters grow by doubling, so a history of ten
// million keys has about ten of them, and 16 bits a key keep the sum of their
// false positives below one in a hundred.
const (
	firstFilterKeys = 4096
	bitsPerKey      = 16
	hashesPerKey    = 8
)

// KeyFilter says of a key that it was certainly never used, or maybe was. The
// zero value is empty and holds no memory. It belongs to one goroutine.
type KeyFilter struct {
	layers  []*bloom.BloomFilter
	room    uint
	scratch []byte
}

// Add puts a key into the filter.
func (f *KeyFilter) Add(k Key) {
	if f.room == 0 {
		f.room = firstFilterKeys << len(f.layers)
		f.layers = append(f.layers, bloom.New(f.room*bitsPerKey, hashesPerKey))
	}
	f.room--
	f.layers[len(f.layers)-1].Add(f.bytes(k))
}

// MayContain reports whether the key may have been added. It is never false
// for a key that was.
func (f *KeyFilter) MayContain(k Key) bool {
	if len(f.layers) == 0 {
		return false
	}
	data := f.bytes(k)
	for _, layer := range f.layers {
		if layer.Test(data) {
			return true
		}
	}
	return false
}

func (f *KeyFilter) bytes(k Key) []byte {
	f.scratch = append(append(f.scratch[:0], byte(k.Kind)), k.Value...)
	return f.scratch
}

// KeyLookup is what a store knew about a command's keys.
type KeyLookup struct {
	// Through is a sequence number that the tables had reached before they
	// were asked.
	Through uint64
	Found   []KeyRecord
	// Settlements are those that [Request.Settlements] names, as far as the
	// tables hold them.
	Settlements []*Settlement
}

// keyIndex knows which keys were used. Recent ones are in memory; of older ones
// a filter tells most that are new, and a lookup in the tables the rest. So
// keys are unique over all of history at no query for most requests.
type keyIndex struct {
	recent map[Key]KeyRecord
	// order is a queue of the recent keys from the oldest on. Those before first
	// are forgotten; they are moved out of the way once they are as many as the
	// others, so that to forget a few does not move thousands.
	order []KeyRecord
	first int
	// forgotten is the highest sequence number whose keys are not in recent.
	forgotten uint64
	filter    KeyFilter
	// history filters the keys from before the state was loaded; nil until it
	// is known, and then any key may be an old one.
	history *KeyFilter
}

type keyAnswer int

const (
	keyUnused keyAnswer = iota
	keyUsed
	keyNeedsLookup
)

// any reports whether any key was ever used.
func (x *keyIndex) any() bool {
	return x.history == nil || len(x.history.layers) > 0 || len(x.filter.layers) > 0
}

func (x *keyIndex) add(r KeyRecord) {
	if x.recent == nil {
		x.recent = make(map[Key]KeyRecord)
	}
	x.recent[r.Key] = r
	x.order = append(x.order, r)
	x.filter.Add(r.Key)
}

func (x *keyIndex) check(k Key, lookup *KeyLookup) (KeyRecord, keyAnswer) {
	if r, ok := x.recent[k]; ok {
		return r, keyUsed
	}
	if x.history != nil && !x.history.MayContain(k) && !x.filter.MayContain(k) {
		return KeyRecord{}, keyUnused
	}
	// A lookup settles the question unless keys were forgotten that it may have
	// been too early to see.
	if lookup == nil || lookup.Through < x.forgotten {
		return KeyRecord{}, keyNeedsLookup
	}
	for _, r := range lookup.Found {
		if r.Key == k {
			return r, keyUsed
		}
	}
	return KeyRecord{}, keyUnused
}

// forget drops the oldest recent keys beyond keep, of those that the tables
// hold because they have been projected.
func (x *keyIndex) forget(projected uint64, keep int) {
	for len(x.order)-x.first > keep && x.order[x.first].Sequence <= projected {
		oldest := &x.order[x.first]
		delete(x.recent, oldest.Key)
		x.forgotten = oldest.Sequence
		*oldest = KeyRecord{} // lets go of its text
		x.first++
	}
	if left := len(x.order) - x.first; x.first > left {
		copy(x.order, x.order[x.first:])
		clear(x.order[left:])
		x.order, x.first = x.order[:left], 0
	}
}
