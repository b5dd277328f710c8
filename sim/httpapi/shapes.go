package httpapi

import (
	"encoding/json"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/httpapi/openapi"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/httpapi/problem"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/view"
)

// The types below are the bodies of requests. They document them, and their
// json tags are what the readers of bodies go by: which fields there are and
// which of them are required.

// OpenAccount is the body that opens an account.
type OpenAccount struct {
	AccountID   string          `json:"account_id" maxLength:"100" doc:"Your name for the account." example:"fund-a"`
	ClientID    string          `json:"client_id,omitempty" maxLength:"100" doc:"Whose account it is; the account's own id by default." example:"client-1"`
	AccountType string          `json:"account_type,omitempty" enum:"MASTER,SEGREGATED" doc:"MASTER by default."`
	Metadata    json.RawMessage `json:"metadata,omitempty" doc:"Anything you want to attach, up to 4096 bytes."`
}

// UpdateAccount is the body that changes an account.
type UpdateAccount struct {
	Status   string          `json:"status,omitempty" enum:"ACTIVE,FROZEN,CLOSED" doc:"FROZEN keeps what the account has where it is; CLOSED is for good, and needs an empty account with nothing under way."`
	Metadata json.RawMessage `json:"metadata,omitempty" doc:"Takes the place of what was attached."`
}

// OpenPosition is the body that opens a position. The quantity is given as a
// whole, by its parts, or both if they agree.
type OpenPosition struct {
	AccountID         string          `json:"account_id" maxLength:"100" example:"test-account"`
	Symbol            string          `json:"symbol" maxLength:"50" example:"BTC-USD"`
	Quantity          openapi.Decimal `json:"quantity,omitempty" doc:"Available plus locked. This or available_quantity is required."`
	AvailableQuantity openapi.Decimal `json:"available_quantity,omitempty" doc:"The quantity that may be settled."`
	LockedQuantity    openapi.Decimal `json:"locked_quantity,omitempty" doc:"The quantity that is reserved; 0 by default."`
	AverageCost       openapi.Decimal `json:"average_cost,omitempty" doc:"Per unit, in currency."`
	MarketValue       openapi.Decimal `json:"market_value,omitempty" doc:"Of the whole position, in currency."`
	Currency          string          `json:"currency,omitempty" maxLength:"10" doc:"What the position is valued in; what the symbol says by default." example:"USD"`
	Metadata          json.RawMessage `json:"metadata,omitempty" doc:"Anything you want to attach, up to 4096 bytes."`
}

// UpdatePosition is the body that changes a position; fields left out stay.
type UpdatePosition struct {
	Quantity    openapi.Decimal `json:"quantity,omitempty" doc:"The new total; what is locked stays, what is available makes up the difference."`
	AverageCost openapi.Decimal `json:"average_cost,omitempty"`
	MarketValue openapi.Decimal `json:"market_value,omitempty"`
	Currency    string          `json:"currency,omitempty" maxLength:"10" example:"USD"`
	Metadata    json.RawMessage `json:"metadata,omitempty" doc:"Takes the place of what was attached."`
}

// LockPosition is the body that locks or unlocks a part of a position.
type LockPosition struct {
	Quantity openapi.Decimal `json:"quantity,omitempty" doc:"How much; required."`
	Amount   openapi.Decimal `json:"amount,omitempty" doc:"Another name for quantity."`
}

// OpenBalance is the body that opens a balance. What it holds is given as a
// whole, by its parts, or both if they agree.
type OpenBalance struct {
	AccountID        string          `json:"account_id" maxLength:"100" example:"test-account"`
	Currency         string          `json:"currency" maxLength:"10" doc:"An ISO 4217 code, or an asset that is declared as cash." example:"USD"`
	AvailableBalance openapi.Decimal `json:"available_balance,omitempty" doc:"The cash that may be settled. This or total_balance is required."`
	LockedBalance    openapi.Decimal `json:"locked_balance,omitempty" doc:"The cash that is reserved; 0 by default."`
	TotalBalance     openapi.Decimal `json:"total_balance,omitempty" doc:"Available plus locked."`
	Metadata         json.RawMessage `json:"metadata,omitempty" doc:"Anything you want to attach, up to 4096 bytes."`
}

