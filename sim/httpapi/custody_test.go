package httpapi_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
)

func TestPositionLivesFromOpeningToDeletion(t *testing.T) {
	t.Parallel()
	b := setup(t, nil)
	a := b.must(201, "POST", "/api/v1/positions", `{"account_id":"test-account","symbol":"BTC-USD","quantity":"2.5","currency":"USD","average_cost":43000.5,"metadata":{"b":1.50,"a":"<x>"}}`)
	a.expect(t, "account_id", "test-account", "symbol", "BTC-USD", "quantity", "2.5", "available_quantity", "2.5", "locked_quantity", "0",
		"average_cost", "43000.50", "market_value", "0.00", "currency", "USD")
	if !strings.Contains(a.text, `"metadata":{"a":"<x>","b":1.50}`) {
		t.Errorf("metadata in %s", a.text)
	}
	path := "/api/v1/positions/" + a.str("position_id")
	if got := a.header.Get("Location"); got != path {
		t.Errorf("Location = %s", got)
	}
	b.must(409, "POST", "/api/v1/positions", `{"account_id":"test-account","symbol":"BTC-USD","quantity":"1"}`).expect(t, "code", "already_exists", "field", "symbol")
	b.must(200, "POST", path+"/lock", `{"quantity":"1"}`).expect(t, "available_quantity", "1.5", "locked_quantity", "1", "quantity", "2.5")
	b.must(409, "POST", path+"/lock", `{"quantity":"2"}`).expect(t, "code", "insufficient_holdings", "field", "quantity")
	b.must(409, "POST", path+"/unlock", `{"amount":"2"}`).expect(t, "code", "insufficient_holdings", "field", "amount")
	b.must(409, "DELETE", path, "").expect(t, "code", "wrong_state")
	b.must(200, "POST", path+"/unlock", `{"amount":0.5}`).expect(t, "available_quantity", "2", "locked_quantity", "0.5")
	b.must(200, "PATCH", path, `{"quantity":"3","market_value":"129000"}`).expect(t, "quantity", "3", "available_quantity", "2.5", "market_value", "129000.00", "average_cost", "43000.50")
	b.must(409, "PATCH", path, `{"quantity":"0.4"}`).expect(t, "code", "insufficient_holdings", "field", "quantity")
	b.must(200, "GET", path, "").expect(t, "quantity", "3")
	b.must(200, "POST", path+"/unlock", `{"quantity":"0.5"}`)
	b.must(204, "DELETE", path, "")
	b.must(404, "GET", path, "").expect(t, "code", "not_found")
	b.must(404, "DELETE", path, "")
}

func TestBalanceLivesFromOpeningToDeletion(t *testing.T) {
	t.Parallel()
	b := setup(t, nil)
	a := b.must(201, "POST", "/api/v1/balances", `{"account_id":"test-account","currency":"USD","available_balance":"1000.00"}`)
	a.expect(t, "currency", "USD", "available_balance", "1000.00", "locked_balance", "0.00", "total_balance", "1000.00")
	path := "/api/v1/balances/" + a.str("balance_id")
	b.must(200, "POST", path+"/lock", `{"amount":"100"}`).expect(t, "available_balance", "900.00", "locked_balance", "100.00")
	b.must(409, "POST", path+"/unlock", `{"amount":"100.01"}`).expect(t, "code", "insufficient_holdings", "field", "amount")
	b.must(200, "PATCH", path, `{"available_balance":"5","metadata":{}}`).expect(t, "total_balance", "105.00")
	b.must(200, "PATCH", path, `{"total_balance":"100"}`).expect(t, "available_balance", "0.00")
	b.must(200, "POST", path+"/unlock", `{"amount":"100"}`)
	b.must(204, "DELETE", path, "")
	b.must(404, "GET", strings.Replace(path, "balances", "positions", 1), "")
}

