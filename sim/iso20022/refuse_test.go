package iso20022_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/iso20022"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/money"
)

// changed returns a message after a change to it.
func changed[T any](message *T, change func(*T)) *T {
	change(message)
	return message
}

func instruction() *iso20022.Instruction {
	return &iso20022.Instruction{Reference: "A-1", Transaction: delivery()}
}

func TestWhatAMessageCannotCarryIsRefusedWithTheElementAtFault(t *testing.T) {
	t.Parallel()
	const (
		order  = "Document/SctiesSttlmTxInstr"
		status = "Document/SctiesSttlmTxStsAdvc"
		conf   = "Document/SctiesSttlmTxConf"
		hold   = "Document/SctiesBalCtdyRpt"
		posted = "Document/SctiesTxPstngRpt"
		money  = "Document/BkToCstmrStmt/Stmt"
	)
	type (
		I = iso20022.Instruction
		S = iso20022.StatusAdvice
		C = iso20022.Confirmation
		H = iso20022.HoldingsStatement
		P = iso20022.TransactionsStatement
		M = iso20022.CashStatement
	)
	for name, c := range map[string]struct {
		message       xmlWriter
		path, allowed string
	}{
		"no reference":            {changed(instruction(), func(m *I) { m.Reference = "" }), order + "/TxId", "1 to 35"},
		"a UUID as a reference":   {changed(statusAdvice(), func(m *S) { m.ServicerReference = "5c0e0c7e-5d0a-4a0f-9a6c-1b2d3e4f5a6b" }), status + "/TxId/AcctSvcrTxId", "has 36 characters"},
		"a control character":     {changed(instruction(), func(m *I) { m.Reference = "a\x01" }), order + "/TxId", "U+0001; XML cannot carry it"},
		"bytes that are no text":  {changed(instruction(), func(m *I) { m.Reference = "a\xff" }), order + "/TxId", "not UTF-8"},
		"no account":              {changed(instruction(), func(m *I) { m.AccountID = "" }), order + "/QtyAndAcctDtls/SfkpgAcct/Id", "1 to 35"},
		"no instrument":           {changed(instruction(), func(m *I) { m.Instrument = iso20022.Instrument{} }), order + "/FinInstrmId", "an ISIN or a symbol"},
		"an ISIN that is none":    {changed(instruction(), func(m *I) { m.Instrument.ISIN = "AAPL" }), order + "/FinInstrmId/ISIN", "12 capital letters"},
		"no movement":             {changed(instruction(), func(m *I) { m.Movement = "" }), order + "/SttlmTpAndAddtlParams/SctiesMvmntTp", "DELI, RECE"},
		"no date":                 {changed(instruction(), func(m *I) { m.SettlementDate = iso20022.Date{} }), order + "/TradDtls/SttlmDt/Dt/Dt", "not a date"},
		"a day that is none":      {changed(instruction(), func(m *I) { m.SettlementDate.Day = 31 }), order + "/TradDtls/SttlmDt/Dt/Dt", "2026-11-31"},
		"no quantity":             {changed(instruction(), func(m *I) { m.Quantity = units("0") }), order + "/QtyAndAcctDtls/SttlmQty/Qty", "more than 0"},
		"a fine quantity":         {changed(instruction(), func(m *I) { m.Quantity = units("0.000000000000000001") }), order + "/QtyAndAcctDtls/SttlmQty/Qty/Unit", "at most 18 digits, 17 of them"},
		"a long quantity":         {changed(instruction(), func(m *I) { m.Quantity = units("1234567890.123456789") }), order + "/QtyAndAcctDtls/SttlmQty/Qty/Unit", "at most 18 digits"},
		"an unknown kind":         {changed(instruction(), func(m *I) { m.Quantity.Kind = 9 }), order + "/QtyAndAcctDtls/SttlmQty/Qty", "unknown kind"},
		"a fine amount":           {changed(instruction(), func(m *I) { m.Amount.Value = m.Amount.Value.Add(tiny) }), order + "/SttlmAmt/Amt", "5 of them after the point"},
		"a negative amount":       {changed(instruction(), func(m *I) { m.Amount.Value = m.Amount.Value.Neg() }), order + "/SttlmAmt/Amt", "negative"},
		"a crypto-currency":       {changed(instruction(), func(m *I) { m.Amount.Currency = "USDC" }), order + "/SttlmAmt/Amt", "three capital letters"},
		"no amount":               {changed(instruction(), func(m *I) { m.Amount = nil }), order + "/SttlmAmt", "APMT"},
		"a party of two names":    {changed(instruction(), func(m *I) { m.Receiving.Party1.Name = "B" }), order + "/RcvgSttlmPties/Pty1/Id", "exactly one of"},
		"a depository's account":  {changed(instruction(), func(m *I) { m.Receiving.Depository.AccountID = "1" }), order + "/RcvgSttlmPties/Dpstry/SfkpgAcct", "cannot carry"},
		"a party without issuer":  {changed(instruction(), func(m *I) { m.Receiving.Party1 = iso20022.Party{ProprietaryID: "1"} }), order + "/RcvgSttlmPties/Pty1/Id/PrtryId/Issr", "1 to 35"},
		"a BIC that is none":      {changed(instruction(), func(m *I) { m.Receiving.Party1 = iso20022.Party{BIC: "x"} }), order + "/RcvgSttlmPties/Pty1/Id/AnyBIC", "BIC of 8 or 11"},
		"a type that is none":     {changed(instruction(), func(m *I) { m.Type = "trade" }), order + "/SttlmParams/SctiesTxTp/Cd", "4 capital letters"},
		"an unknown partial":      {changed(instruction(), func(m *I) { m.Partial = "X" }), order + "/SttlmParams/PrtlSttlmInd", "PART, NPAR"},
		"a link to nothing":       {changed(instruction(), func(m *I) { m.Links = []iso20022.Link{{Position: iso20022.LinkAfter}} }), order + "/Lnkgs[1]/Ref", "exactly one of"},
		"a link without position": {changed(instruction(), func(m *I) { m.Links = []iso20022.Link{{Reference: "A"}} }), order + "/Lnkgs[1]/PrcgPos/Cd", "AFTE, BEFO"},
		"many links":              {changed(instruction(), func(m *I) { m.Links = make([]iso20022.Link, 101) }), order + "/Lnkgs", "at most 100"},

		"no status":                {&iso20022.StatusAdvice{Reference: "A"}, status, "is needed"},
		"a status of another kind": {changed(statusAdvice(), func(m *S) { m.Matching.Kind = iso20022.SettlementPending }), status + "/MtchgSts", "Mtchd, Umtchd"},
		"a code that may not be":   {changed(statusAdvice(), func(m *S) { m.Settlement.Reasons[1].Code = "CMIS" }), status + "/SttlmSts/Pdg/Rsn[2]/Cd/Cd", "allowed are: ADEA, BLOC, BOTH"},
		"a code where there is none": {changed(statusAdvice(), func(m *S) { m.Matching.Reasons = []iso20022.StatusReason{{Code: "LACK"}} }),
			status + "/MtchgSts/Mtchd", "only as a text"},
		"another without a text": {changed(rejection(), func(m *S) { m.Processing.Reasons[1].Text = "" }), status + "/PrcgSts/Rjctd/Rsn[2]/AddtlRsnInf", "1 to 210"},
		"a long text":            {changed(rejection(), func(m *S) { m.Processing.Reasons[0].Text = strings.Repeat("x", 211) }), status + "/PrcgSts/Rjctd/Rsn[1]/AddtlRsnInf", "1 to 210"},
		"many reasons":           {changed(rejection(), func(m *S) { m.Processing.Reasons = make([]iso20022.StatusReason, 17) }), status + "/PrcgSts/Rjctd/Rsn", "at most 16"},
		"a hold for no reason":   {changed(statusAdvice(), func(m *S) { m.Details.Hold.Reasons[0].Code = "PREA" }), status + "/TxDtls/SttlmParams/HldInd/Rsn[1]/Cd/Cd", "CSDH, CVAL, PTYH"},

		"no effective date":         {changed(confirmation(), func(m *C) { m.EffectiveDate = iso20022.Date{} }), conf + "/TradDtls/FctvSttlmDt/Dt/Dt", "not a date"},
		"an unknown part":           {changed(confirmation(), func(m *C) { m.PartialSettlement = "HALF" }), conf + "/AddtlParams/PrtlSttlm", "PAIN, PARC"},
		"a part without a rest":     {changed(confirmation(), func(m *C) { m.Remaining = nil }), conf + "/QtyAndAcctDtls/RmngToBeSttldQty", "PAIN"},
		"no cash for a payment":     {changed(confirmation(), func(m *C) { m.Amount = nil }), conf + "/SttldAmt", "APMT"},
		"page 0":                    {changed(holdings(), func(m *H) { m.Page.Number = 0 }), hold + "/Pgntn/PgNb", "1 to 99999"},
		"report 100000":             {changed(holdings(), func(m *H) { m.ReportNumber = 100_000 }), hold + "/StmtGnlDtls/RptNb", "1 to 99999"},
		"no time":                   {changed(holdings(), func(m *H) { m.At = time.Time{} }), hold + "/StmtGnlDtls/StmtDtTm/DtTm", "years 1 to 9999"},
		"no frequency":              {changed(holdings(), func(m *H) { m.Frequency = "" }), hold + "/StmtGnlDtls/Frqcy/Cd", "DAIL"},
		"an owner's name":           {changed(holdings(), func(m *H) { m.Owner = iso20022.Party{Name: "A"} }), hold + "/AcctOwnr/Id", "a BIC or a proprietary identification"},
		"a negative part":           {changed(holdings(), func(m *H) { m.Holdings[0].Parts[0].Quantity = units("-1") }), hold + "/BalForAcct[1]/BalBrkdwn[1]/Qty/Qty/Qty/Unit", "negative"},
		"another part untold":       {changed(holdings(), func(m *H) { m.Holdings[0].Parts[1].Text = "" }), hold + "/BalForAcct[1]/BalBrkdwn[2]/SubBalAddtlDtls", "1 to 140"},
		"many holdings":             {changed(holdings(), func(m *H) { m.Holdings = make([]iso20022.Holding, 10_001) }), hold + "/BalForAcct", "at most 10000"},
		"a period that ends ago":    {changed(transactions(), func(m *P) { m.To = m.From.Add(-1) }), posted + "/StmtGnlDtls/StmtPrd/FrDtTmToDtTm/ToDtTm", "before the start"},
		"no transactions":           {changed(transactions(), func(m *P) { m.Instruments[0].Transactions = nil }), posted + "/FinInstrmDtls[1]/Tx", "where something moved"},
		"no activity":               {changed(transactions(), func(m *P) { m.Instruments[0].Transactions[1].Activity = "" }), posted + "/FinInstrmDtls[1]/Tx[2]/TxDtls/TxActvty/Cd", "SETT, CORP"},
		"a long account":            {changed(cash(), func(m *M) { m.AccountID = strings.Repeat("a", 35) }), money + "/Acct/Id/Othr/Id", "1 to 34"},
		"a currency of four":        {changed(cash(), func(m *M) { m.Currency = "USDC" }), money + "/Acct/Ccy", "three capital letters"},
		"balances that disagree":    {changed(cash(), func(m *M) { m.Entries[2].Status = iso20022.EntryBooked }), money + "/Bal[2]", "make 9000"},
		"a balance too fine":        {changed(cash(), func(m *M) { m.Opening, m.Closing = m.Opening.Sub(tiny), m.Closing.Sub(tiny) }), money + "/Bal[1]/Amt", "5 of them"},
		"an unknown status":         {changed(cash(), func(m *M) { m.Entries[2].Status = "X" }), money + "/Ntry[3]/Sts/Cd", "BOOK, PDNG, INFO"},
		"no bank code":              {changed(cash(), func(m *M) { m.Entries[2].Code = iso20022.BankTransactionCode{} }), money + "/Ntry[3]/BkTxCd", "exactly one of"},
		"half a bank code":          {changed(cash(), func(m *M) { m.Entries[0].Code.SubFamily = "" }), money + "/Ntry[1]/BkTxCd/Domn/Fmly/SubFmlyCd", "4 capital letters"},
		"a negative number":         {changed(cash(), func(m *M) { m.Sequence = -1 }), money + "/ElctrncSeqNb", "18 digits"},
		"a servicer that is no BIC": {changed(cash(), func(m *M) { m.ServicerBIC = "bank" }), money + "/Acct/Svcr/FinInstnId/BICFI", "BIC"},
		"a cancellation of nothing": {&iso20022.CancellationRequest{}, "Document/SctiesTxCxlReq/AcctOwnrTxId/SctiesSttlmTxId/TxId", "1 to 35"},
		"a reason that is no code": {&iso20022.CancellationRequest{Reference: "A", Movement: iso20022.Deliver, Payment: iso20022.FreeOfPayment, ReasonCode: "why?"},
			"Document/SctiesTxCxlReq/CxlRsn/Cd/Cd", "4 capital letters"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			data, err := c.message.XML()
			failure, ok := errors.AsType[*iso20022.Error](err)
			if !ok || data != nil {
				t.Fatalf("the error is %v with %d bytes, want an *Error and none", err, len(data))
			}
			if failure.Path != c.path || !strings.Contains(failure.Message, c.allowed) {
				t.Errorf("got %q: %q\nwant %q: …%q…", failure.Path, failure.Message, c.path, c.allowed)
			}
		})
	}
}

