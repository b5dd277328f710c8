package httpapi

import (
	"errors"
	"net/http"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/guard"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/httpapi/problem"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/httpapi/requestid"
)

// part is what the face is called where it panics.
const part = "HTTP face"

// recoverPanics turns a panic into an answer, and reports it. It is within the
// middleware, which is to see the answer, and around it, so that nothing of ours
// is left to net/http, which would tell nobody. Where the answer has begun already
// the connection is cut instead: the caller must not take half an answer for a
// whole one.
func (a *api) recoverPanics(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		tracked := &trackingWriter{ResponseWriter: w}
		defer func() {
			value := recover()
			if value == nil {
				return
			}
			if err, ok := value.(error); ok && errors.Is(err, http.ErrAbortHandler) {
				panic(value) // a handler that wants the connection cut
			}
			p := guard.Recovered(part, value)
			guard.Do(part, nil, func() {
				if p.Tell() {
					a.Logger.ErrorContext(r.Context(), "panic in a request handler", "method", r.Method, "path", r.URL.Path,
						"request_id", requestid.Of(w), "panic", p.Value, "stack", p.Stack)
				}
			})
			if !tracked.begun {
				problem.Write(w, errPanic)
				_ = http.NewResponseController(w).Flush() // before the report, which may end the server
			}
			if a.OnPanic != nil {
				guard.Do(part, nil, func() { a.OnPanic(p) })
			}
			if tracked.begun {
				panic(http.ErrAbortHandler)
			}
		}()
		next.ServeHTTP(tracked, r)
	})
}

// errPanic is answered after a panic; what it was is in the log.
var errPanic = problem.New(http.StatusInternalServerError, string(sim.CodeInternal),
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
