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

// reply is what was answered on a connection.
type reply struct {
	status int
	header http.Header
	closed bool // whether that was the last on the connection
	text   string
}

func askOn(t *testing.T, conn net.Conn, path string) reply {
	t.Helper()
	if _, err := fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", path); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }() // read to its end
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return reply{resp.StatusCode, resp.Header, resp.Close, string(text)}
}

func TestConnectionsBeyondTheBoundAreToldWhyAndLaterLetIn(t *testing.T) {
	t.Parallel()
	h := launch(t, options{config: testConfig(t)})
	status := h.add("bank", `"limits":{"max_client_connections":2}`)
	const ready = "/api/v1/ready"
	kept := []net.Conn{dialTo(t, status.HTTPAddr), dialTo(t, status.HTTPAddr)}
	for _, conn := range kept {
		if a := askOn(t, conn, ready); a.status != http.StatusOK {
			t.Fatalf("within the bound: %+v", a)
		}
	}
	a := askOn(t, dialTo(t, status.HTTPAddr), ready)
	if a.status != http.StatusServiceUnavailable || a.header.Get("Retry-After") != "1" || !a.closed ||
		!strings.Contains(a.text, "limits.max_client_connections") || !strings.Contains(a.text, `"code":"overloaded"`) {
		t.Errorf("beyond the bound: %+v", a)
	}
	_ = kept[0].Close()
	h.until("there is room again", func() bool { return askOn(t, dialTo(t, status.HTTPAddr), ready).status == http.StatusOK })
	metrics := askOn(t, kept[1], "/metrics").text
	for _, line := range []string{`custodian_bounds_refused_total{bound="http_connections"} `, `custodian_bounds_limit{bound="http_connections"} 2`} {
		if !strings.Contains(metrics, line) {
			t.Errorf("the metrics lack %s:\n%s", line, metrics)
		}
	}
}
