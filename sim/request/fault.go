package request

import (
	"time"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/money"
)

// Chaos is a call that makes the custodian misbehave on purpose.
type Chaos interface {
	// Fault returns the command to add the call's rule. Its errors name the
	// call's fields.
	Fault() (sim.AddFault, *sim.Error)
}

// FaultRule is a fault on purpose in its general form.
type FaultRule struct {
	Name      string      `json:"name,omitempty" maxLength:"100" doc:"Says where the rule is from, for people."`
	Match     *FaultMatch `json:"match,omitempty" doc:"Which settlements and transfers it is about; all by default."`
	Effect    FaultEffect `json:"effect" doc:"What it does: at least one of the fields."`
	DurationS int64       `json:"duration_s,omitempty" doc:"How many seconds of instance time it lasts; until it is cleared by default."`
}

// FaultMatch says what a rule is about: what every given field agrees with.
type FaultMatch struct {
	Scope           sim.FaultScope `json:"scope,omitempty" enum:"settlements,transfers" doc:"What moves in one way."`
	Rails           []string       `json:"rails,omitempty" doc:"Rails, as transfers and instructions name them."`
	SettlementTypes []string       `json:"settlement_types,omitempty" doc:"Types of instructions, or rails."`
	Accounts        []string       `json:"accounts,omitempty"`
	Symbols         []string       `json:"symbols,omitempty"`
	MinAmount       money.Amount   `json:"min_amount,omitempty" doc:"The least quantity."`
	MaxAmount       money.Amount   `json:"max_amount,omitempty" doc:"The largest quantity."`
	Rate            *money.Amount  `json:"rate,omitempty" doc:"The probability, above 0 and at most 1, with which what matches is affected; always by default."`
}

// FaultEffect is what a rule does.
type FaultEffect struct {
	DelaySeconds        int64             `json:"delay_s,omitempty" doc:"How many seconds of instance time later what matches goes on."`
	Reject              *sim.RejectFault  `json:"reject,omitempty" doc:"Refuses what matches, with an ISO 20022 code and words."`
	Partial             *sim.PartialFault `json:"partial,omitempty" doc:"Lets only a share, above 0 and below 1, settle."`
	ApprovalDelayFactor int64             `json:"approval_delay_factor,omitempty" doc:"How many times slower simulated approvers are."`
	BankHoliday         bool              `json:"bank_holiday,omitempty" doc:"Makes the days that the rule lasts no business days."`
	Offline             *sim.OfflineFault `json:"offline,omitempty" doc:"Takes the custodian away: everything is answered 503."`
	LatencyMillis       int64             `json:"latency_ms,omitempty" doc:"How many milliseconds every call is held up, in real time."`
	HTTPError           *sim.HTTPFault    `json:"http_error,omitempty" doc:"Answers HTTP calls with an error, at a rate."`
	GRPCError           *sim.GRPCFault    `json:"grpc_error,omitempty" doc:"Answers gRPC calls with an error, at a rate."`
	Webhook             *sim.WebhookRule  `json:"webhook,omitempty" doc:"Disturbs webhooks: drop, duplicate or reorder, at a rate."`
	Book                *sim.BookFault    `json:"book,omitempty" doc:"Makes the depository's book of a symbol differ from ours by an amount."`
}

// Fault returns the command to add the rule.
func (r *FaultRule) Fault() (sim.AddFault, *sim.Error) {
	c := sim.AddFault{Name: r.Name, Effect: sim.FaultEffect(r.Effect)}
	if r.Match != nil {
		c.Match = sim.FaultMatch(*r.Match)
	}
	if r.DurationS < 0 || r.DurationS > int64(sim.MaxFaultDuration/time.Second) {
		return c, sim.Invalid("duration_s", "must be from 0, which lasts until it is cleared, to %d", int64(sim.MaxFaultDuration/time.Second))
	}
	c.Duration = time.Duration(r.DurationS) * time.Second
	return c, nil
}

// DelaySettlements makes settlements take some hours longer.
type DelaySettlements struct {
	SettlementTypes []string `json:"settlement_types,omitempty" doc:"Settlement types or rails; all by default." example:"[\"crypto_external\"]"`
	DelayHours      int64    `json:"delay_hours" doc:"How many hours of instance time." example:"24"`
	DurationS       int64    `json:"duration_s,omitempty" doc:"How many seconds it lasts; until it is cleared by default." example:"3600"`
}

// PartialSettlementFailure makes a part of the settlements fail.
type PartialSettlementFailure struct {
	SettlementType string       `json:"settlement_type,omitempty" doc:"A settlement type or a rail; all by default." example:"wire_domestic"`
	FailureRate    money.Amount `json:"failure_rate" doc:"The probability, above 0 and at most 1."`
	Error          string       `json:"error,omitempty" doc:"The reason." example:"insufficient_funds"`
	DurationS      int64        `json:"duration_s,omitempty" doc:"How many seconds it lasts; until it is cleared by default."`
}

// MultiSigDelays makes approvers slow.
type MultiSigDelays struct {
	DelayMultiplier int64        `json:"delay_multiplier" doc:"How many times slower approvers are." example:"10"`
	MinAmount       money.Amount `json:"min_amount,omitempty" doc:"The least amount of the transfers that it is about."`
	DurationS       int64        `json:"duration_s,omitempty" doc:"How many seconds it lasts; until it is cleared by default." example:"1800"`
}

// SimulateBankHoliday makes the present time no business day.
type SimulateBankHoliday struct {
	DurationHours int64    `json:"duration_hours" doc:"How many hours it lasts." example:"24"`
	AffectedTypes []string `json:"affected_types,omitempty" doc:"Settlement types or rails; all by default." example:"[\"wire_domestic\"]"`
}

// RejectTransfers refuses transfers.
type RejectTransfers struct {
	Rate      money.Amount `json:"rate" doc:"The probability, above 0 and at most 1."`
	Reason    string       `json:"reason,omitempty" doc:"What callers are told." example:"compliance"`
	DurationS int64        `json:"duration_s,omitempty" doc:"How many seconds it lasts; until it is cleared by default." example:"600"`
}

// CustodianOffline takes the custodian away.
type CustodianOffline struct {
	DurationS    int64  `json:"duration_s,omitempty" doc:"How many seconds it lasts; until it is cleared by default." example:"7200"`
	ErrorMessage string `json:"error_message,omitempty" doc:"What callers are told." example:"system_maintenance"`
}

// Fault returns the command to add the call's rule.
func (c *DelaySettlements) Fault() (sim.AddFault, *sim.Error) { return sim.DelaySettlements(*c).Rule() }

// Fault returns the command to add the call's rule.
func (c *PartialSettlementFailure) Fault() (sim.AddFault, *sim.Error) {
	return sim.PartialSettlementFailure(*c).Rule()
}

// Fault returns the command to add the call's rule.
func (c *MultiSigDelays) Fault() (sim.AddFault, *sim.Error) { return sim.MultiSigDelays(*c).Rule() }

// Fault returns the command to add the call's rule.
func (c *SimulateBankHoliday) Fault() (sim.AddFault, *sim.Error) {
	return sim.SimulateBankHoliday(*c).Rule()
}

// Fault returns the command to add the call's rule.
func (c *RejectTransfers) Fault() (sim.AddFault, *sim.Error) { return sim.RejectTransfers(*c).Rule() }

// Fault returns the command to add the call's rule.
func (c *CustodianOffline) Fault() (sim.AddFault, *sim.Error) { return sim.CustodianOffline(*c).Rule() }
