package sqlite

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
)

// Options name the file of one instance.
type Options struct {
	// Path is the file: "<data directory>/<schema>.db", for example
	// custodian-data/custodian_sim_001.db. The directory is made if need be.
	Path string
	// Instance is the instance's name, for logs.
	Instance string
	// Logger hears of files that are created or migrated; nil is silent.
	Logger *slog.Logger
}

// Journal is the journal of one instance, in a file of its own. See
// [sim.Journal] for what may be called when.
type Journal struct {
	*database
	lock    *lock // nil if somebody else sees to it
	hot     hot
	epoch   atomic.Int64 // the claim of the last Load; 0 is none
	closing sync.Once
}

var _ sim.Journal = (*Journal)(nil)

// Open opens the file of an instance, creating or migrating it, and takes its
// lock. It fails with [ErrOwned], [ErrForeignFile], [ErrNewerSchema],
// [ErrPermission], [ErrNoSpace] or [ErrDamaged] as the case may be.
func Open(ctx context.Context, o Options) (*Journal, error) {
	l, err := lockFor(o.Path)
	if err != nil {
		return nil, fmt.Errorf("opening the books of %s: %w", o.Instance, err)
	}
	j, err := openUnlocked(ctx, o)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("opening the books of %s: %w", o.Instance, err), l.release())
	}
	j.lock = l
	return j, nil
}

// openUnlocked opens the file whoever else has it open.
func openUnlocked(ctx context.Context, o Options) (*Journal, error) {
	d, err := openDatabase(o.Path)
	if err != nil {
		return nil, err
	}
	version, err := d.migrate(ctx, journalFile)
	if err != nil {
		return nil, errors.Join(d.fail(ctx, "preparing the file", err), d.close())
	}
	if latest := len(journalFile.steps); version < latest && o.Logger != nil {
		o.Logger.Info("books migrated", "instance", o.Instance, "path", d.path, "from_version", version, "to_version", latest)
	}
	j := &Journal{database: d}
	if j.hot, err = prepare(ctx, d.write); err != nil {
		return nil, errors.Join(d.fail(ctx, "preparing statements", err), d.close())
	}
	return j, nil
}

// Close closes the file and gives up its lock. Calls under way end first.
func (j *Journal) Close() error {
	var err error
	j.closing.Do(func() {
		err = j.close()
		if j.lock != nil {
			err = errors.Join(err, j.lock.release())
		}
	})
	return err
}

// Drop deletes the file of an instance and what is kept beside it: SQLite's
// write-ahead log and its index, and the lock. It fails with [ErrOwned] while
// the file is open. What is not there is no error, so that a Drop that failed
// halfway, or that a crash cut short, is finished by another one.
func Drop(path string) error {
	// The database goes first: what is left of it then is no database any more.
	files := []string{path, path + "-wal", path + "-shm"}
	if !slices.ContainsFunc(files, exists) && !exists(lockPath(path)) {
		return nil
	}
	l, err := lockFor(path)
	if err != nil {
		return fmt.Errorf("dropping: %w", err)
	}
	for _, name := range files {
		if err := os.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return errors.Join(fmt.Errorf("dropping: %w", explain(name, err)), l.release())
		}
	}
	_ = os.Remove(lockPath(path)) // Windows keeps it while it is locked; it is empty
	return l.release()
}

// exists says whether there may be something at a path: only a sure no is one.
func exists(path string) bool {
	_, err := os.Lstat(path)
	return !errors.Is(err, fs.ErrNotExist)
}

// Append makes a batch durable. See [sim.Journal].
func (j *Journal) Append(ctx context.Context, b *sim.Batch) error {
	if b.First == 0 || b.Last < b.First {
		return fmt.Errorf("%w: appending a batch from %d to %d", sim.ErrBrokenInvariant, b.First, b.Last)
	}
	at, err := writeTime(b.Time)
	if err != nil {
		return err
	}
	result, err := j.hot.append.ExecContext(ctx, int64(b.First), int64(b.Last), at, b.Hash[:], b.Payload, j.epoch.Load())
	if err != nil {
		return j.fail(ctx, fmt.Sprintf("appending %d to %d", b.First, b.Last), err)
	}
	if n, err := result.RowsAffected(); err != nil || n != 1 {
		return fmt.Errorf("%w: %s, appending %d to %d", sim.ErrLostOwnership, j.path, b.First, b.Last)
	}
	return nil
}

// Bounds of a page of [Journal.Read], which stays in memory while fn runs: there
// may be a slow reader behind it, and many of them at a time.
const (
	readBatches = 256
	readBytes   = 512 << 10
)

// Read calls fn with batches. Nothing is locked while fn runs. See
// [sim.Journal].
func (j *Journal) Read(ctx context.Context, after uint64, fn func(*sim.Batch) error) error {
	for {
		page, err := j.readPage(ctx, after)
		if err != nil {
			return j.fail(ctx, fmt.Sprintf("reading the journal behind %d", after), err)
		}
		if len(page) == 0 {
			return nil
		}
		for _, b := range page {
			if err := ctx.Err(); err != nil {
				return err
			}
			if err := fn(b); err != nil {
				return err
			}
			after = b.Last
		}
	}
}

func (j *Journal) readPage(ctx context.Context, after uint64) ([]*sim.Batch, error) {
	rows, err := j.read.QueryContext(ctx, `SELECT first_sequence, last_sequence, coalesce(at, ''), hash, events FROM journal
		WHERE last_sequence > ?1 ORDER BY last_sequence LIMIT ?2`, int64(after), readBatches)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var page []*sim.Batch
	for size := 0; size < readBytes && rows.Next(); {
		b := &sim.Batch{}
		var at string
		var hash []byte
		if err := rows.Scan(&b.First, &b.Last, &at, &hash, &b.Payload); err != nil {
			return nil, err
		}
		r := reader{}
		b.Time, b.Hash = r.time(at), r.digest(hash)
		if r.err != nil {
			return nil, fmt.Errorf("batch %d: %w", b.First, r.err)
		}
		page = append(page, b)
		size += len(b.Payload)
	}
	return page, rows.Err()
}
