package httpapi_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/httpapi"
)

// manual returns a face of a custodian with a profile and a clock that stands
// still on a Monday morning in New York.
func manual(t testing.TB, profile string) *bundle {
	t.Helper()
	b := setup(t, func(o *httpapi.Options) { o.Custodian = newCustodian(t, profile) })
	b.must(200, "PUT", "/clock", `{"mode":"manual","now":"2026-11-23T09:00:00-05:00"}`).expect(t, "mode", "manual", "now", "2026-11-23T14:00:00Z", "next_event", nil)
	return b
}

// fund opens what tests need.
func (b *bundle) fund() {
	b.must(201, "POST", "/api/v1/positions", `{"account_id":"fund-a","symbol":"AAPL","quantity":"100"}`)
	b.must(201, "POST", "/api/v1/balances", `{"account_id":"fund-b","currency":"USD","available_balance":"20000"}`)
}

const deliver = `{"settlement_type":"DVP","account_id":"fund-a","symbol":"AAPL","quantity":"100","payment":{"currency":"USD","amount":"19000.00"},
	"counterparty_account":"fund-b","trade_date":"2026-11-23","settlement_date":"2026-11-24","external_id":"A-1","partial":"NPAR"}`

const receive = `{"settlement_type":"RVP","account_id":"fund-b","symbol":"AAPL","quantity":100,"payment":{"currency":"USD","amount":19000},
	"counterparty_account":"fund-a","trade_date":"2026-11-23","settlement_date":"2026-11-24","external_id":"B-1"}`

func TestDeliveryAgainstPaymentFromMatchingToReversal(t *testing.T) {
	t.Parallel()
	b := manual(t, "global-custodian")
	b.fund()
	a := b.must(201, "POST", "/api/v1/settlements", deliver)
	a.expect(t, "status", "PENDING", "matching.status", "UNMATCHED", "matching.reason_code", "CMIS", "payment.amount", "19000.00", "settled_payment", "0.00",
		"counterparty_account", "fund-b", "trade_date", "2026-11-23", "partial", "NPAR", "open_quantity", "100")
	path := "/api/v1/settlements/" + a.str("settlement_id")
	b.must(201, "POST", "/api/v1/settlements", receive).expect(t, "matching.status", "MATCHED", "matched_with", a.str("settlement_id"))
	for range 10 {
		if b.must(200, "GET", path, "").str("status") == "COMPLETED" {
			break
		}
		b.must(200, "POST", "/clock/advance", `{"to_next_event":true}`)
	}
	done := b.must(200, "GET", path, "")
	done.expect(t, "status", "COMPLETED", "settlement.status", "SETTLED", "settled_payment", "19000.00", "settled_quantity", "100", "reserved", nil)
	history := done.get("history").([]any)
	last := history[len(history)-1].(map[string]any)
	if postings, _ := last["postings"].([]any); len(postings) < 2 || last["status"] != "SETTLED" {
		t.Errorf("the last step is %v", last)
	}
	confirmed := b.must(200, "GET", path+"/confirmation", "")
	advised := b.must(200, "GET", path+"/status-advice", "")
	if !strings.Contains(confirmed.text, "sese.025") || !strings.Contains(confirmed.text, "19000") || !strings.Contains(advised.text, "sese.024") {
		t.Errorf("confirmed %s\nadvised %s", confirmed.text, advised.text)
	}
	b.must(201, "POST", path+"/reverse", `{"reason":"booked twice"}`).expect(t, "reversal_of", a.str("settlement_id"))
	b.must(409, "POST", path+"/reverse", "")
	b.must(422, "POST", path+"/reverse", `{"reasons":"x"}`).expect(t, "field", "reasons")

	b.must(200, "GET", "/api/v1/statements/holdings?account_id=fund-a", "").expect(t, "kind", "holdings")
	cash := b.must(200, "GET", "/api/v1/statements/cash?account_id=fund-b&from=2026-11-23&to=2026-11-24", "")
	cash.expect(t, "totals.0.symbol", "USD", "totals.0.opening", "0.00", "lines.0.amount", "20000.00", "lines.1.amount", "-19000.00", "last_page", true)
	b.must(200, "GET", "/api/v1/statements/cash?account_id=fund-b&from=2026-11-23&to=2026-11-24&limit=1&page=2", "").
		expect(t, "totals.0.opening", "20000.00", "totals.0.closing", "1000.00", "lines.0.balance", "1000.00", "page", 2.0)
	b.must(200, "GET", "/api/v1/statements/holdings?account_id=fund-b&date=2026-11-23", "").expect(t, "holdings.0.total", "20000.00", "holdings.1", nil)
	for path, holds := range map[string]string{
		"holdings?account_id=fund-b&format=xml":                          "semt.002",
		"transactions?account_id=fund-a&from=2026-11-23&format=xml":      "semt.017",
		"cash?account_id=fund-b&from=2026-11-23&format=xml":              "camt.053",
		"holdings?account_id=fund-b&format=csv":                          "account_id,at,symbol,total",
		"transactions?account_id=fund-a&from=2026-11-23&format=csv":      "fund-a,",
		"transactions?account_id=fund-a&from=2026-11-23&format=json":     `"lines":[{`,
		"cash?account_id=fund-b&symbol=USD&date=2026-11-23&format=csv":   "20000.00",
		"cash?account_id=fund-b&date=2026-11-23&symbol=EUR&format=json":  `"last_page":true`,
		"holdings?account_id=fund-b&date=2026-11-22&format=json":         `"kind":"holdings"`,
		"transactions?account_id=fund-b&date=2026-11-22&page=9&limit=10": `"page":9`,
	} {
		if a := b.must(200, "GET", "/api/v1/statements/"+path, ""); !strings.Contains(a.text, holds) {
			t.Errorf("%s: %s", path, a.text)
		}
	}
	for path, field := range map[string]string{
		"holdings": "account_id", "holdings?account_id=fund-a&date=2099-01-01": "date", "holdings?account_id=fund-a&date=tomorrow1": "date",
		"cash?account_id=fund-a&date=2026-11-23&from=2026-11-23": "date", "cash?account_id=fund-a&from=2026-11-24&to=2026-11-23": "to",
		"cash?account_id=fund-a&format=pdf": "format", "cash?account_id=fund-a&limit=0": "limit", "holdings?account_id=fund-a&from=2026-11-23": "from",
	} {
		b.must(422, "GET", "/api/v1/statements/"+path, "").expect(t, "field", field)
	}
	b.must(404, "GET", "/api/v1/statements/cash?account_id=nobody", "")
}

