package report

import (
	"context"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
)

// Documents is what reconciliations are read from; the engine has it.
type Documents interface {
	ListDocuments(ctx context.Context, kind sim.DocumentKind, p sim.Page) ([]*sim.Document, error)
}

// MaxParts is the highest number of a part of a corporate action's entitlements
// that may be asked for.
const MaxParts = 1_000_000

// documentsAtOnce is how many documents are read at a time.
const documentsAtOnce = 500

// LatestReconciliation returns the document of the latest reconciliation, or
// nil. Ids follow the order of time; how many are kept is bounded.
func LatestReconciliation(ctx context.Context, d Documents) (*sim.Document, error) {
	var latest *sim.Document
	for after := ""; ; {
		page, err := d.ListDocuments(ctx, sim.DocumentReconciliation, sim.Page{After: after, Limit: documentsAtOnce})
		if err != nil || len(page) == 0 {
			return latest, err
		}
		latest = page[len(page)-1]
		if after = latest.ID; len(page) < documentsAtOnce {
			return latest, nil
		}
	}
}

// BreakStatuses lists every status of breaks.
func BreakStatuses() []string { return []string{string(sim.BreakOpen), string(sim.BreakResolved)} }

// BreakFilter selects breaks; zero fields do not restrict.
type BreakFilter struct {
	Status sim.BreakStatus
	Symbol string
}

// Breaks returns a page of breaks, ordered by id, which is the cursor.
func Breaks(ctx context.Context, d Documents, f BreakFilter, p sim.Page) ([]*sim.Break, error) {
	var out []*sim.Break
	for after := p.After; ; {
		page, err := d.ListDocuments(ctx, sim.DocumentBreak, sim.Page{After: after, Limit: documentsAtOnce})
		if err != nil {
			return nil, err
		}
		for _, v := range page {
			b, err := v.Break()
			if err != nil {
				return nil, err
			}
			if f.Status != "" && b.Status != f.Status || f.Symbol != "" && b.Symbol != f.Symbol {
				continue
			}
			if out = append(out, b); len(out) == p.Limit {
				return out, nil
			}
		}
		if len(page) < documentsAtOnce {
			return out, nil
		}
		after = page[len(page)-1].ID
	}
}
