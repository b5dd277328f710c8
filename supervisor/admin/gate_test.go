package admin_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/supervisor/admin"
)

func TestOnlyThoseWhoMayAreLetIn(t *testing.T) {
	t.Parallel()
	const path = "/admin/v1/instances"
	bearer := func(token string) []string { return []string{"Authorization", "Bearer " + token} }
	tests := map[string]struct {
		listen string
		tokens []string
		path   string
		header []string
		status int
		code   string
	}{
		"anybody on loopback":                {path: path, status: 200},
		"a useless token on loopback":        {path: path, header: bearer("x"), status: 200},
		"localhost by name":                  {path: path, header: []string{"Host", "localhost:9999"}, status: 200},
		"localhost in capitals":              {path: path, header: []string{"Host", "LOCALHOST"}, status: 200},
		"loopback of IPv6":                   {path: path, header: []string{"Host", "[::1]:7080"}, status: 200},
		"a foreign name (DNS rebinding)":     {path: path, header: []string{"Host", "evil.example:7080"}, status: 403, code: "forbidden"},
		"a foreign name that begins right":   {path: path, header: []string{"Host", "localhost.evil.example"}, status: 403, code: "forbidden"},
		"no name":                            {path: path, header: []string{"Host", ""}, status: 403, code: "forbidden"},
		"a foreign name beyond loopback":     {listen: "0.0.0.0:7080", tokens: []string{"a"}, path: path, header: append(bearer("a"), "Host", "admin.example"), status: 200},
		"no token where one is needed":       {tokens: []string{"a"}, path: path, status: 401, code: "unauthorized"},
		"an empty token":                     {tokens: []string{"a"}, path: path, header: bearer(""), status: 401, code: "unauthorized"},
		"a wrong token":                      {tokens: []string{"a"}, path: path, header: bearer("b"), status: 401, code: "unauthorized"},
		"the hash instead of the token":      {tokens: []string{"a"}, path: path, header: bearer(tokens("a")[0].SHA256.Reveal()), status: 401, code: "unauthorized"},
		"another scheme":                     {tokens: []string{"a"}, path: path, header: []string{"Authorization", "Basic a"}, status: 401, code: "unauthorized"},
		"the first token":                    {tokens: []string{"a", "b", "c"}, path: path, header: bearer("a"), status: 200},
		"the last token":                     {tokens: []string{"a", "b", "c"}, path: path, header: bearer("c"), status: 200},
		"a scheme in small letters":          {tokens: []string{"a"}, path: path, header: []string{"Authorization", "bearer a"}, status: 200},
		"health without a token":             {tokens: []string{"a"}, path: "/healthz", status: 200},
		"readiness by any name":              {tokens: []string{"a"}, path: "/readyz", header: []string{"Host", "10.0.0.1"}, status: 200},
		"metrics without a token":            {tokens: []string{"a"}, path: "/metrics", status: 401, code: "unauthorized"},
		"metrics with one":                   {tokens: []string{"a"}, path: "/metrics", header: bearer("a"), status: 200},
		"a path that is not there":           {tokens: []string{"a"}, path: "/nowhere", status: 401, code: "unauthorized"},
		"health's path with something on it": {tokens: []string{"a"}, path: "/healthz/", status: 401, code: "unauthorized"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := options(newDouble("one"))
			if test.listen != "" {
				o.Config.Listen = test.listen
			}
			o.Config.Tokens = tokens(test.tokens...)
			got := ask(t, admin.New(o), http.MethodGet, test.path, "", test.header...)
			if got.status != test.status || got.problem.Code != test.code {
				t.Errorf("got %d %s", got.status, got.body)
			}
			if wants := got.header.Get("WWW-Authenticate") != ""; wants != (got.status == 401) {
				t.Errorf("WWW-Authenticate = %q", got.header.Get("WWW-Authenticate"))
			}
		})
	}
}

