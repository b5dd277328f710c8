package redis

import (
	"context"
	"strings"

	goredis "github.com/redis/go-redis/v9"
)

const (
	scanCount   = 1000 // keys that one SCAN looks at
	unlinkChunk = 500  // keys that one UNLINK removes
)

// scan calls visit with the keys that begin with prefix, some at a time. A key
// that exists throughout is seen at least once, perhaps more often. prefix
// holds only plain bytes. It costs the server a pass over all of its keys, in
// small steps.
func (s *Server) scan(ctx context.Context, prefix string, visit func(keys []string) error) error {
	var cursor uint64
	for {
		var keys []string
		err := s.do(ctx, func(ctx context.Context, c *goredis.Client) (err error) {
			keys, cursor, err = c.Scan(ctx, cursor, prefix+"*", scanCount).Result()
			return err
		})
		if err != nil {
			return err
		}
		if len(keys) > 0 {
			if err := visit(keys); err != nil {
				return err
			}
		}
		if cursor == 0 {
			return nil
		}
	}
}

// unlink removes keys, some at a time, and returns how many there were.
func (s *Server) unlink(ctx context.Context, keys ...string) (int, error) {
	removed := 0
	for len(keys) > 0 {
		chunk := keys[:min(len(keys), unlinkChunk)]
		keys = keys[len(chunk):]
		err := s.do(ctx, func(ctx context.Context, c *goredis.Client) error {
			n, err := c.Unlink(ctx, chunk...).Result()
			removed += int(n)
			return err
		})
		if err != nil {
			return removed, err
		}
	}
	return removed, nil
}

// DropPrefix removes every key of the instance whose prefix is p and returns
// how many there were. Should it fail half-way, calling it again finishes.
//
// An instance without a name has the prefix [Root], which is also the
// beginning of everybody else's keys; only its cache and its stream go then.
func (s *Server) DropPrefix(ctx context.Context, p Prefix) (int, error) {
	if p != Root {
		return s.dropKeys(ctx, string(p))
	}
	removed, err := s.unlink(ctx, p.Events())
	if err != nil {
		return removed, err
	}
	n, err := s.dropKeys(ctx, p.Cache(""))
	return removed + n, err
}

func (s *Server) dropKeys(ctx context.Context, prefix string) (int, error) {
	removed := 0
	err := s.scan(ctx, prefix, func(keys []string) error {
		own := keys[:0]
		for _, k := range keys {
			if strings.HasPrefix(k, prefix) {
				own = append(own, k)
			}
		}
		n, err := s.unlink(ctx, own...)
		removed += n
		return err
	})
	return removed, err
}
