package postgres

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
)

// conditions collects what a list is restricted to. The text of each condition
// is a constant of this package; values only ever travel as arguments.
type conditions struct {
	parts []string
	args  []any
}

// add adds a condition in which ? stands for the value.
func (c *conditions) add(text string, value any) {
	c.parts = append(c.parts, strings.ReplaceAll(text, "?", c.value(value)))
}

// value adds an argument and returns its placeholder.
func (c *conditions) value(v any) string {
	c.args = append(c.args, v)
	return "$" + strconv.Itoa(len(c.args))
}

// equal adds an equality unless the value is empty.
func (c *conditions) equal(column, value string) {
	if value != "" {
		c.add(column+" = ?::text", value)
	}
}

// where returns the clause with more constant conditions in front.
func (c *conditions) where(more ...string) string {
	parts := append(more, c.parts...)
	if len(parts) == 0 {
		return ""
	}
	return " WHERE " + strings.Join(parts, " AND ")
}

// query runs a list. Lists come in many shapes whose best plan depends on the
// values, so where the driver would keep a prepared statement it keeps just
// the description, and the server plans for the values at hand.
func query[T any](ctx context.Context, j *Journal, sql string, args []any, read pgx.RowToFunc[T]) ([]T, error) {
	var out []T
	err := j.pool.use(ctx, func(ctx context.Context, c *pgx.Conn) error {
		if c.Config().DefaultQueryExecMode == pgx.QueryExecModeCacheStatement {
			args = append([]any{pgx.QueryExecModeCacheDescribe}, args...)
		}
		rows, err := c.Query(ctx, sql, args...)
		if err != nil {
			return err
		}
		out, err = pgx.CollectRows(rows, read)
		return err
	})
	return out, err
}

func badCursor(cursor string) error {
	return sim.Invalid("cursor", "%s is no cursor of this list; pass next_cursor of the page before unchanged", strconv.Quote(cut(cursor, 100)))
}

// idCursor reads the cursor of a list ordered by id.
func idCursor(cursor string) (uuid.UUID, error) {
	id, err := uuid.Parse(cursor)
	if err != nil || len(cursor) != len(id.String()) {
		return id, badCursor(cursor)
	}
	return id, nil
}

// ListAccounts lists accounts by account id. See [sim.Tables].
func (j *Journal) ListAccounts(ctx context.Context, f sim.AccountFilter, p sim.Page) ([]*sim.Account, error) {
	var c conditions
	if strings.ContainsRune(p.After, 0) {
		return nil, badCursor(p.After)
	}
	if p.After != "" {
		c.add("account_id > ?::text", p.After)
	}
	c.equal("client_id", f.ClientID)
	c.equal("account_type", string(f.Type))
	sql := accountTable.selectFrom(j.sql.schema) + c.where() + " ORDER BY account_id LIMIT " + c.value(p.Limit) + "::int8"
	out, err := query(ctx, j, sql, c.args, readAccount)
	if err != nil {
		return nil, fmt.Errorf("listing accounts: %w", err)
	}
	return out, nil
}

// ListHoldings lists positions or balances by id. See [sim.Tables].
func (j *Journal) ListHoldings(ctx context.Context, f sim.HoldingFilter, p sim.Page) ([]*sim.Holding, error) {
	t, id, symbol, read := &positionTable, "position_id", "symbol", readPosition
	if f.Cash {
		t, id, symbol, read = &balanceTable, "balance_id", "currency", readBalance
	}
	var c conditions
	if p.After != "" {
		after, err := idCursor(p.After)
		if err != nil {
			return nil, err
		}
		c.add(id+" > ?::uuid", after.String())
	}
	c.equal("account_id", f.AccountID)
	c.equal(symbol, f.Symbol)
	sql := t.selectFrom(j.sql.schema) + c.where() + " ORDER BY " + id + " LIMIT " + c.value(p.Limit) + "::int8"
	out, err := query(ctx, j, sql, c.args, read)
	if err != nil {
		return nil, fmt.Errorf("listing %s: %w", t.name, err)
	}
	return out, nil
}

// ListMirrors lists all mirror accounts. See [sim.Tables].
func (j *Journal) ListMirrors(ctx context.Context) ([]*sim.Mirror, error) {
	out, err := query(ctx, j, mirrorTable.selectFrom(j.sql.schema)+" ORDER BY symbol", nil, readMirror)
	if err != nil {
		return nil, fmt.Errorf("listing mirrors: %w", err)
	}
	return out, nil
}

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
	var c conditions
	if p.After != "" {
		after, err := idCursor(p.After)
		if err != nil {
			return nil, err
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

	table := j.sql.schema + ".settlements"
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
	sql := settlementTable.selectFrom(j.sql.schema) + " WHERE settlement_id IN (" + page + ") ORDER BY settlement_id"
	out, err := query(ctx, j, sql, c.args, readSettlement)
	if err != nil {
		return nil, fmt.Errorf("listing settlements: %w", err)
	}
	return out, nil
}

// from adds a bound on time unless it is zero.
func (c *conditions) from(text string, t time.Time) {
	if !t.IsZero() {
		c.add(text, t)
	}
}

// FindSettlement returns one settlement, or nil. See [sim.Tables].
func (j *Journal) FindSettlement(ctx context.Context, id uuid.UUID) (*sim.Settlement, error) {
	out, err := query(ctx, j, settlementTable.selectFrom(j.sql.schema)+" WHERE settlement_id = $1::uuid", []any{id.String()}, readSettlement)
	if err != nil {
		return nil, fmt.Errorf("finding settlement %s: %w", id, err)
	}
	if len(out) == 0 {
		return nil, nil //nolint:nilnil // that is the contract
	}
	return out[0], nil
}

// ListEntries lists ledger entries by sequence and index. See [sim.Tables].
func (j *Journal) ListEntries(ctx context.Context, f sim.EntryFilter, p sim.Page) ([]sim.Entry, error) {
	var c conditions
	if p.After != "" {
		sequence, index, err := entryCursor(p.After)
		if err != nil {
			return nil, err
		}
		c.parts = append(c.parts, "(sequence, idx) > ("+c.value(sequence)+"::int8, "+c.value(index)+"::int4)")
	}
	if f.AfterSequence > 0 {
		c.add("sequence > ?::int8", int64(min(f.AfterSequence, 1<<62))) //nolint:gosec // bounded here
	}
	c.equal("symbol", f.Symbol)
	if f.SettlementID != uuid.Nil {
		c.add("settlement_id = ?::uuid", f.SettlementID.String())
	}
	entries := func(more ...string) string {
		return "SELECT * FROM " + j.sql.schema + ".ledger_entries" + c.where(more...)
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
	sql := "SELECT " + entryTable.fields() + " FROM (" + page + ") page ORDER BY sequence, idx"
	out, err := query(ctx, j, sql, c.args, readEntry)
	if err != nil {
		return nil, fmt.Errorf("listing ledger entries: %w", err)
	}
	return out, nil
}

// entryCursor reads "<sequence>-<index>".
func entryCursor(cursor string) (sequence, index int64, err error) {
	first, second, ok := strings.Cut(cursor, "-")
	s, err1 := strconv.ParseUint(first, 10, 63) // unlike ParseInt it takes digits alone
	i, err2 := strconv.ParseUint(second, 10, 31)
	if !ok || err1 != nil || err2 != nil {
		return 0, 0, badCursor(cursor)
	}
	return int64(s), int64(i), nil
}
