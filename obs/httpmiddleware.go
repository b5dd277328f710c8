package obs

import (
	"context"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/httpapi/requestid"
)

// unmatchedEndpoint is the endpoint of requests that no route was found for.
const unmatchedEndpoint = "unmatched"

// HTTPMiddleware meters the instance's requests. Place it outermost in a chi
// router (Use), or around one; the endpoint label is chi's route pattern, and
// "unmatched" where no route answered.
func (in *Instance) HTTPMiddleware(next http.Handler) http.Handler {
	metered := meterHTTP(next, in)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Context().Value(unmeteredKey{}) != nil {
			next.ServeHTTP(w, r)
			return
		}
		metered.ServeHTTP(w, r)
	})
}

type unmeteredKey struct{}

// Unmetered returns a context for requests to an instance that are not metered as
// those of its callers, since they are metered where they came in.
func Unmetered(ctx context.Context) context.Context {
	return context.WithValue(ctx, unmeteredKey{}, true)
}

// AdminMiddleware meters the requests of the admin port, in
// custodian_admin_http_requests_total; it is placed as
// [Instance.HTTPMiddleware] is.
func (r *Registry) AdminMiddleware(next http.Handler) http.Handler {
	return meterHTTP(next, adminRecorder{r})
}

// httpRecorder takes what meterHTTP sees. Each started has one finished.
type httpRecorder interface {
	httpStarted(method string)
	httpFinished(r *http.Request, a httpAnswer)
}

// httpAnswer is what became of a request.
type httpAnswer struct {
	method, endpoint string // labels
	status           int
	took             time.Duration
	header           http.Header
}

func (in *Instance) httpStarted(method string) { in.httpInFlight.get().WithLabelValues(method).Inc() }

func (in *Instance) httpFinished(r *http.Request, a httpAnswer) {
	in.httpInFlight.get().WithLabelValues(a.method).Dec()
	in.httpDuration.get().WithLabelValues(a.method, a.endpoint).Observe(a.took.Seconds())
	in.httpRequests.get().WithLabelValues(a.method, a.endpoint, strconv.Itoa(a.status)).Inc()
	in.vitals.request(a.status >= http.StatusInternalServerError)
	if !streams(a.header) {
		in.vitals.took(a.took)
	}
	if in.logs(r.Context()) {
		in.logger.DebugContext(r.Context(), "request", "method", r.Method, "path", r.URL.Path, "status", a.status,
			"took", a.took, "request_id", a.header.Get(requestid.Header))
	}
}

// logs reports whether somebody wants a line for each request.
func (in *Instance) logs(ctx context.Context) bool {
	return in.logger != nil && in.logger.Enabled(ctx, slog.LevelDebug)
}

type adminRecorder struct{ registry *Registry }

func (adminRecorder) httpStarted(string) {}

func (a adminRecorder) httpFinished(_ *http.Request, answer httpAnswer) {
	a.registry.adminRequests.WithLabelValues(answer.method, answer.endpoint, strconv.Itoa(answer.status)).Inc()
}

func meterHTTP(next http.Handler, recorder httpRecorder) http.Handler {
	router, wrapsRouter := next.(chi.Routes)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if wrapsRouter && chi.RouteContext(r.Context()) == nil {
			// Around a router, rather than inside it, the routing context would
			// be made further down, out of sight: make it here.
			rctx := chi.NewRouteContext()
			rctx.Routes = router
			r = r.WithContext(context.WithValue(r.Context(), chi.RouteCtxKey, rctx))
		}
		method := methodLabel(r.Method)
		ww := middleware.NewWrapResponseWriter(w, r.ProtoMajor)
		start := time.Now()
		recorder.httpStarted(method)
		returned := false
		// Deferred without recovering: a panic is counted and goes on its way.
		defer func() {
			status := ww.Status()
			switch {
			case status != 0:
			case returned:
				status = http.StatusOK // what net/http sends for a handler that wrote nothing
			default:
				status = http.StatusInternalServerError
			}
			endpoint := endpointLabel(r, status)
			routed(r.Context(), method, endpoint)
			recorder.httpFinished(r, httpAnswer{method, endpoint, status, time.Since(start), ww.Header()})
		}()
		next.ServeHTTP(ww, r)
		returned = true
	})
}

// streams reports whether an answer is one of server-sent events, which lasts for as
// long as its reader likes.
func streams(h http.Header) bool {
	mediaType := h["Content-Type"]
	return len(mediaType) > 0 && mediaType[0] == "text/event-stream"
}

// endpointLabel is the route pattern that answered r. It is complete only once
// the router has returned.
func endpointLabel(r *http.Request, status int) string {
	pattern := chi.RouteContext(r.Context()).RoutePattern()
	if pattern == "" {
		return unmatchedEndpoint
	}
	// A mounted router that found no route leaves the pattern of its mount
	// point, as "/api/*". With these statuses that is not a route.
	if strings.HasSuffix(pattern, "/*") &&
		(status == http.StatusNotFound || status == http.StatusMethodNotAllowed) {
		return unmatchedEndpoint
	}
	return pattern
}

// methodLabel bounds the method, which a client may choose freely.
func methodLabel(method string) string {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch,
		http.MethodDelete, http.MethodOptions, http.MethodConnect, http.MethodTrace:
		return method
	default:
		return otherValue
	}
}
