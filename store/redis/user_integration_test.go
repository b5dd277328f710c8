//go:build integration && unix

package redis

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	goredis "github.com/redis/go-redis/v9"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/store/storetest/servers"
)

// openProvisioned returns a Server whose user may make users, on the server of
// an administrator's URL.
func openProvisioned(t *testing.T, adminURL string, change ...func(*Options)) *Server {
	t.Helper()
	u, err := url.Parse(adminURL)
	if err != nil {
		t.Fatal(err)
	}
	name := "supervisor-" + testName()
	u.User = url.UserPassword(name, "pw-"+name)
	p, err := NewProvision(u.String(), true)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // a second time changes nothing
		if _, err := p.Apply(t.Context(), adminURL, false); err != nil {
			t.Fatal(err)
		}
	}
	o := Options{URL: u.String()}
	for _, c := range change {
		c(&o)
	}
	s, err := Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	if err := errors.Join(s.Check(t.Context()), s.CheckUsers(t.Context())); err != nil {
		t.Fatal(err)
	}
	return s
}

func adminURL(t *testing.T) string {
	t.Helper()
	u := os.Getenv("TEST_REDIS_ADMIN_URL")
	if u == "" {
		t.Fatal("TEST_REDIS_ADMIN_URL is not set; `make test-integration` starts a Redis and sets it")
	}
	return u
}

func clientOf(t *testing.T, url, user, password string) *goredis.Client {
	t.Helper()
	o := Options{URL: url}
	copts, err := o.clientOptions()
	if err != nil {
		t.Fatal(err)
	}
	if user != "" {
		copts.Username, copts.Password = user, password
	}
	c := goredis.NewClient(copts)
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// as returns the server as an instance uses it, with the user made.
func as(t *testing.T, s *Server, p Prefix) *Server {
	t.Helper()
	own, err := s.As(p)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = own.Close()
		if err := s.DropUser(context.Background(), p); err != nil && !errors.Is(err, ErrUnavailable) {
			t.Error(err)
		}
	})
	if err := NewCache(own, p, 0).Set(t.Context(), "mine", []byte("1"), 0); err != nil {
		t.Fatal(err)
	}
	return own
}

func TestRealServerRefusesAnInstanceWhatIsAnothers(t *testing.T) {
	t.Parallel()
	s := openProvisioned(t, adminURL(t))
	mine, theirs := testPrefix(), testPrefix()
	own := as(t, s, mine)
	as(t, s, theirs)
	admin, intruder := clientOf(t, adminURL(t), "", ""), clientOf(t, adminURL(t), own.as.name, own.as.password)
	key, mineKey := theirs.Cache("mine"), mine.Cache("mine")
	ctx := t.Context()
	refused := func(args ...any) {
		t.Helper()
		if err := intruder.Do(ctx, args...).Err(); err == nil || !strings.HasPrefix(err.Error(), "NOPERM") {
			t.Errorf("%v: %v, want it to be refused", args, err)
		}
	}
	for _, args := range [][]any{
		{"get", key}, {"set", key, "x"}, {"del", key}, {"unlink", key}, {"exists", key}, {"expire", key, 1}, {"ttl", key}, {"type", key}, {"dump", key},
		{"rename", key, mineKey}, {"rename", mineKey, key}, {"copy", key, mineKey}, {"copy", mineKey, key}, {"mget", mineKey, key}, {"append", key, "x"},
		{"object", "encoding", key}, {"memory", "usage", key},
		{"xadd", theirs.Events(), "*", "a", "b"}, {"xrange", theirs.Events(), "-", "+"}, {"xread", "streams", theirs.Events(), "0"}, {"xlen", theirs.Events()},
		{"xtrim", theirs.Events(), "maxlen", 0},
		{"get", serviceKey("x")}, {"set", heartbeatKey("x"), "1"}, {"get", "elsewhere"},
		// What would tell the names of all keys.
		{"scan", 0}, {"scan", 0, "match", string(theirs) + "*"}, {"keys", "*"}, {"randomkey"}, {"dbsize"},
		{"publish", theirs.Events(), "x"}, {"subscribe", theirs.Events()}, {"psubscribe", "*"}, {"publish", mine.Events(), "x"},
		{"select", 1}, {"flushdb"}, {"eval", "return 1", 0}, {"function", "flush"}, {"function", "load", "#!lua name=x"}, {"config", "get", "*"}, {"client", "list"}, {"acl", "list"}, {"acl", "setuser", "x"}, {"info"}, {"multi"},
	} {
		refused(args...)
	}
	if got, err := intruder.Get(ctx, mineKey).Result(); err != nil || got != "1" {
		t.Errorf("its own: %q, %v", got, err)
	}
	// Were the commands allowed, its channels would be its own alone.
	if err := admin.Do(ctx, "acl", "setuser", own.as.name, "+publish").Err(); err != nil {
		t.Fatal(err)
	}
	refused("publish", theirs.Events(), "x")
	if err := intruder.Publish(ctx, string(mine)+"channel", "x").Err(); err != nil {
		t.Errorf("its own channel: %v", err)
	}
	// Nor may the supervisor's user do more than it needs.
	supervisor := clientOf(t, s.opts.URL, "", "")
	for _, args := range [][]any{{"acl", "list"}, {"config", "get", "*"}, {"get", "elsewhere"}, {"keys", "*"}} {
		if err := supervisor.Do(ctx, args...).Err(); err == nil || !strings.HasPrefix(err.Error(), "NOPERM") {
			t.Errorf("the supervisor's %v: %v", args, err)
		}
	}
}

