package problem

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/httpapi/strictjson"
)

// choices are the right values of fields that have few. Refusals of these
// fields list them.
var choices = map[string][]string{
	"settlement_type": sim.SettlementTypes(),
	"status":          sim.SettlementStatuses(),
	"account_type":    {string(sim.AccountMaster), string(sim.AccountSegregated)},
}

// Of returns the problem that err is or means. A problem is returned as it is.
func Of(err error) *Problem {
	if p, ok := errors.AsType[*Problem](err); ok {
		return p
	}
	if e, ok := errors.AsType[*sim.Error](err); ok {
		p := New(Status(e.Code), string(e.Code), e.Message).After(e.RetryAfter).On(e.Field)
		if e.Code == sim.CodeInvalid {
			p.Allowed = choices[e.Field]
		}
		return p
	}
	if e, ok := errors.AsType[*strictjson.Error](err); ok {
		code := sim.CodeInvalid
		if e.Malformed {
			code = sim.CodeMalformed
		}
		p := New(Status(code), string(code), e.Detail).On(e.Field, e.Allowed...)
		if p.Allowed == nil && code == sim.CodeInvalid {
			p.Allowed = choices[e.Field]
		}
		return p
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return New(http.StatusServiceUnavailable, string(sim.CodeUnavailable),
			"the request ended before its answer; repeat it, with the same Idempotency-Key if it had one").After(time.Second)
	}
	return New(http.StatusInternalServerError, string(sim.CodeInternal),
		"something went wrong inside; the log has more under the request id")
}
