package webhook

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// maxError bounds the text that is kept of an error, which may quote what the
// receiver sent.
const maxError = 300

// progress is how far an endpoint has come. It outlives changes of the
// endpoint's settings.
type progress struct {
	// saving is held while the state is being saved or deleted, and never
	// waited for under mu.
	saving  sync.Mutex
	removed bool // under saving

	unsavedReported atomic.Bool // that saving fails was logged

	mu      sync.Mutex
	loaded  bool
	state   State
	version uint64 // counts the changes of state
	saved   uint64 // the version that was saved last

	delivered      uint64
	failedAttempts uint64
	givenUp        uint64
	failures       int // attempts in a row
	last           uint64
	lastAt         time.Time
	lastError      string
	lastErrorAt    time.Time
	attempt        int // of the event being delivered
	nextAttempt    time.Time
	resending      int // resends that are not done
}

// load takes over a state that was saved, or that is new and must be.
func (p *progress) load(s State, saved bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.state, p.loaded = s, true
	p.version++
	if saved {
		p.saved = p.version
	}
}

// snapshot returns the state for saving it, and its version; ok is false where
// that was saved already.
func (p *progress) snapshot() (s State, version uint64, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	s = p.state
	s.Failed = slices.Clone(s.Failed)
	return s, p.version, p.loaded && p.version != p.saved
}

// save saves the state if it has changed since.
func (p *progress) save(ctx context.Context, cursors Cursors, id string) error {
	p.saving.Lock()
	defer p.saving.Unlock()
	state, version, changed := p.snapshot()
	if !changed || p.removed {
		return nil
	}
	err := guarded(func() error { return cursors.Save(ctx, id, state) })
	if err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.saved = version
	return nil
}

// remove deletes the state, and keeps it from being saved again.
func (p *progress) remove(ctx context.Context, cursors Cursors, id string) error {
	p.saving.Lock()
	defer p.saving.Unlock()
	if err := guarded(func() error { return cursors.Delete(ctx, id) }); err != nil {
		return err
	}
	p.removed = true
	return nil
}

func (p *progress) cursor() (sequence uint64, loaded bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.state.Sequence, p.loaded
}

// advance moves the cursor and returns how many changes are unsaved.
func (p *progress) advance(sequence uint64) uint64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	if sequence > p.state.Sequence {
		p.state.Sequence = sequence
		p.version++
	}
	return p.version - p.saved
}

func (p *progress) gone() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.state.Gone
}

func (p *progress) setGone(digest string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.state.Gone != digest {
		p.state.Gone = digest
		p.version++
	}
}

// succeeded records that an event was taken. That it had been given up is
// forgotten.
func (p *progress) succeeded(m message, live bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.delivered++
	p.failures, p.lastError = 0, ""
	p.last, p.lastAt = max(p.last, m.sequence), time.Now()
	if live {
		p.attempt, p.nextAttempt = 0, time.Time{}
	}
	if i := p.failedIndex(m.sequence); i >= 0 {
		p.state.Failed = slices.Delete(p.state.Failed, i, i+1)
		p.version++
	}
}

// failed records an attempt that failed.
func (p *progress) failed(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.failedAttempts++
	p.failures++
	p.setError(err)
}

// trouble records an error that is not the receiver's.
func (p *progress) trouble(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.setError(err)
}

func (p *progress) setError(err error) { p.lastError, p.lastErrorAt = shortened(err), time.Now() }

// waiting records that the event being delivered has failed so many attempts
// and when the next one is.
func (p *progress) waiting(attempts int, until time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.attempt, p.nextAttempt = attempts, until
}

// gaveUp lists an event as given up. The oldest make room.
func (p *progress) gaveUp(m message, attempts int, o outcome, live bool, limit int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.givenUp++
	if live {
		p.attempt, p.nextAttempt = 0, time.Time{}
	}
	f := Failed{
		Sequence: m.sequence, Type: m.eventType, WebhookID: m.id, Attempts: attempts,
		Status: o.status, Error: shortened(o.err), GivenUpAt: time.Now().UTC(),
	}
	if i := p.failedIndex(m.sequence); i >= 0 {
		p.state.Failed = slices.Delete(p.state.Failed, i, i+1)
	}
	p.state.Failed = append(p.state.Failed, f)
	if over := len(p.state.Failed) - limit; over > 0 {
		p.state.Failed = slices.Delete(p.state.Failed, 0, over)
	}
	p.version++
}

func (p *progress) failedIndex(sequence uint64) int {
	return slices.IndexFunc(p.state.Failed, func(f Failed) bool { return f.Sequence == sequence })
}

func (p *progress) failedEvents() []Failed {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.state.Failed)
}

// forgetWork forgets what a deliverer that has ended was about to do.
func (p *progress) forgetWork() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.attempt, p.nextAttempt, p.resending = 0, time.Time{}, 0
}

func (p *progress) addResends(n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.resending += n
}

func shortened(err error) string {
	text := []rune(err.Error())
	if len(text) > maxError {
		return string(text[:maxError]) + "…"
	}
	return string(text)
}
