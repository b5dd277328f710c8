package view

import (
	"encoding/json"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
)

// Settlement is a settlement instruction and what became of it.
type Settlement struct {
	_                      struct{}        `additionalProperties:"true"`
	SettlementID           string          `json:"settlement_id" format:"uuid"`
	ExternalID             *string         `json:"external_id" doc:"The caller's own id, unique in this custodian." example:"ext-1"`
	SettlementType         string          `json:"settlement_type" doc:"What the instruction moves." example:"DEPOSIT"`
	AccountID              string          `json:"account_id" doc:"Whose instruction it is." example:"fund-a"`
	Symbol                 string          `json:"symbol" example:"BTC-USD"`
	Quantity               string          `json:"quantity" format:"decimal" doc:"What was instructed." example:"1.25"`
	Payment                *Cash           `json:"payment" doc:"The cash leg; null where it is free of payment."`
	Status                 string          `json:"status" enum:"PENDING,IN_PROGRESS,COMPLETED,FAILED,CANCELLED" doc:"How far it is."`
	SourceAccount          *string         `json:"source_account" example:"DEPOSITORY"`
	DestinationAccount     *string         `json:"destination_account" example:"fund-a"`
	CounterpartyAccount    *string         `json:"counterparty_account" doc:"The other side, where it is in the house." example:"fund-b"`
	Counterparty           *Party          `json:"counterparty" doc:"The other side, where it is not in the house."`
	TradeDate              *string         `json:"trade_date" format:"date"`
	Rail                   *string         `json:"rail" doc:"How a deposit or withdrawal travels; null for none." example:"crypto_external"`
	Partial                string          `json:"partial" enum:"NPAR,PART,PARC,PARQ" doc:"Whether it may settle in parts: no, any, of a least cash value, of a least quantity."`
	MinQuantity            *string         `json:"min_quantity" format:"decimal" doc:"The smallest part; null where none is stated."`
	Links                  []Link          `json:"links" doc:"The instructions that it depends on."`
	ReversalOf             *string         `json:"reversal_of" format:"uuid" doc:"The settlement that this one reverses."`
	MatchedWith            *string         `json:"matched_with" format:"uuid" doc:"The counterparty's instruction, where it is in the house and matched."`
	SettledQuantity        string          `json:"settled_quantity" format:"decimal" doc:"What has moved." example:"1.25"`
	OpenQuantity           string          `json:"open_quantity" format:"decimal" doc:"What may still move." example:"0"`
	SettledPayment         *string         `json:"settled_payment" format:"decimal" doc:"The cash that moved with what settled; null where it is free of payment."`
	Reserved               *string         `json:"reserved" format:"decimal" doc:"What the account has reserved for it: of the symbol where it delivers, of the payment's currency where it pays; null for nothing."`
	Penalty                *string         `json:"penalty" format:"decimal" doc:"What late settlement has cost so far, in the payment's currency or, free of payment, in units of the symbol; null for nothing."`
	Reason                 *string         `json:"reason" doc:"ISO 20022 code of why it failed, was cancelled or is held." example:"LACK"`
	ReasonText             *string         `json:"reason_text" doc:"The reason in words."`
	ExpectedSettlementDate string          `json:"expected_settlement_date" format:"date"`
	InitiatedAt            string          `json:"initiated_at" format:"date-time"`
	CompletedAt            *string         `json:"completed_at" format:"date-time" doc:"When it became final; null before."`
	NextActionAt           *string         `json:"next_action_at" format:"date-time" doc:"When it moves on by itself next; null where it waits for an event alone."`
	Processing             Dimension       `json:"processing" doc:"Whether the instruction was taken: ACKNOWLEDGED, PENDING_PROCESSING, REJECTED, CANCEL_REQUESTED, CANCELLED."`
	Matching               *Dimension      `json:"matching" doc:"Whether it is matched: UNMATCHED, MATCHED; null where it needs no match, and before it is processed."`
	Settlement             Dimension       `json:"settlement" doc:"Whether it has settled: PENDING, FAILING, PARTIALLY_SETTLED, SETTLED."`
	Hold                   Dimension       `json:"hold" doc:"Whether it is held: HELD, RELEASED."`
	History                []Transition    `json:"history" doc:"Every step so far, the oldest first."`
	Metadata               json.RawMessage `json:"metadata" doc:"What the caller attached."`
	Also                   []Settlement    `json:"also,omitempty" doc:"In events: the other settlements that the same event has changed, such as the matching one."`
}

// Cash is an amount of one currency.
type Cash struct {
	_        struct{} `additionalProperties:"true"`
	Currency string   `json:"currency" example:"USD"`
	Amount   string   `json:"amount" format:"decimal" example:"19000.00"`
}

