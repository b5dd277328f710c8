package verify

import (
	"context"
	"crypto/sha256"
	"fmt"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
)

// visitor is called with every row of the tables that grow with history.
type visitor struct {
	settlement func(*sim.Settlement) error
	transfer   func(transferRow) error
	approval   func(approvalRow) error
	entry      func(*sim.Entry) error
	key        func(*sim.KeyRecord) error
}

// scan reads every row of the tables that grow with history.
func (v *verifier) scan(ctx context.Context, visit visitor) error {
	visit = v.counted(visit)
	err := pages(func(p sim.Page) ([]*sim.Settlement, error) {
		return v.source.ListSettlements(ctx, sim.SettlementFilter{}, p)
	}, func(s *sim.Settlement) string { return s.ID.String() }, func(rows []*sim.Settlement) error {
		return each(rows, visit.settlement)
	})
	if err != nil {
		return err
	}
	err = pages(func(p sim.Page) ([]*sim.Transfer, error) {
		return v.source.ListTransfers(ctx, sim.TransferFilter{}, p)
	}, func(t *sim.Transfer) string { return t.ID.String() }, func(rows []*sim.Transfer) error {
		return each(rows, func(t *sim.Transfer) error {
			if err := visit.transfer(transferRow{t}); err != nil {
				return err
			}
			return each(approvalsOf(t), visit.approval)
		})
	})
	if err != nil {
		return err
	}
	err = pages(func(p sim.Page) ([]*sim.Entry, error) {
		rows, err := v.source.ListEntries(ctx, sim.EntryFilter{}, p)
		pointers := make([]*sim.Entry, len(rows))
		for i := range rows {
			pointers[i] = &rows[i]
		}
		return pointers, err
	}, entryKey, func(rows []*sim.Entry) error { return each(rows, visit.entry) })
	if err != nil {
		return err
	}
	return v.source.ScanKeys(ctx, func(k sim.KeyRecord) error {
		if k.Kind != sim.KeyIdempotency {
			return nil // external ids are part of what bears them
		}
		return visit.key(&k)
	})
}

// counted makes a visitor tell of the progress.
func (v *verifier) counted(visit visitor) visitor {
	var rows uint64
	return visitor{
		settlement: counting(v, &rows, visit.settlement), transfer: counting(v, &rows, visit.transfer),
		approval: counting(v, &rows, visit.approval), entry: counting(v, &rows, visit.entry), key: counting(v, &rows, visit.key),
	}
}

func counting[R any](v *verifier, rows *uint64, visit func(R) error) func(R) error {
	return func(r R) error {
		if *rows++; *rows%pageSize == 0 {
			v.tell(*rows)
		}
		return visit(r)
	}
}

func each[R any](rows []R, fn func(R) error) error {
	for _, r := range rows {
		if err := fn(r); err != nil {
			return err
		}
	}
	return nil
}

// describe shows a record in a report, with what it points to.
func describe(r record) string {
	switch r := r.(type) {
	case fmt.Stringer:
		return r.String()
	case *sim.Settlement:
		if r.Terms == nil {
			return fmt.Sprintf("%+v", r)
		}
		row := *r
		row.Terms = nil
		return fmt.Sprintf("%+v with terms %+v", &row, r.Terms)
	case *sim.Document:
		if r.Secret() {
			return fmt.Sprintf("%d secret bytes of SHA-256 %x, due at %s, updated at %s", len(r.Body), sha256.Sum256(r.Body), r.DueAt, r.UpdatedAt)
		}
		return fmt.Sprintf("%s, due at %s, updated at %s", r.Body, r.DueAt, r.UpdatedAt)
	default:
		return fmt.Sprintf("%+v", r)
	}
}
