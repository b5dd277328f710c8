//go:build integration && unix

package supervisor

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/store/redis"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/store/storetest/servers"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/supervisor/config"
)

// redisTrouble is a supervisor with two instances and a Redis of its own, that
// things are done to while settlements go on.
type redisTrouble struct {
	*harness
	server *servers.Redis
	admin  *goredis.Client
	names  []string
}

// startRedis starts a Redis of the test's own.
func startRedis(t *testing.T, o servers.Options) (*servers.Redis, *goredis.Client) {
	t.Helper()
	server, err := servers.StartRedis(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	options, err := goredis.ParseURL(server.AdminURL)
	if err != nil {
		t.Fatal(err)
	}
	admin := goredis.NewClient(options)
	t.Cleanup(func() {
		_ = admin.Close()
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})
	return server, admin
}

// redisConfig is a supervisor's configuration with two instances on a Redis.
// The books are in files, so that no other server takes part.
func redisConfig(t *testing.T, url string) (config.Config, []string) {
	t.Helper()
	c := testConfig(t)
	c.Storage.Driver = config.StorageSQLite
	c.Redis.Driver, c.Redis.URL = config.RedisServer, config.Secret(url)
	names := []string{"trouble-a", "trouble-b"}
	for _, name := range names {
		c.Instances = append(c.Instances, entry(t, name))
	}
	return c, names
}

func newRedisTrouble(t *testing.T, o servers.Options) *redisTrouble {
	t.Helper()
	server, admin := startRedis(t, o)
	c, names := redisConfig(t, server.URL)
	r := &redisTrouble{server: server, admin: admin, names: names}
	r.harness = launch(t, options{config: c})
	for _, name := range names {
		r.awaitState(name, StateRunning)
	}
	return r
}

// custody is a flow of settlements, and how long each took to be acknowledged.
type custody struct {
	stop  context.CancelFunc
	group sync.WaitGroup
	mu    sync.Mutex
	took  []time.Duration
}

// settle sends deposits to all instances at a steady pace until it is stopped.
// Every one of them must be acknowledged.
func (r *redisTrouble) settle() *custody {
	ctx, stop := context.WithCancel(r.ctx)
	c := &custody{stop: stop}
	r.t.Cleanup(func() { stop(); c.group.Wait() })
	for _, name := range r.names {
		addr := r.must(r.Get(name)).HTTPAddr
		c.group.Go(func() {
			pace := time.NewTicker(5 * time.Millisecond)
			defer pace.Stop()
			for n := 0; ctx.Err() == nil; n++ {
				start := time.Now()
				a, err := request(r.ctx, http.MethodPost, addr, "/api/v1/settlements", depositBody(fmt.Sprintf("%s-%d", name, n)))
				if err != nil || a.status != http.StatusCreated {
					r.t.Errorf("a deposit was answered %d %s, %v", a.status, a.body, err)
					return
				}
				c.mu.Lock()
				c.took = append(c.took, time.Since(start))
				c.mu.Unlock()
				<-pace.C
			}
		})
	}
	return c
}

// phase waits until so many more deposits are acknowledged, and returns the
// median and the 99th percentile of what they took since the last phase.
func (r *redisTrouble) phase(c *custody, more int) (p50, p99 time.Duration) {
	r.t.Helper()
	r.until("deposits are acknowledged", func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		return len(c.took) >= more
	})
	c.mu.Lock()
	defer c.mu.Unlock()
	slices.Sort(c.took)
	p50, p99 = c.took[len(c.took)/2], c.took[len(c.took)*99/100]
	c.took = nil
	return p50, p99
}

// degraded waits until all that tells of an instance's health says that Redis is
// away and why, and that the instance serves all the same.
func (r *redisTrouble) degraded(reason string) {
	r.t.Helper()
	want := "Redis is not available: " + reason
	for _, name := range r.names {
		var last string
		r.until(name+" is degraded because "+reason, func() bool {
			s := r.must(r.Get(name))
			a := r.want(http.StatusOK, http.MethodGet, s.HTTPAddr, "/api/v1/ready", "")
			last = a.body
			return s.Ready && s.Degraded && s.DegradedBy == want &&
				strings.Contains(a.body, `"status":"degraded"`) && strings.Contains(a.body, want)
		})
		for _, secret := range []string{servers.RedisPassword, servers.RedisUser, r.server.Addr()} {
			if strings.Contains(last, secret) {
				r.t.Errorf("readiness shows %q: %s", secret, last)
			}
		}
	}
	r.until("the metrics tell", func() bool { return len(r.scrape(`custodian_redis_up{instance="trouble-a"} 0`)) == 1 })
}

