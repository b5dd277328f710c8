package httpapi_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/httpapi"
)

func TestBadInputIsNamed(t *testing.T) {
	t.Parallel()
	b := setup(t, func(o *httpapi.Options) { o.Limits.MaxBodyBytes = 10_000 })
	position := b.must(201, "POST", "/api/v1/positions", `{"account_id":"a","symbol":"BTC","quantity":"1"}`).str("position_id")
	balance := b.must(201, "POST", "/api/v1/balances", `{"account_id":"a","currency":"USD","total_balance":"1"}`).str("balance_id")
	held := b.must(201, "POST", "/api/v1/settlements", `{"settlement_type":"DEPOSIT","account_id":"a","symbol":"BTC","quantity":"1","hold":true}`).str("settlement_id")
	instruct := func(members string) string {
		return `{"settlement_type":"DEPOSIT","account_id":"a","symbol":"BTC",` + members + `}`
	}
	const settlements = "POST /api/v1/settlements"
	tests := []struct {
		request, body string
		status        int
		code, field   string
		says          string
	}{
		{settlements, "", 400, "malformed_request", "", "a JSON object is needed"},
		{settlements, "{", 400, "malformed_request", "", "offset 1"},
		{settlements, "{}}", 400, "malformed_request", "", "offset 2"},
		{settlements, instruct(`"quantity":NaN`), 400, "malformed_request", "", "offset"},
		{settlements, instruct(`"quantity":"1","metadata":` + strings.Repeat("[", 40) + strings.Repeat("]", 40)), 400, "malformed_request", "", "deeper than 32"},
		{settlements, "[]", 422, "invalid_request", "", "must be a JSON object"},
		{settlements, instruct(`"quantity":"` + strings.Repeat("1", 10_000) + `"`), 413, "too_large", "", "10000 bytes"},
		{settlements, instruct(`"quantity":"1","quantity":"2"`), 422, "invalid_request", "quantity", "given twice"},
		{settlements, instruct(`"quantiy":"1"`), 422, "invalid_request", "quantiy", `did you mean "quantity"?`},
		{settlements, instruct(`"premium":{}`), 422, "invalid_request", "premium", "known: settlement_type"},
		{settlements, instruct(`"payment":{}`), 422, "invalid_request", "payment.currency", "is required"},
		{settlements, instruct(`"quantity":"1","payment":{"currency":"USD","amount":"x"}`), 422, "invalid_request", "payment.amount", ""},
		{settlements, instruct(`"quantity":"1","payment":"5"`), 422, "invalid_request", "payment", "an object"},
		{settlements, instruct(`"quantity":"1","links":[{"type":"AFTE"}]`), 422, "invalid_request", "links[0].external_id", "is required"},
		{settlements, instruct(`"quantity":"1","links":[{"type":"AFTE","external_id":"a"},{"typ":"AFTE"}]`), 422, "invalid_request", "links[1].typ", `did you mean "type"?`},
		{settlements, instruct(`"quantity":"1","links":[7]`), 422, "invalid_request", "links[0]", "an object"},
		{settlements, instruct(`"quantity":"1","counterparty":{"bics":""}`), 422, "invalid_request", "counterparty.bics", `did you mean "bic"?`},
		{settlements, instruct(`"hold":false`), 422, "invalid_request", "quantity", "is required"},
		{settlements, instruct(`"quantity":null`), 422, "invalid_request", "quantity", "is required"},
		{settlements, instruct(`"quantity":"0"`), 422, "invalid_request", "quantity", "greater than zero"},
		{settlements, instruct(`"quantity":"-1"`), 422, "invalid_request", "quantity", "greater than zero"},
		{settlements, instruct(`"quantity":1e3`), 422, "invalid_request", "quantity", "without an exponent"},
		{settlements, instruct(`"quantity":"1e3"`), 422, "invalid_request", "quantity", "not a decimal number"},
		{settlements, instruct(`"quantity":"Infinity"`), 422, "invalid_request", "quantity", "not a decimal number"},
		{settlements, instruct(`"quantity":"NaN"`), 422, "invalid_request", "quantity", "not a decimal number"},
		{settlements, instruct(`"quantity":" 1"`), 422, "invalid_request", "quantity", "not a decimal number"},
		{settlements, instruct(`"quantity":"123456789012345678901"`), 422, "invalid_request", "quantity", "too many digits"},
		{settlements, instruct(`"quantity":0.000000001`), 422, "invalid_request", "quantity", "at most 8"},
		{settlements, instruct(`"quantity":[1]`), 422, "invalid_request", "quantity", "not an array"},
		{settlements, instruct(`"quantity":"1","hold":1`), 422, "invalid_request", "hold", "true or false"},
		{settlements, instruct(`"quantity":"1","external_id":7`), 422, "invalid_request", "external_id", "must be a string"},
		{settlements, instruct(`"quantity":"1","external_id":"` + strings.Repeat("x", 101) + `"`), 422, "invalid_request", "external_id", "at most 100"},
		{settlements, instruct(`"quantity":"1","external_id":"a\u0000b"`), 422, "invalid_request", "external_id", "printable"},
		{settlements, instruct(`"quantity":"1","metadata":"x"`), 422, "invalid_request", "metadata", "an object"},
		{settlements, instruct(`"quantity":"1","metadata":{"a":1e5}`), 422, "invalid_request", "metadata.a", "exponent"},
		{settlements, instruct(`"quantity":"1","metadata":{"a":"\u0000"}`), 422, "invalid_request", "metadata.a", "U+0000"},
		{settlements, instruct(`"quantity":"1","metadata":{"a":"` + strings.Repeat("x", 4096) + `"}`), 422, "invalid_request", "metadata", "4096"},
		{settlements, instruct(`"quantity":"1","settlement_date":"2026-13-01"`), 422, "invalid_request", "settlement_date", "YYYY-MM-DD"},
		{settlements, `{"settlement_type":"SWAP","account_id":"a","symbol":"BTC","quantity":"1"}`, 422, "invalid_request", "settlement_type", "allowed"},
		{settlements, `{"settlement_type":"TRANSFER","source_account":"a","symbol":"BTC","quantity":"1"}`, 422, "invalid_request", "destination_account", "required"},
		{settlements, `{"settlement_type":"DEPOSIT","symbol":"BTC","quantity":"1"}`, 422, "invalid_request", "account_id", "required"},
		{settlements, `{"settlement_type":"DEPOSIT","account_id":"NOSTRO","symbol":"BTC","quantity":"1"}`, 422, "invalid_request", "account_id", "mirror account"},
		{settlements, `{"settlement_type":"DEPOSIT","account_id":"a","symbol":"` + strings.Repeat("x", 51) + `","quantity":"1"}`, 422, "invalid_request", "symbol", "at most 50"},
		{settlements + "?dry_run=true", instruct(`"quantity":"1"`), 422, "invalid_request", "dry_run", "none is expected"},
		{"POST /api/v1/settlements/" + held + "/cancel", `{"reason":"x"}`, 422, "invalid_request", "reason", "not a known field"},
		{"POST /api/v1/settlements/" + held + "/cancel", `[]`, 422, "invalid_request", "", "must be a JSON object"},
		{"GET /api/v1/settlements/none", "", 404, "not_found", "settlement_id", "ids are UUIDs"},
		{"GET /api/v1/settlements/019ab1c2-d3e4-7f56-8a9b-0c1d2e3f4a5b", "", 404, "not_found", "", "does not exist"},
		{"POST /api/v1/settlements/019ab1c2-d3e4-7f56-8a9b-0c1d2e3f4a5b/hold", "", 404, "not_found", "", "does not exist"},
		{"GET /api/v1/settlements?stauts=FAILED", "", 422, "invalid_request", "stauts", `did you mean "status"?`},
		{"GET /api/v1/settlements?status=DONE", "", 422, "invalid_request", "status", "not an allowed value"},
		{"GET /api/v1/settlements?from=yesterday", "", 422, "invalid_request", "from", "RFC 3339"},
		{"GET /api/v1/settlements?limit=0", "", 422, "invalid_request", "limit", "from 1 to 1000"},
		{"GET /api/v1/settlements?limit=1001", "", 422, "invalid_request", "limit", "from 1 to 1000"},
		{"GET /api/v1/settlements?cursor=!!!", "", 422, "invalid_request", "cursor", "next_cursor"},
		{"GET /api/v1/settlements?cursor=bm9uZQ", "", 422, "invalid_request", "cursor", ""},
		{"GET /api/v1/ledger/entries?cursor=bm9uZQ", "", 422, "invalid_request", "cursor", ""},
		{"GET /api/v1/ledger/entries?settlement_id=1", "", 422, "invalid_request", "settlement_id", "UUID"},
		{"GET /api/v1/ledger/entries?after=-1", "", 422, "invalid_request", "after", "not negative"},
		{"GET /api/v1/events?cursor=bm9uZQ", "", 422, "invalid_request", "cursor", "next_cursor"},
		{"GET /api/v1/events?cursor=MQ&after=1", "", 422, "invalid_request", "cursor", "one of the two"},
		{"GET /api/v1/accounts?type=master", "", 422, "invalid_request", "type", `did you mean "MASTER"?`},
		{"GET /api/v1/accounts/a?x=1", "", 422, "invalid_request", "x", "not a known query parameter"},
		{"GET /api/v1/positions?currency=USD", "", 422, "invalid_request", "currency", "not a known query parameter"},
		{"GET /api/v1/positions?symbol=", "", 422, "invalid_request", "symbol", "is empty"},
		{"GET /api/v1/positions/" + strings.ToUpper(position)[:35], "", 404, "not_found", "position_id", "ids are UUIDs"},
		{"GET /api/v1/balances/" + position, "", 404, "not_found", "", "does not exist"},
		{"POST /api/v1/positions/" + position + "/lock", `{}`, 422, "invalid_request", "quantity", "is required"},
		{"POST /api/v1/positions/" + position + "/lock", `{"quantity":"1","amount":"1"}`, 422, "invalid_request", "amount", "one of the two"},
		{"POST /api/v1/positions/" + position + "/lock", `{"quantity":"0"}`, 422, "invalid_request", "quantity", "greater than zero"},
		{"POST /api/v1/positions/" + position + "/lock", `{"amount":"-1"}`, 422, "invalid_request", "amount", "greater than zero"},
		{"POST /api/v1/balances/" + balance + "/lock", `{"quantity":"1"}`, 422, "invalid_request", "quantity", "not a known field"},
		{"POST /api/v1/balances/" + balance + "/lock", `{"amount":"0.001"}`, 422, "invalid_request", "amount", "at most 2"},
		{"PATCH /api/v1/positions/" + position, `{}`, 422, "invalid_request", "", "nothing to change"},
		{"PATCH /api/v1/positions/" + position, `{"quantity":null}`, 422, "invalid_request", "quantity", "cannot become null"},
		{"PATCH /api/v1/positions/" + position, `{"symbol":"ETH"}`, 422, "invalid_request", "symbol", "not a known field"},
		{"PATCH /api/v1/balances/" + balance, `{"currency":"EUR"}`, 422, "invalid_request", "currency", "not a known field"},
		{"PATCH /api/v1/balances/" + balance, `{"available_balance":"5","total_balance":"6"}`, 422, "invalid_request", "total_balance", "must equal"},
		{"PATCH /api/v1/accounts/a", `{"metadata":[]}`, 422, "invalid_request", "metadata", "an object"},
		{"POST /api/v1/accounts", `{"account_id":"b","account_type":"OTHER"}`, 422, "invalid_request", "account_type", "allowed"},
		{"POST /api/v1/accounts", `{"account_id":""}`, 422, "invalid_request", "account_id", "is required"},
		{"POST /api/v1/settlements/bulk", `{}`, 422, "invalid_request", "settlements", "is required"},
		{"POST /api/v1/settlements/bulk", `{"settlements":[]}`, 422, "invalid_request", "settlements", "at least one"},
		{"POST /api/v1/settlements/bulk", `{"settlements":{}}`, 422, "invalid_request", "settlements", "an array"},
	}
	for _, test := range tests {
		t.Run(strings.ReplaceAll(fmt.Sprintf("%s %.60s", test.request, test.body), "/", "|"), func(t *testing.T) {
			method, path, _ := strings.Cut(test.request, " ")
			a := b.must(test.status, method, path, test.body)
			a.expect(t, "code", test.code, "status", float64(test.status), "type", "urn:custodian:problem:"+test.code, "instance", a.header.Get("X-Request-Id"))
			if a.str("field") != test.field || !strings.Contains(a.str("detail"), test.says) {
				t.Errorf("field %q, want %q; detail %q", a.str("field"), test.field, a.str("detail"))
			}
			if a.header.Get("Content-Type") != "application/problem+json" {
				t.Errorf("Content-Type = %s", a.header.Get("Content-Type"))
			}
		})
	}
	// Nothing of all that changed anything.
	b.must(200, "GET", "/api/v1/events?after=1", "").expect(t, "events.0.type", "position.opened", "events.1.type", "balance.opened", "events.2.type", "settlement.held", "events.3", nil)
}

