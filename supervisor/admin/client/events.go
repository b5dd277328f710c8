package client

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/supervisor/admin/wire"
)

const eventsPath = "/admin/v1/events"

// Events returns the lifecycle events after the given id, as far as they are
// still kept, of one instance or, where that is empty, of all.
func (c *Client) Events(ctx context.Context, after uint64, instance string) (wire.Events, error) {
	var out wire.Events
	_, err := c.do(ctx, request{method: http.MethodGet, path: eventsPath, query: eventsQuery(after, instance)}, &out)
	return out, err
}

func eventsQuery(after uint64, instance string) url.Values {
	query := url.Values{}
	if after > 0 {
		query.Set("after", strconv.FormatUint(after, 10))
	}
	if instance != "" {
		query.Set("instance", instance)
	}
	return query
}

const (
	// reconnectPause is the time between two tries to resume a stream.
	reconnectPause = time.Second
	// reconnectTries is after how many failures in a row a stream is given up.
	reconnectTries = 10
)

// Follow calls fn with the lifecycle events after the given id, of one instance
// or, where that is empty, of all: first those that are still kept, then each
// as it happens. It ends when fn fails, with its error, when ctx ends, or when
// the server cannot be reached at first or refuses; a stream that breaks off
// later is resumed where it was, unless the server stays away.
func (c *Client) Follow(ctx context.Context, after uint64, instance string, fn func(wire.Event) error) error {
	triesLeft := 0
	for {
		connected := false
		err := c.stream(ctx, &after, instance, &connected, fn)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if connected {
			triesLeft = reconnectTries
		}
		if _, broken := errors.AsType[*UnreachableError](err); !broken || triesLeft == 0 {
			return err
		}
		triesLeft--
		timer := time.NewTimer(reconnectPause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		}
	}
}

// stream follows one connection until it breaks off.
func (c *Client) stream(ctx context.Context, after *uint64, instance string, connected *bool, fn func(wire.Event) error) error {
	resp, err := c.send(ctx, request{
		method: http.MethodGet, path: eventsPath, query: eventsQuery(0, instance),
		header: map[string]string{"Accept": "text/event-stream", "Last-Event-ID": strconv.FormatUint(*after, 10)},
	})
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }() // only read from
	*connected = true
	lines := bufio.NewScanner(resp.Body)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		data, found := bytes.CutPrefix(lines.Bytes(), []byte("data: "))
		if !found {
			continue // the data says all that the other fields do
		}
		var event wire.Event
		if err := json.Unmarshal(data, &event); err != nil {
			return fmt.Errorf("%s sent an event that cannot be read: %w", c.base, err)
		}
		if err := fn(event); err != nil {
			return err
		}
		*after = event.ID
	}
	err = lines.Err()
	if err == nil {
		err = errors.New("the stream of events ended")
	}
	return c.unreachable(ctx, err)
}