// healed waits until every instance is ready in full, announced, and has all of
// its events in its stream.
func (r *redisTrouble) healed() {
	r.t.Helper()
	r.announced()
	for _, name := range r.names {
		r.until("the stream of "+name+" has caught up", func() bool {
			durable := r.must(r.Get(name)).Durable
			last, err := r.admin.XRevRangeN(r.ctx, r.stream(name), "+", "-", 1).Result()
			if err != nil || len(last) != 1 || last[0].ID != fmt.Sprintf("%d-0", durable) {
				return false
			}
			// An event that was added behind a hole shows the publisher that there is one.
			n, err := r.admin.XLen(r.ctx, r.stream(name)).Result()
			return err == nil && uint64(n) == durable
		})
	}
}

// announced waits until every instance is ready in full, and announced.
func (r *redisTrouble) announced() {
	r.t.Helper()
	for _, name := range r.names {
		r.until(name+" is announced", func() bool {
			status := r.must(r.Get(name))
			record, err := r.admin.Get(r.ctx, "custodian:service:"+name).Result()
			var s redis.Service
			return err == nil && json.Unmarshal([]byte(record), &s) == nil && status.Ready && !status.Degraded &&
				fmt.Sprintf("%s:%d", s.Address, s.Port) == status.HTTPAddr
		})
	}
}

func (r *redisTrouble) stream(name string) string {
	return r.must(r.Get(name)).RedisPrefix + "events"
}

// wantWholeStreams checks that every stream holds each event of its journal once,
// in order, with its hash.
func (r *redisTrouble) wantWholeStreams() {
	r.t.Helper()
	for _, name := range r.names {
		status := r.must(r.Get(name))
		entries, err := r.admin.XRange(r.ctx, r.stream(name), "-", "+").Result()
		if err != nil {
			r.t.Fatal(err)
		}
		if uint64(len(entries)) != status.Durable {
			r.t.Errorf("the stream of %s has %d entries, the journal %d events", name, len(entries), status.Durable)
		}
		next, cursor := 0, ""
		for next < len(entries) {
			var page struct {
				NextCursor string `json:"next_cursor"`
				Events     []struct {
					Sequence uint64
					Hash     string
				}
			}
			a := r.want(http.StatusOK, http.MethodGet, status.HTTPAddr, "/api/v1/events?limit=1000"+cursor, "")
			if err := json.Unmarshal([]byte(a.body), &page); err != nil || len(page.Events) == 0 {
				r.t.Fatalf("reading events behind %d: %v in %s", next, err, a.body)
			}
			for _, e := range page.Events {
				if next == len(entries) {
					break
				}
				if got := entries[next]; got.ID != fmt.Sprintf("%d-0", e.Sequence) || got.Values["hash"] != e.Hash {
					r.t.Fatalf("entry %d of the stream of %s is %s, the journal has event %d", next, name, got.ID, e.Sequence)
				}
				next++
			}
			cursor = "&cursor=" + url.QueryEscape(page.NextCursor)
		}
	}
}

// setPassword changes the password of the restricted user and ends its
// connections.
func (r *redisTrouble) setPassword(password string) {
	r.t.Helper()
	if err := r.admin.Do(r.ctx, "ACL", "SETUSER", servers.RedisUser, "resetpass", ">"+password).Err(); err != nil {
		r.t.Fatal(err)
	}
	if err := r.admin.Do(r.ctx, "CLIENT", "KILL", "USER", servers.RedisUser).Err(); err != nil {
		r.t.Fatal(err)
	}
}

func (r *redisTrouble) do(args ...any) {
	r.t.Helper()
	if err := r.admin.Do(r.ctx, args...).Err(); err != nil {
		r.t.Fatal(err)
	}
}

func (r *redisTrouble) signal(s syscall.Signal) {
	r.t.Helper()
	if err := syscall.Kill(r.server.PID(), s); err != nil {
		r.t.Fatal(err)
	}
}

func (r *redisTrouble) stopServer() {
	r.t.Helper()
	if err := r.server.Stop(); err != nil {
		r.t.Fatal(err)
	}
}

func (r *redisTrouble) restartServer() {
	r.t.Helper()
	if err := r.server.Restart(r.ctx); err != nil {
		r.t.Fatal(err)
	}
}
