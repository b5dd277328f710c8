package admin

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/guard"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/httpapi/sse"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/supervisor"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/supervisor/admin/wire"
)

// keepAlive is the time between two signs of life on a stream without events:
// less than proxies wait before they close a silent connection.
const keepAlive = 15 * time.Second

func getEvents(c *call) error {
	q := c.query()
	after := q.Uint("after")
	name := q.Text("instance", 100)
	if err := q.Err(); err != nil {
		return err
	}
	if id, given := sse.LastEventID(c.r); given {
		after = id // a stream that is resumed has its first query still
	}
	c.w.Header().Add("Vary", "Accept")
	if sse.Wanted(c.r) && c.r.Method != http.MethodHead { // its answer has no body that could go on
		return c.stream(after, name)
	}
	kept, last := c.opts.Supervisor.Events(after)
	page := wire.Events{Events: []wire.Event{}, LastID: last}
	for _, event := range kept {
		if name == "" || event.Instance == name {
			page.Events = append(page.Events, wire.Event(event))
		}
	}
	return c.answer(http.StatusOK, page)
}

// stream sends events for as long as somebody reads them.
func (c *call) stream(after uint64, name string) error {
	ctx, leave, err := c.lasting(&c.streams, c.opts.Limits.MaxStreams, "event streams")
	if err != nil {
		return err
	}
	defer leave()
	ctx, cancel := context.WithCancel(ctx)
	batches := make(chan []supervisor.Event)
	followed := make(chan struct{})
	guard.Go("admin API", c.panicked, func() {
		defer close(followed)
		_ = c.opts.Supervisor.Follow(ctx, after, func(batch []supervisor.Event) error { // ends with ctx alone
			select {
			case batches <- batch:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		})
	})
	defer func() { cancel(); <-followed }()

	alive := time.NewTicker(keepAlive)
	defer alive.Stop()
	s, err := sse.Start(c.w)
	for err == nil {
		select {
		case batch := <-batches:
			after = batch[len(batch)-1].ID
			err = sendEvents(s, batch, name)
		case <-alive.C:
			s.Comment("still here")
			err = s.Flush()
		case <-ctx.Done():
			// The process may be ending. How its instances ended is what
			// readers wait for, so nothing of that is left out.
			if c.r.Context().Err() == nil {
				rest, _ := c.opts.Supervisor.Events(after)
				_ = sendEvents(s, rest, name) // the stream ends either way
			}
			return nil
		}
	}
	return nil // the answer has begun, so nothing more can be said
}

// panicked logs a panic of a goroutine that works for a request.
func (c *call) panicked(p *guard.Panic) {
	c.opts.Logger.Error("panic in an admin request", "panic", p.Value, "stack", p.Stack)
}

// flushAt bounds what is collected for one write, in bytes.
const flushAt = 64 << 10

func sendEvents(s *sse.Writer, batch []supervisor.Event, name string) error {
	for _, event := range batch {
		if name != "" && event.Instance != name {
			continue
		}
		data, err := json.Marshal(wire.Event(event))
		if err != nil {
			return err
		}
		s.Event(event.ID, event.State, data)
		if s.Pending() >= flushAt {
			if err := s.Flush(); err != nil {
				return err
			}
		}
	}
	if s.Pending() == 0 {
		return nil
	}
	return s.Flush()
}
