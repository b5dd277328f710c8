package admin_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/supervisor"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/supervisor/admin"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/supervisor/admin/client"
)

func TestOperationsReachTheSupervisorWithTheirParameters(t *testing.T) {
	t.Parallel()
	const one = "/admin/v1/instances/one"
	tests := map[string]struct {
		method, target string
		status         int
		call           string
	}{
		"drain":              {"POST", one + "/drain", 200, "drain one grace=0s wait=true"},
		"drain in a hurry":   {"POST", one + "/drain?grace=1m30s&wait=true", 200, "drain one grace=1m30s wait=true"},
		"drain by and by":    {"POST", one + "/drain?wait=false", 202, "drain one grace=0s wait=false"},
		"start":              {"POST", one + "/start", 200, "start one wait=true"},
		"start by and by":    {"POST", one + "/start?wait=false", 202, "start one wait=false"},
		"restart":            {"POST", one + "/restart?grace=1ms", 200, "restart one grace=1ms wait=true"},
		"reset":              {"POST", one + "/reset?wait=false&grace=24h", 202, "reset one grace=24h0m0s wait=false"},
		"pause":              {"POST", one + "/pause", 200, "pause one"},
		"resume":             {"POST", one + "/resume", 200, "resume one"},
		"remove":             {"DELETE", one, 204, "remove one grace=0s purge=false wait=true"},
		"remove and purge":   {"DELETE", one + "?purge=true&grace=5s&wait=false", 202, "remove one grace=5s purge=true wait=false"},
		"a name in escapes":  {"POST", "/admin/v1/instances/on%65/drain", 200, "drain one grace=0s wait=true"},
		"a name with a mark": {"POST", "/admin/v1/instances/o%2Fe/drain", 404, "drain o/e grace=0s wait=true"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			double := newDouble("one")
			got := ask(t, admin.New(options(double)), test.method, test.target, "")
			if got.status != test.status || (test.status == 204) != (got.body == "") {
				t.Errorf("got %d %s", got.status, got.body)
			}
			if calls := double.noted(); !slices.Equal(calls, []string{test.call}) {
				t.Errorf("calls: %q", calls)
			}
		})
	}
}

