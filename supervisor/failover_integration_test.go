//go:build integration && unix

package supervisor

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/store/storetest/servers"
)

// newPair makes a ward whose database has a standby that has all that was
// acknowledged. One sick instance knows both servers by their addresses, the other
// one address that leads to whichever is in charge.
func newPair(t *testing.T) (w *ward, standby *servers.Postgres) {
	t.Helper()
	w = &ward{place: newPlace(t), harness: &harness{t: t, ctx: t.Context()}}
	w.pg = startPostgres(t)
	standby, err := w.pg.StartStandby(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := standby.Close(); err != nil {
			t.Error(err)
		}
	})
	w.adminDB = w.pg.AdminURL
	w.startProxy()
	w.start(
		withHost(t, w.pg.URL, w.pg.Addr()+","+standby.Addr(), "/"+servers.PostgresDatabase),
		withHost(t, w.pg.URL, w.proxy.Addr(), "/"+servers.PostgresDatabase))
	return w, standby
}

// promote makes the standby the server in charge.
func (w *ward) promote(standby *servers.Postgres) {
	w.t.Helper()
	if err := standby.Promote(w.ctx); err != nil {
		w.t.Fatal(err)
	}
	w.proxy.SetTarget(standby.Addr())
	w.adminDB = standby.AdminURL
}

func TestRealFailoverToAStandbyLosesNothing(t *testing.T) {
	t.Parallel()
	w, standby := newPair(t)
	w.suffer(fault{name: "failover, primary dead", inject: func(w *ward) func() {
		if err := w.pg.Stop(); err != nil {
			w.t.Fatal(err)
		}
		return func() { w.promote(standby) }
	}})
	w.closeAndCheck()
}

// A primary that was demoted may go on answering those that are connected to it.
func TestRealFailoverFromAPrimaryThatStillAnswersLosesNothing(t *testing.T) {
	t.Parallel()
	w, standby := newPair(t)
	old := w.adminDB
	w.suffer(fault{name: "failover, primary fenced", inject: func(w *ward) func() {
		w.sql("ALTER SYSTEM SET default_transaction_read_only = on", "SELECT pg_reload_conf()")
		return func() { w.promote(standby) }
	}})
	w.until("the ownership has moved to the new primary", func() bool {
		return w.locks(standby.AdminURL) == 2 && w.locks(old) == 0
	})
	w.closeAndCheck()
}

// locks counts the advisory locks on a server.
func (w *ward) locks(url string) (n int) {
	w.t.Helper()
	conn, err := pgx.Connect(w.ctx, url)
	if err != nil {
		w.t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.Background()) }()
	if err := conn.QueryRow(w.ctx, `SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'`).Scan(&n); err != nil {
		w.t.Fatal(err)
	}
	return n
}
