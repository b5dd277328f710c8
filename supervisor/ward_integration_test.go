//go:build integration && unix

package supervisor

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/store/storetest/proxy"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/store/storetest/servers"
)

// wardTimeout is the request timeout of the instances in a ward, and the longest
// that any caller may wait; slack is what a busy machine may add to it.
const (
	wardTimeout = 4 * time.Second
	slack       = 5 * time.Second
)

// ward is one supervisor whose instances sick-1 and sick-2 have their books on a
// server of the test's own, behind a proxy, and quiet on another one. All three
// have callers.
type ward struct {
	*harness
	place   *place
	pg      *servers.Postgres
	proxy   *proxy.Proxy
	disk    *disk // of the sick database; nil where nothing can be mounted
	sick    []*traffic
	quiet   *traffic
	linger  time.Duration
	alone   bool   // nothing else runs in this process, so that growth is the ward's
	adminDB string // the sick database, as a superuser and around the proxy
}

// newWard makes the server, the proxy in front of it, and the database.
func newWard(t *testing.T) *ward {
	t.Helper()
	w := &ward{place: newPlace(t), harness: &harness{t: t, ctx: t.Context()}}
	w.pg = startPostgres(t)
	w.startProxy()
	w.makeDatabase()
	return w
}

// startPostgres starts a server that ends with the test.
func startPostgres(t *testing.T) *servers.Postgres {
	t.Helper()
	pg, err := servers.StartPostgres(t.Context(), servers.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := pg.Close(); err != nil {
			t.Error(err)
		}
	})
	return pg
}

func (w *ward) startProxy() {
	w.t.Helper()
	var err error
	if w.proxy, err = proxy.Start(w.pg.Addr()); err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() {
		if err := w.proxy.Close(); err != nil {
			w.t.Error(err)
		}
	})
}

// start starts the supervisor and the traffic; each of the sick instances has its
// books at one of the URLs. Faults last for as long as CUSTODIAN_LINGER says, a
// duration, after they have shown.
func (w *ward) start(urls ...string) {
	w.t.Helper()
	if text := os.Getenv("CUSTODIAN_LINGER"); text != "" {
		var err error
		if w.linger, err = time.ParseDuration(text); err != nil {
			w.t.Fatal(err)
		}
	}
	c := &w.place.config
	limits := fmt.Sprintf(`"limits":{"request_timeout":%q}`, wardTimeout)
	for i, u := range urls {
		c.Instances = append(c.Instances, entry(w.t, w.place.name(fmt.Sprintf("sick-%d", i+1)), limits,
			fmt.Sprintf(`"storage":{"driver":"postgres","postgres":{"url":%q}}`, u)))
	}
	c.Instances = append(c.Instances, entry(w.t, w.place.name("quiet"), limits))
	w.harness = launch(w.t, options{config: *c})
	for _, i := range c.Instances {
		s := w.awaitState(i.Name, StateRunning)
		if i.Name == w.place.name("quiet") {
			w.quiet = drive(w.t, s)
		} else {
			w.sick = append(w.sick, drive(w.t, s))
		}
	}
}

// withHost leads a URL to another address and database.
func withHost(t *testing.T, text, host, path string) string {
	t.Helper()
	u, err := url.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	u.Host, u.Path = host, path
	u.RawQuery = "sslmode=disable"
	return u.String()
}

// makeDatabase makes the sick instances' database, on a small disk of its own if
// this process may make one.
func (w *ward) makeDatabase() {
	w.t.Helper()
	w.adminDB = w.pg.AdminURL
	w.disk = newDisk(w.t, w.pg.Dir+"/small", w.pg.Dir, 48<<20)
	place := ""
	if w.disk != nil {
		w.sql("CREATE TABLESPACE small LOCATION '" + w.disk.dir + "'")
		place = " TABLESPACE small"
	}
	w.sql("CREATE DATABASE sick OWNER " + servers.PostgresUser + place)
	w.adminDB = withHost(w.t, w.pg.AdminURL, w.pg.Addr(), "/sick")
}

// session connects to the sick database around the proxy.
func (w *ward) session() (conn *pgx.Conn, end func()) {
	w.t.Helper()
	conn, err := pgx.Connect(w.ctx, w.adminDB)
	if err != nil {
		w.t.Fatal(err)
	}
	return conn, func() { _ = conn.Close(context.Background()) }
}

// sql executes statements, each on its own, as the superuser.
func (w *ward) sql(statements ...string) {
	w.t.Helper()
	conn, end := w.session()
	defer end()
	for _, s := range statements {
		if _, err := conn.Exec(w.ctx, s); err != nil {
			w.t.Fatalf("%s: %v", s, err)
		}
	}
}

