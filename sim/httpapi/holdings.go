package httpapi

import (
	"context"
	"net/http"

	"github.com/google/uuid"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/httpapi/query"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/httpapi/strictjson"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/money"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/view"
)

// holdingKind is the words in which HTTP speaks of positions or of balances,
// which the custodian treats alike.
type holdingKind struct {
	cash             bool
	noun, plural, id string
	// The fields' names; lockAlias is a second one for the amount to lock.
	symbol, total, available, locked, lock, lockAlias string
	// What bodies may hold.
	open, update, lockFields *strictjson.Fields
}

var positions = &holdingKind{
	noun: "position", plural: "positions", id: "position_id",
	symbol: "symbol", total: "quantity", available: "available_quantity", locked: "locked_quantity",
	lock: "quantity", lockAlias: "amount",
	open: strictjson.FieldsOf(OpenPosition{}), update: strictjson.FieldsOf(UpdatePosition{}), lockFields: strictjson.FieldsOf(LockPosition{}),
}

var balances = &holdingKind{
	cash: true, noun: "balance", plural: "balances", id: "balance_id",
	symbol: "currency", total: "total_balance", available: "available_balance", locked: "locked_balance",
	lock: "amount",
	open: strictjson.FieldsOf(OpenBalance{}), update: strictjson.FieldsOf(UpdateBalance{}), lockFields: strictjson.FieldsOf(LockBalance{}),
}

// openHolding opens a position or balance.
func (k *holdingKind) openHolding(c *call) error {
	command := sim.OpenHolding{Cash: k.cash}
	var total money.Amount
	given, err := c.object(k.open, func(name string, v strictjson.Value) (err error) {
		switch name {
		case "account_id":
			command.AccountID, err = v.Text()
		case k.symbol:
			command.Symbol, err = v.Text()
		case k.total:
			total, err = v.Amount()
		case k.available:
			command.Available, err = v.Amount()
		case k.locked:
			command.Locked, err = v.Amount()
		case "average_cost":
			command.AverageCost, err = v.Amount()
		case "market_value":
			command.MarketValue, err = v.Amount()
		case "currency":
			command.Currency, err = v.Text()
		case "metadata":
			command.Metadata, err = v.Object()
		}
		return err
	})
	if err != nil {
		return err
	}
	if err := k.split(&command, total, given); err != nil {
		return err
	}
	result, err := c.do(command)
	if err != nil {
		return k.blame(err, k.available, k.total, given)
	}
	c.out = c.encoder.Holding(c.out, result.Holding)
	return c.createdID("/api/v1/"+k.plural+"/", result.Holding.ID)
}

// split settles what is available from the opening's total and parts, which
// must agree where all are given.
func (k *holdingKind) split(command *sim.OpenHolding, total money.Amount, given strictjson.Given) error {
	hasTotal, hasAvailable := given.Has(k.total), given.Has(k.available)
	switch {
	case !hasTotal && !hasAvailable:
		return sim.Invalid(k.total, "is required, or %s", k.available)
	case hasTotal && hasAvailable && !total.Equal(command.Available.Add(command.Locked)):
		return sim.Invalid(k.total, "must equal %s plus %s", k.available, k.locked)
	case hasAvailable:
		return nil
	case total.Sign() < 0:
		return sim.Invalid(k.total, "must not be negative")
	case total.Less(command.Locked):
		return sim.Invalid(k.locked, "must not exceed %s", k.total)
	}
	command.Available = total.Sub(command.Locked)
	return nil
}

// blame returns err so that it names the field that the caller gave, where the
// core names one that was derived from it.
func (*holdingKind) blame(err error, derived, source string, given strictjson.Given) error {
	if refusal, ok := err.(*sim.Error); ok && refusal.Field == derived && !given.Has(derived) { //nolint:errorlint // wrapped errors name no field
		named := *refusal
		named.Field = source
		return &named
	}
	return err
}

func (k *holdingKind) getHolding(c *call) error {
	id, err := c.pathID(k.id, k.noun)
	if err != nil {
		return err
	}
	if err := c.noQuery(); err != nil {
		return err
	}
	ctx, cancel := c.context()
	defer cancel()
	h, err := c.Custodian.Holding(ctx, k.cash, id)
	if err != nil {
		return err
	}
	c.out = c.encoder.Holding(c.out, h)
	return c.send(http.StatusOK)
}

