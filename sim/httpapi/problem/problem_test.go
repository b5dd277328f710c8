package problem_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/httpapi/problem"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/httpapi/requestid"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/httpapi/strictjson"
)

func TestEveryErrorBecomesItsProblem(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		err        error
		status     int
		code       string
		field      string
		retryAfter string
	}{
		"a refusal of a field":  {sim.Invalid("quantity", "must be greater than zero"), 422, "invalid_request", "quantity", ""},
		"a wrapped refusal":     {fmt.Errorf("doing: %w", sim.Errorf(sim.CodeNotFound, "gone")), 404, "not_found", "", ""},
		"a lack of holdings":    {sim.Errorf(sim.CodeInsufficientHoldings, "no"), 409, "insufficient_holdings", "", ""},
		"a passing outage":      {&sim.Error{Code: sim.CodeUnavailable, RetryAfter: 1500 * time.Millisecond}, 503, "unavailable", "", "2"},
		"an unknown code":       {sim.Errorf("brand_new", "?"), 500, "brand_new", "", ""},
		"broken JSON":           {&strictjson.Error{Malformed: true, Detail: "no"}, 400, "malformed_request", "", ""},
		"a wrong field":         {&strictjson.Error{Field: "symbl", Detail: "no", Allowed: []string{"symbol"}}, 422, "invalid_request", "symbl", ""},
		"a problem":             {problem.New(415, problem.CodeUnsupportedMediaType, "no"), 415, "unsupported_media_type", "", ""},
		"an interrupted caller": {context.Canceled, 503, "unavailable", "", "1"},
		"any other error":       {errors.New("password is hunter2"), 500, "internal", "", ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := httptest.NewRecorder()
			w.Header().Set(requestid.Header, "req-1")
			problem.Write(w, test.err)
			var p problem.Problem
			if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil {
				t.Fatal(err)
			}
			if w.Code != test.status || p.Status != test.status || p.Code != test.code || p.Field != test.field ||
				p.Type != "urn:custodian:problem:"+test.code || p.Instance != "req-1" || p.Title == "" {
				t.Errorf("got %d %+v", w.Code, p)
			}
			if got := w.Header().Get("Retry-After"); got != test.retryAfter {
				t.Errorf("Retry-After = %q, want %q", got, test.retryAfter)
			}
			if w.Header().Get("Content-Type") != problem.MediaType {
				t.Errorf("Content-Type = %q", w.Header().Get("Content-Type"))
			}
			if test.code == "internal" && p.Detail == test.err.Error() {
				t.Error("the text of an unexpected error got out")
			}
		})
	}
}

func TestRefusalsOfChoicesListThem(t *testing.T) {
	t.Parallel()
	p := problem.Of(sim.Invalid("settlement_type", "no"))
	if len(p.Allowed) != len(sim.SettlementTypes()) {
		t.Errorf("allowed = %v", p.Allowed)
	}
}
