package sim

import (
	"slices"
	"time"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/money"
)

// The ecosystem's six calls that make a custodian misbehave. Each type has the
// fields of its call's body, and Rule turns them into the general form, which
// both faces then give to the engine. Rule refuses what the general form would
// refuse under another name, naming the field of the call; [AddFault] checks
// the rest. DurationS zero means until it is cleared.

// MaxChaosHours bounds the hours that the calls take.
const MaxChaosHours = 366 * 24

// DelaySettlements is POST /chaos/delay-settlements: settlements and transfers
// of the types, which may be rails, take some hours longer.
type DelaySettlements struct {
	// SettlementTypes are settlement types or rails; none means all.
	SettlementTypes []string `json:"settlement_types"`
	// DelayHours is from 1 to [MaxChaosHours].
	DelayHours int64 `json:"delay_hours"`
	DurationS  int64 `json:"duration_s"`
}

// PartialSettlementFailure is POST /chaos/partial-settlement-failure: a part of
// the settlements or transfers of a type fails.
type PartialSettlementFailure struct {
	// SettlementType is a settlement type or a rail; empty means all.
	SettlementType string `json:"settlement_type"`
	// FailureRate is the probability, above zero and at most one.
	FailureRate money.Amount `json:"failure_rate"`
	// Error is the reason, such as insufficient_funds.
	Error     string `json:"error"`
	DurationS int64  `json:"duration_s"`
}

// MultiSigDelays is POST /chaos/multi-sig-delays: approvers take many times as
// long over transfers of at least an amount.
type MultiSigDelays struct {
	// DelayMultiplier is from 1 to [MaxApprovalFactor].
	DelayMultiplier int64        `json:"delay_multiplier"`
	MinAmount       money.Amount `json:"min_amount"`
	DurationS       int64        `json:"duration_s"`
}

// SimulateBankHoliday is POST /chaos/simulate-bank-holiday: for some hours it is
// no business day for the types.
type SimulateBankHoliday struct {
	// DurationHours is from 1 to [MaxChaosHours].
	DurationHours int64 `json:"duration_hours"`
	// AffectedTypes are settlement types or rails; none means all.
	AffectedTypes []string `json:"affected_types"`
}

// RejectTransfers is POST /chaos/reject-transfers: a part of the transfers, or
// all, is refused.
type RejectTransfers struct {
	// Rate is the probability, above zero and at most one.
	Rate money.Amount `json:"rate"`
	// Reason is told to the caller.
	Reason    string `json:"reason"`
	DurationS int64  `json:"duration_s"`
}

// CustodianOffline is POST /chaos/custodian-offline: the custodian answers 503.
type CustodianOffline struct {
	DurationS int64 `json:"duration_s"`
	// ErrorMessage is told to callers.
	ErrorMessage string `json:"error_message"`
}

// Rule returns the call as a command. It refuses bad input with [CodeInvalid].
func (c DelaySettlements) Rule() (AddFault, *Error) {
	if c.DelayHours < 1 || c.DelayHours > MaxChaosHours {
		return AddFault{}, Invalid("delay_hours", "must be from 1 to %d", MaxChaosHours)
	}
	if err := checkTypes("settlement_types", c.SettlementTypes); err != nil {
		return AddFault{}, err
	}
	return lasting(c.DurationS, AddFault{
		Name:   "delay-settlements",
		Match:  FaultMatch{SettlementTypes: slices.Clone(c.SettlementTypes)},
		Effect: FaultEffect{DelaySeconds: c.DelayHours * 3600},
	})
}

// Rule returns the call as a command. It refuses bad input with [CodeInvalid].
func (c PartialSettlementFailure) Rule() (AddFault, *Error) {
	if err := checkRate("failure_rate", c.FailureRate); err != nil {
		return AddFault{}, err
	}
	var types []string
	if c.SettlementType != "" {
		types = []string{c.SettlementType}
		if err := checkNames("settlement_type", types, slices.Concat(instructionTypes, knownRails)); err != nil {
			err.Field = "settlement_type"
			return AddFault{}, err
		}
	}
	reason, err := reasonOr("error", c.Error, "settlement_failure")
	if err != nil {
		return AddFault{}, err
	}
	return lasting(c.DurationS, AddFault{
		Name:   "partial-settlement-failure",
		Match:  FaultMatch{SettlementTypes: types, Rate: &c.FailureRate},
		Effect: FaultEffect{Reject: &RejectFault{Code: chaosCode(reason), Reason: reason}},
	})
}

