package sim

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// plainTimers is what timers do, thought of in the simplest way.
type plainTimers map[timerKey]time.Time

func (p plainTimers) next(suspended bool) (timerKey, bool) {
	var first timerKey
	found := false
	for key, at := range p {
		if suspended && !key.fault() {
			continue
		}
		if c := at.Compare(p[first]); !found || c < 0 || (c == 0 && compareTimerKeys(key, first) < 0) {
			first, found = key, true
		}
	}
	return first, found
}

func drawTimerKey(t *rapid.T) timerKey {
	n := rapid.IntRange(0, 5).Draw(t, "record")
	switch kind := timerKind(rapid.IntRange(0, 3).Draw(t, "kind")); kind {
	case timerDocument:
		of := rapid.SampledFrom([]DocumentKind{DocumentFault, DocumentCorporateAction}).Draw(t, "document")
		return timerKey{kind: kind, document: DocumentKey{of, fmt.Sprint(n)}}
	default:
		key := timerKey{kind: kind}
		key.id[0] = byte(n)
		return key
	}
}

func TestTimersComeInTheirOrder(t *testing.T) {
	t.Parallel()
	base := time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)
	rapid.Check(t, func(t *rapid.T) {
		var timers timers
		plain := make(plainTimers)
		for range rapid.IntRange(1, 100).Draw(t, "steps") {
			key := drawTimerKey(t)
			at := base.Add(time.Duration(rapid.IntRange(0, 5).Draw(t, "hour")) * time.Hour)
			switch rapid.IntRange(0, 4).Draw(t, "step") {
			case 0:
				timers.set(key, time.Time{})
				delete(plain, key)
			case 1:
				timers.wake(key, at)
				if before, known := plain[key]; !known || at.Before(before) {
					plain[key] = at
				}
			case 2:
				timers.suspended = !timers.suspended
			case 3:
				if want, any := plain.next(timers.suspended); any {
					if got := timers.take(); got.key != want || !got.at.Equal(plain[want]) {
						t.Fatalf("taken is %v at %s, want %v at %s", got.key, got.at, want, plain[want])
					}
					delete(plain, want)
				}
			default:
				timers.set(key, at)
				plain[key] = at
			}
			want, any := plain.next(timers.suspended)
			if next := timers.next(); (next != nil) != any || (any && (next.key != want || !next.at.Equal(plain[want]))) {
				t.Fatalf("next is %v, want %v", next, want)
			}
			if _, known := plain[key]; timers.has(key) != known || len(timers.byKey) != len(plain) || len(timers.faults)+len(timers.work) != len(plain) {
				t.Fatal("timers were lost or kept")
			}
		}
	})
}

func TestTimersOfOneInstantAreOrderedByKind(t *testing.T) {
	t.Parallel()
	var timers timers
	at := time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)
	keys := []timerKey{
		{kind: timerDocument, document: DocumentKey{DocumentCorporateAction, "a"}},
		{kind: timerDocument, document: DocumentKey{DocumentFault, "a"}},
		{kind: timerSettlement}, {kind: timerTransfer}, reconcileKey,
	}
	for _, key := range slices.Backward(keys) {
		timers.set(key, at)
	}
	for _, want := range keys {
		if got := timers.take().key; got != want {
			t.Errorf("taken is %v, want %v", got, want)
		}
	}
}

func TestALookThatLeavesItsRecordDueIsADefect(t *testing.T) {
	t.Parallel()
	d := faulty(t)
	s := d.State
	stuck := &Document{Kind: DocumentWebhook, ID: "stuck", Body: []byte("{}"), DueAt: s.time.Add(time.Hour)}
	if err := s.putDocument(stuck); err != nil {
		t.Fatal(err)
	}
	if _, fired, err := s.FireDue(s.time.Add(time.Minute)); fired || err != nil {
		t.Fatalf("before its time: %v, %v", fired, err)
	}
	if _, _, err := s.FireDue(s.time.Add(time.Hour)); err == nil {
		t.Error("a record that stays due is no error, and the engine would look at it forever")
	}
	// Woken early, it goes back to its own time.
	s.timers = timers{}
	s.time = s.time.Add(time.Microsecond)
	if err := s.putDocument(stuck); err != nil {
		t.Fatal(err)
	}
	s.timers.wake(timerKey{kind: timerDocument, document: stuck.Key()}, s.time)
	events, fired, err := s.FireDue(s.time)
	if next, any := s.NextDue(); len(events) != 0 || !fired || err != nil || !any || !next.Equal(stuck.DueAt) {
		t.Errorf("woken early: %v, %v, %v; next at %s", events, fired, err, next)
	}
}