func TestTransfersAreApprovedRejectedAndCancelled(t *testing.T) {
	t.Parallel()
	b := manual(t, "prime-broker")
	b.must(201, "POST", "/api/v1/balances", `{"account_id":"fund-a","currency":"USD","available_balance":"1000000"}`)
	wire := func(id, more string) string {
		return `{"rail":"wire_domestic","direction":"OUT","account_id":"fund-a","symbol":"USD","quantity":"250000.00",
			"beneficiary":{"name":"Broker","account":"123","bank":"BROKUS33"},"external_id":"` + id + `","requested_by":"alice"` + more + `}`
	}
	a := b.must(201, "POST", "/api/v1/transfers", wire("t-1", ""))
	a.expect(t, "status", "PENDING", "direction", "OUT", "quantity", "250000.00", "requested_by", "alice", "beneficiary.bank", "BROKUS33", "beneficiary.address", nil)
	path := "/api/v1/transfers/" + a.str("transfer_id")
	if a.header.Get("Location") != path {
		t.Errorf("Location %s", a.header.Get("Location"))
	}
	b.must(409, "POST", "/api/v1/transfers/initiate", wire("t-1", "")).expect(t, "code", "already_exists")
	b.must(422, "POST", "/api/v1/transfers", wire("t-2", `,"beneficiaries":{}`)).expect(t, "field", "beneficiaries")
	b.must(422, "POST", "/api/v1/transfers", strings.Replace(wire("t-2", ""), "wire_domestic", "pigeon", 1)).expect(t, "field", "rail")
	b.must(422, "POST", "/api/v1/transfers", strings.Replace(wire("t-2", ""), `"name":"Broker"`, `"name":7`, 1)).expect(t, "field", "beneficiary.name")
	b.must(422, "POST", path+"/approve", `{}`).expect(t, "field", "by")
	b.must(200, "GET", path, "").expect(t, "history.0.status", "SUBMITTED")
	b.must(200, "GET", path+"/status", "").expect(t, "transfer_id", a.str("transfer_id"))
	b.must(200, "GET", "/api/v1/transfers?account_id=fund-a&rail=wire_domestic&direction=OUT", "").expect(t, "transfers.0.external_id", "t-1", "next_cursor", nil)
	b.must(422, "GET", "/api/v1/transfers?stage=LOST", "").expect(t, "field", "stage", "allowed.0", "SUBMITTED")
	if a.str("stage") == "AWAITING_APPROVAL" {
		if refused := b.send("POST", path+"/approve", `{"by":"alice"}`); refused.status < 400 {
			t.Errorf("the requester approved: %s", refused.text)
		}
		b.must(200, "POST", path+"/approve", `{"by":"bob"}`).expect(t, "approvals.0.by", "bob", "approvals.0.decision", "APPROVED")
	}
	second := b.must(201, "POST", "/api/v1/transfers", wire("t-3", ""))
	if second.str("stage") == "AWAITING_APPROVAL" {
		b.must(200, "POST", "/api/v1/transfers/"+second.str("transfer_id")+"/reject", `{"by":"bob","reason":"unknown"}`).expect(t, "status", "FAILED", "stage", "REJECTED")
	}
	third := b.must(201, "POST", "/api/v1/transfers", wire("t-4", ""))
	b.must(200, "POST", "/api/v1/transfers/"+third.str("transfer_id")+"/cancel", "").expect(t, "status", "CANCELLED")
	b.must(404, "GET", "/api/v1/transfers/019ab1c2-d3e4-7f56-8a9b-0c1d2e3f4a5b", "")
}

