package admin

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/httpapi/body"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/httpapi/openapi"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/httpapi/problem"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/httpapi/query"
)

// operation is one method on one path: how it is documented and what it does.
type operation struct {
	openapi.Operation
	// serve answers the request, or returns what is to be answered; then it has
	// written nothing.
	serve func(c *call) error
	// exempt operations are answered however busy the API is.
	exempt bool
}

// call is one request under way. It belongs to the request's goroutine.
type call struct {
	*API
	w      http.ResponseWriter
	r      *http.Request
	params []string // the query parameters that the operation knows
	leave  func()   // makes room for another request; may be called again
}

// handler answers one operation's requests.
func (a *API) handler(op *operation) http.HandlerFunc {
	names := make([]string, len(op.Query))
	for i := range op.Query {
		names[i] = op.Query[i].Name
	}
	return func(w http.ResponseWriter, r *http.Request) {
		c := &call{API: a, w: w, r: r, params: names, leave: func() {}}
		if !op.exempt {
			leave, err := enter(&a.inFlight, a.opts.Limits.MaxInFlight, "requests")
			if err != nil {
				a.refuse(w, r, err)
				return
			}
			c.leave = leave
			defer leave()
		}
		if err := op.serve(c); err != nil {
			a.refuse(w, r, err)
		}
	}
}

// enter counts one more of a kind, unless there are too many. What it returns
// ends that.
func enter(count *atomic.Int64, limit int, what string) (func(), error) {
	if count.Add(1) > int64(limit) {
		count.Add(-1)
		return nil, &sim.Error{Code: sim.CodeOverloaded, RetryAfter: retryAfter,
			Message: fmt.Sprintf("too many %s are under way, at most %d are allowed", what, limit)}
	}
	return sync.OnceFunc(func() { count.Add(-1) }), nil
}

// context returns the context of a request that is answered at once.
func (c *call) context() (context.Context, context.CancelFunc) {
	return context.WithTimeout(c.r.Context(), c.opts.Limits.RequestTimeout)
}

// lasting turns the request into one that lasts: it counts among those of count
// from now on, is free of the server's timeouts, and ends with its caller or
// with the API. The body must have been read.
func (c *call) lasting(count *atomic.Int64, limit int, what string) (context.Context, func(), error) {
	leave, err := enter(count, limit, what)
	if err != nil {
		return nil, nil, err
	}
	c.leave()
	// Writers without deadlines, such as those of tests, need no lifting of them.
	control := http.NewResponseController(c.w)
	_ = control.SetReadDeadline(time.Time{})
	_ = control.SetWriteDeadline(time.Time{})
	ctx, cancel := context.WithCancel(c.r.Context())
	stop := func() bool { return true }
	if c.opts.Context != nil {
		stop = context.AfterFunc(c.opts.Context, cancel)
	}
	return ctx, func() { stop(); cancel(); leave() }, nil
}

// query reads the query parameters.
func (c *call) query() *query.Values { return query.Parse(c.r, c.params) }

// noQuery refuses query parameters on operations that have none.
func (c *call) noQuery() error { return c.query().Err() }

// maxGrace bounds the grace period of drains, as the configuration does.
const maxGrace = 24 * time.Hour

// grace returns the parameter of that name; 0 where it is not given.
func grace(q *query.Values) (time.Duration, error) {
	text := q.Text("grace", 40)
	if q.Err() != nil || text == "" {
		return 0, q.Err()
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < time.Millisecond || d > maxGrace {
		return 0, problem.Invalid("grace", `must be a duration from 1ms to 24h with its unit, such as "30s" or "1m30s"`)
	}
	return d, nil
}

// name returns the instance's name in the path.
func (c *call) name() (string, error) {
	text := c.r.PathValue("name")
	if c.r.URL.RawPath == "" {
		return text, nil // the server has unescaped the path
	}
	text, err := url.PathUnescape(text)
	if err != nil {
		return "", problem.New(http.StatusBadRequest, string(sim.CodeMalformed), "the path is malformed").On("name")
	}
	return text, nil
}

// body reads the body, which must be there.
func (c *call) body(limit int) ([]byte, error) {
	data, err := body.Read(c.w, c.r, limit, nil)
	if err == nil && len(data) == 0 {
		err = problem.New(http.StatusBadRequest, string(sim.CodeMalformed), "a JSON object is needed as the body of the request")
	}
	return data, err
}

// noBody refuses a body on operations that have none, where it would be taken
// for parameters that count.
func (c *call) noBody() error {
	data, err := body.Read(c.w, c.r, c.opts.Limits.MaxBodyBytes, nil)
	if err == nil && len(data) > 0 && string(data) != "{}" {
		err = problem.New(http.StatusUnprocessableEntity, string(sim.CodeInvalid), "this operation takes no body; give parameters in the query")
	}
	return err
}

// answer sends a value as JSON.
func (c *call) answer(status int, v any) error {
	send(c.w, status, "application/json", v)
	return nil
}
