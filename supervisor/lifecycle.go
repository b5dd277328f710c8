package supervisor

import (
	"context"
	"sync"
	"time"
)

// Event is a change in the life of an instance.
type Event struct {
	// ID is dense and starts at 1 with the process.
	ID       uint64    `json:"id"`
	Time     time.Time `json:"time"`
	Instance string    `json:"instance"`
	// State is the state that the instance entered; "removed" for its end.
	State string `json:"state"`
	// Detail says why, or what the drain is doing.
	Detail string `json:"detail,omitempty"`
}

// eventsKept bounds the lifecycle events that can be resumed from.
const eventsKept = 4096

// events is a bounded log of lifecycle events that can be followed.
type events struct {
	mu      sync.Mutex
	last    uint64
	kept    []Event
	changed chan struct{}
}

func newEvents() *events { return &events{changed: make(chan struct{})} }

func (l *events) add(instance, state, detail string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.last++
	l.kept = append(l.kept, Event{ID: l.last, Time: time.Now().UTC(), Instance: instance, State: state, Detail: detail})
	if len(l.kept) > eventsKept {
		l.kept = append([]Event(nil), l.kept[len(l.kept)-eventsKept/2:]...)
	}
	close(l.changed)
	l.changed = make(chan struct{})
}

// after returns the kept events with greater ids, the id of the last event, and
// a channel that is closed when there are more.
func (l *events) after(id uint64) (kept []Event, last uint64, changed <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if id > l.last {
		id = 0 // an id of an earlier process
	}
	for i, e := range l.kept {
		if e.ID > id {
			return append([]Event(nil), l.kept[i:]...), l.last, l.changed
		}
	}
	return nil, l.last, l.changed
}

// Events returns the kept lifecycle events whose id is greater than after, and
// the id of the last event.
func (s *Supervisor) Events(after uint64) (kept []Event, last uint64) {
	kept, last, _ = s.events.after(after)
	return kept, last
}

// Follow calls fn with the lifecycle events whose id is greater than after, as
// far as they are kept, then with each as it happens. It returns when ctx ends
// or fn fails, with that error.
func (s *Supervisor) Follow(ctx context.Context, after uint64, fn func([]Event) error) error {
	for {
		batch, _, changed := s.events.after(after)
		if len(batch) > 0 {
			after = batch[len(batch)-1].ID
			if err := fn(batch); err != nil {
				return err
			}
			continue
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
