//go:build integration && unix

package supervisor

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"runtime"
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
			last, err := r.admin.XRevRangeN(r.ctx, r.stream(name), "+", "-", 1).Result()
			return err == nil && len(last) == 1 && last[0].ID == fmt.Sprintf("%d-0", r.must(r.Get(name)).Durable)
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

// troubles are what can happen to a Redis while it is used. A reason of "" means
// that it is over before anybody can tell.
var troubles = []struct {
	name       string
	options    servers.Options
	begin, end func(r *redisTrouble)
	reason     string
}{
	{
		name: "killed, back empty", reason: "no connection can be made",
		begin: (*redisTrouble).stopServer, end: (*redisTrouble).restartServer,
	},
	{
		name: "killed, back as it was", options: servers.Options{Fsync: true}, reason: "no connection can be made",
		begin: (*redisTrouble).stopServer, end: (*redisTrouble).restartServer,
	},
	{
		name: "killed, back as it was some time before", reason: "no connection can be made",
		begin: func(r *redisTrouble) {
			r.do("SAVE")
			before := r.must(r.Get("trouble-a")).Durable
			r.until("more events come", func() bool { return r.must(r.Get("trouble-a")).Durable > before+20 })
			r.stopServer()
		},
		end: (*redisTrouble).restartServer,
	},
	{
		name: "restarted at once from an older state",
		begin: func(r *redisTrouble) {
			r.do("SAVE")
			before := r.must(r.Get("trouble-a")).Durable
			r.until("more events come", func() bool { return r.must(r.Get("trouble-a")).Durable > before+20 })
		},
		end: (*redisTrouble).restartServer,
	},
	{
		name: "full", reason: "it is out of memory",
		begin: func(r *redisTrouble) {
			r.do("CONFIG", "SET", "maxmemory-policy", "noeviction")
			r.do("CONFIG", "SET", "maxmemory", "100000")
		},
		end: func(r *redisTrouble) { r.do("CONFIG", "SET", "maxmemory", "0") },
	},
	{
		name: "password changed, and put right", reason: "it refuses the user name or password",
		begin: func(r *redisTrouble) { r.setPassword("another-password") },
		end:   func(r *redisTrouble) { r.setPassword(servers.RedisPassword) },
	},
	{
		name:  "flushed",
		begin: func(*redisTrouble) {},
		end:   func(r *redisTrouble) { r.do("FLUSHALL") },
	},
	{
		name: "stopped, then continued", reason: "it does not answer in time",
		begin: func(r *redisTrouble) { r.signal(syscall.SIGSTOP) },
		end:   func(r *redisTrouble) { r.signal(syscall.SIGCONT) },
	},
	{
		name: "made a replica of a master that is away, and a master again", reason: "it is a replica that takes no writes",
		begin: func(r *redisTrouble) { r.do("REPLICAOF", "127.0.0.1", "1") },
		end:   func(r *redisTrouble) { r.do("REPLICAOF", "NO", "ONE") },
	},
}

func TestRealRedisTroubleLeavesSettlementAloneAndHeals(t *testing.T) {
	t.Parallel()
	for _, trouble := range troubles {
		t.Run(trouble.name, func(t *testing.T) {
			t.Parallel()
			r := newRedisTrouble(t, trouble.options)
			custody := r.settle()
			r.phase(custody, 50) // the first are slower
			before50, before99 := r.phase(custody, 100)

			r.announced()
			trouble.begin(r)
			if trouble.reason != "" {
				r.degraded(trouble.reason)
			}
			during50, during99 := r.phase(custody, 100)
			trouble.end(r)
			ended := time.Now()
			custody.stop()
			custody.group.Wait()
			r.healed()
			took := time.Since(ended)
			t.Logf("p50 %v and p99 %v before, %v and %v during; healed %v after its end", before50, before99, during50, during99, took)
			// Waiting for Redis once would cost two seconds.
			if during50 > 5*before50+50*time.Millisecond || during99 > 5*before99+500*time.Millisecond {
				t.Errorf("settlement slowed down: p50 from %v to %v, p99 from %v to %v", before50, during50, before99, during99)
			}
			if took > 20*time.Second {
				t.Errorf("healing took %v", took)
			}
			r.wantWholeStreams()

			// What was away for a while is left in good order all the same.
			r.must(r.Drain(r.ctx, r.names[0], 0, true))
			if n, err := r.admin.Exists(r.ctx, "custodian:service:"+r.names[0], "custodian:heartbeat:"+r.names[0]).Result(); err != nil || n != 0 {
				t.Errorf("%d keys of discovery are left after the drain, %v", n, err)
			}
		})
	}
}

