package sim

import (
	"crypto/sha256"
	"encoding/binary"

	"github.com/google/uuid"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/money"
)

// Command is a request to change the custodian's books. Commands are values;
// the engine never changes them.
type Command interface {
	// decide turns the command into events or refuses it with an [*Error].
	decide(d *decision) *Error
	// appendCanonical appends an unambiguous encoding of the command, for
	// fingerprints.
	appendCanonical(dst []byte) []byte
	// externalKey returns the external id that the command claims; one without
	// a value claims none.
	externalKey() Key
}

// OpenAccount opens an account. Empty ClientID means the account id itself,
// empty Type MASTER.
type OpenAccount struct {
	AccountID string
	ClientID  string
	Type      AccountType
	Metadata  []byte
}

// UpdateAccount changes an account's metadata, its status, or both. Nil metadata
// and an empty status stay as they are.
type UpdateAccount struct {
	AccountID string
	// Status freezes an active account, makes a frozen one active again, or
	// closes an active one for good, which must hold nothing and have nothing
	// under way.
	Status   AccountStatus
	Metadata []byte
}

// OpenHolding opens a position, or with Cash a balance, with what it holds
// from the start. The holding's quantity enters from the mirror account.
type OpenHolding struct {
	Cash      bool
	AccountID string
	Symbol    string
	// Available and Locked are the opening quantities.
	Available   money.Amount
	Locked      money.Amount
	AverageCost money.Amount
	MarketValue money.Amount
	// Currency values a position; empty means the quote of the symbol.
	Currency string
	Metadata []byte
}

// UpdateHolding changes a holding. Nil fields stay as they are.
type UpdateHolding struct {
	Cash bool
	ID   uuid.UUID
	// Total sets available plus locked, by adjusting what is available.
	Total *money.Amount
	// Available sets what is available.
	Available   *money.Amount
	AverageCost *money.Amount
	MarketValue *money.Amount
	Currency    *string
	Metadata    []byte
}

// CloseHolding deletes a holding of which nothing is locked; what was available
// leaves to the mirror account.
type CloseHolding struct {
	Cash bool
	ID   uuid.UUID
}

// LockHolding moves an amount from available to locked.
type LockHolding struct {
	Cash   bool
	ID     uuid.UUID
	Amount money.Amount
}

// UnlockHolding moves an amount from locked to available.
type UnlockHolding struct {
	Cash   bool
	ID     uuid.UUID
	Amount money.Amount
}

// Instruct records a settlement instruction. Under the instant profile deposits,
// withdrawals and transfers settle at once unless they are held or linked;
// whatever else waits for its counterparty, its value date and its holdings.
type Instruct struct {
	Type       SettlementType
	AccountID  string
	Symbol     string
	Quantity   money.Amount
	ExternalID string
	// SourceAccount and DestinationAccount are needed for transfers. For a
	// deposit the source, for a withdrawal the destination, is free text that
	// names the account outside the house.
	SourceAccount      string
	DestinationAccount string
	// SettlementDate is the value date, YYYY-MM-DD; empty means that of the
	// profile's cycle. TradeDate may be empty.
	SettlementDate string
	TradeDate      string
	Hold           bool
	// Payment is the cash leg: required for DVP and RVP, refused for the others.
	Payment Cash
	// CounterpartyAccount names the counterparty's account where it is in the
	// house, Counterparty the party where it is not. DVP, RVP, DFP and RFP need
	// exactly one of them.
	CounterpartyAccount string
	Counterparty        Party
	// Rail names how a deposit or withdrawal travels; empty for none.
	Rail string
	// Partial says whether it may settle in parts; empty means NPAR. MinQuantity
	// belongs to PARC and PARQ.
	Partial     PartialIndicator
	MinQuantity money.Amount
	// Links are at most [MaxLinks], each to an instruction given before.
	Links    []Link
	Metadata []byte
}

// CancelSettlement cancels a settlement that is not final. Once it is matched it
// only asks: the other side must ask, too.
type CancelSettlement struct{ ID uuid.UUID }

// HoldSettlement holds a settlement that is not final.
type HoldSettlement struct{ ID uuid.UUID }

// ReleaseSettlement releases a held settlement, which then settles as soon as
// nothing else keeps it.
type ReleaseSettlement struct{ ID uuid.UUID }

// ReverseSettlement takes back what a final settlement moved: it records the
// opposite settlement, which must itself have the holdings, and for both sides
// where both are in the house. Its external id is [ReversalID], so a settlement
// is reversed at most once. Nothing is ever deleted.
type ReverseSettlement struct {
	ID uuid.UUID
	// Reason is free text that goes into the metadata of the reversal, or empty.
	Reason string
}

// ReversalID returns the external id of the reversal of a settlement. Callers
// cannot give such ids themselves.
func ReversalID(id uuid.UUID) string { return reversalPrefix + id.String() }

const reversalPrefix = "reversal-of-"

// Result is what a command made: the record it is about, as it is afterwards.
// Exactly one field besides Sequence and Replayed is set.
type Result struct {
	Account    *Account
	Holding    *Holding
	Settlement *Settlement
	Transfer   *Transfer
	Document   *Document
	// Sequence is that of the command's last event.
	Sequence uint64
	// Replayed reports that the answer is that of an earlier request with the
	// same idempotency key.
	Replayed bool
}

