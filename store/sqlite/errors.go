package sqlite

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"syscall"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// Errors that tell an operator what to change. They are wrapped with the path
// and the particulars.
var (
	// ErrOwned reports that another process, or another journal of this one,
	// has the file open.
	ErrOwned = errors.New("owned by another process")
	// ErrNewerSchema reports a file that a newer program has migrated.
	ErrNewerSchema = errors.New("file is from a newer version of this program")
	// ErrForeignFile reports a file that is not one of this program's.
	ErrForeignFile = errors.New("file belongs to something else")
	// ErrDamaged reports a file whose content SQLite cannot make sense of.
	ErrDamaged = errors.New("file is damaged")
	// ErrNoSpace reports that the disk, or a quota on it, is full.
	ErrNoSpace = errors.New("no space left for the file")
	// ErrPermission reports a right that the process lacks.
	ErrPermission = errors.New("missing permission for the file")
	// ErrRevision reports that the desired state was changed by somebody else.
	ErrRevision = errors.New("the desired state has changed meanwhile")
)

// code returns the primary result code of SQLite in err's chain, or 0.
func code(err error) int {
	if e, ok := errors.AsType[*sqlite.Error](err); ok {
		return e.Code() & 0xff
	}
	return 0
}

// explain turns an error of SQLite or of the operating system into one that
// says what to do. Errors that need no explanation just get the path.
func explain(path string, err error) error {
	if err == nil {
		return nil
	}
	dir := filepath.Dir(path)
	switch code(err) {
	case sqlite3.SQLITE_FULL:
		return fmt.Errorf("%w %s: free some on its disk: %w", ErrNoSpace, path, err)
	case sqlite3.SQLITE_READONLY:
		return fmt.Errorf("%w %s: make it and its directory %s writable for this user, and the disk if it is mounted read-only: %w", ErrPermission, path, dir, err)
	case sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM, sqlite3.SQLITE_AUTH:
		return fmt.Errorf("%w %s: make sure that it is a file which this user may read and write, in a directory %s which it may write: %w", ErrPermission, path, dir, err)
	case sqlite3.SQLITE_NOTADB:
		return fmt.Errorf("%w: %s is no SQLite database; move it away or choose another name: %w", ErrForeignFile, path, err)
	case sqlite3.SQLITE_CORRUPT:
		return fmt.Errorf("%w: %s; restore it from a backup, together with its -wal file: %w", ErrDamaged, path, err)
	case sqlite3.SQLITE_BUSY:
		return fmt.Errorf("%s is kept locked by another program, maybe a database tool; close it: %w", path, err)
	}
	switch {
	case errors.Is(err, syscall.ENOSPC):
		return fmt.Errorf("%w %s: free some on its disk: %w", ErrNoSpace, path, err)
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EROFS):
		return fmt.Errorf("%w %s: make its directory %s writable for this user: %w", ErrPermission, path, dir, err)
	}
	return fmt.Errorf("%s: %w", path, err)
}
