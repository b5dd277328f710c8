//go:build integration && unix

package supervisor

import (
	"fmt"
	"net/http"
	"net/url"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/store/storetest/servers"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/supervisor/config"
)

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
