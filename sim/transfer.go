package sim

import (
	"time"

	"github.com/google/uuid"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/money"
)

// Direction says whether a transfer leaves the house or enters it.
type Direction string

// The directions.
const (
	DirectionOut Direction = "OUT"
	DirectionIn  Direction = "IN"
)

// TransferStage is how far a transfer has come, finer than its status.
type TransferStage string

// The stages of a transfer.
const (
	StageSubmitted        TransferStage = "SUBMITTED"
	StageAwaitingApproval TransferStage = "AWAITING_APPROVAL"
	StageApproved         TransferStage = "APPROVED"
	StageReserved         TransferStage = "RESERVED"
	StageBroadcast        TransferStage = "BROADCAST"
	StageConfirming       TransferStage = "CONFIRMING"
	StageSettled          TransferStage = "SETTLED"
	StageRejected         TransferStage = "REJECTED"
	StageReturned         TransferStage = "RETURNED"
	StageExpired          TransferStage = "EXPIRED"
	StageCancelled        TransferStage = "CANCELLED"
)

// TransferStages lists every stage, in the order of a transfer's life.
func TransferStages() []string {
	return []string{
		string(StageSubmitted), string(StageAwaitingApproval), string(StageApproved), string(StageReserved),
		string(StageBroadcast), string(StageConfirming), string(StageSettled), string(StageRejected),
		string(StageReturned), string(StageExpired), string(StageCancelled),
	}
}

// Beneficiary is where a transfer goes to, or for one that comes in, where it
// comes from: a bank account or an address on a network.
type Beneficiary struct {
	Name    string
	Account string
	Bank    string
	Address string
	Network string
}

// ApprovalDecision is what an approver said.
type ApprovalDecision string

// The decisions of approvers.
const (
	Approved ApprovalDecision = "APPROVED"
	Rejected ApprovalDecision = "REJECTED"
)

// Approval is one approver's decision on a transfer.
type Approval struct {
	By       string
	At       time.Time
	Decision ApprovalDecision
}

// Transfer is a payment or delivery over a rail, and what became of it.
type Transfer struct {
	ID         uuid.UUID
	ExternalID string
	Rail       string
	Direction  Direction
	AccountID  string
	Symbol     string
	Quantity   money.Amount
	// Beneficiary is the other side; for one that comes in, the originator.
	Beneficiary Beneficiary
	RequestedBy string

	// Status is the plain status, Stage says more. ReasonCode and Reason explain
	// a transfer that did not settle, or why it waits.
	Status     SettlementStatus
	Stage      TransferStage
	ReasonCode string
	Reason     string
	History    []Transition

	// ApprovalsRequired is how many approvals the amount needs.
	ApprovalsRequired int
	Approvals         []Approval

	// Confirmations is how many the network has given, ConfirmationsRequired
	// how many make it final; both zero on rails without.
	Confirmations         int
	ConfirmationsRequired int
	// Fee is the network's, in units of Symbol; MaxFee is what was reserved for it.
	Fee    money.Amount
	MaxFee money.Amount
	// Reserved is what the transfer has reserved of its account's holding,
	// Transit what is on its way out, PendingIn what is on its way in.
	Reserved  money.Amount
	Transit   money.Amount
	PendingIn money.Amount

	// ValueDate is the date, YYYY-MM-DD, on which the transfer is due to settle.
	ValueDate string
	// InitiatedAt, CompletedAt (zero before the end) and ExpectedCompletion are
	// instance times.
	InitiatedAt        time.Time
	CompletedAt        time.Time
	ExpectedCompletion time.Time
	// Metadata is a compact JSON object, or empty.
	Metadata []byte
	// DueAt is when the transfer moves on next by itself; zero where it waits
	// for somebody.
	DueAt time.Time
	// ReturnDue marks a settled transfer that may still be returned: it stays
	// open in memory until DueAt.
	ReturnDue bool
	// CreditAccount is the account of this house that a book transfer goes to;
	// empty for transfers that leave the house or enter it.
	CreditAccount string
	// ExpiresAt is when a transfer that awaits approval expires.
	ExpiresAt time.Time
	// Reorgs is how often a reorganisation of the chain has taken the transfer back.
	Reorgs int
	// Shortfall is what a return could not take back from the account, because
	// it was no longer available. The custodian makes it good from its own money,
	// which these books do not hold.
	Shortfall money.Amount
}

// Done reports whether nothing about the transfer can change any more.
func (t *Transfer) Done() bool { return t.Status.Final() && !t.ReturnDue }
