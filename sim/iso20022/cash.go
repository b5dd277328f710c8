package iso20022

import (
	"strconv"
	"time"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/money"
)

// BankTransactionCode classifies an entry by ISO's three levels, or by a code
// of the custodian's own. Exactly one of Domain and Proprietary is set; Domain
// needs Family and SubFamily.
type BankTransactionCode struct {
	// Domain, Family and SubFamily have up to 4 capital letters and digits.
	Domain, Family, SubFamily string
	// Proprietary is at most 35 characters.
	Proprietary string
}

// CodeSecuritiesTrade is the cash side of the settlement of a trade.
var CodeSecuritiesTrade = BankTransactionCode{Domain: "SECU", Family: "SETT", SubFamily: "TRAD"}

// EntryStatus says whether an entry counts in the balances
// (ExternalEntryStatus1Code).
type EntryStatus string

// The statuses of entries.
const (
	// EntryBooked counts in the booked balances.
	EntryBooked EntryStatus = "BOOK"
	// EntryPending does not count yet.
	EntryPending EntryStatus = "PDNG"
	// EntryInformation never counts.
	EntryInformation EntryStatus = "INFO"
)

// CashEntry is a movement on a cash account.
type CashEntry struct {
	// Reference numbers the entry (NtryRef), at most 35 characters. It may be
	// empty.
	Reference string
	// Amount is positive for a credit and negative for a debit.
	Amount money.Amount
	// Reversal marks an entry that takes back an earlier one.
	Reversal bool
	Status   EntryStatus
	// BookingDate and ValueDate may be zero.
	BookingDate, ValueDate Date
	// ServicerReference is the custodian's reference (AcctSvcrRef), at most 35
	// characters. It may be empty.
	ServicerReference string
	Code              BankTransactionCode
	// OwnerReference is that of the instruction behind the entry
	// (NtryDtls/TxDtls/Refs/AcctOwnrTxId), at most 35 characters. It may be
	// empty.
	OwnerReference string
	// Text is at most 500 characters, and may be empty.
	Text string
}

// CashStatement is one page of a BankToCustomerStatement (camt.053): the
// balances of a cash account and what moved between them. Amounts have 18
// digits, of which 5 after the point, and a currency of three capital letters:
// a crypto-asset that needs more is reported as a holding instead.
type CashStatement struct {
	// MessageID is at most 35 characters.
	MessageID string
	// CreatedAt is the time of the message. It is written in UTC.
	CreatedAt time.Time
	Page      Page
	// StatementID is at most 35 characters and the same on all pages.
	StatementID string
	// Sequence numbers the statements of an account (ElctrncSeqNb); 0 leaves
	// it out.
	Sequence int64
	// From and To are the ends of the period. They are written in UTC.
	From, To time.Time
	// AccountID is at most 34 characters.
	AccountID string
	// Currency is that of the account and of all amounts.
	Currency string
	// AccountName and OwnerName are at most 70 and 140 characters. They may be
	// empty.
	AccountName, OwnerName string
	// ServicerBIC is the custodian's; it may be empty.
	ServicerBIC string
	// Opening and Closing are the booked balances at the ends of the page.
	// They may be negative. Booked entries must lead from one to the other.
	Opening, Closing money.Amount
	// OpeningDate and ClosingDate are the days of the balances.
	OpeningDate, ClosingDate Date
	// Available is the closing balance that can be used; nil leaves it out.
	Available *money.Amount
	// Entries are at most [MaxPageEntries].
	Entries []CashEntry
	// Text is at most 500 characters, and may be empty.
	Text string
}

// XML writes the page as a document of [VersionCash]. The error is an [*Error].
func (s *CashStatement) XML() ([]byte, error) {
	return write(VersionCash, "BkToCstmrStmt", func(w *writer) {
		w.element("GrpHdr", func() {
			w.text("MsgId", s.MessageID, 35)
			w.dateTime("CreDtTm", s.CreatedAt)
			w.page("MsgPgntn", s.Page)
		})
		w.element("Stmt", func() { w.statement(s) })
	})
}

