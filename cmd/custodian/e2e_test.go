//go:build integration

package main_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	goredis "github.com/redis/go-redis/v9"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/store/storetest/servers"
)

// These tests drive the built program from outside, on a real PostgreSQL and a
// real Redis: processes, signals, ports, rows, keys and series.

// program builds the binary once, with the race detector.
var program = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "custodian-e2e-")
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "custodian")
	out, err := exec.Command("go", "build", "-race", "-o", path, ".").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("building: %w: %s", err, out)
	}
	return path, nil
})

func environment(t *testing.T, name string) string {
	t.Helper()
	value := os.Getenv(name)
	if value == "" {
		t.Fatalf("%s is not set; run the tests with: make test-integration", name)
	}
	return value
}

// supervised is a supervisor process with its own name, so that tests share the
// servers without meeting.
type supervised struct {
	t      *testing.T
	id     string
	admin  string
	config string
	cmd    *exec.Cmd
	log    *lockedBuffer
}

type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// supervise starts a supervisor with the named instances.
func supervise(t *testing.T, instances ...string) *supervised {
	t.Helper()
	s := &supervised{t: t, id: "e2e-" + uuid.NewString()[:8]}
	port := freePort(t)
	s.admin = fmt.Sprintf("http://127.0.0.1:%d", port)
	var config strings.Builder
	fmt.Fprintf(&config, "admin: {listen: '127.0.0.1:%d'}\nservice: {name: %s}\n", port, s.id)
	fmt.Fprintf(&config, "storage: {driver: postgres, postgres: {url: %q, max_connections: 16}}\n", environment(t, servers.EnvPostgresURL))
	fmt.Fprintf(&config, "redis: {driver: server, url: %q}\ninstances:\n", environment(t, servers.EnvRedisURL))
	for _, name := range instances {
		fmt.Fprintf(&config, "  - {name: %s, http_port: %d, grpc_port: %d}\n", s.name(name), freePort(t), freePort(t))
	}
	if len(instances) == 0 {
		config.WriteString("  []\n")
	}
	s.config = filepath.Join(t.TempDir(), "custodian.yaml")
	if err := os.WriteFile(s.config, []byte(config.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.dropSchemas)
	s.start()
	return s
}

func (s *supervised) name(instance string) string { return s.id + "-" + instance }

func (s *supervised) schema(instance string) string {
	return strings.ReplaceAll(s.name(instance), "-", "_")
}

func freePort(t *testing.T) int {
	t.Helper()
	port, err := servers.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	return port
}

func (s *supervised) start() {
	s.t.Helper()
	path, err := program()
	if err != nil {
		s.t.Fatal(err)
	}
	s.log = &lockedBuffer{}
	s.cmd = exec.Command(path, "serve", "--config", s.config) //nolint:gosec,noctx // the program under test, ended by the test
	s.cmd.Stdout, s.cmd.Stderr = s.log, s.log
	if err := s.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	process := s.cmd
	s.t.Cleanup(func() {
		if process.ProcessState == nil {
			_ = process.Process.Kill() // a test that failed half way
			_ = process.Wait()
		}
		if s.t.Failed() {
			s.t.Logf("supervisor said:\n%s", s.log)
		}
	})
	s.eventually("the supervisor to be ready", func() error {
		status, body, err := s.try(http.MethodGet, s.admin+"/readyz", nil)
		if err == nil && status != http.StatusOK {
			err = fmt.Errorf("status %d: %s", status, body)
		}
		return err
	})
}

// stop sends a signal and returns the exit code.
func (s *supervised) stop(signal os.Signal) int {
	s.t.Helper()
	if err := s.cmd.Process.Signal(signal); err != nil {
		s.t.Fatal(err)
	}
	_ = s.cmd.Wait() // the state tells
	return s.cmd.ProcessState.ExitCode()
}

func (s *supervised) dropSchemas() {
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, environment(s.t, servers.EnvPostgresURL))
	if err != nil {
		s.t.Error(err)
		return
	}
	defer func() { _ = conn.Close(ctx) }() // nothing is under way
	rows, err := conn.Query(ctx, "SELECT nspname FROM pg_namespace WHERE nspname LIKE $1", strings.ReplaceAll(s.id, "-", `\_`)+"%")
	if err != nil {
		s.t.Error(err)
		return
	}
	schemas, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		s.t.Error(err)
	}
	for _, schema := range schemas {
		if _, err := conn.Exec(ctx, "DROP SCHEMA "+pgx.Identifier{schema}.Sanitize()+" CASCADE"); err != nil {
			s.t.Error(err)
		}
	}
}

