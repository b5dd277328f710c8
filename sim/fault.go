package sim

import (
	"time"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/money"
)

// The event types of faults.
const (
	// EventFaultAdded: a fault rule is active from now on.
	EventFaultAdded EventType = "fault.added"
	// EventFaultCleared: fault rules were taken away by request.
	EventFaultCleared EventType = "fault.cleared"
	// EventFaultExpired: a fault rule's time is over.
	EventFaultExpired EventType = "fault.expired"
)

// Bounds of fault rules.
const (
	// MaxFaults is how many rules may be active at a time.
	MaxFaults = 64
	// MaxFaultDuration is the longest that a rule may be given to last.
	MaxFaultDuration = 366 * 24 * time.Hour
	// MaxFaultDelay is the longest delay of a settlement or transfer.
	MaxFaultDelay = 366 * 24 * time.Hour
	// MaxFaultLatency is the longest that a fault may hold up a call of a face.
	MaxFaultLatency = time.Minute
	// MaxApprovalFactor is how many times slower approvers may become.
	MaxApprovalFactor = 10_000
)

// FaultScope restricts a rule to what moves in one way.
type FaultScope string

// The scopes of fault rules; an empty one restricts nothing.
const (
	// ScopeSettlements: settlement instructions.
	ScopeSettlements FaultScope = "settlements"
	// ScopeTransfers: transfers over rails, and instructions of type TRANSFER.
	ScopeTransfers FaultScope = "transfers"
)

// FaultRule is a fault on purpose that is active: what it is about and what it
// does. Rules are immutable.
type FaultRule struct {
	ID string `json:"id"`
	// Name says where the rule is from, for people: the chaos call, or what the
	// caller named it.
	Name   string      `json:"name,omitempty"`
	Match  FaultMatch  `json:"match,omitzero"`
	Effect FaultEffect `json:"effect"`
	// Since is when the rule became active, Until when it expires by itself; zero
	// for a rule that lasts until it is cleared. Both are instance times.
	Since time.Time `json:"since"`
	Until time.Time `json:"until,omitzero"`
	// Sequence is that of the event that added the rule. Rules apply in its order.
	Sequence uint64 `json:"sequence"`
}

// FaultMatch says which settlements and transfers a rule is about: those that
// every given field agrees with. Empty fields restrict nothing.
type FaultMatch struct {
	Scope FaultScope `json:"scope,omitempty"`
	// Rails are rails as transfers and instructions name them.
	Rails []string `json:"rails,omitempty"`
	// SettlementTypes are types of instructions. They may name rails too, as the
	// ecosystem's calls do.
	SettlementTypes []string `json:"settlement_types,omitempty"`
	Accounts        []string `json:"accounts,omitempty"`
	Symbols         []string `json:"symbols,omitempty"`
	// MinAmount and MaxAmount bound the quantity, both inclusive; zero for no bound.
	MinAmount money.Amount `json:"min_amount,omitzero"`
	MaxAmount money.Amount `json:"max_amount,omitzero"`
	// Rate is the probability, above zero and at most one, with which what matches
	// is affected; nil means always. It is drawn from the instance's generator.
	Rate *money.Amount `json:"rate,omitempty"`
}

// FaultEffect is what a rule does. At least one of its fields is set.
type FaultEffect struct {
	// DelaySeconds is how much later, in instance time, what matches goes on.
	DelaySeconds int64 `json:"delay_s,omitempty"`
	// Reject refuses what matches.
	Reject *RejectFault `json:"reject,omitempty"`
	// Partial lets only a part of what matches settle.
	Partial *PartialFault `json:"partial,omitempty"`
	// ApprovalDelayFactor multiplies the delays of simulated approvers.
	ApprovalDelayFactor int64 `json:"approval_delay_factor,omitempty"`
	// BankHoliday makes the days that the rule lasts no business days for what
	// matches.
	BankHoliday bool `json:"bank_holiday,omitempty"`

	// Offline takes the custodian away: commands and reads are refused with
	// [CodeOffline], and work that is due waits, until the rule is gone. Clock,
	// faults and health go on.
	Offline *OfflineFault `json:"offline,omitempty"`
	// LatencyMillis holds up every call of both faces, in real time.
	LatencyMillis int64 `json:"latency_ms,omitempty"`
	// HTTPError and GRPCError answer calls with an error in place of doing them.
	HTTPError *HTTPFault `json:"http_error,omitempty"`
	GRPCError *GRPCFault `json:"grpc_error,omitempty"`
	// Webhook disturbs the delivery of webhooks.
	Webhook *WebhookRule `json:"webhook,omitempty"`
	// Book makes the depository's book wrong, see [State.Books].
	Book *BookFault `json:"book,omitempty"`
}

// RejectFault refuses a settlement or transfer.
type RejectFault struct {
	// Code is an ISO 20022 reason code of four characters.
	Code   string `json:"code"`
	Reason string `json:"reason"`
}

// PartialFault lets a part settle.
type PartialFault struct {
	// Share is the part, above zero and below one.
	Share money.Amount `json:"share"`
}

// OfflineFault takes the custodian away.
type OfflineFault struct {
	// Message is what callers are told.
	Message string `json:"message"`
}

// HTTPFault answers HTTP calls with an error.
type HTTPFault struct {
	// Rate is the probability, above zero and at most one.
	Rate money.Amount `json:"rate"`
	// Status is from 400 to 599.
	Status int `json:"status"`
}

// GRPCFault answers gRPC calls with an error.
type GRPCFault struct {
	// Rate is the probability, above zero and at most one.
	Rate money.Amount `json:"rate"`
	// Code is the name of a gRPC status code other than OK, such as UNAVAILABLE.
	Code string `json:"code"`
}

// WebhookAction says how the delivery of an event is disturbed.
type WebhookAction string

// The disturbances of webhooks.
const (
	WebhookDrop      WebhookAction = "drop"
	WebhookDuplicate WebhookAction = "duplicate"
	WebhookReorder   WebhookAction = "reorder"
)

// WebhookRule disturbs the delivery of webhooks.
type WebhookRule struct {
	Action WebhookAction `json:"action"`
	// Rate is the probability, above zero and at most one, per event and endpoint.
	Rate money.Amount `json:"rate"`
}

// BookFault makes the depository's book differ from ours.
type BookFault struct {
	Symbol string `json:"symbol"`
	// Amount is what the book has too much, or below zero, too little.
	Amount money.Amount `json:"amount"`
}

// AddFault adds a fault rule. The result is its document, see [Document.Fault].
// It is refused with [CodeInvalid] naming the field, or with [CodeLimitReached]
// when [MaxFaults] are active.
type AddFault struct {
	// Name says where the rule is from, for people; it may be empty.
	Name   string
	Match  FaultMatch
	Effect FaultEffect
	// Duration is how long the rule lasts in instance time; zero until it is cleared.
	Duration time.Duration
}

// ClearFault takes an active rule away. It is refused with [CodeNotFound] when
// there is none with the id.
type ClearFault struct{ ID string }

// ClearFaults takes every active rule away, of which there may be none.
type ClearFaults struct{}

// Fault returns the rule that a [DocumentFault] holds. Its error wraps
// [ErrBrokenInvariant].
func (v *Document) Fault() (*FaultRule, error) { return valueOf[*FaultRule](v) }

// Faults returns the active rules in the order in which they apply. The list
// and the rules are immutable.
func (s *State) Faults() []*FaultRule { return s.faults.rules }
