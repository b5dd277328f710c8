package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
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
	// Logger hears of what cannot be returned; nil is silent.
	Logger *slog.Logger
}

// Journal is the journal of one instance, in a file of its own. See
// [sim.Journal] for what may be called when.
type Journal struct {
	*database
	log     *slog.Logger
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
	if err := d.migrate(ctx, journalFile); err != nil {
		return nil, errors.Join(d.fail(ctx, "preparing the file", err), d.close())
	}
	j := &Journal{database: d, log: o.Logger}
	if j.log == nil {
		j.log = slog.New(slog.DiscardHandler)
	}
	j.log = j.log.With("instance", o.Instance, "path", d.path)
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

// Drop deletes the file of an instance and what SQLite keeps beside it. It
// fails with [ErrOwned] while the file is open; a file that does not exist is
// no error.
func Drop(path string) error {
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	l, err := lockFor(path)
	if err != nil {
		return fmt.Errorf("dropping: %w", err)
	}
	// The database goes first: what is left of it then is no database any more.
	for _, name := range []string{path, path + "-wal", path + "-shm"} {
		if err := os.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return errors.Join(fmt.Errorf("dropping: %w", explain(path, err)), l.release())
		}
	}
	_ = os.Remove(lockPath(path)) // Windows keeps it while it is locked; it is empty
	return l.release()
}

// hot are the statements of the normal work, prepared once per connection.
type hot struct {
	append, move                                               *sql.Stmt
	account, position, balance, mirror, settlement, entry, key *sql.Stmt
	removePosition, removeBalance                              *sql.Stmt
}

// The compare-and-swap of an append needs no row of its own to change: the
// journal's last row says where it ends.
const appendSQL = `INSERT INTO journal (first_sequence, last_sequence, at, hash, events)
	SELECT ?1, ?2, ?3, ?4, ?5
	WHERE (SELECT epoch FROM meta) = ?6 AND coalesce((SELECT max(last_sequence) FROM journal), 0) = ?1 - 1`

const moveSQL = `UPDATE meta SET projected_sequence = ?1, projected_at = ?2, projected_hash = ?3, projected_generator = ?4
	WHERE epoch = ?5 AND projected_sequence < ?1`

func prepare(ctx context.Context, db *sql.DB) (h hot, err error) {
	for _, s := range []struct {
		into **sql.Stmt
		text string
	}{
		{&h.append, appendSQL}, {&h.move, moveSQL},
		{&h.account, accountTable.upsert()}, {&h.position, positionTable.upsert()}, {&h.balance, balanceTable.upsert()},
		{&h.mirror, mirrorTable.upsert()}, {&h.settlement, settlementTable.upsert()},
		{&h.entry, entryTable.insert()}, {&h.key, keyTable.insert()},
		{&h.removePosition, `DELETE FROM positions WHERE position_id = ?1`}, {&h.removeBalance, `DELETE FROM balances WHERE balance_id = ?1`},
	} {
		if *s.into, err = db.PrepareContext(ctx, s.text); err != nil {
			return h, err
		}
	}
	return h, nil
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

// Bounds of a page of [Journal.Read].
const (
	readBatches = 256
	readBytes   = 4 << 20
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