func (w *writer) statement(s *CashStatement) {
	w.text("Id", s.StatementID, 35)
	w.page("StmtPgntn", s.Page)
	if s.Sequence != 0 {
		if s.Sequence < 0 || s.Sequence > 999_999_999_999_999_999 {
			w.fail("ElctrncSeqNb", "is %d; allowed are 1 to 18 digits", s.Sequence)
		}
		w.leaf("ElctrncSeqNb", strconv.FormatInt(s.Sequence, 10))
	}
	w.dateTime("CreDtTm", s.CreatedAt)
	w.element("FrToDt", func() { w.period(s.From, s.To) })
	w.cashAccount(s)
	// A balance at the edge of a page inside the statement is intermediate.
	w.repeated("Bal", 0, func() { w.balance("OPBD", s.Page.Number > 1, s.Currency, s.Opening, s.OpeningDate) })
	w.repeated("Bal", 1, func() { w.balance("CLBD", !s.Page.Last, s.Currency, s.Closing, s.ClosingDate) })
	if s.Available != nil {
		w.repeated("Bal", 2, func() { w.balance("CLAV", !s.Page.Last, s.Currency, *s.Available, s.ClosingDate) })
	}
	w.checkSum(s)
	w.bounded("Ntry", len(s.Entries))
	for i := range s.Entries {
		w.repeated("Ntry", i, func() { w.entry(s.Currency, &s.Entries[i]) })
	}
	w.optional("AddtlStmtInf", s.Text, 500)
}

func (w *writer) cashAccount(s *CashStatement) {
	w.element("Acct", func() {
		w.nested([]string{"Id", "Othr"}, func() { w.text("Id", s.AccountID, 34) })
		w.pattern("Ccy", s.Currency, currencyPattern, "a currency of three capital letters")
		w.optional("Nm", s.AccountName, 70)
		if s.OwnerName != "" {
			w.element("Ownr", func() { w.text("Nm", s.OwnerName, 140) })
		}
		if s.ServicerBIC != "" {
			w.nested([]string{"Svcr", "FinInstnId"}, func() {
				w.pattern("BICFI", s.ServicerBIC, bicPattern, "a BIC of 8 or 11 capital letters and digits")
			})
		}
	})
}

// checkSum refuses balances that the booked entries do not explain.
func (w *writer) checkSum(s *CashStatement) {
	sum := s.Opening
	for i := range s.Entries {
		if s.Entries[i].Status == EntryBooked {
			sum = sum.Add(s.Entries[i].Amount)
		}
	}
	if !sum.Equal(s.Closing) {
		w.fail("Bal[2]", "is %s; the opening balance and the booked entries make %s", s.Closing, sum)
	}
}

func (w *writer) balance(kind string, intermediate bool, currency string, value money.Amount, day Date) {
	w.element("Tp", func() {
		w.element("CdOrPrtry", func() { w.leaf("Cd", kind) })
		if intermediate {
			w.element("SubTp", func() { w.leaf("Cd", "INTM") })
		}
	})
	w.signed(currency, value)
	w.element("Dt", func() { w.date("Dt", day) })
}

// signed writes an amount and its direction.
func (w *writer) signed(currency string, value money.Amount) {
	absolute, way := direction(value)
	w.cash(currency, absolute)
	w.leaf("CdtDbtInd", string(way))
}

func (w *writer) entry(currency string, e *CashEntry) {
	w.optional("NtryRef", e.Reference, 35)
	w.signed(currency, e.Amount)
	if e.Reversal {
		w.boolean("RvslInd", true)
	}
	w.element("Sts", func() { oneOf(w, "Cd", e.Status, EntryBooked, EntryPending, EntryInformation) })
	if !e.BookingDate.IsZero() {
		w.element("BookgDt", func() { w.date("Dt", e.BookingDate) })
	}
	if !e.ValueDate.IsZero() {
		w.element("ValDt", func() { w.date("Dt", e.ValueDate) })
	}
	w.optional("AcctSvcrRef", e.ServicerReference, 35)
	w.element("BkTxCd", func() { w.bankTransactionCode(e.Code) })
	if e.OwnerReference != "" {
		w.nested([]string{"NtryDtls", "TxDtls", "Refs"}, func() { w.text("AcctOwnrTxId", e.OwnerReference, 35) })
	}
	w.optional("AddtlNtryInf", e.Text, 500)
}

func (w *writer) bankTransactionCode(c BankTransactionCode) {
	const what = "a code of up to 4 capital letters and digits"
	if (c.Domain == "") == (c.Proprietary == "") {
		w.fail("", "needs exactly one of ISO's domain and a proprietary code")
		return
	}
	if c.Proprietary != "" {
		w.element("Prtry", func() { w.text("Cd", c.Proprietary, 35) })
		return
	}
	w.element("Domn", func() {
		w.pattern("Cd", c.Domain, codePattern, what)
		w.element("Fmly", func() {
			w.pattern("Cd", c.Family, codePattern, what)
			w.pattern("SubFmlyCd", c.SubFamily, codePattern, what)
		})
	})
}
