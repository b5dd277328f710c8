package iso20022_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/iso20022"
)

// refused parses a message that must be refused and compares the error.
func refused(t *testing.T, parse func([]byte) error, data, path, message string) {
	t.Helper()
	err := parse([]byte(data))
	failure, ok := errors.AsType[*iso20022.Error](err)
	if !ok {
		t.Fatalf("the error is %v, want an *Error", err)
	}
	if failure.Path != path || !strings.Contains(failure.Message, message) {
		t.Errorf("got %q: %q\nwant %q: …%q…", failure.Path, failure.Message, path, message)
	}
	if len(failure.Error()) > 2000 {
		t.Errorf("the error repeats the input: %d bytes", len(failure.Error()))
	}
}

func parseInstruction(data []byte) error { _, err := iso20022.ParseInstruction(data); return err }
func parseCancellation(data []byte) error {
	_, err := iso20022.ParseCancellationRequest(data)
	return err
}
func parseAny(data []byte) error { _, err := iso20022.Parse(data); return err }

func TestBrokenInstructionsAreRefusedWithTheElementAtFault(t *testing.T) {
	t.Parallel()
	const top = "Document/SctiesSttlmTxInstr"
	valid := string(input(t, "instruction_dvp.xml"))
	for name, c := range map[string]struct{ old, new, path, message string }{
		"an unknown version":        {"sese.023.001.11\" xmlns:xsi", "sese.023.001.99\" xmlns:xsi", "Document", "accepted are: sese.023.001.10, sese.023.001.11, sese.023.001.12"},
		"another namespace":         {"urn:iso:std:iso:20022:tech:xsd:sese.023.001.11\" xmlns:xsi", "urn:other\" xmlns:xsi", "Document", `it must be in "urn:iso:std:iso:20022:tech:xsd:sese.023.001.10" or`},
		"an element elsewhere":      {"<TxId>", `<TxId xmlns="urn:other">`, top + "/TxId", `is in the namespace "urn:other"`},
		"another message":           {"SctiesSttlmTxInstr>", "SctiesSttlmTxConf>", "Document/SctiesSttlmTxConf", "Document may hold: SctiesSttlmTxInstr"},
		"another root":              {"Document", "Doc", "Doc", "the root must be Document"},
		"no reference":              {"<TxId>A-1</TxId>", "", top + "/TxId", "is missing"},
		"an empty reference":        {"<TxId>A-1</TxId>", "<TxId/>", top + "/TxId", "has 0 characters; 1 to 35"},
		"a long reference":          {"A-1", strings.Repeat("é", 36), top + "/TxId", "has 36 characters; 1 to 35"},
		"elements in a reference":   {"A-1", "<b>A-1</b>", top + "/TxId", "it must hold text"},
		"text among elements":       {"<TradDtls>", "<TradDtls>now ", top + "/TradDtls", "either elements or text"},
		"text for elements":         {"<Dt><Dt>2026-11-24</Dt></Dt>", "<Dt>2026-11-24</Dt>", top + "/TradDtls/SttlmDt/Dt", "it must hold elements: Dt, DtTm"},
		"a reference twice":         {"<TxId>A-1</TxId>", "<TxId>A-1</TxId><TxId>A-2</TxId>", top + "/TxId[2]", "occurs more than once"},
		"an unknown element":        {"<TradDtls>", "<TradDtls><Foo/>", top + "/TradDtls/Foo", "TradDtls may hold: TradId"},
		"an element out of order":   {"<Pmt>APMT</Pmt>\n      <CmonId>COMMON-7</CmonId>", "<CmonId>COMMON-7</CmonId><Pmt>APMT</Pmt>", top + "/SttlmTpAndAddtlParams/Pmt", "it must come before CmonId"},
		"an unknown movement":       {"DELI", "SEND", top + "/SttlmTpAndAddtlParams/SctiesMvmntTp", "allowed are: DELI, RECE"},
		"a movement of many words":  {"DELI", strings.Repeat("é ", 100), top + "/SttlmTpAndAddtlParams/SctiesMvmntTp", "…; allowed are: DELI, RECE"},
		"text after elements":       {"</Dt></SttlmDt>", "</Dt>soon</SttlmDt>", top + "/TradDtls/SttlmDt", `has the text "soon" among its elements`},
		"an unknown payment":        {"APMT", "apmt", top + "/SttlmTpAndAddtlParams/Pmt", "allowed are: FREE, APMT"},
		"no settlement date":        {"<SttlmDt><Dt><Dt>2026-11-24</Dt></Dt></SttlmDt>", "", top + "/TradDtls/SttlmDt", "is missing"},
		"a day that is none":        {"2026-11-24", "2026-02-30", top + "/TradDtls/SttlmDt/Dt/Dt", "write it as 2026-11-24"},
		"a day in other order":      {"2026-11-24", "24.11.2026", top + "/TradDtls/SttlmDt/Dt/Dt", "write it as 2026-11-24"},
		"a day with a time zone":    {"2026-11-24", "2026-11-24Z", top + "/TradDtls/SttlmDt/Dt/Dt", "write it as 2026-11-24"},
		"a time that is none":       {"<Dt>2026-11-24</Dt>", "<DtTm>2026-11-24T25:00:00Z</DtTm>", top + "/TradDtls/SttlmDt/Dt/DtTm", "is not a date and time"},
		"a date by code":            {"<SttlmDt><Dt><Dt>2026-11-24</Dt></Dt>", "<SttlmDt><DtCd><Cd>WISS</Cd></DtCd>", top + "/TradDtls/SttlmDt/DtCd", "the date must be given as Dt"},
		"two forms of a date":       {"<Dt><Dt>2026-11-24</Dt></Dt>", "<Dt><Dt>2026-11-24</Dt></Dt><DtCd/>", top + "/TradDtls/SttlmDt/DtCd", "exactly one of: Dt, DtCd"},
		"no form of a date":         {"<Dt><Dt>2026-11-24</Dt></Dt>", "<Dt/>", top + "/TradDtls/SttlmDt/Dt", "must hold one of: Dt, DtTm"},
		"no instrument":             {"<ISIN>US0378331005</ISIN>\n      <OthrId><Id>AAPL</Id><Tp><Prtry>SYMBOL</Prtry></Tp></OthrId>", "", top + "/FinInstrmId", "ISIN or OthrId is needed"},
		"an ISIN that is none":      {"US0378331005", "us0378331005", top + "/FinInstrmId/ISIN", "is not an ISIN"},
		"a negative quantity":       {"<Unit>100</Unit>", "<Unit>-100</Unit>", top + "/QtyAndAcctDtls/SttlmQty/Qty/Unit", "negative number is not allowed"},
		"no quantity at all":        {"<Unit>100</Unit>", "<Unit>0.0</Unit>", top + "/QtyAndAcctDtls/SttlmQty/Qty/Unit", "must be more than 0"},
		"a quantity with exponent":  {"<Unit>100</Unit>", "<Unit>1e2</Unit>", top + "/QtyAndAcctDtls/SttlmQty/Qty/Unit", "not a decimal number"},
		"an infinite quantity":      {"<Unit>100</Unit>", "<Unit>INF</Unit>", top + "/QtyAndAcctDtls/SttlmQty/Qty/Unit", "not a decimal number"},
		"a quantity that is none":   {"<Unit>100</Unit>", "<Unit>NaN</Unit>", top + "/QtyAndAcctDtls/SttlmQty/Qty/Unit", "not a decimal number"},
		"two signs":                 {"<Unit>100</Unit>", "<Unit>+-100</Unit>", top + "/QtyAndAcctDtls/SttlmQty/Qty/Unit", "not a decimal number"},
		"an empty quantity":         {"<Unit>100</Unit>", "<Unit></Unit>", top + "/QtyAndAcctDtls/SttlmQty/Qty/Unit", "not a decimal number"},
		"a lonely point":            {"<Unit>100</Unit>", "<Unit>.</Unit>", top + "/QtyAndAcctDtls/SttlmQty/Qty/Unit", "not a decimal number"},
		"a long quantity":           {"<Unit>100</Unit>", "<Unit>1234567890123456789</Unit>", top + "/QtyAndAcctDtls/SttlmQty/Qty/Unit", "at most 18 are allowed, 17 of them"},
		"a fine quantity":           {"<Unit>100</Unit>", "<Unit>0.000000000000000001</Unit>", top + "/QtyAndAcctDtls/SttlmQty/Qty/Unit", "at most 18 are allowed, 17 of them"},
		"tokens finer than we hold": {"<Unit>100</Unit>", "<DgtlTknUnit>0.1234567890123456789</DgtlTknUnit>", top + "/QtyAndAcctDtls/SttlmQty/Qty/DgtlTknUnit", "18 after the point"},
		"faces of a quantity":       {"<Qty><Unit>100</Unit></Qty>", "<OrgnlAndCurFace/>", top + "/QtyAndAcctDtls/SttlmQty/OrgnlAndCurFace", "must be given as Qty"},
		"no account":                {"<SfkpgAcct><Id>fund-a</Id></SfkpgAcct>", "", top + "/QtyAndAcctDtls/SfkpgAcct", "must be named"},
		"a hold that is none":       {"<Ind>true</Ind>", "<Ind>yes</Ind>", top + "/SttlmParams/HldInd/Ind", "allowed are: true, false"},
		"an unknown partial":        {"PARQ", "SOME", top + "/SttlmParams/PrtlSttlmInd", "allowed are: PART, NPAR, PARC, PARQ"},
		"an unknown position":       {"AFTE", "LAST", top + "/Lnkgs[1]/PrcgPos/Cd", "allowed are: AFTE, BEFO, WITH, INFO"},
		"a position by words":       {"<PrcgPos><Cd>AFTE</Cd></PrcgPos>", "<PrcgPos><Prtry><Id>X</Id></Prtry></PrcgPos>", top + "/Lnkgs[1]/PrcgPos/Prtry", "must be given as Cd"},
		"a link to something else":  {"<SctiesSttlmTxId>A-0</SctiesSttlmTxId>", "<PoolId>P</PoolId>", top + "/Lnkgs[1]/Ref", "is needed"},
		"a BIC that is none":        {"DTCYUS33", "DTC", top + "/RcvgSttlmPties/Dpstry/Id/AnyBIC", "is not a BIC"},
		"two names of a party":      {"<NmAndAdr><Nm>Fund B Custody</Nm></NmAndAdr>", "<AnyBIC>DTCYUS33</AnyBIC><NmAndAdr><Nm>B</Nm></NmAndAdr>", top + "/RcvgSttlmPties/Pty1/Id/NmAndAdr", "exactly one of"},
		"no amount":                 {valid[strings.Index(valid, "    <SttlmAmt>"):strings.Index(valid, "  </SctiesSttlmTxInstr>")], "", top + "/SttlmAmt", "against payment (APMT) needs it"},
		"a negative amount":         {"19000.00", "-19000.00", top + "/SttlmAmt/Amt", "negative number"},
		"a fine amount":             {"19000.00", "19000.000001", top + "/SttlmAmt/Amt", "at most 18 are allowed, 5 of them"},
		"no currency":               {` Ccy="USD"`, "", top + "/SttlmAmt/Amt", "three capital letters"},
		"a long currency":           {`Ccy="USD"`, `Ccy="USDC"`, top + "/SttlmAmt/Amt", "three capital letters"},
		"a currency twice":          {`Ccy="USD"`, `Ccy="USD" Ccy="EUR"`, top + "/SttlmAmt", "two attributes"},
		"an unknown direction":      {"CRDT", "IN", top + "/SttlmAmt/CdtDbtInd", "allowed are: CRDT, DBIT"},
		"an unknown attribute":      {"<TxId>", `<TxId id="1">`, top + "/TxId", `has the attribute "id"`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			broken := strings.ReplaceAll(valid, c.old, c.new)
			if broken == valid {
				t.Fatal("the case changes nothing")
			}
			refused(t, parseInstruction, broken, c.path, c.message)
		})
	}
}

