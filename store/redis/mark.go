package redis

import (
	"context"
	"crypto/rand"
	"errors"
	"strconv"
	"strings"
	"time"

	goredis "github.com/redis/go-redis/v9"
)

// markTTL is how long the server keeps our mark without its renewal.
const markTTL = time.Minute

// mark is a key of this process that every probe writes and reads back. PING is
// answered by a server that is full, read-only or empty as well: a write that is
// refused tells the first two, and a mark that is gone or older than it should be
// that the server has lost what was written, be it by a FLUSHALL, by a restart
// from an old dump, or by a failover to a replica that lagged. The probe's
// goroutine owns it.
type mark struct {
	key   string
	count uint64
	at    time.Time // when it was last written, zero for never
	plain time.Time // until when PING has to do, since the user may not write it
}

func newMark(root string) mark {
	return mark{key: root + "check:" + strings.ToLower(rand.Text())}
}

// ask probes the server. It reports whether what was written before is lost.
func (m *mark) ask(ctx context.Context, c *goredis.Client) (lost bool, err error) {
	now := time.Now()
	if now.Before(m.plain) {
		return false, c.Ping(ctx).Err()
	}
	before := strconv.FormatUint(m.count, 10)
	known := !m.at.IsZero() && now.Sub(m.at) < markTTL/2
	m.count++
	m.at = time.Time{} // unknown until the answer is there
	found, err := c.SetArgs(ctx, m.key, m.count, goredis.SetArgs{TTL: markTTL, Get: true}).Result()
	switch {
	case err == nil, errors.Is(err, goredis.Nil):
	case strings.HasPrefix(err.Error(), "NOPERM"):
		m.plain = now.Add(markTTL)
		return m.ask(ctx, c)
	default:
		return false, err
	}
	m.at = now
	return known && found != before, nil
}

// erase removes the mark of a server that is left.
func (m *mark) erase(ctx context.Context, c *goredis.Client) {
	if !m.at.IsZero() {
		_ = c.Unlink(ctx, m.key).Err() // else it expires
	}
}
