package sim

import (
	"github.com/google/uuid"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/money"
)

// SubmitTransfer records a transfer over a rail. One that leaves the house is
// reserved at once, amount and largest fee, so that what awaits approval cannot
// be spent twice. A transfer that lacks holdings, or that a policy or a fault
// rejects, is recorded as failed: the result says so, it is no refusal.
type SubmitTransfer struct {
	// Rail is one of those that the instance's profile offers.
	Rail string
	// Direction is required: OUT of the account or IN to it.
	Direction Direction
	AccountID string
	Symbol    string
	Quantity  money.Amount
	// Beneficiary is where the transfer goes to, or for IN where it comes from.
	// Over crypto_internal, Account may be an account of this house: then the
	// transfer is a book transfer between the two.
	Beneficiary Beneficiary
	ExternalID  string
	// RequestedBy is required where the transfer needs approvals.
	RequestedBy string
	// Metadata is a compact JSON object, or empty.
	Metadata []byte
}

// ApproveTransfer gives one approval to a transfer that awaits some. By must be
// neither the one who requested it nor one who decided on it before.
type ApproveTransfer struct {
	ID uuid.UUID
	By string
}

// RejectTransfer rejects a transfer that awaits approval, whatever the approvals
// it has. By must be neither the one who requested it, who cancels instead, nor
// one who decided on it before.
type RejectTransfer struct {
	ID uuid.UUID
	By string
	// Reason is free text, or empty.
	Reason string
}

// CancelTransfer cancels a transfer that has not been sent yet.
type CancelTransfer struct{ ID uuid.UUID }

func (c SubmitTransfer) appendCanonical(dst []byte) []byte {
	b := &c.Beneficiary
	return canonical(dst, "submit-transfer", c.Rail, string(c.Direction), c.AccountID, c.Symbol, c.Quantity.String(),
		b.Name, b.Account, b.Bank, b.Address, b.Network, c.ExternalID, c.RequestedBy, string(c.Metadata))
}

func (c ApproveTransfer) appendCanonical(dst []byte) []byte {
	return canonical(dst, "approve-transfer", c.ID.String(), c.By)
}

func (c RejectTransfer) appendCanonical(dst []byte) []byte {
	return canonical(dst, "reject-transfer", c.ID.String(), c.By, c.Reason)
}

func (c CancelTransfer) appendCanonical(dst []byte) []byte {
	return canonical(dst, "cancel-transfer", c.ID.String())
}

func (c SubmitTransfer) externalKey() Key { return Key{KeyTransfer, c.ExternalID} }
func (ApproveTransfer) externalKey() Key  { return Key{} }
func (RejectTransfer) externalKey() Key   { return Key{} }
func (CancelTransfer) externalKey() Key   { return Key{} }
