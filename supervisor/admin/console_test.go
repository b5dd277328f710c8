package admin_test

import (
	"bufio"
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/obs"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/supervisor/admin"
)

func TestTheConsolesFilesAreThereForEverybodyAndTheRestForThoseWithATokenAlone(t *testing.T) {
	t.Parallel()
	o := options(newDouble("one"))
	o.Config.Tokens = tokens("reads", "operates")
	o.Config.Tokens[0].Role, o.Config.Tokens[1].Role = "read", "operate"
	api := admin.New(o)
	for path, mediaType := range map[string]string{
		"/": "text/html", "/console/static/main.js": "text/javascript", "/console/static/style.css": "text/css", "/console/static/icon.svg": "image/svg+xml",
	} {
		got := ask(t, api, "GET", path, "")
		policy := got.header.Get("Content-Security-Policy")
		if got.status != http.StatusOK || !strings.HasPrefix(got.header.Get("Content-Type"), mediaType) || !strings.Contains(policy, "script-src 'self'") || strings.Contains(policy, "unsafe") {
			t.Errorf("%s: %d %v", path, got.status, got.header)
		}
		again := ask(t, api, "GET", path, "", "If-None-Match", got.header.Get("ETag"))
		if again.status != http.StatusNotModified || again.body != "" {
			t.Errorf("%s again: %d %.100s", path, again.status, again.body)
		}
	}
	for _, path := range []string{"/console/about", "/console/live", "/console/instances/one/api/v1/positions", "/console/static/none.js"} {
		if got := ask(t, api, "GET", path, ""); got.status != http.StatusUnauthorized {
			t.Errorf("%s without a token: %d", path, got.status)
		}
	}
}

func TestRequestsArePassedOnToAnInstanceWithoutTheToken(t *testing.T) {
	t.Parallel()
	o := options(newDouble("one"))
	o.Config.Tokens = tokens("reads", "operates")
	o.Config.Tokens[0].Role, o.Config.Tokens[1].Role = "read", "operate"
	api := admin.New(o)
	for _, c := range []struct {
		method, path, token string
		status              int
		says                string
	}{
		{"GET", "/console/instances/one/api/v1/positions?limit=2", "reads", 200, `one answers GET /api/v1/positions?limit=2 ""`},
		{"PATCH", "/console/instances/one/api/v1/accounts/a%20b", "operates", 200, `one answers PATCH /api/v1/accounts/a%20b ""`},
		{"POST", "/console/instances/one/api/v1/settlements", "reads", 403, "read"},
		{"DELETE", "/console/instances/one/chaos/clear-all", "operates", 200, "one answers DELETE /chaos/clear-all"},
		{"GET", "/console/instances/none/api/v1/positions", "reads", 404, "none"},
		{"GET", "/console/instances/one", "reads", 404, ""},
		{"GET", "/console/about", "reads", 200, `"role":"read"`},
		{"GET", "/console/about", "operates", 200, `"role":"operate"`},
	} {
		got := ask(t, api, c.method, c.path, "", "Authorization", "Bearer "+c.token)
		if got.status != c.status || !strings.Contains(got.body, c.says) {
			t.Errorf("%s %s: %d %s, want %d %s", c.method, c.path, got.status, got.body, c.status, c.says)
		}
	}
}

func TestTheConsoleIsToldWhatChanges(t *testing.T) {
	t.Parallel()
	d := newDouble("one", "two")
	url := serve(t, options(d))
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/console/live", nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Accept", "text/event-stream")
	resp, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	scanner := bufio.NewScanner(resp.Body)
	type row struct {
		Instance struct{ Name string }
		Rate     *float64
		Failing  *float64
		P99      *float64 `json:"p99_ms"`
		Open     int      `json:"open_settlements"`
	}
	next := func() (rows map[string]row, removed []string) {
		t.Helper()
		for scanner.Scan() {
			data, found := strings.CutPrefix(scanner.Text(), "data: ")
			if !found {
				continue
			}
			var event struct {
				Instances []row
				Removed   []string
			}
			if err := json.Unmarshal([]byte(data), &event); err != nil {
				t.Fatal(err)
			}
			rows = make(map[string]row)
			for _, r := range event.Instances {
				rows[r.Instance.Name] = r
			}
			return rows, event.Removed
		}
		t.Fatalf("the stream ended: %v", scanner.Err())
		return nil, nil
	}
	if rows, _ := next(); len(rows) != 2 || rows["one"].P99 != nil || rows["one"].Rate != nil || rows["one"].Failing != nil {
		t.Errorf("at first, when nobody knows how many there are a second: %+v", rows)
	}
	if rows, _ := next(); len(rows) != 2 || rows["one"].Rate == nil || *rows["one"].Rate != 0 {
		t.Errorf("a second later: %+v", rows)
	}
	var busy obs.Vitals
	busy.Requests, busy.Failed, busy.Gauges = 1000, 100, sim.Gauges{OpenSettlements: 7}
	busy.Answered[2] = 1000
	d.setVitals("one", busy)
	rows, _ := next()
	one := rows["one"]
	if len(rows) != 1 || one.Rate == nil || *one.Rate < 300 || *one.Rate > 1100 || *one.Failing < 30 || *one.Failing > 110 || one.P99 == nil || *one.P99 < 1 || *one.P99 > 2.5 || one.Open != 7 {
		t.Errorf("after a thousand requests: %+v", rows)
	}
	if rows, _ = next(); *rows["one"].Rate != 0 || rows["one"].P99 != nil {
		t.Errorf("after them: %+v", rows)
	}
	d.setVitals("one", obs.Vitals{Requests: 5}) // it was drained and started, so its counters began anew
	if rows, _ = next(); len(rows) != 1 || rows["one"].Rate != nil {
		t.Errorf("after a start: %+v", rows)
	}
	if rows, _ = next(); *rows["one"].Rate != 0 {
		t.Errorf("a second after it: %+v", rows)
	}
	d.forget("two")
	if rows, removed := next(); len(rows) != 0 || len(removed) != 1 || removed[0] != "two" {
		t.Errorf("after a removal: %+v, removed %v", rows, removed)
	}
	cancel()
	for deadline := time.Now().Add(patience); scanner.Scan() && time.Now().Before(deadline); {
		continue
	}
}
