package iso20022

import (
	"fmt"
	"strconv"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/money"
)

// MaxPageEntries is how many holdings, transactions or entries one page of a
// statement may have. A longer statement goes over several pages.
const MaxPageEntries = 10_000

// Page is the place of a message in a statement that goes over several.
type Page struct {
	// Number counts from 1 to 99999.
	Number int
	// Last marks the last page.
	Last bool
}

// Frequency is how often a statement is made (EventFrequency4Code).
type Frequency string

// The frequencies.
const (
	AdHoc    Frequency = "ADHO"
	Intraday Frequency = "INDA"
	Daily    Frequency = "DAIL"
	Weekly   Frequency = "WEEK"
	Monthly  Frequency = "MNTH"
	Yearly   Frequency = "YEAR"
)

// Basis is which events a statement counts (StatementBasis2Code).
type Basis string

// The bases.
const (
	// SettlementBasis counts what has settled.
	SettlementBasis Basis = "SETT"
	// TradeBasis counts what has been traded.
	TradeBasis Basis = "TRAD"
)

// StatementDetails are what statements of securities have in common.
type StatementDetails struct {
	Page Page
	// ReportNumber counts the statements, from 1 to 99999; 0 leaves it out.
	ReportNumber int
	// QueryReference is that of the request that is answered, at most 35
	// characters. It may be empty.
	QueryReference string
	// StatementID is at most 35 characters. It may be empty.
	StatementID string
	Frequency   Frequency
	Basis       Basis
	// Owner is the owner of the account, known by a BIC or a proprietary
	// identification; zero leaves it out.
	Owner Party
	// AccountID is the safekeeping account, at most 35 characters.
	AccountID string
}

func (w *writer) page(name string, p Page) {
	w.element(name, func() {
		if p.Number < 1 || p.Number > 99999 {
			w.fail("PgNb", "is %d; allowed are 1 to 99999", p.Number)
		}
		w.leaf("PgNb", strconv.Itoa(p.Number))
		w.boolean("LastPgInd", p.Last)
	})
}

// statementDetails writes the general details around the element that tells the
// time or the period.
func (w *writer) statementDetails(d *StatementDetails, active bool, when func()) {
	w.element("StmtGnlDtls", func() {
		if d.ReportNumber != 0 {
			if d.ReportNumber < 1 || d.ReportNumber > 99999 {
				w.fail("RptNb", "is %d; allowed are 1 to 99999", d.ReportNumber)
			}
			w.element("RptNb", func() { w.leaf("Lng", fmt.Sprintf("%05d", d.ReportNumber)) })
		}
		w.optional("QryRef", d.QueryReference, 35)
		w.optional("StmtId", d.StatementID, 35)
		when()
		w.element("Frqcy", func() { oneOf(w, "Cd", d.Frequency, AdHoc, Intraday, Daily, Weekly, Monthly, Yearly) })
		w.element("UpdTp", func() { w.leaf("Cd", "COMP") }) // never a delta to an earlier statement
		w.element("StmtBsis", func() { oneOf(w, "Cd", d.Basis, SettlementBasis, TradeBasis) })
		w.boolean("ActvtyInd", active)
		w.boolean("SubAcctInd", false)
	})
}

// owner writes the owner of the account.
func (w *writer) owner(p Party) {
	if p.IsZero() {
		return
	}
	w.element("AcctOwnr", func() {
		if p.Name != "" {
			w.fail("Id", "is a name; a BIC or a proprietary identification is needed")
		}
		w.partyID(p)
	})
}

// position writes the direction of a quantity that may be negative and returns
// the quantity without its sign.
func (w *writer) position(q Quantity) Quantity {
	if q.Value.Sign() < 0 {
		w.leaf("ShrtLngInd", "SHOR")
		return Quantity{Kind: q.Kind, Value: q.Value.Neg()}
	}
	w.leaf("ShrtLngInd", "LONG")
	return q
}

// bounded refuses a page with too many entries.
func (w *writer) bounded(name string, entries int) {
	if entries > MaxPageEntries {
		w.fail(name, "occurs %d times; a page may have at most %d", entries, MaxPageEntries)
	}
}

// direction splits an amount that may be negative.
func direction(value money.Amount) (money.Amount, CreditDebit) {
	if value.Sign() < 0 {
		return value.Neg(), Debit
	}
	return value, Credit
}
