package supervisor

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	pb "github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/custodianpb"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/supervisor/config"
)

func hashOf(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(sum[:])
}

func keyField(secret string) string {
	return fmt.Sprintf(`"api_keys":[{"name":"desk","sha256":%q}]`, hashOf(secret))
}

// certify writes a certificate for 127.0.0.1 that signs itself, in place of what
// is there, and returns a pool that trusts it.
func certify(t *testing.T, files config.PortsTLS) *x509.CertPool {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: "server"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		IsCA: true, BasicConstraintsValid: true, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for file, block := range map[string]*pem.Block{files.Cert: {Type: "CERTIFICATE", Bytes: der}, files.Key: {Type: "EC PRIVATE KEY", Bytes: private}} {
		if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	return pool
}

// over sends a GET request over TLS, with a key if it is not empty.
func over(ctx context.Context, secure *tls.Config, addr, path, key string) (status, major int, err error) {
	transport := &http.Transport{TLSClientConfig: secure, ForceAttemptHTTP2: true}
	defer transport.CloseIdleConnections()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+addr+path, nil)
	if err != nil {
		return 0, 0, err
	}
	if key != "" {
		r.Header.Set("X-API-Key", key)
	}
	resp, err := transport.RoundTrip(r)
	if err != nil {
		return 0, 0, err
	}
	defer func() { _ = resp.Body.Close() }()
	_, err = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode, resp.ProtoMajor, err
}

