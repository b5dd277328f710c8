package sim

// What happens to transfers. An event carries several steps of one instant
// where they follow at once; its type names the last.
const (
	// EventTransferSubmitted: taken, and awaiting approval or its value date.
	EventTransferSubmitted EventType = "transfer.submitted"
	// EventTransferApproved: one more approval, which may be the last.
	EventTransferApproved EventType = "transfer.approved"
	// EventTransferBroadcast: on its way: out of the account, or pending in.
	EventTransferBroadcast EventType = "transfer.broadcast"
	// EventTransferConfirmed: one more confirmation, which is not the last.
	EventTransferConfirmed EventType = "transfer.confirmed"
	// EventTransferReorganized: the chain has taken the confirmations back.
	EventTransferReorganized EventType = "transfer.reorganized"
	// EventTransferDelayed: not moved on when it was due; the reason says why.
	EventTransferDelayed EventType = "transfer.delayed"
	// EventTransferCompleted: settled. It may still be returned.
	EventTransferCompleted EventType = "transfer.completed"
	// EventTransferFinalized: settled, and no longer to be returned.
	EventTransferFinalized EventType = "transfer.finalized"
	// EventTransferReturned: taken back after it was settled.
	EventTransferReturned EventType = "transfer.returned"
	// EventTransferFailed: lacks holdings, or failed on the rail.
	EventTransferFailed EventType = "transfer.failed"
	// EventTransferRejected: by an approver, a policy or a fault.
	EventTransferRejected EventType = "transfer.rejected"
	// EventTransferExpired: not approved in time.
	EventTransferExpired EventType = "transfer.expired"
	// EventTransferCancelled: by the account owner, before it was sent.
	EventTransferCancelled EventType = "transfer.cancelled"
)

// Reason codes of transfers, from the ISO 20022 external code list for payment
// status reasons (ExternalStatusReason1Code).
const (
	// ReasonClosedAccount: the account is closed.
	ReasonClosedAccount = "AC04"
	// ReasonBlockedAccount: the account is frozen.
	ReasonBlockedAccount = "AC06"
	// ReasonForbidden: the transaction is not allowed on the account.
	ReasonForbidden = "AG01"
	// ReasonInsufficientFunds: the account lacks the cash. For other assets the
	// code is [ReasonLack].
	ReasonInsufficientFunds = "AM04"
	// ReasonLimitExceeded: the amount is above a limit agreed with the client.
	ReasonLimitExceeded = "AM21"
	// ReasonRailError: the rail lost the transfer.
	ReasonRailError = "AB04"
	// ReasonTimeout: nothing was decided in time at the custodian.
	ReasonTimeout = "AB06"
	// ReasonOrderRejected: an approver rejected it.
	ReasonOrderRejected = "DS04"
	// ReasonCustomer: cancelled as the customer requested.
	ReasonCustomer = "CUST"
	// ReasonRegulatory: held or rejected for compliance.
	ReasonRegulatory = "RR04"
	// ReasonCutOff: the rail is closed for the day.
	ReasonCutOff = "TM01"
	// ReasonNarrative: the text says it.
	ReasonNarrative = "NARR"
)

// returnReason is why a rail returns what it has delivered.
type returnReason struct{ code, text string }

// Return reasons of the Nacha Operating Rules, as far as they fit credits that
// we sent (OUT) and debits that we drew (IN).
var (
	achReturnsOut = []returnReason{
		{"R02", "the receiver's account is closed"},
		{"R03", "the receiving bank finds no such account"},
		{"R04", "the account number is not valid"},
		{"R23", "the receiver refuses the credit"},
	}
	achReturnsIn = []returnReason{
		{"R01", "the paying account lacks the funds"},
		{"R08", "the payer has stopped the payment"},
		{"R10", "the payer says that the debit was not authorised"},
		{"R29", "the payer says that the corporate debit was not authorised"},
	}
	// otherReturns are payment return reasons of ISO 20022 (ExternalReturnReason1Code).
	otherReturns = []returnReason{
		{"AC01", "the account number is not correct"},
		{"AC04", "the account is closed"},
		{"AC06", "the account is blocked"},
		{"MS03", "the other bank gives no reason"},
	}
)
