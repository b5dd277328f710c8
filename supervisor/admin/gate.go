package admin

import (
	"crypto/x509"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/access"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/supervisor/config"
)

var errCertificate = sim.Errorf(sim.CodeForbidden, "the client certificate is not one that is let in")

// gate decides who is let in, and as what. It is safe for concurrent use.
type gate struct {
	guard *access.Guard
	sites *access.Sites
	// certs is whether a verified client certificate lets in, too.
	certs bool
	// clients are the certificates that do; none for all that are verified.
	clients atomic.Pointer[[]config.Client]
}

func newGate(c config.Admin) *gate {
	g := &gate{
		guard: access.NewGuard("token", "this needs a token (Authorization: Bearer …) or a client certificate", nil),
		certs: c.TLS.ClientCA != "",
	}
	// Beyond loopback there is a token or a certificate, which no page can have
	// sent, so names matter there only if there are some.
	var hosts *access.Hosts
	if host, _, err := net.SplitHostPort(c.Listen); err == nil && (access.Loopback(host) || len(c.Hosts) > 0) {
		hosts = access.NewHosts(host, c.Hosts)
	}
	g.sites = access.NewSites(hosts)
	g.reload(c)
	return g
}

// reload takes over changed tokens and client certificates.
func (g *gate) reload(c config.Admin) {
	g.guard.SetKeys(config.Keys(c.Tokens))
	clients := slices.Clone(c.TLS.Clients)
	g.clients.Store(&clients)
}

// check returns who sends a request, or why it is refused.
func (g *gate) check(r *http.Request, needed access.Role) (string, error) {
	if err := g.sites.Check(r); err != nil {
		return "", err
	}
	who, caller, err := g.identify(r)
	if err != nil {
		return who, err
	}
	if !caller.Role.Allows(needed) {
		return who, access.Forbidden(caller)
	}
	return who, nil
}

// identify finds out who sends a request. A certificate goes before a token.
func (g *gate) identify(r *http.Request) (who string, c access.Caller, err error) {
	certified := g.certs && r.TLS != nil && len(r.TLS.VerifiedChains) > 0
	if certified {
		subject := r.TLS.PeerCertificates[0].Subject.String()
		if role, ok := g.roleOf(r.TLS.PeerCertificates[0]); ok {
			return "certificate " + subject, access.Caller{Name: subject, Role: role}, nil
		}
	}
	secret := access.Bearer(r.Header.Values("Authorization"))
	switch {
	case certified && secret == "":
		return "", c, errCertificate
	case g.guard.Empty() && !g.certs:
		return "anybody on this machine", c, nil
	}
	c, err = g.guard.Check(secret, access.Origin(r.RemoteAddr))
	if err != nil {
		return "", c, err
	}
	return "token " + c.Name, c, nil
}

// roleOf returns the role of a verified certificate; false if it is not let in.
func (g *gate) roleOf(cert *x509.Certificate) (access.Role, bool) {
	clients := *g.clients.Load()
	for _, c := range clients {
		if c.Subject != "" && c.Subject == cert.Subject.String() || c.SAN != "" && hasName(cert, c.SAN) {
			return access.Role(c.Role), true
		}
	}
	return access.Operate, len(clients) == 0
}

// hasName reports whether a certificate has an alternative name. Only its text
// counts: a wildcard in a client's certificate stands for no other name.
func hasName(cert *x509.Certificate, name string) bool {
	for _, uri := range cert.URIs {
		if uri.String() == name {
			return true
		}
	}
	for _, ip := range cert.IPAddresses {
		if ip.String() == name {
			return true
		}
	}
	return slices.Contains(cert.EmailAddresses, name) ||
		slices.ContainsFunc(cert.DNSNames, func(dns string) bool { return strings.EqualFold(dns, name) })
}

// roleFor returns the role that a request needs. Whatever is not known to show
// nothing but state is for those who operate: a snapshot holds secrets, and a profile
// takes time of the processors from everybody.
func roleFor(r *http.Request) access.Role {
	switch {
	case r.Method != http.MethodGet && r.Method != http.MethodHead,
		strings.HasSuffix(r.URL.Path, snapshotSuffix), strings.HasPrefix(r.URL.Path, profilesPath):
		return access.Operate
	default:
		return access.Read
	}
}

// admit lets requests in or refuses them. Health and readiness are open to all:
// they say nothing that is worth a secret, and probes have no tokens. So are the
// files of the console, which are the same for everybody.
func (a *API) admit(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == healthPath || r.URL.Path == readyPath || files[r.URL.Path] != nil {
			next.ServeHTTP(w, r)
			return
		}
		name, err := a.gate.check(r, roleFor(r))
		if t, ok := w.(*trackingWriter); ok {
			t.who = name
		}
		if err != nil {
			if sim.CodeOf(err) == sim.CodeUnauthorized {
				w.Header().Set("WWW-Authenticate", `Bearer realm="custodian"`)
			}
			a.refuse(w, r, err)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// protect sets headers by which a browser makes nothing of an answer but what
// it is. A handler that answers with a page sets its own policy.
func protect(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Cache-Control", "no-store")
		h.Set("Content-Security-Policy", "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		next.ServeHTTP(w, r)
	})
}
