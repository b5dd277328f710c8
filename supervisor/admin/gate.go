package admin

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync/atomic"
	"time"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/httpapi/problem"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/supervisor/config"
)

// Codes of problems that only the admin API has.
const (
	codeUnauthorized    = "unauthorized"
	codeForbidden       = "forbidden"
	codeTooManyFailures = "too_many_failures"
)

var (
	errNoToken = problem.New(http.StatusUnauthorized, codeUnauthorized,
		"this needs a token (Authorization: Bearer …) or a client certificate")
	errBadToken = problem.New(http.StatusUnauthorized, codeUnauthorized, "the token is not one that is let in")
	errHost     = problem.New(http.StatusForbidden, codeForbidden,
		"the name in the Host header is not one of this server; call it localhost, or by its address").On("Host")
	errCrossSite = problem.New(http.StatusForbidden, codeForbidden, "requests from other sites may change nothing here").On("Origin")
)

// gate decides who is let in. It is safe for concurrent use.
type gate struct {
	tokens atomic.Pointer[[]token]
	// certs is whether a verified client certificate lets in, too.
	certs bool
	// hosts are the names by which a server on loopback may be called; nil where
	// every name will do.
	hosts    []string
	origins  *http.CrossOriginProtection
	failures *failures
}

type token struct {
	name string
	hash [sha256.Size]byte
}

func newGate(c config.Admin) *gate {
	g := &gate{certs: c.TLS.ClientCA != "", origins: http.NewCrossOriginProtection(), failures: newFailures(time.Now)}
	if host, _, err := net.SplitHostPort(c.Listen); err == nil && loopback(host) {
		g.hosts = []string{"localhost", "127.0.0.1", "::1", strings.ToLower(host)}
	}
	g.setTokens(c.Tokens)
	return g
}

// setTokens replaces the tokens. One whose hash makes no sense, which the checks
// of the configuration refuse, lets nobody in.
func (g *gate) setTokens(configured []config.Token) {
	tokens := make([]token, 0, len(configured))
	for _, c := range configured {
		t := token{name: c.Name}
		if n, err := hex.Decode(t.hash[:], []byte(c.SHA256)); err != nil || n != len(t.hash) {
			t.hash = sha256.Sum256([]byte(c.SHA256 + "\x00")) // no token holds a zero byte
		}
		tokens = append(tokens, t)
	}
	g.tokens.Store(&tokens)
}

// check returns who sends a request, or the problem with which it is refused.
func (g *gate) check(r *http.Request) (string, *problem.Problem) {
	if g.hosts != nil && !g.knows(r.Host) {
		return "", errHost
	}
	if g.origins.Check(r) != nil {
		return "", errCrossSite
	}
	tokens := *g.tokens.Load()
	if g.certs && r.TLS != nil && len(r.TLS.VerifiedChains) > 0 {
		return "certificate " + r.TLS.PeerCertificates[0].Subject.String(), nil
	}
	if len(tokens) == 0 && !g.certs {
		return "anybody on this machine", nil
	}
	text, given := bearer(r)
	if !given {
		return "", errNoToken
	}
	from := origin(r.RemoteAddr)
	if wait := g.failures.wait(from); wait > 0 {
		return "", problem.New(http.StatusTooManyRequests, codeTooManyFailures,
			"too many wrong tokens came from this address; try again later").After(wait)
	}
	name, ok := find(tokens, text)
	if !ok {
		g.failures.add(from)
		return "", errBadToken
	}
	return "token " + name, nil
}

// find compares a token with all there are, so that the time it takes tells
// nothing of which of them is near.
func find(tokens []token, text string) (name string, ok bool) {
	hash := sha256.Sum256([]byte(text))
	for i := range tokens {
		if subtle.ConstantTimeCompare(hash[:], tokens[i].hash[:]) == 1 {
			name, ok = tokens[i].name, true
		}
	}
	return name, ok
}

// bearer returns the token of a request.
func bearer(r *http.Request) (string, bool) {
	scheme, text, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	text = strings.TrimSpace(text)
	return text, strings.EqualFold(scheme, "Bearer") && text != ""
}

func (g *gate) knows(hostport string) bool {
	host := hostport
	if h, _, err := net.SplitHostPort(hostport); err == nil {
		host = h
	}
	host = strings.ToLower(strings.TrimSuffix(strings.TrimPrefix(host, "["), "]"))
	for _, known := range g.hosts {
		if host == known {
			return true
		}
	}
	return false
}

// loopback reports whether only this machine reaches a host.
func loopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.Unmap().IsLoopback()
}

// admit lets requests in or refuses them. Health and readiness are open to all:
// they say nothing that is worth a secret, and probes have no tokens.
func (a *API) admit(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == healthPath || r.URL.Path == readyPath {
			next.ServeHTTP(w, r)
			return
		}
		name, p := a.gate.check(r)
		if p != nil {
			if p.Status == http.StatusUnauthorized {
				w.Header().Set("WWW-Authenticate", `Bearer realm="custodian"`)
			}
			a.refuse(w, r, p)
			return
		}
		if t, ok := w.(*trackingWriter); ok {
			t.who = name
		}
		next.ServeHTTP(w, r)
	})
}
