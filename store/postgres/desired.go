package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// Desired is the stored document in which a supervisor keeps what should run.
// Documents of several supervisors live side by side in one table. It is safe
// for concurrent use.
type Desired struct {
	server     *Server
	supervisor string
}

const desiredTable = `CREATE TABLE IF NOT EXISTS ` + supervisorSchema + `.desired (
	supervisor text COLLATE "C" PRIMARY KEY,
	revision   int8 NOT NULL,
	document   jsonb NOT NULL,
	updated_at timestamptz NOT NULL DEFAULT now()
)`

// Desired returns the document of a supervisor, making the table if need be.
func (s *Server) Desired(ctx context.Context, supervisor string) (*Desired, error) {
	d := &Desired{server: s, supervisor: supervisor}
	_, _, err := d.Load(ctx)
	if state := sqlState(err); state == codeNoSchema || state == codeNoTable {
		err = s.admin.use(ctx, func(ctx context.Context, c *pgx.Conn) error {
			return s.runScript(ctx, c, fmt.Sprintf(`SELECT pg_advisory_xact_lock(%d);
				DO $make$ BEGIN
					IF to_regnamespace('%[2]s') IS NULL THEN CREATE SCHEMA %[2]s; END IF;
				END $make$;
				%[3]s;`, lockKey("migration", supervisorSchema), supervisorSchema, desiredTable))
		})
	}
	if err != nil {
		return nil, fmt.Errorf("opening the supervisor's desired state: %w", err)
	}
	return d, nil
}

// Load returns the document and its revision; nil and 0 if there is none yet.
func (d *Desired) Load(ctx context.Context) (document []byte, revision int64, err error) {
	err = d.server.admin.use(ctx, func(ctx context.Context, c *pgx.Conn) error {
		var text string
		err := c.QueryRow(ctx, `SELECT revision, document::text FROM `+supervisorSchema+`.desired WHERE supervisor = $1::text`, d.supervisor).
			Scan(&revision, &text)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		document = []byte(text)
		return err
	})
	if err != nil {
		return nil, 0, fmt.Errorf("loading desired state: %w", err)
	}
	if revision == 0 {
		return nil, 0, nil
	}
	return document, revision, nil
}

// Save replaces the document if its revision is still the given one (0 for
// none yet) and returns the new revision. Otherwise it fails with
// [ErrRevision].
func (d *Desired) Save(ctx context.Context, document []byte, revision int64) (int64, error) {
	if !json.Valid(document) {
		return 0, errors.New("saving desired state: the document is not JSON")
	}
	sql := `UPDATE ` + supervisorSchema + `.desired SET revision = revision + 1, document = $2::text::jsonb, updated_at = now()
		WHERE supervisor = $1::text AND revision = $3::int8 RETURNING revision`
	if revision == 0 {
		sql = `INSERT INTO ` + supervisorSchema + `.desired (supervisor, document, revision)
			VALUES ($1::text, $2::text::jsonb, $3::int8 + 1) ON CONFLICT DO NOTHING RETURNING revision`
	}
	err := d.server.admin.use(ctx, func(ctx context.Context, c *pgx.Conn) error {
		err := c.QueryRow(ctx, sql, d.supervisor, string(document), revision).Scan(&revision)
		if errors.Is(err, pgx.ErrNoRows) {
			return fmt.Errorf("%w: it is no longer at revision %d", ErrRevision, revision)
		}
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("saving desired state: %w", err)
	}
	return revision, nil
}

// Close does nothing: the connections are the server's. It is there so that
// all stores of desired state are used alike.
func (d *Desired) Close() error { return nil }