func TestBrokenCancellationsAreRefusedWithTheElementAtFault(t *testing.T) {
	t.Parallel()
	const top = "Document/SctiesTxCxlReq"
	valid := string(input(t, "cancellation.xml"))
	for name, c := range map[string]struct{ old, new, path, message string }{
		"an unknown version":    {"sese.020.001.07", "sese.020.001.01", "Document", "accepted are: sese.020.001.06"},
		"no reference":          {"<TxId>A-1</TxId>", "", top + "/AcctOwnrTxId/SctiesSttlmTxId/TxId", "is missing"},
		"another kind of thing": {"SctiesSttlmTxId", "SctiesFincgTxId", top + "/AcctOwnrTxId", "SctiesSttlmTxId is needed"},
		"an unknown movement":   {"DELI", "MOVE", top + "/AcctOwnrTxId/SctiesSttlmTxId/SctiesMvmntTp", "allowed are: DELI, RECE"},
		"a reason that is none": {"CANI", "because", top + "/CxlRsn/Cd/Cd", "is not a code"},
		"elements out of order": {"<CxlRsn><Cd><Cd>CANI</Cd></Cd></CxlRsn>", "<CxlRsn><Cd><Cd>CANI</Cd></Cd></CxlRsn><PrcrTxId>1</PrcrTxId>", top + "/PrcrTxId", "must come before CxlRsn"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			broken := strings.ReplaceAll(valid, c.old, c.new)
			if broken == valid {
				t.Fatal("the case changes nothing")
			}
			refused(t, parseCancellation, broken, c.path, c.message)
		})
	}
}

