package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
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
	code := run(t.Context(), args, strings.NewReader(in), &stdout, &stderr, env)
	return outcome{code, stdout.String(), stderr.String()}
}

func freeAdminPort(t *testing.T) int {
	t.Helper()
	port, err := servers.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	return port
}

func TestMistakesInTheCommandLineEndWithTwoAndAWord(t *testing.T) {
	t.Parallel()
	cases := map[string]struct{ line, says string }{
		"unknown command":       {"instnce", "did you mean instance?"},
		"unknown subcommand":    {"instance lst", "did you mean list?"},
		"unknown flag":          {"serve --confg x", "--confg"},
		"unknown format":        {"validate -o yaml", "must be table or json"},
		"missing name":          {"instance show", "NAME is missing"},
		"one argument too many": {"instance show a b", `"b" is one too many`},
		"missing names":         {"instance drain", "NAME is missing"},
		"malformed grace":       {"instance drain a --grace soon", "soon"},
		"no entry":              {"instance add", "a name or --file is needed"},
		"two names":             {"instance add a --name b", "given twice"},
		"absent entry":          {"instance add --file /does/not/exist", "/does/not/exist"},
		"absent configuration":  {"verify --config /does/not/exist.yaml", "/does/not/exist.yaml"},
		"absent token":          {"instance list --token-file /does/not/exist", "/does/not/exist"},
		"malformed address":     {"instance list --admin localhost", "must be a URL"},
		"key without its pair":  {"instance list --cert a.pem", "needs both"},
		"unnamed interface":     {"openapi", "instance or admin is missing"},
		"unknown interface":     {"openapi both", "must be instance or admin"},
		"unknown flag nearly":   {"serve --confg x", "did you mean --config?"},
		"unknown completion":    {"completion tcsh", `unknown command "tcsh"`},
		"unknown help":          {"help nothing", `unknown command "nothing"`},
		"help of a misspelling": {"help instance lst", "did you mean list?"},
		"no whole number":       {"events --after x", `--after: must be a whole number that is not negative, not "x"`},
		"no duration":           {"health --timeout soon", `must be a duration such as 30s or 5m, not "soon"`},
		"neither true nor not":  {"instance drain a --wait=maybe", `must be true or false, not "maybe"`},
		"two levels":            {"log-level info warn", `"warn" is one too many`},
		"two entries":           {"instance add a b", `"b" is one too many`},
		"directory of entry":    {"instance add --file testdata", "testdata cannot be read: is a directory"},
		"directory of token":    {"instance list --token-file testdata", "testdata cannot be read: is a directory"},
		"directory of books":    {"instance restore a testdata", "testdata cannot be read: is a directory"},
		"directory to write":    {"instance snapshot a --to testdata", "give a file as --to, such as testdata/a.custodian"},
		"directory of settings": {"validate --config testdata", "testdata: cannot be read: is a directory"},
		"entry without a name":  {"instance add --file -", "the entry in - has no name"},
		"nobody to provision":   {"provision", "try: set storage.driver"},
		"absent document":       {"config put /does/not/exist", "/does/not/exist"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := command(t, "", nil, strings.Fields(c.line)...)
			if got.code != codeInput || !strings.Contains(got.err, c.says) || got.out != "" {
				t.Errorf("exit code %d, want %d and %q:\n%s%s", got.code, codeInput, c.says, got.out, got.err)
			}
			if lines := strings.Count(got.err, "\n"); lines > 2 {
				t.Errorf("%d lines, want the mistake and a hint:\n%s", lines, got.err)
			}
		})
	}
}

func TestAnUnreachableSupervisorEndsWithOneAndTwoLines(t *testing.T) {
	t.Parallel()
	got := command(t, "", nil, "instance", "list", "--admin", fmt.Sprintf("http://127.0.0.1:%d", freeAdminPort(t)))
	if got.code != codeFailed || strings.Count(got.err, "\n") != 2 || !strings.Contains(got.err, "is the supervisor running there?") {
		t.Errorf("exit code %d: %q", got.code, got.err)
	}
}

