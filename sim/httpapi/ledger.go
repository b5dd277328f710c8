package httpapi

import (
	"context"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/httpapi/problem"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/view"
)

func listEntries(c *call) error {
	q := c.query()
	filter := sim.EntryFilter{
		AccountID:     q.Text("account_id", sim.MaxIdentifier),
		Symbol:        q.Text("symbol", sim.MaxSymbol),
		AfterSequence: q.Uint("after"),
	}
	settlement := q.Text("settlement_id", sim.MaxIdentifier)
	page, err := c.parsePage(q)
	if err != nil {
		return err
	}
	if settlement != "" {
		id, ok := parseID(settlement)
		if !ok {
			return problem.Invalid("settlement_id", "must be a UUID, as answers show it")
		}
		filter.SettlementID = id
	}
	return sendList(c, page, list[sim.Entry]{
		name: "entries",
		fetch: func(ctx context.Context, p sim.Page) ([]sim.Entry, error) {
			return c.Custodian.ListEntries(ctx, filter, p)
		},
		encode: func(dst []byte, e sim.Entry) []byte { return c.encoder.Entry(dst, &e) },
		cursor: func(dst []byte, e sim.Entry) []byte { return view.AppendEntryID(dst, &e) },
	})
}