func TestBrokenEnvelopesAreRefused(t *testing.T) {
	t.Parallel()
	valid := string(input(t, "instruction_envelope.xml"))
	for name, c := range map[string]struct{ old, new, path, message string }{
		"a header of another kind":      {"head.001.001.02", "head.001.001.99", "AppHdr", `"urn:iso:std:iso:20022:tech:xsd:head.001.001.04"`},
		"a header of another message":   {"<h:MsgDefIdr>sese.023.001.12", "<h:MsgDefIdr>sese.023.001.11", "AppHdr/MsgDefIdr", "both must be the same"},
		"no number":                     {"<h:BizMsgIdr>MSG-42</h:BizMsgIdr>", "", "AppHdr/BizMsgIdr", "is missing"},
		"a number twice":                {"<h:BizMsgIdr>MSG-42</h:BizMsgIdr>", "<h:BizMsgIdr>1</h:BizMsgIdr><h:BizMsgIdr>2</h:BizMsgIdr>", "AppHdr/BizMsgIdr[2]", "more than once"},
		"a time that is none":           {"2026-11-23T09:30:00-05:00", "yesterday", "AppHdr/CreDt", "is not a date and time"},
		"a sender that is none":         {"FUNDUS33", "fund", "AppHdr/Fr/FIId/FinInstnId/BICFI", "is not a BIC"},
		"a header after the document":   {"</s:Document>", `</s:Document><h:AppHdr xmlns:h="urn:iso:std:iso:20022:tech:xsd:head.001.001.02"/>`, "Envelope/AppHdr[2]", "must come before Document"},
		"something else in an envelope": {"</s:Document>", "</s:Document><s:Extra/>", "Envelope/Extra", "Envelope may hold: AppHdr, Document"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			broken := strings.Replace(valid, c.old, c.new, 1)
			if broken == valid {
				t.Fatal("the case changes nothing")
			}
			refused(t, parseInstruction, broken, c.path, c.message)
		})
	}
	withoutHeader := valid[:strings.Index(valid, "  <h:AppHdr")] + valid[strings.Index(valid, "  <s:Document"):]
	refused(t, parseAny, withoutHeader, "Envelope/AppHdr", "is missing")
}

