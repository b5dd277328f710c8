package httpapi_test

import (
	"testing"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/httpapi"
)

func TestHealthAndReadinessTellTheTruth(t *testing.T) {
	t.Parallel()
	var parts []httpapi.Component
	b := setup(t, func(o *httpapi.Options) { o.Components = func() []httpapi.Component { return parts } })
	tests := map[string]struct {
		engine, redis string
		code          int
		status        string
	}{
		"all well":   {"", "", 200, "ready"},
		"redis away": {"", "gone", 200, "degraded"},
		"store away": {"gone", "", 503, "not_ready"},
		"both away":  {"gone", "gone", 503, "not_ready"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			parts = []httpapi.Component{{Name: "redis", Problem: test.redis}, {Name: "engine", Required: true, Problem: test.engine}}
			up := map[bool]string{true: "up", false: "down"}
			ready := b.must(test.code, "GET", "/api/v1/ready", "")
			ready.expect(t, "status", test.status, "components.engine.status", up[test.engine == ""], "components.redis.status", up[test.redis == ""],
				"components.engine.required", true, "components.redis.required", false)
			if (ready.header.Get("Retry-After") != "") != (test.code == 503) {
				t.Errorf("Retry-After = %q", ready.header.Get("Retry-After"))
			}
			b.must(200, "GET", "/api/v1/health", "").expect(t, "status", "alive", "instance", "http-test", "version", "v1",
				"components.engine.status", up[test.engine == ""])
		})
	}
}

func TestReadinessFollowsTheCustodianByDefault(t *testing.T) {
	t.Parallel()
	b := setup(t, nil)
	b.must(201, "POST", "/api/v1/accounts", openAccount)
	b.must(200, "GET", "/api/v1/ready", "").expect(t, "status", "ready", "sequence", 1.0, "components.engine.status", "up")
	b.custodian.SetPaused(true)
	b.must(503, "GET", "/api/v1/ready", "").expect(t, "status", "not_ready", "components.engine.problem", "this custodian is paused")
	b.must(200, "GET", "/api/v1/health", "").expect(t, "status", "alive")
	b.must(503, "POST", "/api/v1/accounts", `{"account_id":"b"}`).expect(t, "code", "paused", "retry_after", 5.0)
	b.must(503, "GET", "/api/v1/accounts", "").expect(t, "code", "paused")
	b.must(503, "GET", "/api/v1/events", "", "Accept", "text/event-stream").expect(t, "code", "paused")
	b.custodian.SetPaused(false)
	b.must(200, "GET", "/api/v1/ready", "")
}
