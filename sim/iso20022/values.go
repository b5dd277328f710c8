package iso20022

import (
	"fmt"
	"time"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/money"
)

// Date is a calendar day. The zero value is no date.
type Date struct {
	Year  int
	Month time.Month
	Day   int
}

// DateOf returns the day of t in t's own location.
func DateOf(t time.Time) Date {
	year, month, day := t.Date()
	return Date{Year: year, Month: month, Day: day}
}

// ParseDate reads a day written as 2026-11-24.
func ParseDate(s string) (Date, error) {
	t, err := time.Parse(time.DateOnly, s)
	if err != nil {
		return Date{}, fmt.Errorf("%s is not a date; write it as 2026-11-24", show(s))
	}
	return DateOf(t), nil
}

// IsZero reports whether d is no date.
func (d Date) IsZero() bool { return d == Date{} }

// String returns the day as 2026-11-24.
func (d Date) String() string { return fmt.Sprintf("%04d-%02d-%02d", d.Year, int(d.Month), d.Day) }

// valid reports whether the day exists and has a year of four digits.
func (d Date) valid() bool {
	_, err := time.Parse(time.DateOnly, d.String())
	return err == nil
}

// Movement is the direction of securities, seen from the owner of the account
// (ReceiveDelivery1Code).
type Movement string

// The directions.
const (
	Deliver Movement = "DELI"
	Receive Movement = "RECE"
)

// Payment says whether cash moves against the securities
// (DeliveryReceiptType2Code).
type Payment string

// The kinds of payment.
const (
	FreeOfPayment  Payment = "FREE"
	AgainstPayment Payment = "APMT"
)

// CreditDebit is the direction of cash, seen from the owner of the account
// (CreditDebitCode).
type CreditDebit string

// The directions of cash.
const (
	Credit CreditDebit = "CRDT"
	Debit  CreditDebit = "DBIT"
)

// Partial says whether an instruction may settle in parts
// (SettlementTransactionCondition5Code). The zero value says nothing.
type Partial string

// The conditions of partial settlement. The minimum of the last two is static
// data of the custodian, not part of the message.
const (
	PartialAllowed         Partial = "PART"
	PartialNotAllowed      Partial = "NPAR"
	PartialMinimumCash     Partial = "PARC"
	PartialMinimumQuantity Partial = "PARQ"
)

// LinkPosition is the order of an instruction and one that it is linked to
// (ProcessingPosition3Code).
type LinkPosition string

// The positions: the instruction is to be processed after, before or together
// with the other one, or the link only informs.
const (
	LinkAfter  LinkPosition = "AFTE"
	LinkBefore LinkPosition = "BEFO"
	LinkWith   LinkPosition = "WITH"
	LinkInform LinkPosition = "INFO"
)

// QuantityKind is what a quantity counts (FinancialInstrumentQuantity33Choice).
// The kinds differ in how many digits the messages carry, see [Quantity].
type QuantityKind int

// The kinds of quantities.
const (
	// Units counts pieces, such as shares: element Unit.
	Units QuantityKind = iota
	// FaceAmount is the nominal amount of debt instruments: element FaceAmt.
	FaceAmount
	// AmortisedValue is the current nominal amount of debt instruments that
	// are repaid in parts: element AmtsdVal.
	AmortisedValue
	// DigitalTokens counts tokens of crypto-assets: element DgtlTknUnit.
	DigitalTokens
)

// decimals are the facets of a decimal type: all digits, digits after the
// point.
type decimals struct{ total, fraction int }

// The decimal types of the messages.
var (
	// cashDecimals is ActiveCurrencyAndAmount, and its like.
	cashDecimals = decimals{18, 5}
	// quantityElements name the elements and facets of the kinds of quantities.
	quantityElements = []struct {
		name string
		decimals
	}{
		Units:          {"Unit", decimals{18, 17}}, // DecimalNumber
		FaceAmount:     {"FaceAmt", decimals{18, 5}},
		AmortisedValue: {"AmtsdVal", decimals{18, 5}},
		DigitalTokens:  {"DgtlTknUnit", decimals{30, 29}}, // Max30DecimalNumber
	}
)

// Quantity is a quantity of a financial instrument. The messages carry 18
// digits, of which 17 after the point for Units and 5 for the two nominal
// amounts; DigitalTokens have 30 digits, of which 29 after the point (reading
// keeps to the 18 of [money.MaxDecimals]). The writers refuse more.
type Quantity struct {
	Kind  QuantityKind
	Value money.Amount
}

// Amount is an amount of cash with its direction. The messages carry 18
// digits, of which 5 after the point, and codes of currencies of three capital
// letters; the writers refuse more.
type Amount struct {
	Currency  string
	Value     money.Amount
	Direction CreditDebit
}

// Instrument identifies a financial instrument. At least one of ISIN and
// Symbol is set.
type Instrument struct {
	// ISIN is the number of ISO 6166.
	ISIN string
	// Symbol is another identification (OthrId/Id), at most 35 characters.
	Symbol string
	// SymbolType says what Symbol is (OthrId/Tp), in words of the sender or as
	// a code of ISO. It is written as a word of the sender (Prtry), [SymbolTypeDefault]
	// where it is empty.
	SymbolType string
	// Description is free text, at most 140 characters.
	Description string
}

// SymbolTypeDefault is written for a symbol whose type is not given.
const SymbolTypeDefault = "SYMBOL"

// Party is one party in a chain of settlement, known by exactly one of BIC,
// Name and ProprietaryID.
type Party struct {
	// BIC is the code of ISO 9362.
	BIC string
	// Name is at most 350 characters.
	Name string
	// ProprietaryID and its Issuer are at most 35 characters each.
	ProprietaryID, Issuer string
	// AccountID is the safekeeping account of the party, at most 35
	// characters. A depository has none.
	AccountID string
}

// IsZero reports whether the party is not known.
func (p Party) IsZero() bool { return p == Party{} }

// Parties is one side's chain of settlement, from the depository outwards.
type Parties struct {
	// Depository is the central securities depository.
	Depository Party
	// Party1 is the participant of the depository, Party2 its client.
	Party1, Party2 Party
}

// Transaction is what is to be settled, or was.
type Transaction struct {
	// AccountID is the safekeeping account, at most 35 characters.
	AccountID  string
	Instrument Instrument
	Movement   Movement
	Payment    Payment
	Quantity   Quantity
	// Amount is set for a transaction against payment, and may be otherwise.
	Amount *Amount
	// TradeDate may be zero.
	TradeDate Date
	// SettlementDate is the date that was agreed.
	SettlementDate Date
	// Type is the kind of transaction as a code of ISO, such as TRAD; empty
	// where a message names it in the sender's words. TRAD is written where
	// it is empty. Only the form of the code is checked, not that the code
	// set of the message has it.
	Type    string
	Partial Partial
	// Delivering and Receiving are the chains of the two sides; nil where the
	// message does not tell.
	Delivering, Receiving *Parties
}

// Counterparty returns the chain of the other side: the receiving one for a
// delivery and the delivering one for a receipt. It is nil where unknown.
func (t *Transaction) Counterparty() *Parties {
	if t.Movement == Deliver {
		return t.Receiving
	}
	return t.Delivering
}