func TestOtherSitesMayChangeNothing(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		method string
		header []string
		status int
	}{
		"a program":                     {http.MethodPost, nil, 200},
		"the same site":                 {http.MethodPost, []string{"Origin", "http://127.0.0.1:7080"}, 200},
		"the same site, as browsers do": {http.MethodPost, []string{"Sec-Fetch-Site", "same-origin"}, 200},
		"another site":                  {http.MethodPost, []string{"Origin", "http://evil.example"}, 403},
		"another port":                  {http.MethodPost, []string{"Origin", "http://127.0.0.1:8080"}, 403},
		"no site to speak of":           {http.MethodPost, []string{"Origin", "null"}, 403},
		"as browsers say it":            {http.MethodPost, []string{"Sec-Fetch-Site", "cross-site"}, 403},
		"another site that looks":       {http.MethodGet, []string{"Origin", "http://evil.example"}, 405},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			double := newDouble("one")
			got := ask(t, admin.New(options(double)), test.method, "/admin/v1/instances/one/drain", "", test.header...)
			if got.status != test.status {
				t.Errorf("got %d %s", got.status, got.body)
			}
			if calls := double.noted(); (len(calls) > 0) != (test.status == 200) {
				t.Errorf("calls: %v", calls)
			}
		})
	}
}

func TestTokensThatAreTakenAwayLetNobodyInAnyMore(t *testing.T) {
	t.Parallel()
	o := options(newDouble("one"))
	o.Config.Tokens = tokens("old")
	api := admin.New(o)
	as := func(token string) int {
		return ask(t, api, http.MethodGet, "/version", "", "Authorization", "Bearer "+token).status
	}
	if as("old") != 200 || as("new") != 401 {
		t.Fatal("the first tokens do not hold")
	}
	o.Config.Tokens = tokens("new")
	api.Reload(o.Config)
	if as("old") != 401 || as("new") != 200 {
		t.Error("the new tokens do not hold")
	}
}

func TestGuessingTokensIsSlowAndHurtsNobodyElse(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := options(newDouble("one"))
		o.Config.Tokens = tokens("right")
		api := admin.New(o)
		try := func(from, token string) reply {
			return askFrom(t, api, from, http.MethodGet, "/version", "", "Authorization", "Bearer "+token)
		}
		for range 10 {
			if got := try("10.0.0.1:1000", "wrong"); got.status != 401 {
				t.Fatalf("got %d", got.status)
			}
		}
		got := try("10.0.0.1:1001", "right")
		if got.status != 429 || got.problem.Code != "too_many_failures" || got.header.Get("Retry-After") != "1" {
			t.Errorf("who guesses gets %d %s", got.status, got.body)
		}
		if got := try("10.0.0.2:1000", "right"); got.status != 200 {
			t.Errorf("a neighbour gets %d", got.status)
		}
		time.Sleep(1100 * time.Millisecond) // of the bubble's time
		if got := try("10.0.0.1:1002", "right"); got.status != 200 {
			t.Errorf("after the wait: %d", got.status)
		}
		// However many addresses guess, who does not guess is let in.
		for i := range 5000 {
			try(fmt.Sprintf("[2001:db8:%x::1]:1000", i), "wrong")
		}
		if got := try("[2001:db8:ffff::1]:1000", "right"); got.status != 200 {
			t.Errorf("an address that did not guess gets %d", got.status)
		}
		if got := try("[2001:db8:1387::1]:1000", "right"); got.status != 429 {
			t.Errorf("one that guessed once while all did gets %d", got.status)
		}
		time.Sleep(time.Hour)
		if got := try("[2001:db8:1387::1]:1000", "right"); got.status != 200 {
			t.Errorf("after an hour: %d", got.status)
		}
	})
}

func TestLogsSayWhoChangedWhatAndNoToken(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	o := options(newDouble("one"))
	o.Logger = slog.New(slog.NewTextHandler(&log, nil))
	o.Config.Tokens = tokens("very-secret")
	api := admin.New(o)
	ask(t, api, http.MethodPost, "/admin/v1/instances/one/drain", "", "Authorization", "Bearer very-secret", "X-Request-Id", "req-7")
	ask(t, api, http.MethodPost, "/admin/v1/instances/one/drain", "", "Authorization", "Bearer nearly-secret")
	text := log.String()
	for _, want := range []string{"method=POST", "path=/admin/v1/instances/one/drain", `who="token token-0"`, "status=200", "request_id=req-7", "status=401"} {
		if !strings.Contains(text, want) {
			t.Errorf("%s is missing in\n%s", want, text)
		}
	}
	if strings.Contains(text, "secret") {
		t.Errorf("a token got into\n%s", text)
	}
}

