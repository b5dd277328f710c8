package admin

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/httpapi/problem"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/httpapi/requestid"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/supervisor"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/supervisor/admin/wire"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/supervisor/config"
)

// retryAfter is what callers are asked to wait where something is away.
const retryAfter = time.Second

// errEnded is answered where a wait ended before what it waited for.
var errEnded = problem.New(http.StatusServiceUnavailable, string(sim.CodeUnavailable),
	"the request ended before its answer; what it asked for may still be under way, see the state of the instance").After(retryAfter)

// problemOf returns the answer that err is or means. Text of errors that nobody
// foresaw stays inside.
func problemOf(err error) wire.Problem {
	if e, ok := errors.AsType[*supervisor.Error](err); ok {
		status := problem.Status(sim.Code(e.Kind))
		detail := e.Message
		if len(e.Problems) > 0 {
			detail = summary(&config.Problems{List: e.Problems})
		}
		p := problem.New(status, string(e.Kind), detail)
		if status == http.StatusServiceUnavailable {
			p = p.After(retryAfter)
		}
		out := convert(p)
		out.Problems = mistakes(e.Problems)
		return out
	}
	if e, ok := errors.AsType[*config.Problems](err); ok {
		out := convert(problem.New(http.StatusUnprocessableEntity, string(sim.CodeInvalid), summary(e)))
		out.Problems, out.Omitted = mistakes(e.List), e.Omitted
		return out
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return convert(errEnded)
	}
	return convert(problem.Of(err))
}

// summary tells of mistakes in one line; the answer lists them all besides.
func summary(p *config.Problems) string {
	count := len(p.List) + p.Omitted
	if count == 1 {
		return p.List[0].String()
	}
	return fmt.Sprintf("there are %d mistakes, the first of them: %s", count, p.List[0])
}

func convert(p *problem.Problem) wire.Problem {
	return wire.Problem{
		Type: p.Type, Title: p.Title, Status: p.Status, Detail: p.Detail, Code: p.Code,
		Field: p.Field, Allowed: p.Allowed, RetryAfter: p.RetryAfter,
	}
}

func mistakes(list []config.Problem) []wire.Mistake {
	out := make([]wire.Mistake, len(list))
	for i, p := range list {
		out[i] = wire.Mistake{Key: p.Key, Message: p.Message, Allowed: p.Allowed, Suggestion: p.Suggestion}
	}
	return out
}

// refuse answers with a problem, under the request's id, and logs it where it
// is our fault.
func (a *API) refuse(w http.ResponseWriter, r *http.Request, err error) {
	p := problemOf(err)
	p.Instance = requestid.Of(w)
	if p.Status == http.StatusInternalServerError {
		a.opts.Logger.ErrorContext(r.Context(), "admin request failed", "method", r.Method, "path", r.URL.Path, "request_id", p.Instance, "error", err)
	}
	if p.RetryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(p.RetryAfter))
	}
	send(w, p.Status, problem.MediaType, p)
}

// send answers with a value as JSON.
func send(w http.ResponseWriter, status int, mediaType string, v any) {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	_ = encoder.Encode(v) // our types always encode
	w.Header().Set("Content-Type", mediaType)
	w.WriteHeader(status)
	_, _ = w.Write(out.Bytes()) // a caller who is gone misses nothing
}
