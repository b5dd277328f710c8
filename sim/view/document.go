package view

import (
	"encoding/json"
	"time"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/request"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/view/jsontext"
)

// The types below document the contents of documents, which [Encoder.Document]
// appends as they are recorded: decimals without digits that they do not need,
// and what a document does not have is left out.

// FaultRule is a fault on purpose that is active.
type FaultRule struct {
	_        struct{}            `additionalProperties:"true"`
	ID       string              `json:"id" format:"uuid"`
	Name     string              `json:"name,omitempty" doc:"Where the rule is from: the chaos call, or what the caller named it." example:"delay-settlements"`
	Match    *request.FaultMatch `json:"match,omitempty" doc:"What it is about; all where it is not there."`
	Effect   request.FaultEffect `json:"effect"`
	Since    string              `json:"since" format:"date-time"`
	Until    string              `json:"until,omitempty" format:"date-time" doc:"When it expires; not there where it lasts until it is cleared."`
	Sequence uint64              `json:"sequence" doc:"The event that added it; rules apply in this order."`
}

// ChaosStatus is what goes wrong on purpose.
type ChaosStatus struct {
	_      struct{}    `additionalProperties:"true"`
	Active int         `json:"active" doc:"How many rules are active." example:"1"`
	Now    string      `json:"now" format:"date-time" doc:"The instance time."`
	Rules  []FaultRule `json:"rules" doc:"The active rules, in the order in which they apply."`
}

// Reconciliation is the result of comparing our books with those outside.
type Reconciliation struct {
	_           struct{}   `additionalProperties:"true"`
	ID          string     `json:"id" format:"uuid"`
	At          string     `json:"at" format:"date-time"`
	Sequence    uint64     `json:"sequence" doc:"The event that carries the result."`
	Compared    int        `json:"compared" doc:"How many symbols were compared."`
	Matched     int        `json:"matched" doc:"How many of them agreed."`
	Opened      int        `json:"opened" doc:"How many breaks were found."`
	Resolved    int        `json:"resolved" doc:"How many breaks were resolved."`
	OpenBreaks  int        `json:"open_breaks" doc:"How many breaks are open afterwards."`
	Differences []BookLine `json:"differences,omitempty" doc:"The symbols that did not agree; at most 100."`
}

// BookLine compares what we say with what the outside says about one symbol.
type BookLine struct {
	_          struct{} `additionalProperties:"true"`
	Symbol     string   `json:"symbol" example:"AAPL"`
	Account    string   `json:"account" enum:"DEPOSITORY,NOSTRO" doc:"The mirror account."`
	Ours       string   `json:"ours" format:"decimal" doc:"What the mirror account says they hold for us." example:"100"`
	Theirs     string   `json:"theirs" format:"decimal" doc:"What their book says." example:"99"`
	Difference string   `json:"difference" format:"decimal" doc:"Theirs minus ours." example:"-1"`
}

// Break is a difference that a reconciliation found.
type Break struct {
	_          struct{} `additionalProperties:"true"`
	ID         string   `json:"id" format:"uuid"`
	Symbol     string   `json:"symbol" example:"AAPL"`
	Account    string   `json:"account" enum:"DEPOSITORY,NOSTRO" doc:"The mirror account."`
	Ours       string   `json:"ours" format:"decimal" doc:"What the mirror account says they hold for us." example:"100"`
	Theirs     string   `json:"theirs" format:"decimal" doc:"What their book says." example:"99"`
	Difference string   `json:"difference" format:"decimal" doc:"Theirs minus ours." example:"-1"`
	Kind       string   `json:"kind" doc:"The kind of asset." example:"security"`
	Status     string   `json:"status" enum:"OPEN,RESOLVED"`
	Resolution string   `json:"resolution,omitempty" enum:"TOLERANCE,AGREEMENT" doc:"How it was resolved."`
	OpenedAt   string   `json:"opened_at" format:"date-time"`
	SeenAt     string   `json:"seen_at" format:"date-time" doc:"When a reconciliation last found it as it is."`
	ResolvedAt string   `json:"resolved_at,omitempty" format:"date-time"`
	AgeS       int64    `json:"age_s,omitempty" doc:"How many seconds it has been open, or was; in lists."`
}

// Break appends a break in the shape of [Break], with its age at an instance
// time.
func (e *Encoder) Break(dst []byte, b *sim.Break, now time.Time) []byte {
	dst = appendValue(dst, b)
	age := uint64(max(b.Age(now)/time.Second, 0))
	if age == 0 {
		return dst
	}
	return append(jsontext.AppendUint(append(dst[:len(dst)-1], `,"age_s":`...), age), '}')
}

