package engine

import (
	"context"
	"errors"
	"math"
	"sync"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/fair"
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
	err := e.readJournal(ctx, after, min(limit, gathered), func(events []Recorded) error {
		out = append(out, events...)
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
	deliver := func(events []Recorded) error {
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
		if err := e.durable.wait(ctx, after+1, nil); err != nil {
			return err
		}
		if err := e.cfg.Lane.Gather(ctx); err != nil {
			return err
		}
		if batches, complete := e.tail.behind(after); complete {
			for len(batches) > 0 {
				some := make([]Recorded, 0, len(batches[0].Events))
				for len(batches) > 0 && (len(some) == 0 || len(some)+len(batches[0].Events) <= gathered) {
					some = appendRecorded(some, batches[0], after)
					batches = batches[1:]
				}
				if err := deliver(some); err != nil {
					return err
				}
			}
			continue
		}
		if err := e.readJournal(ctx, after, gathered, deliver); err != nil {
			return err
		}
	}
}

// gathered is how many events, of as many batches, are passed on at a time where
// they are at hand.
const gathered = 256

// readJournal calls fn with the events behind a sequence number, at least some at
// a time. What it does itself, it does in turns; fn may take its time, and keep
// the slice.
func (e *Engine) readJournal(ctx context.Context, after uint64, some int, fn func([]Recorded) error) error {
	nothing := func() {}
	end, err := e.storeTurn(ctx) // for the first page
	if err != nil {
		return err
	}
	reading, turn := true, (*fair.Turn)(nil)
	stop := func() {
		end()
		turn.End()
		end, reading, turn = nothing, false, nil
	}
	defer func() { stop() }()
	var kept []Recorded
	pass := func() error {
		stop()
		passed := kept
		kept = nil
		return fn(passed)
	}
	err = e.cfg.Journal.Read(ctx, after, func(b *sim.Batch) (err error) {
		if reading && !e.cfg.LocalJournal { // the server has done its part
			stop()
		}
		if !reading && turn == nil {
			if turn, err = e.cfg.Lane.Take(ctx); err != nil {
				return err
			}
		}
		if err := b.Decode(); err != nil {
			return err
		}
		if kept = appendRecorded(kept, b, after); len(kept) < some {
			return nil
		}
		if err := pass(); err != nil {
			return err
		}
		if end, err = e.storeTurn(ctx); err != nil { // for the next page, if that is what comes
			end = nothing
			return err
		}
		reading = true
		return nil
	})
	if err == nil && len(kept) > 0 {
		err = pass()
	}
	return err
}

// appendRecorded appends the batch's events behind the sequence number after.
func appendRecorded(out []Recorded, b *sim.Batch, after uint64) []Recorded {
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
