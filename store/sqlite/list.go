package sqlite

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

// conditions collects what a list is restricted to. Their text is made of
// constants of this package; values only ever travel as arguments. Placeholders
// are numbered, so that conditions may be repeated.
type conditions struct {
	parts []string
	args  []any
}

// value adds an argument and returns its placeholder.
func (c *conditions) value(v any) string {
	c.args = append(c.args, v)
	return "?" + strconv.Itoa(len(c.args))
}

// equal adds an equality unless the value is empty.
func (c *conditions) equal(column, value string) {
	if value != "" {
		c.parts = append(c.parts, column+" = "+c.value(value))
	}
}

// where returns the clause, with more conditions in front.
func (c *conditions) where(more ...string) string {
	parts := append(more, c.parts...)
	if len(parts) == 0 {
		return ""
	}
	return " WHERE " + strings.Join(parts, " AND ")
}

// isMirror reports whether an account is one of the custodian's own, which the
// indexes leave out.
func isMirror(account string) bool { return account == sim.Depository || account == sim.Nostro }

func badCursor(cursor string) error {
	if len(cursor) > 100 {
		cursor = cursor[:100] + "…"
	}
	return sim.Invalid("cursor", "%s is no cursor of this list; pass next_cursor of the page before unchanged", strconv.Quote(cursor))
}

// afterID restricts to what is behind a cursor of a list ordered by id.
func (c *conditions) afterID(column, cursor string) error {
	if cursor == "" {
		return nil
	}
	id, err := uuid.Parse(cursor)
	if err != nil || len(cursor) != len(id.String()) {
		return badCursor(cursor)
	}
	c.parts = append(c.parts, column+" > "+c.value(id.String()))
	return nil
}

// list asks for a page on a reading connection.
func list[R any](ctx context.Context, j *Journal, what string, read func(scan) (R, error), query string, args []any) ([]R, error) {
	out, err := collect(ctx, j.read, read, query, args...)
	if err != nil {
		return nil, j.fail(ctx, "listing "+what, err)
	}
	return out, nil
}

// ListAccounts lists accounts by account id. See [sim.Tables].
func (j *Journal) ListAccounts(ctx context.Context, f sim.AccountFilter, p sim.Page) ([]*sim.Account, error) {
	query, args := accountsQuery(f, p)
	return list(ctx, j, "accounts", read(tables.Accounts), query, args)
}

func accountsQuery(f sim.AccountFilter, p sim.Page) (string, []any) {
	var c conditions
	if p.After != "" {
		c.parts = append(c.parts, "account_id > "+c.value(p.After))
	}
	c.equal("client_id", f.ClientID)
	c.equal("account_type", string(f.Type))
	return selects(&tables.Accounts.Table) + c.where() + " ORDER BY account_id LIMIT " + c.value(p.Limit), c.args
}

// ListHoldings lists positions or balances by id. See [sim.Tables].
func (j *Journal) ListHoldings(ctx context.Context, f sim.HoldingFilter, p sim.Page) ([]*sim.Holding, error) {
	query, args, err := holdingsQuery(f, p)
	if err != nil {
		return nil, err
	}
	if f.Cash {
		return list(ctx, j, "balances", read(tables.Balances), query, args)
	}
	return list(ctx, j, "positions", read(tables.Positions), query, args)
}

func holdingsQuery(f sim.HoldingFilter, p sim.Page) (string, []any, error) {
	t, id, symbol := &tables.Positions.Table, "position_id", "symbol"
	if f.Cash {
		t, id, symbol = &tables.Balances.Table, "balance_id", "currency"
	}
	var c conditions
	if err := c.afterID(id, p.After); err != nil {
		return "", nil, err
	}
	c.equal("account_id", f.AccountID)
	c.equal(symbol, f.Symbol)
	return selects(t) + c.where() + " ORDER BY " + id + " LIMIT " + c.value(p.Limit), c.args, nil
}

// ListMirrors lists the mirror accounts by symbol. See [sim.Tables].
func (j *Journal) ListMirrors(ctx context.Context) ([]*sim.Mirror, error) {
	return list(ctx, j, "mirrors", read(tables.Mirrors), selects(&tables.Mirrors.Table)+" ORDER BY symbol", nil)
}

// ListSettlements lists settlements by id. See [sim.Tables].
func (j *Journal) ListSettlements(ctx context.Context, f sim.SettlementFilter, p sim.Page) ([]*sim.Settlement, error) {
	query, args, err := settlementsQuery(f, p)
	if err != nil {
		return nil, err
	}
	return list(ctx, j, "settlements", read(tables.Settlements), query, args)
}