// Fault appends a fault rule in the shape of [FaultRule].
func (e *Encoder) Fault(dst []byte, r *sim.FaultRule) []byte { return appendValue(dst, r) }

// ChaosStatus appends the active rules in the shape of [ChaosStatus].
func (e *Encoder) ChaosStatus(dst []byte, rules []*sim.FaultRule, now time.Time) []byte {
	dst = appendInt(dst, `{"active":`, len(rules))
	dst = append(appendTime(dst, `,"now":`, now), `,"rules":[`...)
	for i, r := range rules {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = e.Fault(dst, r)
	}
	return append(dst, `]}`...)
}

// appendValue appends a value of the core that is made to be JSON.
func appendValue(dst []byte, v any) []byte {
	text, err := json.Marshal(v)
	if err != nil {
		return append(dst, "{}"...) // our own types encode
	}
	return append(dst, text...)
}

// CorporateAction is a corporate action and how far it has come.
type CorporateAction struct {
	_             struct{} `additionalProperties:"true"`
	ID            string   `json:"id" example:"ACME-2026-Q4"`
	Type          string   `json:"type" enum:"CASH_DIVIDEND,SPLIT,COUPON,REDEMPTION"`
	Code          string   `json:"code" doc:"ISO 20022 corporate action event code." example:"DVCA"`
	Symbol        string   `json:"symbol" example:"AAPL"`
	Status        string   `json:"status" enum:"ANNOUNCED,ENTITLED,PAYING,PAID,CANCELLED"`
	RecordDate    string   `json:"record_date" format:"date"`
	PaymentDate   string   `json:"payment_date" format:"date"`
	Rate          string   `json:"rate,omitempty" format:"decimal" doc:"The cash per unit." example:"0.25"`
	Currency      string   `json:"currency,omitempty" example:"USD"`
	NewUnits      string   `json:"new_units,omitempty" format:"decimal" example:"2"`
	OldUnits      string   `json:"old_units,omitempty" format:"decimal" example:"1"`
	Rounding      string   `json:"rounding,omitempty" enum:"DOWN,HALF_UP,HALF_EVEN"`
	Fractions     string   `json:"fractions,omitempty" enum:"DROP,PAY"`
	FractionPrice string   `json:"fraction_price,omitempty" format:"decimal"`
	AnnouncedAt   string   `json:"announced_at" format:"date-time"`
	EntitledAt    string   `json:"entitled_at,omitempty" format:"date-time"`
	CompletedAt   string   `json:"completed_at,omitempty" format:"date-time"`
	Accounts      int      `json:"accounts" doc:"How many accounts are entitled."`
	Parts         int      `json:"parts" doc:"In how many parts their entitlements are listed."`
	PaidParts     int      `json:"paid_parts" doc:"How many of those are paid."`
	Entitled      string   `json:"entitled,omitempty" format:"decimal" doc:"The sum of the recorded positions."`
	CashPaid      string   `json:"cash_paid,omitempty" format:"decimal" doc:"The cash that was paid."`
	UnitsChange   string   `json:"units_change,omitempty" format:"decimal" doc:"The units that came; below zero, went."`
	Dropped       string   `json:"dropped,omitempty" format:"decimal" doc:"The units given up as fractions."`
	Short         string   `json:"short,omitempty" format:"decimal" doc:"The units that could not be taken, because they were reserved."`
}

// Entitlements is a part of what accounts get from a corporate action.
type Entitlements struct {
	_               struct{}      `additionalProperties:"true"`
	CorporateAction string        `json:"corporate_action" example:"ACME-2026-Q4"`
	Part            int           `json:"part" doc:"The part's number, from 1."`
	Paid            bool          `json:"paid"`
	Entitlements    []Entitlement `json:"entitlements" doc:"By account."`
}

// Entitlement is what one account gets.
type Entitlement struct {
	_         struct{} `additionalProperties:"true"`
	AccountID string   `json:"account_id" example:"fund-a"`
	Quantity  string   `json:"quantity" format:"decimal" doc:"The position that entitles." example:"100"`
	Cash      string   `json:"cash,omitempty" format:"decimal" example:"25"`
	Units     string   `json:"units,omitempty" format:"decimal"`
	Dropped   string   `json:"dropped,omitempty" format:"decimal"`
	Short     string   `json:"short,omitempty" format:"decimal"`
}
