package iso20022_test

import (
	"maps"
	"testing"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/iso20022"
)

// The sequences of the message definitions that are written, in the notation
// of the readers: ! is mandatory, * may be repeated, "|" in front is a choice.
// They hold all elements of the definitions, not only those that are written.

const (
	partiesSequence = "Dpstry Pty1 Pty2 Pty3 Pty4 Pty5"
	partyIDSequence = "|AnyBIC PrtryId NmAndAdr"
	quantityChoice  = "|Unit FaceAmt AmtsdVal DgtlTknUnit"
)

// under puts tables under paths of another one.
func under(table map[string]string, parts map[string]map[string]string) map[string]string {
	out := maps.Clone(table)
	for at, part := range parts {
		for path, notation := range part {
			if path == "" {
				out[at] = notation
			} else {
				out[at+"/"+path] = notation
			}
		}
	}
	return out
}

func parties(party string) map[string]string {
	table := map[string]string{"": partiesSequence, "Dpstry": "Id! LEI AltrnId PrcgDt PrcgId AddtlInf", "Pty1": party, "Pty2": party}
	for _, p := range []string{"Dpstry", "Pty1", "Pty2"} {
		table[p+"/Id"] = partyIDSequence
		table[p+"/Id/NmAndAdr"] = "Nm! Adr"
		table[p+"/Id/PrtryId"] = "Id! Issr! SchmeNm"
		table[p+"/SfkpgAcct"] = "Id! Tp Nm"
	}
	return table
}

var (
	instructionParties = parties("Id! LEI AltrnId SfkpgAcct BlckChainAdrOrWllt PrcgDt PrcgId AddtlInf")
	reportParties      = parties("Id! LEI SfkpgAcct BlckChainAdrOrWllt PrcgId")
	instrumentSequence = map[string]string{"": "ISIN OthrId* Desc", "OthrId": "Id! Sfx Tp!", "OthrId/Tp": "|Cd Prtry"}
	quantitySequence   = map[string]string{"": "|Qty OrgnlAndCurFace", "Qty": quantityChoice}
	dateSequence       = map[string]string{"": "|Dt DtCd", "Dt": "|Dt DtTm"}
	reasonSequence     = map[string]string{"": "|NoSpcfdRsn Rsn*", "Rsn": "Cd! AddtlRsnInf", "Rsn/Cd": "|Cd Prtry"}
	wordsSequence      = map[string]string{"": "Rsn AddtlRsnInf"}
	ownerSequence      = map[string]string{"": "Id! LEI", "Id": "|AnyBIC PrtryId", "Id/PrtryId": "Id! Issr! SchmeNm"}
	pageSequence       = map[string]string{"": "PgNb! LastPgInd!"}
	codeSequence       = map[string]string{"": "|Cd Prtry"}
)

func statementSequence(when string, whenTable map[string]string) map[string]string {
	return under(map[string]string{
		"":      "RptNb QryRef StmtId " + when + "! Frqcy! UpdTp! StmtBsis! ActvtyInd! SubAcctInd! SctyIntrstOrSetOff",
		"RptNb": "|Shrt Lng",
	}, map[string]map[string]string{when: whenTable, "Frqcy": codeSequence, "UpdTp": codeSequence, "StmtBsis": codeSequence})
}