// eventually repeats a check until it passes or half a minute is over.
func (s *supervised) eventually(what string, check func() error) {
	s.t.Helper()
	deadline := time.NewTimer(30 * time.Second)
	defer deadline.Stop()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		err := check()
		if err == nil {
			return
		}
		select {
		case <-deadline.C:
			s.t.Fatalf("waiting for %s: %v\n%s", what, err, s.log)
		case <-tick.C:
		}
	}
}

// try sends a request with a JSON body and returns what came back.
func (s *supervised) try(method, url string, body any) (int, []byte, error) {
	var reader io.Reader = http.NoBody
	if body != nil {
		data, err := json.Marshal(body)
		if err != nil {
			return 0, nil, err
		}
		reader = bytes.NewReader(data)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, url, reader)
	if err != nil {
		return 0, nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer func() { _ = resp.Body.Close() }() // read to its end
	data, err := io.ReadAll(resp.Body)
	return resp.StatusCode, data, err
}

// call is try for requests that must be answered with a status; it decodes the
// answer into out, if that is not nil.
func (s *supervised) call(method, url string, body any, want int, out any) {
	s.t.Helper()
	status, data, err := s.try(method, url, body)
	if err != nil {
		s.t.Fatalf("%s %s: %v", method, url, err)
	}
	if status != want {
		s.t.Fatalf("%s %s: status %d, want %d: %s", method, url, status, want, data)
	}
	if out == nil {
		return
	}
	if err := json.Unmarshal(data, out); err != nil {
		s.t.Fatalf("%s %s: %v in %s", method, url, err, data)
	}
}

// instance is what the admin API says of one.
type instance struct {
	Name        string `json:"name"`
	State       string `json:"state"`
	HTTPAddr    string `json:"http_addr"`
	GRPCAddr    string `json:"grpc_addr"`
	Schema      string `json:"schema"`
	RedisPrefix string `json:"redis_prefix"`
}

func (i instance) url(path string) string { return "http://" + i.HTTPAddr + path }

func (s *supervised) instance(name string) (i instance) {
	s.t.Helper()
	s.call(http.MethodGet, s.admin+"/admin/v1/instances/"+s.name(name), nil, http.StatusOK, &i)
	return i
}

func deposit(account, quantity, externalID string) map[string]any {
	return map[string]any{
		"settlement_type": "DEPOSIT", "account_id": account, "symbol": "BTC", "quantity": quantity, "external_id": externalID,
	}
}

func TestTwoInstancesCannotSeeEachOthersRowsKeysOrSeries(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	s := supervise(t, "one", "two")
	one, two := s.instance("one"), s.instance("two")
	s.call(http.MethodPost, one.url("/api/v1/settlements"), deposit("fund-one", "1.25", "ext-1"), http.StatusCreated, nil)
	// The same external id is free in the other instance.
	s.call(http.MethodPost, two.url("/api/v1/settlements"), deposit("fund-two", "2.5", "ext-1"), http.StatusCreated, nil)

	for _, c := range []struct {
		of           instance
		own, foreign string
	}{{one, "fund-one", "fund-two"}, {two, "fund-two", "fund-one"}} {
		var list struct {
			Positions []struct {
				AccountID string `json:"account_id"`
			}
		}
		s.call(http.MethodGet, c.of.url("/api/v1/positions"), nil, http.StatusOK, &list)
		if len(list.Positions) != 1 || list.Positions[0].AccountID != c.own {
			t.Errorf("%s lists %v, want the position of %s alone", c.of.Name, list.Positions, c.own)
		}
		s.call(http.MethodGet, c.of.url("/api/v1/accounts/"+c.foreign), nil, http.StatusNotFound, nil)

		conn, err := pgx.Connect(ctx, environment(t, servers.EnvPostgresURL))
		if err != nil {
			t.Fatal(err)
		}
		rows, err := conn.Query(ctx, "SELECT account_id FROM "+pgx.Identifier{c.of.Schema, "settlements"}.Sanitize())
		if err != nil {
			t.Fatal(err)
		}
		accounts, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil || !slices.Equal(accounts, []string{c.own}) {
			t.Errorf("schema %s has settlements of %v (%v), want those of %s", c.of.Schema, accounts, err, c.own)
		}
		if err := conn.Close(ctx); err != nil {
			t.Error(err)
		}

		_, own, err := s.try(http.MethodGet, c.of.url("/metrics"), nil)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Contains(own, []byte(c.own)) || bytes.Contains(own, []byte(c.foreign)) {
			t.Errorf("the metrics of %s should show %s and not %s:\n%s", c.of.Name, c.own, c.foreign, own)
		}
	}

	redis := redisClient(t)
	for _, c := range []struct {
		of    instance
		other instance
	}{{one, two}, {two, one}} {
		s.eventually("the event stream of "+c.of.Name, func() error {
			entries, err := redis.XRange(ctx, c.of.RedisPrefix+"events", "-", "+").Result()
			if err != nil {
				return err
			}
			if len(entries) != 2 { // account.opened, settlement.completed
				return fmt.Errorf("it has %d entries, want 2", len(entries))
			}
			return nil
		})
		if strings.HasPrefix(c.of.RedisPrefix, c.other.RedisPrefix) {
			t.Errorf("prefix %s owns %s", c.other.RedisPrefix, c.of.RedisPrefix)
		}
	}

	_, scrape, err := s.try(http.MethodGet, s.admin+"/metrics", nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		fmt.Sprintf(`custodian_positions_total{account="fund-one",instance=%q,symbol="BTC"} 1`, one.Name),
		fmt.Sprintf(`custodian_positions_total{account="fund-two",instance=%q,symbol="BTC"} 1`, two.Name),
	} {
		if !bytes.Contains(scrape, []byte(want)) {
			t.Errorf("the scrape lacks %s", want)
		}
	}
	if code := s.stop(syscall.SIGTERM); code != 0 {
		t.Errorf("exit code %d after SIGTERM, want 0", code)
	}
}

func redisClient(t *testing.T) *goredis.Client {
	t.Helper()
	options, err := goredis.ParseURL(environment(t, servers.EnvRedisAdminURL))
	if err != nil {
		t.Fatal(err)
	}
	client := goredis.NewClient(options)
	t.Cleanup(func() { _ = client.Close() }) // nothing is under way
	return client
}

// load keeps depositing from several connections until told to stop, and
// remembers which external ids were acknowledged.
type load struct {
	stop    context.CancelFunc
	workers sync.WaitGroup
	mu      sync.Mutex
	acked   map[string]bool
	// unclean are answers that are neither success nor a clear refusal.
	unclean []string
	reached chan struct{} // closed when enough were acknowledged
}

func (s *supervised) load(i instance, enough int) *load {
	ctx, cancel := context.WithCancel(context.Background())
	l := &load{stop: cancel, acked: make(map[string]bool), reached: make(chan struct{})}
	s.t.Cleanup(func() { cancel(); l.workers.Wait() })
	for w := range 8 {
		l.workers.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				id := fmt.Sprintf("w%d-%d", w, n)
				status, body, err := s.try(http.MethodPost, i.url("/api/v1/settlements"), deposit("fund", "1", id))
				l.record(id, status, body, err, enough)
				if errors.Is(err, syscall.ECONNREFUSED) {
					return // gone for good, as far as this load goes
				}
			}
		})
	}
	return l
}

