//go:build integration && unix

package supervisor

import (
	"context"
	"testing"
	"time"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/store/storetest/servers"
)

// databaseFaults are done one after another to the same instances under the same traffic.
var databaseFaults = []fault{
	{name: "server stopped", inject: func(w *ward) func() {
		if err := w.pg.Stop(); err != nil {
			w.t.Fatal(err)
		}
		return func() {
			if err := w.pg.Restart(w.ctx); err != nil {
				w.t.Fatal(err)
			}
		}
	}},
	{name: "sessions terminated", inject: func(w *ward) func() {
		// Again and again, those that are made meanwhile as well.
		ctx, cancel := context.WithCancel(w.ctx)
		conn, end := w.session()
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			defer end()
			for ctx.Err() == nil {
				if _, err := conn.Exec(w.ctx, `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = $1`, servers.PostgresUser); err != nil {
					w.t.Error(err)
					return
				}
			}
		}()
		return func() { cancel(); <-ended }
	}},
	{name: "connections refused", inject: func(w *ward) func() { w.proxy.Refuse(); return w.proxy.Resume }},
	{name: "connections silent", inject: func(w *ward) func() { w.proxy.Stall(); return w.proxy.Resume }},
	{name: "connections slow", spares: true, inject: func(w *ward) func() {
		w.proxy.Delay(25 * time.Millisecond) // each way
		return w.proxy.Resume
	}},
	{name: "no connection allowed", inject: func(w *ward) func() {
		w.sql("ALTER ROLE " + servers.PostgresUser + " CONNECTION LIMIT 0")
		w.terminate()
		return func() { w.sql("ALTER ROLE " + servers.PostgresUser + " CONNECTION LIMIT -1") }
	}},
	// One of them holds the ownership.
	{name: "few connections allowed", spares: true, inject: func(w *ward) func() {
		w.sql("ALTER ROLE " + servers.PostgresUser + " CONNECTION LIMIT 3")
		w.terminate()
		w.progress(5)
		return func() { w.sql("ALTER ROLE " + servers.PostgresUser + " CONNECTION LIMIT -1") }
	}},
	{name: "server read-only", inject: func(w *ward) func() {
		w.sql("ALTER SYSTEM SET default_transaction_read_only = on", "SELECT pg_reload_conf()")
		return func() {
			w.sql("SET default_transaction_read_only = off", "ALTER SYSTEM RESET default_transaction_read_only", "SELECT pg_reload_conf()")
		}
	}},
	{name: "journals locked", inject: func(w *ward) func() { return w.lock("journal", "ACCESS EXCLUSIVE") }},
	{name: "statements timed out", inject: func(w *ward) func() {
		w.sql("ALTER ROLE " + servers.PostgresUser + " SET statement_timeout = '200ms'")
		w.terminate()
		unlock := w.lock("journal", "SHARE")
		return func() {
			unlock()
			w.sql("ALTER ROLE " + servers.PostgresUser + " RESET statement_timeout")
		}
	}},
	{name: "disk full", inject: func(w *ward) func() { return w.disk.fill() }},
	{name: "table dropped", inject: func(w *ward) func() { return w.drop("settlements") }},
	{name: "journal dropped", inject: func(w *ward) func() { return w.drop("journal") }},
}

// lock keeps a table of both instances locked.
func (w *ward) lock(table, mode string) (unlock func()) {
	conn, end := w.session()
	tables := w.tables(table)
	if _, err := conn.Exec(w.ctx, "BEGIN; LOCK TABLE "+tables[0]+", "+tables[1]+" IN "+mode+" MODE"); err != nil {
		w.t.Fatal(err)
	}
	return end
}

// drop drops a table of both instances, and returns what brings it back from a
// copy of the last moment.
func (w *ward) drop(table string) (restore func()) {
	var drop, bring []string
	for _, t := range w.tables(table) {
		drop = append(drop, "BEGIN; LOCK TABLE "+t+" IN ACCESS EXCLUSIVE MODE; CREATE TABLE "+t+"_copy (LIKE "+t+" INCLUDING ALL);"+
			"INSERT INTO "+t+"_copy SELECT * FROM "+t+"; DROP TABLE "+t+"; COMMIT")
		bring = append(bring, "ALTER TABLE "+t+"_copy OWNER TO "+servers.PostgresUser, "ALTER TABLE "+t+"_copy RENAME TO "+table)
	}
	w.sql(drop...)
	return func() { w.sql(bring...) }
}

func (w *ward) tables(table string) []string {
	return []string{w.place.schema("sick_1") + "." + table, w.place.schema("sick_2") + "." + table}
}

// It is not parallel, as it looks at what the process holds.
func TestRealDatabaseTroubleStaysWhereItIsAndLosesNothing(t *testing.T) {
	w := newWard(t)
	w.alone = true
	url := withHost(t, w.pg.URL, w.proxy.Addr(), "/sick")
	w.start(url, url)
	for _, f := range databaseFaults {
		if f.name == "disk full" && w.disk == nil {
			t.Log("NOT DONE: a full disk, as nothing can be mounted here")
			continue
		}
		w.suffer(f)
	}
	w.closeAndCheck()
}
