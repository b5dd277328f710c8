package httpapi

import (
	"context"
	"net/http"

	"github.com/google/uuid"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/report"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/request"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/view"
)

var directions = []string{string(sim.DirectionOut), string(sim.DirectionIn)}

func createTransfer(c *call) error {
	var transfer request.Transfer
	if err := c.decode(&transfer, false); err != nil {
		return err
	}
	result, err := c.do(transfer.Command())
	if err != nil {
		return err
	}
	c.out = c.encoder.Transfer(c.out, result.Transfer)
	return c.createdID("/api/v1/transfers/", result.Transfer.ID)
}

// findTransfer returns the transfer that the path names.
func (c *call) findTransfer() (*sim.Transfer, error) {
	id, err := c.pathID("transfer_id", "transfer")
	if err != nil {
		return nil, err
	}
	if err := c.noQuery(); err != nil {
		return nil, err
	}
	ctx, cancel := c.context()
	defer cancel()
	return c.Custodian.Transfer(ctx, id)
}

func getTransfer(c *call) error {
	t, err := c.findTransfer()
	if err != nil {
		return err
	}
	ctx, cancel := c.context()
	defer cancel()
	moved, err := report.Moved(ctx, c.Custodian, t.History)
	if err != nil {
		return err
	}
	c.out = c.encoder.TransferWith(c.out, t, moved)
	return c.send(http.StatusOK)
}

func getTransferStatus(c *call) error {
	t, err := c.findTransfer()
	if err != nil {
		return err
	}
	c.out = c.encoder.TransferStatus(c.out, t)
	return c.send(http.StatusOK)
}

// changeTransfer carries out a command on the transfer that the path names. The
// body is read into what makes the command; it may be left out where optional
// says so.
func changeTransfer[B any](optional bool, command func(*B, uuid.UUID) sim.Command) func(*call) error {
	return func(c *call) error {
		id, err := c.pathID("transfer_id", "transfer")
		if err != nil {
			return err
		}
		var body B
		if err := c.decode(&body, optional); err != nil {
			return err
		}
		result, err := c.do(command(&body, id))
		if err != nil {
			return err
		}
		c.out = c.encoder.Transfer(c.out, result.Transfer)
		return c.send(http.StatusOK)
	}
}

func listTransfers(c *call) error {
	q := c.query()
	filter := sim.TransferFilter{
		AccountID:  q.Text("account_id", sim.MaxIdentifier),
		Symbol:     q.Text("symbol", sim.MaxSymbol),
		Rail:       q.Text("rail", sim.MaxIdentifier),
		Direction:  sim.Direction(q.Choice("direction", directions)),
		Status:     sim.SettlementStatus(q.Choice("status", sim.SettlementStatuses())),
		Stage:      sim.TransferStage(q.Choice("stage", sim.TransferStages())),
		ExternalID: q.Text("external_id", sim.MaxIdentifier),
		From:       q.Time("from"), Until: q.Time("until"),
	}
	page, err := c.parsePage(q)
	if err != nil {
		return err
	}
	return sendList(c, page, list[*sim.Transfer]{
		name: "transfers",
		fetch: func(ctx context.Context, p sim.Page) ([]*sim.Transfer, error) {
			return c.Custodian.ListTransfers(ctx, filter, p)
		},
		encode: c.encoder.Transfer,
		cursor: func(dst []byte, t *sim.Transfer) []byte { return view.AppendID(dst, t.ID) },
	})
}

func getMasterBalance(c *call) error {
	return c.client(func(ctx context.Context, id string) error {
		balance, err := c.Custodian.MasterBalance(ctx, id)
		if err == nil {
			c.out = c.encoder.MasterBalance(c.out, id, balance)
		}
		return err
	})
}

func getSegregatedBalances(c *call) error {
	return c.client(func(ctx context.Context, id string) error {
		accounts, err := c.Custodian.SegregatedBalances(ctx, id)
		if err == nil {
			c.out = c.encoder.SegregatedBalances(c.out, id, accounts)
		}
		return err
	})
}

// client answers with what fn appends about the client that the path names.
func (c *call) client(fn func(ctx context.Context, id string) error) error {
	id, err := c.pathText("client_id")
	if err != nil {
		return err
	}
	if err := c.noQuery(); err != nil {
		return err
	}
	ctx, cancel := c.context()
	defer cancel()
	if err := fn(ctx, id); err != nil {
		return err
	}
	return c.send(http.StatusOK)
}