func TestBadInputIsRefusedBeforeAnythingHappens(t *testing.T) {
	t.Parallel()
	const (
		all = "/admin/v1/instances"
		one = all + "/one"
	)
	tests := map[string]struct {
		method, target, body string
		header               []string
		status               int
		code, field, says    string
	}{
		"an unknown parameter":        {"POST", one + "/drain?garce=1s", "", nil, 422, "invalid_request", "garce", `did you mean "grace"?`},
		"grace without a unit":        {"POST", one + "/drain?grace=30", "", nil, 422, "invalid_request", "grace", "with its unit"},
		"negative grace":              {"POST", one + "/drain?grace=-1s", "", nil, 422, "invalid_request", "grace", "1ms to 24h"},
		"endless grace":               {"DELETE", one + "?grace=25h", "", nil, 422, "invalid_request", "grace", "1ms to 24h"},
		"empty grace":                 {"POST", one + "/restart?grace=", "", nil, 422, "invalid_request", "grace", "is empty"},
		"grace twice":                 {"POST", one + "/reset?grace=1s&grace=2s", "", nil, 422, "invalid_request", "grace", "more than once"},
		"wait that is neither":        {"POST", one + "/start?wait=yes", "", nil, 422, "invalid_request", "wait", "not an allowed value"},
		"grace for a start":           {"POST", one + "/start?grace=1s", "", nil, 422, "invalid_request", "grace", "not a known"},
		"purge for a drain":           {"POST", one + "/drain?purge=true", "", nil, 422, "invalid_request", "purge", "not a known"},
		"parameters of a pause":       {"POST", one + "/pause?wait=true", "", nil, 422, "invalid_request", "wait", "not a known"},
		"parameters of a list":        {"GET", all + "?state=running", "", nil, 422, "invalid_request", "state", "not a known"},
		"parameters in the body":      {"POST", one + "/drain", `{"grace":"1s"}`, nil, 422, "invalid_request", "", "takes no body"},
		"no body":                     {"POST", all, "", nil, 400, "malformed_request", "", "JSON object is needed"},
		"half a body":                 {"POST", all, `{"name":`, nil, 400, "malformed_request", "", "not valid JSON"},
		"a body of another type":      {"POST", all, `name: two`, []string{"Content-Type", "application/yaml"}, 415, "unsupported_media_type", "Content-Type", "application/json"},
		"a body that is too large":    {"POST", all, `{"name":"` + strings.Repeat("x", 2<<20) + `"}`, nil, 413, "too_large", "", "1048576 bytes"},
		"an array":                    {"POST", all, `[]`, nil, 422, "invalid_request", "", ""},
		"a list of mistakes":          {"POST", all, `{"name":"Two!","htp_port":1,"grpc_port":"x"}`, nil, 422, "invalid_request", "", "there are 3 mistakes"},
		"a name that is taken":        {"POST", all, `{"name":"one"}`, nil, 409, "conflict", "", `"one" exists already`},
		"an instance that is not":     {"GET", all + "/two", "", nil, 404, "not_found", "", `no instance "two"`},
		"draining what is not":        {"POST", all + "/two/drain", "", nil, 404, "not_found", "", `no instance "two"`},
		"an operation that is not":    {"POST", one + "/explode", "", nil, 404, "not_found", "", "nothing at this path"},
		"a method that is not":        {"PATCH", one, "", nil, 405, "method_not_allowed", "", "PATCH"},
		"a method nobody knows":       {"BREW", one, "", nil, 405, "method_not_allowed", "", "BREW"},
		"a path that is not":          {"GET", "/admin/v2", "", nil, 404, "not_found", "", "/openapi.json"},
		"a broken query":              {"GET", all + "?%zz", "", nil, 400, "malformed_request", "", "query"},
		"a level that is not":         {"PUT", "/admin/v1/log-level", `{"level":"loud"}`, nil, 422, "invalid_request", "level", "no level"},
		"a level of the wrong type":   {"PUT", "/admin/v1/log-level", `{"level":1}`, nil, 422, "invalid_request", "level", "must be a string"},
		"no level":                    {"PUT", "/admin/v1/log-level", `{}`, nil, 422, "invalid_request", "level", "is required"},
		"something beside the level":  {"PUT", "/admin/v1/log-level", `{"level":"info","x":1}`, nil, 422, "invalid_request", "x", "not a known"},
		"an event that cannot be one": {"GET", "/admin/v1/events?after=-1", "", nil, 422, "invalid_request", "after", "not negative"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			double := newDouble("one")
			got := ask(t, admin.New(options(double)), test.method, test.target, test.body, test.header...)
			p := got.problem
			if got.status != test.status || p.Code != test.code || p.Field != test.field || !strings.Contains(p.Detail, test.says) {
				t.Errorf("got %d %s", got.status, got.body)
			}
			for _, call := range double.noted() {
				if test.status != 404 {
					t.Errorf("but %s happened", call)
				}
			}
		})
	}
}

func TestAllMistakesOfAnEntryAreToldAtOnce(t *testing.T) {
	t.Parallel()
	got := ask(t, admin.New(options(newDouble())), "POST", "/admin/v1/instances", `{"name":"two","htp_port":8080,"profile":"instnat","opening":{"balances":[{"account_id":"a","currency":"USD","available_balance":"-1"}]}}`)
	want := []string{"htp_port", "opening.balances[0].available_balance", "profile"}
	var keys []string
	for _, mistake := range got.problem.Problems {
		keys = append(keys, mistake.Key)
	}
	if !slices.Equal(keys, want) {
		t.Fatalf("got %s", got.body)
	}
	if p := got.problem.Problems[0]; p.Suggestion != "http_port" {
		t.Errorf("suggestion %q", p.Suggestion)
	}
	if p := got.problem.Problems[2]; p.Allowed != "instant" && !strings.Contains(p.Allowed, "instant") {
		t.Errorf("allowed %q", p.Allowed)
	}
}

