package admin

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/supervisor/config"
)

// loadTLS reads the files for TLS; nil where there are none. Its errors name
// the key and the file.
func loadTLS(c config.Admin) (*tls.Config, error) {
	if c.TLS.Cert == "" && c.TLS.Key == "" {
		if c.TLS.ClientCA != "" {
			return nil, fmt.Errorf("admin.tls.client_ca: needs cert and key, too")
		}
		return nil, nil
	}
	pair, err := tls.LoadX509KeyPair(c.TLS.Cert, c.TLS.Key)
	if err != nil {
		return nil, fmt.Errorf("admin.tls: cert %q with key %q: %w", c.TLS.Cert, c.TLS.Key, err)
	}
	out := &tls.Config{
		MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{pair}, NextProtos: []string{"h2", "http/1.1"},
	}
	if c.TLS.ClientCA == "" {
		return out, nil
	}
	authorities, err := os.ReadFile(c.TLS.ClientCA)
	if err != nil {
		return nil, fmt.Errorf("admin.tls.client_ca: %w", err)
	}
	out.ClientCAs = x509.NewCertPool()
	if !out.ClientCAs.AppendCertsFromPEM(authorities) {
		return nil, fmt.Errorf("admin.tls.client_ca: %s holds no certificate in PEM form", c.TLS.ClientCA)
	}
	// A token lets in as well as a certificate. Probes have neither, so where
	// both are possible the decision is the gate's.
	out.ClientAuth = tls.RequireAndVerifyClientCert
	if len(c.Tokens) > 0 {
		out.ClientAuth = tls.VerifyClientCertIfGiven
	}
	return out, nil
}