// Rule returns the call as a command. It refuses bad input with [CodeInvalid].
func (c MultiSigDelays) Rule() (AddFault, *Error) {
	if c.DelayMultiplier < 1 || c.DelayMultiplier > MaxApprovalFactor {
		return AddFault{}, Invalid("delay_multiplier", "must be from 1 to %d", MaxApprovalFactor)
	}
	if c.MinAmount.Sign() < 0 {
		return AddFault{}, Invalid("min_amount", "must not be negative")
	}
	return lasting(c.DurationS, AddFault{
		Name:   "multi-sig-delays",
		Match:  FaultMatch{MinAmount: c.MinAmount},
		Effect: FaultEffect{ApprovalDelayFactor: c.DelayMultiplier},
	})
}

// Rule returns the call as a command. It refuses bad input with [CodeInvalid].
func (c SimulateBankHoliday) Rule() (AddFault, *Error) {
	if c.DurationHours < 1 || c.DurationHours > MaxChaosHours {
		return AddFault{}, Invalid("duration_hours", "must be from 1 to %d", MaxChaosHours)
	}
	if err := checkTypes("affected_types", c.AffectedTypes); err != nil {
		return AddFault{}, err
	}
	return AddFault{
		Name:     "simulate-bank-holiday",
		Match:    FaultMatch{SettlementTypes: slices.Clone(c.AffectedTypes)},
		Effect:   FaultEffect{BankHoliday: true},
		Duration: time.Duration(c.DurationHours) * time.Hour,
	}, nil
}

// Rule returns the call as a command. It refuses bad input with [CodeInvalid].
func (c RejectTransfers) Rule() (AddFault, *Error) {
	if err := checkRate("rate", c.Rate); err != nil {
		return AddFault{}, err
	}
	reason, err := reasonOr("reason", c.Reason, "rejected")
	if err != nil {
		return AddFault{}, err
	}
	return lasting(c.DurationS, AddFault{
		Name:   "reject-transfers",
		Match:  FaultMatch{Scope: ScopeTransfers, Rate: &c.Rate},
		Effect: FaultEffect{Reject: &RejectFault{Code: chaosCode(reason), Reason: reason}},
	})
}

// Rule returns the call as a command. It refuses bad input with [CodeInvalid].
func (c CustodianOffline) Rule() (AddFault, *Error) {
	message, err := reasonOr("error_message", c.ErrorMessage, "custodian_offline")
	if err != nil {
		return AddFault{}, err
	}
	return lasting(c.DurationS, AddFault{
		Name:   "custodian-offline",
		Effect: FaultEffect{Offline: &OfflineFault{Message: message}},
	})
}

// lasting gives a command its duration.
func lasting(seconds int64, c AddFault) (AddFault, *Error) {
	if seconds < 0 || seconds > int64(MaxFaultDuration/time.Second) {
		return AddFault{}, Invalid("duration_s", "must be from 0, which lasts until it is cleared, to %d", int64(MaxFaultDuration/time.Second))
	}
	c.Duration = time.Duration(seconds) * time.Second
	return c, nil
}

func checkTypes(field string, types []string) *Error {
	return checkNames(field, types, slices.Concat(instructionTypes, knownRails))
}

func reasonOr(field, reason, otherwise string) (string, *Error) {
	if reason == "" {
		return otherwise, nil
	}
	return reason, checkText(field, reason, MaxIdentifier)
}

// chaosCode returns the reason code that fits an error of the ecosystem's calls.
func chaosCode(reason string) string {
	switch reason {
	case "insufficient_funds":
		return ReasonMoney
	case "insufficient_securities", "insufficient_holdings":
		return ReasonLack
	case "compliance", "aml_hold", "sanctions":
		return "RR04" // regulatory reason, of the external status reason codes
	default:
		return "OTHR" // other
	}
}
