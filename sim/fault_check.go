package sim

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/money"
)

// maxFaultList is how many entries one list of a [FaultMatch] may have.
const maxFaultList = 100

// knownRails are the rails that fault rules may name.
var knownRails = []string{"crypto_internal", "crypto_external", "wire_domestic", "wire_international", "ach_transfer"}

// instructionTypes are the types of instructions that fault rules may name.
var instructionTypes = []string{
	string(Deposit), string(Withdrawal), string(Internal), string(DVP), string(RVP), string(DFP), string(RFP),
}

// grpcCodes are the names of the gRPC status codes that are errors.
var grpcCodes = []string{
	"CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND", "ALREADY_EXISTS",
	"PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED", "OUT_OF_RANGE", "UNIMPLEMENTED",
	"INTERNAL", "UNAVAILABLE", "DATA_LOSS", "UNAUTHENTICATED",
}

// check refuses a rule that says nothing, contradicts itself or goes beyond what
// is allowed. Fields are named as in the JSON form of the rule.
func (c AddFault) check(s *State) *Error {
	if c.Name != "" {
		if err := checkText("name", c.Name, MaxIdentifier); err != nil {
			return err
		}
	}
	if c.Duration < 0 || c.Duration > MaxFaultDuration {
		return Invalid("duration_s", "must be from 0, which lasts until it is cleared, to %d", int64(MaxFaultDuration/time.Second))
	}
	if c.Duration%time.Microsecond != 0 {
		return Invalid("duration_s", "must be whole microseconds")
	}
	if err := c.Match.check(); err != nil {
		return err
	}
	if err := c.Effect.check(s); err != nil {
		return err
	}
	return c.checkFit()
}

// checkFit refuses conditions that the effects pay no heed to.
func (c AddFault) checkFit() *Error {
	e, m := &c.Effect, &c.Match
	moves := e.onMoves()
	if m.selects() && !moves {
		return Invalid("match", "restricts settlements and transfers, and the effect is on none: give delay_s, reject, partial, approval_delay_factor or bank_holiday, or match nothing")
	}
	if m.Rate != nil && !moves && e.LatencyMillis == 0 {
		return Invalid("match.rate", "does not apply to this effect; http_error, grpc_error and webhook have a rate of their own")
	}
	return nil
}

// onMoves reports whether the effect is on settlements or transfers.
func (e *FaultEffect) onMoves() bool {
	return e.DelaySeconds != 0 || e.Reject != nil || e.Partial != nil || e.ApprovalDelayFactor != 0 || e.BankHoliday
}

// onFaces reports whether the effect is on the calls of the faces or webhooks.
func (e *FaultEffect) onFaces() bool {
	return e.Offline != nil || e.LatencyMillis != 0 || e.HTTPError != nil || e.GRPCError != nil || e.Webhook != nil
}

// selects reports whether the match restricts anything but chance.
func (m *FaultMatch) selects() bool {
	return m.Scope != "" || len(m.Rails)+len(m.SettlementTypes)+len(m.Accounts)+len(m.Symbols) > 0 ||
		!m.MinAmount.IsZero() || !m.MaxAmount.IsZero()
}

func (m *FaultMatch) check() *Error {
	switch m.Scope {
	case "", ScopeSettlements, ScopeTransfers:
	default:
		return Invalid("match.scope", "%s is not known; allowed: %s, %s", quote(string(m.Scope)), ScopeSettlements, ScopeTransfers)
	}
	lists := []struct {
		field   string
		values  []string
		allowed []string
	}{
		{"match.rails", m.Rails, knownRails},
		{"match.settlement_types", m.SettlementTypes, slices.Concat(instructionTypes, knownRails)},
		{"match.accounts", m.Accounts, nil},
		{"match.symbols", m.Symbols, nil},
	}
	for _, list := range lists {
		if err := checkNames(list.field, list.values, list.allowed); err != nil {
			return err
		}
	}
	switch {
	case m.MinAmount.Sign() < 0:
		return Invalid("match.min_amount", "must not be negative")
	case m.MaxAmount.Sign() < 0:
		return Invalid("match.max_amount", "must not be negative")
	case !m.MaxAmount.IsZero() && m.MaxAmount.Less(m.MinAmount):
		return Invalid("match.max_amount", "%s is below min_amount %s", m.MaxAmount, m.MinAmount)
	}
	if m.Rate != nil {
		return checkRate("match.rate", *m.Rate)
	}
	return nil
}

