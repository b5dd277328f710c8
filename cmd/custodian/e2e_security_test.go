//go:build integration

package main_test

import (
	"bufio"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// This test is somebody who reaches the ports of the built program, and a web
// page in the browser of somebody who does.
func TestPortsLetInWhoMayAndNobodyElse(t *testing.T) {
	t.Parallel()
	g := newGuarded(t)
	g.start()

	operate, read, desk := "Bearer "+g.secrets["ops"], "Bearer "+g.secrets["dash"], "Bearer "+g.secrets["desk"]
	evil := map[string]string{"Origin": "http://evil.example", "Content-Type": "text/plain"}
	for name, test := range map[string]struct {
		method, url, body string
		header            map[string]string
		status            int
		code              string
	}{
		"the admin API without a token":       {"GET", g.admin + "/admin/v1/instances", "", nil, 401, "unauthorized"},
		"who may read":                        {"GET", g.admin + "/admin/v1/instances", "", auth(read), 200, ""},
		"who may read drains":                 {"POST", g.admin + "/admin/v1/instances/open/drain", "", auth(read), 403, "forbidden"},
		"who may read takes a snapshot":       {"GET", g.admin + "/admin/v1/instances/open/snapshot", "", auth(read), 403, "forbidden"},
		"who may operate":                     {"POST", g.admin + "/admin/v1/instances/open/pause", "", auth(operate), 200, ""},
		"the admin API by a foreign name":     {"GET", g.admin + "/admin/v1/instances", "", host("evil.example", operate), 403, "forbidden"},
		"a page that posts to the admin API":  {"POST", g.admin + "/admin/v1/instances/open/drain", "", page(evil, operate), 403, "forbidden"},
		"an instance without a key":           {"GET", g.keyed + "/api/v1/positions", "", nil, 401, "unauthorized"},
		"an instance with another's token":    {"GET", g.keyed + "/api/v1/positions", "", auth(operate), 401, "unauthorized"},
		"an instance with its key":            {"GET", g.keyed + "/api/v1/positions", "", auth(desk), 200, ""},
		"its key elsewhere":                   {"GET", g.admin + "/version", "", auth(desk), 401, "unauthorized"},
		"its probes":                          {"GET", g.keyed + "/api/v1/ready", "", nil, 200, ""},
		"a page that injects a fault":         {"POST", g.open + "/chaos/custodian-offline", `{"duration_s":3600}`, evil, 403, "forbidden"},
		"a page that moves the clock":         {"POST", g.open + "/clock/advance", "{}", map[string]string{"Sec-Fetch-Site": "cross-site"}, 403, "forbidden"},
		"a page on a name that points here":   {"GET", g.open + "/api/v1/positions", "", host("evil.example", ""), 403, "forbidden"},
		"a body that is not declared as JSON": {"POST", g.keyed + "/clock/advance", "{}", map[string]string{"Content-Type": "text/plain", "Authorization": desk}, 415, "unsupported_media_type"},
		"a body that is too large":            {"POST", g.keyed + "/api/v1/positions", strings.Repeat(" ", 2<<20), map[string]string{"Content-Type": "application/json", "Authorization": desk}, 413, "too_large"},
		"headers that are too large":          {"GET", g.keyed + "/api/v1/ready", "", map[string]string{"X-Long": strings.Repeat("a", 40<<10)}, 431, ""},
		"headers that are too large, admin":   {"GET", g.admin + "/healthz", "", map[string]string{"X-Long": strings.Repeat("a", 100<<10)}, 431, ""},
	} {
		status, text := g.ask(test.method, test.url, test.body, test.header)
		if status != test.status || !strings.Contains(text, test.code) {
			t.Errorf("%s: %d %s", name, status, text)
		}
	}
	g.call("POST", g.admin+"/admin/v1/instances/open/resume", operate, 200)

	t.Run("who is slow is cut off", func(t *testing.T) {
		conns := make(map[string]net.Conn)
		for name, begin := range map[string]string{
			"headers": "GET /api/v1/ready HTTP/1.1\r\nHost: localhost\r\n",
			"a body":  "POST /api/v1/positions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{",
		} {
			conn, err := net.Dial("tcp", strings.TrimPrefix(g.open, "http://"))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := io.WriteString(conn, begin); err != nil {
				t.Fatal(err)
			}
			conns[name] = conn
		}
		for name, conn := range conns {
			if err := conn.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
				t.Fatal(err)
			}
			if _, err := io.Copy(io.Discard, bufio.NewReader(conn)); err != nil {
				t.Errorf("%s: the server keeps the connection: %v", name, err)
			}
			_ = conn.Close()
		}
	})

	// A token that is taken away is refused without a new start.
	next := g.secret("ops")
	g.write()
	if err := g.cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	g.eventually("the new token to let in", func() error {
		// An old token that is tried while it counts hurts nobody.
		if status, text := g.ask("GET", g.admin+"/version", "", auth("Bearer "+next)); status != 200 {
			return fmt.Errorf("%d %s", status, text)
		}
		return nil
	})
	if status, _ := g.ask("GET", g.admin+"/version", "", auth(operate)); status != 401 {
		t.Errorf("the old token gets %d", status)
	}

	// The command line takes its token from the environment or a file alone.
	path, err := program()
	if err != nil {
		t.Fatal(err)
	}
	list := exec.Command(path, "instance", "list", "--admin", g.admin)
	list.Env = append(os.Environ(), "CUSTODIAN_ADMIN_TOKEN="+next)
	if out, err := list.CombinedOutput(); err != nil || !strings.Contains(string(out), "keyed") {
		t.Errorf("%v: %s", err, out)
	}
	if out, err := exec.Command(path, "instance", "list", "--admin", g.admin, "--token", "x").CombinedOutput(); err == nil || !strings.Contains(string(out), "unknown flag: --token") {
		t.Errorf("a token on the command line: %v: %s", err, out)
	}

	// Guessing is slowed down, from loopback too, and the right token waits with it.
	guessed := 0
	for range 30 {
		if status, _ := g.ask("GET", g.admin+"/version", "", auth("Bearer wrong")); status == 401 {
			guessed++
		}
	}
	if status, text := g.ask("GET", g.admin+"/version", "", auth("Bearer wrong")); status != 429 || !strings.Contains(text, "too_many_failures") || guessed > 29 {
		t.Errorf("after %d guesses: %d %s", guessed, status, text)
	}
	if status, _ := g.ask("GET", g.admin+"/healthz", "", nil); status != 200 {
		t.Errorf("probes get %d", status)
	}
	if status, _ := g.ask("GET", g.keyed+"/api/v1/positions", "", auth(desk)); status != 200 {
		t.Errorf("guessing at the admin API hurts an instance: %d", status)
	}
	g.eventually("the guesser to be forgiven", func() error {
		status, text := g.ask("GET", g.admin+"/admin/v1/config", "", auth("Bearer "+next))
		if status != 200 {
			return fmt.Errorf("%d %s", status, text)
		}
		return nil
	})
	_, _ = g.ask("GET", g.admin+"/metrics", "", auth("Bearer "+next))
	_, _ = g.ask("GET", g.keyed+"/metrics", "", auth(desk))
	_, _ = g.ask("GET", g.keyed+"/openapi.json", "", auth(desk))

	// Nothing that came out has a secret or a hash of one in it.
	if code := g.stop(syscall.SIGTERM); code != 0 {
		t.Errorf("exit code %d", code)
	}
	out := g.log.String() + g.said.String()
	if !strings.Contains(out, `"token ops"`) || !strings.Contains(out, "custodian_instances") {
		t.Error("the log or the metrics are missing")
	}
	for _, secret := range g.all {
		for _, hidden := range []string{secret, hashOf(secret)} {
			if strings.Contains(out, hidden) {
				t.Errorf("a secret came out: %s", hidden)
			}
		}
	}
}

