package httpapi_test

import (
	"strings"
	"testing"
)

// delivery is a sese.023 that delivers AAPL free of payment.
const delivery = `<Document xmlns="urn:iso:std:iso:20022:tech:xsd:sese.023.001.11"><SctiesSttlmTxInstr><TxId>X-1</TxId>
	<SttlmTpAndAddtlParams><SctiesMvmntTp>DELI</SctiesMvmntTp><Pmt>FREE</Pmt></SttlmTpAndAddtlParams>
	<TradDtls><SttlmDt><Dt><Dt>2026-11-25</Dt></Dt></SttlmDt></TradDtls><FinInstrmId><OthrId><Id>AAPL</Id><Tp><Prtry>SYMBOL</Prtry></Tp></OthrId></FinInstrmId>
	<QtyAndAcctDtls><SttlmQty><Qty><Unit>10</Unit></Qty></SttlmQty><SfkpgAcct><Id>fund-a</Id></SfkpgAcct></QtyAndAcctDtls>
	<SttlmParams><SctiesTxTp><Cd>TRAD</Cd></SctiesTxTp></SttlmParams>
	<RcvgSttlmPties><Pty1><Id><NmAndAdr><Nm>fund-b</Nm></NmAndAdr></Id><SfkpgAcct><Id>fund-b</Id></SfkpgAcct></Pty1></RcvgSttlmPties></SctiesSttlmTxInstr></Document>`

func TestInstructionsInXMLThatAreRefusedAreAnsweredByARejection(t *testing.T) {
	t.Parallel()
	b := manual(t, "global-custodian")
	b.fund()
	for name, c := range map[string]struct{ old, with, code string }{
		"a value date that is past":        {">2026-11-25<", ">2026-11-20<", "DDAT"},
		"a value date on a holiday":        {">2026-11-25<", ">2026-11-26<", "DDAT"},
		"an account that is its own party": {"<SfkpgAcct><Id>fund-b</Id>", "<SfkpgAcct><Id>fund-a</Id>", "ICUS"},
		"a business identifier that is none": {
			"<Id><NmAndAdr><Nm>fund-b</Nm></NmAndAdr></Id><SfkpgAcct><Id>fund-b</Id></SfkpgAcct>", "<Id><AnyBIC>NOBANKXX0</AnyBIC></Id>", ""},
		"a link to itself": {"<TradDtls>", "<Lnkgs><PrcgPos><Cd>AFTE</Cd></PrcgPos><Ref><SctiesSttlmTxId>X-1</SctiesSttlmTxId></Ref></Lnkgs><TradDtls>", "INVL"},
		"a link by the custodian's reference": {
			"<TradDtls>", "<Lnkgs><PrcgPos><Cd>AFTE</Cd></PrcgPos><Ref><AcctSvcrTxId>17</AcctSvcrTxId></Ref></Lnkgs><TradDtls>", "INVL"},
	} {
		message := strings.Replace(delivery, c.old, c.with, 1)
		if c.code == "" { // not understood: no message can answer it
			b.must(422, "POST", "/api/v1/iso20022", message, "Content-Type", "application/xml")
			continue
		}
		a := b.must(200, "POST", "/api/v1/iso20022", message, "Content-Type", "application/xml")
		if !strings.Contains(a.text, "<AcctOwnrTxId>X-1</AcctOwnrTxId>") || !strings.Contains(a.text, "<Rjctd>") ||
			!strings.Contains(a.text, "<Cd>"+c.code+"</Cd>") || strings.Contains(a.text, "AcctSvcrTxId") {
			t.Errorf("%s: answered %s", name, a.text)
		}
		b.must(200, "GET", "/api/v1/settlements?external_id=X-1", "").expect(t, "settlements.0", nil)
	}
	b.must(200, "POST", "/api/v1/iso20022", delivery, "Content-Type", "application/xml")
	if a := b.must(200, "POST", "/api/v1/iso20022", delivery, "Content-Type", "application/xml"); !strings.Contains(a.text, "<Cd>REFE</Cd>") {
		t.Errorf("the same reference again: answered %s", a.text)
	}
}

