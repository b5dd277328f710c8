package client

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"net/http"
	"strconv"
)

// maxEvent bounds a single event, in bytes.
const maxEvent = 16 << 20

// Follow yields the events behind the one of the given number, first those that
// are there, then each as it becomes durable. The loop ends with an error: that of
// the context where it ended, an [*Error] where the custodian refused,
// [io.ErrUnexpectedEOF] where the stream broke off, as it does when the custodian
// restarts. Follow then goes on behind the last event that was yielded:
//
//	for event, err := range bank.Follow(ctx, after) {
//		if err != nil {
//			…
//		}
//		after = event.Sequence
//	}
func (c *Client) Follow(ctx context.Context, after int64, options ...CallOption) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		if err := c.follow(ctx, after, options, func(e Event) bool { return yield(e, nil) }); err != nil {
			yield(Event{}, err)
		}
	}
}

// follow calls use with events until that is false or the stream ends.
func (c *Client) follow(ctx context.Context, after int64, options []CallOption, use func(Event) bool) error {
	options = append([]CallOption{Header("Last-Event-ID", strconv.FormatInt(after, 10))}, options...)
	resp, err := c.send(ctx, request{method: http.MethodGet, path: "/api/v1/events", accept: "text/event-stream"}, options)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }() // only read from
	lines := bufio.NewScanner(resp.Body)
	lines.Buffer(nil, maxEvent)
	for lines.Scan() {
		data, found := bytes.CutPrefix(lines.Bytes(), []byte("data:"))
		if !found {
			continue // the data, one line of JSON, says all that the other fields do
		}
		var event Event
		if err := json.Unmarshal(data, &event); err != nil {
			return fmt.Errorf("%s sent an event that cannot be read: %w", c.base, err)
		}
		if !use(event) {
			return nil
		}
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("following the events: %w", err)
	}
	return fmt.Errorf("following the events: %w", io.ErrUnexpectedEOF)
}

// Read decodes what the event is about, such as a [Settlement]; the noun in the
// event's type tells.
func (e *Event) Read(about any) error { return json.Unmarshal(e.Data, about) }
