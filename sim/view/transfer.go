package view

import (
	"encoding/json"
	"strconv"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
)

// Transfer is a payment or delivery over a rail and what became of it.
type Transfer struct {
	_                     struct{}        `additionalProperties:"true"`
	TransferID            string          `json:"transfer_id" format:"uuid"`
	ExternalID            *string         `json:"external_id" doc:"The caller's own id, unique among transfers." example:"tx-1"`
	Rail                  string          `json:"rail" doc:"How it travels." example:"wire_domestic"`
	Direction             string          `json:"direction" enum:"OUT,IN" doc:"Out of the account or into it."`
	AccountID             string          `json:"account_id" example:"fund-a"`
	Symbol                string          `json:"symbol" example:"USD"`
	Quantity              string          `json:"quantity" format:"decimal" example:"250000.00"`
	Beneficiary           *Beneficiary    `json:"beneficiary" doc:"The other side: where it goes to, or comes from; null where nobody said."`
	CreditAccount         *string         `json:"credit_account" doc:"The account of this house that a book transfer goes to."`
	RequestedBy           *string         `json:"requested_by" example:"alice"`
	Status                string          `json:"status" enum:"PENDING,IN_PROGRESS,COMPLETED,FAILED,CANCELLED" doc:"How far it is."`
	Stage                 string          `json:"stage" enum:"SUBMITTED,AWAITING_APPROVAL,APPROVED,RESERVED,BROADCAST,CONFIRMING,SETTLED,REJECTED,RETURNED,EXPIRED,CANCELLED" doc:"How far it is, finer."`
	Reason                *string         `json:"reason" doc:"Code of why it did not settle, or why it waits." example:"MONY"`
	ReasonText            *string         `json:"reason_text" doc:"The reason in words."`
	ApprovalsRequired     int             `json:"approvals_required" doc:"How many approvals the amount needs." example:"2"`
	Approvals             []Approval      `json:"approvals" doc:"The decisions so far, the oldest first."`
	Confirmations         int             `json:"confirmations" doc:"How many the network has given." example:"3"`
	ConfirmationsRequired int             `json:"confirmations_required" doc:"How many make it final; 0 on rails without." example:"6"`
	Fee                   string          `json:"fee" format:"decimal" doc:"The network's, in units of the symbol." example:"0"`
	MaxFee                string          `json:"max_fee" format:"decimal" doc:"The most that the fee may be, which was reserved." example:"0"`
	Reserved              *string         `json:"reserved" format:"decimal" doc:"What the account has reserved for it; null for nothing."`
	InTransit             *string         `json:"in_transit" format:"decimal" doc:"What is on its way out; null for nothing."`
	PendingIn             *string         `json:"pending_in" format:"decimal" doc:"What is on its way in; null for nothing."`
	Reorganizations       int             `json:"reorganizations" doc:"How often a reorganisation of the chain has taken it back."`
	Returnable            bool            `json:"returnable" doc:"Whether it has settled and may still be returned."`
	Shortfall             *string         `json:"shortfall" format:"decimal" doc:"What a return could not take back from the account; null for nothing."`
	ValueDate             *string         `json:"value_date" format:"date" doc:"The date on which it is due to settle."`
	InitiatedAt           string          `json:"initiated_at" format:"date-time"`
	CompletedAt           *string         `json:"completed_at" format:"date-time" doc:"When it came to its end; null before."`
	ExpectedCompletion    *string         `json:"expected_completion" format:"date-time"`
	ExpiresAt             *string         `json:"expires_at" format:"date-time" doc:"When it expires, if it still awaits approval then."`
	NextActionAt          *string         `json:"next_action_at" format:"date-time" doc:"When it moves on by itself next; null where it waits for somebody."`
	History               []Transition    `json:"history" doc:"Every step so far, the oldest first."`
	Metadata              json.RawMessage `json:"metadata" doc:"What the caller attached."`
}

// Beneficiary is the other side of a transfer: a bank account, or an address on
// a network.
type Beneficiary struct {
	_       struct{} `additionalProperties:"true"`
	Name    *string  `json:"name" example:"Broker Ltd"`
	Account *string  `json:"account" example:"GB33BUKB20201555555555"`
	Bank    *string  `json:"bank" example:"BUKBGB22"`
	Address *string  `json:"address"`
	Network *string  `json:"network" example:"bitcoin"`
}

// Approval is an approver's decision.
type Approval struct {
	_        struct{} `additionalProperties:"true"`
	By       string   `json:"by" example:"bob"`
	At       string   `json:"at" format:"date-time"`
	Decision string   `json:"decision" enum:"APPROVED,REJECTED"`
}

// Transfer appends a transfer in the shape of [Transfer].
func (e *Encoder) Transfer(dst []byte, t *sim.Transfer) []byte { return e.TransferWith(dst, t, nil) }

