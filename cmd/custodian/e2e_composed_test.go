//go:build integration

package main_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5"
	goredis "github.com/redis/go-redis/v9"
	"go.yaml.in/yaml/v3"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/store/storetest/servers"
)

// composed is where the compose file is with what it mounts.
const composed = "../../configs/docker"

// TestComposedServicesGoTogether starts what compose.yaml starts, without containers:
// the secrets that secrets.sh makes, PostgreSQL with what postgres.sh makes in it, Redis
// with its users, the supervisor with its configuration, and Prometheus with its own.
// Names of machines, ports and paths are those of the test.
func TestComposedServicesGoTogether(t *testing.T) {
	t.Parallel()
	secrets := filepath.Join(t.TempDir(), "secrets")
	run(t, nil, composed+"/secrets.sh", secrets)
	postgres, redis := composedPostgres(t, secrets), composedRedis(t, secrets)
	s := composedSupervisor(t, secrets, postgres, redis)
	secret := func(name string) string { return read(t, filepath.Join(secrets, name)) }

	for _, c := range []struct {
		who, method, path string
		header, value     string
		want              int
	}{
		{"nobody", http.MethodGet, "/admin/v1/instances", "", "", http.StatusUnauthorized},
		{"Prometheus", http.MethodGet, "/metrics", "Authorization", "Bearer " + secret("prometheus_token"), http.StatusOK},
		{"Prometheus", http.MethodPost, "/admin/v1/instances/custodian-sim-001/drain", "Authorization", "Bearer " + secret("prometheus_token"), http.StatusForbidden},
		{"the operator", http.MethodPost, "/admin/v1/instances/custodian-sim-001/restart", "Authorization", "Bearer " + secret("operator_token"), http.StatusOK},
	} {
		if status, body := s.ask(c.method, s.admin+c.path, "", c.header, c.value); status != c.want {
			t.Errorf("%s: %s %s: %d, want %d: %s", c.who, c.method, c.path, status, c.want, body)
		}
	}
	var i instance
	s.eventually("the custodian to run again", func() error {
		_, body := s.ask(http.MethodGet, s.admin+"/admin/v1/instances/custodian-sim-001", "", "Authorization", "Bearer "+secret("operator_token"))
		if err := json.Unmarshal(body, &i); err != nil || i.State != "running" {
			return fmt.Errorf("%w, %s", err, body)
		}
		return nil
	})
	deposit := `{"settlement_type":"DEPOSIT","account_id":"fund","symbol":"BTC","quantity":"1"}`
	if status, body := s.ask(http.MethodPost, i.url("/api/v1/settlements"), deposit, "", ""); status != http.StatusUnauthorized {
		t.Errorf("without a key: %d %s", status, body)
	}
	if status, body := s.ask(http.MethodPost, i.url("/api/v1/settlements"), deposit, "X-API-Key", secret("desk_key")); status != http.StatusCreated {
		t.Errorf("with the key: %d %s", status, body)
	}
	s.eventually("the event to be in Redis", func() error {
		if n, err := redis.XLen(t.Context(), i.RedisPrefix+"events").Result(); err != nil || n == 0 {
			return fmt.Errorf("%d events, %w", n, err)
		}
		return nil
	})
	prometheus := composedPrometheus(t, s, secret("prometheus_token"))
	s.eventually("Prometheus to have what the supervisor tells", func() error {
		found, err := prometheus.Query(t.Context(), `custodian_settlements_total{instance="custodian-sim-001",job="custodian"} * on() group_left up`)
		if err == nil && len(found) == 0 {
			err = errors.New("nothing yet")
		}
		return err
	})
	if code := s.stop(syscall.SIGTERM); code != 0 {
		t.Errorf("exit code %d", code)
	}
	for _, name := range []string{"operator_token", "prometheus_token", "desk_key", "custodian_postgres_password"} {
		if strings.Contains(s.log.String(), secret(name)) {
			t.Errorf("the log tells %s", name)
		}
	}
}