func TestClientsAndAccountControl(t *testing.T) {
	t.Parallel()
	b := manual(t, "instant")
	b.must(201, "POST", "/api/v1/accounts", `{"account_id":"main","client_id":"client"}`)
	b.must(201, "POST", "/api/v1/accounts", `{"account_id":"apart","client_id":"client","account_type":"SEGREGATED"}`)
	b.must(201, "POST", "/api/v1/balances", `{"account_id":"main","currency":"USD","available_balance":"5"}`)
	b.must(201, "POST", "/api/v1/balances", `{"account_id":"apart","currency":"USD","available_balance":"6"}`)
	b.must(200, "GET", "/api/v1/accounts/client/master-balance", "").expect(t, "account.account_id", "main", "own.0.total", "5.00", "total.0.total", "11.00")
	b.must(200, "GET", "/api/v1/accounts/client/segregated-balances", "").expect(t, "accounts.0.account.account_id", "apart", "accounts.0.balances.0.available", "6.00")
	b.must(404, "GET", "/api/v1/accounts/nobody/master-balance", "")
	b.must(200, "PATCH", "/api/v1/accounts/apart", `{"status":"FROZEN"}`).expect(t, "status", "FROZEN")
	b.must(422, "PATCH", "/api/v1/accounts/apart", `{"status":"GONE"}`).expect(t, "field", "status")
}

