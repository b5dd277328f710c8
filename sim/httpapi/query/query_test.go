package query_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/httpapi/problem"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/httpapi/query"
)

var known = []string{"symbol", "limit", "after", "from", "status", "wait"}

func read(raw string) (*query.Values, []any) {
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.URL.RawQuery = raw
	q := query.Parse(r, known)
	return q, []any{q.Text("symbol", 5), q.Int("limit", 1, 10, 7), q.Uint("after"), q.Time("from"),
		q.Choice("status", []string{"OPEN", "DONE"}), q.Bool("wait", true)}
}

func TestParametersAreReadAsTheirTypes(t *testing.T) {
	t.Parallel()
	q, got := read("symbol=B%C3%89C&limit=3&after=9&from=2026-01-02T03:04:05%2B01:00&status=DONE&wait=false")
	want := []any{"BÉC", 3, uint64(9), time.Date(2026, 1, 2, 2, 4, 5, 0, time.UTC), "DONE", false}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("value %d = %v, want %v", i, got[i], want[i])
		}
	}
	if q.Err() != nil || !q.Has("limit") || q.Has("x") {
		t.Errorf("err = %v", q.Err())
	}
	q, got = read("")
	if wait, _ := got[5].(bool); q.Err() != nil || got[1] != 7 || !wait || q.Has("limit") {
		t.Errorf("defaults: %v, %v", got, q.Err())
	}
}

func TestParametersAtFaultAreNamed(t *testing.T) {
	t.Parallel()
	tests := map[string]struct{ raw, field, says string }{
		"unknown":        {"symbl=x", "symbl", `did you mean "symbol"?`},
		"repeated":       {"limit=1&limit=2", "limit", "more than once"},
		"empty":          {"symbol=", "symbol", "is empty"},
		"too long":       {"symbol=abcdef", "symbol", "at most 5"},
		"control":        {"symbol=a%00b", "symbol", "printable"},
		"no UTF-8":       {"symbol=%ff", "symbol", "printable"},
		"no number":      {"limit=many", "limit", "from 1 to 10"},
		"a sign":         {"limit=%2B3", "limit", "from 1 to 10"},
		"leading zeros":  {"after=007", "after", "not negative"},
		"too low":        {"limit=0", "limit", "from 1 to 10"},
		"too high":       {"limit=11", "limit", "from 1 to 10"},
		"negative":       {"after=-1", "after", "not negative"},
		"beyond 63 bits": {"after=9223372036854775808", "after", "not negative"},
		"no time":        {"from=yesterday", "from", "RFC 3339"},
		"no choice":      {"status=DON", "status", `did you mean "DONE"?`},
		"no boolean":     {"wait=1", "wait", "not an allowed value"},
		"malformed":      {"a=%zz", "", "malformed"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			q, _ := read(test.raw)
			if q.Err() == nil {
				t.Fatal("no error")
			}
			p := problem.Of(q.Err())
			if p.Field != test.field || !strings.Contains(p.Detail, test.says) {
				t.Errorf("got %q: %q", p.Field, p.Detail)
			}
		})
	}
}
