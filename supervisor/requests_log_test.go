package supervisor

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	healthpb "google.golang.org/grpc/health/grpc_health_v1"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/obs"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/custodianpb"
)

// Requests leave no line in the log at info, whatever becomes of them. At debug, which
// an instance can have for itself, each leaves one with what finds it elsewhere.
func TestRequestsAreLoggedWhereSomebodyWantsToSeeThem(t *testing.T) {
	t.Parallel()
	var log logBuffer
	logger, level, _, err := obs.NewLogger(obs.LogOptions{Writer: &log})
	if err != nil {
		t.Fatal(err)
	}
	r := newTraces(t)
	tracing, err := obs.NewTracing(t.Context(), obs.TracingOptions{Endpoint: r.url, Sample: 1, Service: "custodian", Version: "1.2.3"})
	if err != nil {
		t.Fatal(err)
	}
	h := launch(t, options{config: testConfig(t), logger: logger, tracing: tracing})
	one, two := h.add("one"), h.add("two")
	conn := dialGRPC(t, one.GRPCAddr)
	custody := custodianpb.NewCustodianServiceClient(conn)
	calls := func(run string) {
		t.Helper()
		for n := range 50 {
			h.deposit(one.HTTPAddr, fmt.Sprint(run, n))
			h.deposit(two.HTTPAddr, fmt.Sprint(run, n))
			h.want(http.StatusOK, http.MethodGet, one.HTTPAddr, "/api/v1/positions", "")
			h.want(http.StatusOK, http.MethodGet, one.HTTPAddr, "/api/v1/ready", "")
			h.want(http.StatusBadRequest, http.MethodPost, one.HTTPAddr, "/api/v1/settlements", "{")
			h.want(http.StatusNotFound, http.MethodGet, one.HTTPAddr, "/nowhere", "")
			if _, err := custody.ListAccounts(h.ctx, &custodianpb.ListAccountsRequest{}); err != nil {
				t.Fatal(err)
			}
			if _, err := custody.GetPosition(h.ctx, &custodianpb.GetPositionRequest{PositionId: "none"}); err == nil {
				t.Fatal("there is a position that is not there")
			}
			if _, err := healthpb.NewHealthClient(conn).Check(h.ctx, &healthpb.HealthCheckRequest{}); err != nil {
				t.Fatal(err)
			}
		}
		h.scrape("one")
	}
	calls("quiet-")
	if text := log.String(); text != "" {
		t.Errorf("at info the log says %s", text)
	}
	if err := level.SetInstance("one", "debug"); err != nil {
		t.Fatal(err)
	}
	calls("seen-")
	h.until("the last request is logged", func() bool { return strings.Count(log.String(), `"msg":"request"`) >= 250 })
	for line := range strings.Lines(log.String()) {
		if strings.Contains(line, `"two"`) {
			t.Errorf("the other instance logs %s", line)
		}
		// Probes are logged and not traced.
		for _, want := range []string{`"level":"debug"`, `"instance":"one"`, `"took":`, `"status":`} {
			if !strings.Contains(line, want) {
				t.Errorf("a line lacks %s: %s", want, line)
			}
		}
		if over := strings.Contains(line, `"request_id":`); over != strings.Contains(line, `"msg":"request"`) {
			t.Errorf("a request has an id, a call over gRPC has none: %s", line)
		}
		probe := strings.Contains(line, "/api/v1/ready") || strings.Contains(line, "grpc.health")
		if probe == strings.Contains(line, `"trace_id":`) {
			t.Errorf("probes are not traced, others are: %s", line)
		}
	}
	if err := level.SetInstance("one", ""); err != nil {
		t.Fatal(err)
	}
	before := log.String()
	calls("quiet-again-")
	if text := log.String(); text != before {
		t.Errorf("at info again the log says %s", strings.TrimPrefix(text, before))
	}
	if err := tracing.Close(h.ctx); err != nil {
		t.Fatal(err)
	}
	if found := len(r.find("POST /api/v1/settlements")); found != 450 {
		t.Errorf("%d requests were traced, of 450", found)
	}
	for _, name := range []string{"GET /api/v1/ready", "grpc.health.v1.Health/Check"} {
		if found := r.find(name); len(found) > 0 {
			t.Errorf("%d probes were traced as %s", len(found), name)
		}
	}
}
