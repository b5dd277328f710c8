package config

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/access"
)

// suites are those of TLS 1.2 that keep sessions secret after the key is lost and
// authenticate what they encrypt. TLS 1.3 has no others.
var suites = []uint16{
	tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
	tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
	tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
}

// Load reads the files for TLS of the admin API; nil where there are none. A
// certificate is asked for, and needed unless there are tokens too. Errors name
// the key and the file.
func (a Admin) Load() (*tls.Config, error) {
	// A token lets in as well as a certificate. Probes have neither, so where
	// both are possible the decision is not that of the handshake.
	auth := tls.RequireAndVerifyClientCert
	if len(a.Tokens) > 0 {
		auth = tls.VerifyClientCertIfGiven
	}
	return loadTLS("admin.tls", a.TLS.Cert, a.TLS.Key, a.TLS.ClientCA, auth)
}

// Load reads the files for TLS of instances; nil where there are none. Errors
// name the key and the file.
func (t PortsTLS) Load() (*tls.Config, error) {
	return loadTLS("ports.tls", t.Cert, t.Key, t.ClientCA, tls.RequireAndVerifyClientCert)
}

func loadTLS(path, cert, key, clientCA string, auth tls.ClientAuthType) (*tls.Config, error) {
	if cert == "" && key == "" {
		if clientCA != "" {
			return nil, fmt.Errorf("%s.client_ca: needs cert and key, too", path)
		}
		return nil, nil
	}
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		return nil, fmt.Errorf("%s: cert %q with key %q: %w", path, cert, key, err)
	}
	out := &tls.Config{
		MinVersion: tls.VersionTLS12, CipherSuites: suites, Certificates: []tls.Certificate{pair}, NextProtos: []string{"h2", "http/1.1"},
	}
	if clientCA == "" {
		return out, nil
	}
	authorities, err := os.ReadFile(clientCA)
	if err != nil {
		return nil, fmt.Errorf("%s.client_ca: %w", path, err)
	}
	out.ClientCAs = x509.NewCertPool()
	if !out.ClientCAs.AppendCertsFromPEM(authorities) {
		return nil, fmt.Errorf("%s.client_ca: %s holds no certificate in PEM form", path, clientCA)
	}
	out.ClientAuth = auth
	return out, nil
}

// Keys returns keys as package access takes them.
func Keys(list []Token) []access.Key {
	out := make([]access.Key, len(list))
	for i, t := range list {
		out[i] = access.Key{Name: t.Name, SHA256: t.SHA256.Reveal(), Role: access.Role(t.Role)}
	}
	return out
}
