package sim

import (
	"bytes"
	"cmp"
	"container/heap"
	"time"

	"github.com/google/uuid"
)

// timerKind says what a timer is about. The order of kinds decides between
// timers of the same instant: faults and corporate actions come and go before
// anything that they bear on, and reconciliation looks at what all of it led to.
type timerKind uint8

const (
	timerDocument timerKind = iota
	timerSettlement
	timerTransfer
	timerReconciliation
)

// timerKey identifies a timer: a record has at most one.
type timerKey struct {
	kind     timerKind
	id       uuid.UUID   // of a settlement or transfer
	document DocumentKey // of a document
}

func compareTimerKeys(a, b timerKey) int {
	return cmp.Or(
		cmp.Compare(a.kind, b.kind),
		bytes.Compare(a.id[:], b.id[:]),
		cmp.Compare(a.document.Kind, b.document.Kind),
		cmp.Compare(a.document.ID, b.document.ID),
	)
}

// fault reports whether the timer is that of a fault rule, which runs whatever
// the faults are.
func (k timerKey) fault() bool { return k.document.Kind == DocumentFault }

// timer is when a record is looked at next. Timers are no records: they follow
// from the DueAt of open records, and from wake-ups, which only make a look
// earlier.
type timer struct {
	at    time.Time
	key   timerKey
	index int // in its heap
}

func (t *timer) before(other *timer) bool {
	if c := t.at.Compare(other.at); c != 0 {
		return c < 0
	}
	return compareTimerKeys(t.key, other.key) < 0
}

// timers has the earliest timer at hand; timers of one instant are ordered by
// key, so that a reload does not change their order.
type timers struct {
	// faults are the timers of fault rules, work all others. While suspended, the
	// work waits, and is due at once when it goes on.
	faults, work timerHeap
	suspended    bool
	byKey        map[timerKey]*timer
}

func (t *timers) heapOf(key timerKey) *timerHeap {
	if key.fault() {
		return &t.faults
	}
	return &t.work
}

// set moves a record's timer; a zero time takes it away. Times are kept in UTC,
// whatever zone they were reckoned in, because what is due becomes instance time,
// and that is written out in documents and as dates.
func (t *timers) set(key timerKey, at time.Time) {
	at = at.UTC()
	known := t.byKey[key]
	switch {
	case at.IsZero() && known == nil:
	case at.IsZero():
		heap.Remove(t.heapOf(key), known.index)
		delete(t.byKey, key)
	case known == nil:
		known = &timer{at: at, key: key}
		if t.byKey == nil {
			t.byKey = make(map[timerKey]*timer)
		}
		t.byKey[key] = known
		heap.Push(t.heapOf(key), known)
	case !known.at.Equal(at):
		known.at = at
		heap.Fix(t.heapOf(key), known.index)
	}
}

// has reports whether a timer is set.
func (t *timers) has(key timerKey) bool { return t.byKey[key] != nil }

// wake makes a look at a record due by at, unless it is due earlier.
func (t *timers) wake(key timerKey, at time.Time) {
	if known := t.byKey[key]; known == nil || at.Before(known.at) {
		t.set(key, at)
	}
}

// next returns the earliest timer that runs, or nil.
func (t *timers) next() *timer {
	switch {
	case len(t.faults) == 0 && (t.suspended || len(t.work) == 0):
		return nil
	case len(t.faults) == 0:
		return t.work[0]
	case t.suspended || len(t.work) == 0 || t.faults[0].before(t.work[0]):
		return t.faults[0]
	default:
		return t.work[0]
	}
}

// take removes the earliest timer that runs, which there must be.
func (t *timers) take() timer {
	first := *t.next()
	t.set(first.key, time.Time{})
	return first
}

// timerHeap is a [heap.Interface], the earliest timer first.
type timerHeap []*timer

func (h timerHeap) Len() int           { return len(h) }
func (h timerHeap) Less(i, j int) bool { return h[i].before(h[j]) }

func (h timerHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].index, h[j].index = i, j
}

// Push adds a timer at the end.
func (h *timerHeap) Push(x any) {
	v := x.(*timer)
	v.index = len(*h)
	*h = append(*h, v)
}

// Pop removes the timer at the end.
func (h *timerHeap) Pop() any {
	old := *h
	last := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	return last
}