func (l *load) record(id string, status int, body []byte, err error, enough int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case err != nil: // no answer: neither acknowledged nor refused
	case status == http.StatusCreated:
		l.acked[id] = true
		if len(l.acked) == enough {
			close(l.reached)
		}
	case status == http.StatusServiceUnavailable && bytes.Contains(body, []byte(`"code":"draining"`)):
	default:
		l.unclean = append(l.unclean, fmt.Sprintf("%s: %d %s", id, status, body))
	}
}

func (l *load) await(t *testing.T) {
	t.Helper()
	select {
	case <-l.reached:
	case <-time.After(time.Minute):
		t.Fatal("the load made no progress")
	}
}

// settledIDs returns how often each external id is among the completed
// settlements of an instance.
func (s *supervised) settledIDs(i instance) map[string]int {
	s.t.Helper()
	found := make(map[string]int)
	cursor := ""
	for {
		var page struct {
			Settlements []struct {
				ExternalID string `json:"external_id"`
			}
			NextCursor *string `json:"next_cursor"`
		}
		s.call(http.MethodGet, i.url("/api/v1/settlements?status=COMPLETED&limit=1000"+cursor), nil, http.StatusOK, &page)
		for _, st := range page.Settlements {
			found[st.ExternalID]++
		}
		if page.NextCursor == nil {
			return found
		}
		cursor = "&cursor=" + *page.NextCursor
	}
}

