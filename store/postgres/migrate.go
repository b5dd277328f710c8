package postgres

import (
	"context"
	"embed"
	"fmt"
	"io/fs"
	"strings"

	"github.com/jackc/pgx/v5"
)

//go:embed migrations/*.sql
var migrationFiles embed.FS

// migrations are the steps from an empty schema to the present one: applying
// the first n gives version n. They are never changed once released, only
// added to.
var migrations = readMigrations()

func readMigrations() []string {
	names, err := fs.Glob(migrationFiles, "migrations/*.sql") // in the order of their names
	if err != nil {
		panic(err)
	}
	out := make([]string, len(names))
	for i, name := range names {
		text, err := migrationFiles.ReadFile(name)
		if err != nil {
			panic(err)
		}
		out[i] = string(text)
	}
	return out
}

// schemaState is what is found under a schema's name.
type schemaState struct {
	exists  bool
	empty   bool
	foreign bool
	version int
	// instance is the name of the instance that the journal was made for.
	instance string
}

// findJournal asks the catalogue about a schema $1, all at one instant, since another
// process may be making it. A catalogue grows with the number of instances and has no
// index of tables by schema, so that one is looked for by its name, and any by what
// depends on the schema.
const findJournal = `
	SELECT n.oid IS NOT NULL,
		EXISTS (SELECT FROM pg_depend d
			WHERE d.refclassid = 'pg_namespace'::regclass AND d.refobjid = n.oid AND d.classid = 'pg_class'::regclass),
		(SELECT count(*) FROM pg_class t JOIN pg_attribute a ON a.attrelid = t.oid
			WHERE t.relnamespace = n.oid AND t.relname = 'meta' AND a.attname IN ('version', 'instance', 'epoch', 'seq')) = 4
	FROM (SELECT $1::text AS name) want LEFT JOIN pg_namespace n ON n.nspname = want.name`

// probe looks at a schema without changing it.
func (s *Server) probe(ctx context.Context, c *pgx.Conn, schema string) (schemaState, error) {
	ctx, cancel := context.WithTimeout(ctx, s.answer)
	defer cancel()
	var st schemaState
	var tables, ours bool
	err := c.QueryRow(ctx, findJournal, schema).Scan(&st.exists, &tables, &ours)
	st.empty, st.foreign = !tables, tables && !ours
	if err != nil {
		return st, fmt.Errorf("looking at schema %q: %w", schema, err)
	}
	if st.empty || st.foreign {
		return st, nil
	}
	err = c.QueryRow(ctx, `SELECT version, instance FROM `+quoteName(schema)+`.meta`).Scan(&st.version, &st.instance)
	if err != nil {
		return st, fmt.Errorf("reading the version of schema %q: %w", schema, err)
	}
	return st, nil
}

// refuse returns why this program, which knows versions up to latest, cannot use
// what is in a schema, or nil.
func (st schemaState) refuse(schema string, latest int) error {
	switch {
	case st.foreign:
		return fmt.Errorf("%w: %q holds tables that are no journal; choose another schema", ErrForeignSchema, schema)
	case st.version > latest:
		return fmt.Errorf("%w: schema %q has version %d, this program knows versions up to %d", ErrNewerSchema, schema, st.version, latest)
	}
	return nil
}

// migrate brings a schema to the version of steps, creating it if need be. Any
// number of processes may do so at once: each schema has a lock of its own,
// held until the transaction that changes it ends.
func (s *Server) migrate(ctx context.Context, c *pgx.Conn, o JournalOptions, steps []string) error {
	schema := o.Schema
	// A step may find that another process has just done it; then one more
	// look is due. More rounds than steps mean that something else is wrong.
	var err error
	for range len(steps) + 2 {
		var st schemaState
		if st, err = s.probe(ctx, c, schema); err != nil {
			return err
		}
		if err := st.refuse(schema, len(steps)); err != nil {
			return err
		}
		switch {
		case st.version == len(steps):
			return nil
		case st.empty && o.Existing:
			return fmt.Errorf("%w: %q holds no journal", ErrNoSchema, schema)
		case st.empty:
			err = s.runScript(ctx, c, createScript(schema, o.Instance, steps, !st.exists))
		default:
			err = s.runScript(ctx, c, stepScript(schema, steps, st.version))
		}
		switch sqlState(err) {
		case codeDuplicateTable, codeDuplicateSchema, codeUnique, codeMoved:
			continue
		}
		if err != nil {
			return fmt.Errorf("migrating schema %q from version %d to %d: %w", schema, st.version, len(steps), err)
		}
		if st.empty {
			return nil
		}
	}
	return fmt.Errorf("migrating schema %q: another process keeps changing it, or it is not as its version says: %w", schema, err)
}

// codeMoved is raised by a step that finds the version changed meanwhile.
const codeMoved = "P0C01"

// createScript makes a whole schema in one round trip.
func createScript(schema, instance string, steps []string, create bool) string {
	var b strings.Builder
	fmt.Fprintf(&b, "SELECT pg_advisory_xact_lock(%d);\n", lockKey("migration", schema))
	if create {
		fmt.Fprintf(&b, "CREATE SCHEMA %s;\n", quoteName(schema))
	}
	for _, step := range steps {
		b.WriteString(fill(step, schema))
	}
	fmt.Fprintf(&b, `
INSERT INTO {schema}.meta (version, instance, epoch, seq, hash) VALUES (%d, %s, 0, 0, '');
INSERT INTO {schema}.projection (epoch, seq, hash) VALUES (0, 0, '');`, len(steps), quoteLiteral(instance))
	return fill(b.String(), schema)
}

// stepScript applies the step that follows version, in one transaction.
func stepScript(schema string, steps []string, version int) string {
	return fmt.Sprintf("SELECT pg_advisory_xact_lock(%d);\n", lockKey("migration", schema)) + fill(fmt.Sprintf(`
DO $check$ BEGIN
	IF (SELECT version FROM {schema}.meta) <> %d THEN
		RAISE EXCEPTION 'migrated meanwhile' USING ERRCODE = '%s';
	END IF;
END $check$;
%s
UPDATE {schema}.meta SET version = %d;`, version, codeMoved, steps[version], version+1), schema)
}

// fill puts the quoted schema in its place. It is the only way by which a name
// gets into a script.
func fill(script, schema string) string {
	return strings.ReplaceAll(script, "{schema}", quoteName(schema))
}

// quoteLiteral writes a string constant that means the same whatever
// standard_conforming_strings is.
func quoteLiteral(s string) string {
	s = strings.ReplaceAll(s, "\x00", "")
	s = strings.ReplaceAll(s, `\`, `\\`)
	return "E'" + strings.ReplaceAll(s, "'", "''") + "'"
}

// scriptLimits bound what a script waits for, not how long it works. Others wait
// behind a statement that waits for a table's lock, so that must end.
const scriptLimits = "SET LOCAL lock_timeout = '10s'; SET LOCAL statement_timeout = 0;\n"

// runScript runs several statements as one transaction in one round trip. They
// may take as long as they need, while the server is seen to be at it.
func (s *Server) runScript(ctx context.Context, c *pgx.Conn, script string) error {
	return s.attended(ctx, c, func(ctx context.Context) error { return execScript(ctx, c, scriptLimits+script) })
}

func execScript(ctx context.Context, c *pgx.Conn, script string) error {
	_, err := c.PgConn().Exec(ctx, script).ReadAll()
	return err
}
