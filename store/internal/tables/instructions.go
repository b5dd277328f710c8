package tables

import (
	"time"

	"github.com/google/uuid"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/money"
)

// Settlements is the table of settlements. Deposits, withdrawals and transfers
// that settle at once have nothing behind the metadata.
var Settlements = newSettlements()

func newSettlements() *Records[sim.Settlement] {
	t := newRecords("settlements", 1,
		id("settlement_id", func(s *sim.Settlement) *uuid.UUID { return &s.ID }),
		optional(text("external_id", func(s *sim.Settlement) *string { return &s.ExternalID })),
		text("settlement_type", func(s *sim.Settlement) *string { return (*string)(&s.Type) }),
		text("account_id", func(s *sim.Settlement) *string { return &s.AccountID }),
		text("symbol", func(s *sim.Settlement) *string { return &s.Symbol }),
		number("quantity", func(s *sim.Settlement) *money.Amount { return &s.Quantity }),
		number("settled_quantity", func(s *sim.Settlement) *money.Amount { return &s.Settled }),
		text("status", func(s *sim.Settlement) *string { return (*string)(&s.Status) }),
		optional(text("source_account", func(s *sim.Settlement) *string { return &s.SourceAccount })),
		optional(text("destination_account", func(s *sim.Settlement) *string { return &s.DestinationAccount })),
		optional(text("processing_status", func(s *sim.Settlement) *string { return &s.Processing.Status })),
		optional(text("processing_reason_code", func(s *sim.Settlement) *string { return &s.Processing.ReasonCode })),
		optional(text("processing_reason", func(s *sim.Settlement) *string { return &s.Processing.Reason })),
		optional(text("settlement_status", func(s *sim.Settlement) *string { return &s.Settlement.Status })),
		optional(text("settlement_reason_code", func(s *sim.Settlement) *string { return &s.Settlement.ReasonCode })),
		optional(text("settlement_reason", func(s *sim.Settlement) *string { return &s.Settlement.Reason })),
		optional(text("hold_status", func(s *sim.Settlement) *string { return &s.Hold.Status })),
		optional(text("hold_reason_code", func(s *sim.Settlement) *string { return &s.Hold.ReasonCode })),
		optional(text("hold_reason", func(s *sim.Settlement) *string { return &s.Hold.Reason })),
		encoded("history", func(s *sim.Settlement) Embedded { return (*History)(&s.History) }),
		moment("initiated_at", func(s *sim.Settlement) *time.Time { return &s.InitiatedAt }),
		moment("completed_at", func(s *sim.Settlement) *time.Time { return &s.CompletedAt }),
		date("expected_settlement_date", func(s *sim.Settlement) *string { return &s.ExpectedDate }),
		document("metadata", JSONB, func(s *sim.Settlement) *[]byte { return &s.Metadata }),

		seldom(text("matching_status", func(s *sim.Settlement) *string { return &s.Matching.Status })),
		seldom(text("matching_reason_code", func(s *sim.Settlement) *string { return &s.Matching.ReasonCode })),
		seldom(text("matching_reason", func(s *sim.Settlement) *string { return &s.Matching.Reason })),
		seldom(id("matched_with", func(s *sim.Settlement) *uuid.UUID { return &s.MatchedWith })),
		seldom(text("counterparty_account", terms(func(t *sim.Terms) *string { return &t.CounterpartyAccount }))),
		seldom(text("payment_currency", terms(func(t *sim.Terms) *string { return &t.Payment.Currency }))),
		seldom(number("payment_amount", terms(func(t *sim.Terms) *money.Amount { return &t.Payment.Amount }))),
		seldom(number("settled_payment", func(s *sim.Settlement) *money.Amount { return &s.SettledPayment })),
		seldom(number("reserved", func(s *sim.Settlement) *money.Amount { return &s.Reserved })),
		seldom(number("penalty", func(s *sim.Settlement) *money.Amount { return &s.Penalty })),
		seldom(date("trade_date", terms(func(t *sim.Terms) *string { return &t.TradeDate }))),
		seldom(text("rail", terms(func(t *sim.Terms) *string { return &t.Rail }))),
		seldom(moment("due_at", func(s *sim.Settlement) *time.Time { return &s.DueAt })),
		seldom(number("under_way", func(s *sim.Settlement) *money.Amount { return &s.Course.UnderWay })),
		seldom(moment("ready_at", func(s *sim.Settlement) *time.Time { return &s.Course.ReadyAt })),
		seldom(moment("cut_off_at", func(s *sim.Settlement) *time.Time { return &s.Course.CutOffAt })),
		seldom(bits("links_done", func(s *sim.Settlement) *uint32 { return &s.Course.LinksDone })),
		seldom(encoded("terms", func(s *sim.Settlement) Embedded { return (*Terms)(s) })),
	)
	t.begin = func(s *sim.Settlement) { s.Terms = &sim.Terms{} }
	return t
}