func TestClocksGoForwardOnly(t *testing.T) {
	t.Parallel()
	b := manual(t, "instant")
	b.must(200, "POST", "/clock/advance", `{"by":"90m"}`).expect(t, "now", "2026-11-23T15:30:00Z")
	b.must(200, "POST", "/clock/advance", `{"to":"2026-11-24T09:00:00-05:00"}`).expect(t, "now", "2026-11-24T14:00:00Z")
	b.must(200, "GET", "/clock", "").expect(t, "mode", "manual", "now", "2026-11-24T14:00:00Z")
	b.must(422, "POST", "/clock/advance", `{"to":"2026-11-24T08:00:00-05:00"}`).expect(t, "field", "to")
	b.must(422, "POST", "/clock/advance", `{"by":"soon"}`).expect(t, "field", "by")
	b.must(422, "POST", "/clock/advance", `{"by":"1h","to_next_event":true}`)
	b.must(409, "POST", "/clock/advance", `{"to_next_event":true}`)
	b.must(422, "PUT", "/clock", `{"mode":"real","now":"2026-11-24T08:00:00Z"}`).expect(t, "field", "now")
	b.must(422, "PUT", "/clock", `{"mode":"manual","now":"noon"}`).expect(t, "field", "now")
	b.must(422, "PUT", "/clock", `{"mode":"scaled","factor":1.5}`).expect(t, "field", "factor")
	b.must(200, "GET", "/api/v1/events", "").expect(t, "events.0.type", "clock.changed", "events.0.data.mode", "manual", "events.1.type", "clock.advanced")
	b.must(200, "GET", "/debug/state", "").expect(t, "sequence", 3.0, "now", "2026-11-24T14:00:00Z")
}

func TestFaultsComeAndGo(t *testing.T) {
	t.Parallel()
	b := manual(t, "instant")
	for path, body := range map[string]string{
		"delay-settlements":          `{"settlement_types":["crypto_external"],"delay_hours":24,"duration_s":3600}`,
		"partial-settlement-failure": `{"settlement_type":"wire_domestic","failure_rate":0.3,"error":"insufficient_funds"}`,
		"multi-sig-delays":           `{"delay_multiplier":10,"min_amount":50000,"duration_s":1800}`,
		"simulate-bank-holiday":      `{"duration_hours":24,"affected_types":["wire_domestic","ach_transfer"]}`,
		"reject-transfers":           `{"rate":1,"reason":"compliance","duration_s":600}`,
		"custodian-offline":          `{"duration_s":7200,"error_message":"system_maintenance"}`,
		"rules":                      `{"name":"slow","match":{"rails":["wire_domestic"],"rate":"0.5"},"effect":{"delay_s":60},"duration_s":60}`,
	} {
		a := b.must(201, "POST", "/chaos/"+path, body)
		if a.header.Get("Location") != "/chaos/rules/"+a.str("id") {
			t.Errorf("%s: Location %s", path, a.header.Get("Location"))
		}
	}
	b.must(200, "GET", "/chaos/status", "").expect(t, "active", 7.0)
	b.must(503, "GET", "/api/v1/accounts", "").expect(t, "code", "custodian_offline", "detail", "system_maintenance")
	b.must(503, "POST", "/api/v1/accounts", `{"account_id":"a"}`)
	b.must(200, "GET", "/api/v1/health", "")
	b.must(200, "GET", "/clock", "")
	rules := b.must(200, "GET", "/chaos/rules", "")
	b.must(204, "DELETE", "/chaos/rules/"+rules.str("rules.0.id"), "")
	b.must(404, "DELETE", "/chaos/rules/"+rules.str("rules.0.id"), "")
	b.must(200, "DELETE", "/chaos/clear-all", "").expect(t, "active", 0.0)
	b.must(200, "DELETE", "/chaos/rules", "").expect(t, "active", 0.0)
	b.must(201, "POST", "/chaos/rules", `{"effect":{"http_error":{"rate":1,"status":418}}}`)
	if a := b.plain("GET", "/api/v1/accounts"); a.Code != 418 || !strings.Contains(a.Body.String(), "fault_injected") {
		t.Errorf("answered %d %s", a.Code, a.Body)
	}
	b.must(200, "DELETE", "/chaos/clear-all", "")
	b.must(200, "GET", "/api/v1/accounts", "")
	for body, field := range map[string]string{
		`{"effect":{}}`: "effect", `{}`: "effect", `{"effect":{"delay_s":-1}}`: "effect.delay_s", `{"effect":{"delay_s":"x"}}`: "effect.delay_s",
		`{"effect":{"delay_s":1},"match":{"rails":["x"]}}`: "match.rails[0]", `{"effect":{"delay_s":1},"match":{"rails":[null]}}`: "match.rails[0]",
		`{"effect":{"reject":{"code":"MONY"}}}`: "effect.reject.reason", `{"effect":{"delay_s":1},"duration_s":-1}`: "duration_s",
	} {
		b.must(422, "POST", "/chaos/rules", body).expect(t, "field", field)
	}
	b.must(422, "POST", "/chaos/delay-settlements", `{"delay_hours":0}`).expect(t, "field", "delay_hours")
}