// run runs a program that has to succeed.
func run(t *testing.T, env []string, program string, args ...string) {
	t.Helper()
	command := exec.CommandContext(t.Context(), program, args...)
	command.Env = append(os.Environ(), env...)
	if out, err := command.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v: %s", program, err, out)
	}
}

// ask sends a request with one header more, unless its value is empty, and returns the
// answer.
func (s *supervised) ask(method, url, body, header, value string) (int, []byte) {
	s.t.Helper()
	var payload any
	if body != "" {
		payload = json.RawMessage(body)
	}
	status, answer, err := s.tryWith(method, url, payload, header, value)
	if err != nil {
		s.t.Fatalf("%s %s: %v", method, url, err)
	}
	return status, answer
}

// changed returns a file's text with some of it changed, each of which is in it once.
func changed(t *testing.T, path string, changes ...[2]string) string {
	t.Helper()
	text := read(t, path)
	for _, c := range changes {
		if strings.Count(text, c[0]) != 1 {
			t.Fatalf("%s should have %q once", path, c[0])
		}
		text = strings.Replace(text, c[0], c[1], 1)
	}
	return text
}

// composedPostgres starts a PostgreSQL in which the script was run, and returns its
// address. Others than the supervisor's role are not let into its database.
func composedPostgres(t *testing.T, secrets string) string {
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
	admin, err := url.Parse(pg.AdminURL)
	if err != nil {
		t.Fatal(err)
	}
	admin.Path = "/postgres"
	conn, err := pgx.Connect(t.Context(), admin.String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.Background()) }()
	for _, statement := range []string{"DROP DATABASE " + servers.PostgresDatabase, "DROP ROLE " + servers.PostgresUser, "CREATE ROLE stranger LOGIN PASSWORD 'stranger'"} {
		if _, err := conn.Exec(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	bin, _, err := servers.PostgresBin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	password, _ := admin.User.Password()
	env := []string{
		"PGHOST=127.0.0.1", "PGPORT=" + strconv.Itoa(pg.Port), "PGPASSWORD=" + password, "PATH=" + bin + ":" + os.Getenv("PATH"),
		"PASSWORD_FILE=" + filepath.Join(secrets, "custodian_postgres_password"),
	}
	run(t, env, "sh", composed+"/postgres.sh")
	again := exec.CommandContext(t.Context(), "sh", composed+"/postgres.sh")
	again.Env = append(os.Environ(), env...)
	if out, err := again.CombinedOutput(); err == nil { // the image would take a half-made database for made
		t.Errorf("it says nothing of its failure: %s", out)
	}
	var may string
	err = conn.QueryRow(t.Context(), `SELECT concat(rolsuper, rolcreaterole, rolcreatedb, rolreplication, rolbypassrls,
			(SELECT datdba = pg_roles.oid FROM pg_database WHERE datname = 'trading_ecosystem')) FROM pg_roles WHERE rolname = 'custodian_adapter'`).Scan(&may)
	if err != nil || may != "ffffff" {
		t.Errorf("the role may %s: %v", may, err)
	}
	stranger := url.URL{Scheme: "postgres", User: url.UserPassword("stranger", "stranger"), Host: pg.Addr(), Path: "/trading_ecosystem"}
	if other, err := pgx.Connect(t.Context(), stranger.String()); err == nil {
		_ = other.Close(context.Background())
		t.Error("others get into the supervisor's database")
	}
	return pg.Addr()
}

// composedRedis starts Redis with the command of the compose file, and returns it as
// the supervisor's user sees it.
func composedRedis(t *testing.T, secrets string) *goredis.Client {
	t.Helper()
	var file struct {
		Services map[string]struct{ Command yaml.Node }
	}
	if err := yaml.Unmarshal([]byte(read(t, composed+"/compose.yaml")), &file); err != nil {
		t.Fatal(err)
	}
	var command []string
	node := file.Services["redis"].Command
	if err := node.Decode(&command); err != nil {
		t.Fatal(err)
	}
	for n := range command {
		command[n] = strings.Replace(command[n], "/run/secrets", secrets, 1)
	}
	path, _, err := servers.RedisServer(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	addr := net.JoinHostPort("127.0.0.1", strconv.Itoa(freePort(t)))
	_, port, _ := net.SplitHostPort(addr)
	server := exec.Command(path, slices.Concat(command[1:], []string{"--port", port, "--bind", "127.0.0.1", "--dir", t.TempDir()})...)
	said := &lockedBuffer{}
	server.Stdout, server.Stderr = said, said
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = server.Process.Kill()
		_ = server.Wait()
	})

	anybody := goredis.NewClient(&goredis.Options{Addr: addr})
	t.Cleanup(func() { _ = anybody.Close() })
	(&supervised{t: t, log: said}).eventually("Redis to answer", func() error { return anybody.Ping(t.Context()).Err() })
	if err := anybody.Get(t.Context(), "custodian:any").Err(); err == nil || !strings.Contains(err.Error(), "NOPERM") {
		t.Errorf("anybody may read: %v", err)
	}
	var made struct{ Redis struct{ URL string } }
	if err := yaml.Unmarshal([]byte(read(t, filepath.Join(secrets, "custodian.yaml"))), &made); err != nil {
		t.Fatal(err)
	}
	settings, err := goredis.ParseURL(made.Redis.URL)
	if err != nil {
		t.Fatal(err)
	}
	settings.Addr = addr
	client := goredis.NewClient(settings)
	t.Cleanup(func() { _ = client.Close() })
	if kept, err := os.Stat(filepath.Join(argument(server.Args, "--dir"), "appendonlydir")); err != nil || !kept.IsDir() {
		t.Errorf("Redis keeps nothing: %v", err)
	}
	return client
}

