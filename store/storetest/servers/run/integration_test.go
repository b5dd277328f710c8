//go:build integration && unix

package main

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/store/storetest/servers"
)

// session is the built command at work: its servers run and its command, a
// shell, waits for a line.
type session struct {
	cmd   *exec.Cmd
	stdin io.WriteCloser
	temp  string            // where it makes its directories
	env   map[string]string // what its command got
}

// startSession builds the command and starts it without the caller's servers.
func startSession(t *testing.T) *session {
	t.Helper()
	program := filepath.Join(t.TempDir(), "run")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", program, ".").CombinedOutput(); err != nil {
		t.Fatalf("building: %v\n%s", err, out)
	}
	// The servers' user must be able to enter it.
	temp, err := os.MkdirTemp("", "session-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(temp) })
	if err := os.Chmod(temp, 0o711); err != nil {
		t.Fatal(err)
	}

	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	s := &session{temp: temp, env: make(map[string]string)}
	s.cmd = exec.CommandContext(ctx, program, "--", "sh", "-c", `env; echo; read -r code; exit "$code"`)
	for _, entry := range os.Environ() {
		if !strings.HasPrefix(entry, "TEST_") && !strings.HasPrefix(entry, "TMPDIR=") {
			s.cmd.Env = append(s.cmd.Env, entry)
		}
	}
	s.cmd.Env = append(s.cmd.Env, "TMPDIR="+temp)
	s.cmd.Stderr = t.Output()
	stdout, err := s.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if s.stdin, err = s.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for lines := bufio.NewScanner(stdout); lines.Scan() && lines.Text() != ""; {
		name, value, _ := strings.Cut(lines.Text(), "=")
		s.env[name] = value
	}
	for _, name := range []string{servers.EnvPostgresURL, servers.EnvPostgresAdminURL, servers.EnvRedisURL, servers.EnvRedisAdminURL} {
		dial(t, s.env[name], true)
	}
	return s
}

// dial checks that something, or nothing, listens where the URL says.
func dial(t *testing.T, address string, want bool) {
	t.Helper()
	parsed, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := net.Dial("tcp", parsed.Host)
	if err == nil {
		_ = conn.Close()
	}
	if got := err == nil; got != want {
		t.Errorf("%s listens: %t, want %t", address, got, want)
	}
}

// end waits for the command's end and checks that nothing is left of it.
func (s *session) end(t *testing.T) (code int) {
	t.Helper()
	err := s.cmd.Wait()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	dial(t, s.env[servers.EnvPostgresURL], false)
	dial(t, s.env[servers.EnvRedisURL], false)
	left, err := os.ReadDir(s.temp)
	left = slices.DeleteFunc(left, func(e os.DirEntry) bool {
		return strings.HasPrefix(e.Name(), "custodian-test-ports-") // which ports are whose, for other processes
	})
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v (%v)", left, err)
	}
	return s.cmd.ProcessState.ExitCode()
}

func TestServersLiveAsLongAsTheCommand(t *testing.T) {
	t.Parallel()
	s := startSession(t)
	if _, err := io.WriteString(s.stdin, "7\n"); err != nil {
		t.Fatal(err)
	}
	if code := s.end(t); code != 7 {
		t.Errorf("exit code %d, want the command's own 7", code)
	}
}

func TestInterruptedCommandLeavesNothing(t *testing.T) {
	t.Parallel()
	s := startSession(t)
	if err := s.cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	if code := s.end(t); code != 128+int(syscall.SIGINT) {
		t.Errorf("exit code %d, want %d", code, 128+int(syscall.SIGINT))
	}
}
