package supervisor

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"runtime/pprof"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/obs/terminal"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/custodianpb"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/store/redis"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/supervisor/config"
)

// leakCycles overrides how many instances come and go: make leaks CYCLES=1000.
var leakCycles = flag.Int("leaks.cycles", 0, "how many instances are added, used and removed on each store; 0 for the number of each test")

// footprint is what a process and its servers hold.
type footprint struct {
	counts map[string]int // must come back to what they were
	heap   uint64         // bytes
}

// visits is a supervisor to which instances come and go.
type visits struct {
	*harness
	trap      *trap
	receiver  *httptest.Server
	delivered atomic.Int64
	taken     net.Listener // a port that no instance can have
	http      int
	grpc      int
	name      func(cycle int) string
	extra     func() map[string]int // what the servers hold
}

func newVisits(t *testing.T, c config.Config) *visits {
	t.Helper()
	v := &visits{trap: &trap{}, http: freePort(t), grpc: freePort(t), name: func(n int) string { return fmt.Sprintf("custodian-leaks-%d", n) }}
	v.receiver = httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { v.delivered.Add(1) }))
	t.Cleanup(v.receiver.Close)
	var err error
	if v.taken, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = v.taken.Close() })
	v.harness = open(t, options{config: c, wrap: v.trap.wrap})
	v.run()
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	v.ctx = ctx // the number of cycles bounds the test, and patience each wait
	return v
}

// entry is that of an instance on the ports that all have after one another.
func (v *visits) entry(name string, more ...string) config.Instance {
	return entry(v.t, name, append(more, fmt.Sprintf(`"http_port":%d,"grpc_port":%d`, v.http, v.grpc),
		`"opening":{"balances":[{"account_id":"a","currency":"USD","available_balance":"10.00"}]}`)...)
}

// cycle adds an instance, has it do what instances do, and removes it.
func (v *visits) cycle(n int) {
	v.t.Helper()
	v.trap.name = v.name(n) // nothing runs that could look at it
	one, err := v.Add(v.ctx, v.entry(v.name(n), fmt.Sprintf(`"webhooks":{"allow_targets":["127.0.0.1"],"endpoints":[
		{"id":"ops","url":%q,"secret":"whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz"}]}`, v.receiver.URL)), true)
	if err != nil {
		v.t.Fatal(err)
	}
	before := v.delivered.Load()
	conn, err := grpc.NewClient(one.GRPCAddr, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		v.t.Fatal(err)
	}
	watch, err := custodianpb.NewReportingServiceClient(conn).WatchEvents(v.ctx, &custodianpb.WatchEventsRequest{})
	if err != nil {
		v.t.Fatal(err)
	}
	stream := v.openStream(one.HTTPAddr)
	v.deposit(one.HTTPAddr, "d-1")
	v.want(http.StatusOK, http.MethodGet, one.HTTPAddr, "/api/v1/settlements", "")
	v.want(http.StatusOK, http.MethodGet, one.HTTPAddr, "/metrics", "")
	if _, err := watch.Recv(); err != nil {
		v.t.Fatal(err)
	}
	if len(v.scrape(fmt.Sprintf("instance=%q", one.Name))) == 0 {
		v.t.Error("no series")
	}
	if n%4 == 0 {
		v.until("a webhook was delivered", func() bool { return v.delivered.Load() > before })
	}
	if n%3 == 1 {
		v.must(v.Pause(v.ctx, one.Name))
		v.must(v.Resume(v.ctx, one.Name))
	}
	if n%5 == 2 {
		v.trap.set("engine.(*session).commit")
		_, _ = request(v.ctx, http.MethodPost, one.HTTPAddr, "/api/v1/settlements", depositBody("d-2"))
		v.awaitRestarts(one.Name, 1)
		v.want(http.StatusOK, http.MethodGet, one.HTTPAddr, "/api/v1/settlements", "")
	}
	if n%7 == 3 {
		v.must(v.Restart(v.ctx, one.Name, 0, true))
	}
	spec := mustFind(v.harness, one.Name).specNow()
	if n%2 == 0 {
		v.must(v.Drain(v.ctx, one.Name, 0, true))
	}
	if _, err := v.Remove(v.ctx, one.Name, RemoveOptions{Purge: true, Wait: true}); err != nil {
		v.t.Fatal(err)
	}
	if !refuses(one.HTTPAddr) || !refuses(one.GRPCAddr) {
		v.t.Errorf("%s left a port", one.Name)
	}
	_, _ = stream.Body.Close(), conn.Close() // both have ended
	v.wantNoKeys(spec)
	switch n % 8 {
	case 3:
		v.failingStart(n)
	case 6:
		v.takenPort(n)
	}
}

