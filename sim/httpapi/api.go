// Package httpapi is the HTTP face of one custodian: JSON in and out, with no
// rules of its own.
//
// [New] returns the handler. One table of operations makes both its routes and
// the OpenAPI document that it serves, so neither can have what the other
// lacks. Bodies and queries are read strictly, errors are RFC 9457 problems with
// stable codes, and everything that callers could make grow is bounded; see
// [Limits].
//
// The handler is safe for concurrent use and starts no goroutine that outlives
// a request. The server around it should bound the reading of requests in time;
// event streams lift that bound for themselves.
package httpapi

import (
	"context"
	"net/http"
	"strings"

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/bounds"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/httpapi/openapi"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/httpapi/problem"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/httpapi/requestid"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/view"
)

// api is the face of one instance.
type api struct {
	Options
	encoder *view.Encoder
	router  *chi.Mux
}

// operation is one method on one path: how it is documented and what it does.
type operation struct {
	openapi.Operation
	// serve answers the request, or returns what [problem.Write] is to answer;
	// then it has written nothing.
	serve func(c *call) error
	// exempt operations are answered however busy the instance is.
	exempt bool
	// steady operations go on whatever goes wrong on purpose, and so do exempt
	// ones: by them faults are taken away again.
	steady bool
	// webhooks operations are there where the instance has webhooks.
	webhooks bool
	// streams tells that the operation may answer with a stream of events, of
	// which there is a number of their own.
	streams bool
}

// New returns the HTTP face of an instance.
func New(o Options) http.Handler {
	o.Limits = o.Limits.withDefaults()
	if o.Context == nil {
		o.Context = context.Background()
	}
	if o.Bounds == nil {
		o.Bounds = bounds.New(bounds.Limits{Requests: o.Limits.MaxInFlight, Streams: o.Limits.MaxStreams}, nil)
	}
	a := &api{Options: o, encoder: view.NewEncoder(o.Assets), router: chi.NewRouter()}
	a.router.Use(requestid.Middleware)
	if o.Middleware != nil {
		a.router.Use(o.Middleware)
	}
	a.router.Use(a.recoverPanics, middleware.GetHead)
	a.router.NotFound(func(w http.ResponseWriter, _ *http.Request) {
		problem.Write(w, errNoRoute)
	})
	a.router.MethodNotAllowed(a.methodNotAllowed)
	for _, op := range operations() {
		if op.Path == metricsPath && o.Metrics == nil || op.webhooks && o.Webhooks == nil {
			continue
		}
		a.router.Method(op.Method, op.Path, a.handler(&op))
	}
	return a.router
}

// handler answers one operation's requests.
func (a *api) handler(op *operation) http.HandlerFunc {
	names := make([]string, len(op.Query))
	for i := range op.Query {
		names[i] = op.Query[i].Name
	}
	return func(w http.ResponseWriter, r *http.Request) {
		if exempt := op.exempt || op.streams && wantsStream(r); !exempt {
			if err := a.Bounds.Request(); err != nil {
				if r.ContentLength > heavyBytes || r.ContentLength < 0 {
					w.Header().Set("Connection", "close") // rather than read what is refused
				}
				a.refuse(w, r, err)
				return
			}
			defer a.Bounds.RequestDone()
		}
		if !op.exempt && !op.steady && a.disturb(w, r) {
			return
		}
		c := newCall(a, w, r, names)
		defer c.free()
		if err := op.serve(c); err != nil {
			a.refuse(w, r, err)
		}
	}
}

// refuse answers with a problem, and logs it where it is our fault.
func (a *api) refuse(w http.ResponseWriter, r *http.Request, err error) {
	p := problem.Of(err)
	if p.Status == http.StatusInternalServerError {
		a.Logger.Error("request failed", "method", r.Method, "path", r.URL.Path, "request_id", requestid.Of(w), "error", err)
	}
	problem.Write(w, p)
}

var errNoRoute = problem.New(http.StatusNotFound, string(sim.CodeNotFound), "there is nothing at this path; /openapi.json lists what there is")

// methods are those by which a path may be served, in the order of the Allow
// header.
var methods = []string{
	http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete,
}

func (a *api) methodNotAllowed(w http.ResponseWriter, r *http.Request) {
	path := r.URL.Path
	if r.URL.RawPath != "" {
		path = r.URL.RawPath
	}
	p := problem.New(http.StatusMethodNotAllowed, problem.CodeMethodNotAllowed, "this path does not know the method "+r.Method)
	for _, method := range methods {
		routed := method
		if method == http.MethodHead {
			routed = http.MethodGet // every GET answers HEAD as well
		}
		if a.router.Match(chi.NewRouteContext(), routed, path) {
			p.Allowed = append(p.Allowed, method)
		}
	}
	if len(p.Allowed) == 0 { // a method that nobody knows, on a path that nobody knows
		problem.Write(w, errNoRoute)
		return
	}
	w.Header().Set("Allow", strings.Join(p.Allowed, ", "))
	problem.Write(w, p)
}