func TestInstancesSpeakTLSAndAskForKeys(t *testing.T) {
	t.Parallel()
	c := testConfig(t)
	dir := t.TempDir()
	c.Ports.TLS = config.PortsTLS{Cert: filepath.Join(dir, "server.crt"), Key: filepath.Join(dir, "server.key")}
	first := certify(t, c.Ports.TLS)
	h := launch(t, options{config: c})
	one := h.add("one", keyField("k-1"))
	two := h.add("two", keyField("k-2"))

	secure := &tls.Config{RootCAs: first}
	for key, want := range map[string]int{"": 401, "k-1": 200, "k-2": 401} {
		if status, major, err := over(h.ctx, secure, one.HTTPAddr, "/api/v1/positions", key); err != nil || status != want || major != 2 {
			t.Errorf("with the key %q: %d over HTTP/%d, %v", key, status, major, err)
		}
	}
	if status, _, err := over(h.ctx, secure, two.HTTPAddr, "/api/v1/ready", ""); err != nil || status != 200 {
		t.Errorf("readiness: %d, %v", status, err)
	}
	if a, err := request(h.ctx, "GET", one.HTTPAddr, "/api/v1/positions", ""); err == nil && a.status != http.StatusBadRequest {
		t.Errorf("in clear text: %d %s", a.status, a.body)
	}
	conn, err := grpc.NewClient(one.GRPCAddr, grpc.WithTransportCredentials(credentials.NewTLS(secure)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	custody := pb.NewCustodianServiceClient(conn)
	if _, err := custody.ListPositions(h.ctx, &pb.ListPositionsRequest{}); status.Code(err) != codes.Unauthenticated {
		t.Errorf("gRPC without a key: %v", err)
	}
	if _, err := custody.ListPositions(metadata.AppendToOutgoingContext(h.ctx, "authorization", "Bearer k-1"), &pb.ListPositionsRequest{}); err != nil {
		t.Errorf("gRPC with a key: %v", err)
	}
	if text := strings.Join(h.scrape("k-"), "\n"); text != "" {
		t.Errorf("metrics have keys in them: %s", text)
	}

	// Renewed files are taken up while everything runs.
	second := certify(t, c.Ports.TLS)
	if changes, err := h.Reload(h.ctx); err != nil || len(changes) > 0 {
		t.Fatalf("reloading: %v, %v", changes, err)
	}
	if status, _, err := over(h.ctx, &tls.Config{RootCAs: second}, two.HTTPAddr, "/api/v1/ready", ""); err != nil || status != 200 {
		t.Errorf("after renewal: %d, %v", status, err)
	}
	if err := os.Remove(c.Ports.TLS.Key); err != nil {
		t.Fatal(err)
	}
	if _, err := h.Reload(h.ctx); err == nil || !strings.Contains(err.Error(), "ports.tls") {
		t.Errorf("a key that is gone: %v", err)
	}
	if status, _, err := over(h.ctx, &tls.Config{RootCAs: second}, two.HTTPAddr, "/api/v1/ready", ""); err != nil || status != 200 {
		t.Errorf("after a renewal that failed: %d, %v", status, err)
	}
}

func TestInstancesAskForCertificates(t *testing.T) {
	t.Parallel()
	c := testConfig(t)
	dir := t.TempDir()
	c.Ports.TLS = config.PortsTLS{Cert: filepath.Join(dir, "server.crt"), Key: filepath.Join(dir, "server.key"), ClientCA: filepath.Join(dir, "server.crt")}
	c.Ports.Host = "0.0.0.0" // where certificates stand for keys
	pool := certify(t, c.Ports.TLS)
	own, err := tls.LoadX509KeyPair(c.Ports.TLS.Cert, c.Ports.TLS.Key)
	if err != nil {
		t.Fatal(err)
	}
	h := launch(t, options{config: c})
	addr := strings.Replace(h.add("one").HTTPAddr, "0.0.0.0", "127.0.0.1", 1)
	if _, _, err := over(h.ctx, &tls.Config{RootCAs: pool}, addr, "/api/v1/ready", ""); err == nil {
		t.Error("who has no certificate is let in")
	}
	if status, _, err := over(h.ctx, &tls.Config{RootCAs: pool, Certificates: []tls.Certificate{own}}, addr, "/api/v1/positions", ""); err != nil || status != 200 {
		t.Errorf("who has one: %d, %v", status, err)
	}
}

// An instance that waits to be started again says so to those who speak TLS.
func TestStandInSpeaksTLSToo(t *testing.T) {
	t.Parallel()
	c := testConfig(t)
	dir := t.TempDir()
	c.Ports.TLS = config.PortsTLS{Cert: filepath.Join(dir, "server.crt"), Key: filepath.Join(dir, "server.key")}
	c.Defaults.Restart.Initial, c.Defaults.Restart.Max = config.Duration(time.Hour), config.Duration(time.Hour)
	secure := &tls.Config{RootCAs: certify(t, c.Ports.TLS)}
	c.Instances = []config.Instance{entry(t, "one")}
	broken := &faults{name: "one"}
	broken.loadPanics.Store(1000)
	h := launch(t, options{config: c, wrap: broken.wrap})
	h.until("the stand-in answers", func() bool {
		one, err := h.Get("one")
		if err != nil || !strings.Contains(one.LastError, "deliberate") {
			return false
		}
		status, _, err := over(h.ctx, secure, one.HTTPAddr, "/api/v1/positions", "")
		return err == nil && status == http.StatusServiceUnavailable
	})
}

func TestNobodyListensBeyondLoopbackUnasked(t *testing.T) {
	t.Parallel()
	c := testConfig(t)
	c.Ports.Host = "0.0.0.0"
	h := launch(t, options{config: c})
	_, err := h.Add(h.ctx, entry(t, "open"), true)
	wantKind(t, err, KindConflict, "reachable from other machines", "api_keys", "ports.open")
	keyed := h.add("keyed", keyField("k-1"))
	addr := strings.Replace(keyed.HTTPAddr, "0.0.0.0", "127.0.0.1", 1)
	if a := h.want(401, "GET", addr, "/api/v1/positions", ""); a.code() != "unauthorized" {
		t.Errorf("got %s", a.body)
	}
	_, err = h.Clone(h.ctx, "keyed", CloneOptions{Name: "copy"})
	if err != nil {
		t.Fatal(err)
	}
	copied, err := h.Get("copy")
	if err != nil {
		t.Fatal(err)
	}
	h.want(401, "GET", strings.Replace(copied.HTTPAddr, "0.0.0.0", "127.0.0.1", 1), "/api/v1/positions", "")
}

func TestKeysAreNotShownAndComeBack(t *testing.T) {
	t.Parallel()
	h := launch(t, options{config: testConfig(t)})
	one := h.add("one", keyField("k-1"))
	doc, tag, err := h.Desired(h.ctx)
	if err != nil {
		t.Fatal(err)
	}
	shown, err := json.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(shown), hashOf("k-1")) || !strings.Contains(string(shown), `"desk"`) {
		t.Errorf("shown: %s", shown)
	}
	// As it was shown it is sent in again: the hash is what it was.
	read, err := config.ParseInstance(fmt.Appendf(nil, `{"name":"one","http_port":%d,"grpc_port":%d,"api_keys":[{"name":"desk","sha256":"xxxxx"}]}`,
		doc.Instances[0].Instance.HTTPPort, doc.Instances[0].Instance.GRPCPort))
	if err != nil {
		t.Fatal(err)
	}
	merged := config.Config{Instances: []config.Instance{read}}.WithSecretsOf(config.Config{Instances: []config.Instance{doc.Instances[0].Instance}})
	changes, _, err := h.Apply(h.ctx, Document{Instances: []Entry{{Instance: merged.Instances[0]}}}, tag, false)
	if err != nil || len(changes) != 0 {
		t.Errorf("changes %v, %v", changes, err)
	}
	// Of another name there is nothing to come back.
	read.APIKeys[0].Name = "stranger"
	_, _, err = h.Apply(h.ctx, Document{Instances: []Entry{{Instance: read}}}, "", false)
	wantKind(t, err, KindConflict, "is not a SHA-256 hash")
	// A key that is replaced is refused from then on, and books stay.
	read.APIKeys = []config.Token{{Name: "desk", SHA256: config.KeyHash(hashOf("k-2"))}}
	if _, _, err := h.Apply(h.ctx, Document{Instances: []Entry{{Instance: read}}}, "", false); err != nil {
		t.Fatal(err)
	}
	with := func(key string) int {
		r, err := http.NewRequestWithContext(h.ctx, http.MethodGet, "http://"+one.HTTPAddr+"/api/v1/positions", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+key)
		resp, err := client.Do(r)
		if err != nil {
			return 0 // the ports change hands
		}
		_ = resp.Body.Close()
		return resp.StatusCode
	}
	h.until("the new key lets in", func() bool { return with("k-2") == 200 })
	if got := with("k-1"); got != 401 {
		t.Errorf("the old key: %d", got)
	}
	if got := h.must(h.Reset(h.ctx, "one", 0, true)); got.State != StateRunning || with("k-2") != 200 || with("") != 401 {
		t.Errorf("after a reset: %+v", got)
	}
}

func TestTokensChangeWithoutANewProcess(t *testing.T) {
	t.Parallel()
	c := testConfig(t)
	c.Admin.Tokens = []config.Token{{Name: "ops", SHA256: config.KeyHash(hashOf("a"))}}
	next := c
	h := launch(t, options{config: c, load: func() (config.Config, error) { return next, nil }})
	next.Admin.Tokens = []config.Token{{Name: "ops", SHA256: config.KeyHash(hashOf("b")), Role: "read"}}
	if changes, err := h.Reload(h.ctx); err != nil || len(changes) != 0 {
		t.Errorf("%v, %v", changes, err)
	}
	next.Admin.Listen = "127.0.0.1:1"
	if _, err := h.Reload(h.ctx); !errors.As(err, new(*Error)) {
		t.Errorf("another address: %v", err)
	}
}
