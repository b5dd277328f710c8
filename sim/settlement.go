package sim

import (
	"time"

	"github.com/google/uuid"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/money"
)

// SettlementType says what an instruction moves.
type SettlementType string

// The settlement types. Deliver and receive are seen from the instructing
// account, against payment or free of it.
const (
	Deposit    SettlementType = "DEPOSIT"
	Withdrawal SettlementType = "WITHDRAWAL"
	Internal   SettlementType = "TRANSFER"
	DVP        SettlementType = "DVP"
	RVP        SettlementType = "RVP"
	DFP        SettlementType = "DFP"
	RFP        SettlementType = "RFP"
)

// SettlementTypes lists every type on offer, for messages that say what is
// allowed.
func SettlementTypes() []string {
	return []string{string(Deposit), string(Withdrawal), string(Internal), string(DVP), string(RVP), string(DFP), string(RFP)}
}

// SettlementStatus is the plain status by which callers filter.
type SettlementStatus string

// The plain statuses.
const (
	StatusPending    SettlementStatus = "PENDING"
	StatusInProgress SettlementStatus = "IN_PROGRESS"
	StatusCompleted  SettlementStatus = "COMPLETED"
	StatusFailed     SettlementStatus = "FAILED"
	StatusCancelled  SettlementStatus = "CANCELLED"
)

// SettlementStatuses lists every plain status.
func SettlementStatuses() []string {
	return []string{
		string(StatusPending), string(StatusInProgress), string(StatusCompleted),
		string(StatusFailed), string(StatusCancelled),
	}
}

// Final reports whether nothing can change any more.
func (s SettlementStatus) Final() bool {
	return s == StatusCompleted || s == StatusFailed || s == StatusCancelled
}

// Dimension is one of the four independent views of a settlement that
// ISO 20022 sese.024 reports.
type Dimension struct {
	Status     string
	ReasonCode string
	Reason     string
}

// Statuses of the processing, matching, settlement and hold dimensions.
const (
	ProcessingAcknowledged = "ACKNOWLEDGED"
	// ProcessingPending: taken, but not worked on before its cause is gone.
	ProcessingPending  = "PENDING_PROCESSING"
	ProcessingRejected = "REJECTED"
	// ProcessingCancelRequested: one side asked to cancel; the other must, too.
	ProcessingCancelRequested = "CANCEL_REQUESTED"
	ProcessingCancelled       = "CANCELLED"

	MatchingUnmatched = "UNMATCHED"
	MatchingMatched   = "MATCHED"

	SettlementPending = "PENDING"
	// SettlementFailing: not settled by the last cut-off of its value date.
	SettlementFailing = "FAILING"
	// SettlementPartial: a part has settled, the rest may.
	SettlementPartial = "PARTIALLY_SETTLED"
	SettlementSettled = "SETTLED"

	HoldHeld     = "HELD"
	HoldReleased = "RELEASED"
)

// Transition is one step in the life of a settlement.
type Transition struct {
	At time.Time
	// Status is the step's name: a status of one of the four dimensions, or one
	// of RESERVED, UNRESERVED, CANCEL_DENIED.
	Status     string
	ReasonCode string
	Reason     string
	// Sequence is that of the event which carried the step's postings; the
	// ledger entries with this sequence belong to it.
	Sequence uint64
}

// Settlement is an instruction and what became of it.
type Settlement struct {
	ID         uuid.UUID
	ExternalID string
	Type       SettlementType
	AccountID  string
	Symbol     string
	// Quantity is what was instructed, Settled what moved. What is open is the
	// difference while the settlement is not final, zero afterwards.
	Quantity           money.Amount
	Settled            money.Amount
	Status             SettlementStatus
	SourceAccount      string
	DestinationAccount string

	// Terms are what was instructed beyond the above; nil for instructions that
	// say no more.
	Terms *Terms

	Processing Dimension
	// Matching is empty where an instruction needs no match, and before it is processed.
	Matching   Dimension
	Settlement Dimension
	Hold       Dimension
	History    []Transition

	// MatchedWith is the counterparty's instruction, where it is in the house.
	MatchedWith uuid.UUID
	// SettledPayment is the cash that moved with what settled.
	SettledPayment money.Amount
	// Reserved is what the instruction has reserved on its own side: of the
	// symbol where it delivers, of the payment's currency where it pays.
	Reserved money.Amount
	// Penalty is what late settlement has cost so far, in the payment's currency
	// or, free of payment, in units of the symbol.
	Penalty money.Amount
	// DueAt is when the instruction is looked at next without anybody asking;
	// zero where it waits for an event alone.
	DueAt time.Time
	// Course is how far an open settlement is on its way; zero once it is final.
	Course Course

	InitiatedAt time.Time
	// CompletedAt is when the settlement became final; zero before.
	CompletedAt time.Time
	// ExpectedDate is the value date, YYYY-MM-DD.
	ExpectedDate string
	// Metadata is a compact JSON object, or empty.
	Metadata []byte
}

// Steps of a settlement's history that are no status of a dimension.
const (
	StepReserved     = "RESERVED"
	StepUnreserved   = "UNRESERVED"
	StepCancelDenied = "CANCEL_DENIED"
)

// Course is what the custodian keeps of an open settlement to move it on.
type Course struct {
	// UnderWay is the quantity that is reserved, or that the depository is to
	// confirm; it settles at ReadyAt.
	UnderWay money.Amount
	// ReadyAt is when what is awaited is over: processing, confirmation, the
	// answer of a counterparty outside the house, or a delay. Zero before any.
	ReadyAt time.Time
	// CutOffAt is the next cut-off by which it should settle; zero where there is
	// none that counts.
	CutOffAt time.Time
	// LinksDone has the n-th bit set once the instruction that the n-th link
	// names has settled.
	LinksDone uint32
}

// IsZero reports whether nothing is kept.
func (c *Course) IsZero() bool {
	return c.UnderWay.IsZero() && c.ReadyAt.IsZero() && c.CutOffAt.IsZero() && c.LinksDone == 0
}

// NeedsMatch reports whether the instruction settles only with the matching
// instruction of a counterparty.
func (s *Settlement) NeedsMatch() bool { return s.Type.NeedsMatch() }

// NeedsMatch reports whether instructions of the type settle only with the
// matching instruction of a counterparty.
func (t SettlementType) NeedsMatch() bool {
	return t == DVP || t == RVP || t == DFP || t == RFP
}

// AgainstPayment reports whether instructions of the type have a cash leg.
func (t SettlementType) AgainstPayment() bool { return t == DVP || t == RVP }

// Open returns the quantity that may still settle.
func (s *Settlement) Open() money.Amount {
	if s.Status.Final() {
		return money.Zero
	}
	return s.Quantity.Sub(s.Settled)
}

// Reason returns the code and text that explain the plain status: those of a
// refusal or cancellation, else those of a hold, else why it does not settle,
// else why it does not match, else none.
func (s *Settlement) Reason() (code, text string) {
	if s.Processing.ReasonCode != "" {
		return s.Processing.ReasonCode, s.Processing.Reason
	}
	if s.Hold.Status == HoldHeld {
		return s.Hold.ReasonCode, s.Hold.Reason
	}
	if s.Settlement.ReasonCode != "" {
		return s.Settlement.ReasonCode, s.Settlement.Reason
	}
	if s.Matching.Status == MatchingUnmatched {
		return s.Matching.ReasonCode, s.Matching.Reason
	}
	return "", ""
}
