package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
)

// keyPage is how many keys are read at a time. Short statements let the server
// clean up behind the rows that appends update meanwhile, which one long scan
// would forbid.
const keyPage = 20000

// bearers are the tables whose rows bear external ids, by the kind of key. An id
// counts as used by the event with which its bearer's history begins.
var bearers = map[sim.KeyKind]string{sim.KeyExternal: "settlements", sim.KeyTransfer: "transfers"}

// selectExternal begins a SELECT of the external ids of a kind, and of an expression.
func selectExternal(kind sim.KeyKind, sequence string) string {
	return fmt.Sprintf(`SELECT %d::int4, external_id, NULL::bytea, %s FROM {schema}.%s`, kind, sequence, bearers[kind])
}

// began is the sequence number of the event with which a history begins.
const began = `coalesce((history->0->>'sequence')::int8, 0)`

// scanExternal is a page of external ids. It names no other column, so that their
// index alone is read: a row of the table is in another page for each of them.
func scanExternal(kind sim.KeyKind) string {
	return selectExternal(kind, "0::int8") + ` WHERE external_id > $1::text ORDER BY external_id LIMIT $2::int8`
}

const selectIdempotency = `SELECT 1::int4, key, fingerprint, sequence FROM {schema}.idempotency_keys`

// What is asked for about keys.
var (
	findKeys = selectIdempotency + ` WHERE key = ANY($1::text[])
		UNION ALL ` + selectExternal(sim.KeyExternal, began) + ` WHERE external_id = ANY($2::text[])
		UNION ALL ` + selectExternal(sim.KeyTransfer, began) + ` WHERE external_id = ANY($3::text[])`
	scanKeys = []string{
		selectIdempotency + ` WHERE key > $1::text ORDER BY key LIMIT $2::int8`,
		scanExternal(sim.KeyExternal),
		scanExternal(sim.KeyTransfer),
	}
)

// FindKeys returns the records of those keys that are stored. See [sim.Tables].
func (j *Journal) FindKeys(ctx context.Context, keys []sim.Key) ([]sim.KeyRecord, error) {
	wanted := make(map[sim.KeyKind][]string)
	for _, k := range keys {
		wanted[k.Kind] = append(wanted[k.Kind], k.Value)
	}
	var out []sim.KeyRecord
	err := j.pool.use(ctx, func(ctx context.Context, c *pgx.Conn) error {
		rows, err := c.Query(ctx, fill(findKeys, j.schema), wanted[sim.KeyIdempotency], wanted[sim.KeyExternal], wanted[sim.KeyTransfer])
		if err != nil {
			return err
		}
		out, err = pgx.CollectRows(rows, readKey)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("finding keys: %w", err)
	}
	return out, nil
}

// ScanKeys calls fn with every stored key. It holds no connection while fn
// runs. See [sim.Tables].
func (j *Journal) ScanKeys(ctx context.Context, fn func(sim.KeyRecord) error) error {
	for _, sql := range scanKeys {
		if err := j.scan(ctx, fill(sql, j.schema), fn); err != nil {
			return err
		}
	}
	return nil
}

func (j *Journal) scan(ctx context.Context, sql string, fn func(sim.KeyRecord) error) error {
	for after := ""; ; {
		page, err := query(ctx, j, sql, []any{after, keyPage}, readKey)
		if err != nil {
			return fmt.Errorf("reading keys: %w", err)
		}
		for _, k := range page {
			if err := ctx.Err(); err != nil {
				return err
			}
			if err := fn(k); err != nil {
				return err
			}
			after = k.Value
		}
		if len(page) < keyPage {
			return nil
		}
	}
}

func readKey(row pgx.CollectableRow) (k sim.KeyRecord, err error) {
	var kind int32
	var fingerprint []byte
	if err = row.Scan(&kind, &k.Value, &fingerprint, &k.Sequence); err != nil {
		return k, err
	}
	k.Kind = sim.KeyKind(kind)
	copy(k.Fingerprint[:], fingerprint)
	return k, nil
}
