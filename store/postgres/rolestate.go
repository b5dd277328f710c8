package postgres

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
)

// roleState is what is found under the name of an instance's role.
type roleState struct {
	exists bool
	// member tells whether it is one of the group that may connect.
	member bool
	// sessions counts its connections, of whatever process.
	sessions int
}

// lookAtRole looks for the role of a schema without changing it. It fails if
// this process lacks a right to manage it, or if the role is none of ours.
func (s *Server) lookAtRole(ctx context.Context, c *pgx.Conn, schema string) (roleState, error) {
	var st roleState
	var me, mark string
	var creates, temporary, group, admits, powerful bool
	role, groupName := RoleName(s.database, schema), GroupName(s.database)
	err := c.QueryRow(ctx, `
		SELECT me.rolname::text, me.rolcreaterole OR me.rolsuper, has_database_privilege(current_database(), 'TEMPORARY'),
			g.oid IS NOT NULL,
			me.rolsuper OR current_setting('server_version_num')::int4 < 160000
				OR coalesce(pg_has_role(me.oid, g.oid, 'MEMBER WITH ADMIN OPTION'), false),
			r.oid IS NOT NULL, coalesce(shobj_description(r.oid, 'pg_authid'), ''),
			coalesce(r.rolsuper OR r.rolcreaterole OR r.rolcreatedb OR r.rolreplication OR r.rolbypassrls, false),
			EXISTS (SELECT FROM pg_auth_members m WHERE m.roleid = g.oid AND m.member = r.oid),
			(SELECT count(*) FROM pg_stat_activity a WHERE a.usesysid = r.oid)
		FROM pg_roles me
			LEFT JOIN pg_roles g ON g.rolname = $1::text
			LEFT JOIN pg_roles r ON r.rolname = $2::text
		WHERE me.rolname = current_user`, groupName, role).
		Scan(&me, &creates, &temporary, &group, &admits, &st.exists, &mark, &powerful, &st.member, &st.sessions)
	if err != nil {
		return st, fmt.Errorf("looking at role %q: %w", role, err)
	}
	database := quoteName(s.database)
	switch {
	case !creates:
		err = lacks(me, "CREATEROLE", "ALTER ROLE %s CREATEROLE", quoteName(me))
	case !temporary:
		err = lacks(me, "TEMPORARY on database "+s.database, "GRANT TEMPORARY ON DATABASE %s TO %s", database, quoteName(me))
	case !group:
		err = fmt.Errorf("%w: role %q, through which instances may connect, does not exist%s", ErrPermission, groupName, provisionHint)
	case !admits:
		err = lacks(me, "ADMIN OPTION on role "+groupName, "GRANT %s TO %s WITH ADMIN OPTION", quoteName(groupName), quoteName(me))
	case st.exists && mark != roleMark(s.database, schema):
		err = fmt.Errorf("%w: role %q is there, but its comment does not say that it is of the instance with schema %q; "+
			"rename that role or choose another schema", ErrForeignRole, role, schema)
	case powerful:
		err = fmt.Errorf("%w: role %q was given SUPERUSER, CREATEROLE, CREATEDB, REPLICATION or BYPASSRLS, which an instance must not have", ErrForeignRole, role)
	}
	return st, err
}

// provisionHint ends messages about what an administrator has to do once.
const provisionHint = "; custodian provision prints all that is needed"

func lacks(role, right, format string, args ...any) error {
	return fmt.Errorf("%w: role %s lacks %s, which isolation: role needs: %s%s", ErrPermission, role, right, fmt.Sprintf(format, args...), provisionHint)
}

// roleRight words the refusal to change a role. Since version 16 it takes the
// ADMIN OPTION on just that role, which who created it has.
func (s *Server) roleRight(err error) error {
	if sqlState(err) != codeNoPrivilege {
		return err
	}
	return fmt.Errorf("%w: role %s may not manage the roles of instances; it needs CREATEROLE, and since PostgreSQL 16 ADMIN OPTION on a role that another has created: %w%s",
		ErrPermission, s.role, err, provisionHint)
}

// endSessions ends all sessions of a role. To be allowed to, the caller is a
// member of the role for as long as the transaction takes.
func endSessions(ctx context.Context, c *pgx.Conn, role string, owner *Lease) error {
	return asMember(ctx, c, role, owner, `SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
		WHERE usename = `+quoteLiteral(role)+` AND pid <> pg_backend_pid();`)
}

// asMember runs statements with the rights of a role. The membership ends with
// them, so that no role of an instance ever adds to what this process may do.
func asMember(ctx context.Context, c *pgx.Conn, role string, owner *Lease, statements string) error {
	name := quoteName(role)
	return owner.guarded(execScript(ctx, c, owner.guard()+scriptLimits+"GRANT "+name+" TO CURRENT_USER;"+statements+"REVOKE "+name+" FROM CURRENT_USER;"))
}

// dropRole drops the role of a schema and all its rights. One that does not
// exist is no error.
func (s *Server) dropRole(ctx context.Context, c *pgx.Conn, schema string, owner *Lease) error {
	role := RoleName(s.database, schema)
	var exists bool
	if err := c.QueryRow(ctx, `SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = $1::text)`, role).Scan(&exists); err != nil || !exists {
		return err
	}
	if _, err := s.lookAtRole(ctx, c, schema); err != nil {
		return err
	}
	err := endSessions(ctx, c, role, owner)
	if err == nil {
		name := quoteName(role)
		err = asMember(ctx, c, role, owner, "DROP OWNED BY "+name+";")
		if err == nil {
			err = owner.guarded(execScript(ctx, c, owner.guard()+scriptLimits+"DROP ROLE IF EXISTS "+name))
		}
	}
	if err != nil {
		return fmt.Errorf("dropping role %q: %w", role, s.roleRight(err))
	}
	return nil
}

// DropRole drops the role of an instance, if it has one, and leaves its books. A
// role that is not of this program is [ErrForeignRole]. With a lease it is done
// only while that is held, else fails with [ErrNotHeld].
func (s *Server) DropRole(ctx context.Context, schema string, owner *Lease) error {
	if err := checkSchema(schema); err != nil {
		return err
	}
	return s.admin.useFor(ctx, bulkTimeout, func(ctx context.Context, c *pgx.Conn) error { return s.dropRole(ctx, c, schema, owner) })
}

// reportExposure warns of what every role may do, and with it those of
// instances, beyond what they need.
func (s *Server) reportExposure(ctx context.Context) {
	var rights []string
	err := s.admin.use(ctx, func(ctx context.Context, c *pgx.Conn) error {
		rows, err := c.Query(ctx, `
			SELECT a.privilege_type || ' on database ' || d.datname
			FROM pg_database d, aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) a
			WHERE a.grantee = 0 AND d.datallowconn AND (d.datname = current_database() OR a.privilege_type = 'CONNECT')
			UNION ALL
			SELECT a.privilege_type || ' on schema ' || n.nspname
			FROM pg_namespace n, aclexplode(coalesce(n.nspacl, acldefault('n', n.nspowner))) a
			WHERE a.grantee = 0 AND n.nspname NOT IN ('pg_catalog', 'information_schema')
			ORDER BY 1 LIMIT 50`)
		if err != nil {
			return err
		}
		rights, err = pgx.CollectRows(rows, pgx.RowTo[string])
		return err
	})
	if err != nil {
		s.log.Debug("looking for rights of everybody", "error", err)
		return
	}
	if len(rights) > 0 {
		s.log.Warn("instances are isolated by roles, but everybody has rights on the server that they do not need; custodian provision prints how to revoke them",
			"public", strings.Join(rights, ", "))
	}
}