func TestOpeningsAgreeOrAreRefused(t *testing.T) {
	t.Parallel()
	b := setup(t, nil)
	b.must(201, "POST", "/api/v1/positions", `{"account_id":"a","symbol":"X1","quantity":"5","locked_quantity":"2"}`).expect(t, "available_quantity", "3", "locked_quantity", "2")
	b.must(201, "POST", "/api/v1/positions", `{"account_id":"a","symbol":"X2","available_quantity":"5","locked_quantity":"2"}`).expect(t, "quantity", "7")
	b.must(201, "POST", "/api/v1/positions", `{"account_id":"a","symbol":"X3","quantity":"7","available_quantity":"5","locked_quantity":"2"}`)
	b.must(201, "POST", "/api/v1/balances", `{"account_id":"a","currency":"EUR","total_balance":"7","locked_balance":"2"}`).expect(t, "available_balance", "5.00")
	b.must(422, "POST", "/api/v1/positions", `{"account_id":"a","symbol":"X4","quantity":"8","available_quantity":"5","locked_quantity":"2"}`).expect(t, "field", "quantity")
	b.must(422, "POST", "/api/v1/positions", `{"account_id":"a","symbol":"X4","quantity":"1","locked_quantity":"2"}`).expect(t, "field", "locked_quantity")
	b.must(422, "POST", "/api/v1/positions", `{"account_id":"a","symbol":"X4"}`).expect(t, "field", "quantity")
	b.must(422, "POST", "/api/v1/positions", `{"account_id":"a","symbol":"X4","quantity":"-1"}`).expect(t, "field", "quantity")
	b.must(422, "POST", "/api/v1/positions", `{"account_id":"a","symbol":"BTC","quantity":"0.000000001"}`).expect(t, "field", "quantity")
	b.must(422, "POST", "/api/v1/positions", `{"account_id":"a","symbol":"BTC","available_quantity":"-1"}`).expect(t, "field", "available_quantity")
	b.must(422, "POST", "/api/v1/positions", `{"account_id":"a","symbol":"USD","quantity":"1"}`).expect(t, "field", "symbol")
	b.must(422, "POST", "/api/v1/balances", `{"account_id":"a","currency":"BTC","total_balance":"1"}`).expect(t, "field", "currency")
}

func TestSettlementsCompleteFailWaitAndAreCancelled(t *testing.T) {
	t.Parallel()
	b := setup(t, nil)
	a := b.must(201, "POST", "/api/v1/settlements", `{"settlement_type":"DEPOSIT","account_id":"test-account","symbol":"BTC-USD","quantity":"1.25","external_id":"ext-1"}`)
	a.expect(t, "status", "COMPLETED", "settled_quantity", "1.25", "open_quantity", "0", "external_id", "ext-1", "reason", nil,
		"settlement.status", "SETTLED", "processing.status", "ACKNOWLEDGED", "hold.status", "RELEASED", "destination_account", "test-account")
	if a.get("completed_at") == nil || a.header.Get("Location") != "/api/v1/settlements/"+a.str("settlement_id") {
		t.Errorf("completed at %v, Location %s", a.get("completed_at"), a.header.Get("Location"))
	}
	b.must(409, "POST", "/api/v1/settlements", `{"settlement_type":"DEPOSIT","account_id":"test-account","symbol":"BTC-USD","quantity":"1.25","external_id":"ext-1"}`).
		expect(t, "code", "already_exists", "field", "external_id")
	b.must(201, "POST", "/api/v1/settlements/initiate", `{"settlement_type":"TRANSFER","source_account":"test-account","destination_account":"other","symbol":"BTC-USD","quantity":"0.25"}`).
		expect(t, "status", "COMPLETED", "account_id", "test-account")
	lacking := b.must(201, "POST", "/api/v1/settlements", `{"settlement_type":"WITHDRAWAL","account_id":"test-account","symbol":"BTC-USD","quantity":"5"}`)
	lacking.expect(t, "status", "FAILED", "reason", "LACK", "processing.status", "REJECTED", "processing.reason_code", "LACK")
	b.must(201, "POST", "/api/v1/settlements", `{"settlement_type":"WITHDRAWAL","account_id":"test-account","symbol":"USD","quantity":"5"}`).expect(t, "status", "FAILED", "reason", "MONY", "quantity", "5.00")

	held := b.must(201, "POST", "/api/v1/settlements", `{"settlement_type":"WITHDRAWAL","account_id":"test-account","symbol":"BTC-USD","quantity":"1","hold":true}`)
	held.expect(t, "status", "PENDING", "reason", "PREA", "open_quantity", "1", "completed_at", nil)
	path := "/api/v1/settlements/" + held.str("settlement_id")
	b.must(409, "POST", path+"/hold", "").expect(t, "code", "wrong_state")
	b.must(200, "GET", path+"/status", "").expect(t, "status", "PENDING", "hold.status", "HELD")
	b.must(200, "POST", path+"/release", "{}").expect(t, "status", "COMPLETED")
	b.must(409, "POST", path+"/cancel", "").expect(t, "code", "wrong_state")
	b.must(200, "GET", path, "").expect(t, "status", "COMPLETED", "history.0.status", "ACKNOWLEDGED", "history.1.status", "HELD", "history.2.status", "RELEASED", "history.3.status", "SETTLED")

	second := b.must(201, "POST", "/api/v1/settlements", `{"settlement_type":"DEPOSIT","account_id":"test-account","symbol":"BTC-USD","quantity":"1","hold":true}`)
	b.must(200, "POST", "/api/v1/settlements/"+second.str("settlement_id")+"/cancel", "").expect(t, "status", "CANCELLED", "reason", "CANI")
	b.must(200, "GET", "/api/v1/positions?account_id=other", "").expect(t, "positions.0.quantity", "0.25", "next_cursor", nil)
}

