package postgres

import (
	"bytes"
	"context"
	"fmt"
	"strconv"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/store/internal/tables"
)

// projectionLimits are [transactionLimits], and let the commit return before
// the disk has it. That loses nothing: a projection can be made again from the
// journal, and what the server forgot in a crash is noticed by the next one,
// which does not find the place it expects.
const projectionLimits = transactionLimits + `, set_config('synchronous_commit', 'off', true)`

// Project writes table changes in one transaction. See [sim.Journal].
//
// Rows that replace others go through one upsert per table, pipelined into a
// single round trip with the guard; rows that are new (most settlements, all
// entries and keys) are copied.
func (j *Journal) Project(ctx context.Context, p *sim.Projection) error {
	epoch, from := j.claimed()
	w, err := encode(p, from)
	if err != nil {
		return err
	}
	err = j.pool.useFor(ctx, bulkTimeout, func(ctx context.Context, c *pgx.Conn) error {
		if err := j.guardAndUpsert(ctx, c, epoch, from, p, w); err != nil {
			return err
		}
		for _, rows := range w.copies {
			if rows.rows == 0 {
				continue
			}
			_, err := c.PgConn().CopyFrom(ctx, bytes.NewReader(rows.finish()), copyInto(j.sql().schema, rows.into, rows.columns))
			if err != nil {
				return fmt.Errorf("copying %d rows into %s: %w", rows.rows, rows.into.Name, err)
			}
		}
		_, err := c.PgConn().Exec(ctx, `COMMIT`).ReadAll()
		return err
	})
	if err != nil {
		return fmt.Errorf("projecting schema %q: %w", j.schema, err)
	}
	for _, rows := range w.copies { // after a failure the connection may still be at one
		rows.release()
	}
	j.setProjected(p.Through.Sequence)
	return nil
}

// changes are a projection in the form in which it is sent.
type changes struct {
	removed [2][]string // positions, balances
	// removedDocuments are kinds and ids.
	removedDocuments [2][]string
	// approvals are ids of transfers and how many approvals they have now.
	approvals [2][]string
	upserts   []*upsertRows
	copies    []*tableCopy
}

// upsertRows are rows of the first columns of a table.
type upsertRows struct {
	columnRows
	into    *tables.Table
	columns int
}

// tableCopy is the same for rows that are new.
type tableCopy struct {
	copyRows
	into    *tables.Table
	columns int
}

// upserts collects records that may replace others: those that have something
// in the columns in which few have, and apart from them the others.
type upserts[R any] struct {
	records     *tables.Records[R]
	full, plain upsertRows
}

func newUpserts[R any](w *changes, t *tables.Records[R]) *upserts[R] {
	u := &upserts[R]{records: t, full: upsertRows{into: &t.Table, columns: t.Stored}, plain: upsertRows{into: &t.Table, columns: t.Common}}
	w.upserts = append(w.upserts, &u.full, &u.plain)
	return u
}

func (u *upserts[R]) add(r *R) {
	rows := &u.full
	if u.records.Plain(r) {
		rows = &u.plain
	}
	rows.begin(rows.columns)
	write(rows, u.records, rows.columns, r)
}

// inserts is [upserts] for records that are new.
type inserts[R any] struct {
	records     *tables.Records[R]
	full, plain tableCopy
}

func newInserts[R any](w *changes, t *tables.Records[R]) *inserts[R] {
	n := &inserts[R]{records: t, full: tableCopy{into: &t.Table, columns: t.Stored}, plain: tableCopy{into: &t.Table, columns: t.Common}}
	w.copies = append(w.copies, &n.full, &n.plain)
	return n
}

func (n *inserts[R]) add(r *R) {
	rows := &n.full
	if n.records.Plain(r) {
		rows = &n.plain
	}
	rows.begin(rows.columns)
	write(rows, n.records, rows.columns, r)
}

