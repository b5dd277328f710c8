//go:build integration

package redis

import (
	"context"
	"errors"
	"net"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"
)

// These tests run the behaviours of the unit tests, and some more, on a real
// Redis 7 as the user of the contract:
//
//	user custodian-adapter on >custodian-pass ~custodian:* +@read +@write +@keyspace +ping -@dangerous

func testURL(t *testing.T) string {
	t.Helper()
	u := os.Getenv("TEST_REDIS_URL")
	if u == "" {
		t.Fatal("TEST_REDIS_URL is not set; `make test-integration` starts a Redis and sets it")
	}
	return u
}

// openReal is a Server on the real Redis, and a prefix that is dropped with
// the test.
func openReal(t *testing.T) (*Server, Prefix) {
	t.Helper()
	s, err := Open(t.Context(), Options{URL: testURL(t)})
	if err != nil {
		t.Fatal(err)
	}
	if st := s.State(); !st.Up {
		t.Fatalf("TEST_REDIS_URL does not answer: %v", st.Err)
	}
	p := testPrefix()
	t.Cleanup(func() {
		if _, err := s.DropPrefix(context.Background(), p); err != nil {
			t.Errorf("dropping %s: %v", p, err)
		}
		_ = s.Close()
	})
	return s, p
}

func TestRealAdapterInitialisesWithTheContractsRights(t *testing.T) {
	t.Parallel()
	s, _ := openReal(t)
	if err := s.Check(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := s.Check(t.Context()); err != nil {
		t.Fatalf("second check: %v", err)
	}
}

func TestRealClockIsReadWithTheContractsRights(t *testing.T) {
	t.Parallel()
	s, _ := openReal(t)
	before := time.Now().Truncate(time.Millisecond)
	now, err := s.Now(t.Context())
	if err != nil || now.Before(before) || now.After(time.Now()) {
		t.Errorf("%s is not between %s and now: %v", now, before, err)
	}
}

func TestRealUserIsTheContractsOne(t *testing.T) {
	t.Parallel()
	s, p := openReal(t)
	for _, args := range [][]any{
		{"keys", "*"}, {"eval", "return 1", 0}, {"publish", p.Events(), "x"}, {"info"}, {"flushdb"}, {"client", "setname", "x"},
		{"multi"}, {"get", "outside:" + string(p)},
	} {
		err := s.do(t.Context(), func(ctx context.Context, c *goredis.Client) error { return c.Do(ctx, args...).Err() })
		denied, ok := errors.AsType[*PermissionError](err)
		if !ok {
			t.Errorf("%v: got %v, want a PermissionError; is the user of TEST_REDIS_URL the contract's?", args, err)
			continue
		}
		if want := "custodian-adapter"; denied.User != want {
			t.Errorf("%v: user is %q, want %q", args, denied.User, want)
		}
		if args[0] == "keys" && !strings.Contains(denied.Error(), "KEYS; missing grant: ACL SETUSER custodian-adapter +keys") {
			t.Errorf("message is %q", denied)
		}
		if args[0] == "get" && !strings.Contains(denied.Error(), "~custodian:*") {
			t.Errorf("message is %q", denied)
		}
	}
	if !s.Up() {
		t.Error("refused commands took the server down")
	}
}

func TestRealDatabaseOtherThanZeroNamesTheMissingGrant(t *testing.T) {
	t.Parallel()
	u, err := url.Parse(testURL(t))
	if err != nil {
		t.Fatal("TEST_REDIS_URL is malformed")
	}
	u.Path = "/1"
	s, err := Open(t.Context(), Options{URL: u.String()})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := s.Check(t.Context()); err == nil || !strings.Contains(err.Error(), "+select") {
		t.Errorf("got %v, want a missing grant for SELECT", err)
	}
}

func TestRealWrongPassword(t *testing.T) {
	t.Parallel()
	u, err := url.Parse(testURL(t))
	if err != nil {
		t.Fatal("TEST_REDIS_URL is malformed")
	}
	u.User = url.UserPassword(u.User.Username(), "hunter2")
	s, err := Open(t.Context(), Options{URL: u.String()})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for _, err := range []error{s.Check(t.Context()), s.State().Err} {
		if !errors.Is(err, ErrAuth) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("got %v, want ErrAuth without the password", err)
		}
	}
}

func TestRealCache(t *testing.T) {
	t.Parallel()
	s, p := openReal(t)
	testCacheBasics(t, s, p)
	testCachePatterns(t, s, p, p+"other:")
	testCacheManyKeys(t, s, p+"many:")
}

func TestRealCacheEntriesExpire(t *testing.T) {
	t.Parallel()
	s, p := openReal(t)
	c, ctx := NewCache(s, p, time.Hour), t.Context()
	if err := c.Set(ctx, "short", []byte("v"), 50*time.Millisecond); err != nil {
		t.Fatal(err)
	}
	if err := c.Set(ctx, "default", []byte("v"), 0); err != nil {
		t.Fatal(err)
	}
	await(t, "the entry to expire", func() bool {
		_, err := c.Get(ctx, "short")
		return errors.Is(err, ErrMiss)
	})
	if ttl := s.client.TTL(ctx, p.Cache("default")).Val(); ttl < 59*time.Minute || ttl > time.Hour {
		t.Errorf("default time to live is %s, want 1h", ttl)
	}
	if err := c.Expire(ctx, "default", 20*time.Millisecond); err != nil {
		t.Fatal(err)
	}
	await(t, "the other entry to expire", func() bool {
		ok, err := c.Exists(ctx, "default")
		return err == nil && !ok
	})
}

// testName is a service name that no other test has.
func testName() string { return strings.Trim(strings.ReplaceAll(string(testPrefix()), ":", "-"), "-") }

