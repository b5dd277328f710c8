package admin_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/supervisor/admin"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/supervisor/admin/client"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/supervisor/admin/wire"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/supervisor/config"
)

// authority signs certificates and writes them to files.
type authority struct {
	t    *testing.T
	dir  string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	file string
}

func newAuthority(t *testing.T, name string) *authority {
	t.Helper()
	a := &authority{t: t, dir: t.TempDir()}
	a.key, a.cert = a.make(name, nil, nil)
	a.file = filepath.Join(a.dir, name+".pem")
	a.write(a.file, "CERTIFICATE", a.cert.Raw)
	return a
}

// issue writes a certificate and its key.
func (a *authority) issue(name string) (cert, key string) {
	a.t.Helper()
	private, certificate := a.make(name, a.cert, a.key)
	cert, key = filepath.Join(a.dir, name+".crt"), filepath.Join(a.dir, name+".key")
	a.write(cert, "CERTIFICATE", certificate.Raw)
	der, err := x509.MarshalECPrivateKey(private)
	if err != nil {
		a.t.Fatal(err)
	}
	a.write(key, "EC PRIVATE KEY", der)
	return cert, key
}

func (a *authority) make(name string, parent *x509.Certificate, signer *ecdsa.PrivateKey) (*ecdsa.PrivateKey, *x509.Certificate) {
	a.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		DNSNames:    []string{name + ".example.com"},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	if parent == nil {
		parent, signer = template, key
		template.IsCA, template.BasicConstraintsValid, template.KeyUsage = true, true, x509.KeyUsageCertSign
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	if err != nil {
		a.t.Fatal(err)
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		a.t.Fatal(err)
	}
	return key, certificate
}

func (a *authority) write(file, kind string, der []byte) {
	a.t.Helper()
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		a.t.Fatal(err)
	}
}

