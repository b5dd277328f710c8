package postgres

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// Provision is what an administrator does once for a supervisor: a role, a
// database, and the rights that the supervisor needs and others must not have.
// Doing it again changes nothing.
type Provision struct {
	// Role and Database are the supervisor's.
	Role, Database string
	// Roles prepares for instances with roles of their own.
	Roles bool
	// Close are other databases of the server to which everybody may connect now
	// and shall not; only with Roles.
	Close []string

	password string
	where    string
}

// Addr is the server's host:port.
func (p *Provision) Addr() string { return p.where }

// NewProvision returns what the owner of a URL needs.
func NewProvision(text string, roles bool) (*Provision, error) {
	config, err := parse(text)
	if err != nil {
		return nil, err
	}
	c := config.ConnConfig
	if c.Database == "" {
		c.Database = c.User // as the server would
	}
	return &Provision{
		Role: c.User, Database: c.Database, Roles: roles, password: c.Password, where: net.JoinHostPort(c.Host, strconv.Itoa(int(c.Port))),
	}, nil
}

// provisionStep is one statement.
type provisionStep struct {
	why string // a comment
	// unless is a condition under which there is nothing to do; "" for a
	// statement that may be repeated.
	unless string
	sql    string
	// inside tells that it is for the database and not for the whole server.
	inside bool
}

// creates tells that the step makes the supervisor's role.
func (p *Provision) creates(s provisionStep) bool {
	return s.sql == "CREATE ROLE "+quoteName(p.Role)
}

func (p *Provision) steps() []provisionStep {
	role, database, group := quoteName(p.Role), quoteName(p.Database), quoteName(GroupName(p.Database))
	exists := func(catalog, column, name string) string {
		return fmt.Sprintf("EXISTS (SELECT FROM %s WHERE %s = %s)", catalog, column, quoteLiteral(name))
	}
	attributes, rights := "LOGIN", "CONNECT, CREATE"
	if p.Roles {
		attributes, rights = "LOGIN CREATEROLE", "CONNECT, CREATE, TEMPORARY"
	}
	steps := []provisionStep{
		{why: "The supervisor's role.", unless: exists("pg_roles", "rolname", p.Role), sql: "CREATE ROLE " + role},
		{sql: "ALTER ROLE " + role + " " + attributes},
		{why: "Its database, in which it creates a schema for every instance.", unless: exists("pg_database", "datname", p.Database), sql: "CREATE DATABASE " + database},
		{sql: "GRANT " + rights + " ON DATABASE " + database + " TO " + role},
	}
	if !p.Roles {
		return steps
	}
	steps = append(steps,
		provisionStep{why: "The roles of instances connect as members of this one, and have no other right in common.",
			unless: exists("pg_roles", "rolname", GroupName(p.Database)), sql: "CREATE ROLE " + group + " NOLOGIN"},
		provisionStep{sql: "GRANT CONNECT ON DATABASE " + database + " TO " + group},
		provisionStep{why: "Since PostgreSQL 16 CREATEROLE alone does not allow to add members.",
			sql: "GRANT " + group + " TO " + role + " WITH ADMIN OPTION"},
		provisionStep{why: "What everybody has, instances have. Who else uses this database needs CONNECT granted from now on.",
			sql: "REVOKE CONNECT, TEMPORARY ON DATABASE " + database + " FROM PUBLIC"},
	)
	for _, other := range p.Close {
		steps = append(steps, provisionStep{
			why:    "Instances have no use for this database; nor has anybody else without a right of their own.",
			unless: "NOT " + exists("pg_database", "datname", other),
			sql:    "REVOKE CONNECT, TEMPORARY ON DATABASE " + quoteName(other) + " FROM PUBLIC"})
	}
	return append(steps, provisionStep{why: "Who else uses the schema public needs USAGE on it granted from now on.",
		unless: "NOT " + exists("pg_namespace", "nspname", "public"), sql: "REVOKE ALL ON SCHEMA public FROM PUBLIC", inside: true})
}

