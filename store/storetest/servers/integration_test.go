//go:build integration && unix

package servers

import (
	"context"
	"errors"
	"net"
	"os"
	"os/user"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/redis/go-redis/v9"
)

func startPostgres(t *testing.T, options Options) *Postgres {
	t.Helper()
	pg, err := StartPostgres(t.Context(), options)
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

func startRedis(t *testing.T, options Options) *Redis {
	t.Helper()
	r, err := StartRedis(t.Context(), options)
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

// query runs one statement on a connection of its own and returns the value in
// its first row as text, "" if it returns none.
func query(t *testing.T, url, statement string) string {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.Background()) }()
	var value string
	err = conn.QueryRow(t.Context(), statement).Scan(&value)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		t.Fatalf("%s: %v", statement, err)
	}
	return value
}

func redisClient(t *testing.T, url string) *redis.Client {
	t.Helper()
	options, err := redis.ParseURL(url)
	if err != nil {
		t.Fatal(err)
	}
	client := redis.NewClient(options)
	t.Cleanup(func() { _ = client.Close() })
	return client
}

func requireNoListener(t *testing.T, addr string) {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err == nil {
		_ = conn.Close()
		t.Errorf("something still listens on %s", addr)
	}
}

func TestPostgresOffersTheTestsTheirDatabase(t *testing.T) {
	t.Parallel()
	pg := startPostgres(t, Options{Fsync: true, ExtraConf: []string{"work_mem = '7MB'"}})

	if got := query(t, pg.URL, "SELECT current_user || '@' || current_database()"); got != "custodian_adapter@trading_ecosystem" {
		t.Errorf("URL connects as %s", got)
	}
	query(t, pg.URL, "CREATE SCHEMA mine")
	if got := query(t, pg.AdminURL, "SELECT rolsuper::text FROM pg_roles WHERE rolname = current_user"); got != "true" {
		t.Errorf("the admin is a superuser: %s", got)
	}
	for setting, want := range map[string]string{
		"fsync": "on", "synchronous_commit": "on", "max_connections": "200", "work_mem": "7MB", "lc_collate": "C", "server_encoding": "UTF8",
	} {
		if got := query(t, pg.URL, "SHOW "+setting); got != want {
			t.Errorf("%s is %s, want %s", setting, got, want)
		}
	}
	wrong := strings.Replace(pg.URL, PostgresPassword, "wrong", 1)
	if conn, err := pgx.Connect(t.Context(), wrong); err == nil {
		_ = conn.Close(t.Context())
		t.Error("a wrong password is accepted")
	}
}

func TestPostgresKeepsCommittedDataOverACrash(t *testing.T) {
	t.Parallel()
	pg := startPostgres(t, Options{})
	query(t, pg.URL, "CREATE TABLE kept (n int)")
	query(t, pg.URL, "INSERT INTO kept VALUES (42)")
	pid := pg.PID()
	if pid == 0 {
		t.Fatal("a running server has no process id")
	}

	if err := pg.Stop(); err != nil {
		t.Fatal(err)
	}
	requireNoListener(t, pg.Addr())
	if got := pg.PID(); got != 0 {
		t.Errorf("a stopped server has process id %d", got)
	}
	if err := pg.Stop(); err != nil {
		t.Errorf("stopping twice: %v", err)
	}
	if err := pg.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := query(t, pg.URL, "SELECT n::text FROM kept"); got != "42" {
		t.Errorf("after the crash the row reads %q", got)
	}
	if err := pg.Restart(t.Context()); err != nil { // of a running server
		t.Fatal(err)
	}
	if got := pg.PID(); got == 0 || got == pid {
		t.Errorf("process id is %d, was %d", got, pid)
	}
}

func TestServersRunUnprivilegedAndLeaveNothing(t *testing.T) {
	t.Parallel()
	pg, r := startPostgres(t, Options{}), startRedis(t, Options{})
	for _, server := range []*Server{&pg.Server, &r.Server} {
		info, err := os.Stat(server.Dir)
		if err != nil {
			t.Fatal(err)
		}
		uid := info.Sys().(*syscall.Stat_t).Uid
		if uid == 0 {
			t.Errorf("%s belongs to root", server.Dir)
		}
		if _, err := user.LookupId(strconv.Itoa(int(uid))); err != nil {
			t.Errorf("%s: %v", server.Dir, err)
		}
		if err := server.Close(); err != nil {
			t.Error(err)
		}
		requireNoListener(t, server.Addr())
		if _, err := os.Stat(server.Dir); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s is still there: %v", server.Dir, err)
		}
		if err := server.Close(); err != nil {
			t.Errorf("closing twice: %v", err)
		}
		if err := server.Restart(t.Context()); err == nil {
			t.Error("a closed server restarts")
		}
	}
}

