package iso20022

// Link is a link from an instruction to another one.
type Link struct {
	// Position orders the two; [LinkInform] where the message does not tell.
	Position LinkPosition
	// Reference is the owner's reference of the other instruction
	// (Ref/SctiesSttlmTxId), at most 35 characters. It is empty where
	// ServicerReference is set.
	Reference string
	// ServicerReference is the custodian's own reference of the other
	// instruction (Ref/AcctSvcrTxId), at most 35 characters.
	ServicerReference string
}

// MaxLinks is how many links an instruction may have.
const MaxLinks = 100

// Instruction is a SecuritiesSettlementTransactionInstruction (sese.023): the
// owner of an account orders the delivery or the receipt of securities.
type Instruction struct {
	// Header is nil where the document came alone.
	Header *Header
	// Version is the definition of the message that was read. It is ignored
	// in writing.
	Version string
	// Reference is the owner's reference of the instruction (TxId), at most 35
	// characters.
	Reference string
	// CommonReference is the one that both sides agreed on (CmonId); empty
	// where there is none.
	CommonReference string
	Transaction
	// Hold asks to match the instruction but not to settle it before it is
	// released (SttlmParams/HldInd/Ind).
	Hold  bool
	Links []Link
	// Ignored lists the elements that were not understood, at most
	// [MaxIgnored]. It is ignored in writing.
	Ignored []string
}

// partiesTable is a SettlementParties type. The parties have these elements in
// all messages, or fewer of them.
var partiesTable = map[string]string{
	"":                   "Dpstry Pty1 Pty2 Pty3 Pty4 Pty5",
	"Dpstry":             "Id! LEI AltrnId PrcgDt PrcgId AddtlInf",
	"Dpstry/Id":          "|AnyBIC PrtryId NmAndAdr Ctry DgtlLdgrId",
	"Dpstry/Id/PrtryId":  partyID,
	"Dpstry/Id/NmAndAdr": partyName,
	"Pty1":               partyAndAccount,
	"Pty1/Id":            partyChoice,
	"Pty1/Id/PrtryId":    partyID,
	"Pty1/Id/NmAndAdr":   partyName,
	"Pty1/SfkpgAcct":     safekeepingAccount,
	"Pty2":               partyAndAccount,
	"Pty2/Id":            partyChoice,
	"Pty2/Id/PrtryId":    partyID,
	"Pty2/Id/NmAndAdr":   partyName,
	"Pty2/SfkpgAcct":     safekeepingAccount,
}

// The notation of types that occur more than once.
const (
	partyAndAccount    = "Id! LEI AltrnId SfkpgAcct BlckChainAdrOrWllt PrcgDt PrcgId AddtlInf"
	partyChoice        = "|AnyBIC PrtryId NmAndAdr"
	partyID            = "Id! Issr! SchmeNm"
	partyName          = "Nm! Adr"
	safekeepingAccount = "Id! Tp Nm"
)

// instructionSchema is the union of versions 10 to 12 of the instruction. The
// elements that version 12 adds and whose place does not matter here are
// marked ~.
var instructionSchema = makeSchema(map[string]string{
	"": "TxId! SttlmTpAndAddtlParams! NbCounts Lnkgs* TradDtls! FinInstrmId! FinInstrmAttrbts QtyAndAcctDtls! SttlmParams! " +
		"StgSttlmInstrDtls DlvrgSttlmPties RcvgSttlmPties CshPties SttlmAmt OthrAmts DgtlNtwkFee OthrBizPties AddtlPhysOrRegnDtls SplmtryData*",
	"SttlmTpAndAddtlParams": "SctiesMvmntTp! Pmt! CmonId CorpActnEvtId RcncltnInd ClntCollInstrId ClntTrptyCollTxId " +
		"TrptyAgtSvcPrvdrCollTxId TrptyAgtSvcPrvdrCollInstrId NonceId",
	"Lnkgs":         "PrcgPos MsgNb Ref! LkdQty RefOwnr",
	"Lnkgs/PrcgPos": "|Cd Prtry",
	"Lnkgs/Ref":     "|SctiesSttlmTxId IntraPosMvmntId IntraBalMvmntId AcctSvcrTxId MktInfrstrctrTxId PoolId OthrTxId",
	"TradDtls": "TradId* ~UnqTxIdr CollTxId* PlcOfTrad PlcOfClr TradDt SttlmDt! LateDlvryDt DealPric NbOfDaysAcrd OpngClsg Rptg* TradTxCond* " +
		"InvstrCpcty TradOrgtrRole TpOfPric CcyToBuyOrSell MtchgSts AffirmSts FxAddtlDtls SttlmInstrPrcgAddtlDtls",
	"TradDtls/TradDt":     "|Dt DtCd",
	"TradDtls/TradDt/Dt":  "|Dt DtTm",
	"TradDtls/SttlmDt":    "|Dt DtCd",
	"TradDtls/SttlmDt/Dt": "|Dt DtTm",
	"FinInstrmId":         "ISIN OthrId* Desc",
	"FinInstrmId/OthrId":  "Id! Sfx Tp!",
	// A type is a code or a word of the sender.
	"FinInstrmId/OthrId/Tp":       "|Cd Prtry",
	"QtyAndAcctDtls":              "SttlmQty! DnmtnChc AcctOwnr SfkpgAcct BlckChainAdrOrWllt CshAcct SfkpgPlc QtyBrkdwn*",
	"QtyAndAcctDtls/SttlmQty":     "|Qty OrgnlAndCurFace",
	"QtyAndAcctDtls/SttlmQty/Qty": "|Unit FaceAmt AmtsdVal DgtlTknUnit",
	"QtyAndAcctDtls/SfkpgAcct":    safekeepingAccount,
	"SttlmParams": "HldInd Prty SctiesTxTp! SttlmTxCond* PrtlSttlmInd BnfclOwnrsh BlckTrad CCPElgblty DlvryRtrRsn CshClrSys XpsrTp FxStgInstr " +
		"MktClntSd NetgElgblty Regn RpTp LglRstrctns SctiesRTGS SttlgCpcty SttlmSysMtd TaxCpcty StmpDtyTaxBsis Trckg AutomtcBrrwg LttrOfGrnt " +
		"RtrLeg ModCxlAllwd ElgblForColl DlvrgSctiesSubBalTp RcvgSctiesSubBalTp CshSubBalTp",
	"SttlmParams/HldInd":     "Ind! Rsn*",
	"SttlmParams/SctiesTxTp": "|Cd Prtry",
	"SttlmAmt":               "AcrdIntrstInd StmpDtyInd BrkrgAmtInd RsrchFeeInd Amt! CdtDbtInd! OrgnlCcyAndOrdrdAmt FXDtls ValDt",
}, part{"DlvrgSttlmPties", partiesTable}, part{"RcvgSttlmPties", partiesTable})

