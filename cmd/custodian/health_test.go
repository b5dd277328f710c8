package main

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
)

// admins answers as an admin API in some state does.
func admins(t *testing.T, status int, body string) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/readyz" && r.URL.Path != "/healthz" {
			t.Errorf("asked for %s", r.URL.Path)
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_, _ = fmt.Fprint(w, body)
	}))
	t.Cleanup(server.Close)
	return server.URL
}

func TestHealthIsTheExitCode(t *testing.T) {
	t.Parallel()
	const degraded = `{"ready":true,"status":"degraded","instances":{"running":1,"failed":1},"not_ready":["bank"]}`
	const draining = `{"ready":false,"status":"draining","instances":{"draining":1},"not_ready":["bank"]}`
	cases := map[string]struct {
		status     int
		body, line string
		code       int
		says       string
	}{
		"it answers":            {200, `{"status":"ok"}`, "health", codeOK, "ok: http://"},
		"as JSON":               {200, `{"status":"ok"}`, "health -o json", codeOK, `"status": "ok"`},
		"it does not":           {500, `{}`, "health", codeFailed, "500"},
		"ready though degraded": {200, degraded, "health --ready", codeOK, "degraded: not ready are bank"},
		"it drains":             {503, draining, "health --ready", codeFailed, "draining: not ready are bank"},
		"it drains, as JSON":    {503, draining, "health --ready -o json", codeFailed, `"ready": false`},
		"it drains but answers": {200, `{"status":"ok"}`, "health", codeOK, "ok"},
		"nothing of ours":       {200, `<html>`, "health --ready", codeFailed, "not the admin API's"},
		"waits for nothing":     {200, degraded, "health --ready --wait 1m", codeOK, "degraded: not ready are bank"},
		"waits, as JSON":        {200, degraded, "health --ready --wait 1m -o json", codeOK, `"ready": true`},
		"waits for an answer":   {200, `{"status":"ok"}`, "health --wait 1m", codeOK, "ok: http://"},
		"waits in vain":         {503, draining, "health --ready --wait 20ms", codeFailed, " is draining: not ready are bank"},
		"waits for a negative":  {200, `{"status":"ok"}`, "health --wait -1s", codeInput, "--wait: must not be negative"},
		"no time at all":        {200, `{"status":"ok"}`, "health --timeout 0s", codeInput, "must be longer than 0s"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			env := []string{envAdminURL + "=" + admins(t, c.status, c.body)}
			got := command(t, "", env, strings.Fields(c.line)...)
			if got.code != c.code || !strings.Contains(got.out+got.err, c.says) {
				t.Errorf("exit code %d, want %d and %q:\n%s%s", got.code, c.code, c.says, got.out, got.err)
			}
		})
	}
}

func TestHealthDoesNotWaitForAProcessThatHangs(t *testing.T) {
	t.Parallel()
	silent, err := net.Listen("tcp", "127.0.0.1:0") // takes connections, says nothing
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = silent.Close() })
	got := command(t, "", nil, "health", "--admin", "http://"+silent.Addr().String(), "--timeout", "50ms")
	if got.code != codeFailed || !strings.Contains(got.err, "has not answered within 50ms") {
		t.Errorf("%+v", got)
	}
}

func TestHealthNeedsNoToken(t *testing.T) {
	t.Parallel()
	admin := serving(t, fmt.Sprintf(", tokens: [{name: ops, sha256: '%064x'}]}\nstorage: {driver: memory}\nredis: {driver: 'off'}\ndata_dir: %q\n", 1, t.TempDir()))
	for _, line := range []string{"health", "health --ready"} {
		got := command(t, "", []string{envAdminURL + "=" + admin}, strings.Fields(line)...)
		if got.code != codeOK || got.err != "" {
			t.Errorf("%s: %+v", line, got)
		}
	}
}

func TestHealthWaitsUntilItIsReady(t *testing.T) {
	t.Parallel()
	var asked atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		switch asked.Add(1) {
		case 1:
			w.WriteHeader(http.StatusBadGateway)
		case 2:
			w.WriteHeader(http.StatusServiceUnavailable)
			_, _ = fmt.Fprint(w, `{"ready":false,"status":"starting","instances":{"starting":1},"not_ready":["bank"]}`)
		default:
			_, _ = fmt.Fprint(w, `{"ready":true,"status":"ready","instances":{"running":1}}`)
		}
	}))
	t.Cleanup(server.Close)
	got := command(t, "", nil, "health", "--ready", "--wait", "1m", "--admin", server.URL)
	if got.code != codeOK || got.out != "ready\n" || got.err != "" || asked.Load() != 3 {
		t.Errorf("%+v after %d questions", got, asked.Load())
	}
}

func TestHealthSaysWhyItWaitedInVain(t *testing.T) {
	t.Parallel()
	address := fmt.Sprintf("http://127.0.0.1:%d", freeAdminPort(t))
	got := command(t, "", nil, "health", "--ready", "--wait", "150ms", "--admin", address)
	if got.code != codeFailed || !strings.Contains(got.err, "waited for 150ms: no answer from the admin API at "+address) || !strings.Contains(got.err, "try: start it with") {
		t.Errorf("nobody there: %+v", got)
	}
	// The first answer says more than that there was no time left for a second.
	var asked atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if asked.Add(1) > 1 {
			<-r.Context().Done()
			return
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = fmt.Fprint(w, `{"ready":false,"status":"starting","not_ready":["bank"]}`)
	}))
	t.Cleanup(server.Close)
	got = command(t, "", nil, "health", "--ready", "--wait", "300ms", "--admin", server.URL)
	if got.code != codeFailed || !strings.Contains(got.err, "waited for 300ms: "+server.URL+" is starting: not ready are bank") || asked.Load() != 2 {
		t.Errorf("it hangs then: %+v after %d questions", got, asked.Load())
	}
}
