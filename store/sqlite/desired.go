package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
)

// DesiredFile is the name of the file in the data directory in which a
// supervisor keeps its desired state.
const DesiredFile = "supervisor.db"

// Desired is the stored document in which a supervisor keeps what should run.
// It is safe for concurrent use, by several processes too: every change is a
// compare-and-swap.
type Desired struct{ *database }

// OpenDesired opens the desired state in a data directory, making both if need
// be. Its errors are those of [Open] except [ErrOwned].
func OpenDesired(ctx context.Context, dataDir string) (*Desired, error) {
	d, err := openDatabase(filepath.Join(dataDir, DesiredFile))
	if err != nil {
		return nil, fmt.Errorf("opening the desired state: %w", err)
	}
	if _, err := d.migrate(ctx, supervisorFile); err != nil {
		return nil, errors.Join(d.fail(ctx, "opening the desired state", err), d.close())
	}
	return &Desired{d}, nil
}

// Load returns the document and its revision; nil and 0 if none was saved.
func (d *Desired) Load(ctx context.Context) (document []byte, revision int64, err error) {
	err = d.read.QueryRowContext(ctx, `SELECT document, revision FROM desired`).Scan(&document, &revision)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, 0, nil
	}
	if err != nil {
		return nil, 0, d.fail(ctx, "loading the desired state", err)
	}
	return document, revision, nil
}

// Save replaces the document, which must be JSON, if its revision is still the
// given one (0 for none yet), and returns the new revision. Otherwise it fails
// with [ErrRevision].
func (d *Desired) Save(ctx context.Context, document []byte, revision int64) (newRevision int64, err error) {
	if !json.Valid(document) {
		return 0, errors.New("saving the desired state: the document is not JSON")
	}
	query := `UPDATE desired SET revision = ?1 + 1, document = ?2, updated_at = strftime('%Y-%m-%dT%H:%M:%fZ') WHERE revision = ?1`
	if revision == 0 {
		query = `INSERT INTO desired VALUES (1, ?1 + 1, ?2, strftime('%Y-%m-%dT%H:%M:%fZ')) ON CONFLICT DO NOTHING`
	}
	result, err := d.write.ExecContext(ctx, query, revision, string(document))
	if err != nil {
		return 0, d.fail(ctx, "saving the desired state", err)
	}
	if n, err := result.RowsAffected(); err != nil || n != 1 {
		return 0, fmt.Errorf("saving the desired state: %w: it is no longer at revision %d", ErrRevision, revision)
	}
	return revision + 1, nil
}

// Close closes the file.
func (d *Desired) Close() error { return d.close() }
