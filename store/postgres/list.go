package postgres

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/store/internal/tables"
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
	sql := selectFrom(j.sql().schema, &tables.Accounts.Table) + c.where() + " ORDER BY account_id LIMIT " + c.value(p.Limit) + "::int8"
	out, err := query(ctx, j, sql, c.args, read(tables.Accounts))
	if err != nil {
		return nil, fmt.Errorf("listing accounts: %w", err)
	}
	return out, nil
}

// ListHoldings lists positions or balances by id. See [sim.Tables].
func (j *Journal) ListHoldings(ctx context.Context, f sim.HoldingFilter, p sim.Page) ([]*sim.Holding, error) {
	t, id, symbol := tables.Positions, "position_id", "symbol"
	if f.Cash {
		t, id, symbol = tables.Balances, "balance_id", "currency"
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
	sql := selectFrom(j.sql().schema, &t.Table) + c.where() + " ORDER BY " + id + " LIMIT " + c.value(p.Limit) + "::int8"
	out, err := query(ctx, j, sql, c.args, read(t))
	if err != nil {
		return nil, fmt.Errorf("listing %s: %w", t.Name, err)
	}
	return out, nil
}

// ListMirrors lists all mirror accounts. See [sim.Tables].
func (j *Journal) ListMirrors(ctx context.Context) ([]*sim.Mirror, error) {
	out, err := query(ctx, j, selectFrom(j.sql().schema, &tables.Mirrors.Table)+" ORDER BY symbol", nil, read(tables.Mirrors))
	if err != nil {
		return nil, fmt.Errorf("listing mirrors: %w", err)
	}
	return out, nil
}

// ListDocuments lists the documents of a kind by id, or all. See [sim.Tables].
func (j *Journal) ListDocuments(ctx context.Context, kind sim.DocumentKind, p sim.Page) ([]*sim.Document, error) {
	sql, args, err := j.sql().listDocuments(kind, p)
	if err != nil {
		return nil, err
	}
	out, err := query(ctx, j, sql, args, read(tables.Documents))
	if err != nil {
		return nil, fmt.Errorf("listing documents: %w", err)
	}
	return out, nil
}

func (q *statements) listDocuments(kind sim.DocumentKind, p sim.Page) (sql string, args []any, err error) {
	if strings.ContainsRune(p.After, 0) {
		return "", nil, badCursor(p.After)
	}
	var c conditions
	switch {
	case kind == "":
		after, err := sim.ParseDocumentCursor(p.After)
		if err != nil {
			return "", nil, err
		}
		c.parts = append(c.parts, "(kind, id) > ("+c.value(string(after.Kind))+"::text, "+c.value(after.ID)+"::text)")
	case p.After != "":
		c.add("kind = ?::text", string(kind))
		c.add("id > ?::text", p.After)
	default:
		c.add("kind = ?::text", string(kind))
	}
	return selectFrom(q.schema, &tables.Documents.Table) + c.where() + " ORDER BY kind, id LIMIT " + c.value(p.Limit) + "::int8", c.args, nil
}
