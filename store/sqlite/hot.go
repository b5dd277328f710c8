package sqlite

import (
	"context"
	"database/sql"
	"sync"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/store/internal/tables"
)

// hot are the statements of the normal work, which the connection keeps
// prepared.
type hot struct {
	append, move                                   *sql.Stmt
	removePosition, removeBalance                  *sql.Stmt
	removeDocument, removeApprovals                *sql.Stmt
	account, position, balance, mirror, entry, key writing
	settlement, transfer, approval, document       writing
}

// writing are the statements that write a row of a table: one for rows that
// have something in the columns in which few have, one for the others.
type writing struct{ full, plain *sql.Stmt }

// hotSQL is their text, made once for all journals.
var hotSQL = []struct {
	into func(*hot) **sql.Stmt
	text string
}{
	// The compare-and-swap of an append needs no row of its own to change: the
	// journal's last row says where it ends.
	{func(h *hot) **sql.Stmt { return &h.append }, `INSERT INTO journal (first_sequence, last_sequence, at, hash, events)
		SELECT ?1, ?2, ?3, ?4, ?5
		WHERE (SELECT epoch FROM meta) = ?6 AND coalesce((SELECT max(last_sequence) FROM journal), 0) = ?1 - 1`},
	{func(h *hot) **sql.Stmt { return &h.move }, `UPDATE meta
		SET projected_sequence = ?1, projected_at = ?2, projected_hash = ?3, projected_generator = ?4
		WHERE epoch = ?5 AND projected_sequence < ?1`},
	{func(h *hot) **sql.Stmt { return &h.removePosition }, `DELETE FROM positions WHERE position_id = ?1`},
	{func(h *hot) **sql.Stmt { return &h.removeBalance }, `DELETE FROM balances WHERE balance_id = ?1`},
	{func(h *hot) **sql.Stmt { return &h.removeDocument }, `DELETE FROM documents WHERE kind = ?1 AND id = ?2`},
	{func(h *hot) **sql.Stmt { return &h.removeApprovals }, `DELETE FROM approvals WHERE transfer_id = ?1 AND idx >= ?2`},
}

// hotTable is a table that has statements of [writing], and their text.
type hotTable struct {
	into        func(*hot) *writing
	plain, full string // full only where it differs
}

// hotTables are those tables. Their text too is made once: of a thousand journals each
// kept 12 kB of it.
var hotTables = sync.OnceValue(func() []hotTable {
	write := func(into func(*hot) *writing, t *tables.Table, text func(*tables.Table, int) string) hotTable {
		h := hotTable{into: into, plain: text(t, t.Common)}
		if t.Stored != t.Common {
			h.full = text(t, t.Stored)
		}
		return h
	}
	return []hotTable{
		write(func(h *hot) *writing { return &h.account }, &tables.Accounts.Table, upsert),
		write(func(h *hot) *writing { return &h.position }, &tables.Positions.Table, upsert),
		write(func(h *hot) *writing { return &h.balance }, &tables.Balances.Table, upsert),
		write(func(h *hot) *writing { return &h.mirror }, &tables.Mirrors.Table, upsert),
		write(func(h *hot) *writing { return &h.settlement }, &tables.Settlements.Table, upsert),
		write(func(h *hot) *writing { return &h.transfer }, &tables.Transfers.Table, upsert),
		write(func(h *hot) *writing { return &h.approval }, &tables.Approvals.Table, upsert),
		write(func(h *hot) *writing { return &h.document }, &tables.Documents.Table, upsert),
		write(func(h *hot) *writing { return &h.entry }, &tables.Entries.Table, insert),
		write(func(h *hot) *writing { return &h.key }, &tables.Keys.Table, insert),
	}
})

// prepare prepares the statements on the writing connections. Those opened
// later prepare them again as they are used.
func prepare(ctx context.Context, db *sql.DB) (h hot, err error) {
	for _, s := range hotSQL {
		if *s.into(&h), err = db.PrepareContext(ctx, s.text); err != nil {
			return h, err
		}
	}
	for _, t := range hotTables() {
		w := t.into(&h)
		if w.plain, err = db.PrepareContext(ctx, t.plain); err != nil {
			return h, err
		}
		if t.full == "" {
			continue
		}
		if w.full, err = db.PrepareContext(ctx, t.full); err != nil {
			return h, err
		}
	}
	return h, nil
}
