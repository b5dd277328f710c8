package iso20022

// PartialSettlement marks the confirmation of a part (PartialSettlement2Code).
// The zero value is a settlement in full, or its last part.
type PartialSettlement string

// The kinds of parts.
const (
	// PartRemaining: a part has settled and the rest remains.
	PartRemaining PartialSettlement = "PAIN"
	// PartFinal: a part has settled and the rest will not.
	PartFinal PartialSettlement = "PARC"
)

// Confirmation is a SecuritiesSettlementTransactionConfirmation (sese.025): the
// custodian confirms that an instruction, or a part of it, has settled.
type Confirmation struct {
	// Reference is the owner's reference of the instruction (AcctOwnrTxId),
	// at most 35 characters.
	Reference string
	// ServicerReference is the custodian's reference (AcctSvcrTxId), at most
	// 35 characters: a UUID fits only without its hyphens. It may be empty.
	ServicerReference string
	// CommonReference is the one that both sides agreed on (CmonId), at most
	// 35 characters. It may be empty.
	CommonReference string
	// Transaction holds what has settled this time: Quantity is the settled
	// quantity, Amount the settled amount.
	Transaction
	// EffectiveDate is the day on which it settled.
	EffectiveDate Date
	// PartialSettlement is set where a part has settled; PartRemaining needs
	// Remaining.
	PartialSettlement PartialSettlement
	// PreviousPart is the reference of the confirmation before (PrvsPrtlConfId),
	// at most 35 characters. It may be empty.
	PreviousPart string
	// PreviouslySettled is what earlier parts have settled and Remaining what
	// is still to settle. Each may be nil.
	PreviouslySettled, Remaining *Quantity
	// PreviouslySettledAmount and RemainingAmount are the cash of the same.
	// Each may be nil.
	PreviouslySettledAmount, RemainingAmount *Amount
}

// XML writes the confirmation as a document of [VersionConfirmation]. The error
// is an [*Error].
func (c *Confirmation) XML() ([]byte, error) {
	return write(VersionConfirmation, "SctiesSttlmTxConf", func(w *writer) {
		w.element("TxIdDtls", func() {
			w.text("AcctOwnrTxId", c.Reference, 35)
			w.optional("AcctSvcrTxId", c.ServicerReference, 35)
			w.movement(c.Movement, c.Payment)
			w.optional("CmonId", c.CommonReference, 35)
		})
		if c.PartialSettlement != "" || c.PreviousPart != "" {
			w.element("AddtlParams", func() {
				if c.PartialSettlement != "" {
					oneOf(w, "PrtlSttlm", c.PartialSettlement, PartRemaining, PartFinal)
				}
				w.optional("PrvsPrtlConfId", c.PreviousPart, 35)
			})
		}
		w.element("TradDtls", func() {
			if !c.TradeDate.IsZero() {
				w.statedDate("TradDt", c.TradeDate)
			}
			if !c.SettlementDate.IsZero() {
				w.statedDate("SttlmDt", c.SettlementDate)
			}
			w.statedDate("FctvSttlmDt", c.EffectiveDate)
		})
		w.instrument(c.Instrument)
		w.element("QtyAndAcctDtls", func() { w.settled(c) })
		w.element("SttlmParams", func() {
			w.transactionType(c.Type)
			w.partial(c.Partial)
		})
		w.parties("DlvrgSttlmPties", c.Delivering)
		w.parties("RcvgSttlmPties", c.Receiving)
		if c.Payment == AgainstPayment && c.Amount == nil {
			w.fail("SttldAmt", "is missing; a settlement against payment (APMT) needs it")
		}
		w.amount("SttldAmt", c.Amount)
	})
}

func (w *writer) settled(c *Confirmation) {
	w.nested([]string{"SttldQty", "Qty"}, func() { w.positiveQuantity(c.Quantity) })
	if c.PreviouslySettled != nil {
		w.element("PrevslySttldQty", func() { w.quantity(*c.PreviouslySettled) })
	}
	if c.PartialSettlement == PartRemaining && (c.Remaining == nil || c.Remaining.Value.IsZero()) {
		w.fail("RmngToBeSttldQty", "is missing or 0; a part of which more remains (PAIN) needs it")
	}
	if c.Remaining != nil {
		w.element("RmngToBeSttldQty", func() { w.quantity(*c.Remaining) })
	}
	w.amount("PrevslySttldAmt", c.PreviouslySettledAmount)
	w.amount("RmngToBeSttldAmt", c.RemainingAmount)
	w.account(c.AccountID)
}
