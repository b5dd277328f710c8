package sqlite

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"modernc.org/sqlite"
)

// Connections of one file.
const (
	// readers is how many queries run at a time; more wait for their turn.
	readers = 3
	// idleTime is how long an unused connection stays open. An open one costs
	// some 200 kB, its page cache more, opening one again a millisecond.
	idleTime = 30 * time.Second
	// readerIdleTime is the same for queries. It is shorter, so that the writing
	// connection outlives them: whichever closes last removes the log, but two
	// that close at the same moment each see the other and leave it behind.
	readerIdleTime = idleTime - 5*time.Second
	// busyTimeout bounds the wait for another program's lock. Within the
	// process writers take turns before they come to SQLite.
	busyTimeout = 5 * time.Second
	// checkpointPages is after how many pages the log is copied into the file.
	checkpointPages = 2000
)

// database is a file and its connections. SQLite has one writer at a time, so
// there is one connection to write with, for which callers queue. It is safe
// for concurrent use.
type database struct {
	path  string
	write *sql.DB
	read  *sql.DB
}

// useFdatasync lets SQLite sync with fdatasync where the system has it: the log
// is as durable without its timestamps, and a commit needs one write less.
var useFdatasync = sync.OnceFunc(func() { _, _ = sqlite.Fdatasync(true) })

// openDatabase creates the file if it does not exist, without any content yet.
// Connections are opened when they are needed.
func openDatabase(path string) (*database, error) {
	useFdatasync()
	absolute, err := filepath.Abs(path)
	if err != nil {
		return nil, explain(path, err)
	}
	if err := create(absolute); err != nil {
		return nil, explain(absolute, err)
	}
	busy := fmt.Sprintf("busy_timeout(%d)", busyTimeout.Milliseconds())
	d := &database{path: absolute}
	if d.write, err = pool(absolute, 1, idleTime, busy, "synchronous(FULL)", fmt.Sprintf("wal_autocheckpoint(%d)", checkpointPages)); err != nil {
		return nil, explain(absolute, err)
	}
	if d.read, err = pool(absolute, readers, readerIdleTime, busy, "query_only(1)"); err != nil {
		return nil, explain(absolute, errors.Join(err, d.write.Close()))
	}
	return d, nil
}

// create makes an empty file for its owner alone. A file that exists is never
// opened here: closing it again would take away the locks that SQLite has on it
// in this process.
func create(path string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return f.Close()
}

// pool returns connections that are set up by pragmas.
func pool(path string, size int, idle time.Duration, pragmas ...string) (*sql.DB, error) {
	return poolWith(url.Values{"_pragma": pragmas}, path, size, idle)
}

// poolWith is pool with parameters of the file's URI.
func poolWith(options url.Values, path string, size int, idle time.Duration) (*sql.DB, error) {
	slashed := filepath.ToSlash(path)
	if !strings.HasPrefix(slashed, "/") {
		slashed = "/" + slashed // a drive letter
	}
	options.Set("_txlock", "immediate")
	options.Set("_dqs", "0")
	options.Set("_error_rc", "1")
	dsn := url.URL{Scheme: "file", Path: slashed, RawQuery: options.Encode()}
	connector, err := sqlite.NewConnector(dsn.String())
	if err != nil {
		return nil, err
	}
	db := sql.OpenDB(connector)
	db.SetMaxOpenConns(size)
	db.SetMaxIdleConns(size)
	db.SetConnMaxIdleTime(idle)
	return db, nil
}

func (d *database) close() error {
	return explain(d.path, errors.Join(d.read.Close(), d.write.Close()))
}

// fail words a failure: an ended context is just that, refusals and errors of
// the core stay as they are, anything else says what to do about the file.
func (d *database) fail(ctx context.Context, doing string, err error) error {
	if err == nil {
		return nil
	}
	if ended := ctx.Err(); ended != nil {
		return fmt.Errorf("%s: %s: %w", d.path, doing, ended)
	}
	return fmt.Errorf("%s: %w", doing, explain(d.path, err))
}

// durability says when a transaction is committed.
type durability string

const (
	// onDisk commits once the disk has it.
	onDisk durability = "FULL"
	// inOrder commits at once; the disk has it before anything later.
	inOrder durability = "NORMAL"
)

// transact runs fn in a transaction on the writing connection. Unless
// everything went well the connection is closed, so that nothing of a failed
// transaction can ever become durable.
//
// Statements of fn are short and many, so fn gets a context that does not end:
// watching it would cost more than they do. It looks at the one it closes over
// between them.
func (d *database) transact(ctx context.Context, level durability, fn func(ctx context.Context, tx *sql.Tx) error) (err error) {
	conn, err := d.write.Conn(ctx)
	if err != nil {
		return err
	}
	done := false
	defer func() {
		if !done {
			_ = conn.Raw(func(any) error { return driver.ErrBadConn }) // closes it
		}
		err = errors.Join(err, closed(conn.Close()))
	}()
	if level != onDisk {
		if _, err := conn.ExecContext(ctx, "PRAGMA synchronous = "+string(level)); err != nil {
			return err
		}
	}
	tx, err := conn.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // does nothing after a commit
	if err := fn(context.WithoutCancel(ctx), tx); err != nil {
		return err
	}
	if err := tx.Commit(); err != nil {
		return err
	}
	if level != onDisk {
		// Outside of ctx: the transaction is committed, whatever comes.
		if _, err := conn.ExecContext(context.WithoutCancel(ctx), "PRAGMA synchronous = "+string(onDisk)); err != nil {
			return nil // the connection is closed instead
		}
	}
	done = true
	return nil
}

// closed forgives that a connection is closed already.
func closed(err error) error {
	if errors.Is(err, sql.ErrConnDone) || errors.Is(err, driver.ErrBadConn) {
		return nil
	}
	return err
}

// querier is what rows can be asked of: a pool or a transaction.
type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// collect returns all rows of a query.
func collect[R any](ctx context.Context, q querier, read func(scan) (R, error), query string, args ...any) ([]R, error) {
	rows, err := q.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []R
	for rows.Next() {
		r, err := read(rows.Scan)
		if err != nil {
			return nil, err
		}
		out = append(out, r)
	}
	return out, rows.Err()
}

// scan reads the columns of one row.
type scan func(dest ...any) error