var tiny = money.MustParse("0.000001")

func TestTheCounterpartyIsTheOtherSide(t *testing.T) {
	t.Parallel()
	tx := delivery()
	tx.Delivering = &iso20022.Parties{Party1: iso20022.Party{Name: "us"}}
	if got := tx.Counterparty(); got != tx.Receiving {
		t.Errorf("a delivery goes to %+v", got)
	}
	tx.Movement = iso20022.Receive
	if got := tx.Counterparty(); got != tx.Delivering {
		t.Errorf("a receipt comes from %+v", got)
	}
}

func TestDatesAreReadStrictly(t *testing.T) {
	t.Parallel()
	d, err := iso20022.ParseDate("2028-02-29")
	if err != nil || d.String() != "2028-02-29" || d.IsZero() {
		t.Errorf("got %s, %v", d, err)
	}
	for _, text := range []string{"", "2027-02-29", "2026-1-1", "20261124", "2026-11-24T00:00:00Z", "12026-11-24"} {
		if d, err := iso20022.ParseDate(text); err == nil {
			t.Errorf("%q is read as %s", text, d)
		}
	}
	if late := time.Date(2026, 11, 24, 23, 59, 0, 0, time.FixedZone("", -5*3600)); iso20022.DateOf(late) != day(24) {
		t.Errorf("the day of %s is %s", late, iso20022.DateOf(late))
	}
}