// terminate ends the sick instances' sessions, all or those that are idle.
func (w *ward) terminate() {
	w.t.Helper()
	w.sql(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '` + servers.PostgresUser + `'`)
}

// progress waits until the sick instances have acknowledged so many more deposits
// and answered a list.
func (w *ward) progress(deposits int) {
	w.t.Helper()
	for _, s := range w.sick {
		done, lists, _ := s.counts()
		w.until(s.name+" makes progress", func() bool {
			nowDone, nowLists, _ := s.counts()
			return nowDone >= done+deposits && nowLists > lists && w.must(w.Get(s.name)).Ready
		})
	}
}

// fault is one kind of trouble.
type fault struct {
	name string
	// inject makes the trouble and returns what ends it.
	inject func(w *ward) (heal func())
	// spares reports that deposits are acknowledged all the while; otherwise the
	// sick instances must answer unavailable, and lists may as well.
	spares bool
}

// suffer takes the ward through one fault.
func (w *ward) suffer(f fault) {
	w.t.Helper()
	for _, s := range append(w.sick, w.quiet) {
		s.phase() // what came before does not count
	}
	before, begin := measure(), time.Now()
	heal := f.inject(w)
	begun := make([]int, len(w.sick))
	for i, s := range w.sick {
		done, _, refused := s.counts()
		begun[i] = refused
		w.until(f.name+" shows at "+s.name, func() bool {
			nowDone, _, nowRefused := s.counts()
			if f.spares {
				return nowDone >= done+10
			}
			return nowRefused >= refused+10
		})
	}
	shown, early := time.Since(begin), measure()
	if w.linger > 0 {
		timer := time.NewTimer(w.linger)
		<-timer.C
	}
	late := measure()
	_, _, quietRefused, quietSlowest, quietP99 := w.quiet.phase()

	heal()
	healed := time.Now()
	w.progress(5)
	recovered := time.Since(healed)
	after := measure()
	var slowest time.Duration
	refused := 0
	for i, s := range w.sick {
		_, _, total, worst, _ := s.phase()
		slowest, refused = max(slowest, worst), refused+total-begun[i]
		for _, p := range s.complaints() {
			w.t.Errorf("%s: %s: %s", f.name, s.name, p)
		}
		if restarts := w.must(w.Get(s.name)).Restarts; restarts != 0 {
			w.t.Errorf("%s: %s was restarted %d times", f.name, s.name, restarts)
		}
	}
	for _, p := range w.quiet.complaints() {
		w.t.Errorf("%s: the neighbour notices: %s", f.name, p)
	}
	w.t.Logf("%-24s shown after %5d ms, unavailable %4d times, slowest answer %5d ms, well again after %5d ms; neighbour's p99 %d ms, slowest %d ms; goroutines %d, %d to %d, %d; heap %d, %d to %d, %d MiB",
		f.name, shown.Milliseconds(), refused, slowest.Milliseconds(), recovered.Milliseconds(), quietP99.Milliseconds(), quietSlowest.Milliseconds(),
		before.goroutines, early.goroutines, late.goroutines, after.goroutines, before.heap>>20, early.heap>>20, late.heap>>20, after.heap>>20)
	if slowest > wardTimeout+slack {
		w.t.Errorf("%s: a caller waited %s", f.name, slowest)
	}
	if f.spares && refused > 0 {
		w.t.Errorf("%s: %d requests were refused", f.name, refused)
	}
	if quietRefused > 0 || quietP99 > wardTimeout || quietSlowest > wardTimeout+slack {
		w.t.Errorf("%s: the neighbour refused %d requests, its slowest answer took %s", f.name, quietRefused, quietSlowest)
	}
	// A bound on what waits: requests under way, connections, timers.
	for _, now := range []usage{early, late, after} {
		if !w.alone {
			break
		}
		if now.goroutines > before.goroutines+150 || now.heap > before.heap+32<<20 {
			w.t.Errorf("%s: it grew from %+v to %+v", f.name, before, now)
		}
	}
}

// usage is what the process holds.
type usage struct {
	goroutines int
	heap       uint64
}

func measure() usage {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return usage{runtime.NumGoroutine(), m.HeapAlloc}
}

// closeAndCheck ends everything and compares the books with what was
// acknowledged.
func (w *ward) closeAndCheck() {
	w.t.Helper()
	all := append(w.sick, w.quiet)
	for _, s := range all {
		s.end()
	}
	w.end()
	list, err := Verify(w.ctx, w.place.config, nil, discard, nil)
	if err != nil || len(list) != len(all) {
		w.t.Fatalf("verify: %+v, %v", list, err)
	}
	for i, v := range list {
		if v.Report == nil || !v.Report.OK() || v.Report.Truncated {
			w.t.Errorf("verify %s: %+v %s", v.Instance, v.Report, v.Problem)
			continue
		}
		// Each deposit is one settlement and one position's quantity, once.
		done, _, _ := all[i].counts()
		if v.Instance != all[i].name || v.Report.Settlements != done {
			w.t.Errorf("%s has %d settlements, %s acknowledged %d", v.Instance, v.Report.Settlements, all[i].name, done)
		}
	}
	conn, end := w.session()
	defer end()
	for i, s := range w.sick {
		done, _, _ := s.counts()
		var held string
		if err := conn.QueryRow(w.ctx, `SELECT trim_scale(sum(quantity))::text FROM `+
			w.place.schema(fmt.Sprintf("sick_%d", i+1))+`.positions`).Scan(&held); err != nil || held != fmt.Sprint(done) {
			w.t.Errorf("%s holds %s, deposited were %d (%v)", s.name, held, done, err)
		}
	}
}

// disk is a small file system.
type disk struct {
	t   *testing.T
	dir string
}

// fill takes all room that is left and returns what gives it back.
func (d *disk) fill() (free func()) {
	d.t.Helper()
	path := d.dir + "/ballast"
	f, err := os.Create(path)
	if err != nil {
		d.t.Fatal(err)
	}
	block := []byte(strings.Repeat("x", 64<<10))
	for size := len(block); size > 0; {
		if _, err := f.Write(block[:size]); err != nil {
			size /= 2
		}
	}
	if err := f.Close(); err != nil {
		d.t.Fatal(err)
	}
	return func() {
		if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
			d.t.Error(err)
		}
	}
}
