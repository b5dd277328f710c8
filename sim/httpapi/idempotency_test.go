package httpapi_test

import (
	"strings"
	"testing"
)

func TestRepeatedRequestsGetTheSameAnswer(t *testing.T) {
	t.Parallel()
	b := setup(t, nil)
	open := `{"account_id":"a","symbol":"BTC","quantity":"1"}`
	first := b.must(201, "POST", "/api/v1/positions", open, "Idempotency-Key", "k0")
	path := "/api/v1/positions/" + first.str("position_id")
	for _, request := range []struct {
		method, path, body string
		status             int
	}{
		{"POST", "/api/v1/accounts", `{"account_id":"b"}`, 201},
		{"PATCH", "/api/v1/accounts/b", `{"metadata":{"x":1}}`, 200},
		{"POST", "/api/v1/settlements", `{"settlement_type":"DEPOSIT","account_id":"a","symbol":"BTC","quantity":"1","external_id":"e"}`, 201},
		{"POST", path + "/lock", `{"quantity":"0.5"}`, 200},
		{"POST", path + "/unlock", `{"quantity":"0.5"}`, 200},
		{"PATCH", path, `{"average_cost":"5"}`, 200},
		{"POST", "/api/v1/positions", open, 201},
		{"DELETE", path, "", 204},
	} {
		key := "key of " + request.method + " " + request.path
		if request.path == "/api/v1/positions" {
			key = "k0"
		}
		once := b.must(request.status, request.method, request.path, request.body, "Idempotency-Key", key)
		again := b.must(request.status, request.method, request.path, request.body, "Idempotency-Key", key)
		if once.text != again.text || once.header.Get("Location") != again.header.Get("Location") {
			t.Errorf("%s %s: first %s, then %s", request.method, request.path, once.text, again.text)
		}
		if again.header.Get("Idempotent-Replayed") != "true" || (once.header.Get("Idempotent-Replayed") == "true") != (key == "k0") {
			t.Errorf("%s %s: replayed %q, then %q", request.method, request.path, once.header.Get("Idempotent-Replayed"), again.header.Get("Idempotent-Replayed"))
		}
	}
}

func TestKeysAreNotForOtherRequests(t *testing.T) {
	t.Parallel()
	b := setup(t, nil)
	b.must(201, "POST", "/api/v1/accounts", `{"account_id":"a"}`, "Idempotency-Key", "k")
	b.must(422, "POST", "/api/v1/accounts", `{"account_id":"b"}`, "Idempotency-Key", "k").expect(t, "code", "idempotency_key_reused", "field", "Idempotency-Key")
	b.must(404, "GET", "/api/v1/accounts/b", "")
	b.must(422, "POST", "/api/v1/accounts", `{"account_id":"b"}`, "Idempotency-Key", strings.Repeat("k", 256)).expect(t, "field", "Idempotency-Key")
	b.must(422, "POST", "/api/v1/accounts", `{"account_id":"b"}`, "Idempotency-Key", "").expect(t, "field", "Idempotency-Key")
	// A refusal does not use the key up.
	b.must(409, "POST", "/api/v1/accounts", `{"account_id":"a"}`, "Idempotency-Key", "k2")
	b.must(201, "POST", "/api/v1/accounts", `{"account_id":"c"}`, "Idempotency-Key", "k2")
}

func TestBulkInstructionsStandEachOnTheirOwn(t *testing.T) {
	t.Parallel()
	b := setup(t, nil)
	body := `{"settlements":[
		{"settlement_type":"DEPOSIT","account_id":"a","symbol":"BTC","quantity":"1"},
		{"settlement_type":"DEPOSIT","account_id":"a","symbol":"BTC","quantity":"-1"},
		{"settlement_type":"DEPOSIT","account_id":"a","symbol":"BTC","quantity":"1e1"},
		7,
		{"settlement_type":"WITHDRAWAL","account_id":"a","symbol":"BTC","quantity":"5"}]}`
	for _, replayed := range []any{false, true} {
		a := b.must(200, "POST", "/api/v1/settlements/bulk", body, "Idempotency-Key", "bulk")
		a.expect(t, "results.0.status", 201.0, "results.0.settlement.status", "COMPLETED", "results.0.replayed", replayed,
			"results.1.status", 422.0, "results.1.error.field", "quantity", "results.1.error.code", "invalid_request",
			"results.2.status", 422.0, "results.2.error.field", "quantity",
			"results.3.status", 422.0, "results.3.error.detail", "must be a JSON object, not a number",
			"results.4.status", 201.0, "results.4.settlement.status", "FAILED", "results.4.replayed", replayed, "results.5", nil)
		if a.header.Get("Idempotent-Replayed") != "" {
			t.Error("marked as replayed as a whole, though a part was refused")
		}
	}
	all := `{"settlements":[{"settlement_type":"DEPOSIT","account_id":"a","symbol":"BTC","quantity":"1"},{"settlement_type":"DEPOSIT","account_id":"a","symbol":"BTC","quantity":"2"}]}`
	once := b.must(200, "POST", "/api/v1/settlements/bulk", all, "Idempotency-Key", "all")
	again := b.must(200, "POST", "/api/v1/settlements/bulk", all, "Idempotency-Key", "all")
	if again.header.Get("Idempotent-Replayed") != "true" || once.get("results.1.settlement.settlement_id") != again.get("results.1.settlement.settlement_id") {
		t.Errorf("repeated: %s", again.text)
	}
	b.must(200, "GET", "/api/v1/positions", "").expect(t, "positions.0.quantity", "4")
	b.must(422, "POST", "/api/v1/settlements/bulk", all, "Idempotency-Key", strings.Repeat("k", 254)).expect(t, "field", "Idempotency-Key")
}
