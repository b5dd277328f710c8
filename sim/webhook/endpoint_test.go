package webhook_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/webhook"
)

func TestEndpointsThatAreNotAllowedAreExplained(t *testing.T) {
	t.Parallel()
	valid := webhook.Endpoint{ID: "a", URL: "https://example.com", Secret: secret}
	types := []string{"settlement.completed", "account.opened"}
	for _, tt := range []struct {
		name   string
		change func(*webhook.Endpoint)
		want   string
	}{
		{"it is valid", func(*webhook.Endpoint) {}, ""},
		{"with all kinds of patterns", func(e *webhook.Endpoint) { e.Events = []string{"*", "account.*", "settlement.completed"} }, ""},
		{"with two secrets", func(e *webhook.Endpoint) { e.PreviousSecret = webhook.GenerateSecret() }, ""},
		{"no id", func(e *webhook.Endpoint) { e.ID = "" }, "id: "},
		{"an id with a slash", func(e *webhook.Endpoint) { e.ID = "a/b" }, "id: "},
		{"a long id", func(e *webhook.Endpoint) { e.ID = strings.Repeat("a", 65) }, "id: "},
		{"no URL", func(e *webhook.Endpoint) { e.URL = "" }, "url: "},
		{"no secret", func(e *webhook.Endpoint) { e.Secret = "" }, "secret: must be whsec_ followed by 24 to 64 random bytes in base64"},
		{"a secret without its prefix", func(e *webhook.Endpoint) { e.Secret = e.Secret[6:] }, "secret: must be whsec_"},
		{"a secret that is not base64", func(e *webhook.Endpoint) { e.Secret = "whsec_hunter2!" }, "secret: what follows whsec_ is not base64"},
		{"a short secret", func(e *webhook.Endpoint) { e.Secret = "whsec_aHVudGVyMg==" }, "secret: has a key of 7 bytes"},
		{"a wrong previous secret", func(e *webhook.Endpoint) { e.PreviousSecret = "hunter2" }, "previous_secret: "},
		{"a pattern in the middle", func(e *webhook.Endpoint) { e.Events = []string{"*", "settlement.*.x"} }, "events[1]: "},
		{"a prefix without a dot", func(e *webhook.Endpoint) { e.Events = []string{"settle*"} }, "events[0]: "},
		{"an unknown type", func(e *webhook.Endpoint) { e.Events = []string{"settlement.complete"} },
			`events[0]: "settlement.complete" selects no event; the types are settlement.completed, account.opened`},
		{"many patterns", func(e *webhook.Endpoint) { e.Events = make([]string, 51) }, "events: "},
	} {
		t.Run(tt.name, func(t *testing.T) {
			e := valid
			tt.change(&e)
			err := e.Validate(nil, types)
			if tt.want == "" && err == nil {
				return
			}
			if sim.CodeOf(err) != sim.CodeInvalid || !strings.HasPrefix(err.Error(), tt.want) || strings.Contains(err.Error(), "hunter") {
				t.Errorf("error is %v, want %s", err, tt.want)
			}
		})
	}
}

func TestPatternsSelectTypes(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		patterns, eventType string
		want                bool
	}{
		{"", "settlement.completed", true},
		{"*", "settlement.completed", true},
		{"settlement.*", "settlement.completed", true},
		{"settlement.*", "settlements.completed", false},
		{"settlement.*", "settlement", false},
		{"settlement.completed", "settlement.completed", true},
		{"settlement.completed", "settlement.completed2", false},
		{"account.* settlement.*", "settlement.failed", true},
	} {
		e := webhook.Endpoint{Events: strings.Fields(tt.patterns)}
		if got := e.Wants(tt.eventType); got != tt.want {
			t.Errorf("%q selects %s: %t", tt.patterns, tt.eventType, got)
		}
	}
}

func TestAllMistakesInTheOptionsAreReportedAtOnce(t *testing.T) {
	t.Parallel()
	good := webhook.Endpoint{ID: "a", URL: "https://example.com", Secret: secret}
	_, err := webhook.New(webhook.Options{
		Source: newEventLog(), Cursors: newCursors(), Render: render, MaxEndpoints: 2, Timeout: -1, MaxFailed: 1001,
		Retry:     webhook.RetryPolicy{Jitter: 101},
		Endpoints: []webhook.Endpoint{good, good, {ID: "b", URL: "https://10.0.0.1/?" + token, Secret: secret}},
	})
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{"timeout: ", "max_failed: ", "retry.jitter: ", "endpoints: has 3", `endpoints[1].id: "a" is`, "endpoints[2].url: leads to 10.0.0.1"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is missing in %v", want, err)
		}
	}
	if strings.Contains(err.Error(), token) {
		t.Error("the query is told")
	}
	if _, err := webhook.New(webhook.Options{}); err == nil {
		t.Error("options without a source are taken")
	}
}

