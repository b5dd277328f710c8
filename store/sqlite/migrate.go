package sqlite

import (
	"context"
	"database/sql"
	"embed"
	"fmt"
	"io/fs"
)

//go:embed migrations
var migrationFiles embed.FS

// kind is what a file is for. Its files carry the number that SQLite provides
// for telling whose a file is, and the number of migrations applied.
type kind struct {
	name          string
	applicationID int32
	steps         []string
}

var (
	journalFile    = kind{"the journal of an instance", 0x43757331, steps("journal")}
	supervisorFile = kind{"the desired state of a supervisor", 0x43757332, steps("supervisor")}
)

// steps returns the migrations in a directory, in the order of their names.
func steps(dir string) []string {
	dir = "migrations/" + dir
	entries, err := fs.ReadDir(migrationFiles, dir)
	if err != nil {
		panic(err) // they are part of the program
	}
	out := make([]string, len(entries))
	for i, e := range entries {
		content, err := migrationFiles.ReadFile(dir + "/" + e.Name())
		if err != nil {
			panic(err)
		}
		out[i] = string(content)
	}
	return out
}

// identity is how a file describes itself.
type identity struct {
	applicationID int32
	version       int
	tables        int
}

func identify(ctx context.Context, q querier) (identity, error) {
	found, err := collect(ctx, q, func(scan scan) (id identity, err error) {
		err = scan(&id.applicationID, &id.version, &id.tables)
		return id, err
	}, `SELECT application_id, user_version, (SELECT count(*) FROM sqlite_schema) FROM pragma_application_id, pragma_user_version`)
	if err != nil {
		return identity{}, err
	}
	return found[0], nil
}

// check returns how many of the kind's migrations a file has, or why the file
// cannot be used.
func (k *kind) check(path string, id identity) (int, error) {
	switch {
	case id == identity{}: // new
		return 0, nil
	case id.applicationID != k.applicationID:
		return 0, fmt.Errorf("%w: %s is not %s%s; move it away or choose another name", ErrForeignFile, path, k.name, other(id))
	case id.version > len(k.steps):
		return 0, fmt.Errorf("%w: %s has version %d, this program knows up to %d", ErrNewerSchema, path, id.version, len(k.steps))
	}
	return id.version, nil
}

// other says what a file is if it is another one of ours.
func other(id identity) string {
	for _, k := range []kind{journalFile, supervisorFile} {
		if k.applicationID == id.applicationID {
			return " but " + k.name
		}
	}
	return ""
}

// migrate makes sure that the file is of the kind and up to date, and returns
// the version that it found; 0 is a new file. It changes nothing of a file that
// it refuses.
func (d *database) migrate(ctx context.Context, k kind) (found int, err error) {
	id, err := identify(ctx, d.write)
	if err != nil {
		return 0, err
	}
	if found, err = k.check(d.path, id); err != nil {
		return 0, err
	}
	if err := d.useLog(ctx); err != nil {
		return 0, err
	}
	if found == len(k.steps) {
		return found, nil
	}
	return found, d.transact(ctx, onDisk, func(ctx context.Context, tx *sql.Tx) error {
		id, err := identify(ctx, tx) // now that nobody else can migrate it
		if err != nil {
			return err
		}
		version, err := k.check(d.path, id)
		if err != nil {
			return err
		}
		for _, step := range k.steps[version:] {
			if _, err := tx.ExecContext(ctx, step); err != nil {
				return fmt.Errorf("migrating from version %d: %w", version, err)
			}
			version++
		}
		_, err = tx.ExecContext(ctx, fmt.Sprintf(`PRAGMA application_id = %d; PRAGMA user_version = %d`, k.applicationID, version))
		return err
	})
}

// useLog puts the file into WAL mode. The mode is a property of the file, but
// tools may have changed it.
func (d *database) useLog(ctx context.Context) error {
	modes, err := collect(ctx, d.write, func(scan scan) (mode string, err error) {
		err = scan(&mode)
		return mode, err
	}, `PRAGMA journal_mode = WAL`)
	if err != nil {
		return err
	}
	if modes[0] != "wal" {
		return fmt.Errorf("the file system of %s does not support write-ahead logging (SQLite keeps journal mode %q); use a local disk", d.path, modes[0])
	}
	return nil
}
