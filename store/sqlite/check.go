package sqlite

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
)

// Check returns why the journal of an instance could not be opened in a file, or nil
// if it could, or be made there. It changes nothing; others may have the file open.
// Its errors wrap [ErrForeignFile], [ErrNewerSchema], [ErrPermission] or [ErrDamaged].
func Check(ctx context.Context, path string) error { return check(ctx, path, journalFile) }

// CheckDesired is [Check] of the desired state in a data directory.
func CheckDesired(ctx context.Context, dataDir string) error {
	return check(ctx, filepath.Join(dataDir, DesiredFile), supervisorFile)
}

func check(ctx context.Context, path string, k kind) error {
	path, err := filepath.Abs(path)
	if err != nil {
		return explain(path, err)
	}
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return nil
	} else if err != nil {
		return explain(path, err)
	}
	// What is committed may be in the log still, which is read with the help of files
	// beside it. Without a log SQLite is kept from making any.
	options := url.Values{"mode": {"ro"}, "_pragma": {fmt.Sprintf("busy_timeout(%d)", busyTimeout.Milliseconds())}}
	if _, err := os.Stat(path + "-wal"); errors.Is(err, fs.ErrNotExist) {
		options.Set("immutable", "1")
	}
	db, err := poolWith(options, path, 1, idleTime)
	if err != nil {
		return explain(path, err)
	}
	id, err := identify(ctx, db)
	if err == nil {
		_, err = k.check(path, id)
	}
	d := &database{path: path}
	return errors.Join(d.fail(ctx, "looking at the file", err), db.Close())
}
