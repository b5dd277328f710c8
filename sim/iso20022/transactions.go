package iso20022

import "time"

// Activity is what kind of business moved securities (TransactionActivity1Code).
type Activity string

// The activities.
const (
	ActivitySettlement      Activity = "SETT"
	ActivityCorporateAction Activity = "CORP"
	ActivityMarketClaim     Activity = "CLAI"
	ActivityCollateral      Activity = "COLL"
	ActivityLending         Activity = "BOLE"
)

// PostedTransaction is one movement on an account.
type PostedTransaction struct {
	// Reference is the owner's reference (AcctOwnrTxId), at most 35
	// characters. A movement without one is referenced as NONREF.
	Reference string
	// ServicerReference is the custodian's reference (AcctSvcrTxId), at most
	// 35 characters: a UUID fits only without its hyphens. It may be empty.
	ServicerReference string
	// CorporateActionID is at most 35 characters. It may be empty.
	CorporateActionID string
	Activity          Activity
	Movement          Movement
	Payment           Payment
	// Quantity is what moved, without a sign; Movement tells the direction.
	Quantity Quantity
	// Amount is the cash that moved with it; nil where none did.
	Amount *Amount
	// TradeDate and SettlementDate may be zero.
	TradeDate, SettlementDate Date
	// EffectiveAt is when it moved. It is written in UTC.
	EffectiveAt time.Time
	// Delivering and Receiving may be nil.
	Delivering, Receiving *Parties
	// Reversal marks a movement that takes back an earlier one.
	Reversal bool
	// Text is at most 350 characters, and may be empty.
	Text string
}

// InstrumentTransactions are the movements in one instrument.
type InstrumentTransactions struct {
	Instrument Instrument
	// Opening and Closing are the positions at the ends of the period, or of
	// the page where Intermediate is set. They are negative for short ones;
	// nil leaves them out.
	Opening, Closing *Quantity
	// OpeningIntermediate and ClosingIntermediate mark the position at the
	// start and at the end of a page inside the period.
	OpeningIntermediate, ClosingIntermediate bool
	// Transactions must not be empty.
	Transactions []PostedTransaction
}

// TransactionsStatement is one page of a SecuritiesTransactionPostingReport
// (semt.017): what moved on an account during a period.
type TransactionsStatement struct {
	StatementDetails
	// From and To are the ends of the period. They are written in UTC.
	From, To time.Time
	// Instruments with their transactions are at most [MaxPageEntries].
	Instruments []InstrumentTransactions
}

// NoReference stands for the owner's reference where there is none.
const NoReference = "NONREF"

// XML writes the page as a document of [VersionTransactions]. The error is an
// [*Error].
func (s *TransactionsStatement) XML() ([]byte, error) {
	return write(VersionTransactions, "SctiesTxPstngRpt", func(w *writer) {
		w.page("Pgntn", s.Page)
		w.statementDetails(&s.StatementDetails, len(s.Instruments) > 0, func() {
			w.nested([]string{"StmtPrd", "FrDtTmToDtTm"}, func() { w.period(s.From, s.To) })
		})
		w.owner(s.Owner)
		w.account(s.AccountID)
		count := 0
		for i := range s.Instruments {
			count += len(s.Instruments[i].Transactions)
		}
		w.bounded("FinInstrmDtls", max(count, len(s.Instruments)))
		for i := range s.Instruments {
			w.repeated("FinInstrmDtls", i, func() { w.instrumentTransactions(&s.Instruments[i]) })
		}
	})
}

// period writes the two ends of a period, which must be in order.
func (w *writer) period(from, to time.Time) {
	w.dateTime("FrDtTm", from)
	if to.Before(from) {
		w.fail("ToDtTm", "is %s, before the start of the period", to.UTC().Format(time.RFC3339))
	}
	w.dateTime("ToDtTm", to)
}

func (w *writer) instrumentTransactions(t *InstrumentTransactions) {
	w.instrument(t.Instrument)
	w.endOfPeriod("OpngBal", "Frst", t.Opening, t.OpeningIntermediate)
	w.endOfPeriod("ClsgBal", "Fnl", t.Closing, t.ClosingIntermediate)
	if len(t.Transactions) == 0 {
		w.fail("Tx", "is missing; an instrument is listed only where something moved")
	}
	for i := range t.Transactions {
		w.repeated("Tx", i, func() { w.posted(&t.Transactions[i]) })
	}
}

// endOfPeriod writes an opening or closing position; proper is the name of the
// one that ends a period rather than a page.
func (w *writer) endOfPeriod(name, proper string, q *Quantity, intermediate bool) {
	if q == nil {
		return
	}
	if intermediate {
		proper = "Intrmy"
	}
	w.element(name, func() {
		absolute := w.position(*q)
		w.nested([]string{name, proper, "Qty"}, func() { w.quantity(absolute) })
	})
}

func (w *writer) posted(t *PostedTransaction) {
	reference := t.Reference
	if reference == "" {
		reference = NoReference
	}
	w.text("AcctOwnrTxId", reference, 35)
	w.optional("AcctSvcrTxId", t.ServicerReference, 35)
	w.optional("CorpActnEvtId", t.CorporateActionID, 35)
	w.element("TxDtls", func() {
		w.element("TxActvty", func() {
			oneOf(w, "Cd", t.Activity, ActivitySettlement, ActivityCorporateAction, ActivityMarketClaim, ActivityCollateral, ActivityLending)
		})
		w.movement(t.Movement, t.Payment)
		w.nested([]string{"PstngQty", "Qty"}, func() { w.positiveQuantity(t.Quantity) })
		if t.Amount != nil {
			w.element("PstngAmt", func() {
				w.cash(t.Amount.Currency, t.Amount.Value)
				oneOf(w, "CdtDbt", t.Amount.Direction, Credit, Debit)
			})
		}
		if !t.TradeDate.IsZero() {
			w.statedDate("TradDt", t.TradeDate)
		}
		w.element("FctvSttlmDt", func() { w.dateTime("DtTm", t.EffectiveAt) })
		if !t.SettlementDate.IsZero() {
			w.statedDate("SttlmDt", t.SettlementDate)
		}
		w.parties("DlvrgSttlmPties", t.Delivering)
		w.parties("RcvgSttlmPties", t.Receiving)
		if t.Reversal {
			w.boolean("RvslInd", true)
		}
		w.optional("TxAddtlDtls", t.Text, 350)
	})
}
