package sim

import (
	"context"
	"time"

	"github.com/google/uuid"
)

// Journal is the durable truth of one instance, and the tables projected from
// it. Implementations live under store; storetest is the suite they all pass.
//
// One engine uses a journal at a time. Load, Append and Project are each called
// by one goroutine at a time, but concurrently with one another; the queries of
// [Tables] and Read may be called by many. Every method honours its context and
// returns promptly when it ends. An error that is none of those named below
// means that the store is not available; the engine answers its callers
// accordingly, throws its state away and loads again.
type Journal interface {
	Tables

	// Load claims the journal with a new epoch, which shuts out every writer
	// that claimed it before, and returns what the projections hold. Nothing
	// an earlier writer had under way can become durable after Load returned.
	Load(ctx context.Context) (*Snapshot, error)
	// Append makes the batch durable behind the one before it. It fails with
	// [ErrLostOwnership] if another claim or batch came in between. After any
	// error the outcome is unknown until the next Load.
	Append(ctx context.Context, b *Batch) error
	// Read calls fn with each batch that ends behind the sequence number after,
	// in order, undecoded, until the end of what is durable or an error of fn.
	Read(ctx context.Context, after uint64, fn func(*Batch) error) error
	// Project writes the changes to the tables and moves the projected place,
	// in one transaction.
	Project(ctx context.Context, p *Projection) error
	// Close releases what the journal holds. Nothing may be called afterwards.
	Close() error
}

// Snapshot is what [Journal.Load] returns: the state as the tables have it.
// The journal's batches behind Projected are not in it.
type Snapshot struct {
	Projected Progress
	// Head is the last sequence number in the journal.
	Head     uint64
	Accounts []*Account
	Holdings []*Holding
	Mirrors  []*Mirror
	// Open holds the settlements that are not final, OpenTransfers the transfers.
	Open          []*Settlement
	OpenTransfers []*Transfer
	// Documents holds all documents.
	Documents []*Document
	// Keyed reports whether any idempotency key or external id is stored.
	Keyed bool
}

// Projection is a set of table changes: for each record its last state in a
// run of batches. Its slices hold at most one record per key; the order of
// entries and keys is that of the journal.
type Projection struct {
	// Through is the place in the journal that the tables reach with it.
	Through Progress

	Accounts    []*Account
	Holdings    []*Holding // Removed ones are to be deleted
	Mirrors     []*Mirror
	Settlements []*Settlement
	Transfers   []*Transfer
	Documents   []*Document // Removed ones are to be deleted
	Entries     []Entry
	Keys        []KeyRecord
	// Events is the number of events folded in.
	Events int
}

// KeyKind tells the two kinds of keys that are unique over all of history.
type KeyKind uint8

// The kinds of keys. External ids are unique among settlements and among
// transfers.
const (
	// KeyIdempotency is a caller's idempotency key.
	KeyIdempotency KeyKind = 1
	// KeyExternal is a settlement's external id.
	KeyExternal KeyKind = 2
	// KeyTransfer is a transfer's external id.
	KeyTransfer KeyKind = 3
)

// noun says what bears the key.
func (k KeyKind) noun() string {
	if k == KeyTransfer {
		return "transfer"
	}
	return "settlement"
}

// Key is an idempotency key or an external id.
type Key struct {
	Kind  KeyKind
	Value string
}

// Fingerprint is a digest of a command.
type Fingerprint [16]byte

// KeyRecord is a key that was used.
type KeyRecord struct {
	Key
	// Fingerprint is that of the command; zero for external ids of both kinds.
	Fingerprint Fingerprint
	// Sequence is that of the event that carried the key.
	Sequence uint64
}

// Page selects a part of a list: at most Limit records behind the one whose
// cursor is After ("" from the start). Limit is positive.
type Page struct {
	After string
	Limit int
}

