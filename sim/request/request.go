// Package request has what callers may ask of a custodian, as both faces read
// it: the bodies of the HTTP interface and, by the same names, the requests of
// gRPC.
//
// The structs document the bodies, and their json tags say what these may hold:
// fields with omitempty may be left out. The method Command of each gives what
// it means to the core, which checks everything that needs the books. What is
// asked for on the hot path, settlement instructions, the faces read themselves.
package request

import (
	"encoding/json"
	"time"

	"github.com/google/uuid"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/money"
)

// Transfer submits a transfer over a rail.
type Transfer struct {
	Rail        string          `json:"rail" doc:"How it travels: one of the rails of the instance's profile." example:"wire_domestic"`
	Direction   string          `json:"direction" enum:"OUT,IN" doc:"Out of the account or into it."`
	AccountID   string          `json:"account_id" maxLength:"100" example:"fund-a"`
	Symbol      string          `json:"symbol" maxLength:"50" example:"USD"`
	Quantity    money.Amount    `json:"quantity" doc:"How much; above zero."`
	Beneficiary *Beneficiary    `json:"beneficiary,omitempty" doc:"Where it goes to, or comes from."`
	ExternalID  string          `json:"external_id,omitempty" maxLength:"100" doc:"Your own id, which may be used once." example:"tx-1"`
	RequestedBy string          `json:"requested_by,omitempty" maxLength:"100" doc:"Who asks; required where approvals are needed, and may give none of them." example:"alice"`
	Metadata    json.RawMessage `json:"metadata,omitempty" doc:"Anything you want to attach, up to 4096 bytes."`
}

// Beneficiary is a bank account, or an address on a network.
type Beneficiary struct {
	Name    string `json:"name,omitempty" maxLength:"100" example:"Broker Ltd"`
	Account string `json:"account,omitempty" maxLength:"100" example:"GB33BUKB20201555555555"`
	Bank    string `json:"bank,omitempty" maxLength:"100" example:"BUKBGB22"`
	Address string `json:"address,omitempty" maxLength:"100"`
	Network string `json:"network,omitempty" maxLength:"100" example:"bitcoin"`
}

// Command returns the command to submit the transfer.
func (t *Transfer) Command() sim.SubmitTransfer {
	c := sim.SubmitTransfer{
		Rail: t.Rail, Direction: sim.Direction(t.Direction), AccountID: t.AccountID, Symbol: t.Symbol, Quantity: t.Quantity,
		ExternalID: t.ExternalID, RequestedBy: t.RequestedBy, Metadata: t.Metadata,
	}
	if t.Beneficiary != nil {
		c.Beneficiary = sim.Beneficiary(*t.Beneficiary)
	}
	return c
}

// Approval approves a transfer.
type Approval struct {
	By string `json:"by" maxLength:"100" doc:"Who approves: neither the requester nor anyone who decided before." example:"bob"`
}

// Command returns the command to approve a transfer.
func (a *Approval) Command(id uuid.UUID) sim.Command { return sim.ApproveTransfer{ID: id, By: a.By} }

// Rejection rejects a transfer.
type Rejection struct {
	By     string `json:"by" maxLength:"100" doc:"Who rejects: neither the requester nor anyone who decided before." example:"bob"`
	Reason string `json:"reason,omitempty" maxLength:"100" doc:"Why, in words."`
}

// Command returns the command to reject a transfer.
func (r *Rejection) Command(id uuid.UUID) sim.Command {
	return sim.RejectTransfer{ID: id, By: r.By, Reason: r.Reason}
}

// Reversal reverses a settlement.
type Reversal struct {
	Reason string `json:"reason,omitempty" maxLength:"100" doc:"Why, in words."`
}

// Command returns the command to reverse a settlement.
func (r *Reversal) Command(id uuid.UUID) sim.Command {
	return sim.ReverseSettlement{ID: id, Reason: r.Reason}
}

// Clock sets the mode of the clock.
type Clock struct {
	Mode   string    `json:"mode" enum:"real,scaled,manual" doc:"As the process's clock, a number of times as fast, or standing still until it is advanced."`
	Factor int64     `json:"factor,omitempty" doc:"How many times faster than real a scaled clock runs; required for it." example:"60"`
	Now    time.Time `json:"now,omitempty" doc:"The instance time to begin with, not before the present one; the present one by default."`
}

// Command returns the command to set the clock. The engine adds the real time.
func (c *Clock) Command() sim.SetClock {
	return sim.SetClock{Mode: sim.ClockMode(c.Mode), Factor: c.Factor, Instant: c.Now}
}

// Advance moves a manual clock forward. Exactly one of its fields is given.
type Advance struct {
	To          time.Time `json:"to,omitempty" doc:"The instance time to go to."`
	By          string    `json:"by,omitempty" doc:"How far to go: a number with a unit, h, m, s or ms, or several of these." example:"1h30m"`
	ToNextEvent bool      `json:"to_next_event,omitempty" doc:"Whether to go to the time at which work is due next."`
}

// Command returns the command to advance the clock. It refuses a duration that
// is none, or is not above zero.
func (a *Advance) Command() (sim.AdvanceClock, error) {
	c := sim.AdvanceClock{To: a.To, ToNextEvent: a.ToNextEvent}
	if a.By != "" {
		by, err := time.ParseDuration(a.By)
		if err != nil || by <= 0 {
			return c, sim.Invalid("by", "%q is no duration above zero; write such as 90m or 24h", a.By)
		}
		c.By = by
	}
	return c, nil
}

// CorporateAction announces a corporate action.
type CorporateAction struct {
	ID            string       `json:"id" maxLength:"100" doc:"Your name for it." example:"ACME-2026-Q4"`
	Type          string       `json:"type" enum:"CASH_DIVIDEND,SPLIT,COUPON,REDEMPTION"`
	Symbol        string       `json:"symbol" maxLength:"50" example:"AAPL"`
	RecordDate    string       `json:"record_date" format:"date" doc:"The day at whose end positions entitle, in UTC."`
	PaymentDate   string       `json:"payment_date" format:"date" doc:"The later day at whose beginning they are paid."`
	Rate          money.Amount `json:"rate,omitempty" doc:"The cash per unit; of everything but a split."`
	Currency      string       `json:"currency,omitempty" maxLength:"10" doc:"What the cash, or that for fractions, is in." example:"USD"`
	NewUnits      money.Amount `json:"new_units,omitempty" doc:"How many units a split makes of old_units."`
	OldUnits      money.Amount `json:"old_units,omitempty"`
	Rounding      string       `json:"rounding,omitempty" enum:"DOWN,HALF_UP,HALF_EVEN" doc:"Of cash to the currency's minor unit; DOWN by default."`
	Fractions     string       `json:"fractions,omitempty" enum:"DROP,PAY" doc:"What becomes of fractions of a unit; DROP by default."`
	FractionPrice money.Amount `json:"fraction_price,omitempty" doc:"What is paid per new unit for fractions."`
}

// Command returns the command to announce the corporate action.
func (c *CorporateAction) Command() sim.AnnounceCorporateAction {
	return sim.AnnounceCorporateAction{
		ID: c.ID, Type: sim.CorporateActionType(c.Type), Symbol: c.Symbol, RecordDate: c.RecordDate, PaymentDate: c.PaymentDate,
		Rate: c.Rate, Currency: c.Currency, NewUnits: c.NewUnits, OldUnits: c.OldUnits, Rounding: c.Rounding,
		Fractions: c.Fractions, FractionPrice: c.FractionPrice,
	}
}
