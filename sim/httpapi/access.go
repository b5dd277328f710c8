package httpapi

import (
	"context"
	"net/http"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/access"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/httpapi/problem"
)

const (
	healthPath = "/api/v1/health"
	readyPath  = "/api/v1/ready"
)

var headerNoSniff = []string{"nosniff"}

// keyed reports whether callers need an API key.
func (o *Options) keyed() bool { return o.Access != nil && !o.Access.Empty() }

// admit lets requests in or refuses them. Health and readiness are open to all:
// they say nothing that is worth a key, and probes have none.
func (a *api) admit(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header()["X-Content-Type-Options"] = headerNoSniff
		if r.URL.Path != healthPath && r.URL.Path != readyPath {
			if err := a.check(r); err != nil {
				if sim.CodeOf(err) == sim.CodeUnauthorized {
					w.Header().Set("WWW-Authenticate", `Bearer realm="custodian"`)
				}
				problem.Write(w, err)
				return
			}
		}
		next.ServeHTTP(w, r)
	})
}

// admittedKey is the key of a context whose requests are let in.
type admittedKey struct{}

// Admitted returns a context whose requests the face lets in without a key: who
// sends them was found out elsewhere in the process, and may do what they ask for.
func Admitted(ctx context.Context) context.Context {
	return context.WithValue(ctx, admittedKey{}, true)
}

func admitted(r *http.Request) bool { return r.Context().Value(admittedKey{}) != nil }

// check returns why a request is refused.
func (a *api) check(r *http.Request) error {
	if a.Sites != nil {
		if err := a.Sites.Check(r); err != nil && !admitted(r) {
			return err
		}
	}
	if !a.keyed() || admitted(r) {
		return nil
	}
	caller, err := a.Access.Check(access.Secret(r.Header["Authorization"], r.Header["X-Api-Key"]), access.Origin(r.RemoteAddr))
	if err != nil {
		return err
	}
	if r.Method != http.MethodGet && r.Method != http.MethodHead && !caller.Role.Allows(access.Operate) {
		return access.Forbidden(caller)
	}
	return nil
}
