package sim

import (
	"errors"
	"fmt"
	"time"
)

// Code classifies an [Error]. Codes are stable: callers and faces rely on them.
type Code string

// The codes of the custodian's refusals. The comment names the HTTP status
// and the gRPC code with which the faces answer. CodeOffline and CodeFault are
// those of faults on purpose; a fault rule may name another status for the latter.
const (
	CodeInvalid              Code = "invalid_request"        // 422, INVALID_ARGUMENT
	CodeMalformed            Code = "malformed_request"      // 400, INVALID_ARGUMENT
	CodeNotFound             Code = "not_found"              // 404, NOT_FOUND
	CodeAlreadyExists        Code = "already_exists"         // 409, ALREADY_EXISTS
	CodeInsufficientHoldings Code = "insufficient_holdings"  // 409, FAILED_PRECONDITION
	CodeWrongState           Code = "wrong_state"            // 409, FAILED_PRECONDITION
	CodeKeyReused            Code = "idempotency_key_reused" // 422, INVALID_ARGUMENT
	CodeLimitReached         Code = "limit_reached"          // 429, RESOURCE_EXHAUSTED
	CodeOverloaded           Code = "overloaded"             // 429, RESOURCE_EXHAUSTED
	CodePaused               Code = "paused"                 // 503, UNAVAILABLE
	CodeOffline              Code = "custodian_offline"      // 503, UNAVAILABLE
	CodeUnavailable          Code = "unavailable"            // 503, UNAVAILABLE
	CodeDraining             Code = "draining"               // 503, UNAVAILABLE
	CodeTooLarge             Code = "too_large"              // 413, RESOURCE_EXHAUSTED
	CodeInternal             Code = "internal"               // 500, INTERNAL
	CodeFault                Code = "fault_injected"         // 503, UNAVAILABLE
	CodeUnauthorized         Code = "unauthorized"           // 401, UNAUTHENTICATED
	CodeForbidden            Code = "forbidden"              // 403, PERMISSION_DENIED
	CodeTooManyFailures      Code = "too_many_failures"      // 429, RESOURCE_EXHAUSTED
)

// Error is a refusal of the custodian, in words that tell the caller what to
// do. It is an immutable value once made.
type Error struct {
	// Code classifies the refusal.
	Code Code
	// Field names the offending input field, in the faces' snake_case; empty
	// where no single field is at fault.
	Field string
	// Message says what was wrong and what is allowed.
	Message string
	// RetryAfter is how long to wait before trying again; zero where a retry
	// of the same request cannot help.
	RetryAfter time.Duration
}

// Error returns the message, led by the field where there is one.
func (e *Error) Error() string {
	if e.Field == "" {
		return e.Message
	}
	return e.Field + ": " + e.Message
}

// Errorf returns an [Error] with a code and a formatted message.
func Errorf(code Code, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...)}
}

// Invalid returns a [CodeInvalid] error for one input field.
func Invalid(field, format string, args ...any) *Error {
	return &Error{Code: CodeInvalid, Field: field, Message: fmt.Sprintf(format, args...)}
}

// CodeOf returns the code of the [Error] in err's chain, [CodeInternal] for
// any other error and "" for nil.
func CodeOf(err error) Code {
	if err == nil {
		return ""
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Code
	}
	return CodeInternal
}

// Errors that end an engine instead of answering a caller.
var (
	// ErrLostOwnership reports that another process has written to the
	// instance's journal or claimed it. The instance must stop: its state in
	// memory is no longer the truth.
	ErrLostOwnership = errors.New("another process owns this instance's journal")
	// ErrBrokenInvariant reports events that contradict double entry or the
	// hash chain. It means a defect or a tampered journal, never bad input.
	ErrBrokenInvariant = errors.New("broken invariant")
)