func checkNames(field string, values, allowed []string) *Error {
	if len(values) > maxFaultList {
		return Invalid(field, "has %d entries; at most %d are allowed", len(values), maxFaultList)
	}
	for i, v := range values {
		at := fmt.Sprintf("%s[%d]", field, i)
		if err := checkText(at, v, MaxIdentifier); err != nil {
			return err
		}
		if allowed != nil && !slices.Contains(allowed, v) {
			return Invalid(at, "%s is not known; allowed: %s", quote(v), strings.Join(allowed, ", "))
		}
	}
	return nil
}

var one = money.MustParse("1")

func checkRate(field string, rate money.Amount) *Error {
	if rate.Sign() <= 0 || one.Less(rate) {
		return Invalid(field, "must be above 0 and at most 1")
	}
	return nil
}

func (e *FaultEffect) check(s *State) *Error {
	if !e.onMoves() && !e.onFaces() && e.Book == nil {
		return Invalid("effect", "is required: give at least one of delay_s, reject, partial, approval_delay_factor, bank_holiday, offline, latency_ms, http_error, grpc_error, webhook, book")
	}
	if e.DelaySeconds < 0 || e.DelaySeconds > int64(MaxFaultDelay/time.Second) {
		return Invalid("effect.delay_s", "must be from 0 to %d", int64(MaxFaultDelay/time.Second))
	}
	if e.ApprovalDelayFactor < 0 || e.ApprovalDelayFactor > MaxApprovalFactor {
		return Invalid("effect.approval_delay_factor", "must be from 1 to %d", MaxApprovalFactor)
	}
	if e.LatencyMillis < 0 || e.LatencyMillis > MaxFaultLatency.Milliseconds() {
		return Invalid("effect.latency_ms", "must be from 0 to %d", MaxFaultLatency.Milliseconds())
	}
	if r := e.Reject; r != nil {
		if !reasonCode(r.Code) {
			return Invalid("effect.reject.code", "%s is no ISO 20022 reason code: four capital letters or digits, such as LACK", quote(r.Code))
		}
		if err := checkText("effect.reject.reason", r.Reason, MaxIdentifier); err != nil {
			return err
		}
	}
	if p := e.Partial; p != nil && (p.Share.Sign() <= 0 || !p.Share.Less(one)) {
		return Invalid("effect.partial.share", "must be above 0 and below 1")
	}
	if o := e.Offline; o != nil {
		if err := checkText("effect.offline.message", o.Message, 2*MaxIdentifier); err != nil {
			return err
		}
	}
	if err := e.checkFaces(); err != nil {
		return err
	}
	if b := e.Book; b != nil {
		if err := checkText("effect.book.symbol", b.Symbol, MaxSymbol); err != nil {
			return err
		}
		if b.Amount.IsZero() {
			return Invalid("effect.book.amount", "must not be zero")
		}
		return checkDecimals("effect.book.amount", s.rules.Assets.Lookup(b.Symbol), b.Amount)
	}
	return nil
}

func (e *FaultEffect) checkFaces() *Error {
	if h := e.HTTPError; h != nil {
		if err := checkRate("effect.http_error.rate", h.Rate); err != nil {
			return err
		}
		if h.Status < 400 || h.Status > 599 {
			return Invalid("effect.http_error.status", "must be from 400 to 599")
		}
	}
	if g := e.GRPCError; g != nil {
		if err := checkRate("effect.grpc_error.rate", g.Rate); err != nil {
			return err
		}
		if !slices.Contains(grpcCodes, g.Code) {
			return Invalid("effect.grpc_error.code", "%s is not known; allowed: %s", quote(g.Code), strings.Join(grpcCodes, ", "))
		}
	}
	if w := e.Webhook; w != nil {
		switch w.Action {
		case WebhookDrop, WebhookDuplicate, WebhookReorder:
		default:
			return Invalid("effect.webhook.action", "%s is not known; allowed: %s, %s, %s", quote(string(w.Action)), WebhookDrop, WebhookDuplicate, WebhookReorder)
		}
		return checkRate("effect.webhook.rate", w.Rate)
	}
	return nil
}

// reasonCode reports whether a text has the form of an ISO 20022 external code
// of four characters.
func reasonCode(s string) bool {
	if len(s) != 4 {
		return false
	}
	for _, r := range s {
		if (r < 'A' || r > 'Z') && (r < '0' || r > '9') {
			return false
		}
	}
	return true
}
