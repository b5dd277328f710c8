package problem

import (
	"net/http"
	"slices"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
)

// Codes of problems that arise in HTTP itself, beside those of package sim.
const (
	CodeMethodNotAllowed     = "method_not_allowed"
	CodeUnsupportedMediaType = "unsupported_media_type"
	CodeRequestTimeout       = "request_timeout"
)

// Codes of the admin API alone.
const (
	CodeConflict           = "conflict"
	CodePreconditionFailed = "precondition_failed"
)

// Retry says whether it helps to send the same request again.
type Retry string

// The answers to that.
const (
	// RetryNo says that the same request is refused again.
	RetryNo Retry = "no"
	// RetryLater says that it may be carried out later, with the same idempotency
	// key; the answer says when where that is known.
	RetryLater Retry = "yes"
	// RetryChanged says that it may be carried out once something else has changed.
	RetryChanged Retry = "after a change"
)

// Kind is what callers need to know of the problems with one code.
type Kind struct {
	Code sim.Code
	// Status is that of HTTP.
	Status int
	// Custodian and Admin say who answers with it: instances over HTTP, and over gRPC
	// where that has a status for it, and the admin API.
	Custodian, Admin bool
	Retry            Retry
	// Meaning says what went wrong, and Next what to do about it.
	Meaning, Next string
}

// kinds are all there are: the one place that says what a code is.
var kinds = []Kind{
	{sim.CodeMalformed, http.StatusBadRequest, true, true, RetryNo,
		"the request cannot be read: its JSON, message, query or path is broken, or the body ends early",
		"correct what writes the request"},
	{sim.CodeInvalid, http.StatusUnprocessableEntity, true, true, RetryNo,
		"something in the request is not allowed; `field` names it, `allowed` lists the right choices where they are few, and `problems` the mistakes of a configuration",
		"correct it as the detail says"},
	{sim.CodeKeyReused, http.StatusUnprocessableEntity, true, false, RetryNo,
		"the idempotency key came with another request before",
		"send that request for its answer, or take a new key for this one"},
	{sim.CodeTooLarge, http.StatusRequestEntityTooLarge, true, true, RetryNo,
		"the body, the message or the list in it is larger than is taken",
		"send less at a time, or raise `limits.max_body_bytes`"},
	{CodeUnsupportedMediaType, http.StatusUnsupportedMediaType, true, true, RetryNo,
		"the body is of a type, an encoding or a charset that is not read here",
		"send what `allowed` lists, such as application/json, as it is"},
	{CodeMethodNotAllowed, http.StatusMethodNotAllowed, true, true, RetryNo,
		"the path does not know the method",
		"take one of those in `allowed`"},
	{sim.CodeNotFound, http.StatusNotFound, true, true, RetryNo,
		"there is no such thing, or nothing at this path",
		"look at the lists for what there is, and at `/openapi.json` for the paths"},
	{sim.CodeAlreadyExists, http.StatusConflict, true, false, RetryNo,
		"there is one with this id already, or it was decided already",
		"ask for the one that is there, or take another id"},
	{sim.CodeInsufficientHoldings, http.StatusConflict, true, false, RetryChanged,
		"less is available, or locked, than is asked for",
		"ask for less, or bring in more first"},
	{sim.CodeWrongState, http.StatusConflict, true, false, RetryChanged,
		"what the request is for is in a state that does not allow it, such as a settlement that is final",
		"look at its state, and do what that allows"},
	{CodeConflict, http.StatusConflict, false, true, RetryChanged,
		"what is asked for stands against what there is: a name, port, schema or prefix of another instance, an operation under way, an entry of a file",
		"do what the detail says"},
	{CodePreconditionFailed, http.StatusPreconditionFailed, false, true, RetryChanged,
		"the desired state has changed since the entity tag in If-Match",
		"get it again, repeat the change on that, and send it with the new tag"},
	{sim.CodeUnauthorized, http.StatusUnauthorized, true, true, RetryNo,
		"there is no key or token with the request, or one that is not known",
		"send one that is: `Authorization: Bearer KEY`"},
	{sim.CodeForbidden, http.StatusForbidden, true, true, RetryNo,
		"the role of the key, token or certificate does not allow this, or the request came from a page of another site or under a name that is not this one's",
		"take a key of the role operate, or add the name to `ports.hosts` or `admin.hosts`"},
	{sim.CodeTooManyFailures, http.StatusTooManyRequests, true, true, RetryLater,
		"too many wrong keys or tokens came from this address",
		"wait, then send a right one"},
	{sim.CodeOverloaded, http.StatusTooManyRequests, true, true, RetryLater,
		"more came at one time than is taken on: requests, streams, bytes, connections or commands, or more a second than `limits.rate`",
		"wait, and send fewer at one time; or raise the limit that the detail names"},
	{sim.CodeLimitReached, http.StatusTooManyRequests, true, false, RetryChanged,
		"the instance holds as much as it may: accounts, holdings, open settlements or transfers, links, fault rules, webhooks",
		"make room as the detail says, or raise the limit"},
	{CodeRequestTimeout, http.StatusRequestTimeout, true, true, RetryLater,
		"the body did not arrive within `limits.request_timeout`",
		"send it faster, or raise that limit"},
	{sim.CodeUnavailable, http.StatusServiceUnavailable, true, true, RetryLater,
		"the store does not answer, the instance is starting, or the answer did not come in time; whether the request was carried out is not known",
		"repeat it with the same idempotency key, which has it carried out once"},
	{sim.CodePaused, http.StatusServiceUnavailable, true, false, RetryLater,
		"the instance is paused",
		"wait, or have it resumed: `custodian instance resume NAME`"},
	{sim.CodeDraining, http.StatusServiceUnavailable, true, false, RetryLater,
		"the instance is shutting down",
		"repeat it once the instance is back, with the same idempotency key"},
	{sim.CodeOffline, http.StatusServiceUnavailable, true, false, RetryLater,
		"a fault rule has taken the custodian offline, on purpose",
		"wait until its time is over, or clear it: `DELETE /chaos/clear-all`"},
	{sim.CodeFault, http.StatusServiceUnavailable, true, false, RetryLater,
		"a fault rule answers in place of the custodian, on purpose, with this status or the one that it names; the request was not carried out",
		"repeat it, or clear the rule"},
	{sim.CodeInternal, http.StatusInternalServerError, true, true, RetryNo,
		"something went wrong inside, which is a defect",
		"look into the log for the request's id, which is `instance` in the problem"},
}

// Kinds returns what there is to know of each code, in an order to read it in.
func Kinds() []Kind { return slices.Clone(kinds) }

// statuses are those of HTTP by code.
var statuses = func() map[sim.Code]int {
	out := make(map[sim.Code]int, len(kinds))
	for _, k := range kinds {
		out[k.Code] = k.Status
	}
	return out
}()

// Status returns the HTTP status for a code; 500 for one that is unknown.
func Status(code sim.Code) int {
	if status, ok := statuses[code]; ok {
		return status
	}
	return http.StatusInternalServerError
}