func TestRealDiscovery(t *testing.T) {
	t.Parallel()
	s, _ := openReal(t)
	testDiscovery(t, s, testName())
}

func TestRealServiceExpires(t *testing.T) {
	t.Parallel()
	s, _ := openReal(t)
	d, ctx, svc := NewDiscovery(s), t.Context(), testService(testName())
	if err := d.announce(ctx, svc, 100*time.Millisecond, always); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Discover(ctx, svc.ServiceName); err != nil {
		t.Fatal(err)
	}
	await(t, "the service to expire", func() bool {
		_, err := d.Discover(ctx, svc.ServiceName)
		return errors.Is(err, ErrNotFound)
	})
	if err := d.Heartbeat(ctx, svc); !errors.Is(err, ErrNotRegistered) {
		t.Errorf("Heartbeat returned %v, want ErrNotRegistered", err)
	}
}

func TestRealServiceLoopBeatsAndWithdraws(t *testing.T) {
	t.Parallel()
	s, _ := openReal(t)
	d, ctx, svc := NewDiscovery(s), t.Context(), testService(testName())
	loop := start(t, keep(d, svc, 20*time.Millisecond, nil))
	find := func() (Service, bool) {
		got, err := d.Discover(ctx, svc.ServiceName)
		return got, err == nil
	}
	await(t, "the service to be announced", func() bool { _, ok := find(); return ok })
	first, _ := find()
	await(t, "a heartbeat", func() bool {
		got, ok := find()
		return ok && got.LastHeartbeat.After(first.LastHeartbeat)
	})
	if _, err := s.unlink(ctx, serviceKey(svc.ServiceName)); err != nil {
		t.Fatal(err)
	}
	await(t, "the service to be announced anew", func() bool { _, ok := find(); return ok })
	loop.stop(t)
	if _, ok := find(); ok {
		t.Error("service is still announced after the loop's end")
	}
}

func TestRealPublisherCopies(t *testing.T) {
	t.Parallel()
	s, p := openReal(t)
	testPublisherCopies(t, s, p)
}

func TestRealPublisherRestarts(t *testing.T) {
	t.Parallel()
	s, p := openReal(t)
	testPublisherRestarts(t, s, p)
}

func TestRealPublisherRefills(t *testing.T) {
	t.Parallel()
	s, p := openReal(t)
	ctx := t.Context()
	j := newJournal(5000)
	loop := start(t, NewPublisher(s, p, j, PublisherOptions{MaxLen: 1000}).Run)
	whole := func() bool { return s.client.XLen(ctx, p.Events()).Val() >= 1000 }
	await(t, "the stream to be filled", whole)
	loop.stop(t)
	for range 3 {
		pub := NewPublisher(s, p, j, PublisherOptions{MaxLen: 1000})
		loop := start(t, pub.Run)
		caughtUp(t, pub)
		if _, err := s.unlink(ctx, p.Events()); err != nil {
			t.Fatal(err)
		}
		j.append(1)
		await(t, "the stream to be filled again", func() bool { return pub.Lag() == 0 && whole() })
		loop.stop(t)
		got := entries(t, s.client, p)
		wantStream(t, got, j, j.Durable()-uint64(len(got))+1)
	}
}

func TestRealPublisherBounds(t *testing.T) {
	t.Parallel()
	s, p := openReal(t)
	testPublisherBounds(t, s, p)
}

func TestRealPublisherReplaces(t *testing.T) {
	t.Parallel()
	s, p := openReal(t)
	testPublisherReplaces(t, s, p)
}

func TestRealPublisherOnAFailingWire(t *testing.T) {
	t.Parallel()
	s, p := openReal(t)
	opts, err := Options{URL: testURL(t)}.clientOptions()
	if err != nil {
		t.Fatal(err)
	}
	w := &wire{url: testURL(t), dial: func() (net.Conn, error) { return net.Dial("tcp", opts.Addr) }}
	testPublisherOnFailingWire(t, s, w, p, 6000, 120_000)
}

func TestRealDropPrefix(t *testing.T) {
	t.Parallel()
	s, p := openReal(t)
	ctx := t.Context()
	for _, prefix := range []Prefix{p + "a:", p + "b:"} {
		if err := NewCache(s, prefix, 0).Set(ctx, "k", nil, 0); err != nil {
			t.Fatal(err)
		}
		pub := NewPublisher(s, prefix, newJournal(10), PublisherOptions{})
		loop := start(t, pub.Run)
		caughtUp(t, pub)
		loop.stop(t)
	}
	if n, err := s.DropPrefix(ctx, p+"a:"); err != nil || n != 2 {
		t.Errorf("dropped %d, %v; want 2", n, err)
	}
	var left []string
	if err := s.scan(ctx, string(p), func(keys []string) error { left = append(left, keys...); return nil }); err != nil {
		t.Fatal(err)
	}
	slices.Sort(left)
	left = slices.Compact(left)
	if want := []string{(p + "b:").Cache("k"), (p + "b:").Events()}; !slices.Equal(left, want) {
		t.Errorf("left are %v, want %v", left, want)
	}
}

func TestRealConnectionsStayWithinThePool(t *testing.T) {
	t.Parallel()
	s, p := openReal(t)
	c := NewCache(s, p, 0)
	done := make(chan error)
	for range 200 {
		go func() {
			for range 20 {
				if err := c.Set(context.Background(), "k", []byte("v"), time.Minute); err != nil {
					done <- err
					return
				}
			}
			done <- nil
		}()
	}
	for range 200 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	if stats := s.client.PoolStats(); stats.TotalConns > defaultPoolSize {
		t.Errorf("%d connections, want at most %d", stats.TotalConns, defaultPoolSize)
	}
}
