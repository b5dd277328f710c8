//go:build integration

package postgres

import (
	"errors"
	"strings"
	"testing"
)

func TestSchemasAreCheckedWithoutATrace(t *testing.T) {
	t.Parallel()
	s := openServer(t)
	c := session(t, testURL(t, "TEST_POSTGRES_URL"))
	admin := session(t, testURL(t, "TEST_POSTGRES_ADMIN_URL"))
	absent, ours, newer := newName(), newSchema(t, s), newSchema(t, s)
	for _, schema := range []string{ours, newer} {
		openJournal(t, s, schema)
	}
	must(t, c, `UPDATE `+newer+`.meta SET version = 99`)
	made := func(script string, as func(string)) string {
		schema := newName()
		as(strings.ReplaceAll(script, "{schema}", schema))
		t.Cleanup(func() { mustFinally(t, admin, `DROP SCHEMA `+schema+` CASCADE`) })
		return schema
	}
	by := func(sql string) { must(t, c, sql) }
	byAdmin := func(sql string) { must(t, admin, sql) }
	for name, test := range map[string]struct {
		schema string
		want   error
		says   string
	}{
		"none":             {absent, nil, ""},
		"ours":             {ours, nil, ""},
		"newer":            {newer, ErrNewerSchema, "has version 99"},
		"empty":            {made(`CREATE SCHEMA {schema}`, by), nil, ""},
		"lent":             {made(`CREATE SCHEMA {schema}; GRANT USAGE, CREATE ON SCHEMA {schema} TO PUBLIC`, byAdmin), nil, ""},
		"of somebody else": {made(`CREATE SCHEMA {schema}`, byAdmin), ErrPermission, "belongs to role postgres, and role " + s.role + " lacks USAGE or CREATE on it: ALTER SCHEMA"},
		"other tables":     {made(`CREATE SCHEMA {schema} CREATE TABLE orders (id int)`, by), ErrForeignSchema, "holds tables that are no journal"},
		"others' tables":   {made(`CREATE SCHEMA {schema} CREATE TABLE orders (id int)`, byAdmin), ErrForeignSchema, "holds tables that are no journal"},
		"not ours to read": {made(`CREATE SCHEMA {schema} CREATE TABLE meta (version int, instance text, epoch int8, seq int8)`, byAdmin), ErrPermission, "belongs to role postgres"},
		"not to be read":   {made(`CREATE SCHEMA {schema} CREATE TABLE meta (version int, instance text, epoch int8, seq int8); GRANT USAGE, CREATE ON SCHEMA {schema} TO PUBLIC`, byAdmin), ErrPermission, "reading the version of schema"},
	} {
		err := s.CheckSchema(t.Context(), test.schema, false)
		if !errors.Is(err, test.want) || (err != nil) != (test.want != nil) || (err != nil && !strings.Contains(err.Error(), test.says)) {
			t.Errorf("%s: %v, wanted %v that says %q", name, err, test.want, test.says)
		}
	}
	var exists bool
	if err := c.QueryRow(t.Context(), `SELECT to_regnamespace($1) IS NOT NULL`, absent).Scan(&exists); err != nil || exists {
		t.Errorf("a schema was made (%v)", err)
	}
	if err := s.CheckSchema(t.Context(), "pg_mine", false); err == nil {
		t.Error("a reserved name was accepted")
	}
	if err := s.CheckDesired(t.Context()); err != nil {
		t.Errorf("desired state: %v", err)
	}
}

func TestARoleThatIsNotOursIsFound(t *testing.T) {
	t.Parallel()
	s := isolatedServer(t)
	schema := newName()
	if err := s.CheckSchema(t.Context(), schema, true); err != nil {
		t.Errorf("where there is none: %v", err)
	}
	admin := session(t, testURL(t, "TEST_POSTGRES_ADMIN_URL"))
	role := quoteName(RoleName(s.database, schema))
	must(t, admin, "CREATE ROLE "+role+" LOGIN PASSWORD 'theirs'")
	t.Cleanup(func() { mustFinally(t, admin, "DROP ROLE "+role) })
	if err := s.CheckSchema(t.Context(), schema, true); !errors.Is(err, ErrForeignRole) {
		t.Errorf("got %v", err)
	}
	if err := s.CheckSchema(t.Context(), schema, false); err != nil {
		t.Errorf("of no concern without a role of its own: %v", err)
	}
}