// AccountFilter selects accounts; zero fields do not restrict.
type AccountFilter struct {
	ClientID string
	Type     AccountType
}

// HoldingFilter selects positions, or balances where Cash is set; the other
// fields restrict where not zero.
type HoldingFilter struct {
	Cash      bool
	AccountID string
	Symbol    string
}

// SettlementFilter selects settlements; zero fields do not restrict.
type SettlementFilter struct {
	// AccountID matches the instructing account, the source or the destination.
	AccountID  string
	Symbol     string
	Type       SettlementType
	Status     SettlementStatus
	ExternalID string
	// From (inclusive) and Until (exclusive) bound InitiatedAt.
	From, Until time.Time
}

// TransferFilter selects transfers; zero fields do not restrict.
type TransferFilter struct {
	AccountID  string
	Symbol     string
	Rail       string
	Direction  Direction
	Status     SettlementStatus
	Stage      TransferStage
	ExternalID string
	// From (inclusive) and Until (exclusive) bound InitiatedAt.
	From, Until time.Time
}

// EntryFilter selects ledger entries; zero fields do not restrict.
type EntryFilter struct {
	// AccountID matches either side.
	AccountID    string
	Symbol       string
	SettlementID uuid.UUID
	// AfterSequence restricts to entries of later events.
	AfterSequence uint64
}

// Tables are the queries on the projections. Each list is ordered by its
// cursor: accounts by account id, holdings, settlements and transfers by id
// (which is the order of creation), ledger entries by sequence and index, written
// "<sequence>-<index>". A malformed cursor is an [Error] on field cursor.
type Tables interface {
	ListAccounts(ctx context.Context, f AccountFilter, p Page) ([]*Account, error)
	ListHoldings(ctx context.Context, f HoldingFilter, p Page) ([]*Holding, error)
	ListMirrors(ctx context.Context) ([]*Mirror, error)
	ListSettlements(ctx context.Context, f SettlementFilter, p Page) ([]*Settlement, error)
	ListTransfers(ctx context.Context, f TransferFilter, p Page) ([]*Transfer, error)
	// ListDocuments lists the documents of a kind, ordered by id, which is the
	// cursor. With no kind it lists all, ordered by kind and id, and the cursor is
	// [DocumentKey.Cursor].
	ListDocuments(ctx context.Context, kind DocumentKind, p Page) ([]*Document, error)
	ListEntries(ctx context.Context, f EntryFilter, p Page) ([]Entry, error)
	// FindSettlement returns one settlement, or nil if there is none.
	FindSettlement(ctx context.Context, id uuid.UUID) (*Settlement, error)
	// FindTransfer returns one transfer, or nil if there is none.
	FindTransfer(ctx context.Context, id uuid.UUID) (*Transfer, error)
	// FindKeys returns the records of those keys that are stored.
	FindKeys(ctx context.Context, keys []Key) ([]KeyRecord, error)
	// ScanKeys calls fn with every stored key, in no particular order. Of external
	// ids it tells no sequence number: what bears them has it, and to read that, too,
	// takes long where there are millions.
	ScanKeys(ctx context.Context, fn func(KeyRecord) error) error
	// Projected returns the place that the tables have reached.
	Projected(ctx context.Context) (Progress, error)
}

// Clock gives the instance time.
type Clock interface {
	Now() time.Time
}

// Metrics counts what the custodian does. Calls are cheap and never block.
type Metrics interface {
	RecordPositionCreated(account, symbol string)
	RecordSettlementProcessed(status, settlementType string)
	RecordBalanceChange(account, currency string)
	// RecordBatch is called once per durable batch.
	RecordBatch(events int, commit time.Duration)
	// RecordRefused is called for requests refused for want of capacity or
	// availability; reason is a [Code].
	RecordRefused(reason string)
	RecordProjection(events int, took time.Duration)
	SetProjectionLag(events int)
	SetQueueDepth(requests int)
	RecordReload()
}
