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
		`{"settlement_type":"DVP","account_id":"a","symbol":"X","quantity":"1","payment":{"currency":"USD","amount":"5"},"counterparty":{"bic":"AAAABBCC"},"links":[{"type":"WITH","external_id":"e"}],"partial":"PARQ","min_quantity":1,"rail":"x"}`,
		`{"rail":"wire_domestic","direction":"OUT","account_id":"a","symbol":"USD","quantity":"1","beneficiary":{"name":"b"},"requested_by":"c"}`,
		`{"by":"1h"}`, `{"to":"2026-11-24T09:00:00-05:00"}`, `{"mode":"manual","now":"2027-11-24T09:00:00Z"}`,
		`{"effect":{"delay_s":60,"reject":{"code":"MONY","reason":"r"}},"match":{"rails":["wire_domestic"],"rate":0.5},"duration_s":5}`,
		`{"rate":1,"reason":"compliance","failure_rate":0.5,"delay_hours":1,"settlement_types":["DVP"]}`,
		`{"id":"c","type":"SPLIT","symbol":"FUZZ","record_date":"2027-01-04","payment_date":"2027-01-05","new_units":"2","old_units":1}`,
		`{"id":"w","url":"https://example.com","events":["settlement.*"]}`, `{"status":"FROZEN"}`,
		`{}`, `[]`, `{"a":1}x`, "\xff", `{"\u0061ccount_id":"\ud83d\ude00"}`, `{"quantity":-0.0}`, `{"quantity":1e400}`,
	} {
		f.Add(seed)
	}
	b := setup(f, nil)
	position := b.must(201, "POST", "/api/v1/positions", `{"account_id":"fuzz","symbol":"FUZZ","quantity":"1000"}`).str("position_id")
	requests := []string{
		"POST /api/v1/settlements", "POST /api/v1/settlements/bulk", "POST /api/v1/positions", "POST /api/v1/balances", "POST /api/v1/accounts",
		"PATCH /api/v1/accounts/fuzz", "PATCH /api/v1/positions/" + position, "POST /api/v1/positions/" + position + "/lock",
		"POST /api/v1/transfers", "POST /clock/advance", "POST /chaos/rules", "POST /chaos/delay-settlements", "POST /chaos/reject-transfers",
		"POST /chaos/partial-settlement-failure", "DELETE /chaos/clear-all", "POST /api/v1/corporate-actions", "POST /api/v1/webhooks",
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
			if w.Code < 400 && method != "DELETE" && !json.Valid([]byte(body)) {
				t.Fatalf("%s accepted %q, which is not JSON", request, body)
			}
		}
	})
}