func hashOf(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(sum[:])
}

func auth(value string) map[string]string { return map[string]string{"Authorization": value} }

func host(name, authorization string) map[string]string {
	return map[string]string{"Host": name, "Authorization": authorization}
}

func page(header map[string]string, authorization string) map[string]string {
	out := auth(authorization)
	for name, value := range header {
		out[name] = value
	}
	return out
}

// guarded is a supervisor that asks for tokens, with an instance that asks for a
// key and one that does not.
type guarded struct {
	*supervised
	port, keyedPort, openPort int
	keyedGRPC, openGRPC       int
	data                      string
	keyed, open               string            // URLs
	secrets                   map[string]string // by their names
	all                       []string          // those that were replaced, too
	said                      strings.Builder   // everything that was answered
}

func newGuarded(t *testing.T) *guarded {
	t.Helper()
	g := &guarded{
		supervised: &supervised{t: t, config: filepath.Join(t.TempDir(), "custodian.yaml")},
		port:       freePort(t), keyedPort: freePort(t), openPort: freePort(t), keyedGRPC: freePort(t), openGRPC: freePort(t),
		data: t.TempDir(), secrets: make(map[string]string),
	}
	g.admin = fmt.Sprintf("http://127.0.0.1:%d", g.port)
	g.keyed, g.open = fmt.Sprintf("http://127.0.0.1:%d", g.keyedPort), fmt.Sprintf("http://127.0.0.1:%d", g.openPort)
	for _, name := range []string{"ops", "dash", "desk"} {
		g.secret(name)
	}
	g.write()
	return g
}

// secret gives a name a new secret.
func (g *guarded) secret(name string) string {
	text := rand.Text()
	g.secrets[name] = text
	g.all = append(g.all, text)
	return text
}

func (g *guarded) write() {
	g.t.Helper()
	text := fmt.Sprintf(`admin:
  listen: 127.0.0.1:%d
  tokens: [{name: ops, sha256: %s}, {name: dash, sha256: %s, role: read}]
log: {level: debug}
data_dir: %q
storage: {driver: memory}
redis: {driver: "off"}
defaults: {limits: {request_timeout: 2s}}
instances:
  - {name: keyed, http_port: %d, grpc_port: %d, api_keys: [{name: desk, sha256: %s}]}
  - {name: open, http_port: %d, grpc_port: %d}
`, g.port, hashOf(g.secrets["ops"]), hashOf(g.secrets["dash"]), g.data, g.keyedPort, g.keyedGRPC, hashOf(g.secrets["desk"]), g.openPort, g.openGRPC)
	if err := os.WriteFile(g.config, []byte(text), 0o600); err != nil {
		g.t.Fatal(err)
	}
}

// ask sends a request as it is.
func (g *guarded) ask(method, url, body string, header map[string]string) (int, string) {
	g.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
	if err != nil {
		g.t.Fatal(err)
	}
	for name, value := range header {
		if name == "Host" {
			r.Host = value
		} else if value != "" {
			r.Header.Set(name, value)
		}
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, err.Error()
	}
	defer func() { _ = resp.Body.Close() }()
	text, _ := io.ReadAll(resp.Body) // what came is looked at
	fmt.Fprintf(&g.said, "%v\n%s\n", resp.Header, text)
	return resp.StatusCode, string(text)
}

func (g *guarded) call(method, url, authorization string, want int) {
	g.t.Helper()
	if status, text := g.ask(method, url, "", auth(authorization)); status != want {
		g.t.Fatalf("%s %s: %d %s", method, url, status, text)
	}
}