// Script writes it for psql. It holds no password: it is meant to be read, kept
// and sent around.
func (p *Provision) Script() string {
	var b strings.Builder
	fmt.Fprintf(&b, "-- PostgreSQL 14 or newer at %s: what the supervisor needs. Run it as a superuser:\n", p.where)
	b.WriteString("--   psql --no-psqlrc --set ON_ERROR_STOP=1 --file FILE\n")
	fmt.Fprintf(&b, "-- A new role has no password; set that of storage.postgres.url in psql with: \\password %s\n", psqlWord(p.Role))
	inside := false
	for _, s := range p.steps() {
		if s.inside && !inside {
			inside = true
			fmt.Fprintf(&b, "\\connect %s\n", psqlWord(p.Database))
		}
		if s.why != "" {
			b.WriteString("\n-- " + s.why + "\n")
		}
		if s.unless == "" {
			b.WriteString(s.sql + ";\n")
		} else {
			fmt.Fprintf(&b, "SELECT %s WHERE NOT (%s) \\gexec\n", quoteLiteral(s.sql), s.unless)
		}
	}
	return b.String()
}

// psqlWord quotes an argument of one of psql's own commands, which are one line.
func psqlWord(s string) string { return strings.ReplaceAll(quoteName(s), "\n", " ") }

// Apply does it, connected as an administrator by a URL that may name any
// database. A role that it creates gets the password of the supervisor's URL,
// if there is one, and so does one that exists with setPassword; the server is
// sent a verifier only. The result says what was done to the password.
func (p *Provision) Apply(ctx context.Context, adminURL string, setPassword bool) (passwordSet bool, err error) {
	if u, err := url.Parse(adminURL); err == nil && strings.Contains(u.Path+u.RawQuery, "@") {
		// An unescaped mark cut the password in two, so any part may be of it.
		return false, errors.New("the administrator's PostgreSQL URL cannot be read; special characters in the password are to be percent-encoded")
	}
	config, err := parse(adminURL)
	if err != nil {
		return false, fmt.Errorf("the administrator's: %w", err)
	}
	created := false
	err = asAdmin(ctx, config.ConnConfig, "", func(c *pgx.Conn) error {
		created, err = p.run(ctx, c, false)
		if err != nil || p.password == "" || !created && !setPassword {
			return err
		}
		passwordSet = true
		return p.setPassword(ctx, c)
	})
	if err == nil {
		err = asAdmin(ctx, config.ConnConfig, p.Database, func(c *pgx.Conn) error {
			_, err := p.run(ctx, c, true)
			return err
		})
	}
	return passwordSet && err == nil, err
}

// asAdmin calls fn with a connection to a database, "" for that of the URL.
func asAdmin(ctx context.Context, config *pgx.ConnConfig, database string, fn func(*pgx.Conn) error) error {
	config = config.Copy()
	if database != "" {
		config.Database = database
	}
	conn, err := pgx.ConnectConfig(ctx, config)
	if e, ok := errors.AsType[*pgconn.ConnectError](err); ok {
		return fmt.Errorf("connecting to %s:%d as the administrator: %w", config.Host, config.Port, rootCause(e))
	}
	if err != nil {
		return errors.New("connecting as the administrator: the connection could not be made")
	}
	defer closeConn(conn)
	return fn(conn)
}

// run does the steps for the server, or those for the database.
func (p *Provision) run(ctx context.Context, c *pgx.Conn, inside bool) (created bool, err error) {
	for _, s := range p.steps() {
		if s.inside != inside {
			continue
		}
		done := false
		if s.unless != "" {
			if err := c.QueryRow(ctx, "SELECT "+s.unless).Scan(&done); err != nil {
				return created, fmt.Errorf("%s: %w", s.sql, err)
			}
		}
		if done {
			continue
		}
		if err := execScript(ctx, c, s.sql); err != nil {
			return created, fmt.Errorf("%s: %w", s.sql, err)
		}
		created = created || p.creates(s)
	}
	return created, nil
}

func (p *Provision) setPassword(ctx context.Context, c *pgx.Conn) error {
	verifier, err := newVerifier(p.password)
	if err != nil {
		return fmt.Errorf("storage.postgres.url: %w", err)
	}
	if err := alterRole(ctx, c, nil, "", p.Role, "LOGIN", verifier); err != nil {
		return fmt.Errorf("setting the password of role %q: %w", p.Role, err)
	}
	return nil
}
