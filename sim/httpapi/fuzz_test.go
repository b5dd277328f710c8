package httpapi_test

import (
	"encoding/json"
	"net/http/httptest"
	"strings"
	"testing"
)

// FuzzBodies sends bodies to everything that reads one: whatever they are, the
// answer is a record or a problem, never a defect of ours.
func FuzzBodies(f *testing.F) {
	for _, seed := range []string{
		`{"settlement_type":"DEPOSIT","account_id":"a","symbol":"BTC","quantity":"1.25","external_id":"e","metadata":{"a":[1,{"b":null}]}}`,
		`{"account_id":"a","symbol":"X","quantity":2.5,"locked_quantity":"0.5","average_cost":"1"}`,
		`{"account_id":"a","currency":"USD","total_balance":"1"}`, `{"quantity":"1"}`, `{"amount":1}`, `{"metadata":{}}`,
		`{"settlements":[{"settlement_type":"TRANSFER","source_account":"a","destination_account":"b","symbol":"BTC","quantity":"1"},7]}`,
		`{}`, `[]`, `{"a":1}x`, "\xff", `{"\u0061ccount_id":"\ud83d\ude00"}`, `{"quantity":-0.0}`, `{"quantity":1e400}`,
	} {
		f.Add(seed)
	}
	b := setup(f, nil)
	position := b.must(201, "POST", "/api/v1/positions", `{"account_id":"fuzz","symbol":"FUZZ","quantity":"1000"}`).str("position_id")
	requests := []string{
		"POST /api/v1/settlements", "POST /api/v1/settlements/bulk", "POST /api/v1/positions", "POST /api/v1/balances", "POST /api/v1/accounts",
		"PATCH /api/v1/accounts/fuzz", "PATCH /api/v1/positions/" + position, "POST /api/v1/positions/" + position + "/lock",
	}
	f.Fuzz(func(t *testing.T, body string) {
		for _, request := range requests {
			method, path, _ := strings.Cut(request, " ")
			r := httptest.NewRequest(method, path, strings.NewReader(body))
			r.Header.Set("Content-Type", "application/json")
			w := httptest.NewRecorder()
			b.handler.ServeHTTP(w, r)
			if w.Code >= 500 || !json.Valid(w.Body.Bytes()) || w.Code >= 400 && w.Header().Get("Content-Type") != "application/problem+json" {
				t.Fatalf("%s %q answered %d: %s", request, body, w.Code, w.Body)
			}
			if w.Code < 400 && !json.Valid([]byte(body)) {
				t.Fatalf("%s accepted %q, which is not JSON", request, body)
			}
		}
	})
}
