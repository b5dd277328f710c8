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
	a := &api{Options: o, encoder: view.NewEncoder(o.Assets)}
	router := routesOf(variant{metrics: o.Metrics != nil, webhooks: o.Webhooks != nil})
	handler := a.recoverPanics(a.admit(router))
	if o.Middleware != nil {
		handler = o.Middleware(handler)
	}
	return a.recoverPanics(requestid.Middleware(a.scope(router, handler)))
}

// handler answers one operation's requests, whichever instance they are for.
func handler(op *operation) http.HandlerFunc {
	names := make([]string, len(op.Query))
	for i := range op.Query {
		names[i] = op.Query[i].Name
	}
	return func(w http.ResponseWriter, r *http.Request) {
		a := apiOf(r)
		if exempt := op.exempt || op.streams && wantsStream(r); !exempt {
			if err := a.Bounds.Request(); err != nil {
				if r.ContentLength > heavyBytes || r.ContentLength < 0 {
					w.Header().Set("Connection", "close") // rather than read what is refused
				}
				a.refuse(w, r, err)
				return
			}
			defer a.Bounds.RequestDone()
			if err := a.Lane.Begin(r.Context()); err != nil {
				a.refuse(w, r, err) // to say nothing would answer 200
				return
			}
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
		a.Logger.ErrorContext(r.Context(), "request failed", "method", r.Method, "path", r.URL.Path, "request_id", requestid.Of(w), "error", err)
	}
	problem.Write(w, p)
}