func TestAServerThatIsNoSupervisorIsToldFromOne(t *testing.T) {
	t.Parallel()
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/admin/") {
			w.WriteHeader(http.StatusTeapot)
		}
	}))
	t.Cleanup(other.Close)
	silent, err := net.Listen("tcp", "127.0.0.1:0") // never accepts
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = silent.Close() })
	hangs := "http://" + silent.Addr().String()
	for line, says := range map[string]string{
		"instance list --admin " + other.URL:     "418",
		"health --timeout 20ms --admin " + hangs: "has not answered within 20ms",
	} {
		got := command(t, "", nil, strings.Fields(line)...)
		if got.code == codeOK || !strings.Contains(got.err, says) || got.out != "" {
			t.Errorf("%s: exit code %d, want %q:\n%s%s", line, got.code, says, got.out, got.err)
		}
	}
	// A shell does not wait for who hangs.
	if got := command(t, "", nil, "__complete", "instance", "drain", "--admin", hangs, ""); got.code != codeOK || got.out != ":4\n" {
		t.Errorf("completion: exit code %d, %q", got.code, got.out)
	}
}

func TestValuesOfOptionsAreCompleted(t *testing.T) {
	t.Parallel()
	file := t.TempDir() + "/books.yaml"
	write(t, file, "instances: [{name: alpine-bank}, {name: lake-bank}]\n")
	for line, want := range map[string]string{
		"serve --storage-driver":              "sqlite\nmemory\npostgres\n:4\n",
		"serve --redis-driver":                "embedded\nserver\noff\n:4\n",
		"instance add --profile":              "crypto-custodian\nglobal-custodian\ninstant\nprime-broker\n:4\n",
		"instance restore alpine-bank":        ":0\n", // a file
		"provision --only":                    "postgres\nredis\n:4\n",
		"verify --config " + file + " -i":     "alpine-bank\nlake-bank\n:4\n",
		"verify --config " + file + ".not -i": ":4\n",
	} {
		got := command(t, "", nil, append(append([]string{"__complete"}, strings.Fields(line)...), "")...)
		if got.code != codeOK || got.out != want {
			t.Errorf("%s: exit code %d, %q, want %q", line, got.code, got.out, want)
		}
	}
}

func TestAnInterruptedCommandSaysNoMoreThanThat(t *testing.T) {
	t.Parallel()
	file := t.TempDir() + "/books.yaml"
	write(t, file, fmt.Sprintf("data_dir: %q\nredis: {driver: 'off'}\ninstances: [{name: alpine-bank}]\n", t.TempDir()))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for line, want := range map[string]outcome{
		"verify --config " + file:                {codeInput, "", "custodian: interrupted\n"},
		"doctor --config " + file:                {codeFailed, "", "custodian: interrupted\n"},
		"scenario run ../../testdata/scenarios":  {codeFailed, "", "custodian: interrupted\n"},
		"instance list --admin http://127.0.0.1": {codeFailed, "", "custodian: interrupted\n"},
		"instance drain a b --admin http://127.0.0.1": {codeFailed, "",
			"custodian: interrupted\ntry: custodian instance list; the supervisor may go on with what it was asked for\n"},
	} {
		var stdout, stderr bytes.Buffer
		code := run(ctx, strings.Fields(line), strings.NewReader(""), &stdout, &stderr, nil)
		if got := (outcome{code, stdout.String(), stderr.String()}); got != want {
			t.Errorf("%s: %+v, want %+v", line, got, want)
		}
	}
}

