package postgres

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
)

// rightsOn are what an instance may do with its tables. It never changes what
// has been written to the journal, the ledger and the keys, and so may not.
// Structure is the supervisor's: it owns the schema and all in it, whichever way
// instances are isolated, so that a change between them moves no ownership.
var rightsOn = map[string]string{
	"meta":             "SELECT, UPDATE",
	"projection":       "SELECT, UPDATE",
	"journal":          "INSERT, SELECT",
	"ledger_entries":   "INSERT, SELECT",
	"idempotency_keys": "INSERT, SELECT",
	"accounts":         "INSERT, SELECT, UPDATE",
	"mirrors":          "INSERT, SELECT, UPDATE",
	"settlements":      "INSERT, SELECT, UPDATE",
	"transfers":        "INSERT, SELECT, UPDATE",
}

// allRights are those on every other table.
const allRights = "DELETE, INSERT, SELECT, UPDATE"

// findRights lists what a role $2 may do with the tables of a schema $1.
const findRights = `
	SELECT t.relname::text, coalesce((SELECT string_agg(a.privilege_type, ', ' ORDER BY a.privilege_type) FROM aclexplode(t.relacl) a
		WHERE a.grantee = (SELECT oid FROM pg_roles WHERE rolname = $2::text)), '')
	FROM pg_namespace n
		JOIN pg_depend d ON d.refclassid = 'pg_namespace'::regclass AND d.refobjid = n.oid AND d.classid = 'pg_class'::regclass
		JOIN pg_class t ON t.oid = d.objid
	WHERE n.nspname = $1::text AND t.relkind IN ('r', 'p')`

// grantTables gives a role just the rights on a schema that an instance needs.
// Where it has them already nothing is written.
func grantTables(ctx context.Context, c *pgx.Conn, schema, role string) error {
	var usage bool
	err := c.QueryRow(ctx, `SELECT EXISTS (SELECT FROM pg_namespace n, aclexplode(n.nspacl) a
		WHERE n.nspname = $1::text AND a.privilege_type = 'USAGE' AND a.grantee = (SELECT oid FROM pg_roles WHERE rolname = $2::text))`,
		schema, role).Scan(&usage)
	if err != nil {
		return fmt.Errorf("looking at the rights of role %q: %w", role, err)
	}
	rows, err := c.Query(ctx, findRights, schema, role)
	if err != nil {
		return fmt.Errorf("looking at the rights of role %q: %w", role, err)
	}
	wrong := make(map[string][]string) // tables by the rights that they are to have
	var other []string                 // those on which it has others now
	var table, has string
	if _, err = pgx.ForEachRow(rows, []any{&table, &has}, func() error {
		want, known := rightsOn[table]
		if !known {
			want = allRights
		}
		if has != want {
			name := quoteName(schema) + "." + quoteName(table)
			wrong[want] = append(wrong[want], name)
			if has != "" {
				other = append(other, name)
			}
		}
		return nil
	}); err != nil {
		return fmt.Errorf("looking at the rights of role %q: %w", role, err)
	}
	if usage && len(wrong) == 0 {
		return nil
	}
	var script strings.Builder
	script.WriteString(scriptLimits)
	fmt.Fprintf(&script, "GRANT USAGE ON SCHEMA %s TO %s;", quoteName(schema), quoteName(role))
	if len(other) > 0 {
		fmt.Fprintf(&script, "REVOKE ALL ON %s FROM %s;", strings.Join(other, ", "), quoteName(role))
	}
	for _, rights := range slices.Sorted(maps.Keys(wrong)) {
		fmt.Fprintf(&script, "GRANT %s ON %s TO %s;", rights, strings.Join(wrong[rights], ", "), quoteName(role))
	}
	if err := execScript(ctx, c, script.String()); err != nil {
		return fmt.Errorf("granting schema %q to role %q: %w", schema, role, err)
	}
	return nil
}
