package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func provisionConfig(t *testing.T, isolation string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "role.yaml")
	text := "storage: {driver: postgres, postgres: {url: 'postgres://sup:hunter2@127.0.0.1:1/books', isolation: " + isolation + "}}\n" +
		"redis: {driver: server, url: 'redis://sup:hunter3@127.0.0.1:1'}\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestProvisionPrintsWhatTheConfigurationTakesAndNoPassword(t *testing.T) {
	t.Parallel()
	role, schema := provisionConfig(t, "role"), provisionConfig(t, "schema")
	for _, c := range []struct {
		line         string
		says, unsaid []string
	}{
		{"provision -c " + role, []string{
			`ALTER ROLE "sup" LOGIN CREATEROLE;`, `GRANT "custodian_in_books" TO "sup" WITH ADMIN OPTION;`,
			`REVOKE CONNECT, TEMPORARY ON DATABASE "books" FROM PUBLIC;`, "REVOKE ALL ON SCHEMA public FROM PUBLIC",
			"ACL SETUSER sup on ~custodian:* +@read +@write +@keyspace +ping -@dangerous +acl|setuser +acl|deluser\n",
		}, []string{`DATABASE "postgres"`}},
		{"provision -c " + role + " --only postgres --close-database postgres", []string{`REVOKE CONNECT, TEMPORARY ON DATABASE "postgres" FROM PUBLIC`}, []string{"ACL SETUSER"}},
		{"provision -c " + role + " --only redis", []string{"ACL SETUSER"}, []string{"ALTER ROLE"}},
		{"provision -c " + schema, []string{`GRANT CONNECT, CREATE ON DATABASE "books" TO "sup";`}, []string{"REVOKE", "CREATEROLE", "acl|setuser"}},
	} {
		got := command(t, "", nil, strings.Fields(c.line)...)
		if got.code != codeOK || got.err != "" {
			t.Errorf("%s: exit code %d: %s", c.line, got.code, got.err)
		}
		for _, text := range c.says {
			if !strings.Contains(got.out, text) {
				t.Errorf("%s does not say %s:\n%s", c.line, text, got.out)
			}
		}
		for _, text := range append(c.unsaid, "hunter", "SCRAM") {
			if strings.Contains(got.out, text) {
				t.Errorf("%s says %s:\n%s", c.line, text, got.out)
			}
		}
	}
}

func TestProvisionAppliesNothingWithoutAnAdministrator(t *testing.T) {
	t.Parallel()
	role := provisionConfig(t, "role")
	local := filepath.Join(t.TempDir(), "local.yaml")
	if err := os.WriteFile(local, []byte("data_dir: x\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	unreachable := []string{envPostgresAdmin + "=postgres://admin:hunter4@127.0.0.1:1/postgres", envRedisAdmin + "=redis://admin:hunter4@127.0.0.1:1"}
	for _, c := range []struct {
		line, in, says string
		env            []string
		code           int
	}{
		{line: "provision --apply -c " + role, says: envPostgresAdmin, code: codeInput},
		{line: "provision --apply --only redis -c " + role, says: envRedisAdmin, code: codeInput},
		{line: "provision --only oracle -c " + role, says: "postgres or redis", code: codeInput},
		{line: "provision -c " + local, says: "nothing to do", code: codeInput},
		{line: "provision --apply --only postgres -c " + role, env: unreachable, says: "as the administrator", code: codeFailed},
		{line: "provision --apply --only redis -c " + role, env: unreachable, says: "redis at 127.0.0.1:1", code: codeFailed},
		{line: "provision --apply --only postgres --postgres-admin-url-file - -c " + role, in: "postgres://admin:hunter4@127.0.0.1:1/x\n", says: "as the administrator", code: codeFailed},
		{line: "provision --apply --only postgres --postgres-admin-url-file - -c " + role, in: "postgres://admin:hun@ter4/@", says: "percent-encoded", code: codeFailed},
	} {
		got := command(t, c.in, c.env, strings.Fields(c.line)...)
		if got.code != c.code || !strings.Contains(got.err, c.says) || got.out != "" {
			t.Errorf("%s: exit code %d, want %d and %q:\n%s%s", c.line, got.code, c.code, c.says, got.out, got.err)
		}
		if strings.Contains(got.err, "hunter") || strings.Contains(got.err, "ter4") {
			t.Errorf("%s tells a password: %s", c.line, got.err)
		}
	}
}
