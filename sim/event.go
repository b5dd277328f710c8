package sim

import (
	"time"

	"github.com/google/uuid"
)

// EventType names what happened, as events show it ("settlement.completed").
type EventType string

// The event types.
const (
	EventAccountOpened       EventType = "account.opened"
	EventAccountUpdated      EventType = "account.updated"
	EventPositionOpened      EventType = "position.opened"
	EventPositionUpdated     EventType = "position.updated"
	EventPositionClosed      EventType = "position.closed"
	EventPositionLocked      EventType = "position.locked"
	EventPositionUnlocked    EventType = "position.unlocked"
	EventBalanceOpened       EventType = "balance.opened"
	EventBalanceUpdated      EventType = "balance.updated"
	EventBalanceClosed       EventType = "balance.closed"
	EventBalanceLocked       EventType = "balance.locked"
	EventBalanceUnlocked     EventType = "balance.unlocked"
	EventSettlementHeld      EventType = "settlement.held"
	EventSettlementCompleted EventType = "settlement.completed"
	EventSettlementFailed    EventType = "settlement.failed"
	EventSettlementCancelled EventType = "settlement.cancelled"
	EventClockChanged        EventType = "clock.changed"
	EventClockAdvanced       EventType = "clock.advanced"
)

// Event is a fact: something that happened and cannot be refused any more. It
// carries every record it changed as the record is afterwards, and the
// postings that explain the changes of holdings. Events are immutable.
type Event struct {
	// Sequence is dense per instance and starts at 1.
	Sequence uint64
	// Time is instance time.
	Time time.Time
	Type EventType

	Accounts    []*Account
	Holdings    []*Holding
	Mirrors     []*Mirror
	Settlements []*Settlement
	Postings    []Posting
	Transfers   []*Transfer
	Documents   []*Document

	// Key is the idempotency key of the request that caused the event, on the
	// last event of that request; nil where it had none.
	Key *IdempotencyKey
}

// IdempotencyKey binds a caller's key to the request that it first came with.
type IdempotencyKey struct {
	Key string
	// Fingerprint is a digest of the command, to tell a retry from a reuse.
	Fingerprint Fingerprint
}

// SettlementID returns the id of the first settlement in the event, else of the
// first transfer, else zero. It is what the event's ledger entries refer to.
func (e *Event) SettlementID() uuid.UUID {
	switch {
	case len(e.Settlements) > 0:
		return e.Settlements[0].ID
	case len(e.Transfers) > 0:
		return e.Transfers[0].ID
	default:
		return uuid.UUID{}
	}
}

// Entries returns the event's postings as ledger entries.
func (e *Event) Entries() []Entry {
	return e.appendEntries(make([]Entry, 0, len(e.Postings)))
}

func (e *Event) appendEntries(dst []Entry) []Entry {
	for i, p := range e.Postings {
		dst = append(dst, Entry{
			Sequence: e.Sequence, Index: i, Posting: p,
			SettlementID: e.SettlementID(), PostedAt: e.Time,
		})
	}
	return dst
}
