package admin_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/supervisor"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/supervisor/admin"
)

// contract is every operation that callers rely on.
var contract = []string{
	"GET /debug/pprof/{profile}", "GET /healthz", "GET /readyz", "GET /metrics", "GET /version", "GET /openapi.json",
	"GET /admin/v1/instances", "POST /admin/v1/instances", "GET /admin/v1/instances/{name}", "DELETE /admin/v1/instances/{name}",
	"POST /admin/v1/instances/{name}/drain", "POST /admin/v1/instances/{name}/start", "POST /admin/v1/instances/{name}/restart",
	"POST /admin/v1/instances/{name}/pause", "POST /admin/v1/instances/{name}/resume", "POST /admin/v1/instances/{name}/reset",
	"POST /admin/v1/instances/{name}/clone", "POST /admin/v1/instances/{name}/restore", "GET /admin/v1/instances/{name}/snapshot",
	"GET /admin/v1/events", "GET /admin/v1/config", "PUT /admin/v1/config", "GET /admin/v1/log-level", "PUT /admin/v1/log-level",
	"GET /admin/v1/instances/{name}/log-level", "PUT /admin/v1/instances/{name}/log-level", "DELETE /admin/v1/instances/{name}/log-level",
}

func description(t *testing.T, api http.Handler) *openapi3.T {
	t.Helper()
	loader := openapi3.NewLoader()
	doc, err := loader.LoadFromData([]byte(ask(t, api, "GET", "/openapi.json", "").body))
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

func TestDescriptionIsValidAndHasEveryRoute(t *testing.T) {
	t.Parallel()
	double := newDouble("one")
	api := admin.New(options(double))
	doc := description(t, api)
	if err := doc.Validate(t.Context()); err != nil {
		t.Error(err)
	}
	var described []string
	for path, item := range doc.Paths.Map() {
		for method := range item.Operations() {
			described = append(described, method+" "+path)
			// What is described is routed: nothing that is not says so.
			got := ask(t, api, method, strings.NewReplacer("{name}", "one", "{profile}", "heap").Replace(path), "")
			if got.status == 404 || got.status == 405 || got.status == 500 {
				t.Errorf("%s %s: %d %s", method, path, got.status, got.body)
			}
		}
	}
	slices.Sort(described)
	want := slices.Sorted(slices.Values(contract))
	if !slices.Equal(described, want) {
		t.Errorf("described\n%s\nwant\n%s", strings.Join(described, "\n"), strings.Join(want, "\n"))
	}
}

func TestAnswersAreAsTheyAreDescribed(t *testing.T) {
	t.Parallel()
	double := newDouble("one")
	double.list[0].Drain = &supervisor.DrainProgress{Step: "done"}
	double.list[0].Profile, double.list[0].Storage = "instant", "memory"
	double.doc.Instances = append(double.doc.Instances, supervisor.Entry{Instance: entry(t, strings.ReplaceAll(everything, `"one"`, `"two"`)), ManagedBy: supervisor.FromFile})
	double.happen("one", "running")
	api := admin.New(options(double))
	doc := description(t, api)
	for _, test := range []struct{ method, path, target, body string }{
		{"GET", "/healthz", "", ""},
		{"GET", "/readyz", "", ""},
		{"GET", "/version", "", ""},
		{"GET", "/admin/v1/instances", "", ""},
		{"GET", "/admin/v1/instances/{name}", "/admin/v1/instances/one", ""},
		{"POST", "/admin/v1/instances/{name}/drain", "/admin/v1/instances/one/drain", ""},
		{"POST", "/admin/v1/instances/{name}/drain", "/admin/v1/instances/none/drain", ""},
		{"POST", "/admin/v1/instances", "", `{"name":"One","x":1}`},
		{"GET", "/admin/v1/events", "", ""},
		{"GET", "/admin/v1/config", "", ""},
		{"PUT", "/admin/v1/config", "/admin/v1/config?dry_run=true", `{"instances":[{"name":"three"}]}`},
		{"PUT", "/admin/v1/log-level", "", `{"level":"warn"}`},
		{"PUT", "/admin/v1/log-level", "", `{"level":"loud"}`},
		{"PUT", "/admin/v1/instances/{name}/log-level", "/admin/v1/instances/one/log-level", `{"level":"debug"}`},
		{"PUT", "/admin/v1/instances/{name}/log-level", "/admin/v1/instances/none/log-level", `{"level":"debug"}`},
		{"GET", "/admin/v1/instances/{name}/log-level", "/admin/v1/instances/one/log-level", ""},
		{"DELETE", "/admin/v1/instances/{name}/log-level", "/admin/v1/instances/one/log-level", ""},
	} {
		target := test.target
		if target == "" {
			target = test.path
		}
		got := ask(t, api, test.method, target, test.body)
		operation := doc.Paths.Find(test.path).GetOperation(test.method)
		answer := operation.Responses.Status(got.status)
		if answer == nil {
			t.Errorf("%s %s: %d is not described", test.method, target, got.status)
			continue
		}
		schema := answer.Value.Content.Get(got.header.Get("Content-Type"))
		if schema == nil {
			t.Errorf("%s %s: %d as %s is not described", test.method, target, got.status, got.header.Get("Content-Type"))
			continue
		}
		checkJSON(t, schema.Schema.Value, got.body, test.method+" "+target)
		if test.body != "" && got.status == 200 {
			checkJSON(t, operation.RequestBody.Value.Content.Get("application/json").Schema.Value, test.body, "body of "+target)
		}
	}
	checkJSON(t, doc.Paths.Find("/admin/v1/instances").Post.RequestBody.Value.Content.Get("application/json").Schema.Value, everything, "an entry")
}

// Whatever an operation reads, it may find something wrong with: how it says so
// stands in its description.
func TestRefusalsAreDescribedForEveryOperation(t *testing.T) {
	t.Parallel()
	double := newDouble("one")
	api := admin.New(options(double))
	doc := description(t, api)
	for path, item := range doc.Paths.Map() {
		for method, operation := range item.Operations() {
			for _, wrong := range []struct{ query, mediaType, body string }{
				{"?%zz=1", "", ""}, {"?limit=1;a=2", "", ""}, {"?surprise=1", "", ""},
				{"", "application/json", "x"}, {"", "text/plain", "{}"}, {"", "application/json", strings.Repeat(" ", 2<<20)}, {"", "application/json", `{"a":1}`},
			} {
				r := httptest.NewRequest(method, strings.ReplaceAll(path, "{name}", "one")+wrong.query, strings.NewReader(wrong.body))
				if wrong.mediaType != "" {
					r.Header.Set("Content-Type", wrong.mediaType)
				}
				w := httptest.NewRecorder()
				api.ServeHTTP(w, r)
				answer := operation.Responses.Status(w.Code)
				switch {
				case answer == nil:
					t.Errorf("%s %s%s may not answer %d: %s", method, path, wrong.query, w.Code, w.Body)
				case w.Code == http.StatusServiceUnavailable && answer.Value.Headers["Retry-After"] == nil:
					t.Errorf("%s %s does not describe Retry-After", method, path)
				}
			}
		}
	}
	config := doc.Paths.Find("/admin/v1/config").Get
	if config.Responses.Status(http.StatusNotModified).Value.Headers["ETag"] == nil {
		t.Error("the ETag of 304 is not described")
	}
	if doc.Paths.Find("/admin/v1/instances/{name}/restore").Post.RequestBody == nil {
		t.Error("what is restored is not described")
	}
}

func checkJSON(t *testing.T, schema *openapi3.Schema, text, what string) {
	t.Helper()
	var v any
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatalf("%s: %v", what, err)
	}
	if err := schema.VisitJSON(v, openapi3.EnableJSONSchema2020()); err != nil {
		t.Errorf("%s: %v\n%s", what, err, text)
	}
}
