package httpapi

import (
	"errors"
	"net/http"
	"runtime/debug"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/httpapi/problem"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/httpapi/requestid"
)

// recoverPanics turns a panic into an answer, so that a defect costs one
// request. Where the answer has begun already the connection is cut instead:
// the caller must not take half an answer for a whole one.
func (a *api) recoverPanics(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		tracked := &trackingWriter{ResponseWriter: w}
		defer func() {
			p := recover()
			if p == nil {
				return
			}
			if err, ok := p.(error); ok && errors.Is(err, http.ErrAbortHandler) {
				panic(p) // a handler that wants the connection cut
			}
			a.Logger.Error("panic in a request handler", "method", r.Method, "path", r.URL.Path,
				"request_id", requestid.Of(w), "panic", p, "stack", string(debug.Stack()))
			if a.OnPanic != nil {
				a.OnPanic(p)
			}
			if tracked.begun {
				panic(http.ErrAbortHandler)
			}
			problem.Write(w, errPanic)
		}()
		next.ServeHTTP(tracked, r)
	})
}

// errPanic is answered after a panic; what it was is in the log.
var errPanic = problem.New(http.StatusInternalServerError, "internal",
	"something went wrong inside; the log has more under the request id")

// trackingWriter knows whether the answer has begun.
type trackingWriter struct {
	http.ResponseWriter
	begun bool
}

// WriteHeader notes that the answer has begun.
func (t *trackingWriter) WriteHeader(status int) {
	t.begun = true
	t.ResponseWriter.WriteHeader(status)
}

// Write notes that the answer has begun.
func (t *trackingWriter) Write(p []byte) (int, error) {
	t.begun = true
	return t.ResponseWriter.Write(p)
}

// Unwrap lets [http.ResponseController] reach the server's own writer.
func (t *trackingWriter) Unwrap() http.ResponseWriter { return t.ResponseWriter }
