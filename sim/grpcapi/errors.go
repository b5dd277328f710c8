package grpcapi

import (
	"context"
	"errors"
	"slices"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/protoadapt"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
)

// errorDomain is the domain of google.rpc.ErrorInfo in our errors.
const errorDomain = "custodian"

// internalMessage is all that callers learn of a defect; the log has the rest.
const internalMessage = "internal error; the server's log has the details"

// statusCodes maps the custodian's codes to gRPC's.
var statusCodes = map[sim.Code]codes.Code{
	sim.CodeInvalid:              codes.InvalidArgument,
	sim.CodeMalformed:            codes.InvalidArgument,
	sim.CodeNotFound:             codes.NotFound,
	sim.CodeAlreadyExists:        codes.AlreadyExists,
	sim.CodeInsufficientHoldings: codes.FailedPrecondition,
	sim.CodeWrongState:           codes.FailedPrecondition,
	sim.CodeKeyReused:            codes.InvalidArgument,
	sim.CodeLimitReached:         codes.ResourceExhausted,
	sim.CodeOverloaded:           codes.ResourceExhausted,
	sim.CodePaused:               codes.Unavailable,
	sim.CodeOffline:              codes.Unavailable,
	sim.CodeFault:                codes.Unavailable,
	sim.CodeUnavailable:          codes.Unavailable,
	sim.CodeDraining:             codes.Unavailable,
	sim.CodeTooLarge:             codes.ResourceExhausted,
	sim.CodeInternal:             codes.Internal,
	sim.CodeUnauthorized:         codes.Unauthenticated,
	sim.CodeForbidden:            codes.PermissionDenied,
	sim.CodeTooManyFailures:      codes.ResourceExhausted,
}

// fieldNames are the fields that are called otherwise here than in the core and
// in HTTP.
var fieldNames = map[string]string{
	"Idempotency-Key": idempotencyHeader,
	"cursor":          "page_token",
}

// StatusCode returns gRPC's code for one of the custodian's, and whether there is one:
// some arise in HTTP alone.
func StatusCode(code sim.Code) (codes.Code, bool) {
	status, ok := statusCodes[code]
	return status, ok
}

// BareStatus is a status that comes without the details of a refusal.
type BareStatus struct {
	Code codes.Code
	// Meaning says what went wrong, and Next what to do about it.
	Meaning, Next string
}

// bareStatuses are all there are.
var bareStatuses = []BareStatus{
	{codes.Canceled, "the caller ended the call; whether it was carried out is not known", "repeat it, with the same idempotency key if it had one"},
	{codes.DeadlineExceeded, "the caller's deadline has passed, or the request did not arrive in time; whether it was carried out is not known",
		"repeat it, with the same idempotency key if it had one, and give it more time"},
	{codes.Unimplemented, "there is no such method, or this custodian has no webhooks", "look at the protos or ask by reflection for what there is"},
	{codes.Internal, "something went wrong inside, which is a defect", "look into the log"},
}

// BareStatuses returns the statuses that come without the details of a refusal, beside
// those of gRPC's own and those that a fault rule names.
func BareStatuses() []BareStatus { return slices.Clone(bareStatuses) }

func fieldName(field string) string {
	if name, ok := fieldNames[field]; ok {
		return name
	}
	return field
}

// statusOf returns err as a gRPC status. Errors that are neither refusals nor
// statuses nor the context's are defects: they are logged and hidden.
func (s *Server) statusOf(ctx context.Context, method string, err error) error {
	if err == nil {
		return nil
	}
	if refusal, ok := errors.AsType[*sim.Error](err); ok {
		return refusalStatus(refusal).Err()
	}
	if st, ok := status.FromError(err); ok {
		return st.Err()
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return status.FromContextError(err).Err()
	}
	s.options.Logger.ErrorContext(ctx, "gRPC call failed", "method", method, "error", err)
	return status.Error(codes.Internal, internalMessage)
}

// refusalStatus returns the status of a refusal with its details.
func refusalStatus(e *sim.Error) *status.Status {
	code, known := statusCodes[e.Code]
	if !known {
		code = codes.Unknown
	}
	field := fieldName(e.Field)
	message := e.Message
	if field != "" {
		message = field + ": " + message
	}
	info := &errdetails.ErrorInfo{Reason: string(e.Code), Domain: errorDomain}
	details := []protoadapt.MessageV1{info}
	if field != "" {
		info.Metadata = map[string]string{"field": field}
		if code == codes.InvalidArgument {
			details = append(details, &errdetails.BadRequest{FieldViolations: []*errdetails.BadRequest_FieldViolation{
				{Field: field, Description: e.Message, Reason: string(e.Code)},
			}})
		}
	}
	if e.RetryAfter > 0 {
		details = append(details, &errdetails.RetryInfo{RetryDelay: durationpb.New(e.RetryAfter)})
	}
	st := status.New(code, message)
	if detailed, err := st.WithDetails(details...); err == nil {
		return detailed
	}
	return st
}
