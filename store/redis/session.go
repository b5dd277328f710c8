package redis

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/guard"
)

// Why a session ended. Each is met by finding out anew where the stream ends.
var (
	errIdle       = errors.New("nothing to publish for a while")
	errServerDown = errors.New("redis went away")
	errForeign    = errors.New("event stream has another history")
)

// session finds where the stream ends and publishes from there, until
// something happens that puts its knowledge in doubt. up ends when the server
// goes away. It never returns nil.
func (p *Publisher) session(ctx, up context.Context) error {
	var start startPoint
	err := apart(func() (err error) {
		start, err = p.locate(ctx)
		return err
	})
	if err != nil {
		return err
	}

	// The source is told to stop by sctx. Writes run under ctx, so that an
	// idle check never cuts one short.
	sctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	idle := time.AfterFunc(jitter(idleCheck), func() { stop(errIdle) })
	defer idle.Stop()
	defer context.AfterFunc(up, func() { stop(errServerDown) })()

	var failed error
	err = p.source.Follow(sctx, start.after, func(events []Event) error {
		idle.Reset(jitter(idleCheck))
		failed = p.publish(ctx, events, &start)
		return failed
	})
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case failed != nil:
		return failed
	case sctx.Err() != nil:
		return context.Cause(sctx)
	case err == nil:
		return errors.New("the source of events ended")
	}
	return fmt.Errorf("following the journal: %w", err)
}

// startPoint is where a session begins.
type startPoint struct {
	after  uint64 // sequence after which to follow the source
	create bool   // the stream is not there: the first addition makes it
	known  *tail  // what the stream ends with, to be compared with the journal first
}

// locate reads where the stream ends and makes sure that it has no holes, as a
// server may leave that has lost its last writes. Unless the end is what the last
// session left, it has the last event compared with the journal's.
func (p *Publisher) locate(ctx context.Context) (startPoint, error) {
	end, found, err := p.stream.tail(ctx)
	if err != nil {
		return startPoint{}, err
	}
	// Asked after the stream was read: what was in it had to be durable.
	durable := p.source.Durable()
	if !found {
		return p.locateEmpty(ctx, durable)
	}
	if end.sequence > durable {
		return startPoint{}, fmt.Errorf("%w: it ends with event %d, the journal with %d", errForeign, end.sequence, durable)
	}
	if p.certain && end.sequence == p.published.Load() && end.hash == p.lastHash {
		return startPoint{after: end.sequence}, nil
	}
	if p.refusals >= maxRefusals {
		return startPoint{}, fmt.Errorf("%w: it ends with event %d and refuses the next", errForeign, end.sequence)
	}
	return startPoint{after: end.sequence - 1, known: &end}, nil
}

// locateEmpty prepares to fill a stream that holds nothing. A stream that was
// emptied but still exists remembers its last id and would refuse what comes
// before; hence it is removed.
func (p *Publisher) locateEmpty(ctx context.Context, durable uint64) (startPoint, error) {
	if err := p.confirm(ctx); err != nil {
		return startPoint{}, fmt.Errorf("filling the event stream: %w", err)
	}
	if err := p.stream.remove(ctx); err != nil {
		return startPoint{}, err
	}
	start := startPoint{create: true}
	if kept := uint64(p.stream.maxLen); durable > kept {
		start.after = durable - kept
	}
	p.published.Store(start.after)
	p.lastHash = ""
	p.certain = true
	return start, nil
}

// accept checks that events continue where start stands and returns those that
// the stream lacks. If the first is the one that the stream ends with, they
// must be the same.
func (p *Publisher) accept(events []Event, start *startPoint) ([]Event, error) {
	for i, e := range events {
		if want := start.after + uint64(i) + 1; e.Sequence != want {
			return nil, fmt.Errorf("the source of events skipped from %d to %d", want-1, e.Sequence)
		}
	}
	start.after += uint64(len(events))
	known := start.known
	if known == nil || len(events) == 0 {
		return events, nil
	}
	if known.hash != events[0].Hash || known.kind != events[0].Type {
		return nil, fmt.Errorf("%w: event %d differs from the journal's", errForeign, known.sequence)
	}
	start.known = nil
	p.published.Store(known.sequence)
	p.lastHash = known.hash
	p.certain = true
	return events[1:], nil
}

// publish adds what the stream lacks of events, a bounded number at a time.
func (p *Publisher) publish(ctx context.Context, events []Event, start *startPoint) error {
	events, err := p.accept(events, start)
	if err != nil {
		return err
	}
	for len(events) > 0 {
		chunk := events[:pipelineSize(events)]
		events = events[len(chunk):]
		added, err := p.stream.add(ctx, chunk, start.create)
		if added > 0 {
			last := chunk[added-1]
			p.published.Store(last.Sequence)
			p.lastHash = last.Hash
			start.create = false
			p.refusals = 0
			p.onPublished(added)
		}
		p.onLag(p.Lag())
		if errors.Is(err, errRefused) {
			p.refusals++
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// apart does fn on a goroutine of its own and waits for it: talking to Redis takes a
// deep stack, and one that has grown stays large while its goroutine waits for the
// next time. A panic goes on where it was waited for.
func apart(fn func() error) error {
	err := guard.Apart(part, fn)
	if panicked, ok := errors.AsType[*guard.Panic](err); ok {
		panic(panicked)
	}
	return err
}