// checkExactlyOnce compares what was acknowledged with what is in the books.
func (s *supervised) checkExactlyOnce(i instance, l *load) {
	s.t.Helper()
	found := s.settledIDs(i)
	for id := range l.acked {
		if found[id] != 1 {
			s.t.Errorf("acknowledged settlement %s is there %d times", id, found[id])
		}
	}
	for id, n := range found {
		if n != 1 {
			s.t.Errorf("settlement %s is there %d times", id, n)
		}
	}
	var list struct {
		Positions []struct {
			Quantity string `json:"quantity"`
		}
	}
	s.call(http.MethodGet, i.url("/api/v1/positions?account_id=fund"), nil, http.StatusOK, &list)
	if want := fmt.Sprint(len(found)); len(list.Positions) != 1 || list.Positions[0].Quantity != want {
		s.t.Errorf("the position is %v, %s settlements say otherwise", list.Positions, want)
	}
}

func TestEveryAcknowledgedSettlementSurvivesAKill(t *testing.T) {
	t.Parallel()
	s := supervise(t, "bank")
	for round := range 2 {
		i := s.instance("bank")
		l := s.load(i, 500)
		l.await(t)
		s.stop(syscall.SIGKILL)
		l.stop()
		l.workers.Wait()
		if len(l.unclean) > 0 {
			t.Errorf("unclean answers: %v", l.unclean)
		}
		s.start()
		s.checkExactlyOnce(s.instance("bank"), l)
		if round == 0 {
			// The next round needs other external ids: start over.
			s.call(http.MethodPost, s.admin+"/admin/v1/instances/"+s.name("bank")+"/reset", nil, http.StatusOK, nil)
		}
	}
	if code := s.stop(syscall.SIGTERM); code != 0 {
		t.Errorf("exit code %d after SIGTERM, want 0", code)
	}
	path, err := program()
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(path, "verify", "--config", s.config).CombinedOutput() //nolint:gosec,noctx // the program under test
	if err != nil {
		t.Errorf("verify: %v: %s", err, out)
	}
}

