package supervisor

import "github.com/quantfidential/trading-ecosystem/custodian-simulator-go/supervisor/config"

// Kind classifies an [Error].
type Kind string

// The kinds of refusals, with the HTTP status of the admin API.
const (
	KindInvalid     Kind = "invalid_request"     // 422
	KindNotFound    Kind = "not_found"           // 404
	KindConflict    Kind = "conflict"            // 409
	KindStale       Kind = "precondition_failed" // 412
	KindUnavailable Kind = "unavailable"         // 503
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