// plain sends a request whose answer the document does not promise.
func (b *bundle) plain(method, path string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	b.handler.ServeHTTP(w, httptest.NewRequest(method, path, http.NoBody))
	return w
}

func TestReconciliationAndCorporateActions(t *testing.T) {
	t.Parallel()
	b := manual(t, "instant")
	b.fund()
	b.must(200, "GET", "/api/v1/reconciliation", "").expect(t, "latest", nil, "breaks.0", nil)
	b.must(201, "POST", "/chaos/rules", `{"effect":{"book":{"symbol":"AAPL","amount":"-1"}}}`)
	b.must(200, "POST", "/api/v1/reconciliation/run", "").expect(t, "opened", 1.0, "differences.0.symbol", "AAPL", "differences.0.difference", "-1")
	b.must(200, "POST", "/clock/advance", `{"by":"1h"}`)
	b.must(200, "GET", "/api/v1/reconciliation?status=OPEN&symbol=AAPL", "").expect(t, "latest.open_breaks", 1.0, "breaks.0.difference", "-1", "breaks.0.age_s", 3600.0)
	b.must(200, "GET", "/api/v1/reconciliation?status=RESOLVED", "").expect(t, "breaks.0", nil)
	b.must(422, "GET", "/api/v1/reconciliation?status=GONE", "").expect(t, "field", "status")

	const actions = "/api/v1/corporate-actions"
	b.must(201, "POST", actions, `{"id":"AAPL-Q4","type":"CASH_DIVIDEND","symbol":"AAPL","record_date":"2026-11-24","payment_date":"2026-11-26","rate":"0.25","currency":"USD"}`).
		expect(t, "status", "ANNOUNCED", "code", "DVCA", "rate", "0.25")
	b.must(422, "POST", actions, `{"id":"x","type":"GIFT","symbol":"AAPL","record_date":"2026-11-24","payment_date":"2026-11-26"}`).expect(t, "field", "type")
	b.must(200, "GET", actions, "").expect(t, "corporate_actions.0.id", "AAPL-Q4")
	b.must(200, "POST", "/clock/advance", `{"to":"2026-11-27T12:00:00Z"}`)
	b.must(200, "GET", actions+"/AAPL-Q4", "").expect(t, "status", "PAID", "cash_paid", "25")
	b.must(200, "GET", actions+"/AAPL-Q4/entitlements", "").expect(t, "entitlements.0.account_id", "fund-a", "entitlements.0.cash", "25")
	b.must(404, "GET", actions+"/AAPL-Q4/entitlements?part=2", "")
	b.must(409, "POST", actions+"/AAPL-Q4/cancel", "").expect(t, "code", "wrong_state")
	b.must(404, "POST", actions+"/none/cancel", "")
}

