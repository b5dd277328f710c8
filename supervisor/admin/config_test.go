package admin_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/supervisor"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/supervisor/admin"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/supervisor/admin/client"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/supervisor/config"
)

const configTarget = "/admin/v1/config"

// everything is an entry with something under every key.
const everything = `{"name":"one","http_port":8081,"grpc_port":50052,"profile":"instant","seed":9223372036854775807,"clock":{"mode":"real"},
	"accounts":{"auto_open":false},"limits":{"max_body_bytes":2048,"request_timeout":"1m30s"},"restart":{"initial":"1ms","max":"2s","max_attempts":3},
	"drain_grace":"5s","schema":"elsewhere","redis_prefix":"custodian:elsewhere:",
	"storage":{"driver":"postgres","postgres":{"url":"postgres://me:s3cret@db:5432/books?sslmode=disable"}},
	"redis":{"driver":"server","url":"redis://me:s3cret@cache:6379/2"},
	"assets":[{"symbol":"GOLD","kind":"crypto","decimals":3}],
	"opening":{"accounts":[{"account_id":"a","client_id":"c","type":"MASTER","metadata":{"x":1.50,"y":[true,null]}}],
		"positions":[{"account_id":"a","symbol":"GOLD","quantity":"1.250","currency":"USD"}],
		"balances":[{"account_id":"a","currency":"USD","available_balance":"0.10"}]}}`

func entry(t *testing.T, text string) config.Instance {
	t.Helper()
	out, err := config.ParseInstance([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestDocumentThatIsSentBackChangesNothing(t *testing.T) {
	t.Parallel()
	double := newDouble()
	was := entry(t, everything)
	double.doc.Instances = []supervisor.Entry{{Instance: was, ManagedBy: supervisor.FromFile}, {Instance: entry(t, `{"name":"two"}`), ManagedBy: supervisor.FromAPI}}
	double.doc.Drained = []string{"two"}
	api := admin.New(options(double))

	read := ask(t, api, "GET", configTarget, "")
	if read.status != 200 || read.header.Get("ETag") != `"0-x"` || strings.Contains(read.body, "s3cret") || !strings.Contains(read.body, `"managed_by":"file"`) {
		t.Fatalf("got %d %s %s", read.status, read.header.Get("ETag"), read.body)
	}
	written := ask(t, api, "PUT", configTarget, read.body, "If-Match", read.header.Get("ETag"))
	if written.status != 200 || written.header.Get("ETag") != `"1-x"` || written.body != "{\"dry_run\":false,\"changes\":[]}\n" {
		t.Fatalf("got %d %s", written.status, written.body)
	}
	if got := double.doc.Instances[0].Instance; config.InstanceHash(got) != config.InstanceHash(was) {
		t.Errorf("the entry became %+v", got)
	}
	if len(double.doc.Drained) != 1 || len(double.doc.Paused) != 0 || len(double.doc.Instances) != 2 {
		t.Errorf("the document became %+v", double.doc)
	}
}

func TestEntityTagsKeepWritersApart(t *testing.T) {
	t.Parallel()
	const body = `{"instances":[{"name":"one"},{"name":"two"}]}`
	tests := map[string]struct {
		method, target string
		header         []string
		status         int
		etag           string
	}{
		"read":                    {"GET", "", nil, 200, `"0-x"`},
		"read what is known":      {"GET", "", []string{"If-None-Match", `"0-x"`}, 304, `"0-x"`},
		"read what is known, w":   {"GET", "", []string{"If-None-Match", `"a", W/"0-x"`}, 304, `"0-x"`},
		"read what is not known":  {"GET", "", []string{"If-None-Match", `"1-x"`}, 200, `"0-x"`},
		"read with a broken tag":  {"GET", "", []string{"If-None-Match", `0-x`}, 400, ""},
		"head":                    {"HEAD", "", nil, 200, `"0-x"`},
		"write without a tag":     {"PUT", "", nil, 200, `"1-x"`},
		"write with the tag":      {"PUT", "", []string{"If-Match", `"0-x"`}, 200, `"1-x"`},
		"write with several tags": {"PUT", "", []string{"If-Match", `"9-x","0-x"`}, 200, `"1-x"`},
		"write whatever it is":    {"PUT", "", []string{"If-Match", `*`}, 200, `"1-x"`},
		"write with an old tag":   {"PUT", "", []string{"If-Match", `"9-x"`}, 412, ""},
		"write with a weak tag":   {"PUT", "", []string{"If-Match", `W/"0-x"`}, 412, ""},
		"write with a broken tag": {"PUT", "", []string{"If-Match", `"0-x`}, 400, ""},
		"write with a torn list":  {"PUT", "", []string{"If-Match", `"0-x" "1-x"`}, 400, ""},
		"plan":                    {"PUT", "?dry_run=true", nil, 200, `"0-x"`},
		"plan with an old tag":    {"PUT", "?dry_run=true", []string{"If-Match", `"9-x"`}, 412, ""},
		"plan with a wrong word":  {"PUT", "?dry_run=maybe", nil, 422, ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			double := newDouble("one")
			text := ""
			if test.method == "PUT" {
				text = body
			}
			got := ask(t, admin.New(options(double)), test.method, configTarget+test.target, text, test.header...)
			if got.status != test.status || got.header.Get("ETag") != test.etag {
				t.Errorf("got %d %s %s", got.status, got.header.Get("ETag"), got.body)
			}
			if changed := double.version == 1; changed != (test.etag == `"1-x"`) {
				t.Errorf("changed: %t", changed)
			}
			if test.method == "PUT" && got.status == 200 && !strings.Contains(got.body, `"changes":[{"action":"add","instance":"two"}]`) {
				t.Errorf("plan: %s", got.body)
			}
		})
	}
}

func TestWritersWithoutATagAreNotDisturbedByOthers(t *testing.T) {
	t.Parallel()
	double := newDouble("one")
	times := 2
	double.onDesired = func() { // somebody else is quicker, twice
		double.mu.Lock()
		defer double.mu.Unlock()
		if times--; times >= 0 {
			double.version++
		}
	}
	api := admin.New(options(double))
	if got := ask(t, api, "PUT", configTarget, `{"instances":[{"name":"one"}]}`); got.status != 200 {
		t.Errorf("got %d %s", got.status, got.body)
	}
	times = 1
	got := ask(t, api, "PUT", configTarget, `{"instances":[{"name":"one"}]}`, "If-Match", `"`+double.tag()+`"`)
	if got.status != 412 || got.problem.Code != "precondition_failed" {
		t.Errorf("with a tag: %d %s", got.status, got.body)
	}
	times = 1000
	if got := ask(t, api, "PUT", configTarget, `{"instances":[{"name":"one"}]}`); got.status != 412 {
		t.Errorf("with endless others: %d %s", got.status, got.body)
	}
}

func TestMistakesInADocumentAreToldWithTheirPlace(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		body  string
		code  string
		field string
		keys  string
	}{
		"no entries":           {`{}`, "invalid_request", "instances", ""},
		"entries that are not": {`{"instances":{}}`, "invalid_request", "instances", ""},
		"an entry that is not": {`{"instances":[1]}`, "invalid_request", "", "instances[0]"},
		"many mistakes": {`{"instances":[{"name":"a"},{"name":"B"},{"nam":"c"}]}`, "invalid_request", "",
			"instances[1].name instances[2].nam instances[2].name"},
		"a key given twice":          {`{"instances":[{"name":"a","name":"b"}]}`, "invalid_request", "", "instances[0].name"},
		"a key given twice, escaped": {`{"instances":[{"name":"a","\u006eame":"b"}]}`, "invalid_request", "", "instances[0].name"},
		"an unknown list":            {`{"instances":[],"stopped":[]}`, "invalid_request", "stopped", ""},
		"a name that is none":        {`{"instances":[],"drained":[1]}`, "invalid_request", "drained[0]", ""},
		"names that are none":        {`{"instances":[],"paused":"one"}`, "invalid_request", "paused", ""},
		"broken JSON":                {`{"instances":[}`, "malformed_request", "", ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			double := newDouble()
			got := ask(t, admin.New(options(double)), "PUT", configTarget, test.body)
			var keys []string
			for _, mistake := range got.problem.Problems {
				keys = append(keys, mistake.Key)
			}
			if got.problem.Code != test.code || got.problem.Field != test.field || strings.Join(keys, " ") != test.keys || double.version != 0 {
				t.Errorf("got %d %s", got.status, got.body)
			}
		})
	}
}