func argument(args []string, name string) string { return args[slices.Index(args, name)+1] }

// composedSupervisor starts the supervisor of the compose file.
func composedSupervisor(t *testing.T, secrets, postgres string, redis *goredis.Client) *supervised {
	t.Helper()
	dir := t.TempDir()
	admin, http, grpc := freePort(t), freePort(t), freePort(t)
	s := &supervised{t: t, id: "composed", admin: fmt.Sprintf("http://127.0.0.1:%d", admin), config: filepath.Join(dir, "custodian.yaml"), over: filepath.Join(dir, "secrets.yaml")}
	for path, text := range map[string]string{
		s.config: changed(t, composed+"/custodian/custodian.yaml",
			[2]string{"listen: 0.0.0.0:7080", fmt.Sprintf("listen: 127.0.0.1:%d", admin)},
			[2]string{"data_dir: /var/lib/custodian", "data_dir: " + dir},
			[2]string{"{host: 0.0.0.0, http: 8080-8089, grpc: 50051-50060}", fmt.Sprintf("{host: 127.0.0.1, http: %d-%d, grpc: %d-%d}", http, http, grpc, grpc)},
			[2]string{"http_port: 8081", fmt.Sprintf("http_port: %d", freePort(t))}, [2]string{"http_port: 8082", fmt.Sprintf("http_port: %d", freePort(t))},
			[2]string{"grpc_port: 50052", fmt.Sprintf("grpc_port: %d", freePort(t))}, [2]string{"grpc_port: 50053", fmt.Sprintf("grpc_port: %d", freePort(t))}),
		s.over: changed(t, filepath.Join(secrets, "custodian.yaml"), [2]string{"@postgres:5432", "@" + postgres}, [2]string{"@redis:6379", "@" + redis.Options().Addr}),
	} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s.start()
	return s
}

// composedPrometheus starts the Prometheus of the compose file.
func composedPrometheus(t *testing.T, s *supervised, token string) *servers.Prometheus {
	t.Helper()
	config := changed(t, composed+"/prometheus.yml",
		[2]string{"custodian:7080", strings.TrimPrefix(s.admin, "http://")},
		[2]string{"/run/secrets/prometheus_token", "prometheus_token"}, // beside it
		[2]string{"scrape_interval: 15s", "scrape_interval: 250ms"})
	return prometheusOf(t, config, map[string]string{filepath.Base(ruleFile): read(t, ruleFile), "prometheus_token": token})
}