func TestAccountsAreOpenedListedAndChanged(t *testing.T) {
	t.Parallel()
	b := setup(t, nil)
	b.must(201, "POST", "/api/v1/accounts", `{"account_id":"fund-a","client_id":"c","account_type":"SEGREGATED","metadata":null}`).
		expect(t, "account_type", "SEGREGATED", "status", "ACTIVE", "client_id", "c")
	b.must(409, "POST", "/api/v1/accounts", `{"account_id":"fund-a"}`).expect(t, "code", "already_exists")
	b.must(200, "PATCH", "/api/v1/accounts/fund-a", `{"metadata":{"desk":"x"}}`).expect(t, "metadata.desk", "x")
	b.must(200, "GET", "/api/v1/accounts?client_id=c&type=SEGREGATED", "").expect(t, "accounts.0.account_id", "fund-a", "accounts.1", nil)
	b.must(200, "GET", "/api/v1/accounts?type=MASTER", "").expect(t, "accounts.0", nil)
	for _, id := range []string{"with blank", "a/b", "50%", "a?b#c", "Zürich", "a+b", "..", "%2F"} {
		a := b.must(201, "POST", "/api/v1/accounts", `{"account_id":"`+id+`"}`)
		b.must(200, "GET", a.header.Get("Location"), "").expect(t, "account_id", id)
		b.must(200, "PATCH", "/api/v1/accounts/"+url.PathEscape(id), `{"metadata":{"seen":true}}`).expect(t, "metadata.seen", true)
	}
	b.must(404, "GET", "/api/v1/accounts/nobody", "").expect(t, "code", "not_found")
	b.must(404, "PATCH", "/api/v1/accounts/nobody", `{"metadata":{}}`)
}

