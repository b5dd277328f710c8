package engine

import (
	"context"
	"errors"
	"math"
	"sync"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
)

// Recorded is an event with the hash of the batch that made it durable.
type Recorded struct {
	Event *sim.Event
	Hash  sim.Digest
}

// Durable returns the last sequence number that is durable.
func (e *Engine) Durable() uint64 { return e.durable.value() }

var errEnough = errors.New("enough")

// Events returns up to limit events behind the sequence number after.
func (e *Engine) Events(ctx context.Context, after uint64, limit int) ([]Recorded, error) {
	if err := e.refusal(); err != nil {
		return nil, err
	}
	if after >= e.durable.value() {
		return nil, nil
	}
	var out []Recorded
	err := e.readJournal(ctx, after, func(b *sim.Batch) error {
		out = append(out, recorded(b, after)...)
		if len(out) >= limit {
			out = out[:limit]
			return errEnough
		}
		return nil
	})
	if err != nil && !errors.Is(err, errEnough) {
		return nil, e.storeError(ctx, "reading events", err)
	}
	return out, nil
}

// Follow calls fn with the events behind the sequence number after, in order
// and without a gap, first those that are durable already, then each as it
// becomes durable. It returns when ctx ends, fn fails or the journal cannot be
// read, with that error. The slice is fn's to keep.
func (e *Engine) Follow(ctx context.Context, after uint64, fn func([]Recorded) error) error {
	e.tail.join()
	defer e.tail.leave()
	deliver := func(b *sim.Batch) error {
		events := recorded(b, after)
		if len(events) == 0 {
			return nil
		}
		after = events[len(events)-1].Event.Sequence
		return fn(events)
	}
	for {
		if after == math.MaxUint64 { // nothing can come behind it
			<-ctx.Done()
			return ctx.Err()
		}
		if err := e.durable.wait(ctx, after+1); err != nil {
			return err
		}
		if batches, complete := e.tail.behind(after); complete {
			for _, b := range batches {
				if err := deliver(b); err != nil {
					return err
				}
			}
			continue
		}
		if err := e.readJournal(ctx, after, deliver); err != nil {
			return err
		}
	}
}

// readJournal calls fn with the decoded batches behind a sequence number. What it
// does itself, it does in turns; fn may take its time.
func (e *Engine) readJournal(ctx context.Context, after uint64, fn func(*sim.Batch) error) error {
	turn, err := e.storeTurn(ctx) // for the first page
	if err != nil {
		return err
	}
	defer func() { turn.End() }()
	return e.cfg.Journal.Read(ctx, after, func(b *sim.Batch) (err error) {
		if turn == nil {
			if turn, err = e.cfg.Lane.Take(ctx); err != nil {
				return err
			}
		}
		err = b.Decode()
		turn.End()
		turn = nil
		if err != nil {
			return err
		}
		if err := fn(b); err != nil {
			return err
		}
		turn, err = e.storeTurn(ctx) // for the next page, if that is what comes
		return err
	})
}

// recorded returns the batch's events behind the sequence number after.
func recorded(b *sim.Batch, after uint64) []Recorded {
	out := make([]Recorded, 0, len(b.Events))
	for _, event := range b.Events {
		if event.Sequence > after {
			out = append(out, Recorded{event, b.Hash})
		}
	}
	return out
}

// tailEvents bounds the events that are kept for followers.
const tailEvents = 4096

// tail keeps the last durable batches in memory while somebody follows, so
// that live followers need not read the journal.
type tail struct {
	mu        sync.Mutex
	followers int
	batches   []*sim.Batch
	events    int
}

func (t *tail) join() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.followers++
}

func (t *tail) leave() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.followers--; t.followers == 0 {
		t.batches, t.events = nil, 0
	}
}

func (t *tail) reset() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.batches, t.events = nil, 0
}

func (t *tail) add(b *sim.Batch) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.followers == 0 {
		return
	}
	t.batches = append(t.batches, b)
	t.events += len(b.Events)
	for t.events > tailEvents && len(t.batches) > 1 {
		t.events -= len(t.batches[0].Events)
		t.batches = t.batches[1:]
	}
}

// behind returns the kept batches that end behind the sequence number after,
// and whether they begin right behind it.
func (t *tail) behind(after uint64) (batches []*sim.Batch, complete bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for i, b := range t.batches {
		if b.Last > after {
			return append([]*sim.Batch(nil), t.batches[i:]...), b.First <= after+1
		}
	}
	return nil, false
}
