package admin

import (
	"errors"
	"log/slog"
	"net/http"
	"runtime/debug"
	"time"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/httpapi/problem"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/httpapi/requestid"
)

// watch logs requests, those that may change something for everybody to see,
// and turns a panic into an answer, so that a defect costs one request. Where
// the answer has begun already the connection is cut instead: the caller must
// not take half an answer for a whole one.
func (a *API) watch(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		tracked := &trackingWriter{ResponseWriter: w}
		start := time.Now()
		defer func() {
			p := recover()
			if err, ok := p.(error); ok && errors.Is(err, http.ErrAbortHandler) {
				panic(p) // the connection is to be cut
			}
			if p != nil {
				a.opts.Logger.ErrorContext(r.Context(), "panic in an admin request", "method", r.Method, "path", r.URL.Path,
					"request_id", requestid.Of(w), "panic", p, "stack", string(debug.Stack()))
				if tracked.status != 0 {
					panic(http.ErrAbortHandler)
				}
				a.refuse(tracked, r, errPanic)
			}
			level := slog.LevelDebug
			if r.Method != http.MethodGet && r.Method != http.MethodHead {
				level = slog.LevelInfo
			}
			a.opts.Logger.Log(r.Context(), level, "admin request", "method", r.Method, "path", r.URL.Path,
				"status", tracked.status, "who", tracked.who, "from", r.RemoteAddr, "took", time.Since(start), "request_id", requestid.Of(w))
		}()
		next.ServeHTTP(tracked, r)
	})
}

// errPanic is answered after a panic; what it was is in the log.
var errPanic = problem.New(http.StatusInternalServerError, string(sim.CodeInternal),
	"something went wrong inside; the log has more under the request id")

// trackingWriter knows the status of the answer, and who gets it.
type trackingWriter struct {
	http.ResponseWriter
	status int
	who    string
}

// WriteHeader notes the status.
func (t *trackingWriter) WriteHeader(status int) {
	if t.status == 0 {
		t.status = status
	}
	t.ResponseWriter.WriteHeader(status)
}

// Write notes the status of an answer that names none.
func (t *trackingWriter) Write(p []byte) (int, error) {
	if t.status == 0 {
		t.status = http.StatusOK
	}
	return t.ResponseWriter.Write(p)
}

// Unwrap lets [http.ResponseController] reach the server's own writer.
func (t *trackingWriter) Unwrap() http.ResponseWriter { return t.ResponseWriter }