func TestListsPageFilterAndEnd(t *testing.T) {
	t.Parallel()
	b := setup(t, nil)
	for _, symbol := range []string{"A1", "A2", "A3", "A4", "A5"} {
		b.must(201, "POST", "/api/v1/settlements", `{"settlement_type":"DEPOSIT","account_id":"acc","symbol":"`+symbol+`","quantity":"1","external_id":"e-`+symbol+`"}`)
	}
	for path, member := range map[string]string{
		"/api/v1/positions": "positions.%.position_id", "/api/v1/settlements": "settlements.%.settlement_id",
		"/api/v1/ledger/entries": "entries.%.entry_id", "/api/v1/events": "events.%.type",
	} {
		seen, pages, next := 0, 0, path+"?limit=2"
		for next != "" {
			a := b.must(200, "GET", next, "")
			for _, i := range []string{"0", "1", "2"} {
				if a.get(strings.Replace(member, "%", i, 1)) != nil {
					seen++
				}
			}
			pages++
			if next = a.str("next_cursor"); next != "" {
				next = path + "?limit=2&cursor=" + next
			}
		}
		if want := map[bool]int{true: 6, false: 5}[path == "/api/v1/events"]; seen != want || pages != 3 {
			t.Errorf("%s: saw %d in %d pages, want %d in 3", path, seen, pages, want)
		}
	}
	b.must(200, "GET", "/api/v1/settlements?external_id=e-A3", "").expect(t, "settlements.0.symbol", "A3", "settlements.1", nil)
	b.must(200, "GET", "/api/v1/settlements?status=FAILED", "").expect(t, "settlements.0", nil)
	b.must(200, "GET", "/api/v1/settlements?account_id=acc&symbol=A2&settlement_type=DEPOSIT&status=COMPLETED&from=2026-11-23T00:00:00Z&until=2026-11-24T00:00:00Z", "").
		expect(t, "settlements.0.symbol", "A2", "settlements.1", nil)
	b.must(200, "GET", "/api/v1/settlements?from=2026-11-24T00:00:00Z", "").expect(t, "settlements.0", nil)
	id := b.must(200, "GET", "/api/v1/settlements?symbol=A4", "").str("settlements.0.settlement_id")
	b.must(200, "GET", "/api/v1/ledger/entries?settlement_id="+id, "").
		expect(t, "entries.0.symbol", "A4", "entries.0.debit.account_id", "DEPOSITORY", "entries.0.credit.account_id", "acc", "entries.0.settlement_id", id, "entries.1", nil)
	b.must(200, "GET", "/api/v1/ledger/entries?after=5", "").expect(t, "entries.0.symbol", "A5", "entries.1", nil)
	b.must(200, "GET", "/api/v1/events?after=5&limit=5", "").expect(t, "events.0.sequence", 6.0, "events.0.type", "settlement.completed", "events.0.data.symbol", "A5", "events.1", nil)
	b.must(200, "GET", "/api/v1/events?after=1000", "").expect(t, "events.0", nil, "next_cursor", nil)
}

func TestHeadIsAnsweredWhereGetIs(t *testing.T) {
	t.Parallel()
	b := setup(t, nil)
	b.must(200, "HEAD", "/api/v1/health", "")
	b.must(200, "HEAD", "/api/v1/events", "", "Accept", "text/event-stream")
	b.must(404, "HEAD", "/api/v1/positions/019ab1c2-d3e4-7f56-8a9b-0c1d2e3f4a5b", "")
}

func TestUnknownPathsAndMethodsAreProblems(t *testing.T) {
	t.Parallel()
	b := setup(t, nil)
	for _, path := range []string{"/", "/api/v1/transfer", "/clocks", "/chaos/statuses", "/api/v1/accounts/x/masterbalance", "/api/v1/positions/"} {
		b.must(404, "GET", path, "").expect(t, "code", "not_found")
	}
	for request, allow := range map[string]string{
		"DELETE /api/v1/positions":                   "GET, HEAD, POST",
		"PUT /api/v1/positions/x":                    "GET, HEAD, PATCH, DELETE",
		"GET /api/v1/settlements/x/cancel":           "POST",
		"POST /api/v1/health":                        "GET, HEAD",
		"BREW /api/v1/events":                        "GET, HEAD",
		"OPTIONS /api/v1/settlements/some%2Fid/hold": "POST",
	} {
		method, path, _ := strings.Cut(request, " ")
		a := b.must(405, method, path, "")
		a.expect(t, "code", "method_not_allowed")
		if got := a.header.Get("Allow"); got != allow {
			t.Errorf("%s: Allow = %q, want %q", request, got, allow)
		}
	}
	b.must(404, "BREW", "/nowhere", "")
	bare := setup(t, nil)
	if a := bare.must(http.StatusOK, "GET", "/metrics", ""); a.text != "up 1\n" {
		t.Errorf("metrics: %q", a.text)
	}
}