// UpdateBalance is the body that changes a balance; fields left out stay.
type UpdateBalance struct {
	AvailableBalance openapi.Decimal `json:"available_balance,omitempty" doc:"The new available cash; what is locked stays."`
	TotalBalance     openapi.Decimal `json:"total_balance,omitempty" doc:"The new total; what is locked stays."`
	Metadata         json.RawMessage `json:"metadata,omitempty" doc:"Takes the place of what was attached."`
}

// LockBalance is the body that locks or unlocks a part of a balance.
type LockBalance struct {
	Amount openapi.Decimal `json:"amount" doc:"How much."`
}

// Instruction is the body that instructs a settlement.
type Instruction struct {
	SettlementType      string            `json:"settlement_type" enum:"DEPOSIT,WITHDRAWAL,TRANSFER,DVP,RVP,DFP,RFP" doc:"What to move: into the house, out of it, within it, or deliver or receive against or free of payment."`
	AccountID           string            `json:"account_id,omitempty" maxLength:"100" doc:"Whose instruction it is; required but for a TRANSFER, where it is the source account by default." example:"test-account"`
	Symbol              string            `json:"symbol" maxLength:"50" doc:"What to move; cash moves balances, everything else positions." example:"BTC-USD"`
	Quantity            openapi.Decimal   `json:"quantity" doc:"How much; above zero."`
	Payment             *Payment          `json:"payment,omitempty" doc:"The cash leg: required for DVP and RVP, refused for the others."`
	ExternalID          string            `json:"external_id,omitempty" maxLength:"100" doc:"Your own id, which may be used once." example:"ext-1"`
	SourceAccount       string            `json:"source_account,omitempty" maxLength:"100" doc:"Required for a TRANSFER; of a DEPOSIT the outside account, as free text."`
	DestinationAccount  string            `json:"destination_account,omitempty" maxLength:"100" doc:"Required for a TRANSFER; of a WITHDRAWAL the outside account, as free text."`
	CounterpartyAccount string            `json:"counterparty_account,omitempty" maxLength:"100" doc:"The other side, where it is in the house. DVP, RVP, DFP and RFP need this or counterparty."`
	Counterparty        *Counterparty     `json:"counterparty,omitempty" doc:"The other side, where it is not in the house."`
	TradeDate           string            `json:"trade_date,omitempty" format:"date"`
	SettlementDate      string            `json:"settlement_date,omitempty" format:"date" doc:"The value date; that of the profile's cycle by default."`
	Rail                string            `json:"rail,omitempty" doc:"How a deposit or withdrawal travels; on none by default." example:"crypto_external"`
	Hold                bool              `json:"hold,omitempty" doc:"Whether to wait for a release before settling."`
	Partial             string            `json:"partial,omitempty" enum:"NPAR,PART,PARC,PARQ" doc:"Whether it may settle in parts: no (the default), any, of a least cash value, of a least quantity."`
	MinQuantity         openapi.Decimal   `json:"min_quantity,omitempty" doc:"The smallest part, for PARC in the payment's currency; belongs to PARC and PARQ."`
	Links               []InstructionLink `json:"links,omitempty" maxItems:"16" doc:"The instructions that it depends on, which must have been given before."`
	Metadata            json.RawMessage   `json:"metadata,omitempty" doc:"Anything you want to attach, up to 4096 bytes."`
}

// Payment is the cash leg of an instruction.
type Payment struct {
	Currency string          `json:"currency" maxLength:"10" example:"USD"`
	Amount   openapi.Decimal `json:"amount"`
}

// Counterparty is a party outside the house.
type Counterparty struct {
	Name string `json:"name,omitempty" maxLength:"100" example:"Broker Ltd"`
	BIC  string `json:"bic,omitempty" doc:"Business identifier code, ISO 9362." example:"BROKGB2L"`
}