func (k *holdingKind) updateHolding(c *call) error {
	id, err := c.pathID(k.id, k.noun)
	if err != nil {
		return err
	}
	command := sim.UpdateHolding{Cash: k.cash, ID: id}
	err = c.changes(k.update, func(name string, v strictjson.Value) (err error) {
		switch name {
		case k.total:
			command.Total, err = amountOf(v)
		case k.available:
			command.Available, err = amountOf(v)
		case "average_cost":
			command.AverageCost, err = amountOf(v)
		case "market_value":
			command.MarketValue, err = amountOf(v)
		case "currency":
			var text string
			text, err = v.Text()
			command.Currency = &text
		case "metadata":
			command.Metadata, err = v.Object()
		}
		return err
	})
	if err != nil {
		return err
	}
	return k.sendHolding(c, command)
}

func amountOf(v strictjson.Value) (*money.Amount, error) {
	amount, err := v.Amount()
	return &amount, err
}

// sendHolding carries out a command and answers with the holding after it.
func (k *holdingKind) sendHolding(c *call, command sim.Command) error {
	result, err := c.do(command)
	if err != nil {
		return err
	}
	c.out = c.encoder.Holding(c.out, result.Holding)
	return c.send(http.StatusOK)
}

func (k *holdingKind) closeHolding(c *call) error {
	id, err := c.pathID(k.id, k.noun)
	if err != nil {
		return err
	}
	if err := c.noQuery(); err != nil {
		return err
	}
	if _, err := c.do(sim.CloseHolding{Cash: k.cash, ID: id}); err != nil {
		return err
	}
	c.w.WriteHeader(http.StatusNoContent)
	return nil
}

func (k *holdingKind) lockHolding(c *call) error {
	return k.moveLocked(c, func(id uuid.UUID, amount money.Amount) sim.Command {
		return sim.LockHolding{Cash: k.cash, ID: id, Amount: amount}
	})
}

func (k *holdingKind) unlockHolding(c *call) error {
	return k.moveLocked(c, func(id uuid.UUID, amount money.Amount) sim.Command {
		return sim.UnlockHolding{Cash: k.cash, ID: id, Amount: amount}
	})
}

func (k *holdingKind) moveLocked(c *call, command func(uuid.UUID, money.Amount) sim.Command) error {
	id, err := c.pathID(k.id, k.noun)
	if err != nil {
		return err
	}
	var amount money.Amount
	given, err := c.object(k.lockFields, func(_ string, v strictjson.Value) (err error) {
		amount, err = v.Amount()
		return err
	})
	switch {
	case err != nil:
		return err
	case k.lockAlias != "" && given.Has(k.lock) && given.Has(k.lockAlias):
		return sim.Invalid(k.lockAlias, "is another name for %s; give one of the two", k.lock)
	case given.Empty():
		return sim.Invalid(k.lock, "is required")
	}
	err = k.sendHolding(c, command(id, amount))
	return k.blame(err, k.lock, k.lockAlias, given)
}

func (k *holdingKind) listHoldings(c *call) error {
	q := c.query()
	filter := k.filter(q)
	page, err := c.parsePage(q)
	if err != nil {
		return err
	}
	return sendList(c, page, list[*sim.Holding]{
		name: k.plural,
		fetch: func(ctx context.Context, p sim.Page) ([]*sim.Holding, error) {
			return c.Custodian.ListHoldings(ctx, filter, p)
		},
		encode: c.encoder.Holding,
		cursor: func(dst []byte, h *sim.Holding) []byte { return view.AppendID(dst, h.ID) },
	})
}

func (k *holdingKind) filter(q *query.Values) sim.HoldingFilter {
	limit := sim.MaxSymbol
	if k.cash {
		limit = sim.MaxCurrency
	}
	return sim.HoldingFilter{Cash: k.cash, AccountID: q.Text("account_id", sim.MaxIdentifier), Symbol: q.Text(k.symbol, limit)}
}
