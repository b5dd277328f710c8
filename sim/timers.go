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
// anything that they bear on.
type timerKind uint8

const (
	timerDocument timerKind = iota
	timerSettlement
	timerTransfer
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

// timer is when a record is looked at next. Timers are no records: they follow
// from the DueAt of open records, and from wake-ups, which only make a look
// earlier.
type timer struct {
	at    time.Time
	key   timerKey
	index int // in the heap
}

// timers is a heap of timers, the earliest first; timers of one instant are
// ordered by key, so that a reload does not change their order.
type timers struct {
	heap  []*timer
	byKey map[timerKey]*timer
}

// set moves a record's timer; a zero time takes it away.
func (t *timers) set(key timerKey, at time.Time) {
	known := t.byKey[key]
	switch {
	case at.IsZero() && known == nil:
	case at.IsZero():
		heap.Remove(t, known.index)
		delete(t.byKey, key)
	case known == nil:
		known = &timer{at: at, key: key}
		if t.byKey == nil {
			t.byKey = make(map[timerKey]*timer)
		}
		t.byKey[key] = known
		heap.Push(t, known)
	case !known.at.Equal(at):
		known.at = at
		heap.Fix(t, known.index)
	}
}

// wake makes a look at a record due by at, unless it is due earlier.
func (t *timers) wake(key timerKey, at time.Time) {
	if known := t.byKey[key]; known == nil || at.Before(known.at) {
		t.set(key, at)
	}
}

// next returns the earliest timer, or nil.
func (t *timers) next() *timer {
	if len(t.heap) == 0 {
		return nil
	}
	return t.heap[0]
}

// take removes the earliest timer.
func (t *timers) take() timer {
	first := *t.heap[0]
	t.set(first.key, time.Time{})
	return first
}

// Len, Less, Swap, Push and Pop make the timers a [heap.Interface].

func (t *timers) Len() int { return len(t.heap) }

func (t *timers) Less(i, j int) bool {
	a, b := t.heap[i], t.heap[j]
	if c := a.at.Compare(b.at); c != 0 {
		return c < 0
	}
	return compareTimerKeys(a.key, b.key) < 0
}

func (t *timers) Swap(i, j int) {
	t.heap[i], t.heap[j] = t.heap[j], t.heap[i]
	t.heap[i].index, t.heap[j].index = i, j
}

func (t *timers) Push(x any) {
	v := x.(*timer)
	v.index = len(t.heap)
	t.heap = append(t.heap, v)
}

func (t *timers) Pop() any {
	last := t.heap[len(t.heap)-1]
	t.heap[len(t.heap)-1] = nil
	t.heap = t.heap[:len(t.heap)-1]
	return last
}
