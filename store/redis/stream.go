package redis

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	goredis "github.com/redis/go-redis/v9"
)

// Bounds of one pipeline of additions. A single event over pipelineBytes goes
// alone.
const (
	pipelineEvents = 128
	pipelineBytes  = 1 << 20
)

var (
	// errGone means that the stream does not exist although it should.
	errGone = errors.New("event stream is gone")
	// errRefused means that the stream ends with an id that is not below the
	// added one.
	errRefused = errors.New("event is already in the stream")
)

// stream is an instance's event stream in Redis.
type stream struct {
	server *Server
	key    string
	maxLen int
}

// tail is what a stream ends with.
type tail struct {
	sequence uint64
	kind     string
	hash     string
}

// tail reads the last entries of the stream, at most window, and returns the
// very last. It reports errForeign if they are not consecutive events.
func (s stream) tail(ctx context.Context, window int) (end tail, found bool, err error) {
	var entries []goredis.XMessage
	err = s.server.do(ctx, func(ctx context.Context, c *goredis.Client) (err error) {
		entries, err = c.XRevRangeN(ctx, s.key, "+", "-", int64(window)).Result()
		return err
	})
	if err != nil {
		return tail{}, false, fmt.Errorf("reading the end of the event stream: %w", err)
	}
	for i, entry := range entries {
		sequence, ok := parseID(entry.ID)
		if !ok {
			return tail{}, true, fmt.Errorf("%w: entry %s was not written by a custodian", errForeign, entry.ID)
		}
		if i == 0 {
			end.sequence = sequence
			end.kind, _ = entry.Values["type"].(string)
			end.hash, _ = entry.Values["hash"].(string)
		} else if sequence != end.sequence-uint64(i) {
			return tail{}, true, fmt.Errorf("%w: event %d is missing", errForeign, end.sequence-uint64(i))
		}
	}
	return end, len(entries) > 0, nil
}

// add appends events in one pipeline and returns how many of them were added,
// counted from the first up to the first failure. Unless create is set, a
// stream that does not exist is not made: errGone. An id that Redis refuses is
// errRefused. After any error the stream's end is unknown.
func (s stream) add(ctx context.Context, events []Event, create bool) (int, error) {
	var cmds []goredis.Cmder
	err := s.server.do(ctx, func(ctx context.Context, c *goredis.Client) (err error) {
		pipe := c.Pipeline()
		for i, e := range events {
			pipe.XAdd(ctx, &goredis.XAddArgs{
				Stream:     s.key,
				NoMkStream: !create || i > 0,
				MaxLen:     int64(s.maxLen),
				Approx:     true,
				ID:         formatID(e.Sequence),
				Values:     entryValues(e),
			})
		}
		cmds, err = pipe.Exec(ctx)
		return err
	})
	// Counted by the answers: a pipeline that was never sent may leave its
	// commands without an error.
	added := 0
	for added < len(cmds) {
		if cmd, ok := cmds[added].(*goredis.StringCmd); !ok || cmd.Err() != nil || cmd.Val() == "" {
			break
		}
		added++
	}
	switch {
	case err == nil:
		return added, nil
	case errors.Is(err, goredis.Nil):
		return added, errGone
	case strings.Contains(err.Error(), "equal or smaller"):
		return added, errRefused
	}
	return added, fmt.Errorf("adding events %d to %d: %w", events[0].Sequence, events[len(events)-1].Sequence, err)
}

// remove deletes the stream if it is there.
func (s stream) remove(ctx context.Context) error {
	_, err := s.server.unlink(ctx, s.key)
	return err
}

func entryValues(e Event) []any {
	return []any{
		"sequence", strconv.FormatUint(e.Sequence, 10),
		"type", e.Type,
		"time", e.Time.UTC().Format(time.RFC3339Nano),
		"data", e.Data,
		"hash", e.Hash,
	}
}

// pipelineSize is how many of events go into one pipeline.
func pipelineSize(events []Event) int {
	size := 0
	for i, e := range events {
		size += len(e.Data)
		if i == pipelineEvents || i > 0 && size > pipelineBytes {
			return i
		}
	}
	return len(events)
}

func formatID(sequence uint64) string { return strconv.FormatUint(sequence, 10) + "-0" }

// parseID reads an id that formatID made.
func parseID(id string) (sequence uint64, ok bool) {
	digits, ok := strings.CutSuffix(id, "-0")
	if !ok {
		return 0, false
	}
	sequence, err := strconv.ParseUint(digits, 10, 64)
	return sequence, err == nil
}
