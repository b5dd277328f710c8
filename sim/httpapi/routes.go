package httpapi

import (
	"context"
	"net/http"
	"strings"
	"sync"

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/httpapi/problem"
)

// variant is what faces can have or lack. All faces of one variant share their
// routes: an instance's own would be the largest part of its memory.
type variant struct{ metrics, webhooks bool }

// routes are the routers that were needed so far.
var routes struct {
	mu   sync.Mutex
	made map[variant]*chi.Mux
}

// routesOf returns the router of a variant. Its handlers answer for the instance
// that the request's context has, see [api.scope].
func routesOf(v variant) *chi.Mux {
	routes.mu.Lock()
	defer routes.mu.Unlock()
	if router := routes.made[v]; router != nil {
		return router
	}
	router := chi.NewRouter()
	router.Use(middleware.GetHead)
	router.NotFound(func(w http.ResponseWriter, _ *http.Request) {
		problem.Write(w, errNoRoute)
	})
	router.MethodNotAllowed(func(w http.ResponseWriter, r *http.Request) { methodNotAllowed(router, w, r) })
	for _, op := range operations() {
		if op.Path == metricsPath && !v.metrics || op.webhooks && !v.webhooks {
			continue
		}
		router.Method(op.Method, op.Path, handler(&op))
	}
	if routes.made == nil {
		routes.made = make(map[variant]*chi.Mux)
	}
	routes.made[v] = router
	return router
}

// scope is the context of a request: it says for which instance the request is,
// and where the router keeps what it found. One value for both costs no more than
// what the router would make by itself.
type scope struct {
	context.Context
	api   *api
	route *chi.Context
}

type apiKey struct{}

// Value implements [context.Context].
func (s *scope) Value(key any) any {
	switch key {
	case chi.RouteCtxKey:
		return s.route
	case apiKey{}:
		return s.api
	default:
		return s.Context.Value(key)
	}
}

// apiOf returns the face that a request is for.
func apiOf(r *http.Request) *api { return r.Context().Value(apiKey{}).(*api) }

// routeContexts are kept for one another, as a router keeps them.
var routeContexts = sync.Pool{New: func() any { return chi.NewRouteContext() }}

// scope gives requests the instance's scope, for routes.
func (a *api) scope(routes chi.Routes, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		route := routeContexts.Get().(*chi.Context)
		route.Reset()
		route.Routes = routes
		next.ServeHTTP(w, r.WithContext(&scope{Context: r.Context(), api: a, route: route}))
		routeContexts.Put(route)
	})
}

var errNoRoute = problem.New(http.StatusNotFound, string(sim.CodeNotFound), "there is nothing at this path; /openapi.json lists what there is")

// methods are those by which a path may be served, in the order of the Allow
// header.
var methods = []string{
	http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete,
}

// methodNotAllowed answers where a path does not know the method, and says which
// methods it knows.
func methodNotAllowed(routes chi.Routes, w http.ResponseWriter, r *http.Request) {
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
		if routes.Match(chi.NewRouteContext(), routed, path) {
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
