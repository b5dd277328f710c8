//go:build integration

package supervisor

import (
	"context"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/supervisor/config"
)

// realConfig names the real servers.
func realConfig(t *testing.T) config.Config {
	t.Helper()
	c := testConfig(t)
	c.Storage.Driver, c.Storage.Postgres.URL = config.StoragePostgres, config.Secret(testURL(t, "TEST_POSTGRES_URL"))
	c.Storage.Postgres.MaxConnections = 12
	c.Redis.Driver, c.Redis.URL = config.RedisServer, config.Secret(testURL(t, "TEST_REDIS_URL"))
	return c
}

func TestRealServersThatWillDoAreFoundSo(t *testing.T) {
	t.Parallel()
	findings := Diagnose(t.Context(), realConfig(t))
	for _, subject := range []string{"PostgreSQL at ", "Redis at "} {
		found := about(findings, subject)
		if len(found) == 0 || found[len(found)-1].Severity != SeverityOK {
			t.Errorf("%s: %+v", subject, findings)
		}
		for _, f := range found {
			// The server of tests does not sync to disk, which is worth a warning.
			if f.Severity != SeverityOK && !strings.Contains(f.Detail, "fsync") {
				t.Errorf("%+v", f)
			}
		}
	}
}

func TestARightThatIsMissingOnARealServerIsFound(t *testing.T) {
	t.Parallel()
	c := realConfig(t)
	admin, err := pgx.Connect(t.Context(), testURL(t, "TEST_POSTGRES_ADMIN_URL"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = admin.Close(context.Background()) }) // nothing is under way
	role := "guest_" + strconv.FormatInt(time.Now().UnixNano(), 10)
	if _, err := admin.Exec(t.Context(), `CREATE ROLE `+role+` LOGIN PASSWORD 'guest-word'`); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if _, err := admin.Exec(context.Background(), `DROP ROLE `+role); err != nil {
			t.Error(err)
		}
	})
	guest, err := url.Parse(c.Storage.Postgres.URL.Reveal())
	if err != nil {
		t.Fatal(err)
	}
	guest.User = url.UserPassword(role, "guest-word")
	c.Storage.Postgres.URL = config.Secret(guest.String())
	found := about(Diagnose(t.Context(), c), "PostgreSQL at ")
	if len(found) != 1 || found[0].Severity != SeverityError || !strings.Contains(found[0].Detail, "lacks CREATE on database") || !strings.Contains(found[0].Advice, "custodian provision") {
		t.Errorf("%+v", found)
	}
	guest.User = url.UserPassword(role, "another-word")
	c.Storage.Postgres.URL = config.Secret(guest.String())
	found = about(Diagnose(t.Context(), c), "PostgreSQL")
	if len(found) != 1 || found[0].Severity != SeverityError || !strings.Contains(found[0].Advice, "password") || strings.Contains(found[0].Detail, "another-word") {
		t.Errorf("%+v", found)
	}
}

func TestSchemasThatAreNoBooksAreFound(t *testing.T) {
	t.Parallel()
	c := realConfig(t)
	admin, err := pgx.Connect(t.Context(), testURL(t, "TEST_POSTGRES_ADMIN_URL"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = admin.Close(context.Background()) }) // nothing is under way
	unique := "doctor_" + strconv.FormatInt(time.Now().UnixNano(), 10)
	for suffix, script := range map[string]string{
		"later":   "",
		"foreign": `CREATE SCHEMA %[1]s; CREATE TABLE %[1]s.t (a text); GRANT USAGE, CREATE ON SCHEMA %[1]s TO PUBLIC`,
		"newer": `CREATE SCHEMA %[1]s; CREATE TABLE %[1]s.meta (version int, instance text, epoch int8, seq int8);
			INSERT INTO %[1]s.meta VALUES (99, 'x', 0, 0); GRANT USAGE, CREATE ON SCHEMA %[1]s TO PUBLIC; GRANT SELECT ON %[1]s.meta TO PUBLIC`,
		"taken": `CREATE SCHEMA %[1]s`,
		"lent":  `CREATE SCHEMA %[1]s; GRANT USAGE, CREATE ON SCHEMA %[1]s TO PUBLIC`,
	} {
		schema := unique + "_" + suffix
		c.Instances = append(c.Instances, config.Instance{Name: suffix, Schema: schema})
		if script == "" {
			continue
		}
		t.Cleanup(func() {
			if _, err := admin.Exec(context.Background(), `DROP SCHEMA `+schema+` CASCADE`); err != nil {
				t.Error(err)
			}
		})
		if _, err := admin.Exec(t.Context(), fmt.Sprintf(script, schema)); err != nil {
			t.Fatal(err)
		}
	}
	findings := Diagnose(t.Context(), c)
	for name, want := range map[string]struct{ detail, advice string }{
		"foreign": {"schema belongs to something else", "in schema that nothing else has"},
		"newer":   {"has version 99, this program knows versions up to", "start the newer version"},
		"taken":   {"belongs to role postgres", "have its owner or an administrator change that"},
	} {
		found := about(findings, "books of "+name)
		if len(found) != 1 || found[0].Severity != SeverityError || !strings.Contains(found[0].Detail, want.detail) || !strings.Contains(found[0].Advice, want.advice) {
			t.Errorf("%s: %+v", name, findings)
		}
	}
	if found := about(findings, "books"); len(found) != 4 || found[3].Severity != SeverityOK || !strings.Contains(found[3].Detail, "of 2 of 5 instances") {
		t.Errorf("%+v", found)
	}
	var made bool
	if err := admin.QueryRow(t.Context(), `SELECT to_regnamespace($1) IS NOT NULL`, unique+"_later").Scan(&made); err != nil || made {
		t.Errorf("a schema was made (%v)", err)
	}
}