// InstructionLink is a dependency of an instruction on another one.
type InstructionLink struct {
	Type       string `json:"type" enum:"WITH,AFTE,BEFO,INFO" doc:"Settle together with it, after it, before it, or just say so."`
	ExternalID string `json:"external_id" maxLength:"100" example:"A-0"`
}

// BulkInstructions is the body that instructs many settlements.
type BulkInstructions struct {
	Settlements []Instruction `json:"settlements" minItems:"1" doc:"Handled in their order, each on its own."`
}

// NoFields is the body of requests that need none.
type NoFields struct{}

// The types below are the bodies of answers, beside those of package view. They
// only document them.

// BulkResults says what became of many instructions.
type BulkResults struct {
	_       struct{}     `additionalProperties:"true"`
	Results []BulkResult `json:"results" doc:"One for each instruction, in their order."`
}

// BulkResult says what became of one instruction: it has a settlement or an
// error.
type BulkResult struct {
	_          struct{}         `additionalProperties:"true"`
	Status     int              `json:"status" doc:"The HTTP status that the instruction alone would have been answered with." example:"201"`
	Replayed   bool             `json:"replayed,omitempty" doc:"Whether this is the answer to an earlier request with the same key."`
	Settlement *view.Settlement `json:"settlement,omitempty"`
	Error      *problem.Problem `json:"error,omitempty"`
}

// Accounts is a page of accounts.
type Accounts struct {
	_          struct{}       `additionalProperties:"true"`
	Accounts   []view.Account `json:"accounts"`
	NextCursor *string        `json:"next_cursor" doc:"Where the next page begins; null at the end."`
}

// Positions is a page of positions.
type Positions struct {
	_          struct{}        `additionalProperties:"true"`
	Positions  []view.Position `json:"positions"`
	NextCursor *string         `json:"next_cursor" doc:"Where the next page begins; null at the end."`
}

// Balances is a page of balances.
type Balances struct {
	_          struct{}       `additionalProperties:"true"`
	Balances   []view.Balance `json:"balances"`
	NextCursor *string        `json:"next_cursor" doc:"Where the next page begins; null at the end."`
}

// Settlements is a page of settlements.
type Settlements struct {
	_           struct{}          `additionalProperties:"true"`
	Settlements []view.Settlement `json:"settlements"`
	NextCursor  *string           `json:"next_cursor" doc:"Where the next page begins; null at the end."`
}

// Transfers is a page of transfers.
type Transfers struct {
	_          struct{}        `additionalProperties:"true"`
	Transfers  []view.Transfer `json:"transfers"`
	NextCursor *string         `json:"next_cursor" doc:"Where the next page begins; null at the end."`
}

// CorporateActions is a page of corporate actions.
type CorporateActions struct {
	_                struct{}               `additionalProperties:"true"`
	CorporateActions []view.CorporateAction `json:"corporate_actions"`
	NextCursor       *string                `json:"next_cursor" doc:"Where the next page begins; null at the end."`
}

// Reconciliations is the latest result and a page of breaks.
type Reconciliations struct {
	_          struct{}             `additionalProperties:"true"`
	Latest     *view.Reconciliation `json:"latest" doc:"Null before the first."`
	Breaks     []view.Break         `json:"breaks"`
	NextCursor *string              `json:"next_cursor" doc:"Where the next page begins; null at the end."`
}

// WebhookList is all webhooks.
type WebhookList struct {
	_        struct{}       `additionalProperties:"true"`
	Webhooks []view.Webhook `json:"webhooks"`
}

// Entries is a page of ledger entries.
type Entries struct {
	_          struct{}     `additionalProperties:"true"`
	Entries    []view.Entry `json:"entries"`
	NextCursor *string      `json:"next_cursor" doc:"Where the next page begins; null at the end."`
}

// Events is a page of events.
type Events struct {
	_          struct{}     `additionalProperties:"true"`
	Events     []view.Event `json:"events"`
	NextCursor *string      `json:"next_cursor" doc:"Where the next page begins; null at the end."`
}