// billionLaughs would be three gigabytes if its entities were expanded.
const billionLaughs = `<?xml version="1.0"?>
<!DOCTYPE lolz [<!ENTITY lol "lol"><!ENTITY lol2 "&lol;&lol;&lol;&lol;&lol;&lol;&lol;&lol;&lol;&lol;">
<!ENTITY lol3 "&lol2;&lol2;&lol2;&lol2;&lol2;&lol2;&lol2;&lol2;&lol2;&lol2;">]>
<Document xmlns="urn:iso:std:iso:20022:tech:xsd:sese.023.001.11"><SctiesSttlmTxInstr><TxId>&lol3;</TxId></SctiesSttlmTxInstr></Document>`

func TestHostileXMLIsRefusedWithinBounds(t *testing.T) {
	t.Parallel()
	open := `<Document xmlns="urn:iso:std:iso:20022:tech:xsd:sese.023.001.11">`
	attributes := strings.Builder{}
	for i := range iso20022.MaxAttributes + 1 {
		fmt.Fprintf(&attributes, ` a%d="1"`, i)
	}
	wide := []byte{0xfe, 0xff}
	for _, u := range utf16.Encode([]rune(open)) {
		wide = append(wide, byte(u>>8), byte(u))
	}
	for name, c := range map[string]struct{ data, path, message string }{
		"nothing":                          {"", "", "an XML document is needed"},
		"white space":                      {" \n\t", "", "an XML document is needed"},
		"no XML":                           {"{}", "", "outside its root element"},
		"a message that ends early":        {open + "<SctiesSttlmTxInstr>", "Document/SctiesSttlmTxInstr", "is not well-formed XML"},
		"tags that cross":                  {open + "<a></b></a>", "Document/a", "is not well-formed XML"},
		"entities that grow":               {billionLaughs, "", "has a declaration <!DOCTYPE>"},
		"a document type":                  {"<!DOCTYPE Document SYSTEM \"http://example.org/x.dtd\">" + open + "</Document>", "", "has a declaration <!DOCTYPE>"},
		"an external entity":               {"<!DOCTYPE d [<!ENTITY x SYSTEM \"file:///etc/passwd\">]>" + open + "&x;</Document>", "", "has a declaration <!DOCTYPE>"},
		"a document type inside":           {open + "<!DOCTYPE x></Document>", "Document", "has a declaration <!DOCTYPE>"},
		"an entity that is not declared":   {open + "&x;</Document>", "Document", "is not well-formed XML"},
		"a style sheet":                    {`<?xml-stylesheet href="x"?>` + open + "</Document>", "", "processing instruction"},
		"a processing instruction inside":  {open + "<?php x ?></Document>", "Document", "processing instruction"},
		"an XML declaration inside":        {open + `<?xml version="1.0"?></Document>`, "Document", "processing instruction"},
		"another encoding":                 {`<?xml version="1.0" encoding="ISO-8859-1"?>` + open + "</Document>", "", "only UTF-8 is allowed"},
		"another version of XML":           {`<?xml version="1.1"?>` + open + "</Document>", "", "is not well-formed XML"},
		"UTF-16":                           {string(wide), "", "only UTF-8 is allowed"},
		"bytes that are not UTF-8":         {open + "\xff</Document>", "", "only UTF-8 is allowed"},
		"a zero byte":                      {open + "\x00</Document>", "", "only UTF-8 is allowed"},
		"a control character":              {open + "\x01</Document>", "Document", "is not well-formed XML"},
		"two roots":                        {open + "</Document>" + open + "</Document>", "", "only one root element"},
		"text after the root":              {open + "</Document>more", "", "outside its root element"},
		"deep nesting":                     {strings.Repeat("<a>", 100_000), "a" + strings.Repeat("/a", iso20022.MaxDepth-1), "at most 32 levels"},
		"many elements":                    {open + strings.Repeat("<a/>", iso20022.MaxElements+1) + "</Document>", "Document", "more than 10000 elements"},
		"a huge text":                      {open + "<TxId>" + strings.Repeat("x", iso20022.MaxTextBytes+1) + "</TxId></Document>", "Document/TxId", "more than 4096 bytes of text"},
		"a huge text in pieces":            {open + "<TxId>" + strings.Repeat("<![CDATA[xxxxxxxx]]>", 1000) + "</TxId></Document>", "Document/TxId", "more than 4096 bytes of text"},
		"a huge message":                   {open + strings.Repeat(" ", iso20022.MaxMessageBytes) + "</Document>", "", "at most 1048576 are allowed"},
		"many attributes":                  {"<Document" + attributes.String() + "/>", "", "17 attributes; at most 16"},
		"a prefix that is not declared":    {"<x:Document/>", "Document", `is in the namespace "x"`},
		"a document without any namespace": {"<Document/>", "Document", "is in the namespace \"\""},
		"a document without a message":     {open + "</Document>", "Document/SctiesSttlmTxInstr", "is missing"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			refused(t, parseInstruction, c.data, c.path, c.message)
		})
	}
	refused(t, parseAny, `<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.08"/>`, "Document", "sese.020.001.08")
}

