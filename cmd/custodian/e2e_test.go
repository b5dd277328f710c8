//go:build integration

package main_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
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
	over   string // a file that is laid over config, if any
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

// entry is an instance to configure: its name and what its entry says beside its
// ports, as members of a YAML object.
type entry struct{ name, settings string }

// supervise starts a supervisor with the named instances.
func supervise(t *testing.T, instances ...string) *supervised {
	t.Helper()
	entries := make([]entry, len(instances))
	for i, name := range instances {
		entries[i] = entry{name: name}
	}
	return superviseAll(t, entries)
}

// superviseAll starts a supervisor with instances that are not all alike.
func superviseAll(t *testing.T, instances []entry) *supervised {
	t.Helper()
	s := &supervised{t: t, id: "e2e-" + uuid.NewString()[:8]}
	port := freePort(t)
	s.admin = fmt.Sprintf("http://127.0.0.1:%d", port)
	var config strings.Builder
	fmt.Fprintf(&config, "admin: {listen: '127.0.0.1:%d'}\nservice: {name: %s}\n", port, s.id)
	fmt.Fprintf(&config, "storage: {driver: postgres, postgres: {url: %q, max_connections: 16}}\n", environment(t, servers.EnvPostgresURL))
	fmt.Fprintf(&config, "data_dir: %q\n", t.TempDir())
	fmt.Fprintf(&config, "redis: {driver: server, url: %q}\ninstances:\n", environment(t, servers.EnvRedisURL))
	for _, i := range instances {
		fmt.Fprintf(&config, "  - {name: %s, http_port: %d, grpc_port: %d, %s}\n", s.name(i.name), freePort(t), freePort(t), i.settings)
	}
	if len(instances) == 0 {
		config.WriteString("  []\n")
	}
	s.config = filepath.Join(t.TempDir(), "custodian.yaml")
	if err := os.WriteFile(s.config, []byte(config.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.dropSchemas)
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("supervisor said:\n%s", s.log)
		}
	})
	s.start()
	return s
}

func (s *supervised) name(instance string) string { return s.id + "-" + instance }

func freePort(t *testing.T) int {
	t.Helper()
	port, err := servers.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// start starts the process and waits until it is ready.
func (s *supervised) start() {
	s.t.Helper()
	s.launch()
	s.eventually("the supervisor to be ready", func() error {
		status, body, err := s.try(http.MethodGet, s.admin+"/readyz", nil)
		if err == nil && status != http.StatusOK {
			err = fmt.Errorf("status %d: %s", status, body)
		}
		return err
	})
}

// launch starts the process.
func (s *supervised) launch() {
	s.t.Helper()
	path, err := program()
	if err != nil {
		s.t.Fatal(err)
	}
	s.log = &lockedBuffer{}
	s.cmd = exec.Command(path, "serve", "--config", s.config)
	if s.over != "" {
		s.cmd.Args = append(s.cmd.Args, "--config", s.over)
	}
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
	})
}

// stop sends a signal and returns the exit code.
func (s *supervised) stop(signal os.Signal) int {
	s.t.Helper()
	if err := s.cmd.Process.Signal(signal); err != nil && !errors.Is(err, os.ErrProcessDone) {
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

// eventually repeats a check until it passes or a minute is over.
func (s *supervised) eventually(what string, check func() error) {
	s.t.Helper()
	deadline := time.NewTimer(time.Minute)
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
	return s.tryKey(method, url, body, "")
}

// tryKey is try with an idempotency key, unless that is empty.
func (s *supervised) tryKey(method, url string, body any, key string) (int, []byte, error) {
	return s.tryWith(method, url, body, "Idempotency-Key", key)
}

// tryWith is try with one header more, unless its value is empty.
func (s *supervised) tryWith(method, url string, body any, header, value string) (int, []byte, error) {
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
	if value != "" {
		req.Header.Set(header, value)
	}
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
