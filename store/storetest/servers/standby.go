//go:build unix

package servers

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"syscall"

	"github.com/jackc/pgx/v5"
)

// StartStandby starts a server that follows pg and answers queries, until it is
// promoted. From then on pg acknowledges a commit only once the standby has it,
// so that a failover loses nothing.
func (pg *Postgres) StartStandby(ctx context.Context) (*Postgres, error) {
	ctx, cancel := withStartTimeout(ctx)
	defer cancel()
	bin := filepath.Dir(pg.path)
	dir, err := pg.account.makeDir("custodian-postgres-")
	if err != nil {
		return nil, fmt.Errorf("PostgreSQL: %w", err)
	}
	data := filepath.Join(dir, "data")
	standby := &Postgres{
		Server: Server{
			Dir: dir, Version: pg.Version, name: "PostgreSQL standby", account: pg.account, signal: syscall.SIGQUIT, path: pg.path,
			args: func(port int) []string { return []string{"-D", data, "-c", fmt.Sprintf("port=%d", port)} },
		},
		adminPassword: pg.adminPassword,
	}
	standby.ping = standby.connectable
	if err := standby.follow(ctx, pg, bin, data); err != nil {
		return nil, errors.Join(err, standby.Close())
	}
	standby.URL = standby.url(PostgresUser, PostgresPassword, PostgresDatabase)
	standby.AdminURL = standby.url("postgres", pg.adminPassword, PostgresDatabase)
	if err := pg.administer(ctx, "ALTER SYSTEM SET synchronous_standby_names = '*'", "SELECT pg_reload_conf()"); err != nil {
		return nil, errors.Join(err, standby.Close())
	}
	return standby, nil
}

// follow copies the primary and starts the copy.
func (pg *Postgres) follow(ctx context.Context, primary *Postgres, bin, data string) error {
	backup := command{path: filepath.Join(bin, "pg_basebackup"), dir: pg.Dir, account: pg.account, args: []string{
		"--pgdata=" + data, "--dbname=" + primary.url("postgres", pg.adminPassword, "postgres"),
		"--write-recovery-conf", "--wal-method=stream", "--checkpoint=fast", "--no-sync",
	}}
	if out, err := backup.output(ctx); err != nil {
		return fmt.Errorf("pg_basebackup: %w:\n%s", err, out)
	}
	return pg.startOnFreePort(ctx)
}

// Promote makes a standby a server of its own, and returns when it takes writes.
func (pg *Postgres) Promote(ctx context.Context) error {
	return pg.administer(ctx, "ALTER SYSTEM RESET synchronous_standby_names", "SELECT pg_reload_conf()", "SELECT pg_promote()")
}

// administer executes statements as the superuser, each on its own.
func (pg *Postgres) administer(ctx context.Context, statements ...string) error {
	conn, err := pgx.Connect(ctx, pg.AdminURL)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(ctx) }()
	for _, s := range statements {
		if _, err := conn.Exec(ctx, s); err != nil {
			return fmt.Errorf("%s: %w", s, err)
		}
	}
	return nil
}