func TestWhatIsDoneIsAnsweredThoughItsDetailsHaveNoRoom(t *testing.T) {
	t.Parallel()
	b := manual(t, "instant")
	const finest = "1.123456789012345678"
	b.must(201, "POST", "/api/v1/positions", `{"account_id":"fund-a","symbol":"AAPL","quantity":"`+finest+`","currency":"USD"}`)
	refused := b.must(422, "GET", "/api/v1/statements/holdings?account_id=fund-a&format=xml", "")
	if refused.expect(t, "field", "format"); !strings.Contains(refused.text, "AAPL") || !strings.Contains(refused.text, "18 digits") {
		t.Errorf("answered %s", refused.text)
	}
	message := strings.NewReplacer("<Unit>10</Unit>", "<DgtlTknUnit>"+finest+"</DgtlTknUnit>", "2026-11-25", "2026-11-23").Replace(delivery)
	a := b.must(200, "POST", "/api/v1/iso20022", message, "Content-Type", "application/xml")
	if !strings.Contains(a.text, "<AckdAccptd>") || !strings.Contains(a.text, "AcctSvcrTxId") || strings.Contains(a.text, "TxDtls") {
		t.Errorf("answered %s", a.text)
	}
	b.must(200, "GET", "/api/v1/settlements?external_id=X-1", "").expect(t, "settlements.0.quantity", finest)
}

func TestSecuritiesCountInUnitsAndCryptoAssetsInTokens(t *testing.T) {
	t.Parallel()
	b := manual(t, "instant")
	for symbol, quantity := range map[string]string{"AAPL": "100.5", "ETH": "1.123456789012345678"} {
		b.must(201, "POST", "/api/v1/positions", `{"account_id":"fund-a","symbol":"`+symbol+`","quantity":"`+quantity+`","currency":"USD"}`)
	}
	for _, path := range []string{"holdings?account_id=fund-a&format=xml", "transactions?account_id=fund-a&format=xml"} {
		a := b.must(200, "GET", "/api/v1/statements/"+path, "")
		if !strings.Contains(a.text, "<Unit>100.5</Unit>") || !strings.Contains(a.text, "<DgtlTknUnit>1.123456789012345678</DgtlTknUnit>") ||
			strings.Contains(a.text, "<Unit>1.1") || strings.Contains(a.text, "<DgtlTknUnit>100.5") {
			t.Errorf("%s: %s", path, a.text)
		}
	}
}

func TestStatementsOfMovementsHaveTheirEndsAsCSV(t *testing.T) {
	t.Parallel()
	b := manual(t, "instant")
	b.must(201, "POST", "/api/v1/balances", `{"account_id":"fund-a","currency":"USD","available_balance":"250"}`)
	b.must(200, "POST", "/clock/advance", `{"by":"24h"}`)
	b.must(201, "POST", "/api/v1/settlements", `{"settlement_type":"DEPOSIT","account_id":"fund-a","symbol":"USD","quantity":"50"}`)
	b.must(201, "POST", "/api/v1/settlements", `{"settlement_type":"WITHDRAWAL","account_id":"fund-a","symbol":"USD","quantity":"20"}`)
	const cash = "/api/v1/statements/cash?account_id=fund-a&format=csv"
	for query, want := range map[string][]string{
		"&date=2026-11-23":                {"opening USD  0.00", "movement USD 250.00 250.00", "closing USD  250.00"},
		"&date=2026-11-22":                {},
		"&date=2026-11-22&symbol=USD":     {"opening USD  0.00", "closing USD  0.00"},
		"&date=2026-11-24":                {"opening USD  250.00", "movement USD 50.00 300.00", "movement USD -20.00 280.00", "closing USD  280.00"},
		"&date=2026-11-24&limit=1":        {"opening USD  250.00", "movement USD 50.00 300.00", "interim_closing USD  300.00"},
		"&date=2026-11-24&limit=1&page=2": {"interim_opening USD  300.00", "movement USD -20.00 280.00", "closing USD  280.00"},
		"&date=2026-11-24&symbol=EUR":     {"opening EUR  0.00", "closing EUR  0.00"},
		"&from=2026-11-23&to=2026-11-23":  {"opening USD  0.00", "movement USD 250.00 250.00", "closing USD  250.00"},
	} {
		a := b.must(200, "GET", cash+query, "")
		var got []string
		for _, line := range strings.Split(strings.TrimSpace(a.text), "\r\n")[1:] {
			f := strings.Split(line, ",")
			got = append(got, strings.Join([]string{f[1], f[4], f[5], f[6]}, " "))
		}
		if strings.Join(got, "\n") != strings.Join(want, "\n") {
			t.Errorf("%s: %s", query, a.text)
		}
	}
	b.must(200, "POST", "/clock/advance", `{"by":"24h"}`)
	if a := b.must(200, "GET", cash, ""); strings.Count(a.text, "280.00") != 2 {
		t.Errorf("a day without movements: %s", a.text)
	}
	b.must(422, "GET", cash+"&symbol=AAPL", "").expect(t, "field", "symbol")
	b.must(422, "GET", "/api/v1/statements/transactions?account_id=fund-a&symbol=USD", "").expect(t, "field", "symbol")
}