// run binds and serves an API on a free port until the test ends.
func run(t *testing.T, c config.Admin, double *double) *admin.Server {
	t.Helper()
	server, err := admin.Bind(t.Context(), c, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	o := options(double)
	o.Config, o.Context = c, server.Context()
	served := make(chan error, 1)
	go func() { served <- server.Serve(admin.New(o)) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := server.Shutdown(ctx); err != nil {
			t.Error(err)
		}
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	return server
}

func version(t *testing.T, server *admin.Server, token string, files client.TLSFiles) error {
	t.Helper()
	tlsConfig, err := files.Config()
	if err != nil {
		t.Fatal(err)
	}
	c, err := client.New(client.Options{URL: server.URL(), Token: token, TLS: tlsConfig})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_, err = c.Version(t.Context())
	return err
}

func TestURLOfAllAddressesIsOneThatCanBeCalled(t *testing.T) {
	t.Parallel()
	for _, listen := range []string{"0.0.0.0:0", ":0"} {
		server, err := admin.Bind(t.Context(), config.Admin{Listen: listen, Tokens: tokens("a")}, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		if url := server.URL(); !strings.HasPrefix(url, "http://127.0.0.1:") {
			t.Errorf("listening on %s, the API is said to be at %s", listen, url)
		}
		if err := server.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
	}
}

func TestServerServesUntilItIsShutDown(t *testing.T) {
	t.Parallel()
	double := newDouble("one")
	double.happen("one", "running")
	server, err := admin.Bind(t.Context(), config.Admin{Listen: "127.0.0.1:0"}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	o := options(double)
	o.Context = server.Context()
	served := make(chan error, 1)
	go func() { served <- server.Serve(admin.New(o)) }()
	c := dial(t, server.URL(), "")
	// A stream that nobody ends does not hold it up.
	streamed := make(chan error, 1)
	streaming := make(chan struct{})
	go func() {
		streamed <- c.Follow(t.Context(), 0, "", func(wire.Event) error { close(streaming); return errors.New("enough") })
	}()
	<-streaming
	if err := server.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	if err := <-served; err != nil {
		t.Error(err)
	}
	if err := <-streamed; err == nil {
		t.Error("the stream ended without a reason")
	}
	if _, err := c.Version(t.Context()); err == nil {
		t.Error("it answers after its end")
	}
}

func TestPortThatWasNeverServedIsReleased(t *testing.T) {
	t.Parallel()
	server, err := admin.Bind(t.Context(), config.Admin{Listen: "127.0.0.1:0"}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	address := strings.TrimPrefix(server.URL(), "http://")
	_, err = admin.Bind(t.Context(), config.Admin{Listen: address}, slog.New(slog.DiscardHandler))
	if err == nil || !strings.Contains(err.Error(), "admin.listen: address "+address+" is taken") || strings.Contains(err.Error(), "\n") {
		t.Errorf("a second server: %v", err)
	}
	if err := server.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	again, err := admin.Bind(t.Context(), config.Admin{Listen: address}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if err := again.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestWhoCannotBeServedSafelyIsNotServed(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t, "ca")
	cert, key := ca.issue("server")
	_, otherKey := ca.issue("other")
	empty := filepath.Join(t.TempDir(), "empty.pem")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	tests := map[string]struct {
		config config.Admin
		says   string
	}{
		"everybody without a token": {config.Admin{Listen: "0.0.0.0:0"}, "admin.listen: 0.0.0.0:0 is reachable from other machines"},
		"no address":                {config.Admin{Listen: "here"}, "is not host:port"},
		"an address elsewhere":      {config.Admin{Listen: "192.0.2.1:0", Tokens: tokens("a")}, "admin.listen: "},
		"no such certificate":       {config.Admin{Listen: "127.0.0.1:0", TLS: config.TLS{Cert: cert + "x", Key: key}}, "server.crtx"},
		"the wrong key":             {config.Admin{Listen: "127.0.0.1:0", TLS: config.TLS{Cert: cert, Key: otherKey}}, "does not match"},
		"no such authority":         {config.Admin{Listen: "127.0.0.1:0", TLS: config.TLS{Cert: cert, Key: key, ClientCA: "/nowhere"}}, "admin.tls.client_ca: open /nowhere"},
		"an empty authority":        {config.Admin{Listen: "127.0.0.1:0", TLS: config.TLS{Cert: cert, Key: key, ClientCA: empty}}, "holds no certificate"},
		"an authority alone":        {config.Admin{Listen: "127.0.0.1:0", TLS: config.TLS{ClientCA: ca.file}}, "needs cert and key"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := admin.Bind(t.Context(), test.config, slog.New(slog.DiscardHandler))
			if err == nil || !strings.Contains(err.Error(), test.says) || strings.Contains(err.Error(), "\n") {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestCertificatesAndTokensLetInOverTLS(t *testing.T) {
	t.Parallel()
	ca, stranger := newAuthority(t, "ca"), newAuthority(t, "stranger")
	cert, key := ca.issue("server")
	mine, mineKey := ca.issue("client")
	theirs, theirsKey := stranger.issue("client")
	server := config.TLS{Cert: cert, Key: key}
	mutual := config.TLS{Cert: cert, Key: key, ClientCA: ca.file}
	none := client.TLSFiles{CA: ca.file}
	own := client.TLSFiles{CA: ca.file, Cert: mine, Key: mineKey}
	foreign := client.TLSFiles{CA: ca.file, Cert: theirs, Key: theirsKey}
	tests := map[string]struct {
		tls    config.TLS
		tokens []string
		token  string
		files  client.TLSFiles
		ok     bool
		status int // 0 where there is not even an answer
	}{
		"TLS alone":                           {tls: server, files: none, ok: true},
		"a server nobody vouches for":         {tls: server, files: client.TLSFiles{CA: stranger.file}},
		"TLS and a token":                     {tls: server, tokens: []string{"a"}, token: "a", files: none, ok: true},
		"TLS without its token":               {tls: server, tokens: []string{"a"}, files: none, status: 401},
		"a certificate":                       {tls: mutual, files: own, ok: true},
		"no certificate":                      {tls: mutual, files: none},
		"a stranger's certificate":            {tls: mutual, files: foreign},
		"a certificate instead of a token":    {tls: mutual, tokens: []string{"a"}, files: own, ok: true},
		"a token instead of a certificate":    {tls: mutual, tokens: []string{"a"}, token: "a", files: none, ok: true},
		"neither token nor certificate":       {tls: mutual, tokens: []string{"a"}, files: none, status: 401},
		"a stranger's certificate, no token":  {tls: mutual, tokens: []string{"a"}, files: foreign, status: 401}, // it is not even sent
		"a wrong token where both are wanted": {tls: mutual, tokens: []string{"a"}, token: "b", files: none, status: 401},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			running := run(t, config.Admin{Listen: "127.0.0.1:0", TLS: test.tls, Tokens: tokens(test.tokens...)}, newDouble("one"))
			err := version(t, running, test.token, test.files)
			refused, answered := errors.AsType[*client.Error](err)
			switch {
			case test.ok && err != nil, !test.ok && err == nil:
				t.Errorf("got %v", err)
			case answered && refused.Status != test.status, !answered && test.status != 0:
				t.Errorf("got %v, want %d", err, test.status)
			}
		})
	}
}

func TestCertificatesHaveRoles(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t, "ca")
	cert, key := ca.issue("server")
	files := func(name string) client.TLSFiles {
		cert, key := ca.issue(name)
		return client.TLSFiles{CA: ca.file, Cert: cert, Key: key}
	}
	server := run(t, config.Admin{
		Listen: "127.0.0.1:0", Tokens: tokens("a"),
		TLS: config.TLS{Cert: cert, Key: key, ClientCA: ca.file, Clients: []config.Client{
			{Subject: "CN=dashboard", Role: "read"}, {SAN: "Ops.example.com"},
		}},
	}, newDouble("one"))
	for name, test := range map[string]struct {
		files         client.TLSFiles
		token         string
		reads, drains int
	}{
		"one that reads":                 {files("dashboard"), "", 200, 403},
		"one that operates":              {files("ops"), "", 200, 200},
		"one that is not named":          {files("intern"), "", 403, 403},
		"one that is not named, a token": {files("intern"), "a", 200, 200},
		"one that reads, a token":        {files("dashboard"), "a", 200, 403}, // the certificate goes first
	} {
		if err := version(t, server, test.token, test.files); statusOf(err) != test.reads {
			t.Errorf("%s reads: %v", name, err)
		}
		tls, err := test.files.Config()
		if err != nil {
			t.Fatal(err)
		}
		c, err := client.New(client.Options{URL: server.URL(), Token: test.token, TLS: tls})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(c.Close)
		if _, err := c.Drain(t.Context(), "one", 0, true); statusOf(err) != test.drains {
			t.Errorf("%s drains: %v", name, err)
		}
	}
}

// statusOf returns the status of an answer; 0 where there was none.
func statusOf(err error) int {
	if err == nil {
		return http.StatusOK
	}
	if e, ok := errors.AsType[*client.Error](err); ok {
		return e.Status
	}
	return 0
}

func TestWeakCipherSuitesAreRefused(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t, "ca")
	cert, key := ca.issue("server")
	server := run(t, config.Admin{Listen: "127.0.0.1:0", TLS: config.TLS{Cert: cert, Key: key}}, newDouble())
	for suite, accepted := range map[uint16]bool{
		tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256: true,
		tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA:    false,
		tls.TLS_ECDHE_ECDSA_WITH_RC4_128_SHA:        false,
	} {
		dialer := tls.Dialer{Config: &tls.Config{InsecureSkipVerify: true, MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{suite}}}
		conn, err := dialer.DialContext(t.Context(), "tcp", strings.TrimPrefix(server.URL(), "https://"))
		if err == nil {
			_ = conn.Close()
		}
		if (err == nil) != accepted {
			t.Errorf("%s: %v", tls.CipherSuiteName(suite), err)
		}
	}
}

func TestOldVersionsOfTLSAreRefused(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t, "ca")
	cert, key := ca.issue("server")
	server := run(t, config.Admin{Listen: "127.0.0.1:0", TLS: config.TLS{Cert: cert, Key: key}}, newDouble())
	dialer := tls.Dialer{Config: &tls.Config{InsecureSkipVerify: true, MaxVersion: tls.VersionTLS11, MinVersion: tls.VersionTLS10}}
	conn, err := dialer.DialContext(t.Context(), "tcp", strings.TrimPrefix(server.URL(), "https://"))
	if err == nil {
		_ = conn.Close()
		t.Error("TLS 1.1 is accepted")
	}
}

func TestCertificatesAreRenewedWhileServing(t *testing.T) {
	t.Parallel()
	first, second := newAuthority(t, "first"), newAuthority(t, "second")
	cert, key := first.issue("server")
	c := config.Admin{Listen: "127.0.0.1:0", TLS: config.TLS{Cert: cert, Key: key}}
	server := run(t, c, newDouble())
	if err := version(t, server, "", client.TLSFiles{CA: first.file}); err != nil {
		t.Fatal(err)
	}
	c.TLS.Cert, c.TLS.Key = second.issue("server")
	if err := server.Reload(c); err != nil {
		t.Fatal(err)
	}
	if err := version(t, server, "", client.TLSFiles{CA: second.file}); err != nil {
		t.Error(err)
	}
	broken := c
	broken.TLS.Cert = "/nowhere"
	if err := server.Reload(broken); err == nil {
		t.Error("a certificate that is not there is accepted")
	}
	if err := server.Reload(config.Admin{Listen: c.Listen}); err == nil || !strings.Contains(err.Error(), "restart") {
		t.Errorf("TLS is switched off: %v", err)
	}
	if err := version(t, server, "", client.TLSFiles{CA: second.file}); err != nil {
		t.Error(err)
	}
}

func TestStreamsWorkOverHTTP2(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t, "ca")
	cert, key := ca.issue("server")
	double := newDouble("one")
	double.happen("one", "running")
	server := run(t, config.Admin{Listen: "127.0.0.1:0", TLS: config.TLS{Cert: cert, Key: key}}, double)
	files, err := client.TLSFiles{CA: ca.file}.Config()
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{TLSClientConfig: files, ForceAttemptHTTP2: true}
	defer transport.CloseIdleConnections()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL()+"/admin/v1/events", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Accept", "text/event-stream")
	resp, err := transport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	var first [12]byte
	if _, err := resp.Body.Read(first[:]); err != nil || resp.ProtoMajor != 2 || string(first[:]) != "retry: 2000\n" {
		t.Errorf("HTTP/%d, %q, %v", resp.ProtoMajor, first, err)
	}
}
