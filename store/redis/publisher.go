package redis

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"sync/atomic"
	"time"
)

// DefaultStreamLen is about how many events a stream keeps.
const DefaultStreamLen = 10_000

const (
	minPublishBackoff = 100 * time.Millisecond
	maxPublishBackoff = 30 * time.Second
	// outageBackoff is the limit when Redis could not be asked. It is low
	// because the Server lets nobody through while it is away for longer.
	outageBackoff = 2 * time.Second
	// idleCheck is how often an idle publisher makes sure that its stream is
	// still there.
	idleCheck = 30 * time.Second
	// maxRefusals is how often Redis may refuse the very event that should
	// come next before the stream is taken for somebody else's.
	maxRefusals = 3
)

// Event is one journal event as published.
type Event struct {
	Sequence uint64 // dense, from 1
	Type     string
	Time     time.Time
	Data     []byte // JSON
	Hash     string // of the event's batch, or empty
}

// Source is a journal to publish from. It is declared here, by its user.
type Source interface {
	// Durable is the sequence of the last event that no crash can take back,
	// 0 if there is none. It never falls while a Publisher runs, and what it
	// says is loaded before one starts: a stream that is ahead of it is
	// deleted.
	Durable() uint64

	// Follow calls fn with the durable events after the given sequence, in
	// order and without gaps, and waits for new ones. It returns when ctx ends
	// or with fn's error. When there is nothing after the sequence it waits
	// without reading the journal.
	Follow(ctx context.Context, after uint64, fn func([]Event) error) error
}

// PublisherOptions adjust a Publisher. The zero value will do.
type PublisherOptions struct {
	// MaxLen is about how many events the stream keeps; it may keep somewhat
	// more. Default [DefaultStreamLen].
	MaxLen int

	// Logger hears of failures, once each. Nil discards.
	Logger *slog.Logger

	// Confirm returns nil if this process is the one that may write the
	// instance's stream. It is asked before a stream is deleted or made; adding
	// events to one does no harm, since their sequence numbers guard them. Nil
	// means that nobody else can be.
	Confirm func(ctx context.Context) error

	// OnPublished is told how many events were added, after each addition.
	OnPublished func(events int)

	// OnLag is told how many durable events are not yet in the stream, after
	// each addition and each failure.
	OnLag func(events int)
}

// Publisher copies an instance's events to its Redis stream.
//
// Each event is added under the explicit id "<sequence>-0", so Redis itself
// refuses a duplicate. After a start and after every failure the publisher
// reads where the stream ends and goes on from there, so no event is left out.
// A stream that is gone is filled again with the newest events, as many as it
// keeps. A stream that is not this journal's (ahead of it, with other hashes,
// with holes because the server has lost its last writes) is deleted and
// written anew in the same way; its readers see a part of it twice.
//
// A process that has lost the instance to another one, but has not noticed yet,
// can add nothing that the journal does not hold, and nothing behind what the
// other one has added. It deletes nothing without asking whether it may.
//
// Readers therefore see sequences rise by one, except over a deletion.
type Publisher struct {
	stream stream
	source Source
	log    *slog.Logger

	confirm     func(context.Context) error
	onPublished func(int)
	onLag       func(int)

	published atomic.Uint64 // last sequence known to be in the stream
	lastHash  string        // its hash
	certain   bool          // the stream ends there and has no holes
	refusals  int           // in a row, without progress
}

// NewPublisher returns a Publisher of source to the stream of the instance
// with that prefix. [Publisher.Run] starts it.
func NewPublisher(server *Server, prefix Prefix, source Source, opts PublisherOptions) *Publisher {
	p := &Publisher{
		stream:      stream{server: server, key: prefix.Events(), maxLen: opts.MaxLen},
		source:      source,
		log:         opts.Logger,
		confirm:     opts.Confirm,
		onPublished: opts.OnPublished,
		onLag:       opts.OnLag,
	}
	if p.stream.maxLen <= 0 {
		p.stream.maxLen = DefaultStreamLen
	}
	if p.log == nil {
		p.log = slog.New(slog.DiscardHandler)
	}
	if p.confirm == nil {
		p.confirm = func(context.Context) error { return nil }
	}
	if p.onPublished == nil {
		p.onPublished = func(int) {}
	}
	if p.onLag == nil {
		p.onLag = func(int) {}
	}
	return p
}

// Lag is how many durable events are not known to be in the stream. It is safe
// for concurrent use.
func (p *Publisher) Lag() int {
	durable, published := p.source.Durable(), p.published.Load()
	if durable <= published {
		return 0
	}
	return int(durable - published)
}

// Run publishes until ctx ends and then returns nil. While Redis is away, or
// refuses, it waits and tries again. The only error is [ErrClosed], when the
// Server was closed. A Publisher is run once at a time.
func (p *Publisher) Run(ctx context.Context) error {
	backoff, failures := minPublishBackoff, 0
	for {
		p.onLag(p.Lag())
		wasUp := p.stream.server.Up()
		up, err := p.stream.server.Wait(ctx)
		if err != nil {
			return endOf(ctx, err)
		}
		if !wasUp {
			failures = 0
			// Many publishers that waited for one server don't rush it together.
			if !pause(ctx, rand.N(minPublishBackoff)) { //nolint:gosec // jitter needs no secrecy
				return nil
			}
		}

		before := p.published.Load()
		err = p.session(ctx, up)
		if ctx.Err() != nil {
			return nil
		}
		if errors.Is(err, errIdle) {
			backoff, failures = minPublishBackoff, 0
			continue
		}
		p.certain = false
		if p.published.Load() > before {
			backoff, failures = minPublishBackoff, 0
		}
		failures++
		// The first failure may be an outage, of which the Server speaks once
		// for all, or solve itself.
		if failures == 2 {
			p.log.Warn("events are not being published", "stream", p.stream.key, "error", err)
		}
		limit := maxPublishBackoff
		if errors.Is(err, ErrUnavailable) {
			limit = outageBackoff
		}
		p.repair(ctx, err)
		if !pause(ctx, jitter(backoff)) {
			return nil
		}
		backoff = min(2*backoff, limit)
	}
}

// repair does what the next session needs to succeed where one failed with
// err. If that fails as well, the next session fails as this one did.
func (p *Publisher) repair(ctx context.Context, err error) {
	switch {
	case errors.Is(err, errGone):
		p.log.Warn("event stream is gone, filling it again", "stream", p.stream.key)
	case errors.Is(err, errForeign):
		if refused := p.confirm(ctx); refused != nil {
			p.log.Warn("event stream is not this journal's and is left as it is", "stream", p.stream.key, "reason", err, "error", refused)
			return
		}
		p.log.Warn("event stream is not this journal's, writing it anew", "stream", p.stream.key, "reason", err)
		if p.stream.remove(ctx) == nil {
			p.published.Store(0)
			p.refusals = 0
		}
	}
}