// TransferWith appends a transfer with the postings of its history.
func (e *Encoder) TransferWith(dst []byte, t *sim.Transfer, moved Postings) []byte {
	decimals := e.cashDecimals(t.Symbol)
	dst = appendID(dst, `{"transfer_id":`, t.ID)
	dst = appendNullable(dst, `,"external_id":`, t.ExternalID)
	dst = appendText(dst, `,"rail":`, t.Rail)
	dst = appendText(dst, `,"direction":`, string(t.Direction))
	dst = appendText(dst, `,"account_id":`, t.AccountID)
	dst = appendText(dst, `,"symbol":`, t.Symbol)
	dst = appendAmount(dst, `,"quantity":`, t.Quantity, decimals)
	dst = appendBeneficiary(dst, &t.Beneficiary)
	dst = appendNullable(dst, `,"credit_account":`, t.CreditAccount)
	dst = appendNullable(dst, `,"requested_by":`, t.RequestedBy)
	dst = e.appendStage(dst, t, decimals)
	dst = appendPositive(dst, `,"reserved":`, t.Reserved, decimals)
	dst = appendPositive(dst, `,"in_transit":`, t.Transit, decimals)
	dst = appendPositive(dst, `,"pending_in":`, t.PendingIn, decimals)
	dst = appendInt(dst, `,"reorganizations":`, t.Reorgs)
	dst = strconv.AppendBool(append(dst, `,"returnable":`...), t.ReturnDue)
	dst = appendPositive(dst, `,"shortfall":`, t.Shortfall, decimals)
	dst = appendNullable(dst, `,"value_date":`, t.ValueDate)
	dst = appendTime(dst, `,"initiated_at":`, t.InitiatedAt)
	dst = appendTime(dst, `,"completed_at":`, t.CompletedAt)
	dst = appendTime(dst, `,"expected_completion":`, t.ExpectedCompletion)
	dst = appendTime(dst, `,"expires_at":`, t.ExpiresAt)
	dst = appendTime(dst, `,"next_action_at":`, t.DueAt)
	dst = e.appendHistory(dst, t.History, moved)
	return append(appendMetadata(dst, t.Metadata), '}')
}

func appendBeneficiary(dst []byte, b *sim.Beneficiary) []byte {
	if *b == (sim.Beneficiary{}) {
		return append(dst, `,"beneficiary":null`...)
	}
	dst = appendNullable(dst, `,"beneficiary":{"name":`, b.Name)
	dst = appendNullable(dst, `,"account":`, b.Account)
	dst = appendNullable(dst, `,"bank":`, b.Bank)
	dst = appendNullable(dst, `,"address":`, b.Address)
	return append(appendNullable(dst, `,"network":`, b.Network), '}')
}

// appendStage appends how far a transfer is.
func (e *Encoder) appendStage(dst []byte, t *sim.Transfer, decimals int) []byte {
	dst = appendText(dst, `,"status":`, string(t.Status))
	dst = appendText(dst, `,"stage":`, string(t.Stage))
	dst = appendNullable(dst, `,"reason":`, t.ReasonCode)
	dst = appendNullable(dst, `,"reason_text":`, t.Reason)
	dst = appendInt(dst, `,"approvals_required":`, t.ApprovalsRequired)
	dst = append(dst, `,"approvals":[`...)
	for i := range t.Approvals {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendText(dst, `{"by":`, t.Approvals[i].By)
		dst = appendTime(dst, `,"at":`, t.Approvals[i].At)
		dst = append(appendText(dst, `,"decision":`, string(t.Approvals[i].Decision)), '}')
	}
	dst = appendInt(append(dst, ']'), `,"confirmations":`, t.Confirmations)
	dst = appendInt(dst, `,"confirmations_required":`, t.ConfirmationsRequired)
	dst = appendAmount(dst, `,"fee":`, t.Fee, decimals)
	return appendAmount(dst, `,"max_fee":`, t.MaxFee, decimals)
}

func appendInt(dst []byte, name string, n int) []byte {
	return strconv.AppendInt(append(dst, name...), int64(n), 10)
}

// TransferStatus is how far a transfer is, without what was asked for.
type TransferStatus struct {
	_                     struct{}   `additionalProperties:"true"`
	TransferID            string     `json:"transfer_id" format:"uuid"`
	ExternalID            *string    `json:"external_id" example:"tx-1"`
	Status                string     `json:"status" enum:"PENDING,IN_PROGRESS,COMPLETED,FAILED,CANCELLED"`
	Stage                 string     `json:"stage" example:"CONFIRMING"`
	Reason                *string    `json:"reason" example:"MONY"`
	ReasonText            *string    `json:"reason_text"`
	ApprovalsRequired     int        `json:"approvals_required"`
	Approvals             []Approval `json:"approvals"`
	Confirmations         int        `json:"confirmations"`
	ConfirmationsRequired int        `json:"confirmations_required"`
	Fee                   string     `json:"fee" format:"decimal" example:"0"`
	MaxFee                string     `json:"max_fee" format:"decimal" example:"0"`
	CompletedAt           *string    `json:"completed_at" format:"date-time"`
	ExpectedCompletion    *string    `json:"expected_completion" format:"date-time"`
	NextActionAt          *string    `json:"next_action_at" format:"date-time"`
}

// TransferStatus appends a transfer in the shape of [TransferStatus].
func (e *Encoder) TransferStatus(dst []byte, t *sim.Transfer) []byte {
	dst = appendID(dst, `{"transfer_id":`, t.ID)
	dst = appendNullable(dst, `,"external_id":`, t.ExternalID)
	dst = e.appendStage(dst, t, e.cashDecimals(t.Symbol))
	dst = appendTime(dst, `,"completed_at":`, t.CompletedAt)
	dst = appendTime(dst, `,"expected_completion":`, t.ExpectedCompletion)
	return append(appendTime(dst, `,"next_action_at":`, t.DueAt), '}')
}
