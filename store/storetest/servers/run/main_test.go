//go:build unix

package main

import (
	"bytes"
	"errors"
	"flag"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/store/storetest/servers"
)

// ownServers is an environment that names both servers, so that none need be
// installed or started.
func ownServers() []string {
	return append(os.Environ(), servers.EnvPostgresURL+"=postgres://elsewhere/db", servers.EnvRedisURL+"=redis://elsewhere/0")
}

func TestCommandLineIsReadUpToTheCommand(t *testing.T) {
	t.Parallel()
	var stderr bytes.Buffer
	got, err := parseArgs([]string{"-durable", "--", "go", "test", "-durable"}, &stderr)
	if err != nil || !got.durable || !slices.Equal(got.command, []string{"go", "test", "-durable"}) {
		t.Errorf("got %+v, %v", got, err)
	}
	if _, err := parseArgs([]string{"-durable"}, &stderr); err == nil {
		t.Error("a missing command is accepted")
	}
	if _, err := parseArgs([]string{"-h"}, &stderr); !errors.Is(err, flag.ErrHelp) {
		t.Errorf("-h answers %v", err)
	}
}

func TestBadCommandLineExitsWithTheUsage(t *testing.T) {
	t.Parallel()
	var stderr bytes.Buffer
	if code := run(nil, nil, nil, &stderr); code != exitUsage || !strings.Contains(stderr.String(), "usage: run") {
		t.Errorf("exit code %d, said %q", code, stderr.String())
	}
}

func TestExitCodeOfTheCommandIsReturned(t *testing.T) {
	t.Parallel()
	for script, want := range map[string]int{
		"exit 0":        0,
		"exit 7":        7,
		"kill -KILL $$": 128 + int(syscall.SIGKILL),
	} {
		var stderr bytes.Buffer
		if code := run([]string{"--", "sh", "-c", script}, ownServers(), nil, &stderr); code != want {
			t.Errorf("%q exits with %d, want %d (%s)", script, code, want, stderr.String())
		}
	}
}

func TestCommandThatCannotStartIsReported(t *testing.T) {
	t.Parallel()
	var stderr bytes.Buffer
	code := run([]string{"--", "/no/such/command"}, ownServers(), nil, &stderr)
	if code != exitFailed || !strings.Contains(stderr.String(), "/no/such/command") {
		t.Errorf("exit code %d, said %q", code, stderr.String())
	}
}

func TestServersThatTheEnvironmentNamesAreUsed(t *testing.T) {
	t.Parallel()
	var stderr bytes.Buffer
	b, err := setUp(t.Context(), settings{}, ownServers(), &stderr)
	if err != nil {
		t.Fatal(err)
	}
	if b.postgres != nil || b.redis != nil {
		t.Error("a server was started all the same")
	}
	if got := lookup(b.environ, servers.EnvPostgresURL); got != "postgres://elsewhere/db" {
		t.Errorf("the command gets %q", got)
	}
	temp := lookup(b.environ, "TMPDIR")
	if info, err := os.Stat(temp); err != nil || !info.IsDir() {
		t.Errorf("temporary directory %q: %v", temp, err)
	}
	if err := b.close(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(temp); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%s is still there: %v", temp, err)
	}
}

func TestSignalsReachTheCommand(t *testing.T) {
	t.Parallel()
	marker := t.TempDir() + "/trapped"
	script := `trap 'exit 9' TERM; : > "$1"; while :; do sleep 0.02; done`
	signals := make(chan os.Signal)
	var stderr bytes.Buffer
	code := make(chan int, 1)
	go func() {
		code <- run([]string{"--", "sh", "-c", script, "sh", marker}, ownServers(), signals, &stderr)
	}()
	awaitFile(t, marker)
	signals <- syscall.SIGTERM
	if got := <-code; got != 9 {
		t.Errorf("exit code %d, want the command's own 9", got)
	}
}

func TestVariablesAreReplacedNotRepeated(t *testing.T) {
	t.Parallel()
	b := bench{environ: []string{"A=1", "AB=2", "A=3"}}
	if got := lookup(b.environ, "A"); got != "3" {
		t.Errorf("A is %q, want the last", got)
	}
	b.setenv("A", "4")
	if want := []string{"AB=2", "A=4"}; !slices.Equal(b.environ, want) {
		t.Errorf("environment is %q, want %q", b.environ, want)
	}
	if got := lookup(b.environ, "C"); got != "" {
		t.Errorf("C is %q", got)
	}
}

// awaitFile waits, in a shell, for another process to create the file.
func awaitFile(t *testing.T, path string) {
	t.Helper()
	wait := exec.CommandContext(t.Context(), "sh", "-c", `until [ -e "$1" ]; do sleep 0.02; done`, "sh", path)
	if err := wait.Run(); err != nil {
		t.Fatal(err)
	}
}
