package grpcapi

import (
	"errors"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/money"
)

// opening is what a new position or balance holds, as requests may state it:
// by its total, by its parts, or by both if they agree.
type opening struct{ total, available, locked amountField }

// amountField is a decimal field by its name and text.
type amountField struct{ name, text string }

// read returns the parts.
func (o opening) read(in *input) (available, locked money.Amount) {
	total := in.amount(o.total.name, o.total.text)
	available = in.amount(o.available.name, o.available.text)
	locked = in.amount(o.locked.name, o.locked.text)
	switch {
	case in.err != nil:
	case o.available.text == "" && o.total.text == "":
		in.fail(o.total.name, "is required, or %s", o.available.name)
	case o.available.text != "" && o.total.text != "" && !total.Equal(available.Add(locked)):
		in.fail(o.total.name, "must equal %s plus %s", o.available.name, o.locked.name)
	case o.available.text != "":
	case total.Sign() < 0:
		in.fail(o.total.name, "must not be negative")
	case total.Less(locked):
		in.fail(o.locked.name, "must not exceed %s", o.total.name)
	default:
		available = total.Sub(locked)
	}
	return available, locked
}

// blame names the field that the caller gave in a refusal of one that was
// derived from it.
func (o opening) blame(err error) error {
	refusal, ok := errors.AsType[*sim.Error](err)
	if !ok || refusal.Field != o.available.name || o.available.text != "" {
		return err
	}
	named := *refusal
	named.Field = o.total.name
	return &named
}
