//go:build integration

package postgres

import (
	"errors"
	"fmt"
	"testing"
	"time"
)

// with returns the migrations with one more.
func with(step string) []string { return append(migrations[:len(migrations):len(migrations)], step) }

func TestFailedMigrationLeavesTheSchemaAsItWas(t *testing.T) {
	t.Parallel()
	s := openServer(t)
	schema := newSchema(t, s)
	o := JournalOptions{Instance: "x", Schema: schema}
	j := openJournal(t, s, schema)
	load(t, j)
	if err := j.Append(t.Context(), batchAt(1, "kept")); err != nil {
		t.Fatal(err)
	}
	c := session(t, testURL(t, "TEST_POSTGRES_URL"))
	look := func() (found string) {
		t.Helper()
		if err := c.QueryRow(t.Context(), `SELECT format('version %s, %s batches, %s', (SELECT version FROM `+schema+`.meta),
			(SELECT count(*) FROM `+schema+`.journal), coalesce(to_regclass($1)::text, 'no new table'))`, schema+".half").Scan(&found); err != nil {
			t.Fatal(err)
		}
		return found
	}
	before := look()
	for range 2 {
		_, err := s.journal(t.Context(), o, with(`CREATE TABLE {schema}.half (n int); DELETE FROM {schema}.journal; SELECT 1/0;`))
		want := fmt.Sprintf("migrating schema %q from version %d to %d", schema, len(migrations), len(migrations)+1)
		if err == nil || !errorSays(err, want) || !errorSays(err, "division by zero") {
			t.Errorf("got %v, want %q", err, want)
		}
		if after := look(); after != before {
			t.Errorf("it left %s, before it was %s", after, before)
		}
	}
	load(t, j) // who runs on the old version is not disturbed
	mended, err := s.journal(t.Context(), o, with(`CREATE TABLE {schema}.half (n int);`))
	if err != nil {
		t.Fatal(err)
	}
	if err := mended.Close(); err != nil {
		t.Error(err)
	}
	if after, want := look(), fmt.Sprintf("version %d, 1 batches, %s.half", len(migrations)+1, schema); after != want {
		t.Errorf("mended it is %s, want %s", after, want)
	}
}

// Others wait behind a migration that waits for a table, so it must not wait long.
func TestMigrationGivesUpOnATableThatIsLocked(t *testing.T) {
	t.Parallel()
	s := openServer(t)
	schema := newSchema(t, s)
	openJournal(t, s, schema)
	c := session(t, testURL(t, "TEST_POSTGRES_URL"))
	if _, err := c.Exec(t.Context(), `BEGIN; LOCK TABLE `+schema+`.positions IN ACCESS SHARE MODE`); err != nil {
		t.Fatal(err)
	}
	o := JournalOptions{Instance: "x", Schema: schema}
	_, err := s.journal(t.Context(), o, with(`SET LOCAL lock_timeout = '50ms'; ALTER TABLE {schema}.positions ADD COLUMN n int;`))
	if sqlState(err) != codeLockTimeout {
		t.Errorf("got %v", err)
	}
	if _, err := c.Exec(t.Context(), `ROLLBACK`); err != nil {
		t.Fatal(err)
	}
	// The bound is the program's own.
	j, err := s.journal(t.Context(), o, with(`DO $$ BEGIN
		ASSERT current_setting('lock_timeout') = '10s' AND current_setting('statement_timeout') = '0'; END $$;`))
	if err != nil {
		t.Fatal(err)
	}
	_ = j.Close()
}

// A migration may take long, and is let: only a connection that is lost ends it.
func TestLongMigrationIsAttended(t *testing.T) {
	t.Parallel()
	p, through := behindProxy(t)
	s := openServer(t, through)
	schema := newSchema(t, s)
	openJournal(t, s, schema)
	o := JournalOptions{Instance: "x", Schema: schema}
	// Longer than any statement may take.
	long, err := s.journal(t.Context(), o, with(`SELECT pg_sleep(1.5);`))
	if err != nil {
		t.Fatal(err)
	}
	_ = long.Close()

	steps := append(with(`SELECT pg_sleep(1.5);`), `SELECT 'of `+schema+`', pg_sleep(3600);`)
	ended := make(chan error, 1)
	go func() {
		_, err := s.journal(t.Context(), o, steps)
		ended <- err
	}()
	admin := session(t, testURL(t, "TEST_POSTGRES_ADMIN_URL"))
	const sleeping = `FROM pg_stat_activity WHERE query LIKE '%''of ' || $1 || '''%' AND pid <> pg_backend_pid() AND state = 'active'`
	eventually(t, "the migration is at work", func() bool {
		var n int
		err := admin.QueryRow(t.Context(), `SELECT count(*) `+sleeping, schema).Scan(&n)
		return err == nil && n == 1
	})
	p.Stall()
	select {
	case err := <-ended:
		if !errors.Is(err, ErrUnreachable) || !errorSays(err, "was lost meanwhile") {
			t.Errorf("got %v", err)
		}
	case <-time.After(patience):
		t.Fatal("it never ends")
	}
	p.Resume()
	eventually(t, "the old session is gone", func() bool {
		var n int
		err := admin.QueryRow(t.Context(), `SELECT count(pg_terminate_backend(pid)) `+sleeping, schema).Scan(&n)
		return err == nil && n == 0
	})
	again, err := s.journal(t.Context(), o, append(steps[:len(steps)-1:len(steps)-1], `SELECT 1;`))
	if err != nil {
		t.Fatal(err)
	}
	_ = again.Close()
}
