package postgres

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// CheckSchema returns why the journal of an instance, with a role of its own or
// without, could be neither opened nor made in a schema, or nil. It changes nothing.
// Its errors wrap [ErrForeignSchema], [ErrNewerSchema], [ErrForeignRole] or
// [ErrPermission].
func (s *Server) CheckSchema(ctx context.Context, schema string, role bool) error {
	if err := checkSchema(schema); err != nil {
		return err
	}
	return s.admin.use(ctx, func(ctx context.Context, c *pgx.Conn) error {
		found, err := s.probe(ctx, c, schema)
		if refused := found.refuse(schema, len(migrations)); refused != nil {
			return refused
		}
		// What could not be read is worded by whose it is, if that is why.
		if denied := s.checkOwner(ctx, c, schema); denied != nil {
			return denied
		}
		if err != nil || !role {
			return err
		}
		_, err = s.lookAtRole(ctx, c, schema)
		return err
	})
}

// CheckDesired returns why the desired state of supervisors could be neither read
// nor made, or nil. It changes nothing.
func (s *Server) CheckDesired(ctx context.Context) error {
	err := s.admin.use(ctx, func(ctx context.Context, c *pgx.Conn) error { return s.checkOwner(ctx, c, supervisorSchema) })
	if err != nil {
		return err
	}
	_, _, err = (&Desired{server: s}).Load(ctx)
	if state := sqlState(err); state == codeNoSchema || state == codeNoTable {
		return nil
	}
	return err
}

// checkOwner refuses a schema of another role that has not been granted to this one.
func (s *Server) checkOwner(ctx context.Context, c *pgx.Conn, schema string) error {
	var owner, me string
	var allowed bool
	err := c.QueryRow(ctx, `
		SELECT pg_get_userbyid(nspowner)::text, current_user::text, has_schema_privilege(oid, 'USAGE') AND has_schema_privilege(oid, 'CREATE')
		FROM pg_namespace WHERE nspname = $1::text`, schema).Scan(&owner, &me, &allowed)
	switch {
	case errors.Is(err, pgx.ErrNoRows): // it is to be made
		return nil
	case err != nil:
		return fmt.Errorf("looking at schema %q: %w", schema, err)
	case !allowed:
		return fmt.Errorf("%w: schema %q belongs to role %s, and role %s lacks USAGE or CREATE on it: ALTER SCHEMA %s OWNER TO %s",
			ErrPermission, schema, owner, me, quoteName(schema), quoteName(me))
	}
	return nil
}
