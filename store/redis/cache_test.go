package redis

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// The tests of behaviour take any server; those against a real one call them
// as well.

func TestCacheKeepsDeletesAndForgets(t *testing.T) {
	t.Parallel()
	testCacheBasics(t, openEmbedded(t), testPrefix())
}

func testCacheBasics(t *testing.T, s *Server, p Prefix) {
	ctx := t.Context()
	var mu sync.Mutex
	results := map[string]int{}
	c := NewCache(s, p, 0, ObserveCache(func(result string) {
		mu.Lock()
		results[result]++
		mu.Unlock()
	}))

	if _, err := c.Get(ctx, "k"); !errors.Is(err, ErrMiss) {
		t.Errorf("Get of nothing returned %v, want ErrMiss", err)
	}
	for _, value := range []string{"one", "", "two\x00\xff", strings.Repeat("x", MaxValueLen)} {
		if err := c.Set(ctx, "k", []byte(value), time.Minute); err != nil {
			t.Fatal(err)
		}
		if got, err := c.Get(ctx, "k"); err != nil || string(got) != value {
			t.Errorf("got %d bytes, %v; want %d", len(got), err, len(value))
		}
	}
	if ok, err := c.Exists(ctx, "k"); err != nil || !ok {
		t.Errorf("Exists: %t, %v", ok, err)
	}
	if err := c.Expire(ctx, "k", time.Minute); err != nil {
		t.Errorf("Expire: %v", err)
	}
	if ok, err := c.Delete(ctx, "k"); err != nil || !ok {
		t.Errorf("Delete: %t, %v", ok, err)
	}
	if ok, err := c.Delete(ctx, "k"); err != nil || ok {
		t.Errorf("second Delete: %t, %v", ok, err)
	}
	if ok, err := c.Exists(ctx, "k"); err != nil || ok {
		t.Errorf("Exists after Delete: %t, %v", ok, err)
	}
	if err := c.Expire(ctx, "k", time.Minute); !errors.Is(err, ErrMiss) {
		t.Errorf("Expire of nothing returned %v, want ErrMiss", err)
	}
	if results[CacheHit] != 4 || results[CacheMiss] != 1 || results[CacheError] != 0 {
		t.Errorf("observer was told %v", results)
	}
}

func TestCacheEntriesExpire(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, err := OpenEmbedded(nil)
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		c, ctx := NewCache(s, testPrefix(), time.Minute), t.Context()
		for key, ttl := range map[string]time.Duration{"short": 10 * time.Second, "default": 0, "long": time.Hour} {
			if err := c.Set(ctx, key, []byte("v"), ttl); err != nil {
				t.Fatal(err)
			}
		}
		for _, step := range []struct {
			after time.Duration
			want  string
		}{{5 * time.Second, "default long short"}, {7 * time.Second, "default long"}, {50 * time.Second, "long"}} {
			time.Sleep(step.after)
			if keys, err := c.Keys(ctx, "*"); err != nil || strings.Join(keys, " ") != step.want {
				t.Errorf("%v remain, %v; want %s", keys, err, step.want)
			}
		}
		if err := c.Expire(ctx, "long", time.Second); err != nil {
			t.Fatal(err)
		}
		time.Sleep(3 * time.Second)
		if _, err := c.Get(ctx, "long"); !errors.Is(err, ErrMiss) {
			t.Errorf("Get after expiry returned %v, want ErrMiss", err)
		}
	})
}

func TestCachePatternsStayInsideThePrefix(t *testing.T) {
	t.Parallel()
	testCachePatterns(t, openEmbedded(t), testPrefix(), testPrefix())
}