// wantNoKeys checks that nothing of an instance is left in Redis.
func (v *visits) wantNoKeys(spec Spec) {
	v.t.Helper()
	server, release, err := v.host.redisOf(v.ctx, spec)
	if err != nil {
		v.t.Fatal(err)
	}
	defer release()
	if n, err := server.DropPrefix(v.ctx, redis.Prefix(spec.RedisPrefix)); n > 0 || err != nil {
		v.t.Errorf("%s left %d keys: %v", spec.Name, n, err)
	}
	if _, err := redis.NewDiscovery(server).Discover(v.ctx, spec.Name); !errors.Is(err, redis.ErrNotFound) {
		v.t.Errorf("%s is still discovered: %v", spec.Name, err)
	}
}

// openStream opens an event stream that is never read to its end.
func (v *visits) openStream(addr string) *http.Response {
	v.t.Helper()
	r, err := http.NewRequestWithContext(v.ctx, http.MethodGet, "http://"+addr+"/api/v1/events", nil)
	if err != nil {
		v.t.Fatal(err)
	}
	r.Header.Set("Accept", "text/event-stream")
	resp, err := client.Do(r)
	if err != nil {
		v.t.Fatal(err)
	}
	if line, err := bufio.NewReader(resp.Body).ReadString('\n'); err != nil {
		v.t.Fatalf("%q, %v", line, err)
	}
	return resp
}

// failingStart adds an instance whose store fails before its books are opened.
func (v *visits) failingStart(n int) {
	v.t.Helper()
	v.trap.name = v.name(n) + "-fails"
	v.trap.set("engine.(*session).load(")
	// The next try, which would succeed, comes too late.
	_, err := v.Add(v.ctx, v.entry(v.trap.name, `"restart":{"initial":"1m","max":"1m"}`), true)
	wantKind(v.t, err, KindUnavailable, "did not start and is forgotten")
	v.forgotten(v.trap.name)
}

// takenPort adds an instance whose port somebody else has.
func (v *visits) takenPort(n int) {
	v.t.Helper()
	name := v.name(n) + "-taken"
	ctx, cancel := context.WithCancel(v.ctx) // nobody waits for the last try
	added := make(chan error, 1)
	go func() {
		_, err := v.Add(ctx, entry(v.t, name, fmt.Sprintf(`"http_port":%d,"grpc_port":%d`, v.taken.Addr().(*net.TCPAddr).Port, v.grpc)), true)
		added <- err
	}()
	v.awaitState(name, StateStarting)
	cancel()
	_ = <-added //nolint:staticcheck // says what is thrown away: how the start that nobody waits for ended
	if _, err := v.Remove(v.ctx, name, RemoveOptions{Purge: true, Wait: true}); kindOf(err) != KindNotFound && err != nil {
		v.t.Error(err)
	}
	v.forgotten(name)
}

func (v *visits) forgotten(name string) {
	v.t.Helper()
	v.until(name+" is forgotten", func() bool { _, err := v.Get(name); return kindOf(err) == KindNotFound })
}

// goroutines counts those that run, but for the ones of connections to the embedded
// Redis: how many connections its pool has depends on how many commands happened
// to be under way at once, up to the pool's bound. A server too many would show by
// its own.
func goroutines(t *testing.T) (n int) {
	t.Helper()
	var stacks bytes.Buffer
	if err := pprof.Lookup("goroutine").WriteTo(&stacks, 2); err != nil {
		t.Fatal(err)
	}
	for stack := range strings.SplitSeq(stacks.String(), "\n\n") {
		if !strings.Contains(stack, "store/redis.(*queuedConn)") && !strings.Contains(stack, "miniredis/v2/server.(*Server).") {
			n++
		}
	}
	return n
}