func TestMessagesSayWhatMovedCashAndSecurities(t *testing.T) {
	t.Parallel()
	b := manual(t, "instant")
	b.must(201, "POST", "/api/v1/positions", `{"account_id":"fund-a","symbol":"AAPL","quantity":"100","currency":"USD"}`)
	b.must(201, "POST", "/api/v1/balances", `{"account_id":"fund-a","currency":"USD","available_balance":"1000"}`)
	b.must(201, "POST", "/api/v1/balances", `{"account_id":"fund-b","currency":"USD","available_balance":"1000"}`)
	for _, side := range []string{`"DVP","account_id":"fund-a","counterparty_account":"fund-b"`, `"RVP","account_id":"fund-b","counterparty_account":"fund-a"`} {
		b.must(201, "POST", "/api/v1/settlements", `{"settlement_type":`+side+`,"symbol":"AAPL","quantity":"10","payment":{"currency":"USD","amount":"7"}}`)
	}
	b.must(201, "POST", "/api/v1/settlements", `{"settlement_type":"DEPOSIT","account_id":"fund-a","symbol":"USD","quantity":"1"}`)
	b.must(201, "POST", "/api/v1/transfers", `{"rail":"wire_international","direction":"IN","account_id":"fund-a","symbol":"USD","quantity":"3"}`)
	b.must(201, "POST", "/api/v1/corporate-actions", `{"id":"Q4","type":"CASH_DIVIDEND","symbol":"AAPL","record_date":"2026-11-24","payment_date":"2026-11-26","rate":"0.25","currency":"USD"}`)
	b.must(201, "POST", "/api/v1/corporate-actions", `{"id":"S2","type":"SPLIT","symbol":"AAPL","record_date":"2026-11-25","payment_date":"2026-11-26","new_units":"2","old_units":"1"}`)
	b.must(200, "POST", "/clock/advance", `{"to":"2026-11-27T12:00:00Z"}`)
	cash := b.must(200, "GET", "/api/v1/statements/cash?account_id=fund-a&from=2026-11-23&format=xml", "").text
	codes := []string{"<Prtry>", "TRAD", "OTHR", "XBCT", "DVCA"}
	for _, code := range codes {
		at := strings.Index(cash, code)
		if at < 0 {
			t.Fatalf("%s is not where it belongs, behind what came before: %s", code, cash)
		}
		cash = cash[at:]
	}
	moved := b.must(200, "GET", "/api/v1/statements/transactions?account_id=fund-a&from=2026-11-23&format=xml", "").text
	for _, part := range []string{"APMT", "<Cd>CORP</Cd>", "<CorpActnEvtId>S2</CorpActnEvtId>"} {
		if !strings.Contains(moved, part) {
			t.Errorf("there is no %s in %s", part, moved)
		}
	}
}
