//go:build integration

package supervisor

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"
)

// cutter cuts the connections of instances, whatever they are doing: whoever had
// sent a COMMIT does not learn what became of it.
func cutter(t *testing.T) func(name string) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	admin, err := pgx.Connect(ctx, testURL(t, "TEST_POSTGRES_ADMIN_URL"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = admin.Close(context.Background()) })
	return func(name string) error {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		_, err := admin.Exec(ctx, `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE '%' || $1::text || '%'`,
			strings.ReplaceAll(name, "-", "_"))
		return err
	}
}

func TestRealHoldingsAreLinearizable(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	histories(t, p.config, slowPace, func(round int) string { return p.name(fmt.Sprintf("crowded-%d", round)) }, cutter(t))
}

// TestRealSumsStayWhateverIsMoved reads the sums in the tables as well, as other
// tools do: in one snapshot the sums of balances and positions are what they were,
// and each is what the ledger's entries add up to.
func TestRealSumsStayWhateverIsMoved(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	cut := cutter(t)
	var reads atomic.Int64
	for round := range *linearizableRounds {
		m := &mishaps{pace: slowPace}
		h := launch(t, options{config: p.config, wrap: m.wrap})
		name := p.name("bank")
		b := openBank(h, name, *linearizableSeed+uint64(round))
		b.work(m, func() error { return cut(name) }, func(ctx context.Context) error {
			reads.Add(1)
			return p.sums(ctx, p.schema("bank"))
		})
		h.must(h.Remove(h.ctx, name, RemoveOptions{Purge: true, Wait: true}))
		h.end()
	}
	t.Logf("%d sums of the tables", reads.Load())
	if reads.Load() == 0 {
		t.Error("the tables were never read")
	}
}

// sums compares the sums of an instance's tables in one snapshot.
func (p *place) sums(ctx context.Context, schema string) error {
	tx, err := p.sql.BeginTx(context.WithoutCancel(ctx), pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly})
	if err != nil {
		return err
	}
	rows, err := tx.Query(context.WithoutCancel(ctx), strings.ReplaceAll(`
		SELECT held.symbol, held.total::bigint, posted.total::bigint FROM
			(SELECT currency AS symbol, sum(total_balance) AS total FROM {schema}.balances GROUP BY 1
			 UNION ALL SELECT symbol, sum(quantity) FROM {schema}.positions GROUP BY 1) held
		FULL JOIN
			(SELECT symbol, sum(CASE WHEN credit_bucket IN ('AVAILABLE', 'LOCKED', 'RESERVED') THEN amount ELSE 0 END
				- CASE WHEN debit_bucket IN ('AVAILABLE', 'LOCKED', 'RESERVED') THEN amount ELSE 0 END) AS total
			 FROM {schema}.ledger_entries GROUP BY 1) posted USING (symbol)`, "{schema}", schema))
	if err != nil {
		return errors.Join(err, tx.Rollback(context.WithoutCancel(ctx)))
	}
	type sums struct {
		Symbol       string
		Held, Posted int64
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[sums])
	if err = errors.Join(err, tx.Rollback(context.WithoutCancel(ctx))); err != nil {
		return err
	}
	for _, s := range list {
		if s.Held != s.Posted || s.Held != bankAccounts*bankOpening {
			return fmt.Errorf("the tables hold %d %s, the ledger %d, want %d", s.Held, s.Symbol, s.Posted, bankAccounts*bankOpening)
		}
	}
	if len(list) != len(bankAssets) {
		return fmt.Errorf("the tables have %d assets, want %d", len(list), len(bankAssets))
	}
	return nil
}
