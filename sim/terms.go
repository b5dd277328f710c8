package sim

import (
	"github.com/google/uuid"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/money"
)

// Terms are what an instruction says beyond its type, account, symbol and
// quantity. They are immutable and shared by all versions of a settlement.
type Terms struct {
	// Payment is the cash leg; its zero value means free of payment.
	Payment Cash
	// CounterpartyAccount names the other side where it is in the house,
	// Counterparty where it is not. At most one of them is set.
	CounterpartyAccount string
	Counterparty        Party
	// TradeDate is YYYY-MM-DD, or empty.
	TradeDate string
	// Rail names how a deposit or withdrawal travels; empty for none.
	Rail string
	// Partial says whether the instruction may settle in parts.
	Partial PartialIndicator
	// MinQuantity is the smallest part; zero where none is stated.
	MinQuantity money.Amount
	Links       []Link
	// ReversalOf is the settlement that this one reverses, or zero.
	ReversalOf uuid.UUID
}

// Cash is an amount of one currency.
type Cash struct {
	Currency string
	Amount   money.Amount
}

// IsZero reports whether there is no cash leg.
func (c Cash) IsZero() bool { return c.Currency == "" }

// Party is a counterparty outside the house.
type Party struct {
	Name string
	// BIC is its business identifier code (ISO 9362), or empty.
	BIC string
}

// IsZero reports whether no party is named.
func (p Party) IsZero() bool { return p == Party{} }

// PartialIndicator says whether an instruction may settle in parts: the
// settlement transaction condition codes of ISO 20022.
type PartialIndicator string

// The partial settlement indicators.
const (
	// PartialNotAllowed: all or nothing. It is what an empty indicator means.
	PartialNotAllowed PartialIndicator = "NPAR"
	// PartialAllowed: any part.
	PartialAllowed PartialIndicator = "PART"
	// PartialByCash: parts of at least a cash value, stated as minimum quantity
	// in the payment's currency.
	PartialByCash PartialIndicator = "PARC"
	// PartialByQuantity: parts of at least a quantity.
	PartialByQuantity PartialIndicator = "PARQ"
)

// LinkType says how an instruction depends on another: the processing position
// codes of ISO 20022.
type LinkType string

// The link types.
const (
	// LinkWith: both settle in one journal or neither does.
	LinkWith LinkType = "WITH"
	// LinkAfter: settles after the other has.
	LinkAfter LinkType = "AFTE"
	// LinkBefore: settles before the other may.
	LinkBefore LinkType = "BEFO"
	// LinkInfo: says so, and blocks nothing.
	LinkInfo LinkType = "INFO"
)

// Bounds of links.
const (
	// MaxLinks is how many links one instruction may have.
	MaxLinks = 16
	// MaxGroup is how many instructions may settle in one journal because links
	// of type WITH hold them together, and MaxDependents how many open
	// instructions may link to the same one.
	MaxGroup      = 16
	MaxDependents = 64
)

// LinkTypes lists every link type.
func LinkTypes() []string {
	return []string{string(LinkWith), string(LinkAfter), string(LinkBefore), string(LinkInfo)}
}

// PartialIndicators lists every partial settlement indicator.
func PartialIndicators() []string {
	return []string{string(PartialNotAllowed), string(PartialAllowed), string(PartialByCash), string(PartialByQuantity)}
}

// Link is a dependency on the instruction with an external id.
type Link struct {
	Type       LinkType
	ExternalID string
}

// Delivers reports whether the instruction's account delivers the
// symbol, as opposed to receiving it. A transfer delivers from its source.
func (s *Settlement) Delivers() bool {
	switch s.Type {
	case Withdrawal, Internal, DVP, DFP:
		return true
	default:
		return false
	}
}
