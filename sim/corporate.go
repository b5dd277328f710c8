package sim

import (
	"time"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/money"
)

// The event types of corporate actions.
const (
	EventCorporateAnnounced EventType = "corporate_action.announced"
	// EventCorporateEntitled: positions were recorded.
	EventCorporateEntitled EventType = "corporate_action.entitled"
	// EventCorporatePaid: a part of the entitlements, or the last of them, was paid.
	EventCorporatePaid      EventType = "corporate_action.paid"
	EventCorporateCancelled EventType = "corporate_action.cancelled"
)

// DocumentEntitlement is a part of a corporate action's entitlements, an
// [EntitlementPart] with id "<corporate action>#<number>".
const DocumentEntitlement DocumentKind = "entitlement"

// Bounds of corporate actions.
const (
	// MaxCorporateActions is how many are kept; finished ones make room for new ones.
	MaxCorporateActions = 256
	// entitlementsPerPart is how many accounts one event pays.
	entitlementsPerPart = 100
)

// CorporateActionType says what an issuer does.
type CorporateActionType string

// The types of corporate actions, with their ISO 20022 event codes.
const (
	CashDividend CorporateActionType = "CASH_DIVIDEND" // DVCA
	Split        CorporateActionType = "SPLIT"         // SPLF, or SPLR where the ratio is below one
	Coupon       CorporateActionType = "COUPON"        // INTR
	Redemption   CorporateActionType = "REDEMPTION"    // REDM
)

// CorporateActionTypes lists every type.
func CorporateActionTypes() []string {
	return []string{string(CashDividend), string(Split), string(Coupon), string(Redemption)}
}

// How an amount that the minor unit has no room for is rounded.
const (
	RoundingDown     = "DOWN"
	RoundingHalfUp   = "HALF_UP"
	RoundingHalfEven = "HALF_EVEN"
)

// What becomes of the fraction of a unit that a split leaves over.
const (
	// FractionsDropped: it is given up, and the entitlement says how much.
	FractionsDropped = "DROP"
	// FractionsPaid: it is paid in cash, at the stated price per unit.
	FractionsPaid = "PAY"
)

// AnnounceCorporateAction announces a corporate action. The result is its
// document, see [Document.CorporateAction].
type AnnounceCorporateAction struct {
	// ID is the caller's name for it, unique among those that are kept.
	ID     string
	Type   CorporateActionType
	Symbol string
	// RecordDate is the day, YYYY-MM-DD in UTC, at whose end positions entitle.
	// PaymentDate is the later day at whose beginning they are paid.
	RecordDate, PaymentDate string
	// Rate is the cash per unit, of everything but a split.
	Rate money.Amount
	// Currency is what the cash is in, and what fractions are paid in.
	Currency string
	// NewUnits for each OldUnits are what a split makes.
	NewUnits, OldUnits money.Amount
	// Rounding of cash to the currency's minor unit: DOWN (also if empty),
	// HALF_UP or HALF_EVEN. Units are always rounded down.
	Rounding string
	// Fractions of a split: DROP (also if empty), or PAY at FractionPrice per new unit.
	Fractions     string
	FractionPrice money.Amount
}

// CancelCorporateAction cancels a corporate action before the end of its record
// date. It is refused with [CodeNotFound] or [CodeWrongState].
type CancelCorporateAction struct{ ID string }

// CorporateActionStatus says how far a corporate action has come.
type CorporateActionStatus string

// The statuses of corporate actions.
const (
	CorporateAnnounced CorporateActionStatus = "ANNOUNCED"
	// CorporateEntitled: positions are recorded, payment is to come.
	CorporateEntitled CorporateActionStatus = "ENTITLED"
	// CorporatePaying: a part is paid. It lasts for no instance time.
	CorporatePaying    CorporateActionStatus = "PAYING"
	CorporatePaid      CorporateActionStatus = "PAID"
	CorporateCancelled CorporateActionStatus = "CANCELLED"
)

// Final reports whether nothing can change any more.
func (s CorporateActionStatus) Final() bool { return s == CorporatePaid || s == CorporateCancelled }

// CorporateAction is a corporate action and how far it has come.
type CorporateAction struct {
	ID   string              `json:"id"`
	Type CorporateActionType `json:"type"`
	// Code is the ISO 20022 event code.
	Code          string                `json:"code"`
	Symbol        string                `json:"symbol"`
	Status        CorporateActionStatus `json:"status"`
	RecordDate    string                `json:"record_date"`
	PaymentDate   string                `json:"payment_date"`
	Rate          money.Amount          `json:"rate,omitzero"`
	Currency      string                `json:"currency,omitempty"`
	NewUnits      money.Amount          `json:"new_units,omitzero"`
	OldUnits      money.Amount          `json:"old_units,omitzero"`
	Rounding      string                `json:"rounding,omitempty"`
	Fractions     string                `json:"fractions,omitempty"`
	FractionPrice money.Amount          `json:"fraction_price,omitzero"`
	AnnouncedAt   time.Time             `json:"announced_at"`
	EntitledAt    time.Time             `json:"entitled_at,omitzero"`
	CompletedAt   time.Time             `json:"completed_at,omitzero"`

	// Accounts is how many are entitled, Parts in how many documents they are
	// listed, PaidParts how many of those are paid.
	Accounts  int `json:"accounts"`
	Parts     int `json:"parts"`
	PaidParts int `json:"paid_parts"`
	// Entitled is the sum of recorded positions. CashPaid is the cash that was
	// paid, UnitsChange the units that came (below zero: went), Dropped the units
	// given up as fractions, Short the units that could not be taken because
	// instructions had reserved them.
	Entitled    Sum `json:"entitled,omitzero"`
	CashPaid    Sum `json:"cash_paid,omitzero"`
	UnitsChange Sum `json:"units_change,omitzero"`
	Dropped     Sum `json:"dropped,omitzero"`
	Short       Sum `json:"short,omitzero"`
}

// Entitlement is what one account gets from a corporate action.
type Entitlement struct {
	AccountID string `json:"account_id"`
	// Quantity is the position that entitles: what the account has, and what is on
	// its way out.
	Quantity Sum `json:"quantity"`
	// Cash, Units, Dropped and Short are as in [CorporateAction], once paid.
	Cash    Sum `json:"cash,omitzero"`
	Units   Sum `json:"units,omitzero"`
	Dropped Sum `json:"dropped,omitzero"`
	Short   Sum `json:"short,omitzero"`
}

// EntitlementPart is a part of a corporate action's entitlements, by account.
type EntitlementPart struct {
	CorporateAction string        `json:"corporate_action"`
	Part            int           `json:"part"`
	Paid            bool          `json:"paid"`
	Entitlements    []Entitlement `json:"entitlements"`
}

// CorporateAction returns the corporate action that a [DocumentCorporateAction]
// holds. Its error wraps [ErrBrokenInvariant].
func (v *Document) CorporateAction() (*CorporateAction, error) { return valueOf[*CorporateAction](v) }

// Entitlements returns what a [DocumentEntitlement] holds. Its error wraps
// [ErrBrokenInvariant].
func (v *Document) Entitlements() (*EntitlementPart, error) { return valueOf[*EntitlementPart](v) }
