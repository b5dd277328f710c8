package supervisor

import (
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/httpapi/problem"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/supervisor/config"
)

// Kind classifies an [Error].
type Kind string

// The kinds of refusals: codes of the admin API's problems, see [problem.Kinds].
const (
	KindInvalid     = Kind(sim.CodeInvalid)
	KindNotFound    = Kind(sim.CodeNotFound)
	KindConflict    = Kind(problem.CodeConflict)
	KindStale       = Kind(problem.CodePreconditionFailed)
	KindUnavailable = Kind(sim.CodeUnavailable)
)

// Error is a refusal of the supervisor.
type Error struct {
	Kind    Kind
	Message string
	// Problems are the mistakes of a configuration, each with its key.
	Problems []config.Problem
}

// Error returns the message.
func (e *Error) Error() string { return e.Message }
