package iso20022_test

import (
	"fmt"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/iso20022"
)

func ExampleParseInstruction() {
	_, err := iso20022.ParseInstruction([]byte(`<Document xmlns="urn:iso:std:iso:20022:tech:xsd:sese.023.001.11">
  <SctiesSttlmTxInstr>
    <TxId>A-1</TxId>
    <SttlmTpAndAddtlParams><SctiesMvmntTp>SEND</SctiesMvmntTp><Pmt>FREE</Pmt></SttlmTpAndAddtlParams>
    <TradDtls><SttlmDt><Dt><Dt>2026-11-24</Dt></Dt></SttlmDt></TradDtls>
    <FinInstrmId><ISIN>US0378331005</ISIN></FinInstrmId>
    <QtyAndAcctDtls>
      <SttlmQty><Qty><Unit>100</Unit></Qty></SttlmQty>
      <SfkpgAcct><Id>fund-a</Id></SfkpgAcct>
    </QtyAndAcctDtls>
    <SttlmParams><SctiesTxTp><Cd>TRAD</Cd></SctiesTxTp></SttlmParams>
  </SctiesSttlmTxInstr>
</Document>`))
	fmt.Println(err)
	// Output: Document/SctiesSttlmTxInstr/SttlmTpAndAddtlParams/SctiesMvmntTp: is "SEND"; allowed are: DELI, RECE
}

func ExampleLookupReason() {
	reason, ok := iso20022.LookupReason(iso20022.UsePending, "LACK")
	fmt.Println(ok, reason.Name+":", reason.Definition)
	_, ok = iso20022.LookupReason(iso20022.UseUnmatched, "LACK")
	fmt.Println(ok)
	// Output:
	// true Lack of securities: The account has too few of the securities.
	// false
}