var (
	statusSequences = under(map[string]string{
		"":         "TxId! Lnkgs PrcgSts IfrrdMtchgSts MtchgSts SttlmSts TxDtls SplmtryData*",
		"TxId":     "AcctOwnrTxId! AcctSvcrTxId MktInfrstrctrTxId CtrPtyMktInfrstrctrTxId PrcrTxId CmonId NetgSvcPrvdrId",
		"PrcgSts":  "|AckdAccptd PdgPrcg Rjctd Rpr Canc PdgCxl Prtry CxlReqd ModReqd",
		"MtchgSts": "|Mtchd Umtchd Prtry", "SttlmSts": "|Pdg Flng Prtry",
		"TxDtls": "TradId* PoolId CorpActnEvtId TrptyAgtSvcPrvdrCollTxId ClntTrptyCollTxId ClntCollInstrId TrptyAgtSvcPrvdrCollInstrId " +
			"AcctOwnr SfkpgAcct BlckChainAdrOrWllt SfkpgPlc PlcOfTrad PlcOfClr FinInstrmId! SttlmQty! PrtlyRlsdQty SttlmAmt LateDlvryDt " +
			"XpctdSttlmDt XpctdValDt SttlmDt! TradDt AckdStsTmStmp MtchdStsTmStmp SctiesMvmntTp! Pmt! SttlmParams! RcvgSttlmPties " +
			"DlvrgSttlmPties Invstr QlfdFrgnIntrmy SttlmInstrPrcgAddtlDtls",
		"TxDtls/SfkpgAcct": "Id! Tp Nm", "TxDtls/XpctdSttlmDt": "|Dt DtTm",
		"TxDtls/SttlmAmt": "Amt! CdtDbtInd! OrgnlCcyAndOrdrdAmt",
		"TxDtls/SttlmParams": "HldInd SttlmTxCond* SctiesTxTp! SttlgCpcty StmpDtyTaxBsis SctiesRTGS Regn BnfclOwnrsh XpsrTp CshClrSys TaxCpcty " +
			"RpTp MktClntSd BlckTrad LglRstrctns SttlmSysMtd NetgElgblty CCPElgblty LttrOfGrnt PrtlSttlmInd ElgblForColl",
		"TxDtls/SttlmParams/HldInd": "Ind! Rsn*", "TxDtls/SttlmParams/HldInd/Rsn": "Cd! AddtlInf",
	}, map[string]map[string]string{
		"PrcgSts/AckdAccptd": reasonSequence, "PrcgSts/PdgPrcg": reasonSequence, "PrcgSts/Rjctd": reasonSequence, "PrcgSts/Canc": reasonSequence,
		"PrcgSts/PdgCxl": reasonSequence, "PrcgSts/CxlReqd": wordsSequence, "MtchgSts/Mtchd": wordsSequence, "MtchgSts/Umtchd": reasonSequence,
		"SttlmSts/Pdg": reasonSequence, "SttlmSts/Flng": reasonSequence,
		"TxDtls/FinInstrmId": instrumentSequence, "TxDtls/SttlmQty": quantitySequence, "TxDtls/SttlmDt": dateSequence, "TxDtls/TradDt": dateSequence,
		"TxDtls/SttlmParams/SctiesTxTp": codeSequence, "TxDtls/SttlmParams/HldInd/Rsn/Cd": codeSequence,
		"TxDtls/RcvgSttlmPties": reportParties, "TxDtls/DlvrgSttlmPties": reportParties,
	})

	confirmationSequences = under(map[string]string{
		"": "TxIdDtls! Lnkgs AddtlParams TradDtls! FinInstrmId! FinInstrmAttrbts QtyAndAcctDtls! SttlmParams! StgSttlmInstrDtls DlvrgSttlmPties " +
			"RcvgSttlmPties CshPties SttldAmt OthrAmts OthrBizPties AddtlPhysOrRegnDtls SplmtryData*",
		"TxIdDtls":    "AcctOwnrTxId! AcctSvcrTxId MktInfrstrctrTxId CtrPtyMktInfrstrctrTxId PrcrTxId SctiesMvmntTp! Pmt! CmonId PoolId CorpActnEvtId",
		"AddtlParams": "PreConf PrtlSttlm PrvsPrtlConfId TrptyAgtSvcPrvdrCollTxId ClntTrptyCollTxId ClntCollInstrId TrptyAgtSvcPrvdrCollInstrId",
		"TradDtls": "TradId* CollTxId* PlcOfTrad PlcOfClr TradDt SttlmDt FctvSttlmDt! DealPric NbOfDaysAcrd OpngClsg Rptg* TradTxCond* InvstrCpcty " +
			"TradOrgtrRole TpOfPric FxAddtlDtls SttlmInstrPrcgAddtlDtls",
		"QtyAndAcctDtls": "SttldQty! PrevslySttldQty RmngToBeSttldQty PrevslySttldAmt RmngToBeSttldAmt DnmtnChc AcctOwnr SfkpgAcct " +
			"BlckChainAdrOrWllt CshAcct QtyBrkdwn* SfkpgPlc",
		"QtyAndAcctDtls/SfkpgAcct": "Id! Tp Nm", "QtyAndAcctDtls/PrevslySttldQty": quantityChoice, "QtyAndAcctDtls/RmngToBeSttldQty": quantityChoice,
		"QtyAndAcctDtls/PrevslySttldAmt": "Amt! CdtDbtInd!", "QtyAndAcctDtls/RmngToBeSttldAmt": "Amt! CdtDbtInd!",
		"SttlmParams": "Prty SctiesTxTp! SttlmTxCond* PrtlSttlmInd BnfclOwnrsh BlckTrad CCPElgblty CshClrSys XpsrTp MktClntSd NetgElgblty Regn RpTp " +
			"LglRstrctns SctiesRTGS SttlgCpcty SttlmSysMtd TaxCpcty StmpDtyTaxBsis AutomtcBrrwg LttrOfGrnt ElgblForColl SctiesSubBalTp CshSubBalTp",
		"SttldAmt": "AcrdIntrstInd StmpDtyInd BrkrgAmtInd RsrchFeeInd Amt! CdtDbtInd! OrgnlCcyAndOrdrdAmt FXDtls ValDt",
	}, map[string]map[string]string{
		"TradDtls/TradDt": dateSequence, "TradDtls/SttlmDt": dateSequence, "TradDtls/FctvSttlmDt": dateSequence, "FinInstrmId": instrumentSequence,
		"QtyAndAcctDtls/SttldQty": quantitySequence, "SttlmParams/SctiesTxTp": codeSequence,
		"DlvrgSttlmPties": instructionParties, "RcvgSttlmPties": instructionParties,
	})

	holdingsSequences = under(map[string]string{
		"":         "Pgntn! StmtGnlDtls! AcctOwnr AcctSvcr SfkpgAcct BlckChainAdrOrWllt IntrmyInf* BalForAcct* SubAcctDtls* AcctBaseCcyTtlAmts",
		"AcctSvcr": "Id! LEI", "AcctSvcr/Id": partyIDSequence, "AcctSvcr/Id/NmAndAdr": "Nm! Adr", "AcctSvcr/Id/PrtryId": "Id! Issr! SchmeNm",
		"SfkpgAcct": "Id! Tp Nm Dsgnt",
		"BalForAcct": "FinInstrmId! FinInstrmAttrbts InvstmtFndsFinInstrmAttrbts ValtnHrcutDtls AggtBal! AvlblBal NotAvlblBal SfkpgPlc CorpActnOptnTp " +
			"PricDtls* FXDtls* DaysAcrd AcctBaseCcyAmts InstrmCcyAmts QtyBrkdwn* BalBrkdwn* AddtlBalBrkdwn* BalAtSfkpgPlc* HldgAddtlDtls SplmtryData*",
		"BalForAcct/AggtBal": "ShrtLngInd! Qty!", "BalForAcct/AggtBal/Qty": "|Qty Prtry",
		"BalForAcct/AvlblBal": "ShrtLngInd Qty!", "BalForAcct/AvlblBal/Qty": "|Qty Prtry", "BalForAcct/AvlblBal/Qty/Qty": quantityChoice,
		"BalForAcct/NotAvlblBal": "|Qty Prtry", "BalForAcct/NotAvlblBal/Qty": quantityChoice,
		"BalForAcct/BalBrkdwn":     "SubBalTp! Qty! SubBalAddtlDtls QtyBrkdwn* AddtlBalBrkdwnDtls*",
		"BalForAcct/BalBrkdwn/Qty": "ShrtLngInd Qty!", "BalForAcct/BalBrkdwn/Qty/Qty": "|Qty Prtry QtyAndAvlbty", "BalForAcct/BalBrkdwn/Qty/Qty/Qty": quantityChoice,
	}, map[string]map[string]string{
		"Pgntn": pageSequence, "StmtGnlDtls": statementSequence("StmtDtTm", map[string]string{"": "|Dt DtTm"}), "AcctOwnr": ownerSequence,
		"BalForAcct/FinInstrmId": instrumentSequence, "BalForAcct/AggtBal/Qty/Qty": quantitySequence, "BalForAcct/BalBrkdwn/SubBalTp": codeSequence,
	})

	transactionsSequences = under(map[string]string{
		"":                      "Pgntn! StmtGnlDtls! AcctOwnr SfkpgAcct BlckChainAdrOrWllt IntrmyInf* FinInstrmDtls* SubAcctDtls*",
		"SfkpgAcct":             "Id! Tp Nm Dsgnt",
		"FinInstrmDtls":         "FinInstrmId! InvstmtFndsFinInstrmAttrbts PricDtls SfkpgPlc OpngBal ClsgBal Tx*",
		"FinInstrmDtls/OpngBal": "ShrtLngInd! OpngBal!", "FinInstrmDtls/OpngBal/OpngBal": "|Frst Intrmy",
		"FinInstrmDtls/OpngBal/OpngBal/Frst": "|Qty Prtry", "FinInstrmDtls/OpngBal/OpngBal/Frst/Qty": quantityChoice,
		"FinInstrmDtls/OpngBal/OpngBal/Intrmy": "|Qty Prtry", "FinInstrmDtls/OpngBal/OpngBal/Intrmy/Qty": quantityChoice,
		"FinInstrmDtls/ClsgBal": "ShrtLngInd! ClsgBal!", "FinInstrmDtls/ClsgBal/ClsgBal": "|Fnl Intrmy",
		"FinInstrmDtls/ClsgBal/ClsgBal/Fnl": "|Qty Prtry", "FinInstrmDtls/ClsgBal/ClsgBal/Fnl/Qty": quantityChoice,
		"FinInstrmDtls/ClsgBal/ClsgBal/Intrmy": "|Qty Prtry", "FinInstrmDtls/ClsgBal/ClsgBal/Intrmy/Qty": quantityChoice,
		"FinInstrmDtls/Tx": "AcctOwnrTxId! AcctSvcrTxId MktInfrstrctrTxId CtrPtyMktInfrstrctrTxId PrcrTxId TradId* PoolId CmonId CorpActnEvtId " +
			"TrptyAgtSvcPrvdrCollTxId ClntTrptyCollTxId ClntCollInstrId TrptyAgtSvcPrvdrCollInstrId MstrRef ClntRef AcctOwnrLegId AcctSvcrLegId TxDtls SplmtryData*",
		"FinInstrmDtls/Tx/TxDtls": "TxActvty! SttlmTxOrCorpActnEvtTp SctiesMvmntTp! Pmt! SttlmParams PlcOfTrad SfkpgPlc PlcOfClr PstngQty! NbOfDaysAcrd " +
			"PstngAmt AcrdIntrstAmt TradDt FctvSttlmDt! SttlmDt ValDt AckdStsTmStmp MtchdStsTmStmp DlvrgSttlmPties RcvgSttlmPties RvslInd TxAddtlDtls",
		"FinInstrmDtls/Tx/TxDtls/PstngAmt": "Amt! CdtDbt!", "FinInstrmDtls/Tx/TxDtls/FctvSttlmDt": "|Dt DtTm",
	}, map[string]map[string]string{
		"Pgntn": pageSequence, "AcctOwnr": ownerSequence, "FinInstrmDtls/FinInstrmId": instrumentSequence,
		"StmtGnlDtls":                      statementSequence("StmtPrd", map[string]string{"": "|FrDtTmToDtTm FrDtToDt", "FrDtTmToDtTm": "FrDtTm! ToDtTm!"}),
		"FinInstrmDtls/Tx/TxDtls/TxActvty": codeSequence, "FinInstrmDtls/Tx/TxDtls/PstngQty": quantitySequence,
		"FinInstrmDtls/Tx/TxDtls/TradDt": dateSequence, "FinInstrmDtls/Tx/TxDtls/SttlmDt": dateSequence,
		"FinInstrmDtls/Tx/TxDtls/DlvrgSttlmPties": reportParties, "FinInstrmDtls/Tx/TxDtls/RcvgSttlmPties": reportParties,
	})

	cashSequences = under(map[string]string{
		"":            "GrpHdr! Stmt* SplmtryData*",
		"GrpHdr":      "MsgId! CreDtTm! MsgRcpt MsgPgntn OrgnlBizQry AddtlInf",
		"Stmt":        "Id! StmtPgntn ElctrncSeqNb RptgSeq LglSeqNb CreDtTm FrToDt CpyDplctInd RptgSrc Acct! RltdAcct Intrst* Bal* TxsSummry Ntry* AddtlStmtInf",
		"Stmt/FrToDt": "FrDtTm! ToDtTm!", "Stmt/Acct": "Id! Tp Ccy Nm Prxy Ownr Svcr", "Stmt/Acct/Id": "|IBAN Othr", "Stmt/Acct/Id/Othr": "Id! SchmeNm Issr",
		"Stmt/Acct/Ownr": "Nm PstlAdr Id CtryOfRes CtctDtls", "Stmt/Acct/Svcr": "FinInstnId! BrnchId",
		"Stmt/Acct/Svcr/FinInstnId": "BICFI ClrSysMmbId LEI Nm PstlAdr Othr",
		"Stmt/Bal":                  "Tp! CdtLine* Amt! CdtDbtInd! Dt! Avlbty*", "Stmt/Bal/Tp": "CdOrPrtry! SubTp", "Stmt/Bal/Dt": "|Dt DtTm",
		"Stmt/Ntry": "NtryRef Amt! CdtDbtInd! RvslInd Sts! BookgDt ValDt AcctSvcrRef Avlbty* BkTxCd! ComssnWvrInd AddtlInfInd AmtDtls Chrgs TechInptChanl " +
			"Intrst CardTx NtryDtls* AddtlNtryInf",
		"Stmt/Ntry/BookgDt": "|Dt DtTm", "Stmt/Ntry/ValDt": "|Dt DtTm",
		"Stmt/Ntry/BkTxCd": "Domn Prtry", "Stmt/Ntry/BkTxCd/Prtry": "Cd! Issr", "Stmt/Ntry/BkTxCd/Domn": "Cd! Fmly!", "Stmt/Ntry/BkTxCd/Domn/Fmly": "Cd! SubFmlyCd!",
		"Stmt/Ntry/NtryDtls": "Btch TxDtls*",
		"Stmt/Ntry/NtryDtls/TxDtls": "Refs Amt CdtDbtInd AmtDtls Avlbty* BkTxCd Chrgs Intrst RltdPties RltdAgts LclInstrm Purp RltdRmtInf* RmtInf RltdDts " +
			"RltdPric RltdQties* FinInstrmId Tax RtrInf CorpActn SfkpgAcct CshDpst* CardTx AddtlTxInf SplmtryData*",
		"Stmt/Ntry/NtryDtls/TxDtls/Refs": "MsgId AcctSvcrRef PmtInfId InstrId EndToEndId UETR TxId MndtId ChqNb ClrSysRef AcctOwnrTxId AcctSvcrTxId " +
			"MktInfrstrctrTxId PrcgId Prtry*",
	}, map[string]map[string]string{
		"GrpHdr/MsgPgntn": pageSequence, "Stmt/StmtPgntn": pageSequence, "Stmt/Bal/Tp/CdOrPrtry": codeSequence, "Stmt/Bal/Tp/SubTp": codeSequence,
		"Stmt/Ntry/Sts": codeSequence,
	})
)