func TestDocumentsMayBeLargerThanOtherBodies(t *testing.T) {
	t.Parallel()
	o := options(newDouble())
	o.Limits = admin.Limits{MaxBodyBytes: 100, MaxConfigBytes: 200}
	api := admin.New(o)
	body := func(n int) string { return `{"instances":[]` + strings.Repeat(" ", n-16) + `}` }
	if got := ask(t, api, "PUT", configTarget, body(200)); got.status != 200 {
		t.Errorf("got %d %s", got.status, got.body)
	}
	if got := ask(t, api, "PUT", configTarget, body(201)); got.status != http.StatusRequestEntityTooLarge {
		t.Errorf("got %d %s", got.status, got.body)
	}
}

func TestClientEditsTheConfiguration(t *testing.T) {
	t.Parallel()
	c := dial(t, serve(t, options(newDouble("one"))), "")
	document, etag, err := c.Config(t.Context())
	if err != nil || !json.Valid(document) || etag == "" {
		t.Fatalf("%s, %s, %v", document, etag, err)
	}
	edited := []byte(`{"instances":[{"name":"one"},{"name":"two"}]}`)
	plan, same, err := c.PutConfig(t.Context(), edited, etag, true)
	if err != nil || !plan.DryRun || len(plan.Changes) != 1 || same != etag {
		t.Errorf("plan: %+v, %s, %v", plan, same, err)
	}
	if _, next, err := c.PutConfig(t.Context(), edited, etag, false); err != nil || next == etag {
		t.Errorf("put: %s, %v", next, err)
	}
	_, _, err = c.PutConfig(t.Context(), edited, etag, false)
	if e, ok := errors.AsType[*client.Error](err); !ok || e.Status != http.StatusPreconditionFailed {
		t.Errorf("put again: %v", err)
	}
	_, _, err = c.PutConfig(t.Context(), []byte(`{"instances":[{"name":"B"},{}]}`), "", false)
	if e, ok := errors.AsType[*client.Error](err); !ok || !e.BadInput() || len(e.Problems) != 2 || !strings.HasPrefix(e.Problems[0].String(), "instances[0].name: ") {
		t.Errorf("put of mistakes: %v", err)
	}
}