func TestChoicesAreListedWhereTheyAreFew(t *testing.T) {
	t.Parallel()
	b := setup(t, nil)
	b.must(422, "POST", "/api/v1/settlements", `{"settlement_type":"SWAP","account_id":"a","symbol":"BTC","quantity":"1"}`).
		expect(t, "allowed.0", "DEPOSIT", "allowed.1", "WITHDRAWAL", "allowed.2", "TRANSFER")
	b.must(422, "GET", "/api/v1/settlements?status=x", "").expect(t, "allowed.4", "CANCELLED")
	b.must(422, "POST", "/api/v1/accounts", `{"acount_id":"a"}`).expect(t, "allowed.0", "account_id")
}

func TestBodiesMustBeDeclaredAsJSON(t *testing.T) {
	t.Parallel()
	b := setup(t, nil)
	body := `{"account_id":"a"}`
	b.must(415, "POST", "/api/v1/accounts", body, "Content-Type", "application/x-www-form-urlencoded").expect(t, "code", "unsupported_media_type", "field", "Content-Type")
	b.must(415, "POST", "/api/v1/accounts", body, "Content-Encoding", "gzip").expect(t, "field", "Content-Encoding")
	b.must(201, "POST", "/api/v1/accounts", body, "Content-Type", "application/json; charset=utf-8")
}

func TestRequestIDsAreEchoed(t *testing.T) {
	t.Parallel()
	b := setup(t, nil)
	a := b.must(404, "GET", "/api/v1/accounts/nobody", "", "X-Request-Id", "my-id.1")
	a.expect(t, "instance", "my-id.1")
	if a.header.Get("X-Request-Id") != "my-id.1" {
		t.Errorf("id %q", a.header.Get("X-Request-Id"))
	}
	if a := b.must(200, "GET", "/api/v1/health", "", "X-Request-Id", "a\"b"); a.header.Get("X-Request-Id") == "a\"b" {
		t.Error("an unusable id was echoed")
	}
}