func TestSecretsAreNotTold(t *testing.T) {
	t.Parallel()
	e := endpoint("a")
	e.PreviousSecret = webhook.GenerateSecret()
	var out bytes.Buffer
	for _, handler := range []slog.Handler{slog.NewTextHandler(&out, nil), slog.NewJSONHandler(&out, nil)} {
		slog.New(handler).InfoContext(context.Background(), "hello", "endpoint", e, "secret", e.Secret, "all", []any{e, e.Secret, webhook.Status{Endpoint: e}})
	}
	raw, err := json.Marshal([]any{e, e.Secret, map[string]any{"s": e.Secret}, webhook.Status{Endpoint: e}})
	if err != nil {
		t.Fatal(err)
	}
	out.Write(raw)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q"} {
		fmt.Fprintf(&out, verb+verb, e, e.Secret)
		fmt.Fprintf(&out, verb, webhook.Status{Endpoint: e})
	}
	for _, hidden := range []string{string(secret[6:]), e.PreviousSecret.Reveal()[6:], token} {
		if strings.Contains(out.String(), hidden) {
			t.Errorf("%s is told in %s", hidden, out.String())
		}
	}
	var s webhook.Secret
	if err := json.Unmarshal([]byte(`"`+secret.Reveal()+`"`), &s); err != nil || s != secret {
		t.Errorf("read as %q: %v", s.Reveal(), err)
	}
	if got := webhook.Secret("").String(); got != "" {
		t.Errorf("no secret is shown as %q", got)
	}
}

func TestGeneratedSecretsAreValidAndDiffer(t *testing.T) {
	t.Parallel()
	a, b := webhook.GenerateSecret(), webhook.GenerateSecret()
	if _, err := standardwebhooks.NewWebhook(a.Reveal()); err != nil || a == b {
		t.Errorf("%v", err)
	}
}

func FuzzEndpoint(f *testing.F) {
	f.Add("a", "https://example.com/?x", string(secret), "settlement.*")
	f.Add("a.b_c-d", "http://10.0.0.1", "whsec_AAAA", "*")
	f.Add("", "", "", "")
	f.Add("é", "https://u:p@h#f", "whsec_====", "a..b")
	local := rules(f, true, "10.0.0.0/8")
	f.Fuzz(func(t *testing.T, id, target, key, pattern string) {
		e := webhook.Endpoint{ID: id, URL: target, Secret: webhook.Secret(key), Events: []string{pattern}}
		if err := e.Validate(local, nil); err != nil {
			if sim.CodeOf(err) != sim.CodeInvalid {
				t.Errorf("error is %v", err)
			}
			if len(key) > 12 && strings.Contains(err.Error(), key) && !strings.Contains(id+target+pattern, key) {
				t.Errorf("the secret is told: %v", err)
			}
			return
		}
		if raw, err := json.Marshal(e); err != nil || strings.Contains(string(raw), key) {
			t.Errorf("shown as %s: %v", raw, err)
		}
	})
}

func TestTimesBetweenAttemptsFollowThePolicy(t *testing.T) {
	t.Parallel()
	delays := func(p webhook.RetryPolicy) (out []time.Duration) {
		for failed := range 12 {
			out = append(out, p.Delay(failed+1, 0))
		}
		return out
	}
	const s = time.Second
	want := []time.Duration{1 * s, 2 * s, 4 * s, 8 * s, 16 * s, 32 * s, 64 * s, 128 * s, 256 * s, 300 * s, 300 * s, 300 * s}
	if got := delays(webhook.RetryPolicy{Jitter: -1}); !slices.Equal(got, want) {
		t.Errorf("by default %v", got)
	}
	if got := delays(webhook.RetryPolicy{Jitter: -1, Schedule: webhook.StandardSchedule()}); got[0] != 5*s || got[8] != 24*time.Hour || got[11] != 24*time.Hour {
		t.Errorf("by the standard's schedule %v", got)
	}
	if got := (webhook.RetryPolicy{Jitter: -1, Base: 150 * time.Hour, Max: 168 * time.Hour}).Delay(1000, 0); got != 168*time.Hour {
		t.Errorf("after 1000 failures %v", got)
	}
	low, high := time.Hour, time.Duration(0)
	for range 1000 {
		d := webhook.RetryPolicy{}.Delay(4, 0)
		low, high = min(low, d), max(high, d)
	}
	if low < 6400*time.Millisecond || high > 9600*time.Millisecond || high-low < s {
		t.Errorf("jitter goes from %s to %s", low, high)
	}
}

func TestRetryPoliciesOutOfRangeAreNamed(t *testing.T) {
	t.Parallel()
	for field, p := range map[string]webhook.RetryPolicy{
		"retry.base":            {Base: -1},
		"retry.max":             {Base: time.Minute, Max: time.Second},
		"retry.attempts":        {Attempts: 1001},
		"retry.jitter":          {Jitter: 101},
		"retry.schedule":        {Schedule: []time.Duration{1, -1}},
		"retry.max_retry_after": {MaxRetryAfter: 200 * time.Hour},
	} {
		if err := p.Validate(); err == nil || !strings.HasPrefix(err.Error(), field+": ") {
			t.Errorf("%s: %v", field, err)
		}
	}
	if err := (webhook.RetryPolicy{}).Validate(); err != nil {
		t.Error(err)
	}
}

func FuzzRetryAfter(f *testing.F) {
	for _, seed := range []string{"", "0", "120", "-1", "1e9", "99999999999999999999", "Mon, 23 Nov 2026 09:00:30 GMT", "Mon, 23 Nov 1926 09:00:30 GMT"} {
		f.Add(seed)
	}
	now := time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, value string) {
		if got := webhook.RetryAfter(http.Header{"Retry-After": {value}}, now); got < 0 || got > 7*24*time.Hour {
			t.Errorf("%q is %s", value, got)
		}
	})
}
