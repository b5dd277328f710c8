package httpapi_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/access"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/httpapi"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/httpapi/problem"
)

func key(name, secret string, role access.Role) access.Key {
	sum := sha256.Sum256([]byte(secret))
	return access.Key{Name: name, SHA256: hex.EncodeToString(sum[:]), Role: role}
}

// guarded returns a face that asks for keys and listens on loopback.
func guarded(t *testing.T) *bundle {
	return setup(t, func(o *httpapi.Options) {
		o.Access = access.NewGuard("key", "this needs an API key", []access.Key{key("desk", "k-operate", ""), key("dash", "k-read", access.Read)})
		o.Sites = access.NewSites(access.NewHosts("127.0.0.1", nil))
	})
}

// knock sends a request as it is.
func knock(b *bundle, method, path, body string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequestWithContext(b.t.Context(), method, "http://127.0.0.1:8081"+path, strings.NewReader(body))
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(header); i += 2 {
		if header[i] == "Host" {
			r.Host = header[i+1]
			continue
		}
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	b.handler.ServeHTTP(w, r)
	return w
}

func TestKeysLetInByTheirRole(t *testing.T) {
	t.Parallel()
	b := guarded(t)
	const deposit = `{"settlement_type":"DEPOSIT","account_id":"a","symbol":"BTC","quantity":"1"}`
	operate, read := []string{"Authorization", "Bearer k-operate"}, []string{"X-API-Key", "k-read"}
	for name, test := range map[string]struct {
		method, path, body string
		header             []string
		status             int
		code               string
	}{
		"health":                 {"GET", "/api/v1/health", "", nil, 200, ""},
		"readiness by any name":  {"GET", "/api/v1/ready", "", []string{"Host", "evil.example"}, 200, ""},
		"a request without one":  {"GET", "/api/v1/positions", "", nil, 401, "unauthorized"},
		"metrics without one":    {"GET", "/metrics", "", nil, 401, "unauthorized"},
		"the document":           {"GET", "/openapi.json", "", nil, 401, "unauthorized"},
		"a path that is nowhere": {"GET", "/nowhere", "", nil, 401, "unauthorized"},
		"a wrong one":            {"GET", "/api/v1/positions", "", []string{"X-API-Key", "k"}, 401, "unauthorized"},
		"two that differ":        {"GET", "/api/v1/positions", "", append(slices.Clone(operate), read...), 401, "unauthorized"},
		"who operates":           {"POST", "/api/v1/settlements", deposit, operate, 201, ""},
		"who operates reads":     {"GET", "/api/v1/positions", "", operate, 200, ""},
		"who reads":              {"GET", "/api/v1/positions", "", read, 200, ""},
		"metrics for who reads":  {"GET", "/metrics", "", read, 200, ""},
		"a change by who reads":  {"POST", "/api/v1/settlements", deposit, read, 403, "forbidden"},
		"a fault by who reads":   {"DELETE", "/chaos/clear-all", "", read, 403, "forbidden"},
		"a foreign name":         {"GET", "/api/v1/positions", "", append([]string{"Host", "evil.example"}, operate...), 403, "forbidden"},
	} {
		w := knock(b, test.method, test.path, test.body, test.header...)
		var p problem.Problem
		if test.code != "" {
			if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		if w.Code != test.status || p.Code != test.code || (w.Header().Get("WWW-Authenticate") != "") != (test.status == 401) {
			t.Errorf("%s: %d %s", name, w.Code, w.Body)
		}
		if w.Header().Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: a browser may guess what the answer is", name)
		}
		if strings.Contains(w.Body.String(), "k-") {
			t.Errorf("%s: the answer has a key in it: %s", name, w.Body)
		}
	}
}

func TestPagesOfOtherSitesChangeNothing(t *testing.T) {
	t.Parallel()
	b := setup(t, func(o *httpapi.Options) { o.Sites = access.NewSites(access.NewHosts("127.0.0.1", nil)) })
	for _, path := range []string{"/chaos/clear-all", "/clock/advance", "/api/v1/reconciliation/run", "/api/v1/settlements"} {
		for _, header := range [][]string{
			{"Origin", "http://evil.example", "Content-Type", "text/plain"},
			{"Origin", "null"},
			{"Origin", "http://127.0.0.1:8082"}, // another instance's page
			{"Sec-Fetch-Site", "cross-site"},
			{"Origin", "http://evil.example:8081", "Host", "evil.example:8081"}, // a name that points here
		} {
			for _, method := range []string{"POST", "PUT", "PATCH", "DELETE"} {
				if w := knock(b, method, path, "{}", header...); w.Code != 403 {
					t.Errorf("%s %s with %v: %d", method, path, header, w.Code)
				}
			}
		}
	}
	if w := knock(b, "POST", "/api/v1/reconciliation/run", ""); w.Code != 200 {
		t.Errorf("a program: %d %s", w.Code, w.Body)
	}
	if n := b.custodian.Durable(); n > 1 {
		t.Errorf("%d events happened", n)
	}
}

func TestGuessingKeysIsSlow(t *testing.T) {
	t.Parallel()
	b := guarded(t)
	last := 0
	for range 12 {
		last = knock(b, "GET", "/api/v1/positions", "", "X-API-Key", "wrong").Code
	}
	w := knock(b, "GET", "/api/v1/positions", "", "X-API-Key", "k-operate")
	if last != http.StatusTooManyRequests || w.Code != http.StatusTooManyRequests || w.Header().Get("Retry-After") == "" || !strings.Contains(w.Body.String(), "too_many_failures") {
		t.Errorf("who guesses gets %d, and with the right key %d %s", last, w.Code, w.Body)
	}
	if w := knock(b, "GET", "/api/v1/ready", ""); w.Code != 200 {
		t.Errorf("probes get %d", w.Code)
	}
}

func TestDocumentSaysWhetherKeysAreNeeded(t *testing.T) {
	t.Parallel()
	w := knock(guarded(t), "GET", "/openapi.json", "", "X-API-Key", "k-read")
	doc, err := openapi3.NewLoader().LoadFromData(w.Body.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	if len(doc.Components.SecuritySchemes) != 2 || len(doc.Security) != 2 {
		t.Errorf("schemes %v, needed %v", doc.Components.SecuritySchemes, doc.Security)
	}
	for path, item := range doc.Paths.Map() {
		for method, op := range item.Operations() {
			open := path == "/api/v1/health" || path == "/api/v1/ready"
			if open != (op.Security != nil && len(*op.Security) == 0) {
				t.Errorf("%s %s: security %v", method, path, op.Security)
			}
			for _, status := range []string{"401", "403", "429"} {
				if (op.Responses.Value(status) == nil) != open {
					t.Errorf("%s %s: whether it answers %s is wrong", method, path, status)
				}
			}
		}
	}
	doc, err = loadDocument()
	if err != nil {
		t.Fatal(err)
	}
	if len(doc.Components.SecuritySchemes) != 0 || doc.Security != nil || doc.Paths.Value("/metrics").Get.Responses.Value("401") != nil {
		t.Error("a face without keys says that it needs one")
	}
}
