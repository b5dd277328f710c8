package sqlite

import (
	"context"
	"encoding/json"

	"github.com/google/uuid"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/store/internal/tables"
)

// FindSettlement returns one settlement, or nil. See [sim.Tables].
func (j *Journal) FindSettlement(ctx context.Context, id uuid.UUID) (*sim.Settlement, error) {
	found, err := collect(ctx, j.read, read(tables.Settlements), selects(&tables.Settlements.Table)+" WHERE settlement_id = ?1", id.String())
	if err != nil {
		return nil, j.fail(ctx, "finding a settlement", err)
	}
	if len(found) == 0 {
		return nil, nil
	}
	return found[0], nil
}

// FindTransfer returns one transfer, or nil. See [sim.Tables].
func (j *Journal) FindTransfer(ctx context.Context, id uuid.UUID) (*sim.Transfer, error) {
	found, err := collect(ctx, j.read, read(tables.Transfers), selects(&tables.Transfers.Table)+" WHERE transfer_id = ?1", id.String())
	if err != nil {
		return nil, j.fail(ctx, "finding a transfer", err)
	}
	if len(found) == 0 {
		return nil, nil
	}
	return found[0], nil
}

// keyQueries is what is asked for about keys of one kind. That external ids are
// not NULL is said so that the index of those can serve.
type keyQueries struct {
	kind       sim.KeyKind
	read       func(scan) (sim.KeyRecord, error)
	find, scan string
}

var allKeys = []keyQueries{
	{
		sim.KeyIdempotency, readKey,
		selects(&tables.Keys.Table) + ` WHERE key IN (SELECT value FROM json_each(?1))`,
		selects(&tables.Keys.Table) + ` WHERE key > ?1 ORDER BY key LIMIT ?2`,
	},
	externalKeys(sim.KeyExternal, "settlements"),
	externalKeys(sim.KeyTransfer, "transfers"),
}

// externalKeys asks for external ids, which are kept with what bears them. The
// first step of its life belongs to the event that claimed the id.
func externalKeys(kind sim.KeyKind, table string) keyQueries {
	read := func(scan scan) (sim.KeyRecord, error) {
		k := sim.KeyRecord{Key: sim.Key{Kind: kind}}
		err := scan(&k.Value, &k.Sequence)
		return k, err
	}
	return keyQueries{
		kind, read,
		`SELECT external_id, coalesce(history ->> '$[0].sequence', 0) FROM ` + table +
			` WHERE external_id IN (SELECT value FROM json_each(?1)) AND external_id IS NOT NULL`,
		// With no other column their index alone is read.
		`SELECT external_id, 0 FROM ` + table + ` WHERE external_id > ?1 AND external_id IS NOT NULL ORDER BY external_id LIMIT ?2`,
	}
}

// FindKeys returns the records of those keys that are stored. See [sim.Tables].
func (j *Journal) FindKeys(ctx context.Context, keys []sim.Key) ([]sim.KeyRecord, error) {
	wanted := make(map[sim.KeyKind][]string)
	for _, k := range keys {
		wanted[k.Kind] = append(wanted[k.Kind], k.Value)
	}
	var out []sim.KeyRecord
	for _, q := range allKeys {
		if len(wanted[q.kind]) == 0 {
			continue
		}
		list, err := json.Marshal(wanted[q.kind])
		if err != nil {
			return nil, err
		}
		found, err := collect(ctx, j.read, q.read, q.find, string(list))
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
	for _, q := range allKeys {
		if err := j.scanKeys(ctx, fn, q.read, q.scan); err != nil {
			return err
		}
	}
	return nil
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
