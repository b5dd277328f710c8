package postgres

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
)

// projectionLimits are [transactionLimits], and let the commit return before
// the disk has it. That loses nothing: a projection can be made again from the
// journal, and what the server forgot in a crash is noticed by the next one,
// which does not find the place it expects.
const projectionLimits = `SELECT set_config('lock_timeout', '10s', true),
	set_config('idle_in_transaction_session_timeout', '30s', true), set_config('synchronous_commit', 'off', true)`

// Project writes table changes in one transaction. See [sim.Journal].
//
// Rows that replace others go through one upsert per table, pipelined into a
// single round trip with the guard; rows that are new (most settlements, all
// entries and keys) are copied.
func (j *Journal) Project(ctx context.Context, p *sim.Projection) error {
	epoch, from := j.claimed()
	w, err := j.encode(p, from)
	if err != nil {
		return err
	}
	err = j.pool.use(ctx, func(ctx context.Context, c *pgx.Conn) error {
		if err := j.guardAndUpsert(ctx, c, epoch, from, p, w); err != nil {
			return err
		}
		for _, rows := range w.copies {
			_, err := c.PgConn().CopyFrom(ctx, bytes.NewReader(rows.finish()), rows.into.copyInto(j.sql.schema))
			if err != nil {
				return fmt.Errorf("copying %d rows into %s: %w", rows.rows, rows.into.name, err)
			}
		}
		_, err := c.PgConn().Exec(ctx, `COMMIT`).ReadAll()
		return err
	})
	if err != nil {
		return fmt.Errorf("projecting schema %q: %w", j.schema, err)
	}
	j.setProjected(p.Through.Sequence)
	return nil
}

// changes are a projection in the form in which it is sent.
type changes struct {
	removed [2][]string // positions, balances
	upserts []upsertRows
	copies  []tableCopy
}

type upsertRows struct {
	columnRows
	into *table
}

type tableCopy struct {
	copyRows
	into *table
}

func (j *Journal) encode(p *sim.Projection, from uint64) (*changes, error) {
	accounts, positions, balances := upsertRows{into: &accountTable}, upsertRows{into: &positionTable}, upsertRows{into: &balanceTable}
	mirrors, settlements := upsertRows{into: &mirrorTable}, upsertRows{into: &settlementTable}
	added, entries, keys := tableCopy{into: &settlementTable}, tableCopy{into: &entryTable}, tableCopy{into: &keyTable}

	w := &changes{}
	for _, a := range p.Accounts {
		accounts.begin(len(accountTable.columns))
		writeAccount(&accounts, a)
	}
	for _, h := range p.Holdings {
		rows, kind, write := &positions, 0, writePosition
		if h.Cash {
			rows, kind, write = &balances, 1, writeBalance
		}
		if h.Removed {
			w.removed[kind] = append(w.removed[kind], h.ID.String())
			continue
		}
		rows.begin(len(rows.into.columns))
		write(rows, h)
	}
	for _, m := range p.Mirrors {
		mirrors.begin(len(mirrorTable.columns))
		writeMirror(&mirrors, m)
	}
	for _, s := range p.Settlements {
		if isNew(s, from) {
			added.begin(len(settlementTable.columns))
			writeSettlement(&added, s)
			continue
		}
		settlements.begin(len(settlementTable.columns))
		writeSettlement(&settlements, s)
	}
	for i := range p.Entries {
		entries.begin(len(entryTable.columns))
		writeEntry(&entries, &p.Entries[i])
	}
	for i := range p.Keys {
		if p.Keys[i].Kind != sim.KeyIdempotency {
			continue // external ids are in their settlements
		}
		keys.begin(len(keyTable.columns))
		writeKey(&keys, &p.Keys[i])
	}
	for _, rows := range []*upsertRows{&accounts, &positions, &balances, &mirrors, &settlements} {
		if rows.rows > 0 {
			w.upserts = append(w.upserts, *rows)
		}
	}
	for _, rows := range []*tableCopy{&added, &entries, &keys} {
		if rows.err != nil {
			return nil, rows.err
		}
		if rows.rows > 0 {
			w.copies = append(w.copies, *rows)
		}
	}
	return w, nil
}

// isNew reports whether a settlement cannot be in the tables yet: its life
// began behind the place that they have reached.
func isNew(s *sim.Settlement, projected uint64) bool {
	return s.ID != uuid.Nil && len(s.History) > 0 && s.History[0].Sequence > projected
}

// guardAndUpsert moves the projected place, which locks it, and replaces rows.
// It leaves the transaction open; a connection that is released so is closed,
// which rolls back.
func (j *Journal) guardAndUpsert(ctx context.Context, c *pgx.Conn, epoch int64, from uint64, p *sim.Projection, w *changes) error {
	var batch pgx.Batch
	batch.Queue(`BEGIN ISOLATION LEVEL READ COMMITTED`)
	batch.Queue(projectionLimits)
	batch.Queue(j.sql.move, epoch, int64(from), int64(p.Through.Sequence),
		orNull(p.Through.Time), p.Through.Hash[:], p.Through.Generator)
	for kind, ids := range w.removed {
		// First, since the same account and symbol may have been opened anew.
		if len(ids) > 0 {
			batch.Queue(j.sql.remove[kind], ids)
		}
	}
	for i := range w.upserts {
		batch.Queue(w.upserts[i].into.upsert(j.sql.schema), w.upserts[i].arguments()...)
	}
	results := c.SendBatch(ctx, &batch)
	for range 2 { // BEGIN, limits
		if _, err := results.Exec(); err != nil {
			return errors.Join(err, results.Close())
		}
	}
	moved, err := results.Exec()
	if closeErr := results.Close(); err == nil {
		err = closeErr
	}
	switch {
	case sqlState(err) == codeSerialization:
		return sim.ErrLostOwnership
	case err != nil:
		return err
	case moved.RowsAffected() == 0:
		return j.whyNotMoved(ctx, c, epoch, from)
	}
	return nil
}

// whyNotMoved tells a lost claim from tables that are elsewhere.
func (j *Journal) whyNotMoved(ctx context.Context, c *pgx.Conn, epoch int64, from uint64) error {
	var found int64
	var seq uint64
	if err := c.QueryRow(ctx, j.sql.place).Scan(&found, &seq); err != nil {
		return err
	}
	if found != epoch {
		return fmt.Errorf("%w: epoch %d has been claimed, this process has %d", sim.ErrLostOwnership, found, epoch)
	}
	return fmt.Errorf("%w: they are at %d instead of %d", errBehind, seq, from)
}
