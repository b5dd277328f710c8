package postgres

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"
)

// roleConnections is the most that the server lets one instance's role have:
// what its pool may open, and as much again for those that the server has not
// noticed to be closed.
const roleConnections = 2 * poolConnections

// RoleName returns the role of the instance with that schema. Roles belong to
// all databases of a server, so a part of the name tells the databases apart.
func RoleName(database, schema string) string {
	return tagged(schema, database+"\x00"+schema)
}

// GroupName returns the role whose members are the roles of all instances in a
// database. It has the right to connect, so that an instance needs none of its
// own on anything that all share.
func GroupName(database string) string {
	name := "custodian_in_" + database
	if len(name) > maxNameBytes {
		return tagged(name, database)
	}
	return name
}

// tagged appends what tells names apart that are alike, or were cut.
func tagged(name, whole string) string {
	sum := sha256.Sum256([]byte(whole))
	tag := "_" + hex.EncodeToString(sum[:5])
	name = cut(name, maxNameBytes-len(tag))
	for !utf8.ValidString(name) {
		name = name[:len(name)-1]
	}
	return name + tag
}

// roleMark is the comment on a role that this program made. A role that does not
// bear just this is somebody else's.
func roleMark(database, schema string) string {
	return fmt.Sprintf("custodian instance: schema %q in database %q", schema, database)
}

// login is the role of one instance and its present password. The password is
// made anew by whoever opens the journal, and kept in memory alone.
type login struct {
	server *Server
	lease  *Lease
	role   string
	schema string

	renewing chan struct{} // held, as a token, while the password changes

	mu       sync.Mutex // held for moments
	password string
}

func (s *Server) newLogin(l *Lease) *login {
	return &login{
		server: s, lease: l, schema: l.schema, role: RoleName(s.database, l.schema), renewing: make(chan struct{}, 1),
	}
}

// credentials returns what to log in with.
func (l *login) credentials() (role, password string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.role, l.password
}

func (l *login) established() bool {
	_, password := l.credentials()
	return password != ""
}

// String leaves the password out, however the login is printed.
func (l *login) String() string { return "login of role " + l.role }

// GoString is String, for %#v.
func (l *login) GoString() string { return l.String() }

// establish makes the role or takes it over, with a new password. Sessions of an
// owner before, which may be stuck and count against the role's limit, are ended.
func (l *login) establish(ctx context.Context) error {
	l.server.exposed.Do(func() { l.server.reportExposure(ctx) })
	return l.server.admin.useFor(ctx, bulkTimeout, func(ctx context.Context, c *pgx.Conn) error {
		found, err := l.server.lookAtRole(ctx, c, l.schema)
		if err != nil {
			return err
		}
		if found.sessions > 0 {
			if err := endSessions(ctx, c, l.role, l.lease); err != nil {
				return err
			}
		}
		return l.setPassword(ctx, c, found)
	})
}

// renew gives the role another password, unless somebody else has done so since
// the refused one was used.
func (l *login) renew(ctx context.Context, refused string) error {
	select {
	case l.renewing <- struct{}{}:
		defer func() { <-l.renewing }()
	case <-ctx.Done():
		return ctx.Err()
	}
	if _, password := l.credentials(); password != refused {
		return nil
	}
	err := l.server.admin.use(ctx, func(ctx context.Context, c *pgx.Conn) error {
		found, err := l.server.lookAtRole(ctx, c, l.schema)
		if err != nil {
			return err
		}
		if err := l.setPassword(ctx, c, found); err != nil {
			return err
		}
		return grantTables(ctx, c, l.schema, l.role) // of a role that was dropped meanwhile
	})
	if err == nil {
		l.server.log.Warn("the server refused an instance's role, which has a new password now", "role", l.role)
	}
	return err
}

// setPassword creates the role if need be and sets its password, in one
// transaction, unless somebody else owns the instance by then. The verifier travels as data of a COPY and not in a statement, so
// that it is in no log and no view of the server either.
func (l *login) setPassword(ctx context.Context, c *pgx.Conn, found roleState) error {
	password := newPassword()
	verifier, err := newVerifier(password)
	if err != nil {
		return err
	}
	role := quoteName(l.role)
	script := "SET LOCAL lock_timeout = '10s';"
	if !found.exists {
		script += "CREATE ROLE " + role + ";" +
			"COMMENT ON ROLE " + role + " IS " + quoteLiteral(roleMark(l.server.database, l.schema)) + ";"
	}
	if !found.member {
		script += "GRANT " + quoteName(GroupName(l.server.database)) + " TO " + role + ";"
	}
	attributes := fmt.Sprintf("LOGIN CONNECTION LIMIT %d", roleConnections)
	if err := alterRole(ctx, c, l.lease, script, l.role, attributes, verifier); err != nil {
		return fmt.Errorf("making role %q: %w", l.role, l.server.roleRight(l.lease.guarded(err)))
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.password = password
	return nil
}

// verifierTable holds a verifier for as long as a transaction. The table itself
// stays for the next one on the same connection.
const verifierTable = "pg_temp.custodian_verifier"

// alterRole runs a script and then sets attributes and the password of a role, all
// in one transaction that a lease guards. An error within the block would quote the statement; the
// handler keeps it to the message.
func alterRole(ctx context.Context, c *pgx.Conn, owner *Lease, script, role, attributes, verifier string) error {
	err := execScript(ctx, c, "BEGIN; "+script+"CREATE TEMPORARY TABLE IF NOT EXISTS custodian_verifier (verifier text) ON COMMIT DELETE ROWS")
	if err != nil {
		return err
	}
	if _, err := c.PgConn().CopyFrom(ctx, strings.NewReader(verifier+"\n"), "COPY "+verifierTable+" FROM STDIN"); err != nil {
		return err
	}
	return execScript(ctx, c, owner.guard()+fmt.Sprintf(`DO $custodian$ BEGIN
		EXECUTE format('ALTER ROLE %%I %s PASSWORD %%L', %s, (SELECT verifier FROM %s));
	EXCEPTION WHEN OTHERS THEN
		RAISE EXCEPTION USING ERRCODE = SQLSTATE, MESSAGE = SQLERRM;
	END $custodian$; COMMIT`, attributes, quoteLiteral(role), verifierTable))
}
