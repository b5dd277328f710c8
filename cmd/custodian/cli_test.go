package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/store/storetest/servers"
)

// outcome is what a command line led to.
type outcome struct {
	code     int
	out, err string
}

func command(t *testing.T, in string, env []string, args ...string) outcome {
	t.Helper()
	var stdout, stderr bytes.Buffer
	code := execute(t.Context(), args, streams{strings.NewReader(in), &stdout, &stderr, env})
	return outcome{code, stdout.String(), stderr.String()}
}

func file(t *testing.T, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestValidateReportsEveryMistakeOnALineOfItsOwn(t *testing.T) {
	t.Parallel()
	path := file(t, "bad.yaml", "admn: {}\ninstances:\n  - {name: a, htpp_port: 1}\n  - {name: Bad_Name}\n")
	got := command(t, "", nil, "validate", "--config", path)
	if got.code != exitUsage || got.out != "" {
		t.Errorf("exit code %d and %q on stdout, want %d and nothing", got.code, got.out, exitUsage)
	}
	for _, want := range []string{"bad.yaml:1: admn: ", "did you mean admin?", "bad.yaml:3: ", "did you mean http_port?", "bad.yaml:4: "} {
		if !strings.Contains(got.err, want) {
			t.Errorf("no %q in:\n%s", want, got.err)
		}
	}
	if lines := strings.Count(strings.TrimSpace(got.err), "\n") + 1; lines != 3 {
		t.Errorf("%d lines for 3 mistakes:\n%s", lines, got.err)
	}
}

func TestValidateShowsWhatWouldRun(t *testing.T) {
	t.Parallel()
	path := file(t, "good.yaml", "instances: [{name: custodian-sim-001, http_port: 8081}]\n")
	got := command(t, "", nil, "validate", "-c", path, "-o", "json")
	var shown struct {
		Instances []planned
	}
	if err := json.Unmarshal([]byte(got.out), &shown); err != nil || got.code != 0 {
		t.Fatalf("exit code %d, %v: %s%s", got.code, err, got.out, got.err)
	}
	want := planned{"custodian-sim-001", 8081, 50051, "sqlite", "custodian_sim_001", "custodian:sim:001:"}
	if len(shown.Instances) != 1 || shown.Instances[0] != want {
		t.Errorf("shown %+v, want %+v", shown.Instances, want)
	}
}

func TestWithoutAFileTheEnvironmentDescribesOneCustodian(t *testing.T) {
	t.Parallel()
	got := command(t, "", []string{"SERVICE_INSTANCE_NAME=custodian-sim-001", "HTTP_PORT=8085"}, "validate")
	if got.code != 0 || !strings.Contains(got.out, "8085") || !strings.Contains(got.out, "custodian_sim_001") {
		t.Errorf("exit code %d: %s%s", got.code, got.out, got.err)
	}
	got = command(t, "", []string{"HTTP_PORT=many"}, "validate")
	if got.code != exitUsage || !strings.Contains(got.err, "HTTP_PORT") {
		t.Errorf("exit code %d, want %d and a word about HTTP_PORT: %s", got.code, exitUsage, got.err)
	}
}

func TestMistakesInTheCommandLineEndWithTwoAndOneLine(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{
		{"instnce"}, {"serve", "--confg", "x"}, {"validate", "-o", "yaml"}, {"instance", "show"},
		{"instance", "add"}, {"instance", "add", "--name", "a", "--file", "b"}, {"verify", "--config", "/does/not/exist.yaml"},
		{"instance", "list", "--token-file", "/does/not/exist"}, {"instance", "list", "--admin", "not a url"},
	} {
		got := command(t, "", nil, args...)
		if got.code != exitUsage || strings.Count(strings.TrimSpace(got.err), "\n") > 3 || got.err == "" {
			t.Errorf("%v: exit code %d: %q", args, got.code, got.err)
		}
	}
}

func TestAnUnreachableSupervisorEndsWithOne(t *testing.T) {
	t.Parallel()
	port, err := servers.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	got := command(t, "", nil, "instance", "list", "--admin", fmt.Sprintf("http://127.0.0.1:%d", port))
	if got.code != exitFailed || strings.Count(strings.TrimSpace(got.err), "\n") != 0 {
		t.Errorf("exit code %d: %q", got.code, got.err)
	}
}

// serving runs a supervisor in this process and returns what its admin API is
// called by and how to stop it.
func serving(t *testing.T, config string) (admin string, stop func()) {
	t.Helper()
	port, err := servers.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	path := file(t, "serve.yaml", fmt.Sprintf("admin: {listen: '127.0.0.1:%d'%s", port, config))
	ctx, cancel := context.WithCancel(context.Background())
	told := make(chan string, 1)
	done := make(chan int, 1)
	go func() {
		done <- execute(ctx, []string{"serve", "--config", path}, streams{strings.NewReader(""), &announcement{told: told}, &bytes.Buffer{}, nil})
	}()
	stop = func() {
		cancel()
		if code := <-done; code != 0 {
			t.Errorf("serve ended with %d", code)
		}
	}
	select {
	case <-told:
	case code := <-done:
		t.Fatalf("serve ended with %d at once", code)
	}
	return fmt.Sprintf("http://127.0.0.1:%d", port), stop
}

// announcement waits until serve says where its metrics are.
type announcement struct {
	told chan string
	seen bytes.Buffer
}

func (a *announcement) Write(p []byte) (int, error) {
	a.seen.Write(p)
	if strings.Contains(a.seen.String(), "metrics ") {
		select {
		case a.told <- a.seen.String():
		default:
		}
	}
	return len(p), nil
}

func TestInstancesAreManagedFromTheCommandLine(t *testing.T) {
	t.Parallel()
	token := "tok-5a1f"
	admin, stop := serving(t, fmt.Sprintf(", tokens: [{name: ops, sha256: %x}]}\nstorage: {driver: memory}\nredis: {driver: embedded}\ndata_dir: %q\nports: {http: 18100-18199, grpc: 18200-18299}\ninstances: [{name: one}]\n",
		sha256.Sum256([]byte(token)), t.TempDir()))
	defer stop()
	env := []string{envURL + "=" + admin, envToken + "=" + token}
	steps := []struct {
		args []string
		in   string
		code int
		says string // on either stream
	}{
		{args: []string{"instance", "list"}, says: "running"},
		{args: []string{"instance", "add", "--file", "-"}, in: "name: two\nopening:\n  balances: [{account_id: a, currency: USD, available_balance: 10.50}]\n", says: "running"},
		{args: []string{"instance", "add", "--name", "two"}, code: exitFailed, says: "exists already"},
		{args: []string{"instance", "add", "--name", "Not_A_Label"}, code: exitUsage, says: "name"},
		{args: []string{"instance", "pause", "two"}, says: "paused"},
		{args: []string{"instance", "resume", "two"}, says: "running"},
		{args: []string{"instance", "restart", "two"}, says: "draining"},
		{args: []string{"instance", "drain", "two", "-o", "json"}, says: `"state": "drained"`},
		{args: []string{"instance", "start", "two"}, says: "running"},
		{args: []string{"instance", "reset", "two"}, says: "running"},
		{args: []string{"config", "get"}, says: `"two"`},
		{args: []string{"log-level", "debug"}},
		{args: []string{"log-level"}, says: "debug"},
		{args: []string{"instance", "remove", "one"}, code: exitFailed, says: "file"},
		{args: []string{"instance", "remove", "two", "--purge"}, says: "removed"},
		{args: []string{"instance", "show", "two"}, code: exitFailed, says: `no instance "two"`},
		{args: []string{"events"}, says: "removed"},
		{args: []string{"__complete", "instance", "drain", ""}, says: "one"},
	}
	for _, step := range steps {
		got := command(t, step.in, env, step.args...)
		if got.code != step.code || !strings.Contains(got.out+got.err, step.says) {
			t.Errorf("%v: exit code %d, want %d and %q:\n%s%s", step.args, got.code, step.code, step.says, got.out, got.err)
		}
	}
	if got := command(t, "", []string{envURL + "=" + admin}, "instance", "list"); got.code == 0 || strings.Contains(got.err, token) {
		t.Errorf("without the token: exit code %d: %s", got.code, got.err)
	}
}