func TestWhatXMLAllowsIsAccepted(t *testing.T) {
	t.Parallel()
	valid := string(input(t, "instruction_dvp.xml"))
	for name, c := range map[string]struct{ old, new string }{
		"a byte order mark":        {"<?xml", "\ufeff<?xml"},
		"no XML declaration":       {`<?xml version="1.0" encoding="UTF-8"?>`, ""},
		"comments":                 {"<TradDtls>", "<!-- a --><TradDtls><!-- <!DOCTYPE> -->"},
		"characters by number":     {"A-1", "&#65;&#x2D;1"},
		"a section of characters":  {"A-1", "<![CDATA[A-1]]>"},
		"white space in numbers":   {"<Unit>100</Unit>", "<Unit>\n\t+0100.00 </Unit>"},
		"a number without a tail":  {"<Unit>100</Unit>", "<Unit>100.</Unit>"},
		"a truth by number":        {"<Ind>true</Ind>", "<Ind> 1 </Ind>"},
		"the version before":       {"sese.023.001.11", "sese.023.001.10"},
		"white space in the dates": {"2026-11-24", " 2026-11-24\n"},
		"a number without a head":  {">19000.00<", ">.5<"},
		"a time without a zone":    {"<Dt>2026-11-24</Dt>", "<DtTm>2026-11-24T23:59:59.5</DtTm>"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			changed := strings.Replace(valid, c.old, c.new, 1)
			if changed == valid {
				t.Fatal("the case changes nothing")
			}
			in, err := iso20022.ParseInstruction([]byte(changed))
			if err != nil {
				t.Fatal(err)
			}
			if in.Reference != "A-1" || in.Quantity.Value.String() != "100" || !in.Hold || in.SettlementDate.String() != "2026-11-24" {
				t.Errorf("got %+v", in)
			}
		})
	}
}

