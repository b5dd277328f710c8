package httpapi

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"time"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/engine"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/guard"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/httpapi/problem"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/httpapi/sse"
)

// listEvents answers with a page of events, or where the caller asks for it
// with a stream of them that does not end.
func listEvents(c *call) error {
	if wantsStream(c.r) {
		return streamEvents(c)
	}
	return pageOfEvents(c)
}

func wantsStream(r *http.Request) bool { return r.Method != http.MethodHead && sse.Wanted(r) }

func pageOfEvents(c *call) error {
	q := c.query()
	after := q.Uint("after")
	page, err := c.parsePage(q)
	if err != nil {
		return err
	}
	if page.After != "" {
		if q.Has("after") {
			return problem.Invalid("cursor", "says where the page begins, and so does after; give one of the two")
		}
		if after, err = strconv.ParseUint(page.After, 10, 63); err != nil {
			return errCursor
		}
	}
	return sendList(c, page, list[engine.Recorded]{
		name: "events",
		fetch: func(ctx context.Context, p sim.Page) ([]engine.Recorded, error) {
			return c.Custodian.Events(ctx, after, p.Limit)
		},
		encode: func(dst []byte, r engine.Recorded) []byte { return c.encoder.Event(dst, r.Event, r.Hash) },
		cursor: func(dst []byte, r engine.Recorded) []byte { return strconv.AppendUint(dst, r.Event.Sequence, 10) },
	})
}

const (
	// heartbeat is how often a stream says that it is alive. Proxies and clients
	// take connections for dead that are silent for longer.
	heartbeat = 15 * time.Second
	// streamChunk is how many bytes a stream gathers before it sends them.
	streamChunk = 32 << 10
)

// streamEvents follows the events until the reader goes or the instance stops.
// It stays within the request's goroutine: what follows the events is ended for
// every heartbeat and taken up again behind the last event.
func streamEvents(c *call) error {
	after, err := c.streamStart()
	if err != nil {
		return err
	}
	if err := c.Bounds.Stream(); err != nil {
		return err
	}
	defer c.Bounds.StreamDone()
	ctx, cancel := context.WithCancel(c.r.Context())
	defer cancel()
	defer context.AfterFunc(c.Context, cancel)()

	out, err := sse.Start(c.w)
	if err == nil {
		out.Patience = c.Limits.StreamPatience
		report := c.OnPanic // the call may be another one's by then
		defer context.AfterFunc(c.Context, func() { guard.Do(part, report, out.Hurry) })()
	}
	for err == nil && ctx.Err() == nil {
		beat, endBeat := context.WithTimeout(ctx, heartbeat)
		after, err = c.follow(beat, after, out)
		endBeat()
		if errors.Is(beat.Err(), context.DeadlineExceeded) && ctx.Err() == nil {
			out.Comment("still here")
			err = out.Flush()
		}
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		// There is no way to tell who does not read; the reader connects again and
		// goes on behind the last event that it has.
		c.Logger.InfoContext(c.r.Context(), "event stream ended: its reader did not read", "after", after, "timeout", c.Limits.StreamPatience.String(), "reader", c.r.RemoteAddr)
		if c.OnSlowStream != nil {
			c.OnSlowStream()
		}
	} else if err != nil && ctx.Err() == nil {
		c.Logger.Debug("event stream ended", "after", after, "error", err)
	}
	return nil // the answer has begun
}

// streamStart returns the sequence number behind which a stream begins: what
// Last-Event-ID says, else the parameter after.
func (c *call) streamStart() (uint64, error) {
	q := c.query()
	after := q.Uint("after")
	if err := q.Err(); err != nil {
		return 0, err
	}
	for _, name := range []string{"limit", "cursor"} {
		if q.Has(name) {
			return 0, problem.Invalid(name, "is for pages; a stream begins behind after and does not end")
		}
	}
	if id, ok := sse.LastEventID(c.r); ok {
		after = id
	}
	if err := c.Custodian.Ready(); err != nil {
		return 0, err
	}
	if c.Context.Err() != nil {
		return 0, &sim.Error{Code: sim.CodeDraining, RetryAfter: 5 * time.Second, Message: "this custodian is shutting down"}
	}
	if last := c.Custodian.Durable(); after > last {
		return 0, problem.Invalid("after", fmt.Sprintf("is beyond the last event, %d; were the books begun anew since?", last))
	}
	return after, nil
}

// follow sends events as they become durable, until ctx ends or sending fails.
// It returns the last that was sent.
func (c *call) follow(ctx context.Context, after uint64, out *sse.Writer) (uint64, error) {
	err := c.Custodian.Follow(ctx, after, func(events []engine.Recorded) error {
		defer c.endTurn()
		for _, r := range events {
			if err := c.takeTurn(); err != nil {
				return err
			}
			c.out = c.encoder.Event(c.out[:0], r.Event, r.Hash)
			out.Event(r.Event.Sequence, string(r.Event.Type), c.out)
			after = r.Event.Sequence
			if out.Pending() >= streamChunk {
				c.endTurn() // the reader is waited for
				if err := out.Flush(); err != nil {
					return err
				}
			}
		}
		c.endTurn()
		return out.Flush()
	})
	return after, err
}