func testCachePatterns(t *testing.T, s *Server, p, other Prefix) {
	ctx := t.Context()
	mine, theirs := NewCache(s, p, 0), NewCache(s, other, 0)
	for _, key := range []string{"price:AAPL", "price:BTC-USD", "rate:USD", "odd*key", `odd\E(key`, "odd[key", "Schlüssel"} {
		for _, c := range []*Cache{mine, theirs} {
			if err := c.Set(ctx, key, []byte("v"), time.Minute); err != nil {
				t.Fatal(err)
			}
		}
	}
	for pattern, want := range map[string][]string{
		"*":            {"Schlüssel", "odd*key", "odd[key", `odd\E(key`, "price:AAPL", "price:BTC-USD", "rate:USD"},
		"price:*":      {"price:AAPL", "price:BTC-USD"},
		"*USD":         {"price:BTC-USD", "rate:USD"},
		`odd\*key`:     {"odd*key"},
		`odd\\E(key`:   {`odd\E(key`},
		`odd\[key`:     {"odd[key"},
		"Schlü*":       {"Schlüssel"},
		"[pr]*:[A-U]*": {"price:AAPL", "price:BTC-USD", "rate:USD"},
		"nothing*":     {},
	} {
		if got, err := mine.Keys(ctx, pattern); err != nil || !slices.Equal(got, want) {
			t.Errorf("Keys(%q) = %q, %v; want %q", pattern, got, err, want)
		}
	}
	if n, err := mine.DeletePattern(ctx, "price:*"); err != nil || n != 2 {
		t.Errorf("DeletePattern removed %d, %v; want 2", n, err)
	}
	if n, err := mine.DeletePattern(ctx, "*"); err != nil || n != 5 {
		t.Errorf("DeletePattern removed %d, %v; want 5", n, err)
	}
	if got, err := theirs.Keys(ctx, "*"); err != nil || len(got) != 7 {
		t.Errorf("the other instance has %d keys, %v; want 7", len(got), err)
	}
	for _, bad := range []string{"", "[", "[z-a]"} {
		if _, err := mine.Keys(ctx, bad); !errors.Is(err, ErrPattern) {
			t.Errorf("Keys(%q) returned %v, want ErrPattern", bad, err)
		}
		if _, err := mine.DeletePattern(ctx, bad); !errors.Is(err, ErrPattern) {
			t.Errorf("DeletePattern(%q) returned %v, want ErrPattern", bad, err)
		}
	}
}

func TestCacheRemovesManyKeysInChunks(t *testing.T) {
	t.Parallel()
	testCacheManyKeys(t, openEmbedded(t), testPrefix())
}

func testCacheManyKeys(t *testing.T, s *Server, p Prefix) {
	c, ctx := NewCache(s, p, 0), t.Context()
	const many = 2*unlinkChunk + 7
	for i := range many {
		if err := c.Set(ctx, strconv.Itoa(i), []byte("v"), time.Minute); err != nil {
			t.Fatal(err)
		}
	}
	if keys, err := c.Keys(ctx, "*"); err != nil || len(keys) != many {
		t.Errorf("%d keys, %v; want %d", len(keys), err, many)
	}
	if n, err := c.DeletePattern(ctx, "*"); err != nil || n != many {
		t.Errorf("removed %d, %v; want %d", n, err, many)
	}
}

func TestCacheRefusesWhatIsOutOfBounds(t *testing.T) {
	t.Parallel()
	c, ctx := NewCache(openEmbedded(t), testPrefix(), 0), t.Context()
	long := strings.Repeat("k", MaxKeyLen+1)
	if err := c.Set(ctx, "k", make([]byte, MaxValueLen+1), 0); !errors.Is(err, ErrTooLarge) {
		t.Errorf("long value: %v", err)
	}
	for _, ttl := range []time.Duration{-time.Second, time.Microsecond} {
		if err := c.Set(ctx, "k", nil, ttl); err == nil {
			t.Errorf("a time to live of %s was accepted", ttl)
		}
		if err := c.Expire(ctx, "k", ttl); err == nil {
			t.Errorf("an expiry in %s was accepted", ttl)
		}
	}
	for _, key := range []string{"", long} {
		_, get := c.Get(ctx, key)
		_, del := c.Delete(ctx, key)
		_, exists := c.Exists(ctx, key)
		for _, err := range []error{get, del, exists, c.Set(ctx, key, nil, 0), c.Expire(ctx, key, time.Second)} {
			if err == nil || key == long && !errors.Is(err, ErrTooLarge) {
				t.Errorf("a key of %d bytes: %v", len(key), err)
			}
		}
	}
	if err := c.Set(ctx, long[1:], nil, 0); err != nil {
		t.Errorf("the longest key: %v", err)
	}
}

func TestCacheObeysItsCallersContextAndConcurrency(t *testing.T) {
	t.Parallel()
	c := NewCache(openEmbedded(t), testPrefix(), 0)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.Get(ended, "k"); !errors.Is(err, context.Canceled) {
		t.Errorf("Get returned %v, want the caller's context", err)
	}
	var wg sync.WaitGroup
	for i := range 64 {
		wg.Go(func() {
			key := strconv.Itoa(i)
			for range 20 {
				if err := c.Set(t.Context(), key, []byte(key), time.Minute); err != nil {
					t.Error(err)
				}
				if got, err := c.Get(t.Context(), key); err != nil || string(got) != key {
					t.Errorf("got %q, %v; want %q", got, err, key)
				}
			}
		})
	}
	wg.Wait()
}
