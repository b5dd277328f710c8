//go:build integration && unix

package postgres

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/store/storetest/servers"
)

// lockedBuffer collects what several goroutines write.
type lockedBuffer struct {
	sync.Mutex
	bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.Lock()
	defer b.Unlock()
	return b.Buffer.Write(p)
}

func (b *lockedBuffer) String() string {
	b.Lock()
	defer b.Unlock()
	return b.Buffer.String()
}

// activity collects what anybody runs until it is stopped.
func activity(t *testing.T, url string) (stop func() string) {
	t.Helper()
	c := dial(t, url)
	var seen strings.Builder
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer closeConn(c)
		for ctx.Err() == nil {
			rows, err := c.Query(ctx, `SELECT DISTINCT query FROM pg_stat_activity WHERE pid <> pg_backend_pid()`)
			if err != nil {
				return
			}
			found, _ := pgx.CollectRows(rows, pgx.RowTo[string])
			for _, query := range found {
				if !strings.Contains(seen.String(), query) {
					seen.WriteString(query + "\n")
				}
			}
		}
	}()
	return func() string {
		cancel()
		<-done
		return seen.String()
	}
}

// Neither passwords nor what the server keeps of them are anywhere but in this
// process and in the server's catalog: the server logs every statement here.
func TestPasswordsAndVerifiersAppearNowhere(t *testing.T) {
	t.Parallel()
	pg, err := servers.StartPostgres(t.Context(), servers.Options{ExtraConf: []string{
		"log_statement = all", "log_min_messages = debug1", "log_min_error_statement = debug1", "log_connections = on",
		"log_min_duration_statement = 0", "log_parameter_max_length_on_error = -1",
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := pg.Close(); err != nil {
			t.Error(err)
		}
	})
	url := isolatedURL(t, pg.AdminURL)
	stop := activity(t, pg.AdminURL)
	var log lockedBuffer
	s := openServer(t, func(o *Options) {
		o.URL, o.Logger = url, slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	})
	schema := newSchema(t, s)
	j, _ := openIsolated(t, s, schema)
	load(t, j)
	admin := session(t, strings.Replace(pg.AdminURL, "/trading_ecosystem", "/"+s.database, 1))
	var secrets, told []string
	note := func() {
		t.Helper()
		_, password := j.pool.login.credentials()
		var verifier string
		if err := admin.QueryRow(t.Context(), `SELECT rolpassword FROM pg_authid WHERE rolname = $1`, j.pool.login.role).Scan(&verifier); err != nil {
			t.Fatal(err)
		}
		secrets = append(secrets, password, verifier)
	}
	note()
	// A refusal in the very statement that carries the verifier, and others.
	role := quoteName(j.pool.login.role)
	must(t, admin, "ALTER ROLE "+role+" PASSWORD NULL")
	j.pool.reset()
	if err := j.Append(t.Context(), batchAt(1, "x")); err != nil {
		t.Fatal(err)
	}
	note()
	must(t, admin, "ALTER ROLE "+role+" PASSWORD NULL")
	must(t, admin, "ALTER ROLE "+quoteName(s.role)+" NOCREATEROLE")
	j.pool.reset()
	told = append(told, fmt.Sprintf("%v", j.Append(t.Context(), batchAt(2, "x"))))
	verifier, err := newVerifier(secrets[0])
	if err != nil {
		t.Fatal(err)
	}
	secrets = append(secrets, verifier)
	err = s.admin.use(t.Context(), func(ctx context.Context, c *pgx.Conn) error {
		return alterRole(ctx, c, nil, "", "postgres", "LOGIN", verifier)
	})
	if sqlState(err) != codeNoPrivilege {
		t.Errorf("a password of the superuser: %v", err)
	}
	told = append(told, fmt.Sprintf("%v %+v", err, err), fmt.Sprintf("%v %+v %#v %+v %+v", j.pool.login, j.pool.login, j.pool.login, s, j))
	must(t, admin, "ALTER ROLE "+quoteName(s.role)+" CREATEROLE")
	if err := j.Append(t.Context(), batchAt(2, "x")); err != nil {
		t.Fatal(err)
	}
	note()

	places := map[string]string{"the log of this program": log.String(), "errors": strings.Join(told, "\n"), "pg_stat_activity": stop()}
	serverLog, err := os.ReadFile(filepath.Join(pg.Dir, "server.log"))
	if err != nil {
		t.Fatal(err)
	}
	places["the log of the server"] = string(serverLog)
	for i := range 100 {
		args, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pg.PID()+i))
		if err == nil {
			places["process titles"] += string(args) + "\n"
		}
	}
	own, _ := os.ReadFile("/proc/self/cmdline")
	places["process titles"] += string(own)
	for place, text := range places {
		for _, secret := range secrets {
			if secret == "" || strings.Contains(text, secret) {
				t.Errorf("%s has %q", place, secret)
			}
		}
	}
	// The test would see it: these are there.
	for place, sign := range map[string]string{
		"the log of the server": "COPY pg_temp.custodian_verifier", "the log of this program": "has a new password now",
		"errors": "lacks CREATEROLE", "pg_stat_activity": "SELECT",
	} {
		if !strings.Contains(places[place], sign) {
			t.Errorf("%s does not have %q:\n%.2000s", place, sign, places[place])
		}
	}
	if strings.Contains(places["the log of the server"], "SCRAM-SHA-256$") {
		t.Error("the log of the server has a verifier")
	}
}