const instructionElement = "SctiesSttlmTxInstr"

// ParseInstruction reads a sese.023 message, alone or in an envelope beside a
// business application header. The error is an [*Error].
func ParseInstruction(data []byte) (*Instruction, error) {
	d, failure := readDocument(data, instructionVersions)
	if failure != nil {
		return nil, failure
	}
	in, failure := d.instruction()
	if failure != nil {
		return nil, failure
	}
	return in, nil
}

func (d document) instruction() (*Instruction, *Error) {
	message, failure := d.message(instructionElement, instructionSchema)
	if failure != nil {
		return nil, failure
	}
	r := &reader{}
	in := r.instruction(message)
	if r.failure != nil {
		return nil, r.failure
	}
	in.Header, in.Version, in.Ignored = d.header, d.version, message.ignored(nil)
	return in, nil
}

func (r *reader) instruction(m *element) *Instruction {
	kind, trade, details, params := m.child("SttlmTpAndAddtlParams"), m.child("TradDtls"), m.child("QtyAndAcctDtls"), m.child("SttlmParams")
	in := &Instruction{
		Reference:       r.text(m.child("TxId"), 35),
		CommonReference: r.text(kind.child("CmonId"), 35),
		Transaction: Transaction{
			Movement:   code(r, kind.child("SctiesMvmntTp"), Deliver, Receive),
			Payment:    code(r, kind.child("Pmt"), FreeOfPayment, AgainstPayment),
			Instrument: r.instrument(m.child("FinInstrmId")),
			Type:       r.pattern(params.find("SctiesTxTp", "Cd"), codePattern, "a code of up to 4 capital letters and digits"),
			Partial: code(r, params.child("PrtlSttlmInd"),
				PartialAllowed, PartialNotAllowed, PartialMinimumCash, PartialMinimumQuantity),
			Amount:     r.amount(m.child("SttlmAmt")),
			Delivering: r.parties(m.child("DlvrgSttlmPties")),
			Receiving:  r.parties(m.child("RcvgSttlmPties")),
		},
		Hold: r.boolean(params.find("HldInd", "Ind")),
	}
	in.TradeDate = r.statedDate(trade.child("TradDt"))
	in.SettlementDate = r.statedDate(trade.child("SttlmDt"))
	in.Quantity = r.settlementQuantity(details.child("SttlmQty"))
	in.AccountID = r.accountID(details)
	if in.Payment == AgainstPayment && in.Amount == nil && r.failure == nil {
		r.failure = &Error{Path: m.path() + "/SttlmAmt", Message: "is missing; an instruction against payment (APMT) needs it"}
	}
	r.links(in, m)
	return in
}

// statedDate reads a date that may be a code instead, which says no day.
func (r *reader) statedDate(e *element) Date {
	if dateCode := e.child("DtCd"); dateCode != nil {
		r.fail(dateCode, "is not supported; the date must be given as Dt")
	}
	return r.dateChoice(e.child("Dt"))
}

func (r *reader) settlementQuantity(e *element) Quantity {
	if faces := e.child("OrgnlAndCurFace"); faces != nil {
		r.fail(faces, "is not supported; the quantity must be given as Qty")
	}
	return r.quantity(e.child("Qty"))
}

func (r *reader) accountID(details *element) string {
	account := details.child("SfkpgAcct")
	if account == nil && r.failure == nil {
		r.failure = &Error{Path: details.path() + "/SfkpgAcct", Message: "is missing; the account that is to be debited or credited must be named"}
	}
	return r.text(account.child("Id"), 35)
}

func (r *reader) links(in *Instruction, m *element) {
	for _, e := range m.children {
		if e.name.Local != "Lnkgs" {
			continue
		}
		e.used = true
		if len(in.Links) == MaxLinks {
			r.fail(e, "is one too many; at most %d links are allowed", MaxLinks)
			return
		}
		link := Link{Position: LinkInform}
		if position := e.child("PrcgPos"); position != nil {
			if word := position.child("Prtry"); word != nil {
				r.fail(word, "is not supported; the position must be given as Cd")
			}
			link.Position = code(r, position.child("Cd"), LinkAfter, LinkBefore, LinkWith, LinkInform)
		}
		ref := e.child("Ref")
		link.Reference = r.text(ref.child("SctiesSttlmTxId"), 35)
		link.ServicerReference = r.text(ref.child("AcctSvcrTxId"), 35)
		if link.Reference == "" && link.ServicerReference == "" {
			r.fail(ref, "names no instruction; SctiesSttlmTxId or AcctSvcrTxId is needed")
		}
		in.Links = append(in.Links, link)
	}
}
