//go:build integration

package postgres

import (
	"context"
	"net/url"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// isolatedURL provisions a database and a supervisor's role of the test's own,
// and returns the URL. Both are gone with the test.
func isolatedURL(t testing.TB, adminURL string) string {
	t.Helper()
	role, database := newName(), newName()
	u, err := url.Parse(adminURL)
	if err != nil {
		t.Fatal(err)
	}
	u.User, u.Path = url.UserPassword(role, newPassword()), "/"+database
	p, err := NewProvision(u.String(), true)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		admin := dial(t, adminURL)
		for _, sql := range []string{
			"DROP DATABASE IF EXISTS " + quoteName(database) + " WITH (FORCE)",
			"DROP ROLE IF EXISTS " + quoteName(GroupName(database)),
			"DROP ROLE IF EXISTS " + quoteName(role),
		} {
			if _, err := admin.Exec(context.Background(), sql); err != nil {
				t.Errorf("%s: %v", sql, err)
			}
		}
		closeConn(admin)
	})
	for range 2 { // a second time changes nothing
		if _, err := p.Apply(t.Context(), adminURL, false); err != nil {
			t.Fatal(err)
		}
	}
	return u.String()
}

// dial opens a connection that the caller closes.
func dial(t testing.TB, url string) *pgx.Conn {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	c, err := pgx.Connect(ctx, url)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// isolatedServer opens a server that is provisioned for roles.
func isolatedServer(t testing.TB) *Server {
	t.Helper()
	u := isolatedURL(t, testURL(t, "TEST_POSTGRES_ADMIN_URL"))
	return openServer(t, func(o *Options) { o.URL = u })
}

// openIsolated opens a journal that works as a role of its own, and returns also
// what it logs in with.
func openIsolated(t testing.TB, s *Server, schema string) (j *Journal, credentialsURL string) {
	t.Helper()
	j, err := s.Journal(t.Context(), JournalOptions{Instance: "test", Schema: schema, Lease: own(t, s, schema), Isolate: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := j.Close(); err != nil {
			t.Error(err)
		}
	})
	return j, urlOf(t, s, j)
}

func urlOf(t testing.TB, s *Server, j *Journal) string {
	t.Helper()
	u, err := url.Parse(s.config.ConnString())
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.UserPassword(j.pool.login.credentials())
	return u.String()
}
