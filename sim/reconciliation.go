package sim

import (
	"time"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/asset"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/money"
)

// The event types of reconciliation.
const (
	// EventReconciled: the books were compared; the event carries the
	// [Reconciliation].
	EventReconciled EventType = "reconciliation.completed"
	// EventBreakOpened: a difference was found; the event carries the [Break].
	EventBreakOpened EventType = "reconciliation.break_opened"
	// EventBreakChanged: an open break has another amount than before.
	EventBreakChanged EventType = "reconciliation.break_changed"
	// EventBreakResolved: a difference is gone, or is small enough to be accepted.
	EventBreakResolved EventType = "reconciliation.break_resolved"
)

// Bounds of what is kept of reconciliations, whatever the rules say.
const (
	// MaxReconciliations is how many results are kept, the latest.
	MaxReconciliations = 500
	// MaxResolvedBreaks is how many resolved breaks are kept, the latest.
	MaxResolvedBreaks = 500
	// maxReportedBreaks is how many differences one result lists.
	maxReportedBreaks = 100
)

// DefaultKeepDays is for how many days results of reconciliations are kept unless the
// rules say otherwise.
const DefaultKeepDays = 30

// ReconciliationRules say when the custodian compares its mirror accounts with
// the books of the depository and the correspondent banks. The zero value means
// only when asked.
type ReconciliationRules struct {
	// Interval is how often the books are compared, in instance time, at its
	// multiples since the Unix epoch in UTC; zero for never by itself.
	Interval time.Duration
	// Tolerance is, by kind of asset, the largest difference that is accepted as
	// it stands; a kind without an entry accepts none.
	Tolerance map[asset.Kind]money.Amount
	// KeepDays is how long results and resolved breaks are kept; zero means
	// [DefaultKeepDays].
	KeepDays int
}

// Reconcile compares the books now. The result is the document of the
// [Reconciliation].
type Reconcile struct{}

// Reconciliation is the result of comparing the mirror accounts with the books
// outside.
type Reconciliation struct {
	ID string    `json:"id"`
	At time.Time `json:"at"`
	// Sequence is that of the event which carries the result.
	Sequence uint64 `json:"sequence"`
	// Compared is how many symbols were compared, Matched how many agreed.
	Compared int `json:"compared"`
	Matched  int `json:"matched"`
	// Opened and Resolved count the breaks that changed, OpenBreaks those that
	// are open afterwards.
	Opened     int `json:"opened"`
	Resolved   int `json:"resolved"`
	OpenBreaks int `json:"open_breaks"`
	// Differences are the symbols that did not agree, by symbol; at most 100.
	Differences []BookLine `json:"differences,omitempty"`
}

// BookLine compares what we say with what the outside says about one symbol.
type BookLine struct {
	Symbol string `json:"symbol"`
	// Account is the mirror account, [Depository] or [Nostro].
	Account string `json:"account"`
	// Ours is what the mirror account says that they hold for us, Theirs what
	// their book says, Difference theirs minus ours.
	Ours       Sum `json:"ours"`
	Theirs     Sum `json:"theirs"`
	Difference Sum `json:"difference"`
}

// BreakStatus says whether a break is still there.
type BreakStatus string

// The statuses of breaks.
const (
	BreakOpen     BreakStatus = "OPEN"
	BreakResolved BreakStatus = "RESOLVED"
)

// How a break was resolved.
const (
	// ResolvedByTolerance: the difference is within the tolerance.
	ResolvedByTolerance = "TOLERANCE"
	// ResolvedByAgreement: the books agree again.
	ResolvedByAgreement = "AGREEMENT"
)

// Break is a difference that a reconciliation found. A symbol has at most one
// that is open.
type Break struct {
	ID string `json:"id"`
	BookLine
	Kind   asset.Kind  `json:"kind"`
	Status BreakStatus `json:"status"`
	// Resolution is TOLERANCE or AGREEMENT once resolved.
	Resolution string `json:"resolution,omitempty"`
	// OpenedAt, SeenAt (by the last reconciliation that found it as it is) and
	// ResolvedAt are instance times. A break's age is the time since OpenedAt.
	OpenedAt   time.Time `json:"opened_at"`
	SeenAt     time.Time `json:"seen_at"`
	ResolvedAt time.Time `json:"resolved_at,omitzero"`
}

// Age returns how long the break has been open at an instance time, or was.
func (b *Break) Age(now time.Time) time.Duration {
	if !b.ResolvedAt.IsZero() {
		now = b.ResolvedAt
	}
	return now.Sub(b.OpenedAt)
}

// Reconciliation returns the result that a [DocumentReconciliation] holds. Its
// error wraps [ErrBrokenInvariant].
func (v *Document) Reconciliation() (*Reconciliation, error) { return valueOf[*Reconciliation](v) }

// Break returns the break that a [DocumentBreak] holds. Its error wraps
// [ErrBrokenInvariant].
func (v *Document) Break() (*Break, error) { return valueOf[*Break](v) }

// Sum is an amount in a document. Unlike a bare amount it reads sums beyond what
// one request may carry.
type Sum struct{ money.Amount }

// UnmarshalJSON reads a JSON string that holds an amount.
func (v *Sum) UnmarshalJSON(data []byte) error {
	text := string(data)
	if n := len(text); n >= 2 && text[0] == '"' && text[n-1] == '"' {
		text = text[1 : n-1]
	}
	a, err := money.Restore(text)
	v.Amount = a
	return err
}
