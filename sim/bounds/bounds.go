// Package bounds counts what an instance has taken on, over both of its faces
// together, and says no where that reaches a limit.
//
// [New] returns an instance's [Bounds]. Each of its methods that takes something
// on returns nil, or the refusal to answer with: it names the limit's
// configuration key, and is counted. What was taken on must be given back.
//
// Nothing here blocks, is shared among instances, or allocates.
package bounds

import (
	"fmt"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
)

// Bound is something that is bounded, as metrics name it.
type Bound string

// The bounds of an instance.
const (
	// Requests are those under way, health checks and streams not counted.
	Requests Bound = "requests"
	// Rate is that of requests, per second.
	Rate Bound = "rate"
	// Streams are those of events.
	Streams Bound = "streams"
	// Bytes are those of large bodies, messages and answers in memory.
	Bytes Bound = "bytes"
	// HTTPConnections and GRPCConnections are those that are open.
	HTTPConnections Bound = "http_connections"
	GRPCConnections Bound = "grpc_connections"
)

// Limits are how much an instance takes on. Zero fields take the defaults.
type Limits struct {
	// Requests default to 1024, Streams to 128, Bytes to 64 MiB, and Connections,
	// of either face, to 1024.
	Requests, Streams, Bytes, Connections int
	// ConnectionRate is how many connections of either face are let in per second,
	// and at once; 250 by default. Others wait outside.
	ConnectionRate int
	// Rate is how many requests are taken on per second; 0 for any number. Burst
	// is how many may come at once; 0 for those of a second.
	Rate, Burst int
}

func (l Limits) withDefaults() Limits {
	or := func(v *int, fallback int) {
		if *v <= 0 {
			*v = fallback
		}
	}
	or(&l.Requests, 1024)
	or(&l.Streams, 128)
	or(&l.Bytes, 64<<20)
	or(&l.Connections, 1024)
	or(&l.ConnectionRate, 250)
	or(&l.Burst, l.Rate)
	return l
}

// Bounds are those of one instance. All methods are safe for concurrent use.
type Bounds struct {
	limiter *rate.Limiter    // nil for no limit
	doors   [2]*rate.Limiter // by [Face]
	metrics Metrics

	requests, streams, bytes bounded
	connections              [2]bounded // by [Face]
	tooFast                  *sim.Error
}

// Face is the face that a connection belongs to.
type Face int

// The faces of an instance.
const (
	HTTP Face = iota
	GRPC
)

// String returns the face's name, as metrics have it.
func (f Face) String() string { return [...]string{"http", "grpc"}[f] }

// bounded is how much there is of something, and may be.
type bounded struct {
	bound   Bound
	limit   int64
	refusal *sim.Error
	used    atomic.Int64
	_       [64]byte // keeps the counters of a busy instance on lines of their own
}

// Metrics hear of what the bounds keep out.
type Metrics interface {
	// RecordBoundRefused is called for each refusal.
	RecordBoundRefused(b Bound)
	// RecordConnectionDelayed is called for each connection that waits outside;
	// face is http or grpc.
	RecordConnectionDelayed(face string)
}

// New returns bounds. Metrics may be nil.
func New(l Limits, metrics Metrics) *Bounds {
	l = l.withDefaults()
	if metrics == nil {
		metrics = unmetered{}
	}
	b := &Bounds{metrics: metrics}
	for face := range b.doors {
		b.doors[face] = rate.NewLimiter(rate.Limit(l.ConnectionRate), l.ConnectionRate)
	}
	b.requests.set(Requests, l.Requests, overloaded(time.Second,
		"%d requests are under way, which is the limit: send fewer at a time, or raise limits.max_in_flight", l.Requests))
	b.streams.set(Streams, l.Streams, overloaded(time.Second,
		"%d event streams are open, which is the limit: close one, or raise limits.max_streams", l.Streams))
	b.bytes.set(Bytes, l.Bytes, overloaded(time.Second,
		"large requests and answers that are under way fill the %d bytes that they may have: send fewer or smaller ones at a time, "+
			"ask for smaller pages, read answers faster, or raise limits.max_bytes", l.Bytes))
	b.connections[HTTP].set(HTTPConnections, l.Connections, overloaded(time.Second,
		"%d connections are open, which is the limit: use fewer, or raise limits.max_client_connections", l.Connections))
	b.connections[GRPC].set(GRPCConnections, l.Connections, nil) // nobody is told
	if l.Rate > 0 {
		b.limiter = rate.NewLimiter(rate.Limit(l.Rate), l.Burst)
		b.tooFast = overloaded(time.Second,
			"more than %d requests a second came, which is the limit: send them more slowly, or raise limits.rate", l.Rate)
	}
	return b
}

