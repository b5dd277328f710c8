package verify

import (
	"bytes"
	"context"
	"maps"
	"slices"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
)

// pageSize is how many rows of a table are read at once.
const pageSize = 1000

// record is a row that can be compared byte by byte.
type record interface {
	AppendCanonical(dst []byte) []byte
}

// compareRows checks the rows of a table, as they come, against those expected.
// The map is used up.
func compareRows[R record](v *verifier, table string, expected map[string]R, rows []R, keyOf func(R) string) error {
	for _, row := range rows {
		key := keyOf(row)
		want, ok := expected[key]
		if !ok {
			if err := v.differs(table, key, "the row should not be there"); err != nil {
				return err
			}
			continue
		}
		delete(expected, key)
		if !bytes.Equal(row.AppendCanonical(nil), want.AppendCanonical(nil)) {
			if err := v.differs(table, key, "the row has %s, the journal says %s", describe(row), describe(want)); err != nil {
				return err
			}
		}
	}
	return nil
}

func missingRows[R record](v *verifier, table string, expected map[string]R) error {
	for _, key := range slices.Sorted(maps.Keys(expected)) {
		if err := v.differs(table, key, "the row is missing; the journal says %s", describe(expected[key])); err != nil {
			return err
		}
	}
	return nil
}

// compareState checks the tables of what the state has in memory.
func (v *verifier) compareState(ctx context.Context, want *sim.Snapshot) error {
	accounts := byKey(want.Accounts, accountKey)
	v.report.Accounts = len(accounts)
	err := pages(func(p sim.Page) ([]*sim.Account, error) {
		return v.source.ListAccounts(ctx, sim.AccountFilter{}, p)
	}, accountKey, func(rows []*sim.Account) error {
		return compareRows(v, "accounts", accounts, rows, accountKey)
	})
	if err != nil {
		return err
	}
	if err := missingRows(v, "accounts", accounts); err != nil {
		return err
	}
	v.report.Holdings = len(want.Holdings)
	for _, cash := range []bool{false, true} {
		table := "positions"
		if cash {
			table = "balances"
		}
		holdings := make(map[string]*sim.Holding)
		for _, h := range want.Holdings {
			if h.Cash == cash {
				holdings[holdingKey(h)] = h
			}
		}
		err := pages(func(p sim.Page) ([]*sim.Holding, error) {
			return v.source.ListHoldings(ctx, sim.HoldingFilter{Cash: cash}, p)
		}, holdingKey, func(rows []*sim.Holding) error {
			return compareRows(v, table, holdings, rows, holdingKey)
		})
		if err != nil {
			return err
		}
		if err := missingRows(v, table, holdings); err != nil {
			return err
		}
	}
	mirrors := byKey(want.Mirrors, mirrorKey)
	rows, err := v.source.ListMirrors(ctx)
	if err != nil {
		return err
	}
	if err := compareRows(v, "mirrors", mirrors, rows, mirrorKey); err != nil {
		return err
	}
	if err := missingRows(v, "mirrors", mirrors); err != nil {
		return err
	}
	return v.compareDocuments(ctx, want.Documents)
}

// compareDocuments checks the documents of all kinds, row by row: their number
// is bounded.
func (v *verifier) compareDocuments(ctx context.Context, want []*sim.Document) error {
	documents := byKey(want, documentKey)
	err := pages(func(p sim.Page) ([]*sim.Document, error) {
		return v.source.ListDocuments(ctx, "", p)
	}, documentKey, func(rows []*sim.Document) error {
		v.report.Documents += len(rows)
		return compareRows(v, "documents", documents, rows, documentKey)
	})
	if err != nil {
		return err
	}
	return missingRows(v, "documents", documents)
}

func accountKey(a *sim.Account) string { return a.AccountID }
func holdingKey(h *sim.Holding) string { return h.ID.String() }
func mirrorKey(m *sim.Mirror) string   { return m.Account + " " + m.Symbol }

// documentKey is the cursor of the list of all documents, too.
func documentKey(d *sim.Document) string { return d.Key().Cursor() }

func byKey[R any](rows []R, keyOf func(R) string) map[string]R {
	m := make(map[string]R, len(rows))
	for _, r := range rows {
		m[keyOf(r)] = r
	}
	return m
}

// pages calls fn with a whole list, page by page.
func pages[R any](list func(sim.Page) ([]R, error), cursorOf func(R) string, fn func([]R) error) error {
	page := sim.Page{Limit: pageSize}
	for {
		rows, err := list(page)
		if err != nil {
			return err
		}
		if err := fn(rows); err != nil {
			return err
		}
		if len(rows) < pageSize {
			return nil
		}
		page.After = cursorOf(rows[len(rows)-1])
	}
}
