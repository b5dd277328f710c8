//go:build integration

package supervisor

import (
	"context"
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
