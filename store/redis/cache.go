package redis

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	goredis "github.com/redis/go-redis/v9"
)

// Bounds of the cache.
const (
	MaxKeyLen   = 512     // bytes of a key or a pattern, prefix aside
	MaxValueLen = 1 << 20 // bytes of a value
	MaxKeys     = 100_000 // keys that one call of Keys returns

	// DefaultTTL is how long entries live when neither NewCache nor Set says.
	DefaultTTL = 5 * time.Minute
)

var (
	// ErrMiss means that the cache holds no such key.
	ErrMiss = errors.New("not in the cache")

	// ErrTooLarge means that a key, a value or a result is over its bound.
	ErrTooLarge = errors.New("too large for the cache")
)

// Results that a cache observer is told.
const (
	CacheHit   = "hit"
	CacheMiss  = "miss"
	CacheError = "error"
)

// Cache is one instance's share of a Redis: byte values under
// "<prefix>cache:", each with a time to live. Keys are given and returned
// without that prefix. It holds no resources and is safe for concurrent use.
//
// Every method fails with [ErrUnavailable] within a bounded time when Redis is
// away, and with ctx's error when ctx ends first.
type Cache struct {
	server  *Server
	prefix  Prefix
	ttl     time.Duration
	observe func(result string)
}

// CacheOption adjusts a Cache.
type CacheOption func(*Cache)

// ObserveCache has fn called after each Get with [CacheHit], [CacheMiss] or
// [CacheError]. fn must be quick and safe for concurrent use.
func ObserveCache(fn func(result string)) CacheOption {
	return func(c *Cache) { c.observe = fn }
}

// NewCache returns the cache of the instance with that prefix. Entries live
// for defaultTTL where Set does not say; 0 stands for [DefaultTTL].
func NewCache(server *Server, prefix Prefix, defaultTTL time.Duration, opts ...CacheOption) *Cache {
	if defaultTTL <= 0 {
		defaultTTL = DefaultTTL
	}
	c := &Cache{server: server, prefix: prefix, ttl: defaultTTL, observe: func(string) {}}
	for _, opt := range opts {
		opt(c)
	}
	return c
}

// Set stores value under key for ttl, or for the default when ttl is 0. Times
// to live are counted in milliseconds.
func (c *Cache) Set(ctx context.Context, key string, value []byte, ttl time.Duration) error {
	if err := checkKey(key); err != nil {
		return err
	}
	if len(value) > MaxValueLen {
		return fmt.Errorf("%w: the value of %q has %d bytes, at most %d are allowed", ErrTooLarge, key, len(value), MaxValueLen)
	}
	if ttl == 0 {
		ttl = c.ttl
	}
	if err := checkTTL(ttl); err != nil {
		return err
	}
	return c.do(ctx, "setting", key, func(ctx context.Context, r *goredis.Client) error {
		return r.Set(ctx, c.prefix.Cache(key), value, ttl).Err()
	})
}

// Get returns the value of key, or [ErrMiss].
func (c *Cache) Get(ctx context.Context, key string) ([]byte, error) {
	if err := checkKey(key); err != nil {
		return nil, err
	}
	var value []byte
	err := c.do(ctx, "getting", key, func(ctx context.Context, r *goredis.Client) (err error) {
		value, err = r.Get(ctx, c.prefix.Cache(key)).Bytes()
		return err
	})
	switch {
	case err == nil:
		c.observe(CacheHit)
	case errors.Is(err, ErrMiss):
		c.observe(CacheMiss)
	default:
		c.observe(CacheError)
	}
	return value, err
}

// Delete removes key and tells whether it was there.
func (c *Cache) Delete(ctx context.Context, key string) (bool, error) {
	if err := checkKey(key); err != nil {
		return false, err
	}
	var n int64
	err := c.do(ctx, "deleting", key, func(ctx context.Context, r *goredis.Client) (err error) {
		n, err = r.Unlink(ctx, c.prefix.Cache(key)).Result()
		return err
	})
	return n > 0, err
}