func TestRealRedisThatIsAwayAtStartIsWaitedFor(t *testing.T) {
	t.Parallel()
	server, admin := startRedis(t, servers.Options{})
	if err := server.Stop(); err != nil {
		t.Fatal(err)
	}
	c, names := redisConfig(t, server.URL)
	r := &redisTrouble{server: server, admin: admin, names: names}
	r.harness = launch(t, options{config: c})
	for _, name := range names {
		r.deposit(r.awaitState(name, StateRunning).HTTPAddr, "while it is away")
	}
	r.degraded("no connection can be made")
	r.restartServer()
	ended := time.Now()
	r.healed()
	t.Logf("announced and published %v after it came up", time.Since(ended))
	r.wantWholeStreams()
}

func TestRealInstanceWithAWrongRedisPasswordSettlesUntilItIsPutRight(t *testing.T) {
	t.Parallel()
	server, admin := startRedis(t, servers.Options{})
	u, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.UserPassword(servers.RedisUser, "not-yet-valid")
	c, names := redisConfig(t, server.URL)
	c.Redis.Driver, c.Redis.URL = config.RedisEmbedded, "" // the process itself needs none
	c.Instances = nil
	for _, name := range names {
		c.Instances = append(c.Instances, entry(t, name, fmt.Sprintf(`"redis":{"driver":"server","url":%q}`, u)))
	}
	r := &redisTrouble{server: server, admin: admin, names: names}
	r.harness = launch(t, options{config: c})
	for _, name := range names {
		r.deposit(r.awaitState(name, StateRunning).HTTPAddr, "with a wrong password")
	}
	r.degraded("it refuses the user name or password")
	for _, status := range r.List() {
		if text := fmt.Sprintf("%+v", status); strings.Contains(text, "not-yet-valid") {
			t.Errorf("the status shows the password: %s", text)
		}
	}
	r.do("ACL", "SETUSER", servers.RedisUser, ">not-yet-valid") // both are valid now
	ended := time.Now()
	r.healed()
	t.Logf("announced and published %v after the password was valid", time.Since(ended))
	r.wantWholeStreams()
}

// burst deposits so many thousand times, and returns by how much the heap grew.
func (r *redisTrouble) burst(label string, thousands int) (grown int64) {
	r.t.Helper()
	heap := func() int64 {
		runtime.GC()
		runtime.GC() // what finalizers let go
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	before := heap()
	for n := range 10 * thousands {
		var body strings.Builder
		for k := range 100 {
			fmt.Fprintf(&body, `,{"settlement_type":"DEPOSIT","account_id":"a","symbol":"X","quantity":"1","external_id":"%s-%d-%d"}`, label, n, k)
		}
		addr := r.must(r.Get(r.names[0])).HTTPAddr
		r.want(http.StatusOK, http.MethodPost, addr, "/api/v1/settlements/bulk", `{"settlements":[`+body.String()[1:]+`]}`)
	}
	return heap() - before
}

// It is not parallel: other tests would take memory as well.
func TestRealRedisThatIsAwayCostsNeitherMemoryNorGoroutines(t *testing.T) {
	r := newRedisTrouble(t, servers.Options{})
	r.deposit(r.must(r.Get(r.names[1])).HTTPAddr, "one")
	r.burst("first", 1)
	r.healed()
	there := r.burst("there", 1)
	r.healed()
	goroutines := runtime.NumGoroutine()
	r.stopServer()
	r.degraded("no connection can be made")
	away := r.burst("away", 3)
	if now := runtime.NumGoroutine(); now > goroutines+20 {
		t.Errorf("%d goroutines while Redis is away, %d before", now, goroutines)
	}
	t.Logf("the heap grew by %d kB for 1,000 deposits while Redis was there, and by %d kB for 3,000 while it was away", there>>10, away>>10)
	// Three thousand events that wait in memory would take more.
	if away > max(3*there, 0)+1<<20 {
		t.Errorf("the heap grew by %d bytes while Redis was away, and by %d for a third of the deposits before", away, there)
	}
	r.restartServer()
	r.healed()
	r.wantWholeStreams()
}
