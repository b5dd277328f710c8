package sqlite

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Replace puts one database file in the place of another, whatever that holds: at
// once, so that a crash leaves the one or the other. Both must be closed; the
// other need not exist. They must lie in the same directory.
func Replace(ctx context.Context, from, to string) (err error) {
	for _, path := range []string{from, to} {
		l, err := lockFor(path)
		if err != nil {
			return fmt.Errorf("replacing: %w", err)
		}
		defer func() { err = errors.Join(err, l.release()) }()
		if err := settle(ctx, path); err != nil {
			return fmt.Errorf("replacing: %w", explain(path, err))
		}
	}
	if err := os.Rename(from, to); err != nil {
		return fmt.Errorf("replacing: %w", explain(to, err))
	}
	_ = os.Remove(lockPath(from)) // Windows keeps it while it is locked; it is empty
	if dir, err := os.Open(filepath.Dir(to)); err == nil {
		_ = dir.Sync() // systems that cannot sync directories have the change anyway
		_ = dir.Close()
	}
	return nil
}

// settle brings everything into the file itself that a crash may have left in the
// log beside it, which must not meet another file.
func settle(ctx context.Context, path string) error {
	if !exists(path) {
		return nil
	}
	d, err := openDatabase(path)
	if err != nil {
		return err
	}
	_, err = d.write.ExecContext(ctx, "PRAGMA wal_checkpoint(TRUNCATE)")
	if err := errors.Join(err, d.close()); err != nil {
		return err
	}
	for _, rest := range []string{path + "-wal", path + "-shm"} {
		if info, err := os.Stat(rest); err == nil && info.Size() > 0 && rest == path+"-wal" {
			return errors.New("its log cannot be emptied")
		}
		if err := os.Remove(rest); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}
