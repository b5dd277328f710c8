package httpapi

import (
	"context"
	"net/http"

	"github.com/google/uuid"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/httpapi/strictjson"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/report"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/request"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/view"
)

var noFields = strictjson.FieldsOf(NoFields{})

func createSettlement(c *call) error {
	if err := c.readBody(false); err != nil {
		return err
	}
	command, err := readInstruction(c.in)
	if err != nil {
		return err
	}
	result, err := c.do(command)
	if err != nil {
		return err
	}
	c.out = c.encoder.Settlement(c.out, result.Settlement)
	return c.createdID("/api/v1/settlements/", result.Settlement.ID)
}

// findSettlement returns the settlement that the path names.
func (c *call) findSettlement() (*sim.Settlement, error) {
	id, err := c.pathID("settlement_id", "settlement")
	if err != nil {
		return nil, err
	}
	if err := c.noQuery(); err != nil {
		return nil, err
	}
	ctx, cancel := c.context()
	defer cancel()
	return c.Custodian.Settlement(ctx, id)
}

func getSettlement(c *call) error {
	s, err := c.findSettlement()
	if err != nil {
		return err
	}
	ctx, cancel := c.context()
	defer cancel()
	moved, err := report.Moved(ctx, c.Custodian, s.History)
	if err != nil {
		return err
	}
	c.out = c.encoder.SettlementWith(c.out, s, moved)
	return c.send(http.StatusOK)
}

func getSettlementStatus(c *call) error {
	s, err := c.findSettlement()
	if err != nil {
		return err
	}
	c.out = c.encoder.SettlementStatus(c.out, s)
	return c.send(http.StatusOK)
}

func cancelSettlement(c *call) error {
	return c.changeSettlement(func(id uuid.UUID) sim.Command { return sim.CancelSettlement{ID: id} })
}

func holdSettlement(c *call) error {
	return c.changeSettlement(func(id uuid.UUID) sim.Command { return sim.HoldSettlement{ID: id} })
}

func releaseSettlement(c *call) error {
	return c.changeSettlement(func(id uuid.UUID) sim.Command { return sim.ReleaseSettlement{ID: id} })
}

func reverseSettlement(c *call) error {
	id, err := c.pathID("settlement_id", "settlement")
	if err != nil {
		return err
	}
	var reversal request.Reversal
	if err := c.decode(&reversal, true); err != nil {
		return err
	}
	result, err := c.do(reversal.Command(id))
	if err != nil {
		return err
	}
	c.out = c.encoder.Settlement(c.out, result.Settlement)
	return c.createdID("/api/v1/settlements/", result.Settlement.ID)
}

// changeSettlement carries out a command that needs nothing but the id; a body
// may be left out or be an empty object.
func (c *call) changeSettlement(command func(uuid.UUID) sim.Command) error {
	id, err := c.pathID("settlement_id", "settlement")
	if err != nil {
		return err
	}
	if err := c.readBody(true); err != nil {
		return err
	}
	if len(c.in) > 0 {
		if _, err := strictjson.Object(c.in, noFields, nil); err != nil {
			return err
		}
	}
	result, err := c.do(command(id))
	if err != nil {
		return err
	}
	c.out = c.encoder.Settlement(c.out, result.Settlement)
	return c.send(http.StatusOK)
}

func listSettlements(c *call) error {
	q := c.query()
	filter := sim.SettlementFilter{
		AccountID:  q.Text("account_id", sim.MaxIdentifier),
		Symbol:     q.Text("symbol", sim.MaxSymbol),
		Type:       sim.SettlementType(q.Choice("settlement_type", sim.SettlementTypes())),
		Status:     sim.SettlementStatus(q.Choice("status", sim.SettlementStatuses())),
		ExternalID: q.Text("external_id", sim.MaxIdentifier),
		From:       q.Time("from"), Until: q.Time("until"),
	}
	page, err := c.parsePage(q)
	if err != nil {
		return err
	}
	return sendList(c, page, list[*sim.Settlement]{
		name: "settlements",
		fetch: func(ctx context.Context, p sim.Page) ([]*sim.Settlement, error) {
			return c.Custodian.ListSettlements(ctx, filter, p)
		},
		encode: c.encoder.Settlement,
		cursor: func(dst []byte, s *sim.Settlement) []byte { return view.AppendID(dst, s.ID) },
	})
}
