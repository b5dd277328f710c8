package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"go.uber.org/goleak"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/store/storetest/servers"
)

// leakChecked fails a run of tests that leaves goroutines behind.
type leakChecked struct{ *testing.M }

func (m leakChecked) Run() int {
	code := m.M.Run()
	if code != 0 {
		return code
	}
	if err := goleak.Find(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

func TestMain(m *testing.M) {
	testscript.Main(leakChecked{m}, map[string]func(){"custodian": main})
}

// TestScenarios runs the scripts of testdata. Beside the commands of testscript
// they have these:
//
//	cli CODE ARG…       runs the program within the test; it must exit with CODE
//	ready               waits until the supervisor at $CUSTODIAN_ADMIN_URL is ready
//	until REGEXP ARG…   runs the program until what it prints matches
//	until-logged REGEXP waits until the file log matches
//	signal SIGNAL       sends a signal to the command in the background
//	http STATUS METHOD URL [BODY]  sends a request; it must be answered with STATUS
//	stuck ADDRESS       leaves a request to an instance unfinished until the script ends
//	expand FILE…        replaces the variables in files
//
// $P1 to $P7 are free ports, $CUSTODIAN_ADMIN_URL is at $P1.
func TestScenarios(t *testing.T) {
	t.Parallel()
	testscript.Run(t, testscript.Params{
		Dir: "testdata",
		Setup: func(env *testscript.Env) error {
			for n := 1; n <= 7; n++ {
				port, err := servers.FreePort()
				if err != nil {
					return err
				}
				env.Setenv(fmt.Sprintf("P%d", n), strconv.Itoa(port))
			}
			env.Setenv(envAdminURL, "http://127.0.0.1:"+env.Getenv("P1"))
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"cli": scriptCLI, "ready": scriptReady, "until": scriptUntil, "signal": scriptSignal, "expand": scriptExpand, "until-logged": scriptLogged, "http": scriptHTTP, "stuck": scriptStuck,
		},
	})
}

func scriptEnv(ts *testscript.TestScript) []string {
	var env []string
	for _, name := range []string{envAdminURL, envAdminToken, "SERVICE_INSTANCE_NAME", "HTTP_PORT", "GRPC_PORT", "CUSTODIAN_LOG_LEVEL"} {
		env = append(env, name+"="+ts.Getenv(name))
	}
	return env
}

func scriptCLI(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: cli CODE ARG…")
	}
	for n := range args { // the program runs in another directory than the script
		if strings.HasSuffix(args[n], ".yaml") && !strings.Contains(args[n], "/") {
			args[n] = ts.MkAbs(args[n])
		}
	}
	code := run(context.Background(), args[1:], strings.NewReader(""), ts.Stdout(), ts.Stderr(), scriptEnv(ts))
	if strconv.Itoa(code) != args[0] {
		ts.Fatalf("exit code %d, want %s", code, args[0])
	}
}

// patience bounds every wait of a script.
const patience = 30 * time.Second

// eventually repeats a check until it passes.
func eventually(ts *testscript.TestScript, check func() error) {
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		err := check()
		if err == nil {
			return
		}
		select {
		case <-tick.C:
		case <-deadline.C:
			ts.Fatalf("waited in vain: %v", err)
		}
	}
}

func scriptReady(ts *testscript.TestScript, _ bool, _ []string) {
	eventually(ts, func() error {
		resp, err := http.Get(ts.Getenv(envAdminURL) + "/readyz")
		if err != nil {
			return err
		}
		defer http.DefaultClient.CloseIdleConnections()
		_ = resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			return fmt.Errorf("status %d", resp.StatusCode)
		}
		return nil
	})
}

func scriptUntil(ts *testscript.TestScript, neg bool, args []string) {
	wanted := regexp.MustCompile(args[0])
	eventually(ts, func() error {
		var out strings.Builder
		run(context.Background(), args[1:], strings.NewReader(""), &out, &out, scriptEnv(ts))
		if wanted.MatchString(out.String()) == neg {
			return fmt.Errorf("%v prints:\n%s", args[1:], &out)
		}
		return nil
	})
}

var signals = map[string]syscall.Signal{"INT": syscall.SIGINT, "TERM": syscall.SIGTERM, "HUP": syscall.SIGHUP, "KILL": syscall.SIGKILL}

func scriptSignal(ts *testscript.TestScript, _ bool, args []string) {
	for _, cmd := range ts.BackgroundCmds() {
		ts.Check(cmd.Process.Signal(signals[args[0]]))
	}
}

func scriptLogged(ts *testscript.TestScript, _ bool, args []string) {
	wanted := regexp.MustCompile(args[0])
	eventually(ts, func() error {
		if log := ts.ReadFile("log"); !wanted.MatchString(log) {
			return fmt.Errorf("the log has:\n%s", log)
		}
		return nil
	})
}

// scriptHTTP sends a request and prints the body of the answer.
func scriptHTTP(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 3 || len(args) > 4 {
		ts.Fatalf("usage: http STATUS METHOD URL [BODY]")
	}
	r, err := http.NewRequest(args[1], args[2], strings.NewReader(strings.Join(args[3:], "")))
	ts.Check(err)
	r.Header.Set("Content-Type", "application/json")
	r.Close = true
	resp, err := http.DefaultClient.Do(r)
	ts.Check(err)
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	ts.Check(err)
	_, err = ts.Stdout().Write(text)
	ts.Check(err)
	if strconv.Itoa(resp.StatusCode) != args[0] {
		ts.Fatalf("answered with %s, want %s", resp.Status, args[0])
	}
}

// scriptStuck sends the beginning of a request, and waits until it is being answered.
func scriptStuck(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: stuck ADDRESS")
	}
	conn, err := net.Dial("tcp", args[0])
	ts.Check(err)
	ts.Defer(func() { _ = conn.Close() })
	_, err = io.WriteString(conn, "POST /api/v1/accounts HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{")
	ts.Check(err)
	eventually(ts, func() error {
		resp, err := http.Get("http://" + args[0] + "/metrics")
		if err != nil {
			return err
		}
		defer http.DefaultClient.CloseIdleConnections()
		defer func() { _ = resp.Body.Close() }()
		page, err := io.ReadAll(resp.Body)
		if err == nil && !strings.Contains(string(page), `http_requests_in_flight{method="POST"}`) {
			err = errors.New("nothing is in flight")
		}
		return err
	})
}

// scriptExpand replaces the variables in files, in place.
func scriptExpand(ts *testscript.TestScript, _ bool, args []string) {
	for _, name := range args {
		text := os.Expand(ts.ReadFile(name), ts.Getenv)
		ts.Check(os.WriteFile(ts.MkAbs(name), []byte(text), 0o600))
	}
}
