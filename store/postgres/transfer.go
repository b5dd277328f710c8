package postgres

import (
	"context"
	"fmt"
	"slices"

	"github.com/google/uuid"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/store/internal/tables"
)

// liveStages are those that the index on stages holds; it must list the same.
var liveStages = []sim.TransferStage{
	sim.StageSubmitted, sim.StageAwaitingApproval, sim.StageApproved, sim.StageReserved, sim.StageBroadcast, sim.StageConfirming,
}

// ListTransfers lists transfers by id. See [sim.Tables].
func (j *Journal) ListTransfers(ctx context.Context, f sim.TransferFilter, p sim.Page) ([]*sim.Transfer, error) {
	sql, args, err := j.sql().listTransfers(f, p)
	if err != nil {
		return nil, err
	}
	out, err := query(ctx, j, sql, args, read(tables.Transfers))
	if err != nil {
		return nil, fmt.Errorf("listing transfers: %w", err)
	}
	return out, nil
}

func (q *statements) listTransfers(f sim.TransferFilter, p sim.Page) (sql string, args []any, err error) {
	var c conditions
	if p.After != "" {
		after, err := idCursor(p.After)
		if err != nil {
			return "", nil, err
		}
		c.add("transfer_id > ?::uuid", after.String())
	}
	c.equal("account_id", f.AccountID)
	c.equal("symbol", f.Symbol)
	c.equal("rail", f.Rail)
	c.equal("direction", string(f.Direction))
	c.equal("external_id", f.ExternalID)
	// What partial indexes hold is spelled out, so that they are seen to fit.
	if f.Status == sim.StatusPending || f.Status == sim.StatusInProgress {
		c.parts = append(c.parts, "status = '"+string(f.Status)+"'", openTransfers)
	} else {
		c.equal("status", string(f.Status))
	}
	if slices.Contains(liveStages, f.Stage) {
		c.parts = append(c.parts, "stage = '"+string(f.Stage)+"'")
	} else {
		c.equal("stage", string(f.Stage))
	}
	c.from("initiated_at >= ?::timestamptz", f.From)
	c.from("initiated_at < ?::timestamptz", f.Until)
	// Only the ids are sorted and cut to a page; whole rows, with their
	// approvals, are read for those.
	page := "SELECT transfer_id FROM " + q.schema + ".transfers" + c.where() + " ORDER BY transfer_id LIMIT " + c.value(p.Limit) + "::int8"
	return selectFrom(q.schema, &tables.Transfers.Table) + " WHERE transfer_id IN (" + page + ") ORDER BY transfer_id", c.args, nil
}

// FindTransfer returns one transfer, or nil. See [sim.Tables].
func (j *Journal) FindTransfer(ctx context.Context, id uuid.UUID) (*sim.Transfer, error) {
	sql := selectFrom(j.sql().schema, &tables.Transfers.Table) + " WHERE transfer_id = $1::uuid"
	out, err := query(ctx, j, sql, []any{id.String()}, read(tables.Transfers))
	if err != nil {
		return nil, fmt.Errorf("finding transfer %s: %w", id, err)
	}
	if len(out) == 0 {
		return nil, nil // that is the contract
	}
	return out[0], nil
}