// take measures what is held.
func (v *visits) take() footprint {
	v.t.Helper()
	f := footprint{counts: map[string]int{"goroutines": goroutines(v.t), "series": len(v.scrape("instance="))}}
	entries, err := os.ReadDir("/proc/self/fd")
	if err == nil { // where there is no such directory, nothing is counted
		f.counts["file descriptors"] = len(entries)
	}
	err = filepath.WalkDir(v.host.storages.dataDir, func(string, fs.DirEntry, error) error { f.counts["files"]++; return nil })
	if err != nil {
		v.t.Fatal(err)
	}
	v.mu.RLock()
	f.counts["instances"] = len(v.instances)
	v.mu.RUnlock()
	if v.extra != nil {
		maps.Copy(f.counts, v.extra())
	}
	var m runtime.MemStats
	for range 3 { // finalizers free what the next round takes away
		runtime.GC()
	}
	runtime.ReadMemStats(&m)
	f.heap = m.HeapAlloc
	return f
}

// more lists what is held beyond what was held before.
func (f footprint) more(before footprint) (grown []string) {
	for _, what := range slices.Sorted(maps.Keys(f.counts)) {
		if f.counts[what] > before.counts[what] {
			grown = append(grown, fmt.Sprintf("%d %s instead of %d", f.counts[what], what, before.counts[what]))
		}
	}
	return grown
}

// heapPerCycle bounds how much the heap may grow with each instance that was
// there. Garbage that is not collected yet and growing tables make it uneven; a
// leak of a group, or of one of its parts, is tens of kilobytes.
const heapPerCycle = 2 << 10

// heapSlack is what the heap may differ by however many cycles there were.
const heapSlack = 4 << 20

// wantNothingLeft runs cycles and compares what is held after with before.
func (v *visits) wantNothingLeft(cycles int) {
	v.t.Helper()
	show := terminal.NewScreen(io.Discard, os.Getenv)
	if *leakCycles > 0 {
		cycles, show = *leakCycles, terminal.NewScreen(os.Stderr, os.Getenv)
	}
	warmUp := min(30, max(15, cycles/10))         // caches and pools fill; one of each kind of cycle
	run := func(what string, first, cycles int) { // its progress has ended when it returns: it is not counted
		var at atomic.Uint64
		defer show.ShowLive(func() terminal.Progress {
			return terminal.Progress{What: what, Done: at.Load(), Total: uint64(cycles), Unit: "instances", Detail: v.t.Name()}
		})()
		for n := range cycles {
			v.cycle(first + n)
			at.Add(1)
		}
	}
	run("warming up", 0, warmUp)
	v.settleDown()
	before := v.take()
	start := time.Now()
	run("adding and removing", warmUp, cycles)
	took := time.Since(start)
	v.settleDown()
	var after footprint
	deadline := time.Now().Add(patience)
	for after = v.take(); len(after.more(before)) > 0 && time.Now().Before(deadline); after = v.take() {
		runtime.Gosched() // what ends takes its time
	}
	grown := int64(after.heap) - int64(before.heap)
	v.t.Logf("%d cycles in %s (%s each); before %v, heap %d KiB; after %v, heap %d KiB", cycles, took.Round(time.Millisecond),
		(took / time.Duration(cycles)).Round(time.Microsecond), before.counts, before.heap>>10, after.counts, after.heap>>10)
	if left := after.more(before); len(left) > 0 {
		var stacks bytes.Buffer
		_ = pprof.Lookup("goroutine").WriteTo(&stacks, 1)
		v.t.Errorf("left behind: %s\n%s", strings.Join(left, "; "), stacks.String())
	}
	if grown > heapSlack+int64(cycles)*heapPerCycle {
		v.t.Errorf("the heap grew by %d KiB in %d cycles", grown>>10, cycles)
	}
}

// settleDown waits for what ends beside: clients' connections.
func (v *visits) settleDown() {
	client.CloseIdleConnections()
	v.receiver.CloseClientConnections()
}

func TestInstancesInMemoryLeaveNothingBehind(t *testing.T) {
	newVisits(t, testConfig(t)).wantNothingLeft(300)
}

func TestInstancesOnSQLiteLeaveNothingBehind(t *testing.T) {
	c := testConfig(t)
	c.Storage.Driver = config.StorageSQLite
	newVisits(t, c).wantNothingLeft(40) // each takes most of a second with the race detector
}
