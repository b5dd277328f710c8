package admin

import (
	"net/http"
	"sync/atomic"

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/httpapi/problem"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/httpapi/requestid"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/supervisor/config"
)

// API is the handler of the admin API. It is safe for concurrent use and starts
// no goroutine that outlives a request.
type API struct {
	opts   Options
	gate   *gate
	router *chi.Mux

	inFlight atomic.Int64
	waits    atomic.Int64
	streams  atomic.Int64
	profiles atomic.Int64
}

// New returns the handler of the admin API.
func New(o Options) *API {
	o.Limits = o.Limits.withDefaults()
	a := &API{opts: o, gate: newGate(o.Config), router: chi.NewRouter()}
	a.router.Use(requestid.Middleware, protect)
	if o.Middleware != nil {
		a.router.Use(o.Middleware)
	}
	a.router.Use(a.watch, a.admit, middleware.GetHead)
	a.router.NotFound(func(w http.ResponseWriter, r *http.Request) {
		a.refuse(w, r, problem.New(http.StatusNotFound, string(sim.CodeNotFound), "there is nothing at this path; /openapi.json lists what there is"))
	})
	a.router.MethodNotAllowed(a.methodNotAllowed)
	for _, op := range operations() {
		if op.Path == metricsPath && o.Metrics == nil {
			continue
		}
		a.router.Method(op.Method, op.Path, a.handler(&op))
	}
	a.serveConsole()
	return a
}

// ServeHTTP answers a request.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) { a.router.ServeHTTP(w, r) }

// Reload takes over changed tokens and client certificates: those that are gone
// are refused from now on. The rest of the configuration stays as it was given to
// [New].
func (a *API) Reload(c config.Admin) { a.gate.reload(c) }

// methods are those by which a path may be served, in the order of the Allow
// header.
var methods = []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete}

func (a *API) methodNotAllowed(w http.ResponseWriter, r *http.Request) {
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
			w.Header().Add("Allow", method)
		}
	}
	if len(p.Allowed) == 0 { // a method that nobody knows, on a path that nobody knows
		p = problem.New(http.StatusNotFound, string(sim.CodeNotFound), "there is nothing at this path; /openapi.json lists what there is")
	}
	a.refuse(w, r, p)
}
