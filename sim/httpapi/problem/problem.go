// Package problem writes errors as RFC 9457 problem details
// (application/problem+json) with the custodian's stable codes.
//
// Handlers return errors; [Write] turns any of them into an answer. Refusals of
// the custodian ([sim.Error]), of a body ([strictjson.Error]) and problems made
// with [New] keep what they say; every other error becomes an internal one
// whose text stays inside.
package problem

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/httpapi/requestid"
)

// MediaType is the content type of problem details.
const MediaType = "application/problem+json"

// typePrefix makes a code the problem's type, a URI as RFC 9457 wants it.
const typePrefix = "urn:custodian:problem:"

// Problem is an error answer. Fill it before it is written; it is not safe for
// concurrent change.
type Problem struct {
	Type       string   `json:"type" doc:"The kind of problem: urn:custodian:problem:<code>." example:"urn:custodian:problem:not_found"`
	Title      string   `json:"title" doc:"The kind of problem in words; the same for every problem with the code." example:"Not found"`
	Status     int      `json:"status" doc:"The HTTP status." example:"404"`
	Detail     string   `json:"detail" doc:"What was wrong with this request, and what is allowed."`
	Instance   string   `json:"instance,omitempty" doc:"The request's id, as in the header X-Request-Id."`
	Code       string   `json:"code" doc:"Stable code of the problem, for programs." example:"not_found"`
	Field      string   `json:"field,omitempty" doc:"The field, parameter or header at fault." example:"quantity"`
	Allowed    []string `json:"allowed,omitempty" doc:"The right choices, where they can be listed."`
	RetryAfter int      `json:"retry_after,omitempty" doc:"Seconds after which to try again, as in the header Retry-After."`
}

// New returns a problem whose type and title follow from its code.
func New(status int, code, detail string) *Problem {
	return &Problem{Type: typePrefix + code, Title: titleOf(code), Status: status, Code: code, Detail: detail}
}

// Error returns the detail, led by the field where there is one.
func (p *Problem) Error() string {
	if p.Field == "" {
		return p.Detail
	}
	return p.Field + ": " + p.Detail
}

// After sets the time after which to try again, rounded up to seconds, and
// returns p.
func (p *Problem) After(d time.Duration) *Problem {
	p.RetryAfter = int((d + time.Second - 1) / time.Second)
	return p
}

// On sets the field at fault and what is allowed there, and returns p.
func (p *Problem) On(field string, allowed ...string) *Problem {
	p.Field, p.Allowed = field, allowed
	return p
}

// Invalid returns a problem for the content of one field or parameter.
func Invalid(field, detail string, allowed ...string) *Problem {
	return New(http.StatusUnprocessableEntity, string(sim.CodeInvalid), detail).On(field, allowed...)
}

// Write answers a request with err, under the id of [requestid.Middleware].
// Nothing may have been written to w before.
func Write(w http.ResponseWriter, err error) {
	p := *Of(err) // the request id must not get into a problem that is shared
	p.Instance = requestid.Of(w)
	h := w.Header()
	h.Set("Content-Type", MediaType)
	h.Set("Cache-Control", "no-store")
	if p.RetryAfter > 0 {
		h.Set("Retry-After", strconv.Itoa(p.RetryAfter))
	}
	w.WriteHeader(p.Status)
	_, _ = w.Write(append(p.Append(nil), '\n')) // a caller who is gone misses nothing
}

// Append appends the problem as JSON.
func (p *Problem) Append(dst []byte) []byte {
	out := bytes.NewBuffer(dst)
	encoder := json.NewEncoder(out)
	encoder.SetEscapeHTML(false)
	_ = encoder.Encode(p) // strings and numbers always encode
	return bytes.TrimSuffix(out.Bytes(), []byte("\n"))
}

func titleOf(code string) string {
	words := strings.ReplaceAll(code, "_", " ")
	if words == "" {
		return ""
	}
	return strings.ToUpper(words[:1]) + words[1:]
}