// FingerprintOf returns the digest that tells a retry of a command from another
// command.
func FingerprintOf(c Command) Fingerprint {
	sum := sha256.Sum256(c.appendCanonical(make([]byte, 0, 256)))
	return Fingerprint(sum[:16])
}

// canonical appends length-prefixed fields, so that no two commands share an
// encoding.
func canonical(dst []byte, kind string, fields ...string) []byte {
	dst = append(binary.AppendUvarint(dst, uint64(len(kind))), kind...)
	for _, f := range fields {
		dst = append(binary.AppendUvarint(dst, uint64(len(f))), f...)
	}
	return dst
}

func flag(b bool) string {
	if b {
		return "1"
	}
	return "0"
}

func optional[T interface{ String() string }](v *T) string {
	if v == nil {
		return "-"
	}
	return "=" + (*v).String()
}

func (c OpenAccount) appendCanonical(dst []byte) []byte {
	return canonical(dst, "open-account", c.AccountID, c.ClientID, string(c.Type), string(c.Metadata))
}

func (c UpdateAccount) appendCanonical(dst []byte) []byte {
	return canonical(dst, "update-account", c.AccountID, string(c.Status), string(c.Metadata))
}

func (c OpenHolding) appendCanonical(dst []byte) []byte {
	return canonical(dst, "open-holding", flag(c.Cash), c.AccountID, c.Symbol, c.Available.String(), c.Locked.String(),
		c.AverageCost.String(), c.MarketValue.String(), c.Currency, string(c.Metadata))
}

func (c UpdateHolding) appendCanonical(dst []byte) []byte {
	currency := "-"
	if c.Currency != nil {
		currency = "=" + *c.Currency
	}
	return canonical(dst, "update-holding", flag(c.Cash), c.ID.String(), optional(c.Total), optional(c.Available),
		optional(c.AverageCost), optional(c.MarketValue), currency, string(c.Metadata))
}

func (c CloseHolding) appendCanonical(dst []byte) []byte {
	return canonical(dst, "close-holding", flag(c.Cash), c.ID.String())
}

func (c LockHolding) appendCanonical(dst []byte) []byte {
	return canonical(dst, "lock-holding", flag(c.Cash), c.ID.String(), c.Amount.String())
}

func (c UnlockHolding) appendCanonical(dst []byte) []byte {
	return canonical(dst, "unlock-holding", flag(c.Cash), c.ID.String(), c.Amount.String())
}

func (c Instruct) appendCanonical(dst []byte) []byte {
	dst = canonical(dst, "instruct", string(c.Type), c.AccountID, c.Symbol, c.Quantity.String(), c.ExternalID,
		c.SourceAccount, c.DestinationAccount, c.SettlementDate, flag(c.Hold), string(c.Metadata))
	if !c.saysMore() {
		return dst // as before there were terms, so that keys of old requests stay good
	}
	dst = canonical(dst, "terms", c.Payment.Currency, c.Payment.Amount.String(), c.CounterpartyAccount, c.Counterparty.Name,
		c.Counterparty.BIC, c.TradeDate, c.Rail, string(c.Partial), c.MinQuantity.String())
	for _, l := range c.Links {
		dst = canonical(dst, "link", string(l.Type), l.ExternalID)
	}
	return dst
}

// saysMore reports whether the instruction has terms.
func (c *Instruct) saysMore() bool {
	return !c.Payment.IsZero() || !c.Payment.Amount.IsZero() || c.CounterpartyAccount != "" || !c.Counterparty.IsZero() ||
		c.TradeDate != "" || c.Rail != "" || c.Partial != "" || !c.MinQuantity.IsZero() || len(c.Links) > 0
}

func (c CancelSettlement) appendCanonical(dst []byte) []byte {
	return canonical(dst, "cancel-settlement", c.ID.String())
}

func (c HoldSettlement) appendCanonical(dst []byte) []byte {
	return canonical(dst, "hold-settlement", c.ID.String())
}

func (c ReleaseSettlement) appendCanonical(dst []byte) []byte {
	return canonical(dst, "release-settlement", c.ID.String())
}

func (c ReverseSettlement) appendCanonical(dst []byte) []byte {
	return canonical(dst, "reverse-settlement", c.ID.String(), c.Reason)
}

func (c ReverseSettlement) externalKey() Key { return Key{KeyExternal, ReversalID(c.ID)} }

func (OpenAccount) externalKey() Key       { return Key{} }
func (UpdateAccount) externalKey() Key     { return Key{} }
func (OpenHolding) externalKey() Key       { return Key{} }
func (UpdateHolding) externalKey() Key     { return Key{} }
func (CloseHolding) externalKey() Key      { return Key{} }
func (LockHolding) externalKey() Key       { return Key{} }
func (UnlockHolding) externalKey() Key     { return Key{} }
func (c Instruct) externalKey() Key        { return Key{KeyExternal, c.ExternalID} }
func (CancelSettlement) externalKey() Key  { return Key{} }
func (HoldSettlement) externalKey() Key    { return Key{} }
func (ReleaseSettlement) externalKey() Key { return Key{} }
