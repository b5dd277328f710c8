package engine

import (
	"context"
	"errors"
	"math"
	"slices"
	"sort"
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
				some := make([]Recorded, 0, len(batches[0].events))
				for len(batches) > 0 && (len(some) == 0 || len(some)+len(batches[0].events) <= gathered) {
					some = batches[0].appendTo(some, after)
					batches = batches[1:]
				}
				if err := deliver(some); err != nil {
					return err
				}
			}
			continue
		}
		if err := e.followHistory(ctx, after, deliver); err != nil {
			return err
		}
	}
}

// followHistory delivers a page of the history behind the sequence number after that
// others have read, or reads on until the next page is one that they have. Of those
// who follow, one at a time reads: the others, who mostly want the same page, wait
// until it has it instead of reading it as well.
func (e *Engine) followHistory(ctx context.Context, after uint64, deliver func([]Recorded) error) error {
	end, err := e.historyTurn(ctx)
	if err != nil {
		return err
	}
	defer func() { end() }()
	if some := e.tail.recall(after, gathered); len(some) > 0 {
		end()
		end = func() {}
		return deliver(some)
	}
	err = e.readJournal(ctx, after, gathered, func(events []Recorded) (err error) {
		end()
		end = func() {}
		after = events[len(events)-1].Event.Sequence
		if err := deliver(events); err != nil {
			return err
		}
		next, err := e.historyTurn(ctx)
		if err != nil {
			return err
		}
		if end = next; e.tail.recalls(after) {
			return errEnough
		}
		return nil
	})
	if errors.Is(err, errEnough) {
		return nil
	}
	return err
}

// historyTurn takes the turn of who follows the history and is to read a page of it,
// and returns what ends it. It is taken before a turn at the store or a processor,
// never while one is held.
func (e *Engine) historyTurn(ctx context.Context) (end func(), err error) {
	select {
	case e.historian <- struct{}{}:
		return func() { <-e.historian }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
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
		decoded, err := e.tail.decode(b)
		if err != nil {
			return err
		}
		if kept = decoded.appendTo(kept, after); len(kept) < some {
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

// decoded is a batch with its events.
type decoded struct {
	first, last uint64
	hash        sim.Digest
	events      []*sim.Event
}

func decodedOf(b *sim.Batch) *decoded {
	return &decoded{first: b.First, last: b.Last, hash: b.Hash, events: b.Events}
}

// appendTo appends the batch's events behind the sequence number after.
func (d *decoded) appendTo(out []Recorded, after uint64) []Recorded {
	for _, event := range d.events {
		if event.Sequence > after {
			out = append(out, Recorded{Event: event, Hash: d.hash})
		}
	}
	return out
}

// tailEvents bounds the last events that are kept for followers, historyEvents those
// of the history that they are reading: some pages, since who reads at once takes
// turns, a page each.
const (
	tailEvents    = 4096
	historyEvents = 4 * gathered
)

// tail keeps, while somebody follows, the last durable batches in memory, so that
// live followers need not read the journal, and those of the history that were read
// last. Hundreds of readers who begin at the first event would else each read and
// decode all of it: what that left for the garbage collector to do was what a quiet
// neighbour felt most.
type tail struct {
	mu        sync.Mutex
	followers int
	batches   []*decoded
	events    int

	history map[uint64]*decoded // by the first event
	order   []*decoded          // of the history, as they were read
	read    int                 // events of the history
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
		t.forget()
	}
}

func (t *tail) reset() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.forget()
}

// forget is for who holds the lock.
func (t *tail) forget() {
	t.batches, t.events = nil, 0
	t.history, t.order, t.read = nil, nil, 0
}

func (t *tail) add(b *sim.Batch) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.followers == 0 {
		return
	}
	t.batches = append(t.batches, decodedOf(b))
	t.events += len(b.Events)
	for t.events > tailEvents && len(t.batches) > 1 {
		t.events -= len(t.batches[0].events)
		t.batches = t.batches[1:]
	}
}

// behind returns the kept batches that end behind the sequence number after,
// and whether they begin right behind it.
func (t *tail) behind(after uint64) (batches []*decoded, complete bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	next := sort.Search(len(t.batches), func(i int) bool { return t.batches[i].last > after })
	if next == len(t.batches) {
		return nil, false
	}
	return slices.Clone(t.batches[next:]), t.batches[next].first <= after+1
}

// decode returns a batch of the journal with its events, which others may have
// decoded already.
func (t *tail) decode(b *sim.Batch) (*decoded, error) {
	t.mu.Lock()
	known, shared := t.history[b.First], t.followers > 1
	t.mu.Unlock()
	if known != nil && known.last == b.Last && known.hash == b.Hash {
		return known, nil
	}
	if err := b.Decode(); err != nil {
		return nil, err
	}
	d := decodedOf(b)
	if shared {
		t.keep(d)
	}
	return d, nil
}

// keep keeps a batch of the history for others who read it, in place of what was read
// first.
func (t *tail) keep(d *decoded) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.followers < 2 || t.history[d.first] != nil {
		return
	}
	if t.history == nil {
		t.history = make(map[uint64]*decoded)
	}
	t.history[d.first] = d
	t.order = append(t.order, d)
	t.read += len(d.events)
	for t.read > historyEvents && len(t.order) > 1 {
		oldest := t.order[0]
		delete(t.history, oldest.first)
		t.read -= len(oldest.events)
		t.order = t.order[1:]
	}
}

// recall returns up to so many events of the history that follow right behind the
// sequence number after, as far as they are kept; those of one batch stay together.
func (t *tail) recall(after uint64, some int) (out []Recorded) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for d := t.history[after+1]; d != nil && (len(out) == 0 || len(out)+len(d.events) <= some); d = t.history[after+1] {
		out = d.appendTo(out, after)
		after = d.last
	}
	return out
}

// recalls reports whether the batch right behind a sequence number is kept.
func (t *tail) recalls(after uint64) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.history[after+1] != nil
}