// A name that begins as another's does is another name.
func TestRealInstanceWithoutANameHasItsOwnKeysAlone(t *testing.T) {
	t.Parallel()
	redis := privateRedis(t)
	s := openProvisioned(t, redis.AdminURL)
	own := as(t, s, Root)
	intruder := clientOf(t, redis.AdminURL, own.as.name, own.as.password)
	for _, key := range []string{"custodian:one:events", serviceKey("one"), Root} {
		if err := intruder.Set(t.Context(), key, "x", 0).Err(); err == nil || !strings.HasPrefix(err.Error(), "NOPERM") {
			t.Errorf("%s: %v", key, err)
		}
	}
	for _, key := range []string{Prefix(Root).Events(), Prefix(Root).Cache("x")} {
		if err := intruder.Set(t.Context(), key, "x", 0).Err(); err != nil {
			t.Errorf("%s: %v", key, err)
		}
	}
}

func privateRedis(t *testing.T) *servers.Redis {
	t.Helper()
	r, err := servers.StartRedis(t.Context(), servers.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
}

func TestRealNewStartShutsTheOneBeforeOut(t *testing.T) {
	t.Parallel()
	s, p := openProvisioned(t, adminURL(t)), testPrefix()
	before := as(t, s, p)
	session := clientOf(t, adminURL(t), before.as.name, before.as.password).Conn()
	defer session.Close()
	if err := session.Ping(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	as(t, s, p)
	if err := session.Ping(t.Context()).Err(); err == nil {
		t.Error("a session from before goes on")
	}
	err := clientOf(t, adminURL(t), before.as.name, before.as.password).Ping(t.Context()).Err()
	if err == nil || !strings.HasPrefix(err.Error(), "WRONGPASS") {
		t.Errorf("the password from before: %v", err)
	}
}

func TestRealUserIsMadeAnewWhenRedisForgetsIt(t *testing.T) {
	t.Parallel()
	redis := privateRedis(t)
	s, p := openProvisioned(t, redis.AdminURL), testPrefix()
	own := as(t, s, p)
	j := newJournal(10)
	publisher := start(t, NewPublisher(own, p, j, PublisherOptions{}).Run)
	admin := clientOf(t, redis.AdminURL, "", "")
	complete := func() bool {
		n, err := admin.XLen(t.Context(), p.Events()).Result()
		return err == nil && int(n) == int(j.Durable())
	}
	await(t, "the events are there", complete)

	for what, hurt := range map[string]func(){
		"deleted":         func() { _ = admin.Do(t.Context(), "acl", "deluser", own.as.name).Err() },
		"without keys":    func() { _ = admin.Do(t.Context(), "acl", "setuser", own.as.name, "resetkeys").Err() },
		"with a password": func() { _ = admin.Do(t.Context(), "acl", "setuser", own.as.name, "resetpass", ">another").Err() },
		"forgotten by a restart": func() {
			if err := redis.Restart(t.Context()); err != nil {
				t.Fatal(err)
			}
			// The supervisor's user is the administrator's to keep.
			provision, err := NewProvision(s.opts.URL, true)
			if err != nil {
				t.Fatal(err)
			}
			await(t, "the server takes administrators", func() bool {
				_, err := provision.Apply(t.Context(), redis.AdminURL, false)
				return err == nil
			})
		},
	} {
		hurt()
		j.append(5)
		await(t, "the events are there with the user "+what, complete)
	}
	publisher.stop(t)
	wantStream(t, entries(t, admin, p), j, 1)
}

func TestRealPasswordOfAUserAppearsNowhere(t *testing.T) {
	t.Parallel()
	redis, err := servers.StartRedis(t.Context(), servers.Options{ExtraConf: []string{"loglevel debug", "slowlog-log-slower-than 0", "acllog-max-len 128"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = redis.Close() })
	var log syncBuffer
	s := openProvisioned(t, redis.AdminURL, func(o *Options) {
		o.Logger = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	})
	p := testPrefix()
	own := as(t, s, p)
	admin := clientOf(t, redis.AdminURL, "", "")
	var told []string
	tell := func(err error) {
		t.Helper()
		if err == nil {
			t.Error("no error to look at")
		}
		told = append(told, fmt.Sprintf("%v %+v", err, err))
	}
	if err := admin.Do(t.Context(), "acl", "setuser", own.as.name, "off").Err(); err != nil { // healed
		t.Fatal(err)
	}
	if err := admin.Do(t.Context(), "client", "kill", "user", own.as.name).Err(); err != nil {
		t.Fatal(err)
	}
	if err := NewCache(own, p, 0).Set(t.Context(), "mine", []byte("2"), 0); err != nil {
		t.Error(err)
	}
	tell(NewCache(own, "custodian:other:", 0).Set(t.Context(), "theirs", []byte("1"), 0))
	if err := admin.Do(t.Context(), "acl", "setuser", s.user, "-acl|setuser").Err(); err != nil {
		t.Fatal(err)
	}
	tell(s.CheckUsers(t.Context()))
	if err := admin.Do(t.Context(), "acl", "deluser", own.as.name).Err(); err != nil {
		t.Fatal(err)
	}
	tell(NewCache(own, p, 0).Set(t.Context(), "mine", []byte("3"), 0))
	told = append(told, fmt.Sprintf("%v %+v %#v %+v", own.as, own.as, own.as, own))

	slow, err := admin.Do(t.Context(), "slowlog", "get", 128).Result()
	if err != nil {
		t.Fatal(err)
	}
	denied, err := admin.Do(t.Context(), "acl", "log").Result()
	if err != nil {
		t.Fatal(err)
	}
	serverLog, err := os.ReadFile(filepath.Join(redis.Dir, "server.log"))
	if err != nil {
		t.Fatal(err)
	}
	for place, text := range map[string]string{
		"the log of this program": log.String(), "errors": strings.Join(told, "\n"), "the log of the server": string(serverLog),
		"the slow log": fmt.Sprint(slow), "the log of refusals": fmt.Sprint(denied),
	} {
		if strings.Contains(text, own.as.password) {
			t.Errorf("%s has the password", place)
		}
		if text == "" {
			t.Errorf("%s is empty, which shows nothing", place)
		}
	}
}