func TestAnInterruptedRestoreSaysHowTheInstanceComesBack(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	admin := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Method == http.MethodGet: // events, which are not needed
			w.WriteHeader(http.StatusNotFound)
		case strings.HasSuffix(r.URL.Path, "/drain"):
			w.Header().Set("Content-Type", "application/json")
			_, _ = w.Write([]byte(`{"name": "alpine-bank", "state": "drained"}`))
		default:
			_, _ = io.Copy(io.Discard, r.Body)
			cancel()
			<-r.Context().Done()
		}
	}))
	t.Cleanup(admin.Close)
	file := t.TempDir() + "/monday.custodian"
	write(t, file, "books")
	var stdout, stderr bytes.Buffer
	code := run(ctx, []string{"instance", "restore", "alpine-bank", file, "--restart", "--admin", admin.URL}, strings.NewReader(""), &stdout, &stderr, nil)
	want := "custodian: interrupted\ntry: custodian instance start alpine-bank, once it is restored: it stays drained\n"
	if code != codeFailed || stdout.Len() > 0 || stderr.String() != want {
		t.Errorf("exit code %d: %s%s", code, &stdout, &stderr)
	}
}

// announcement waits until serve says where its metrics are.
type announcement struct {
	told chan struct{}
	seen bytes.Buffer
}

func (a *announcement) Write(p []byte) (int, error) {
	a.seen.Write(p)
	if strings.Contains(a.seen.String(), "metrics ") {
		select {
		case a.told <- struct{}{}:
		default:
		}
	}
	return len(p), nil
}

// serving runs a supervisor in this process until the test ends, and returns
// the address of its admin API.
func serving(t *testing.T, config string) string {
	t.Helper()
	port := freeAdminPort(t)
	file := t.TempDir() + "/serve.yaml"
	write(t, file, fmt.Sprintf("admin: {listen: '127.0.0.1:%d'%s", port, config))
	ctx, cancel := context.WithCancel(context.Background())
	out := &announcement{told: make(chan struct{}, 1)}
	var log bytes.Buffer
	done := make(chan int, 1)
	go func() {
		done <- run(ctx, []string{"serve", "--config", file}, strings.NewReader(""), out, &log, nil)
	}()
	t.Cleanup(func() {
		cancel()
		if code := <-done; code != codeOK {
			t.Errorf("serve ended with %d:\n%s", code, &log)
		}
	})
	select {
	case <-out.told:
	case code := <-done:
		done <- code
		t.Fatalf("serve ended with %d at once", code)
	}
	return fmt.Sprintf("http://127.0.0.1:%d", port)
}

func TestInstancesAreManagedFromTheCommandLine(t *testing.T) {
	t.Parallel()
	const token = "tok-5a1f"
	admin := serving(t, fmt.Sprintf(`, tokens: [{name: ops, sha256: %x}]}
storage: {driver: memory}
data_dir: %q
ports: {http: 18100-18199, grpc: 18200-18299}
instances: [{name: one}]
`, sha256.Sum256([]byte(token)), t.TempDir()))
	env := []string{envAdminURL + "=" + admin, envAdminToken + "=" + token}
	entry := "name: two\nopening:\n  balances: [{account_id: a, currency: USD, available_balance: 10.50}]\n"
	steps := []struct {
		line string
		in   string
		code int
		says string // on either stream
	}{
		{line: "instance list", says: "running"},
		{line: "instance add --file -", in: entry, says: "running"},
		{line: "instance add two", code: codeFailed, says: "exists already"},
		{line: "instance add Not_A_Label", code: codeInput, says: "DNS label"},
		{line: "instance add --file -", in: "name: x\nhtpp_port: 1\nprofil: a\n", code: codeInput, says: "did you mean http_port?"},
		{line: "instance pause two", says: "paused"},
		{line: "instance resume two", says: "running"},
		{line: "instance restart two", says: "draining two: finishing"},
		{line: "instance drain two one -o json", says: `"state": "drained"`},
		{line: "instance start two one", says: "running"},
		{line: "instance reset two", code: codeInput, says: "this drops all books of two and begins anew, and there is no terminal to ask at: give --yes"},
		{line: "instance reset two", in: "y\n", code: codeInput, says: "--yes"}, // a pipe is nobody
		{line: "instance reset two --yes", says: "running"},
		{line: "instance show two", says: "custodian:two:"},
		{line: "config get", says: `"10.50"`},
		{line: "config get --tag", says: `"`},
		{line: "log-level debug", says: "debug"},
		{line: "log-level -o json", says: `"level": "debug"`},
		{line: "log-level loud", code: codeInput, says: "loud"},
		{line: "log-level --instance two", says: "debug (the supervisor's)"},
		{line: "log-level warn --instance two", says: "warn"},
		{line: "log-level loud --instance two", code: codeInput, says: "loud"},
		{line: "log-level warn --instance nobody", code: codeFailed, says: `no instance "nobody"`},
		{line: "log-level --instance two -o json", says: `"own": true`},
		{line: "log-level default --instance two", says: "debug (the supervisor's)"},
		{line: "instance remove one", code: codeFailed, says: "file"},
		{line: "instance remove two --purge", code: codeInput, says: "drops all books of two for good"},
		{line: "instance show two", says: "running"},
		{line: "instance remove two --purge --yes", says: "removed two"},
		{line: "instance show two", code: codeFailed, says: `no instance "two"`},
		{line: "instance start none neither", code: codeFailed, says: `no instance "neither"`},
		{line: "events", says: "removed"},
		{line: "events --instance one -o json", says: `"instance":"one"`},
		{line: "events --instance nobody", code: codeFailed, says: `no instance "nobody"`},
		{line: "__complete instance drain o", says: "one\trunning"},
		{line: "__complete log-level --instance o", says: "one\trunning"},
	}
	for _, step := range steps {
		got := command(t, step.in, env, strings.Fields(step.line)...)
		if got.code != step.code || !strings.Contains(got.out+got.err, step.says) {
			t.Errorf("%s: exit code %d, want %d and %q:\n%s%s", step.line, got.code, step.code, step.says, got.out, got.err)
		}
	}
	got := command(t, "", env[:1], "instance", "list")
	if got.code != codeFailed || strings.Contains(got.err, token) {
		t.Errorf("without the token: exit code %d: %s", got.code, got.err)
	}
}

