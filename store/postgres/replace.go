package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// Replace puts one journal's schema in the place of another, whatever that holds,
// in one transaction. Nobody may use either meanwhile; the other need not exist.
// A schema that is no journal is [ErrForeignSchema]. With the lease of the other
// schema it is done only while that is held, else fails with [ErrNotHeld].
func (s *Server) Replace(ctx context.Context, from, to string, owner *Lease) error {
	for _, schema := range []string{from, to} {
		if err := checkSchema(schema); err != nil {
			return err
		}
	}
	return s.admin.useFor(ctx, 0, func(ctx context.Context, c *pgx.Conn) error {
		source, err := s.probe(ctx, c, from)
		if err != nil {
			return err
		}
		if !source.exists || source.empty || source.foreign {
			return fmt.Errorf("%w: %q holds no journal", ErrNoSchema, from)
		}
		target, err := s.probe(ctx, c, to)
		if err != nil {
			return err
		}
		if target.foreign {
			return fmt.Errorf("%w: %q is not replaced", ErrForeignSchema, to)
		}
		script := owner.guard()
		if target.exists {
			script += "DROP SCHEMA " + quoteName(to) + " CASCADE;"
		}
		script += "ALTER SCHEMA " + quoteName(from) + " RENAME TO " + quoteName(to) + ";"
		if err := s.runScript(ctx, c, script); err != nil {
			return fmt.Errorf("putting schema %q in the place of %q: %w", from, to, owner.guarded(err))
		}
		return nil
	})
}