func TestAHeaderMayNameItsPartiesByOtherMeans(t *testing.T) {
	t.Parallel()
	message := strings.Replace(string(input(t, "instruction_envelope.xml")),
		"<h:FIId><h:FinInstnId><h:BICFI>FUNDUS33</h:BICFI></h:FinInstnId></h:FIId>", "<h:OrgId><h:Nm>Fund A</h:Nm></h:OrgId>", 1)
	in, err := iso20022.ParseInstruction([]byte(message))
	if err != nil {
		t.Fatal(err)
	}
	if in.Header.From != "" || in.Header.To != "CUSTUS33XXX" || in.Header.BusinessMessageID != "MSG-42" {
		t.Errorf("got %+v", in.Header)
	}
}

func TestLinksAndIgnoredElementsAreBounded(t *testing.T) {
	t.Parallel()
	valid := string(input(t, "instruction_dvp.xml"))
	link := "<Lnkgs><Ref><SctiesSttlmTxId>X</SctiesSttlmTxId></Ref></Lnkgs>"
	refused(t, parseInstruction, strings.Replace(valid, "<TradDtls>", strings.Repeat(link, iso20022.MaxLinks-1)+"<TradDtls>", 1),
		"Document/SctiesSttlmTxInstr/Lnkgs[101]", "at most 100 links")
	in, err := iso20022.ParseInstruction([]byte(strings.Replace(valid, "<TradDtls>", "<TradDtls>"+strings.Repeat("<TradId>T</TradId>", 500), 1)))
	if err != nil {
		t.Fatal(err)
	}
	if len(in.Ignored) != iso20022.MaxIgnored || in.Ignored[1] != "Document/SctiesSttlmTxInstr/TradDtls/TradId[2]" {
		t.Errorf("%d elements are ignored: %v", len(in.Ignored), in.Ignored[:2])
	}
}
