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
	// errUnlinked means that events were added behind one that is not there.
	errUnlinked = errors.New("the event before is not in the stream")
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

// densityTries is how often a stream is looked at that seems to have holes: what
// it ends with may change between the commands of one look.
const densityTries = 3

// tail returns what the stream ends with. It reports errForeign if that is no
// event, or if the stream does not hold every event from its first to its last.
func (s stream) tail(ctx context.Context) (end tail, found bool, err error) {
	for try := 1; ; try++ {
		end, found, err = s.look(ctx)
		if !errors.Is(err, errForeign) || try == densityTries {
			return end, found, err
		}
	}
}

func (s stream) look(ctx context.Context) (end tail, found bool, err error) {
	var first, last *goredis.XMessageSliceCmd
	var length *goredis.IntCmd
	err = s.server.do(ctx, func(ctx context.Context, c *goredis.Client) error {
		pipe := c.Pipeline()
		first = pipe.XRangeN(ctx, s.key, "-", "+", 1)
		last = pipe.XRevRangeN(ctx, s.key, "+", "-", 1)
		length = pipe.XLen(ctx, s.key)
		_, err := pipe.Exec(ctx)
		return err
	})
	if err != nil {
		return tail{}, false, fmt.Errorf("reading the end of the event stream: %w", err)
	}
	if len(first.Val()) == 0 || len(last.Val()) == 0 {
		return tail{}, false, nil
	}
	var ends [2]uint64
	for i, entry := range []goredis.XMessage{first.Val()[0], last.Val()[0]} {
		sequence, ok := parseID(entry.ID)
		if !ok {
			return tail{}, true, fmt.Errorf("%w: entry %s was not written by a custodian", errForeign, entry.ID)
		}
		ends[i] = sequence
		end.sequence = sequence
		end.kind, _ = entry.Values["type"].(string)
		end.hash, _ = entry.Values["hash"].(string)
	}
	if want := ends[1] - ends[0] + 1; uint64(length.Val()) != want {
		return tail{}, true, fmt.Errorf("%w: from event %d to %d it holds %d entries instead of %d",
			errForeign, ends[0], ends[1], length.Val(), want)
	}
	return end, true, nil
}

// add appends events in one pipeline and returns how many of them were added,
// counted from the first up to the first failure. Unless create is set, a
// stream that does not exist is not made: errGone. An id that Redis refuses is
// errRefused. Events that were added behind a hole, because the server has
// forgotten what came before them, are errUnlinked; a server inside the process
// forgets nothing that we know of, and looks through all of a stream to find one
// event. After any error the stream's end is unknown.
func (s stream) add(ctx context.Context, events []Event, create bool) (int, error) {
	var cmds []goredis.Cmder
	var before *goredis.XMessageSliceCmd // nil where nothing has to be
	err := s.server.do(ctx, func(ctx context.Context, c *goredis.Client) (err error) {
		pipe := c.Pipeline()
		if !create && !s.server.inProcess() {
			id := formatID(events[0].Sequence - 1)
			before = pipe.XRangeN(ctx, s.key, id, id, 1)
		}
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
		if before != nil && len(cmds) > 0 {
			cmds = cmds[1:]
		}
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
	case err == nil && before != nil && len(before.Val()) == 0:
		return added, errUnlinked
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
