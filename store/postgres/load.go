package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/store/internal/tables"
)

// transactionLimits bound what a transaction waits for and how long its locks
// outlive a process that vanished. They are set for the transaction alone, so
// they work through a pooler. A statement_timeout of the role is for others: books
// that take longer to read must be read all the same, and this process bounds it.
const transactionLimits = `SELECT set_config('lock_timeout', '10s', true),
	set_config('idle_in_transaction_session_timeout', '10s', true), set_config('statement_timeout', '0', true)`

// openTransfers is the condition of those that are not done, spelled as in the
// index on them.
const openTransfers = `(status IN ('PENDING', 'IN_PROGRESS') OR return_due)`

// Load claims the journal and reads the tables, in one transaction and one
// round trip. It holds the rows that guard appends and projections while it
// reads: a writer under way finishes before, every other finds the new epoch
// after. It fails with [ErrNotHeld] where the journal's lease is not held at that
// moment, and with sim.ErrLostOwnership where it is lost. See [sim.Journal].
func (j *Journal) Load(ctx context.Context) (*sim.Snapshot, error) {
	j.endFormerWriters(ctx)
	snap, err := j.load(ctx)
	if errors.Is(err, ErrNotHeld) {
		// The connection that holds the lease may have been lost with the others.
		// To ask makes it anew, and finds out who was quicker.
		switch held := j.lease.Confirm(ctx); {
		case held == nil:
			snap, err = j.load(ctx)
		case errors.Is(held, ErrOwned):
			err = held
		}
	}
	if errors.Is(err, ErrOwned) {
		err = fmt.Errorf("%w: %w", sim.ErrLostOwnership, err)
	}
	return snap, err
}

// endFormerWriters ends, before the first claim, what a former owner has left
// under way. A process that was stopped in the middle of a projection would keep
// its rows locked until it goes on. Whoever is in the midst of writing while this
// process holds the lease, and has not begun to, is a writer of the past.
func (j *Journal) endFormerWriters(ctx context.Context) {
	if epoch, _ := j.claimed(); j.lease == nil || epoch > 0 {
		return
	}
	const end = `SELECT count(pg_terminate_backend(pid)) FROM pg_locks
		WHERE locktype = 'relation' AND mode = 'RowExclusiveLock' AND pid <> pg_backend_pid()
			AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
			AND relation IN ('{schema}.meta'::regclass, '{schema}.projection'::regclass)`
	// Where it fails, the claim waits and says what is wrong.
	_ = j.pool.use(ctx, func(ctx context.Context, c *pgx.Conn) error {
		return execScript(ctx, c, j.lease.guard()+fill(end, j.schema))
	})
}

func (j *Journal) load(ctx context.Context) (*sim.Snapshot, error) {
	var snap sim.Snapshot
	var epoch int64
	err := j.pool.useFor(ctx, bulkTimeout, func(ctx context.Context, c *pgx.Conn) error {
		var batch pgx.Batch
		// Statements between two synchronisations are one transaction. The
		// tables are stable under the locks, so the weakest isolation does, and
		// only that one waits for a writer instead of failing.
		batch.Queue(`BEGIN ISOLATION LEVEL READ COMMITTED`)
		batch.Queue(transactionLimits)
		if guard := j.lease.guard(); guard != "" {
			batch.Queue(guard)
		}
		batch.Queue(j.sql().claim)
		batch.Queue(j.sql().claimTables)
		batch.Queue(j.sql().keyed)
		batch.Queue(selectFrom(j.sql().schema, &tables.Accounts.Table))
		batch.Queue(selectFrom(j.sql().schema, &tables.Positions.Table))
		batch.Queue(selectFrom(j.sql().schema, &tables.Balances.Table))
		batch.Queue(selectFrom(j.sql().schema, &tables.Mirrors.Table))
		batch.Queue(selectFrom(j.sql().schema, &tables.Settlements.Table) + ` WHERE status IN ('PENDING', 'IN_PROGRESS') ORDER BY settlement_id`)
		batch.Queue(selectFrom(j.sql().schema, &tables.Transfers.Table) + ` WHERE ` + openTransfers + ` ORDER BY transfer_id`)
		batch.Queue(selectFrom(j.sql().schema, &tables.Documents.Table))
		batch.Queue(`COMMIT`)
		results := c.SendBatch(ctx, &batch)
		if err := j.readSnapshot(results, &snap, &epoch); err != nil {
			_ = results.Close()
			return err
		}
		return results.Close()
	})
	if err != nil {
		return nil, fmt.Errorf("loading schema %q: %w", j.schema, j.lease.guarded(err))
	}
	j.place.Lock()
	defer j.place.Unlock()
	j.place.epoch, j.place.projected = epoch, snap.Projected.Sequence
	return &snap, nil
}

func (j *Journal) readSnapshot(results pgx.BatchResults, snap *sim.Snapshot, epoch *int64) error {
	before := 2 // BEGIN, limits
	if j.lease != nil {
		before++ // the guard
	}
	for range before {
		if _, err := results.Exec(); err != nil {
			return err
		}
	}
	if err := results.QueryRow().Scan(epoch, &snap.Head); err != nil {
		return fmt.Errorf("claiming the journal: %w", err)
	}
	var err error
	if snap.Projected, err = readProgress(results.QueryRow()); err != nil {
		return fmt.Errorf("claiming the tables: %w", err)
	}
	if err = results.QueryRow().Scan(&snap.Keyed); err != nil {
		return err
	}
	if snap.Accounts, err = collect(results, read(tables.Accounts)); err != nil {
		return fmt.Errorf("accounts: %w", err)
	}
	if snap.Holdings, err = collect(results, read(tables.Positions)); err != nil {
		return fmt.Errorf("positions: %w", err)
	}
	balances, err := collect(results, read(tables.Balances))
	if err != nil {
		return fmt.Errorf("balances: %w", err)
	}
	snap.Holdings = append(snap.Holdings, balances...)
	if snap.Mirrors, err = collect(results, read(tables.Mirrors)); err != nil {
		return fmt.Errorf("mirrors: %w", err)
	}
	if snap.Open, err = collect(results, read(tables.Settlements)); err != nil {
		return fmt.Errorf("open settlements: %w", err)
	}
	if snap.OpenTransfers, err = collect(results, read(tables.Transfers)); err != nil {
		return fmt.Errorf("open transfers: %w", err)
	}
	if snap.Documents, err = collect(results, read(tables.Documents)); err != nil {
		return fmt.Errorf("documents: %w", err)
	}
	_, err = results.Exec() // COMMIT
	return err
}

func collect[T any](results pgx.BatchResults, read pgx.RowToFunc[T]) ([]T, error) {
	rows, err := results.Query()
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, read)
}

func readProgress(row pgx.Row) (p sim.Progress, err error) {
	var at *time.Time
	var hash []byte
	if err = row.Scan(&p.Sequence, &at, &hash, &p.Generator); err != nil {
		return p, err
	}
	p.Time = utc(at)
	p.Hash, err = digest(hash)
	return p, err
}

// Projected returns the place that the tables have reached. See [sim.Tables].
func (j *Journal) Projected(ctx context.Context) (p sim.Progress, err error) {
	err = j.pool.use(ctx, func(ctx context.Context, c *pgx.Conn) error {
		p, err = readProgress(c.QueryRow(ctx, j.sql().projected))
		return err
	})
	if err != nil {
		return p, fmt.Errorf("reading the projected place: %w", err)
	}
	return p, nil
}