// written are the messages with the definitions that they must follow.
var written = []struct {
	name, version, element string
	sequences              map[string]string
	message                func() xmlWriter
}{
	{"statusadvice.xml", iso20022.VersionStatusAdvice, "SctiesSttlmTxStsAdvc", statusSequences, func() xmlWriter { return statusAdvice() }},
	{"rejection.xml", iso20022.VersionStatusAdvice, "SctiesSttlmTxStsAdvc", statusSequences, func() xmlWriter { return rejection() }},
	{"confirmation.xml", iso20022.VersionConfirmation, "SctiesSttlmTxConf", confirmationSequences, func() xmlWriter { return confirmation() }},
	{"holdings.xml", iso20022.VersionHoldings, "SctiesBalCtdyRpt", holdingsSequences, func() xmlWriter { return holdings() }},
	{"transactions.xml", iso20022.VersionTransactions, "SctiesTxPstngRpt", transactionsSequences, func() xmlWriter { return transactions() }},
	{"cash.xml", iso20022.VersionCash, "BkToCstmrStmt", cashSequences, func() xmlWriter { return cash() }},
}

func TestElementsComeInTheOrderOfTheDefinitions(t *testing.T) {
	t.Parallel()
	for _, c := range written {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if err := iso20022.CheckWritten(input(t, c.name), c.version, c.element, c.sequences); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestTheOrderCheckNoticesAMistake(t *testing.T) {
	t.Parallel()
	wrong := maps.Clone(cashSequences)
	wrong["Stmt/Acct"] = "Id! Tp Nm Ccy Prxy Ownr Svcr"
	if err := iso20022.CheckWritten(input(t, "cash.xml"), iso20022.VersionCash, "BkToCstmrStmt", wrong); err == nil {
		t.Error("a currency after the name passes")
	}
	delete(wrong, "Stmt/Acct")
	if err := iso20022.CheckWritten(input(t, "cash.xml"), iso20022.VersionCash, "BkToCstmrStmt", wrong); err == nil {
		t.Error("elements without a sequence pass")
	}
}

// codeSets are the code sets of the versions that are written, by use.
var codeSets = map[iso20022.Use]string{
	iso20022.UseAcknowledged: "ADEA SMPG OTHR CDCY CDRG CDRE NSTP RQWV LATE",
	iso20022.UsePendingProcessing: "ADEA CAIS DOCY NOFX BLOC MUNO GLOB YCOL COLL FLIM NEXT LACK LALO MONY MINO OTHR DENO LIQU CERT CSDH CVAL CDEL CDLR " +
		"CDAC INBC PREA PRSY",
	iso20022.UseRejected: "SAFE DQUA ADEA DSEC LATE CASH DDEA DTRD PLCE RTGS NCRR PHYS REFE DMON MINO BATC MUNO TXST SETS IIND CAEV CASY DDAT SETR SDUT " +
		"INPS OTHR ICUS ICAG DEPT IEXE INVB INVL INVN VALR INVE PLIS",
	iso20022.UseCancelled:           "SCEX OTHR CXLR BYIY CTHP CANZ CANT CSUB CANS CANI CORP",
	iso20022.UsePendingCancellation: "ADEA CONF OTHR CDRG CDCY CDRE",
	iso20022.UseUnmatched: "ADEA ACRU IIND CPCA CLAT NCRR DDEA DMCT DCMX DSEC DQUA INVE LEOG LATE MIME CMIS NMAS DTRA OTHR FRAP PHYS PLIS INPS PLCE PODU " +
		"DEPT ICAG ICUS IEXE REGD RTGS SAFE DMON DDAT SETS SETR TXST DTRD DELN UNBR",
	iso20022.UsePending: "AWMO ADEA CAIS REFU AWSH PHSE TAMM DOCY DOCC BLOC CHAS NEWI CLAC MUNO GLOB PREA PART NMAS NOFX CMON YCOL COLL DEPO FLIM INCA LINK " +
		"FUTU LACK LALO MONY NCON REFS SDUT BATC SBLO CPEC MINO IAAD OTHR PHCK BENO BOTH CLHT DENO DISA DKNY FROZ LAAW LATE LIQU PRCY REGT SETS CERT PRSY " +
		"CSDH CVAL CDLR INBC PREL PATD",
	iso20022.UseFailing: "AWMO BYIY CLAT ADEA CANR CAIS OBJT AWSH PHSE STCD DOCY MLAT DOCC BLOC CHAS NEWI CLAC MUNO GLOB PREA PART NOFX CMON YCOL COLL DEPO " +
		"FLIM INCA LINK LACK LALO MONY NCON REFS SDUT BATC CYCL SBLO CPEC MINO IAAD OTHR PHCK BENO BOTH CLHT DENO DISA DKNY FROZ LAAW LATE LIQU PRCY REGT " +
		"SETS CERT PRSY CDLR CSDH CVAL INBC PREL PATD",
	iso20022.UseHold:               "PTYH CSDH CDEL CVAL",
	iso20022.UseCancellationDenied: "ADEA DCAN DPRG DREP DSET LATE OTHR CDRG CDCY CDRE",
	iso20022.UsePartialSettlement:  "PAIN PARC",
	iso20022.UseProcessingStatus:   "CAND CANP",
}