type unmetered struct{}

func (unmetered) RecordBoundRefused(Bound)       {}
func (unmetered) RecordConnectionDelayed(string) {}

func overloaded(after time.Duration, format string, args ...any) *sim.Error {
	return &sim.Error{Code: sim.CodeOverloaded, Message: fmt.Sprintf(format, args...), RetryAfter: after}
}

func (b *bounded) set(name Bound, limit int, refusal *sim.Error) {
	b.bound, b.limit, b.refusal = name, int64(limit), refusal
}

// take takes n on, unless that exceeds the limit.
func (b *bounded) take(n int64) bool {
	if b.used.Add(n) > b.limit {
		b.used.Add(-n)
		return false
	}
	return true
}

func (b *Bounds) no(what *bounded) *sim.Error {
	b.metrics.RecordBoundRefused(what.bound)
	return what.refusal
}

// Request takes a request on.
func (b *Bounds) Request() *sim.Error {
	if !b.requests.take(1) {
		return b.no(&b.requests)
	}
	if b.limiter != nil && !b.limiter.Allow() {
		b.requests.used.Add(-1)
		b.metrics.RecordBoundRefused(Rate)
		return b.tooFast
	}
	return nil
}

// RequestDone gives a request back.
func (b *Bounds) RequestDone() { b.requests.used.Add(-1) }

// Stream takes an event stream on.
func (b *Bounds) Stream() *sim.Error {
	if !b.streams.take(1) {
		return b.no(&b.streams)
	}
	return nil
}

// StreamDone gives a stream back.
func (b *Bounds) StreamDone() { b.streams.used.Add(-1) }

// Reserve takes so many bytes on, in advance.
func (b *Bounds) Reserve(n int) *sim.Error {
	if !b.bytes.take(int64(n)) {
		return b.no(&b.bytes)
	}
	return nil
}

// Adjust counts bytes that are there already: more than were reserved, or, below
// zero, fewer.
func (b *Bounds) Adjust(n int) { b.bytes.used.Add(int64(n)) }

// AwaitConnection waits until one more connection of a face may be let in, for the
// time between two of them at most; only who accepts connections may call it. To
// set up a connection and to refuse what comes over it costs so much that clients
// who come again and again at once must be slowed down.
func (b *Bounds) AwaitConnection(f Face) {
	if d := b.doors[f].Reserve().Delay(); d > 0 {
		b.metrics.RecordConnectionDelayed(f.String())
		time.Sleep(d)
	}
}

// Connection takes a connection of a face on.
func (b *Bounds) Connection(f Face) (refusal *sim.Error, ok bool) {
	if c := &b.connections[f]; !c.take(1) {
		return b.no(c), false
	}
	return nil, true
}

// ConnectionDone gives a connection back.
func (b *Bounds) ConnectionDone(f Face) { b.connections[f].used.Add(-1) }

// Usage is how much there is of what is bounded.
type Usage struct {
	Bound       Bound
	Used, Limit int64
}

// Usage returns how much there is now.
func (b *Bounds) Usage() []Usage {
	all := []*bounded{&b.requests, &b.streams, &b.bytes, &b.connections[HTTP], &b.connections[GRPC]}
	out := make([]Usage, len(all))
	for i, c := range all {
		out[i] = Usage{c.bound, max(0, c.used.Load()), c.limit}
	}
	return out
}
