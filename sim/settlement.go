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
	return []string{string(Deposit), string(Withdrawal), string(Internal)}
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

// Reason codes of the ISO 20022 external code lists for settlement status,
// as far as immediate settlement uses them.
const (
	// ReasonLack: the deliverer lacks the securities.
	ReasonLack = "LACK"
	// ReasonMoney: the payer lacks the cash.
	ReasonMoney = "MONY"
	// ReasonHeldOwn: held by the account owner's preadvice.
	ReasonHeldOwn = "PREA"
	// ReasonCancelledByOwner: cancelled as the account owner instructed.
	ReasonCancelledByOwner = "CANI"
)

// Dimension is one of the four independent views of a settlement that
// ISO 20022 sese.024 reports.
type Dimension struct {
	Status     string
	ReasonCode string
	Reason     string
}

// Statuses of the processing, settlement and hold dimensions.
const (
	ProcessingAcknowledged = "ACKNOWLEDGED"
	ProcessingRejected     = "REJECTED"
	ProcessingCancelled    = "CANCELLED"

	SettlementPending = "PENDING"
	SettlementSettled = "SETTLED"

	HoldHeld     = "HELD"
	HoldReleased = "RELEASED"
)

// Transition is one step in the life of a settlement.
type Transition struct {
	At time.Time
	// Status is the step's name: ACKNOWLEDGED, HELD, RELEASED, SETTLED,
	// REJECTED, CANCELLED.
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
	// Matching is empty where an instruction needs no match.
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

	InitiatedAt time.Time
	// CompletedAt is when the settlement became final; zero before.
	CompletedAt time.Time
	// ExpectedDate is the value date, YYYY-MM-DD.
	ExpectedDate string
	// Metadata is a compact JSON object, or empty.
	Metadata []byte
}

// Open returns the quantity that may still settle.
func (s *Settlement) Open() money.Amount {
	if s.Status.Final() {
		return money.Zero
	}
	return s.Quantity.Sub(s.Settled)
}

// Reason returns the code and text that explain the plain status: those of a
// refusal or cancellation, else those of a hold, else none.
func (s *Settlement) Reason() (code, text string) {
	if s.Processing.ReasonCode != "" {
		return s.Processing.ReasonCode, s.Processing.Reason
	}
	if s.Hold.Status == HoldHeld {
		return s.Hold.ReasonCode, s.Hold.Reason
	}
	return "", ""
}