func TestADocumentIsPlannedAndPutUnlessItIsStale(t *testing.T) {
	t.Parallel()
	admin := serving(t, fmt.Sprintf("}\nstorage: {driver: memory}\ndata_dir: %q\nports: {http: 18300-18399, grpc: 18400-18499}\n", t.TempDir()))
	env := []string{envAdminURL + "=" + admin}
	tag := strings.TrimSpace(command(t, "", env, "config", "get", "--tag").out)
	document := "instances: [{name: one}]\n"
	for _, step := range []struct {
		args []string
		code int
		says string
	}{
		{[]string{"plan", "-"}, codeOK, "add  one"},
		{[]string{"plan", "-", "-o", "json"}, codeOK, `"dry_run": true`},
		{[]string{"put", "-", "--if-match", tag}, codeOK, "add  one"},
		{[]string{"put", "-", "--if-match", tag}, codeFailed, "read it again"},
		{[]string{"put", "-"}, codeOK, "nothing changes"},
	} {
		got := command(t, document, env, append([]string{"config"}, step.args...)...)
		if got.code != step.code || !strings.Contains(got.out+got.err, step.says) {
			t.Errorf("config %v: exit code %d, want %d and %q:\n%s%s", step.args, got.code, step.code, step.says, got.out, got.err)
		}
	}
}

func TestDocumentsOfBothInterfacesCanBePrinted(t *testing.T) {
	t.Parallel()
	for name, path := range map[string]string{"instance": "/api/v1/settlements", "admin": "/admin/v1/instances"} {
		got := command(t, "", nil, "openapi", name)
		var document struct {
			OpenAPI string                     `json:"openapi"`
			Paths   map[string]json.RawMessage `json:"paths"`
		}
		if err := json.Unmarshal([]byte(got.out), &document); err != nil || got.code != 0 || got.err != "" {
			t.Fatalf("%s: exit code %d, %v: %s", name, got.code, err, got.err)
		}
		if document.OpenAPI != "3.1.0" || document.Paths[path] == nil {
			t.Errorf("%s: OpenAPI %q without %s", name, document.OpenAPI, path)
		}
	}
}
