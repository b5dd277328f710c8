package sqlite

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/store/internal/tables"
)

// Load claims the file with a new epoch and reads the tables, in one
// transaction. See [sim.Journal].
func (j *Journal) Load(ctx context.Context) (*sim.Snapshot, error) {
	snap := &sim.Snapshot{}
	var epoch int64
	err := j.transact(ctx, onDisk, func(_ context.Context, tx *sql.Tx) error {
		// Statements are long here, so they watch the caller's context.
		if _, err := tx.ExecContext(ctx, `UPDATE meta SET epoch = epoch + 1`); err != nil {
			return err
		}
		err := tx.QueryRowContext(ctx, `SELECT epoch, coalesce((SELECT max(last_sequence) FROM journal), 0),
			EXISTS (SELECT 1 FROM idempotency_keys) OR EXISTS (SELECT 1 FROM settlements WHERE external_id IS NOT NULL)
			OR EXISTS (SELECT 1 FROM transfers WHERE external_id IS NOT NULL) FROM meta`).
			Scan(&epoch, &snap.Head, &snap.Keyed)
		if err != nil {
			return err
		}
		if snap.Projected, err = projected(ctx, tx); err != nil {
			return err
		}
		return snapshot(ctx, tx, snap)
	})
	if err != nil {
		return nil, j.fail(ctx, "loading", err)
	}
	j.epoch.Store(epoch)
	return snap, nil
}

// snapshot reads the records that a state has in memory.
func snapshot(ctx context.Context, tx *sql.Tx, snap *sim.Snapshot) (err error) {
	if snap.Accounts, err = collect(ctx, tx, read(tables.Accounts), selects(&tables.Accounts.Table)+` ORDER BY account_id`); err != nil {
		return err
	}
	positions, err := collect(ctx, tx, read(tables.Positions), selects(&tables.Positions.Table)+` ORDER BY position_id`)
	if err != nil {
		return err
	}
	balances, err := collect(ctx, tx, read(tables.Balances), selects(&tables.Balances.Table)+` ORDER BY balance_id`)
	if err != nil {
		return err
	}
	snap.Holdings = append(positions, balances...)
	if snap.Mirrors, err = collect(ctx, tx, read(tables.Mirrors), selects(&tables.Mirrors.Table)+` ORDER BY symbol`); err != nil {
		return err
	}
	snap.Open, err = collect(ctx, tx, read(tables.Settlements), selects(&tables.Settlements.Table)+openSettlements)
	if err != nil {
		return err
	}
	if snap.OpenTransfers, err = collect(ctx, tx, read(tables.Transfers), selects(&tables.Transfers.Table)+openTransfers); err != nil {
		return err
	}
	snap.Documents, err = collect(ctx, tx, read(tables.Documents), selects(&tables.Documents.Table)+` ORDER BY kind, id`)
	return err
}

// openTransfers selects those that are not done, by the index of those.
const openTransfers = ` WHERE (status IN ('PENDING', 'IN_PROGRESS') OR return_due) ORDER BY transfer_id`

// openSettlements selects by the index that completed ones are not in.
const openSettlements = ` WHERE status IN ('PENDING', 'IN_PROGRESS') AND status <> 'COMPLETED' ORDER BY settlement_id`

// projected reads the place that the tables have reached.
func projected(ctx context.Context, q querier) (sim.Progress, error) {
	places, err := collect(ctx, q, func(scan scan) (p sim.Progress, err error) {
		var at string
		var hash []byte
		if err := scan(&p.Sequence, &at, &hash, &p.Generator); err != nil {
			return p, err
		}
		r := reader{}
		p.Time, p.Hash = r.time(at), r.digest(hash)
		return p, r.err
	}, `SELECT projected_sequence, coalesce(projected_at, ''), projected_hash, projected_generator FROM meta`)
	if err != nil {
		return sim.Progress{}, err
	}
	if len(places) != 1 {
		return sim.Progress{}, fmt.Errorf("%w: the table meta has %d rows instead of 1", sim.ErrBrokenInvariant, len(places))
	}
	return places[0], nil
}

// Project writes table changes in one transaction, which does not wait for the
// disk. See [sim.Journal].
func (j *Journal) Project(ctx context.Context, p *sim.Projection) error {
	at, err := writeTime(p.Through.Time)
	if err != nil {
		return err
	}
	err = j.transact(ctx, inOrder, func(lasting context.Context, tx *sql.Tx) error {
		moved, err := tx.StmtContext(lasting, j.hot.move).ExecContext(lasting,
			int64(p.Through.Sequence), at, p.Through.Hash[:], p.Through.Generator, j.epoch.Load())
		if err != nil {
			return err
		}
		if n, err := moved.RowsAffected(); err != nil || n != 1 {
			return j.whyNotMoved(ctx, tx, p.Through.Sequence)
		}
		w := &writer{ctx: ctx, lasting: lasting, tx: tx}
		w.write(&j.hot, p)
		return w.row.err
	})
	return j.fail(ctx, fmt.Sprintf("projecting through %d", p.Through.Sequence), err)
}