func TestRefusedSettingsAreReportedWithTheServersOwnWords(t *testing.T) {
	t.Parallel()
	options := Options{ExtraConf: []string{"no_such_setting 1"}}
	if _, err := StartPostgres(t.Context(), options); err == nil || !strings.Contains(err.Error(), "no_such_setting") {
		t.Errorf("PostgreSQL: %v", err)
	}
	if _, err := StartRedis(t.Context(), options); err == nil || !strings.Contains(err.Error(), "no_such_setting") {
		t.Errorf("Redis: %v", err)
	}
}

func TestCancelledStartStartsNothing(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if pg, err := StartPostgres(ctx, Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("PostgreSQL: %v, %v", pg, err)
	}
	if r, err := StartRedis(ctx, Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("Redis: %v, %v", r, err)
	}
}

func TestRedisUserMayDoWhatTheCustodianNeedsAndNoMore(t *testing.T) {
	t.Parallel()
	r := startRedis(t, Options{})
	client := redisClient(t, r.URL)
	for _, command := range []string{
		"PING", "SET custodian:a 1 EX 60", "GET custodian:a", "EXPIRE custodian:a 30", "SCAN 0 MATCH custodian:*",
		"XADD custodian:events 1-1 n 1", "XLEN custodian:events", "XRANGE custodian:events - +", "XTRIM custodian:events MAXLEN 5",
		"XGROUP CREATE custodian:events g 0", "XREADGROUP GROUP g c STREAMS custodian:events >", "UNLINK custodian:a", "DEL custodian:a",
	} {
		if err := client.Do(t.Context(), arguments(command)...).Err(); err != nil {
			t.Errorf("%s: %v", command, err)
		}
	}
	for _, command := range []string{
		"GET other:a", "SET a 1", "KEYS custodian:*", "MULTI", "EVAL return(1) 0", "PUBLISH custodian:c m", "INFO", "FLUSHDB",
		"SORT custodian:a", "CONFIG GET dir", "CLIENT LIST", "ACL WHOAMI",
	} {
		if err := client.Do(t.Context(), arguments(command)...).Err(); err == nil || !strings.HasPrefix(err.Error(), "NOPERM") {
			t.Errorf("%s answers %v, want NOPERM", command, err)
		}
	}
	if err := redisClient(t, r.AdminURL).FlushDB(t.Context()).Err(); err != nil {
		t.Errorf("the admin may not do everything: %v", err)
	}
}

func TestDurableRedisKeepsItsDataOverACrash(t *testing.T) {
	t.Parallel()
	for _, durable := range []bool{true, false} {
		r := startRedis(t, Options{Fsync: durable})
		client := redisClient(t, r.URL)
		if err := client.Set(t.Context(), "custodian:kept", "42", 0).Err(); err != nil {
			t.Fatal(err)
		}
		if err := r.Stop(); err != nil {
			t.Fatal(err)
		}
		requireNoListener(t, r.Addr())
		if err := r.Restart(t.Context()); err != nil {
			t.Fatal(err)
		}
		count, err := redisClient(t, r.URL).Exists(t.Context(), "custodian:kept").Result()
		if err != nil {
			t.Fatal(err)
		}
		if kept := count == 1; kept != durable {
			t.Errorf("durable: %t; kept: %t", durable, kept)
		}
	}
}

// arguments splits a command as a Redis client would.
func arguments(command string) []any {
	var all []any
	for _, word := range strings.Fields(command) {
		all = append(all, word)
	}
	return all
}

func TestPromotedStandbyHasAllThatWasAcknowledged(t *testing.T) {
	t.Parallel()
	primary := startPostgres(t, Options{})
	standby, err := primary.StartStandby(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := standby.Close(); err != nil {
			t.Error(err)
		}
	})
	if got := query(t, standby.URL, "SELECT pg_is_in_recovery()::text"); got != "true" {
		t.Errorf("the standby is one: %s", got)
	}
	query(t, primary.URL, "CREATE TABLE kept (n int)")
	query(t, primary.URL, "INSERT INTO kept VALUES (42)")
	if err := primary.Stop(); err != nil {
		t.Fatal(err)
	}
	if err := standby.Promote(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := query(t, standby.URL, "SELECT n::text FROM kept"); got != "42" {
		t.Errorf("after the failover the row reads %q", got)
	}
	query(t, standby.URL, "INSERT INTO kept VALUES (43)")
}
