//go:build integration

package postgres

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
)

// refused runs a statement that the server must refuse for want of a right.
func refused(t *testing.T, c *pgx.Conn, sql string, args ...any) {
	t.Helper()
	if _, err := c.Exec(t.Context(), sql, args...); sqlState(err) != codeNoPrivilege {
		t.Errorf("%s: %v, want it to be refused", sql, err)
	}
}

func tablesOf(t *testing.T, c *pgx.Conn, schema string) []string {
	t.Helper()
	rows, err := c.Query(t.Context(), `SELECT relname::text FROM pg_class WHERE relkind = 'r' AND relnamespace = $1::text::regnamespace`, schema)
	if err != nil {
		t.Fatal(err)
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil || len(names) < len(rightsOn) {
		t.Fatalf("tables %v, %v", names, err)
	}
	return names
}

// What a role may see of others is in the catalogs alone: names of schemas,
// tables and roles, and who is connected.
func TestTheServerRefusesAnInstanceWhatIsAnothers(t *testing.T) {
	t.Parallel()
	s := isolatedServer(t)
	mine, theirs := newSchema(t, s), newSchema(t, s)
	_, url := openIsolated(t, s, mine)
	openIsolated(t, s, theirs)
	if _, err := s.Desired(t.Context(), "test"); err != nil {
		t.Fatal(err)
	}
	supervisor := session(t, s.config.ConnString())
	intruder := session(t, url)

	for _, table := range tablesOf(t, supervisor, theirs) {
		name := theirs + "." + table
		var column string
		if err := supervisor.QueryRow(t.Context(), `SELECT attname FROM pg_attribute WHERE attrelid = $1::text::regclass AND attnum = 1`, name).Scan(&column); err != nil {
			t.Fatal(err)
		}
		for _, sql := range []string{
			"SELECT count(*) FROM " + name, "SELECT FROM " + name + " FOR UPDATE", "INSERT INTO " + name + " DEFAULT VALUES",
			"UPDATE " + name + " SET " + column + " = " + column, "DELETE FROM " + name, "TRUNCATE " + name, "DO $$ BEGIN LOCK TABLE " + name + "; END $$",
			"COPY " + name + " TO STDOUT", "DROP TABLE " + name, "ALTER TABLE " + name + " ADD COLUMN x int", "CREATE INDEX ON " + name + " (" + column + ")",
		} {
			refused(t, intruder, sql)
		}
	}
	for _, sql := range []string{
		"CREATE TABLE " + theirs + ".x (n int)", "DROP SCHEMA " + theirs + " CASCADE", "ALTER SCHEMA " + theirs + " RENAME TO x",
		"SELECT * FROM " + supervisorSchema + ".desired",
		"SET ROLE " + quoteName(RoleName(s.database, theirs)), "SET ROLE " + quoteName(s.role), "SET SESSION AUTHORIZATION " + quoteName(s.role),
		"ALTER ROLE " + quoteName(RoleName(s.database, theirs)) + " PASSWORD 'x'", "GRANT " + quoteName(s.role) + " TO CURRENT_USER",
		"CREATE ROLE x", "CREATE DATABASE x", "CREATE SCHEMA x", "CREATE TABLE public.x (n int)", "CREATE TEMPORARY TABLE x (n int)",
		"SELECT rolpassword FROM pg_authid", "SELECT pg_read_file('PG_VERSION')", "COPY (SELECT 1) TO PROGRAM 'true'",
		"SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE usename = " + quoteLiteral(s.role),
		// Nor may it change what is its own beyond its work.
		"UPDATE " + mine + ".journal SET hash = ''", "DELETE FROM " + mine + ".journal", "TRUNCATE " + mine + ".positions",
		"DELETE FROM " + mine + ".ledger_entries", "UPDATE " + mine + ".ledger_entries SET amount = 0",
		"DROP TABLE " + mine + ".journal", "CREATE TABLE " + mine + ".x (n int)",
	} {
		refused(t, intruder, sql)
	}
	if _, err := intruder.Exec(t.Context(), "SELECT count(*) FROM "+mine+".journal"); err != nil {
		t.Errorf("its own: %v", err)
	}
	// Large objects belong to no schema.
	var object uint32
	if err := supervisor.QueryRow(t.Context(), "SELECT lo_from_bytea(0, 'secret')").Scan(&object); err != nil {
		t.Fatal(err)
	}
	refused(t, intruder, fmt.Sprintf("SELECT lo_get(%d)", object))
	refused(t, intruder, fmt.Sprintf("SELECT lo_unlink(%d)", object))
	var query string
	if err := intruder.QueryRow(t.Context(), `SELECT coalesce(max(query), '') FROM pg_stat_activity WHERE usename = $1`, s.role).Scan(&query); err != nil || query != "<insufficient privilege>" {
		t.Errorf("it sees the supervisor's query %q, %v", query, err)
	}
}

func TestAnotherDatabaseOfTheServerIsRefused(t *testing.T) {
	t.Parallel()
	first, second := isolatedServer(t), isolatedServer(t)
	schema := newSchema(t, first)
	_, url := openIsolated(t, first, schema)
	newURL := strings.Replace(url, "/"+first.database, "/"+second.database, 1)
	c, err := pgx.Connect(t.Context(), newURL)
	if err == nil {
		_ = c.Close(t.Context())
	}
	if sqlState(err) != codeNoPrivilege {
		t.Errorf("connecting to another database: %v", err)
	}
	// The same schema in another database has another role.
	openIsolated(t, second, schema)
	t.Cleanup(func() {
		if err := second.Drop(context.Background(), schema, nil); err != nil {
			t.Error(err)
		}
	})
}

func TestARoleThatIsNotOursIsNotTouched(t *testing.T) {
	t.Parallel()
	s := isolatedServer(t)
	schema := newName()
	lease := own(t, s, schema)
	admin := session(t, testURL(t, "TEST_POSTGRES_ADMIN_URL"))
	role := quoteName(RoleName(s.database, schema))
	must(t, admin, "CREATE ROLE "+role+" LOGIN PASSWORD 'theirs'")
	t.Cleanup(func() { mustFinally(t, admin, "DROP ROLE "+role) })
	_, err := s.Journal(t.Context(), JournalOptions{Instance: "x", Schema: schema, Lease: lease, Isolate: true})
	if !errors.Is(err, ErrForeignRole) || !strings.Contains(err.Error(), "choose another schema") {
		t.Errorf("opening: %v", err)
	}
	if err := s.Drop(t.Context(), schema, nil); !errors.Is(err, ErrForeignRole) {
		t.Errorf("dropping: %v", err)
	}
	if err := s.DropRole(t.Context(), schema, nil); !errors.Is(err, ErrForeignRole) {
		t.Errorf("dropping the role: %v", err)
	}
	// Nor is one of ours that was made powerful.
	must(t, admin, "COMMENT ON ROLE "+role+" IS "+quoteLiteral(roleMark(s.database, schema)))
	must(t, admin, "ALTER ROLE "+role+" SUPERUSER")
	_, err = s.Journal(t.Context(), JournalOptions{Instance: "x", Schema: schema, Lease: lease, Isolate: true})
	if !errors.Is(err, ErrForeignRole) || !strings.Contains(err.Error(), "SUPERUSER") {
		t.Errorf("opening with a superuser: %v", err)
	}
}

func must(t testing.TB, c *pgx.Conn, sql string) {
	t.Helper()
	if _, err := c.Exec(t.Context(), sql); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

func mustFinally(t testing.TB, c *pgx.Conn, sql string) {
	t.Helper()
	if _, err := c.Exec(context.Background(), sql); err != nil {
		t.Errorf("%s: %v", sql, err)
	}
}

func roles(t *testing.T, c *pgx.Conn, role string) (n int) {
	t.Helper()
	if err := c.QueryRow(t.Context(), `SELECT count(*) FROM pg_roles WHERE rolname = $1`, role).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestBooksMoveToARoleAndBack(t *testing.T) {
	t.Parallel()
	s := isolatedServer(t)
	schema := newSchema(t, s)
	lease := own(t, s, schema)
	watcher := session(t, s.config.ConnString())
	role := RoleName(s.database, schema)
	for seq := uint64(1); seq <= 6; seq++ {
		isolated := seq%2 == 0
		o := JournalOptions{Instance: "x", Schema: schema}
		if isolated {
			o.Lease, o.Isolate = lease, true
		}
		j, err := s.Journal(t.Context(), o)
		if err != nil {
			t.Fatalf("round %d: %v", seq, err)
		}
		if head := load(t, j).Head; head != seq-1 {
			t.Errorf("round %d finds %d batches", seq, head)
		}
		if err := j.Append(t.Context(), batchAt(seq, "x")); err != nil {
			t.Errorf("round %d: %v", seq, err)
		}
		var user string
		if err := j.pool.use(t.Context(), func(ctx context.Context, c *pgx.Conn) error {
			return c.QueryRow(ctx, "SELECT current_user").Scan(&user)
		}); err != nil || (user == role) != isolated {
			t.Errorf("round %d works as %s, %v", seq, user, err)
		}
		if err := j.Close(); err != nil {
			t.Error(err)
		}
		if exists := roles(t, watcher, role) == 1; exists != isolated {
			t.Errorf("round %d: the role exists: %t", seq, exists)
		}
	}
	if err := s.Drop(t.Context(), schema, nil); err != nil {
		t.Fatal(err)
	}
	if roles(t, watcher, role) != 0 {
		t.Error("the role outlives the schema")
	}
}

// A restored copy takes the place of the books and has no grants yet.
func TestAReplacedSchemaIsGrantedToTheRoleAtTheNextStart(t *testing.T) {
	t.Parallel()
	s := isolatedServer(t)
	schema, staging := newSchema(t, s), newSchema(t, s)
	j, _ := openIsolated(t, s, schema)
	lease := j.pool.login.lease
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	copied := openJournal(t, s, staging)
	load(t, copied)
	if err := copied.Append(t.Context(), batchAt(1, "restored")); err != nil {
		t.Fatal(err)
	}
	if err := copied.Close(); err != nil {
		t.Fatal(err)
	}
	if err := s.Replace(t.Context(), staging, schema, lease); err != nil {
		t.Fatal(err)
	}
	j, err := s.Journal(t.Context(), JournalOptions{Instance: "x", Schema: schema, Lease: lease, Isolate: true})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = j.Close() }()
	if head := load(t, j).Head; head != 1 {
		t.Errorf("head is %d", head)
	}
	if err := j.Append(t.Context(), batchAt(2, "after")); err != nil {
		t.Error(err)
	}
}

// Each start has a password of its own; the one before and its sessions are of
// no use any more.
func TestANewStartShutsTheOneBeforeOut(t *testing.T) {
	t.Parallel()
	s := isolatedServer(t)
	schema := newSchema(t, s)
	before, oldURL := openIsolated(t, s, schema)
	old := session(t, oldURL)
	after, err := s.Journal(t.Context(), JournalOptions{Instance: "x", Schema: schema, Lease: before.pool.login.lease, Isolate: true})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = after.Close() }()
	if _, err := old.Exec(t.Context(), "SELECT 1"); err == nil {
		t.Error("a session from before goes on")
	}
	c, err := pgx.Connect(t.Context(), oldURL)
	if err == nil {
		_ = c.Close(t.Context())
	}
	if sqlState(err) != codeInvalidPassword {
		t.Errorf("the password from before: %v", err)
	}
	load(t, after)
	if err := after.Append(t.Context(), batchAt(1, "x")); err != nil {
		t.Error(err)
	}
}

// Whatever becomes of the role, the instance gets it back by itself.
func TestALostRoleOrPasswordIsMadeAnew(t *testing.T) {
	t.Parallel()
	s := isolatedServer(t)
	schema := newSchema(t, s)
	j, _ := openIsolated(t, s, schema)
	load(t, j)
	role := quoteName(RoleName(s.database, schema))
	admin := session(t, strings.Replace(testURL(t, "TEST_POSTGRES_ADMIN_URL"), "/trading_ecosystem", "/"+s.database, 1))
	for seq, sql := range []string{
		"ALTER ROLE " + role + " PASSWORD 'another'",
		"DROP OWNED BY " + role + "; DROP ROLE " + role,
	} {
		if _, err := admin.PgConn().Exec(t.Context(), sql).ReadAll(); err != nil {
			t.Fatal(err)
		}
		j.pool.reset() // connections that are open go on
		if err := j.Append(t.Context(), batchAt(uint64(seq)+1, "x")); err != nil {
			t.Errorf("after %s: %v", sql, err)
		}
	}
	// An owner no more does not.
	must(t, admin, "ALTER ROLE "+role+" PASSWORD 'another'")
	if err := j.pool.login.lease.Release(t.Context()); err != nil {
		t.Fatal(err)
	}
	j.pool.reset()
	if err := j.Append(t.Context(), batchAt(3, "x")); !errors.Is(err, ErrNotHeld) {
		t.Errorf("after the loss: %v", err)
	}
}

func TestEachMissingRightForRolesIsNamed(t *testing.T) {
	t.Parallel()
	s := isolatedServer(t)
	admin := session(t, strings.Replace(testURL(t, "TEST_POSTGRES_ADMIN_URL"), "/trading_ecosystem", "/"+s.database, 1))
	me, database, group := quoteName(s.role), quoteName(s.database), quoteName(GroupName(s.database))
	if err := s.Check(t.Context(), true); err != nil {
		t.Fatal(err)
	}
	lease := own(t, s, newName())
	for _, c := range []struct{ take, want, give string }{
		{"ALTER ROLE " + me + " NOCREATEROLE", "lacks CREATEROLE", "ALTER ROLE " + me + " CREATEROLE"},
		{"REVOKE TEMPORARY ON DATABASE " + database + " FROM " + me, "lacks TEMPORARY on database " + s.database, "GRANT TEMPORARY ON DATABASE " + database + " TO " + me},
		{"ALTER ROLE " + group + " RENAME TO " + quoteName(s.role+"x"), "does not exist", "ALTER ROLE " + quoteName(s.role+"x") + " RENAME TO " + group},
	} {
		must(t, admin, c.take)
		_, opening := s.Journal(t.Context(), JournalOptions{Instance: "x", Schema: lease.schema, Lease: lease, Isolate: true})
		for _, err := range []error{opening, s.Check(t.Context(), true)} {
			if !errors.Is(err, ErrPermission) || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "custodian provision") {
				t.Errorf("after %s: %v", c.take, err)
			}
			if strings.HasPrefix(c.give, "GRANT") && !strings.Contains(err.Error(), c.give) {
				t.Errorf("after %s the error does not say how to mend it: %v", c.take, err)
			}
		}
		must(t, admin, c.give)
	}
	if err := s.Check(t.Context(), true); err != nil {
		t.Error(err)
	}
}
