package postgres

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/store/internal/tables"
)

// The lists of settlements and ledger entries, which grow with history.

// notMirror is the condition under which the partial indexes on account
// columns hold a row; it must be spelled as in the migration.
func notMirror(column string) string {
	return column + " <> '" + sim.Depository + "' AND " + column + " <> '" + sim.Nostro + "'"
}

func isMirror(account string) bool { return account == sim.Depository || account == sim.Nostro }

// union merges branches that are each ordered and limited by themselves, so
// that each walks its own index and stops early.
func union(branches []string, order, limit string) string {
	tail := " ORDER BY " + order + " LIMIT " + limit
	return "(" + strings.Join(branches, tail+") UNION ALL (") + tail + ")" + tail
}

// ListSettlements lists settlements by id. See [sim.Tables].
func (j *Journal) ListSettlements(ctx context.Context, f sim.SettlementFilter, p sim.Page) ([]*sim.Settlement, error) {
	sql, args, err := j.sql().listSettlements(f, p)
	if err != nil {
		return nil, err
	}
	out, err := query(ctx, j, sql, args, read(tables.Settlements))
	if err != nil {
		return nil, fmt.Errorf("listing settlements: %w", err)
	}
	return out, nil
}

func (q *statements) listSettlements(f sim.SettlementFilter, p sim.Page) (sql string, args []any, err error) {
	var c conditions
	if p.After != "" {
		after, err := idCursor(p.After)
		if err != nil {
			return "", nil, err
		}
		c.add("settlement_id > ?::uuid", after.String())
	}
	c.equal("symbol", f.Symbol)
	c.equal("settlement_type", string(f.Type))
	c.equal("external_id", f.ExternalID)
	switch f.Status {
	case sim.StatusPending, sim.StatusInProgress:
		// Spelled out, so that the index on open settlements is seen to fit.
		c.parts = append(c.parts, "status = '"+string(f.Status)+"'")
	default:
		c.equal("status", string(f.Status))
	}
	c.from("initiated_at >= ?::timestamptz", f.From)
	c.from("initiated_at < ?::timestamptz", f.Until)

	table := q.schema + ".settlements"
	ids := func(conditions ...string) string {
		return "SELECT settlement_id FROM " + table + c.where(conditions...)
	}
	// Only the ids are sorted and cut to a page; whole rows are read for those.
	var page string
	switch {
	case f.AccountID == "":
		limit := c.value(p.Limit) + "::int8"
		page = ids() + " ORDER BY settlement_id LIMIT " + limit
	case isMirror(f.AccountID):
		account, limit := c.value(f.AccountID)+"::text", c.value(p.Limit)+"::int8"
		page = ids("("+account+" IN (account_id, source_account, destination_account))") + " ORDER BY settlement_id LIMIT " + limit
	default:
		account, limit := c.value(f.AccountID)+"::text", c.value(p.Limit)+"::int8"
		page = union([]string{
			ids("account_id = " + account),
			ids("source_account = "+account, "source_account <> account_id", notMirror("source_account")),
			ids("destination_account = "+account, "destination_account <> account_id", notMirror("destination_account"),
				"source_account IS DISTINCT FROM destination_account"),
		}, "settlement_id", limit)
	}
	return selectFrom(q.schema, &tables.Settlements.Table) + " WHERE settlement_id IN (" + page + ") ORDER BY settlement_id", c.args, nil
}

// from adds a bound on time unless it is zero.
func (c *conditions) from(text string, t time.Time) {
	if !t.IsZero() {
		c.add(text, t)
	}
}

// FindSettlement returns one settlement, or nil. See [sim.Tables].
func (j *Journal) FindSettlement(ctx context.Context, id uuid.UUID) (*sim.Settlement, error) {
	out, err := query(ctx, j, selectFrom(j.sql().schema, &tables.Settlements.Table)+" WHERE settlement_id = $1::uuid", []any{id.String()}, read(tables.Settlements))
	if err != nil {
		return nil, fmt.Errorf("finding settlement %s: %w", id, err)
	}
	if len(out) == 0 {
		return nil, nil // that is the contract
	}
	return out[0], nil
}

// ListEntries lists ledger entries by sequence and index. See [sim.Tables].
func (j *Journal) ListEntries(ctx context.Context, f sim.EntryFilter, p sim.Page) ([]sim.Entry, error) {
	sql, args, err := j.sql().listEntries(f, p)
	if err != nil {
		return nil, err
	}
	rows, err := query(ctx, j, sql, args, read(tables.Entries))
	if err != nil {
		return nil, fmt.Errorf("listing ledger entries: %w", err)
	}
	var out []sim.Entry
	for _, e := range rows {
		out = append(out, *e)
	}
	return out, nil
}

func (q *statements) listEntries(f sim.EntryFilter, p sim.Page) (sql string, args []any, err error) {
	var c conditions
	if p.After != "" {
		seq, index, err := entryCursor(p.After)
		if err != nil {
			return "", nil, err
		}
		c.parts = append(c.parts, "(sequence, idx) > ("+c.value(seq)+"::int8, "+c.value(index)+"::int4)")
	}
	if f.AfterSequence > 0 {
		c.add("sequence > ?::int8", sequence(f.AfterSequence))
	}
	c.equal("symbol", f.Symbol)
	if f.SettlementID != uuid.Nil {
		c.add("settlement_id = ?::uuid", f.SettlementID.String())
	}
	entries := func(more ...string) string {
		return "SELECT * FROM " + q.schema + ".ledger_entries" + c.where(more...)
	}
	var page string
	switch {
	case f.AccountID == "":
		page = entries() + " ORDER BY sequence, idx LIMIT " + c.value(p.Limit) + "::int8"
	case isMirror(f.AccountID):
		account, limit := c.value(f.AccountID)+"::text", c.value(p.Limit)+"::int8"
		page = entries("("+account+" IN (debit_account, credit_account))") + " ORDER BY sequence, idx LIMIT " + limit
	default:
		account, limit := c.value(f.AccountID)+"::text", c.value(p.Limit)+"::int8"
		page = union([]string{
			entries("debit_account = "+account, notMirror("debit_account")),
			entries("credit_account = "+account, notMirror("credit_account"), "debit_account <> credit_account"),
		}, "sequence, idx", limit)
	}
	return "SELECT " + fields(q.schema, &tables.Entries.Table) + " FROM (" + page + ") page ORDER BY sequence, idx", c.args, nil
}

// entryCursor reads "<sequence>-<index>".
func entryCursor(cursor string) (seq, index int64, err error) {
	first, second, ok := strings.Cut(cursor, "-")
	s, err1 := strconv.ParseUint(first, 10, 63) // unlike ParseInt it takes digits alone
	i, err2 := strconv.ParseUint(second, 10, 31)
	if !ok || err1 != nil || err2 != nil {
		return 0, 0, badCursor(cursor)
	}
	return int64(s), int64(i), nil
}
