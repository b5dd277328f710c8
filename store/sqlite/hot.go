package sqlite

import (
	"context"
	"database/sql"
)

// hot are the statements of the normal work, which the connection keeps
// prepared.
type hot struct {
	append, move                                               *sql.Stmt
	account, position, balance, mirror, settlement, entry, key *sql.Stmt
	removePosition, removeBalance                              *sql.Stmt
}

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
	{func(h *hot) **sql.Stmt { return &h.account }, accountTable.upsert()},
	{func(h *hot) **sql.Stmt { return &h.position }, positionTable.upsert()},
	{func(h *hot) **sql.Stmt { return &h.balance }, balanceTable.upsert()},
	{func(h *hot) **sql.Stmt { return &h.mirror }, mirrorTable.upsert()},
	{func(h *hot) **sql.Stmt { return &h.settlement }, settlementTable.upsert()},
	{func(h *hot) **sql.Stmt { return &h.entry }, entryTable.insert()},
	{func(h *hot) **sql.Stmt { return &h.key }, keyTable.insert()},
	{func(h *hot) **sql.Stmt { return &h.removePosition }, `DELETE FROM positions WHERE position_id = ?1`},
	{func(h *hot) **sql.Stmt { return &h.removeBalance }, `DELETE FROM balances WHERE balance_id = ?1`},
}

// prepare prepares the statements on the writing connections. Those opened
// later prepare them again as they are used.
func prepare(ctx context.Context, db *sql.DB) (h hot, err error) {
	for _, s := range hotSQL {
		if *s.into(&h), err = db.PrepareContext(ctx, s.text); err != nil {
			return h, err
		}
	}
	return h, nil
}