// Party is a counterparty outside the house.
type Party struct {
	_    struct{} `additionalProperties:"true"`
	Name *string  `json:"name" example:"Broker Ltd"`
	BIC  *string  `json:"bic" doc:"Business identifier code, ISO 9362." example:"BROKGB2L"`
}

// Link is a dependency on another instruction.
type Link struct {
	_          struct{} `additionalProperties:"true"`
	Type       string   `json:"type" enum:"WITH,AFTE,BEFO,INFO" doc:"Together with it, after it, before it, or for information."`
	ExternalID string   `json:"external_id" example:"A-0"`
}

// Dimension is one of the independent views of a settlement that ISO 20022
// sese.024 reports.
type Dimension struct {
	_          struct{} `additionalProperties:"true"`
	Status     string   `json:"status" example:"SETTLED"`
	ReasonCode string   `json:"reason_code,omitempty" doc:"ISO 20022 code of the reason." example:"LACK"`
	Reason     string   `json:"reason,omitempty" doc:"The reason in words."`
}

// Transition is one step in the life of a settlement.
type Transition struct {
	_          struct{}  `additionalProperties:"true"`
	At         string    `json:"at" format:"date-time"`
	Status     string    `json:"status" doc:"The step: a status of one of the dimensions, or RESERVED, UNRESERVED, CANCEL_DENIED; of a transfer a stage." example:"SETTLED"`
	ReasonCode string    `json:"reason_code,omitempty" example:"LACK"`
	Reason     string    `json:"reason,omitempty"`
	Sequence   uint64    `json:"sequence" doc:"The event that recorded the step; ledger entries with this sequence belong to it." example:"17"`
	Postings   []Posting `json:"postings,omitempty" doc:"What the event moved, shown with its last step, when a single record is asked for."`
}

// Posting moves an amount from debit to credit.
type Posting struct {
	_      struct{}      `additionalProperties:"true"`
	Symbol string        `json:"symbol" example:"USD"`
	Amount string        `json:"amount" format:"decimal" doc:"What moved from debit to credit; above zero." example:"1000.00"`
	Debit  LedgerAccount `json:"debit"`
	Credit LedgerAccount `json:"credit"`
}

// SettlementStatus is how far a settlement is, without what was instructed.
type SettlementStatus struct {
	_                      struct{}   `additionalProperties:"true"`
	SettlementID           string     `json:"settlement_id" format:"uuid"`
	ExternalID             *string    `json:"external_id" example:"ext-1"`
	Status                 string     `json:"status" enum:"PENDING,IN_PROGRESS,COMPLETED,FAILED,CANCELLED"`
	SettledQuantity        string     `json:"settled_quantity" format:"decimal" example:"1.25"`
	OpenQuantity           string     `json:"open_quantity" format:"decimal" example:"0"`
	SettledPayment         *string    `json:"settled_payment" format:"decimal" doc:"The cash that moved with what settled; null where it is free of payment."`
	Reserved               *string    `json:"reserved" format:"decimal" doc:"What the account has reserved for it; null for nothing."`
	Penalty                *string    `json:"penalty" format:"decimal" doc:"What late settlement has cost so far; null for nothing."`
	Reason                 *string    `json:"reason" doc:"ISO 20022 code of why it failed, was cancelled or is held." example:"LACK"`
	ReasonText             *string    `json:"reason_text" doc:"The reason in words."`
	ExpectedSettlementDate string     `json:"expected_settlement_date" format:"date"`
	InitiatedAt            string     `json:"initiated_at" format:"date-time"`
	CompletedAt            *string    `json:"completed_at" format:"date-time" doc:"When it became final; null before."`
	NextActionAt           *string    `json:"next_action_at" format:"date-time" doc:"When it moves on by itself next; null where it waits for an event alone."`
	Processing             Dimension  `json:"processing"`
	Matching               *Dimension `json:"matching" doc:"Null where it needs no match, and before it is processed."`
	Settlement             Dimension  `json:"settlement"`
	Hold                   Dimension  `json:"hold"`
}

// SettlementStatus appends a settlement in the shape of [SettlementStatus].
func (e *Encoder) SettlementStatus(dst []byte, s *sim.Settlement) []byte {
	dst = appendID(dst, `{"settlement_id":`, s.ID)
	dst = appendNullable(dst, `,"external_id":`, s.ExternalID)
	dst = appendText(dst, `,"status":`, string(s.Status))
	dst = e.appendProgress(dst, s, e.cashDecimals(s.Symbol))
	dst = appendText(dst, `,"expected_settlement_date":`, s.ExpectedDate)
	dst = appendTime(dst, `,"initiated_at":`, s.InitiatedAt)
	dst = appendTime(dst, `,"completed_at":`, s.CompletedAt)
	dst = appendTime(dst, `,"next_action_at":`, s.DueAt)
	dst = appendDimensions(dst, s)
	return append(dst, '}')
}
