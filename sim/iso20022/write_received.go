package iso20022

// XML writes the instruction as a document of [VersionInstruction], as the
// owner of an account would send it. Header, Version and Ignored are left out.
// The error is an [*Error].
func (in *Instruction) XML() ([]byte, error) {
	return write(VersionInstruction, instructionElement, func(w *writer) {
		w.text("TxId", in.Reference, 35)
		w.element("SttlmTpAndAddtlParams", func() {
			w.movement(in.Movement, in.Payment)
			w.optional("CmonId", in.CommonReference, 35)
		})
		if len(in.Links) > MaxLinks {
			w.fail("Lnkgs", "occurs %d times; at most %d are allowed", len(in.Links), MaxLinks)
		}
		for i, link := range in.Links {
			w.repeated("Lnkgs", i, func() { w.link(link) })
		}
		w.element("TradDtls", func() {
			if !in.TradeDate.IsZero() {
				w.statedDate("TradDt", in.TradeDate)
			}
			w.statedDate("SttlmDt", in.SettlementDate)
		})
		w.instrument(in.Instrument)
		w.element("QtyAndAcctDtls", func() {
			w.nested([]string{"SttlmQty", "Qty"}, func() { w.positiveQuantity(in.Quantity) })
			w.account(in.AccountID)
		})
		w.element("SttlmParams", func() {
			if in.Hold {
				w.element("HldInd", func() { w.boolean("Ind", true) })
			}
			w.transactionType(in.Type)
			w.partial(in.Partial)
		})
		w.parties("DlvrgSttlmPties", in.Delivering)
		w.parties("RcvgSttlmPties", in.Receiving)
		if in.Payment == AgainstPayment && in.Amount == nil {
			w.fail("SttlmAmt", "is missing; an instruction against payment (APMT) needs it")
		}
		w.amount("SttlmAmt", in.Amount)
	})
}

func (w *writer) link(link Link) {
	w.element("PrcgPos", func() {
		oneOf(w, "Cd", link.Position, LinkAfter, LinkBefore, LinkWith, LinkInform)
	})
	w.element("Ref", func() {
		switch {
		case (link.Reference == "") == (link.ServicerReference == ""):
			w.fail("", "needs exactly one of the owner's and the servicer's reference")
		case link.Reference != "":
			w.text("SctiesSttlmTxId", link.Reference, 35)
		default:
			w.text("AcctSvcrTxId", link.ServicerReference, 35)
		}
	})
}

// positiveQuantity writes a quantity that must be more than 0.
func (w *writer) positiveQuantity(q Quantity) {
	if q.Value.Sign() <= 0 {
		w.fail("", "is %s; a quantity must be more than 0", q.Value)
	}
	w.quantity(q)
}

// XML writes the request as a document of [VersionCancellationRequest], as the
// owner of an account would send it. Header, Version and Ignored are left out.
// The error is an [*Error].
func (c *CancellationRequest) XML() ([]byte, error) {
	return write(VersionCancellationRequest, cancellationElement, func(w *writer) {
		w.nested([]string{"AcctOwnrTxId", "SctiesSttlmTxId"}, func() {
			w.text("TxId", c.Reference, 35)
			w.movement(c.Movement, c.Payment)
		})
		w.optional("AcctSvcrTxId", c.ServicerReference, 35)
		if c.AccountID != "" {
			w.account(c.AccountID)
		}
		if c.ReasonCode != "" {
			w.nested([]string{"CxlRsn", "Cd"}, func() {
				w.pattern("Cd", c.ReasonCode, codePattern, "a code of up to 4 capital letters and digits")
			})
		}
	})
}