// Exists tells whether key is there.
func (c *Cache) Exists(ctx context.Context, key string) (bool, error) {
	if err := checkKey(key); err != nil {
		return false, err
	}
	var n int64
	err := c.do(ctx, "looking up", key, func(ctx context.Context, r *goredis.Client) (err error) {
		n, err = r.Exists(ctx, c.prefix.Cache(key)).Result()
		return err
	})
	return n > 0, err
}

// Expire lets key live for ttl from now on. It returns [ErrMiss] when key is
// not there.
func (c *Cache) Expire(ctx context.Context, key string, ttl time.Duration) error {
	if err := checkKey(key); err != nil {
		return err
	}
	if err := checkTTL(ttl); err != nil {
		return err
	}
	return c.do(ctx, "expiring", key, func(ctx context.Context, r *goredis.Client) error {
		found, err := r.PExpire(ctx, c.prefix.Cache(key), ttl).Result()
		if err == nil && !found {
			return goredis.Nil
		}
		return err
	})
}

// Keys returns the keys that match pattern, sorted. In a pattern * stands for
// any run of bytes, ? for one byte, [a-z] and [^a] for one of a set, and \
// takes away a mark's meaning. More than [MaxKeys] are an [ErrTooLarge].
//
// It looks at all keys of the server and is meant for people and tools.
func (c *Cache) Keys(ctx context.Context, pattern string) ([]string, error) {
	found := make(map[string]struct{})
	err := c.scan(ctx, pattern, func(keys []string) error {
		for _, k := range keys {
			found[k] = struct{}{}
		}
		if len(found) > MaxKeys {
			return fmt.Errorf("%w: more than %d keys match %q", ErrTooLarge, MaxKeys, pattern)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	keys := make([]string, 0, len(found))
	for k := range found {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys, nil
}

// DeletePattern removes the keys that match pattern, as in [Cache.Keys], and
// returns how many there were. After an error some may be gone.
func (c *Cache) DeletePattern(ctx context.Context, pattern string) (int, error) {
	removed := 0
	err := c.scan(ctx, pattern, func(keys []string) error {
		for i, k := range keys {
			keys[i] = c.prefix.Cache(k)
		}
		n, err := c.server.unlink(ctx, keys...)
		removed += n
		return err
	})
	return removed, err
}

// scan calls visit with the matching keys, without prefix. visit may change
// the slice.
func (c *Cache) scan(ctx context.Context, pattern string, visit func(keys []string) error) error {
	g, err := parseGlob(pattern)
	if err != nil {
		return err
	}
	prefix := c.prefix.Cache("")
	return c.server.scan(ctx, prefix+g.literal(), func(keys []string) error {
		matches := keys[:0]
		for _, k := range keys {
			if len(k) >= len(prefix) && k[:len(prefix)] == prefix && g.match(k[len(prefix):]) {
				matches = append(matches, k[len(prefix):])
			}
		}
		if len(matches) == 0 {
			return nil
		}
		return visit(matches)
	})
}

// do runs one command on key and says in its error what was being done.
func (c *Cache) do(ctx context.Context, doing, key string, fn func(context.Context, *goredis.Client) error) error {
	err := c.server.do(ctx, fn)
	if errors.Is(err, goredis.Nil) {
		return ErrMiss
	}
	if err != nil {
		return fmt.Errorf("%s cache key %q: %w", doing, key, err)
	}
	return nil
}

func checkKey(key string) error {
	if key == "" {
		return errors.New("cache key is empty")
	}
	if len(key) > MaxKeyLen {
		return fmt.Errorf("%w: the key has %d bytes, at most %d are allowed", ErrTooLarge, len(key), MaxKeyLen)
	}
	return nil
}

func checkTTL(ttl time.Duration) error {
	if ttl < time.Millisecond {
		return fmt.Errorf("time to live is %s, at least 1ms is needed", ttl)
	}
	return nil
}