// whyNotMoved tells a lost claim from a projection that was applied before.
func (j *Journal) whyNotMoved(ctx context.Context, tx *sql.Tx, through uint64) error {
	var epoch int64
	var at uint64
	if err := tx.QueryRowContext(ctx, `SELECT epoch, projected_sequence FROM meta`).Scan(&epoch, &at); err != nil {
		return err
	}
	if epoch != j.epoch.Load() {
		return fmt.Errorf("%w: epoch %d has been claimed, this journal has %d", sim.ErrLostOwnership, epoch, j.epoch.Load())
	}
	return fmt.Errorf("%w: the tables are at %d already, projecting through %d", sim.ErrBrokenInvariant, at, through)
}

// writer writes rows within a transaction until the first error.
type writer struct {
	ctx     context.Context // the caller's, looked at between rows
	lasting context.Context // the statements'
	tx      *sql.Tx
	row     row
}

func (w *writer) write(h *hot, p *sim.Projection) {
	// Removals first: the same account and symbol may have been opened anew.
	each(w, h.removePosition, p.Holdings, func(h *sim.Holding) bool { return h.Removed && !h.Cash }, removed)
	each(w, h.removeBalance, p.Holdings, func(h *sim.Holding) bool { return h.Removed && h.Cash }, removed)
	put(w, &h.account, tables.Accounts, p.Accounts, nil)
	put(w, &h.position, tables.Positions, p.Holdings, func(h *sim.Holding) bool { return !h.Removed && !h.Cash })
	put(w, &h.balance, tables.Balances, p.Holdings, func(h *sim.Holding) bool { return !h.Removed && h.Cash })
	put(w, &h.mirror, tables.Mirrors, p.Mirrors, nil)
	put(w, &h.settlement, tables.Settlements, p.Settlements, nil)
	put(w, &h.transfer, tables.Transfers, p.Transfers, nil)
	for _, t := range p.Transfers {
		rows := tables.ApprovalsOf(t)
		// An approval is never withdrawn, but the tables are to say what the last
		// record says, whatever it is.
		each(w, h.removeApprovals, []*sim.Transfer{t}, nil, func(r *row, t *sim.Transfer) {
			r.add(t.ID.String())
			r.add(int64(len(rows)))
		})
		put(w, &h.approval, tables.Approvals, pointers(rows), nil)
	}
	each(w, h.removeDocument, p.Documents, func(v *sim.Document) bool { return v.Removed }, func(r *row, v *sim.Document) {
		r.add(string(v.Kind))
		r.add(v.ID)
	})
	put(w, &h.document, tables.Documents, p.Documents, func(v *sim.Document) bool { return !v.Removed })
	put(w, &h.entry, tables.Entries, pointers(p.Entries), nil)
	// External ids are in what bears them.
	put(w, &h.key, tables.Keys, pointers(p.Keys), func(k *sim.KeyRecord) bool { return k.Kind == sim.KeyIdempotency })
}

func removed(r *row, h *sim.Holding) { r.add(h.ID.String()) }

func pointers[R any](rows []R) []*R {
	out := make([]*R, len(rows))
	for i := range rows {
		out[i] = &rows[i]
	}
	return out
}

// put writes the records that are chosen: those that have something in the
// columns in which few have, and apart from them the others.
func put[R any](w *writer, s *writing, t *tables.Records[R], records []*R, choose func(*R) bool) {
	chosen := func(r *R) bool { return choose == nil || choose(r) }
	each(w, s.plain, records, func(r *R) bool { return chosen(r) && t.Plain(r) }, func(row *row, r *R) { record(row, t, t.Common, r) })
	if t.Stored > t.Common {
		each(w, s.full, records, func(r *R) bool { return chosen(r) && !t.Plain(r) }, func(row *row, r *R) { record(row, t, t.Stored, r) })
	}
}

// each runs a statement for every record that is chosen.
func each[R any](w *writer, statement *sql.Stmt, records []R, choose func(R) bool, fill func(*row, R)) {
	var prepared *sql.Stmt
	for _, r := range records {
		if w.row.err != nil {
			return
		}
		if choose != nil && !choose(r) {
			continue
		}
		if w.row.err = w.ctx.Err(); w.row.err != nil {
			return
		}
		if prepared == nil {
			prepared = w.tx.StmtContext(w.lasting, statement)
		}
		w.row.values = w.row.values[:0]
		fill(&w.row, r)
		if w.row.err == nil {
			_, w.row.err = prepared.ExecContext(w.lasting, w.row.values...)
		}
	}
}