func TestMethodsThatAreAllowedAreNamed(t *testing.T) {
	t.Parallel()
	api := admin.New(options(newDouble("one")))
	for target, want := range map[string]string{
		"/admin/v1/instances": "GET HEAD POST", "/admin/v1/instances/one": "GET HEAD DELETE", "/admin/v1/instances/one/drain": "POST",
		"/admin/v1/config": "GET HEAD PUT",
	} {
		got := ask(t, api, "PATCH", target, "")
		if allow := strings.Join(got.header.Values("Allow"), " "); allow != want || strings.Join(got.problem.Allowed, " ") != want {
			t.Errorf("%s allows %q, %v", target, allow, got.problem.Allowed)
		}
	}
}

func TestEveryErrorHasItsStatus(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		err    error
		status int
		code   string
		says   string
	}{
		"conflict":    {&supervisor.Error{Kind: supervisor.KindConflict, Message: "port 8081 is taken by one"}, 409, "conflict", "port 8081"},
		"joined":      {errors.Join(&supervisor.Error{Kind: supervisor.KindUnavailable, Message: "no start"}, errors.New("more")), 503, "unavailable", "no start"},
		"wrapped":     {fmt.Errorf("doing: %w", &supervisor.Error{Kind: supervisor.KindInvalid, Message: "no"}), 422, "invalid_request", "no"},
		"unforeseen":  {errors.New("the password is hunter2"), 500, "internal", "request id"},
		"unknown":     {&supervisor.Error{Kind: "new", Message: "?"}, 500, "new", "?"},
		"interrupted": {context.Canceled, 503, "unavailable", "may still be under way"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			double := newDouble("one")
			double.fail = test.err
			got := ask(t, admin.New(options(double)), "POST", "/admin/v1/instances/one/drain", "")
			if got.status != test.status || got.problem.Code != test.code || !strings.Contains(got.problem.Detail, test.says) || strings.Contains(got.body, "hunter2") {
				t.Errorf("got %d %s", got.status, got.body)
			}
			if wants := got.header.Get("Retry-After") != ""; wants != (test.status == 503) {
				t.Errorf("Retry-After = %q", got.header.Get("Retry-After"))
			}
		})
	}
}

func TestClientHasAnInstanceForEveryCall(t *testing.T) {
	t.Parallel()
	double := newDouble("one")
	c := dial(t, serve(t, options(double)), "")
	ctx := t.Context()
	if list, err := c.Instances(ctx); err != nil || len(list) != 1 || list[0].Name != "one" || list[0].State != "running" {
		t.Errorf("list: %v, %v", list, err)
	}
	if got, err := c.Instance(ctx, "one"); err != nil || got.Name != "one" {
		t.Errorf("get: %v, %v", got, err)
	}
	if got, err := c.Add(ctx, []byte(`{"name":"two"}`), true); err != nil || got.Name != "two" {
		t.Errorf("add: %v, %v", got, err)
	}
	for _, call := range []func() error{
		func() error { _, err := c.Drain(ctx, "one", 5*time.Second, true); return err },
		func() error { _, err := c.Start(ctx, "one", false); return err },
		func() error { _, err := c.Restart(ctx, "one", 0, true); return err },
		func() error { _, err := c.Reset(ctx, "one", 0, false); return err },
		func() error { _, err := c.Pause(ctx, "one"); return err },
		func() error { _, err := c.Resume(ctx, "one"); return err },
		func() error { return c.Remove(ctx, "one", client.RemoveOptions{Purge: true, Wait: true}) },
	} {
		if err := call(); err != nil {
			t.Error(err)
		}
	}
	want := []string{
		"add two wait=true", "drain one grace=5s wait=true", "start one wait=false", "restart one grace=0s wait=true",
		"reset one grace=0s wait=false", "pause one", "resume one", "remove one grace=0s purge=true wait=true",
	}
	if calls := double.noted(); !slices.Equal(calls, want) {
		t.Errorf("calls: %q", calls)
	}
	_, err := c.Drain(ctx, "../config", 0, true)
	if e, ok := errors.AsType[*client.Error](err); !ok || e.Status != http.StatusNotFound || !strings.Contains(e.Error(), `"../config"`) {
		t.Errorf("a name that is none: %v", err)
	}
}
