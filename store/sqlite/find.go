package sqlite

import (
	"context"
	"encoding/json"

	"github.com/google/uuid"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
)

// FindSettlement returns one settlement, or nil. See [sim.Tables].
func (j *Journal) FindSettlement(ctx context.Context, id uuid.UUID) (*sim.Settlement, error) {
	found, err := collect(ctx, j.read, readSettlement, settlementTable.selects()+" WHERE settlement_id = ?1", id.String())
	if err != nil {
		return nil, j.fail(ctx, "finding a settlement", err)
	}
	if len(found) == 0 {
		return nil, nil
	}
	return found[0], nil
}

// External ids are kept with their settlements. The first step of a settlement
// belongs to the event that claimed the id.
const selectExternal = `SELECT external_id, coalesce(history ->> '$[0].sequence', 0) FROM settlements`

// What is asked for about keys. That external ids are not NULL is said so that
// the index of those can serve.
var (
	findIdempotency = keyTable.selects() + ` WHERE key IN (SELECT value FROM json_each(?1))`
	findExternal    = selectExternal + ` WHERE external_id IN (SELECT value FROM json_each(?1)) AND external_id IS NOT NULL`
	scanIdempotency = keyTable.selects() + ` WHERE key > ?1 ORDER BY key LIMIT ?2`
	scanExternal    = selectExternal + ` WHERE external_id > ?1 AND external_id IS NOT NULL ORDER BY external_id LIMIT ?2`
)

func readExternal(scan scan) (sim.KeyRecord, error) {
	k := sim.KeyRecord{Key: sim.Key{Kind: sim.KeyExternal}}
	err := scan(&k.Value, &k.Sequence)
	return k, err
}

// FindKeys returns the records of those keys that are stored. See [sim.Tables].
func (j *Journal) FindKeys(ctx context.Context, keys []sim.Key) ([]sim.KeyRecord, error) {
	var external, idempotency []string
	for _, k := range keys {
		if k.Kind == sim.KeyExternal {
			external = append(external, k.Value)
		} else {
			idempotency = append(idempotency, k.Value)
		}
	}
	var out []sim.KeyRecord
	for _, q := range []struct {
		values []string
		read   func(scan) (sim.KeyRecord, error)
		query  string
	}{
		{idempotency, readKey, findIdempotency},
		{external, readExternal, findExternal},
	} {
		if len(q.values) == 0 {
			continue
		}
		wanted, err := json.Marshal(q.values)
		if err != nil {
			return nil, err
		}
		found, err := collect(ctx, j.read, q.read, q.query, string(wanted))
		if err != nil {
			return nil, j.fail(ctx, "finding keys", err)
		}
		out = append(out, found...)
	}
	return out, nil
}

// scanPage is how many keys [Journal.ScanKeys] reads at once.
const scanPage = 4096

// ScanKeys calls fn with every key. Nothing is locked while fn runs. See
// [sim.Tables].
func (j *Journal) ScanKeys(ctx context.Context, fn func(sim.KeyRecord) error) error {
	if err := j.scanKeys(ctx, fn, readKey, scanIdempotency); err != nil {
		return err
	}
	return j.scanKeys(ctx, fn, readExternal, scanExternal)
}

func (j *Journal) scanKeys(ctx context.Context, fn func(sim.KeyRecord) error, read func(scan) (sim.KeyRecord, error), query string) error {
	after := ""
	for {
		page, err := collect(ctx, j.read, read, query, after, scanPage)
		if err != nil {
			return j.fail(ctx, "scanning keys", err)
		}
		for _, k := range page {
			if err := fn(k); err != nil {
				return err
			}
		}
		if len(page) < scanPage {
			return ctx.Err()
		}
		after = page[len(page)-1].Value
	}
}

// Projected returns the place that the tables have reached. See [sim.Tables].
func (j *Journal) Projected(ctx context.Context) (sim.Progress, error) {
	p, err := projected(ctx, j.read)
	return p, j.fail(ctx, "asking for the projected place", err)
}