// noTerms stands in for the terms of a settlement that has none. It is empty,
// and only read.
var noTerms sim.Terms

// terms finds a value within a settlement's terms.
func terms[V any](at func(*sim.Terms) *V) func(*sim.Settlement) *V {
	return func(s *sim.Settlement) *V {
		if s.Terms == nil {
			return at(&noTerms)
		}
		return at(s.Terms)
	}
}

// Transfers is the table of transfers. Their approvals are in [Approvals].
var Transfers = newRecords("transfers", 1,
	id("transfer_id", func(t *sim.Transfer) *uuid.UUID { return &t.ID }),
	optional(text("external_id", func(t *sim.Transfer) *string { return &t.ExternalID })),
	text("rail", func(t *sim.Transfer) *string { return &t.Rail }),
	text("direction", func(t *sim.Transfer) *string { return (*string)(&t.Direction) }),
	text("account_id", func(t *sim.Transfer) *string { return &t.AccountID }),
	text("symbol", func(t *sim.Transfer) *string { return &t.Symbol }),
	number("quantity", func(t *sim.Transfer) *money.Amount { return &t.Quantity }),
	encoded("beneficiary", func(t *sim.Transfer) Embedded { return (*Beneficiary)(&t.Beneficiary) }),
	optional(text("requested_by", func(t *sim.Transfer) *string { return &t.RequestedBy })),
	text("status", func(t *sim.Transfer) *string { return (*string)(&t.Status) }),
	text("stage", func(t *sim.Transfer) *string { return (*string)(&t.Stage) }),
	optional(text("reason_code", func(t *sim.Transfer) *string { return &t.ReasonCode })),
	optional(text("reason", func(t *sim.Transfer) *string { return &t.Reason })),
	encoded("history", func(t *sim.Transfer) Embedded { return (*History)(&t.History) }),
	count("approvals_required", func(t *sim.Transfer) *int { return &t.ApprovalsRequired }),
	count("confirmations", func(t *sim.Transfer) *int { return &t.Confirmations }),
	count("confirmations_required", func(t *sim.Transfer) *int { return &t.ConfirmationsRequired }),
	number("fee", func(t *sim.Transfer) *money.Amount { return &t.Fee }),
	number("max_fee", func(t *sim.Transfer) *money.Amount { return &t.MaxFee }),
	number("reserved", func(t *sim.Transfer) *money.Amount { return &t.Reserved }),
	number("transit", func(t *sim.Transfer) *money.Amount { return &t.Transit }),
	number("pending_in", func(t *sim.Transfer) *money.Amount { return &t.PendingIn }),
	date("value_date", func(t *sim.Transfer) *string { return &t.ValueDate }),
	moment("initiated_at", func(t *sim.Transfer) *time.Time { return &t.InitiatedAt }),
	moment("completed_at", func(t *sim.Transfer) *time.Time { return &t.CompletedAt }),
	moment("expected_completion", func(t *sim.Transfer) *time.Time { return &t.ExpectedCompletion }),
	document("metadata", JSONB, func(t *sim.Transfer) *[]byte { return &t.Metadata }),
	moment("due_at", func(t *sim.Transfer) *time.Time { return &t.DueAt }),
	flag("return_due", func(t *sim.Transfer) *bool { return &t.ReturnDue }),
	optional(text("credit_account", func(t *sim.Transfer) *string { return &t.CreditAccount })),
	moment("expires_at", func(t *sim.Transfer) *time.Time { return &t.ExpiresAt }),
	count("reorgs", func(t *sim.Transfer) *int { return &t.Reorgs }),
	number("shortfall", func(t *sim.Transfer) *money.Amount { return &t.Shortfall }),
	field[sim.Transfer]{Column{Name: "approvals", Kind: Joined}, func(t *sim.Transfer) any { return (*JoinedApprovals)(&t.Approvals) }},
)

// Approval is an approval as a row of its own.
type Approval struct {
	TransferID uuid.UUID
	// Index is the approval's place among those of its transfer, from 0.
	Index int
	sim.Approval
}

// Approvals is the table of approvals.
var Approvals = newRecords("approvals", 2,
	id("transfer_id", func(a *Approval) *uuid.UUID { return &a.TransferID }),
	count("idx", func(a *Approval) *int { return &a.Index }),
	text("approver", func(a *Approval) *string { return &a.By }),
	text("decision", func(a *Approval) *string { return (*string)(&a.Decision) }),
	moment("decided_at", func(a *Approval) *time.Time { return &a.At }),
)

// ApprovalsOf returns the rows of a transfer's approvals.
func ApprovalsOf(t *sim.Transfer) []Approval {
	rows := make([]Approval, len(t.Approvals))
	for i, a := range t.Approvals {
		rows[i] = Approval{t.ID, i, a}
	}
	return rows
}
