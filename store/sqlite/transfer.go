package sqlite

import (
	"context"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/store/internal/tables"
)

// ListTransfers lists transfers by id. See [sim.Tables].
func (j *Journal) ListTransfers(ctx context.Context, f sim.TransferFilter, p sim.Page) ([]*sim.Transfer, error) {
	query, args, err := transfersQuery(f, p)
	if err != nil {
		return nil, err
	}
	return list(ctx, j, "transfers", read(tables.Transfers), query, args)
}

func transfersQuery(f sim.TransferFilter, p sim.Page) (string, []any, error) {
	var c conditions
	if err := c.afterID("transfer_id", p.After); err != nil {
		return "", nil, err
	}
	c.equal("account_id", f.AccountID)
	c.equal("symbol", f.Symbol)
	c.equal("rail", f.Rail)
	c.equal("direction", string(f.Direction))
	c.equal("external_id", f.ExternalID)
	c.equal("status", string(f.Status))
	switch f.Status {
	case sim.StatusPending, sim.StatusInProgress:
		// Said so that the index of open transfers can serve.
		c.parts = append(c.parts, "(status IN ('PENDING', 'IN_PROGRESS') OR return_due)")
	}
	c.equal("stage", string(f.Stage))
	if f.Stage != "" && f.Stage != sim.StageSettled {
		c.parts = append(c.parts, "stage <> 'SETTLED'") // so that the index of those can serve
	}
	if err := c.between("transfer_id", f.From, f.Until); err != nil {
		return "", nil, err
	}
	return selects(&tables.Transfers.Table) + c.where() + " ORDER BY transfer_id LIMIT " + c.value(p.Limit), c.args, nil
}

// ListDocuments lists the documents of a kind by id, or all. See [sim.Tables].
func (j *Journal) ListDocuments(ctx context.Context, kind sim.DocumentKind, p sim.Page) ([]*sim.Document, error) {
	query, args, err := documentsQuery(kind, p)
	if err != nil {
		return nil, err
	}
	return list(ctx, j, "documents", read(tables.Documents), query, args)
}

func documentsQuery(kind sim.DocumentKind, p sim.Page) (string, []any, error) {
	var c conditions
	switch {
	case kind == "":
		after, err := sim.ParseDocumentCursor(p.After)
		if err != nil {
			return "", nil, err
		}
		c.parts = append(c.parts, "(kind, id) > ("+c.value(string(after.Kind))+", "+c.value(after.ID)+")")
	case p.After != "":
		c.parts = append(c.parts, "kind = "+c.value(string(kind)), "id > "+c.value(p.After))
	default:
		c.parts = append(c.parts, "kind = "+c.value(string(kind)))
	}
	return selects(&tables.Documents.Table) + c.where() + " ORDER BY kind, id LIMIT " + c.value(p.Limit), c.args, nil
}