func TestWhoMayReadChangesNothingAndSeesNoSecrets(t *testing.T) {
	t.Parallel()
	o := options(newDouble("one"))
	o.Config.Tokens = tokens("reads", "operates", "roleless")
	o.Config.Tokens[0].Role, o.Config.Tokens[1].Role = "read", "operate"
	api := admin.New(o)
	for _, test := range []struct {
		method, path, body string
		reads              int // the status for who may read
	}{
		{"GET", "/admin/v1/instances", "", 200},
		{"HEAD", "/admin/v1/instances", "", 200},
		{"GET", "/admin/v1/instances/one", "", 200},
		{"GET", "/admin/v1/config", "", 200},
		{"GET", "/metrics", "", 200},
		{"GET", "/admin/v1/log-level", "", 200},
		{"GET", "/admin/v1/instances/one/snapshot", "", 403},
		{"HEAD", "/admin/v1/instances/one/snapshot", "", 403},
		{"POST", "/admin/v1/instances", `{"name":"two"}`, 403},
		{"POST", "/admin/v1/instances/one/drain", "", 403},
		{"DELETE", "/admin/v1/instances/one", "", 403},
		{"PUT", "/admin/v1/log-level", `{"level":"debug"}`, 403},
		{"PUT", "/admin/v1/config?dry_run=true", `{"instances":[]}`, 403},
	} {
		got := ask(t, api, test.method, test.path, test.body, "Authorization", "Bearer reads")
		if got.status != test.reads {
			t.Errorf("who may read gets %d %s of %s %s", got.status, got.body, test.method, test.path)
		}
		if test.reads == 403 && test.method != "HEAD" && (got.problem.Code != "forbidden" || !strings.Contains(got.problem.Detail, "operate")) {
			t.Errorf("it is refused with %s", got.body)
		}
		for _, token := range []string{"operates", "roleless"} {
			if got := ask(t, api, test.method, test.path, test.body, "Authorization", "Bearer "+token); got.status == 401 || got.status == 403 {
				t.Errorf("who may operate gets %d of %s %s", got.status, test.method, test.path)
			}
		}
	}
}

func TestNamesOfTheServerCanBeConfigured(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		listen, host string
		hosts        []string
		status       int
	}{
		"on loopback":               {"127.0.0.1:7080", "admin.example.com", []string{"admin.example.com"}, 200},
		"another on loopback":       {"127.0.0.1:7080", "evil.example", []string{"admin.example.com"}, 403},
		"beyond loopback":           {"0.0.0.0:7080", "admin.example.com:7080", []string{"admin.example.com"}, 200},
		"another beyond loopback":   {"0.0.0.0:7080", "evil.example", []string{"admin.example.com"}, 403},
		"a service beyond loopback": {"0.0.0.0:7080", "custodian:7080", []string{"admin.example.com"}, 200},
	} {
		o := options(newDouble("one"))
		o.Config.Listen, o.Config.Hosts, o.Config.Tokens = test.listen, test.hosts, tokens("a")
		got := ask(t, admin.New(o), "GET", "/version", "", "Host", test.host, "Authorization", "Bearer a")
		if got.status != test.status {
			t.Errorf("%s: %d %s", name, got.status, got.body)
		}
	}
}

func TestBrowsersMakeNothingElseOfAnswers(t *testing.T) {
	t.Parallel()
	api := admin.New(options(newDouble("one")))
	for _, path := range []string{"/healthz", "/metrics", "/openapi.json", "/admin/v1/instances", "/nowhere", "/admin/v1/events"} {
		got := ask(t, api, "GET", path, "")
		for header, want := range map[string]string{
			"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY", "Referrer-Policy": "no-referrer",
			"Cross-Origin-Resource-Policy": "same-origin", "Cross-Origin-Opener-Policy": "same-origin",
			"Content-Security-Policy": "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
		} {
			if got.header.Get(header) != want {
				t.Errorf("%s: %s is %q", path, header, got.header.Get(header))
			}
		}
	}
}
