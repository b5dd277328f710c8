package httpapi

import (
	"context"
	"net/http"
	"net/url"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/httpapi/strictjson"
)

var (
	openAccountFields   = strictjson.FieldsOf(OpenAccount{})
	updateAccountFields = strictjson.FieldsOf(UpdateAccount{})
)

func openAccount(c *call) error {
	var command sim.OpenAccount
	_, err := c.object(openAccountFields, func(name string, v strictjson.Value) (err error) {
		switch name {
		case "account_id":
			command.AccountID, err = v.Text()
		case "client_id":
			command.ClientID, err = v.Text()
		case "account_type":
			var text string
			text, err = v.Text()
			command.Type = sim.AccountType(text)
		case "metadata":
			command.Metadata, err = v.Object()
		}
		return err
	})
	if err != nil {
		return err
	}
	result, err := c.do(command)
	if err != nil {
		return err
	}
	c.out = c.encoder.Account(c.out, result.Account)
	return c.created("/api/v1/accounts/" + url.PathEscape(result.Account.AccountID))
}

func getAccount(c *call) error {
	id, err := c.pathText("account_id")
	if err != nil {
		return err
	}
	if err := c.noQuery(); err != nil {
		return err
	}
	ctx, cancel := c.context()
	defer cancel()
	account, err := c.Custodian.Account(ctx, id)
	if err != nil {
		return err
	}
	c.out = c.encoder.Account(c.out, account)
	return c.send(http.StatusOK)
}

func updateAccount(c *call) error {
	id, err := c.pathText("account_id")
	if err != nil {
		return err
	}
	command := sim.UpdateAccount{AccountID: id}
	err = c.changes(updateAccountFields, func(name string, v strictjson.Value) (err error) {
		switch name {
		case "status":
			var text string
			text, err = v.OneOf(sim.AccountStatuses())
			command.Status = sim.AccountStatus(text)
		case "metadata":
			command.Metadata, err = v.Object()
		}
		return err
	})
	if err != nil {
		return err
	}
	result, err := c.do(command)
	if err != nil {
		return err
	}
	c.out = c.encoder.Account(c.out, result.Account)
	return c.send(http.StatusOK)
}

func listAccounts(c *call) error {
	q := c.query()
	filter := sim.AccountFilter{
		ClientID: q.Text("client_id", sim.MaxIdentifier),
		Type:     sim.AccountType(q.Choice("type", accountTypes)),
	}
	page, err := c.parsePage(q)
	if err != nil {
		return err
	}
	return sendList(c, page, list[*sim.Account]{
		name: "accounts",
		fetch: func(ctx context.Context, p sim.Page) ([]*sim.Account, error) {
			return c.Custodian.ListAccounts(ctx, filter, p)
		},
		encode: c.encoder.Account,
		cursor: func(dst []byte, a *sim.Account) []byte { return append(dst, a.AccountID...) },
	})
}

var accountTypes = []string{string(sim.AccountMaster), string(sim.AccountSegregated)}
