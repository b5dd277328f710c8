package sim

import (
	"time"

	"github.com/google/uuid"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/money"
)

// Records are immutable once they are part of an event or of a state: every
// change makes a new record. So they can be shared among goroutines freely.
// Times are instance times in UTC with microsecond precision.

// AccountType tells a client's own account from the segregated ones.
type AccountType string

// The account types.
const (
	AccountMaster     AccountType = "MASTER"
	AccountSegregated AccountType = "SEGREGATED"
)

// AccountStatus says what an account may be used for.
type AccountStatus string

// The account statuses.
const (
	// AccountActive: takes part in settlement.
	AccountActive AccountStatus = "ACTIVE"
	// AccountFrozen: keeps what it has; nothing is delivered, received or
	// reserved until it is active again.
	AccountFrozen AccountStatus = "FROZEN"
	// AccountClosed: empty, and never used again.
	AccountClosed AccountStatus = "CLOSED"
)

// AccountStatuses lists every account status.
func AccountStatuses() []string {
	return []string{string(AccountActive), string(AccountFrozen), string(AccountClosed)}
}

// Account is a client's safekeeping account.
type Account struct {
	AccountID string
	ClientID  string
	Type      AccountType
	Status    AccountStatus
	// Metadata is a compact JSON object, or empty.
	Metadata  []byte
	CreatedAt time.Time
	UpdatedAt time.Time
}

// HoldingKey identifies a holding: what one account has of one asset.
type HoldingKey struct{ AccountID, Symbol string }

// Holding is what one account has of one asset: a position, or for cash a
// balance. No part of it is ever negative.
type Holding struct {
	ID        uuid.UUID
	AccountID string
	Symbol    string
	// Cash tells a balance from a position.
	Cash      bool
	Available money.Amount
	// Locked cannot be used: it is locked by a caller or reserved.
	Locked money.Amount
	// Reserved is the part of Locked that instructions and transfers have
	// reserved until they settle. Callers cannot unlock it.
	Reserved money.Amount
	// PendingIn is on its way in and not confirmed yet, Transit on its way out
	// and not confirmed yet. Neither is part of the total.
	PendingIn money.Amount
	Transit   money.Amount
	// AverageCost and MarketValue are as the caller stated them, per unit and
	// in total, in Currency. The custodian does not price assets.
	AverageCost money.Amount
	MarketValue money.Amount
	// Currency values a position; for a balance it equals Symbol.
	Currency string
	// Metadata is a compact JSON object, or empty.
	Metadata  []byte
	CreatedAt time.Time
	UpdatedAt time.Time
	// Removed marks the last record of a holding that was deleted.
	Removed bool
}

// Key returns the holding's key.
func (h *Holding) Key() HoldingKey { return HoldingKey{h.AccountID, h.Symbol} }

// Total returns available plus locked.
func (h *Holding) Total() money.Amount { return h.Available.Add(h.Locked) }

// Sum returns all parts of the holding: its total and what is on its way. The
// mirror account is minus the sum of these.
func (h *Holding) Sum() money.Amount { return h.Total().Add(h.PendingIn).Add(h.Transit) }

// Names of the custodian's own mirror accounts, the other side of everything
// that enters or leaves the house. They cannot be opened by clients.
const (
	// Depository mirrors what the central depository and the venues hold for us.
	Depository = "DEPOSITORY"
	// Nostro mirrors our cash accounts at correspondent banks.
	Nostro = "NOSTRO"
)

// MirrorOf returns the mirror account for cash or for other assets.
func MirrorOf(cash bool) string {
	if cash {
		return Nostro
	}
	return Depository
}

// Mirror is the balance of a mirror account in one asset. It is minus the sum
// of all holdings of that asset, see [Holding.Sum].
type Mirror struct {
	// Account is [Depository] or [Nostro].
	Account string
	Symbol  string
	Balance money.Amount
}

// Bucket is the part of a holding that a posting moves.
type Bucket string

// The buckets of the ledger.
const (
	BucketAvailable Bucket = "AVAILABLE"
	BucketLocked    Bucket = "LOCKED"
	// BucketReserved is what instructions have reserved; tables show it as locked.
	BucketReserved Bucket = "RESERVED"
	// BucketPendingIn is on its way in, BucketTransit on its way out.
	BucketPendingIn Bucket = "PENDING_IN"
	BucketTransit   Bucket = "TRANSIT"
	// BucketMirror is the one bucket of a mirror account.
	BucketMirror Bucket = "MIRROR"
)

// LedgerAccount names one side of a posting.
type LedgerAccount struct {
	AccountID string
	Bucket    Bucket
}

// Posting moves a positive amount of one asset from Debit to Credit. Seen
// from the custodian, client holdings are liabilities: a credit raises them, a
// debit lowers them. A posting is balanced by its shape.
type Posting struct {
	Symbol string
	Amount money.Amount
	Debit  LedgerAccount
	Credit LedgerAccount
}

// Entry is a posting as it stands in the ledger.
type Entry struct {
	// Sequence is that of the event which carried the posting, Index the
	// posting's place in it, from 0.
	Sequence uint64
	Index    int
	Posting
	// SettlementID is the settlement or transfer that caused the posting, or zero.
	SettlementID uuid.UUID
	PostedAt     time.Time
}
