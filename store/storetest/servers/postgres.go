//go:build unix

package servers

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/jackc/pgx/v5"
)

// postgresConf is the configuration that comes before Options.ExtraConf.
// Commits are always acknowledged after the write-ahead log's write; whether
// that reaches the disk is the fsync setting's business.
const postgresConf = `
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
max_connections = 200
synchronous_commit = on
password_encryption = 'scram-sha-256'
logging_collector = off
log_destination = 'stderr'
log_line_prefix = '%m [%p] %q%u@%d '
lc_messages = 'C'
timezone = 'UTC'
log_timezone = 'UTC'
`

// Postgres is a private PostgreSQL server.
type Postgres struct {
	Server
	// URL connects to PostgresDatabase as PostgresUser, which owns it.
	URL string
	// AdminURL connects to the same database as a superuser.
	AdminURL string

	adminPassword string
}

// StartPostgres starts a private PostgreSQL server, version 14 or later, and
// creates the user and database of tests in it. The context bounds the start,
// not the server's life: that ends with Close.
func StartPostgres(ctx context.Context, options Options) (*Postgres, error) {
	ctx, cancel := withStartTimeout(ctx)
	defer cancel()
	bin, version, err := PostgresBin(ctx)
	if err != nil {
		return nil, err
	}
	runAs, err := unprivileged("postgres", "nobody")
	if err != nil {
		return nil, fmt.Errorf("PostgreSQL: %w", err)
	}
	dir, err := runAs.makeDir("custodian-postgres-")
	if err != nil {
		return nil, fmt.Errorf("PostgreSQL: %w", err)
	}
	data := filepath.Join(dir, "data")
	pg := &Postgres{
		Server: Server{
			Dir: dir, Version: version, name: "PostgreSQL", account: runAs,
			signal: syscall.SIGQUIT, // immediate shutdown
			path:   filepath.Join(bin, "postgres"),
			args:   func(port int) []string { return []string{"-D", data, "-c", fmt.Sprintf("port=%d", port)} },
		},
		adminPassword: rand.Text(),
	}
	pg.ping = pg.connectable
	if err := pg.initialise(ctx, bin, data, options); err != nil {
		return nil, errors.Join(err, pg.Close())
	}
	return pg, nil
}

// initialise takes an empty directory to a running server with its database.
func (pg *Postgres) initialise(ctx context.Context, bin, data string, options Options) error {
	// A file, because other users can read command lines.
	passwordFile := filepath.Join(pg.Dir, "admin-password")
	if err := pg.account.writeFile(passwordFile, pg.adminPassword+"\n"); err != nil {
		return fmt.Errorf("PostgreSQL: %w", err)
	}
	args := []string{
		"--pgdata=" + data, "--username=postgres", "--pwfile=" + passwordFile,
		"--auth=scram-sha-256", "--encoding=UTF8", "--locale=C",
	}
	if !options.Fsync {
		args = append(args, "--no-sync")
	}
	initdb := command{path: filepath.Join(bin, "initdb"), args: args, dir: pg.Dir, account: pg.account}
	if out, err := initdb.output(ctx); err != nil {
		return fmt.Errorf("initdb: %w:\n%s", err, out)
	}
	// The settings are added to those that initdb found to work on this
	// machine, such as its kind of shared memory.
	if err := appendTo(filepath.Join(data, "postgresql.conf"), postgresSettings(options)); err != nil {
		return fmt.Errorf("PostgreSQL: %w", err)
	}
	if err := pg.startOnFreePort(ctx); err != nil {
		return err
	}
	pg.URL = pg.url(PostgresUser, PostgresPassword, PostgresDatabase)
	pg.AdminURL = pg.url("postgres", pg.adminPassword, PostgresDatabase)
	if err := pg.createDatabase(ctx); err != nil {
		return fmt.Errorf("PostgreSQL: %w", err)
	}
	return nil
}

// postgresSettings returns what is added to postgresql.conf; in that file the
// last of several settings of one name counts.
func postgresSettings(options Options) string {
	durable := "off"
	if options.Fsync {
		durable = "on"
	}
	var b strings.Builder
	b.WriteString(postgresConf)
	fmt.Fprintf(&b, "fsync = %s\nfull_page_writes = %s\n", durable, durable)
	for _, line := range options.ExtraConf {
		b.WriteString(line + "\n")
	}
	return b.String()
}

// appendTo adds text to a file that exists.
func appendTo(path, text string) error {
	file, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = file.WriteString(text)
	return errors.Join(err, file.Close())
}

// createDatabase creates the user and the database that tests work in.
func (pg *Postgres) createDatabase(ctx context.Context) error {
	conn, err := pgx.Connect(ctx, pg.url("postgres", pg.adminPassword, "postgres"))
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(ctx) }()
	for _, statement := range []string{
		fmt.Sprintf("CREATE ROLE %s LOGIN PASSWORD '%s'", PostgresUser, PostgresPassword),
		fmt.Sprintf("CREATE DATABASE %s OWNER %s", PostgresDatabase, PostgresUser),
	} {
		if _, err := conn.Exec(ctx, statement); err != nil {
			return err
		}
	}
	return nil
}

// connectable says whether the server lets the superuser in; after a crash it
// refuses until it has recovered.
func (pg *Postgres) connectable(ctx context.Context) error {
	conn, err := pgx.Connect(ctx, pg.url("postgres", pg.adminPassword, "postgres"))
	if err != nil {
		return err
	}
	return conn.Close(ctx)
}

func (pg *Postgres) url(user, password, database string) string {
	u := url.URL{Scheme: "postgres", User: url.UserPassword(user, password), Host: pg.Addr(), Path: "/" + database}
	return u.String()
}