func settlementsQuery(f sim.SettlementFilter, p sim.Page) (string, []any, error) {
	var c conditions
	if err := c.afterID("settlement_id", p.After); err != nil {
		return "", nil, err
	}
	c.equal("external_id", f.ExternalID)
	c.equal("symbol", f.Symbol)
	c.equal("settlement_type", string(f.Type))
	c.equal("status", string(f.Status))
	if f.Status != "" && f.Status != sim.StatusCompleted && f.AccountID == "" {
		c.parts = append(c.parts, "status <> 'COMPLETED'") // lets the index without completed ones serve
	}
	if err := c.between("settlement_id", f.From, f.Until); err != nil {
		return "", nil, err
	}
	const order = " ORDER BY settlement_id LIMIT "
	if f.AccountID == "" {
		return selects(&tables.Settlements.Table) + c.where() + order + c.value(p.Limit), c.args, nil
	}
	account, limit := c.value(f.AccountID), c.value(p.Limit)
	if isMirror(f.AccountID) {
		return selects(&tables.Settlements.Table) + c.where("("+account+" IN (account_id, source_account, destination_account))") + order + limit, c.args, nil
	}
	// One ordered walk through each index, merged until the page is full.
	const from = "SELECT settlement_id FROM settlements"
	return selects(&tables.Settlements.Table) + " WHERE settlement_id IN (" +
		from + c.where("account_id = "+account) +
		" UNION ALL " + from + c.where("source_account = "+account, "source_account <> account_id", "source_account NOT IN ('DEPOSITORY', 'NOSTRO')") +
		" UNION ALL " + from + c.where("destination_account = "+account, "destination_account <> account_id", "destination_account NOT IN ('DEPOSITORY', 'NOSTRO')",
		"destination_account IS NOT source_account") +
		order + limit + ") ORDER BY settlement_id", c.args, nil
}

// between restricts to records initiated within a time. Ids begin with
// their millisecond, which is never before that of the initiation, so the
// primary key leads to the first one.
func (c *conditions) between(id string, from, until time.Time) error {
	if !from.IsZero() {
		text, err := writeTime(from)
		if err != nil {
			return sim.Invalid("from", "is out of range")
		}
		c.parts = append(c.parts, "initiated_at >= "+c.value(text))
		if millis := from.UnixMilli(); millis > 0 {
			first := fmt.Sprintf("%012x", millis)
			c.parts = append(c.parts, id+" >= "+c.value(first[:8]+"-"+first[8:]))
		}
	}
	if !until.IsZero() {
		text, err := writeTime(until)
		if err != nil {
			return sim.Invalid("until", "is out of range")
		}
		c.parts = append(c.parts, "initiated_at < "+c.value(text))
	}
	return nil
}

// ListEntries lists ledger entries by sequence and index. See [sim.Tables].
func (j *Journal) ListEntries(ctx context.Context, f sim.EntryFilter, p sim.Page) ([]sim.Entry, error) {
	query, args, err := entriesQuery(f, p)
	if err != nil {
		return nil, err
	}
	rows, err := list(ctx, j, "ledger entries", readEntry, query, args)
	return values(rows), err
}

func entriesQuery(f sim.EntryFilter, p sim.Page) (string, []any, error) {
	var c conditions
	if p.After != "" {
		sequence, index, err := entryCursor(p.After)
		if err != nil {
			return "", nil, err
		}
		c.parts = append(c.parts, "(sequence, idx) > ("+c.value(sequence)+", "+c.value(index)+")")
	}
	if f.AfterSequence > 0 {
		c.parts = append(c.parts, "sequence > "+c.value(int64(min(f.AfterSequence, 1<<63-1))))
	}
	c.equal("symbol", f.Symbol)
	if f.SettlementID != noID {
		c.equal("settlement_id", f.SettlementID.String())
	}
	const order = " ORDER BY sequence, idx LIMIT "
	if f.AccountID == "" {
		return selects(&tables.Entries.Table) + c.where() + order + c.value(p.Limit), c.args, nil
	}
	account, limit := c.value(f.AccountID), c.value(p.Limit)
	if isMirror(f.AccountID) {
		return selects(&tables.Entries.Table) + c.where("("+account+" IN (debit_account, credit_account))") + order + limit, c.args, nil
	}
	return selects(&tables.Entries.Table) + c.where("debit_account = "+account, "debit_account NOT IN ('DEPOSITORY', 'NOSTRO')") +
		" UNION ALL " + selects(&tables.Entries.Table) + c.where("credit_account = "+account, "credit_account NOT IN ('DEPOSITORY', 'NOSTRO')", "debit_account <> credit_account") +
		order + limit, c.args, nil
}

// entryCursor reads the cursor "<sequence>-<index>".
func entryCursor(cursor string) (sequence, index int64, err error) {
	// In base 10 nothing but digits is accepted, no signs and no blanks.
	first, second, _ := strings.Cut(cursor, "-")
	s, err1 := strconv.ParseUint(first, 10, 63)
	i, err2 := strconv.ParseUint(second, 10, 31)
	if err1 != nil || err2 != nil {
		return 0, 0, badCursor(cursor)
	}
	return int64(s), int64(i), nil
}
