package supervisor

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// dialTo opens a connection that is closed with the test.
func dialTo(t *testing.T, address string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(patience))
	return conn
}

func TestConnectionsBeyondTheBoundAreToldWhyAndLaterLetIn(t *testing.T) {
	t.Parallel()
	h := launch(t, options{config: testConfig(t)})
	status := h.add("bank", `"limits":{"max_client_connections":2}`)
	ask := func(conn net.Conn) *http.Response {
		t.Helper()
		if _, err := fmt.Fprintf(conn, "GET /api/v1/ready HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatal(err)
		}
		return resp
	}
	kept := []net.Conn{dialTo(t, status.HTTPAddr), dialTo(t, status.HTTPAddr)}
	for _, conn := range kept {
		if resp := ask(conn); resp.StatusCode != http.StatusOK {
			t.Fatalf("within the bound: %s", resp.Status)
		}
	}
	refused := ask(dialTo(t, status.HTTPAddr))
	body, err := io.ReadAll(refused.Body)
	if err != nil || refused.StatusCode != http.StatusServiceUnavailable || refused.Header.Get("Retry-After") != "1" || !refused.Close ||
		!strings.Contains(string(body), "limits.max_client_connections") || !strings.Contains(string(body), `"code":"overloaded"`) {
		t.Errorf("beyond the bound: %s %v %s, %v", refused.Status, refused.Header, body, err)
	}
	_ = kept[0].Close()
	h.until("there is room again", func() bool { return ask(dialTo(t, status.HTTPAddr)).StatusCode == http.StatusOK })
	metrics := textOf(t, kept[1], "/metrics")
	for _, line := range []string{`custodian_bounds_refused_total{bound="http_connections"} `, `custodian_bounds_limit{bound="http_connections"} 2`} {
		if !strings.Contains(metrics, line) {
			t.Errorf("the metrics lack %s:\n%s", line, metrics)
		}
	}
}

func textOf(t *testing.T, conn net.Conn, path string) string {
	t.Helper()
	if _, err := fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", path); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}