func TestMessagesInstructAndCancel(t *testing.T) {
	t.Parallel()
	b := manual(t, "global-custodian")
	b.fund()
	const message = `<Document xmlns="urn:iso:std:iso:20022:tech:xsd:sese.023.001.11"><SctiesSttlmTxInstr><TxId>X-1</TxId>
		<SttlmTpAndAddtlParams><SctiesMvmntTp>DELI</SctiesMvmntTp><Pmt>FREE</Pmt></SttlmTpAndAddtlParams>
		<TradDtls><SttlmDt><Dt><Dt>2026-11-25</Dt></Dt></SttlmDt></TradDtls><FinInstrmId><OthrId><Id>AAPL</Id><Tp><Prtry>SYMBOL</Prtry></Tp></OthrId></FinInstrmId>
		<QtyAndAcctDtls><SttlmQty><Qty><Unit>10</Unit></Qty></SttlmQty><SfkpgAcct><Id>fund-a</Id></SfkpgAcct></QtyAndAcctDtls>
		<SttlmParams><SctiesTxTp><Cd>TRAD</Cd></SctiesTxTp></SttlmParams>
		<RcvgSttlmPties><Pty1><Id><NmAndAdr><Nm>fund-b</Nm></NmAndAdr></Id><SfkpgAcct><Id>fund-b</Id></SfkpgAcct></Pty1></RcvgSttlmPties></SctiesSttlmTxInstr></Document>`
	a := b.must(200, "POST", "/api/v1/iso20022", message, "Content-Type", "application/xml")
	if !strings.Contains(a.text, "sese.024") || !strings.Contains(a.text, "X-1") || !strings.Contains(a.text, "CMIS") {
		t.Errorf("answered %s", a.text)
	}
	b.must(200, "GET", "/api/v1/settlements?external_id=X-1", "").expect(t, "settlements.0.settlement_type", "DFP", "settlements.0.counterparty_account", "fund-b")
	cancel := strings.NewReplacer("sese.023.001.11", "sese.020.001.07", "10</Unit>", "10</Unit>").Replace(`<Document xmlns="urn:iso:std:iso:20022:tech:xsd:sese.020.001.07"><SctiesTxCxlReq>
		<AcctOwnrTxId><SctiesSttlmTxId><TxId>X-1</TxId><SctiesMvmntTp>DELI</SctiesMvmntTp><Pmt>FREE</Pmt></SctiesSttlmTxId></AcctOwnrTxId></SctiesTxCxlReq></Document>`)
	if a := b.must(200, "POST", "/api/v1/iso20022", cancel, "Content-Type", "application/xml"); !strings.Contains(a.text, "CANI") {
		t.Errorf("answered %s", a.text)
	}
	b.must(404, "POST", "/api/v1/iso20022", strings.Replace(cancel, "X-1", "X-2", 1), "Content-Type", "application/xml")
	b.must(415, "POST", "/api/v1/iso20022", `{}`)
	b.must(422, "POST", "/api/v1/iso20022", `<!DOCTYPE a [<!ENTITY b "c">]><Document/>`, "Content-Type", "application/xml")
	b.must(422, "POST", "/api/v1/iso20022", strings.Replace(message, "DELI", "SEND", 1), "Content-Type", "application/xml").
		expect(t, "field", "Document/SctiesSttlmTxInstr/SttlmTpAndAddtlParams/SctiesMvmntTp")
}

func TestWebhooksAreManaged(t *testing.T) {
	t.Parallel()
	b := setup(t, nil)
	a := b.must(201, "POST", "/api/v1/webhooks", `{"id":"desk","url":"https://example.com/hook?token=x","events":["settlement.*"]}`)
	if !strings.HasPrefix(a.str("secret"), "whsec_") || strings.Contains(a.text, "token=x") {
		t.Errorf("answered %s", a.text)
	}
	b.must(409, "POST", "/api/v1/webhooks", `{"id":"desk","url":"https://example.com/hook"}`)
	b.must(422, "POST", "/api/v1/webhooks", `{"url":"https://127.0.0.1/hook"}`).expect(t, "field", "url")
	b.must(422, "POST", "/api/v1/webhooks", `{"url":"https://example.com/","secret":"x"}`).expect(t, "field", "secret")
	b.must(200, "GET", "/api/v1/webhooks", "").expect(t, "webhooks.0.endpoint.id", "desk")
	b.must(200, "GET", "/api/v1/webhooks/desk", "").expect(t, "secret", nil)
	b.must(422, "POST", "/api/v1/webhooks/desk/resend", `{"until":3}`).expect(t, "field", "from")
	b.must(422, "POST", "/api/v1/webhooks/desk/resend", `{"failed":true,"from":3}`).expect(t, "field", "failed")
	b.must(404, "POST", "/api/v1/webhooks/none/resend", `{}`)
	b.must(204, "DELETE", "/api/v1/webhooks/desk", "")
	b.must(404, "DELETE", "/api/v1/webhooks/desk", "")
	without := setup(t, func(o *httpapi.Options) { o.Webhooks = nil })
	if w := without.plain("GET", "/api/v1/webhooks"); w.Code != http.StatusNotFound {
		t.Errorf("answered %d", w.Code)
	}
}
