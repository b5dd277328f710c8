package badinput

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/obs"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/store/storetest/servers"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/supervisor"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/supervisor/admin"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/supervisor/admin/wire"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/supervisor/config"
)

func TestMain(m *testing.M) {
	messages = readMessages()
	goleak.VerifyTestMain(m)
}

// messages are ISO 20022 messages that are right.
var messages []string

func readMessages() (all []string) {
	for _, name := range []string{"instruction_dvp", "instruction_envelope", "cancellation"} {
		text, err := os.ReadFile("../../sim/iso20022/testdata/" + name + ".xml")
		if err != nil {
			panic(err)
		}
		all = append(all, string(text))
	}
	return all
}

// process is a whole process but for its command line: a supervisor and its
// admin API, on ports of their own.
type process struct {
	*supervisor.Supervisor
	t      testing.TB
	config config.Config
	admin  string // host:port
	log    *watchedLog
	end    func()
}

// maxBody bounds the bodies of requests to instances, in bytes, so that what is
// beyond is quickly sent.
const maxBody = 64 << 10

func port(t testing.TB) int {
	t.Helper()
	port, err := servers.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// entry makes the entry of an instance of a configuration.
func entry(t testing.TB, name, more string) config.Instance {
	t.Helper()
	text := fmt.Sprintf(`{"name":%q,"http_port":%d,"grpc_port":%d,"limits":{"max_body_bytes":%d},
		"webhooks":{"allow_http":true,"allow_targets":["127.0.0.1"],"retry":{"attempts":1}}%s}`, name, port(t), port(t), maxBody, more)
	i, err := config.ParseInstance([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return i
}

const opening = `,"opening":{"positions":[{"account_id":"pension-trust","symbol":"AAPL","quantity":"48000","currency":"USD"},
	{"account_id":"fund-a","symbol":"BTC","quantity":"500","currency":"USD"}],
	"balances":[{"account_id":"pension-trust","currency":"USD","available_balance":"18500000.00"},
	{"account_id":"fund-a","currency":"USD","available_balance":"9400000.00"},{"account_id":"fund-b","currency":"EUR","available_balance":"1000.00"}]}`

// start starts a process on a configuration, with the given instances.
func start(t testing.TB, c config.Config, instances ...config.Instance) *process {
	t.Helper()
	c.Admin.Listen = fmt.Sprintf("127.0.0.1:%d", port(t))
	c.Instances = instances
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	p := &process{t: t, config: c, log: &watchedLog{}}
	logger, metrics := slog.New(slog.NewTextHandler(p.log, &slog.HandlerOptions{Level: slog.LevelInfo})), obs.NewRegistry()
	_, level, _, err := obs.NewLogger(obs.LogOptions{Writer: io.Discard})
	if err != nil {
		t.Fatal(err)
	}
	server, err := admin.Bind(ctx, c.Admin, logger)
	if err != nil {
		t.Fatal(err)
	}
	s, err := supervisor.Open(ctx, supervisor.Options{
		Config: c, Load: func() (config.Config, error) { return c, nil }, Metrics: metrics, Logger: logger, Version: "test",
	})
	if err != nil {
		t.Fatal(err)
	}
	p.Supervisor, p.admin = s, c.Admin.Listen
	running, stop := context.WithCancel(context.Background())
	ran, served := make(chan error, 1), make(chan error, 1)
	go func() { ran <- s.Run(running) }()
	go func() {
		served <- server.Serve(admin.New(admin.Options{
			Config: c.Admin, Supervisor: s, Metrics: metrics.Handler(), Middleware: metrics.AdminMiddleware, Context: server.Context(),
			Level: level, Logger: logger, Version: wire.Version{Version: "1.2.3", Go: "go1.26", OS: "linux", Arch: "amd64"},
		}))
	}()
	p.end = sync.OnceFunc(func() {
		stop()
		if err := <-ran; err != nil {
			t.Errorf("the supervisor: %v", err)
		}
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := server.Shutdown(ctx); err != nil {
			t.Errorf("the admin server: %v", err)
		}
		if err := <-served; err != nil {
			t.Errorf("serving the admin API: %v", err)
		}
	})
	t.Cleanup(p.end)
	p.await(ctx)
	return p
}

// await waits until every instance that is to run is ready.
func (p *process) await(ctx context.Context) {
	p.t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for p.Readiness().Status != "ready" {
		select {
		case <-tick.C:
		case <-ctx.Done():
			p.t.Fatalf("the process does not become ready: %+v", p.List())
		}
	}
}

// address returns where an instance serves.
func (p *process) address(name string) (http, grpc string) {
	p.t.Helper()
	s, err := p.Get(name)
	if err != nil || s.State != supervisor.StateRunning {
		p.t.Fatalf("%s is %+v, %v", name, s, err)
	}
	return s.HTTPAddr, s.GRPCAddr
}

// verify ends the process and verifies the books of its instances.
func (p *process) verify() {
	p.t.Helper()
	p.end()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	list, err := supervisor.Verify(ctx, p.config, nil, slog.New(slog.DiscardHandler), nil)
	if err != nil {
		p.t.Fatal(err)
	}
	for _, v := range list {
		if v.Report == nil || !v.Report.OK() || v.Report.Projected != v.Report.Events || v.Report.Events == 0 {
			p.t.Errorf("verifying %s: %s %+v", v.Instance, v.Problem, v.Report)
		}
	}
	if len(list) != len(p.config.Instances) {
		p.t.Errorf("%d instances were verified, want %d", len(list), len(p.config.Instances))
	}
	if bad := p.log.bad(); bad != "" {
		p.t.Errorf("the log has\n%s", bad)
	}
}

// watchedLog keeps lines of the log that tell of defects.
type watchedLog struct {
	mu    sync.Mutex
	lines []string
}

func (l *watchedLog) Write(line []byte) (int, error) {
	if bytes.Contains(line, []byte("level=ERROR")) || bytes.Contains(bytes.ToLower(line), []byte("panic")) {
		l.mu.Lock()
		defer l.mu.Unlock()
		if len(l.lines) < 20 {
			l.lines = append(l.lines, string(line))
		}
	}
	return len(line), nil
}

func (l *watchedLog) bad() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Join(l.lines, "")
}