func TestAnAddedInstanceServesIsScrapedAndDrainsUnderLoadWithoutLoss(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	s := supervise(t)
	name := s.name("guest")
	var guest instance
	s.call(http.MethodPost, s.admin+"/admin/v1/instances",
		map[string]any{"name": name, "http_port": freePort(t), "grpc_port": freePort(t)}, http.StatusCreated, &guest)
	if guest.State != "running" {
		t.Fatalf("the added instance is %s, want running", guest.State)
	}
	redis := redisClient(t)
	label := []byte(fmt.Sprintf("instance=%q", name))
	scrape := func() []byte {
		_, body, err := s.try(http.MethodGet, s.admin+"/metrics", nil)
		if err != nil {
			t.Fatal(err)
		}
		return body
	}
	l := s.load(guest, 300)
	l.await(t)
	if !bytes.Contains(scrape(), label) {
		t.Error("the added instance is not in the scrape")
	}
	s.eventually("discovery of the added instance", func() error {
		return redis.Get(ctx, "custodian:service:"+name).Err()
	})

	s.call(http.MethodPost, s.admin+"/admin/v1/instances/"+name+"/drain?grace=20s&wait=true", nil, http.StatusOK, &guest)
	if guest.State != "drained" {
		t.Fatalf("the instance is %s after the drain, want drained", guest.State)
	}
	l.workers.Wait() // each ends when it is refused the connection
	if len(l.unclean) > 0 {
		t.Errorf("unclean answers during the drain: %v", l.unclean)
	}
	if bytes.Contains(scrape(), label) {
		t.Error("series of the drained instance are left in the scrape")
	}
	if n := redis.Exists(ctx, "custodian:service:"+name, "custodian:heartbeat:"+name).Val(); n != 0 {
		t.Error("the drained instance is still in discovery")
	}
	for _, address := range []string{guest.HTTPAddr, guest.GRPCAddr} {
		if conn, err := net.DialTimeout("tcp", address, time.Second); err == nil {
			_ = conn.Close() // it should not be there
			t.Errorf("%s still accepts connections", address)
		}
	}

	// It stays drained over a restart of the process, and its books are whole.
	if code := s.stop(syscall.SIGTERM); code != 0 {
		t.Errorf("exit code %d after SIGTERM, want 0", code)
	}
	s.start()
	if state := s.instance("guest").State; state != "drained" {
		t.Errorf("after a restart of the process the instance is %s, want drained", state)
	}
	s.call(http.MethodPost, s.admin+"/admin/v1/instances/"+name+"/start", nil, http.StatusOK, &guest)
	s.checkExactlyOnce(guest, l)

	s.call(http.MethodDelete, s.admin+"/admin/v1/instances/"+name+"?purge=true", nil, http.StatusNoContent, nil)
	s.call(http.MethodGet, s.admin+"/admin/v1/instances/"+name, nil, http.StatusNotFound, nil)
	keys, err := redis.Keys(ctx, guest.RedisPrefix+"*").Result()
	if err != nil || len(keys) > 0 {
		t.Errorf("keys %v (%v) are left after the purge", keys, err)
	}
	conn, err := pgx.Connect(ctx, environment(t, servers.EnvPostgresURL))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(ctx) }() // nothing is under way
	var schemas int
	if err := conn.QueryRow(ctx, "SELECT count(*) FROM pg_namespace WHERE nspname = $1", guest.Schema).Scan(&schemas); err != nil || schemas != 0 {
		t.Errorf("%d schemas (%v) are left after the purge", schemas, err)
	}
}

func TestStoragesThatCannotBeUsedAreReportedInOneLine(t *testing.T) {
	t.Parallel()
	path, err := program()
	if err != nil {
		t.Fatal(err)
	}
	config, err := pgx.ParseConfig(environment(t, servers.EnvPostgresURL))
	if err != nil {
		t.Fatal(err)
	}
	address := fmt.Sprintf("%s:%d/%s", config.Host, config.Port, config.Database)
	cases := map[string]struct{ url, says string }{
		"absent":           {fmt.Sprintf("postgres://u:s3cret@127.0.0.1:%d/db", freePort(t)), "refused"},
		"refused password": {"postgres://" + config.User + ":s3cret@" + address, "password"},
		"missing database": {fmt.Sprintf("postgres://%s:%s@%s:%d/nowhere", config.User, config.Password, config.Host, config.Port), "nowhere"},
	}
	for _, name := range slices.Sorted(maps.Keys(cases)) {
		c := cases[name]
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file := filepath.Join(t.TempDir(), "c.yaml")
			yaml := fmt.Sprintf("admin: {listen: '127.0.0.1:%d'}\nstorage: {driver: postgres, postgres: {url: %q}}\ninstances: [{name: a}]\n", freePort(t), c.url)
			if err := os.WriteFile(file, []byte(yaml), 0o600); err != nil {
				t.Fatal(err)
			}
			cmd := exec.Command(path, "serve", "--config", file) //nolint:gosec,noctx // the program under test
			var stderr bytes.Buffer
			cmd.Stderr = &stderr
			err := cmd.Run()
			if cmd.ProcessState.ExitCode() != 2 {
				t.Errorf("exit code %d (%v), want 2: %s", cmd.ProcessState.ExitCode(), err, &stderr)
			}
			line := strings.TrimSpace(stderr.String())
			if strings.Contains(line, "\n") || !strings.Contains(line, c.says) || strings.Contains(line, "s3cret") {
				t.Errorf("want one line that says %q and no secret, got:\n%s", c.says, line)
			}
		})
	}
}