func encode(p *sim.Projection, from uint64) (*changes, error) {
	w := &changes{}
	accounts := newUpserts(w, tables.Accounts)
	for _, a := range p.Accounts {
		accounts.add(a)
	}
	positions, balances := newUpserts(w, tables.Positions), newUpserts(w, tables.Balances)
	for _, h := range p.Holdings {
		kind, rows := 0, positions
		if h.Cash {
			kind, rows = 1, balances
		}
		if h.Removed {
			w.removed[kind] = append(w.removed[kind], h.ID.String())
			continue
		}
		rows.add(h)
	}
	mirrors := newUpserts(w, tables.Mirrors)
	for _, m := range p.Mirrors {
		mirrors.add(m)
	}
	settled, added := newUpserts(w, tables.Settlements), newInserts(w, tables.Settlements)
	for _, s := range p.Settlements {
		if isNew(s.ID, s.History, from) {
			added.add(s)
			continue
		}
		settled.add(s)
	}
	w.addTransfers(p, from)
	documents := newUpserts(w, tables.Documents)
	for _, v := range p.Documents {
		if v.Removed {
			w.removedDocuments[0] = append(w.removedDocuments[0], string(v.Kind))
			w.removedDocuments[1] = append(w.removedDocuments[1], v.ID)
			continue
		}
		documents.add(v)
	}
	entries, keys := newInserts(w, tables.Entries), newInserts(w, tables.Keys)
	for i := range p.Entries {
		entries.add(&p.Entries[i])
	}
	for i := range p.Keys {
		if p.Keys[i].Kind == sim.KeyIdempotency { // external ids are in what bears them
			keys.add(&p.Keys[i])
		}
	}
	for _, rows := range w.copies {
		if rows.err != nil {
			return nil, rows.err
		}
	}
	return w, nil
}

// addTransfers adds transfers and, behind them, their approvals.
func (w *changes) addTransfers(p *sim.Projection, from uint64) {
	changed, added := newUpserts(w, tables.Transfers), newInserts(w, tables.Transfers)
	decided, decidedNow := newUpserts(w, tables.Approvals), newInserts(w, tables.Approvals)
	for _, t := range p.Transfers {
		approvals := tables.ApprovalsOf(t)
		if isNew(t.ID, t.History, from) {
			added.add(t)
			for i := range approvals {
				decidedNow.add(&approvals[i])
			}
			continue
		}
		changed.add(t)
		w.approvals[0] = append(w.approvals[0], t.ID.String())
		w.approvals[1] = append(w.approvals[1], strconv.Itoa(len(approvals)))
		for i := range approvals {
			decided.add(&approvals[i])
		}
	}
}

// isNew reports whether a record cannot be in the tables yet: its life began
// behind the place that they have reached.
func isNew(id uuid.UUID, history []sim.Transition, projected uint64) bool {
	return id != uuid.Nil && len(history) > 0 && history[0].Sequence > projected
}

// guardAndUpsert moves the projected place, which locks it, and replaces rows.
// It leaves the transaction open; a connection that is released so is closed,
// which rolls back.
func (j *Journal) guardAndUpsert(ctx context.Context, c *pgx.Conn, epoch int64, from uint64, p *sim.Projection, w *changes) error {
	var batch pgx.Batch
	batch.Queue(`BEGIN ISOLATION LEVEL READ COMMITTED`)
	batch.Queue(projectionLimits)
	batch.Queue(j.sql().move, epoch, int64(from), int64(p.Through.Sequence),
		orNull(p.Through.Time), p.Through.Hash[:], p.Through.Generator)
	for kind, ids := range w.removed {
		// First, since the same account and symbol may have been opened anew.
		if len(ids) > 0 {
			batch.Queue(j.sql().remove[kind], ids)
		}
	}
	if kinds := w.removedDocuments[0]; len(kinds) > 0 {
		batch.Queue(j.sql().removeDocuments, kinds, w.removedDocuments[1])
	}
	for _, rows := range w.upserts {
		if rows.rows > 0 {
			batch.Queue(upsert(j.sql().schema, rows.into, rows.columns), rows.arguments()...)
		}
	}
	if ids := w.approvals[0]; len(ids) > 0 {
		batch.Queue(j.sql().removeApprovals, ids, w.approvals[1])
	}
	results := c.SendBatch(ctx, &batch)
	for range 2 { // BEGIN, limits
		if _, err := results.Exec(); err != nil {
			_ = results.Close() // which says the same
			return err
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
	if err := c.QueryRow(ctx, j.sql().place).Scan(&found, &seq); err != nil {
		return err
	}
	if found != epoch {
		return fmt.Errorf("%w: epoch %d has been claimed, this process has %d", sim.ErrLostOwnership, found, epoch)
	}
	return fmt.Errorf("%w: they are at %d instead of %d", errBehind, seq, from)
}
