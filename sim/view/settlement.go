package view

import (
	"encoding/json"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/view/jsontext"
)

// Settlement is a settlement instruction and what became of it.
type Settlement struct {
	_                      struct{}        `additionalProperties:"true"`
	SettlementID           string          `json:"settlement_id" format:"uuid"`
	ExternalID             *string         `json:"external_id" doc:"The caller's own id, unique in this custodian." example:"ext-1"`
	SettlementType         string          `json:"settlement_type" doc:"What the instruction moves." example:"DEPOSIT"`
	AccountID              string          `json:"account_id" doc:"Whose instruction it is." example:"fund-a"`
	Symbol                 string          `json:"symbol" example:"BTC-USD"`
	Quantity               string          `json:"quantity" doc:"What was instructed." example:"1.25"`
	Status                 string          `json:"status" enum:"PENDING,IN_PROGRESS,COMPLETED,FAILED,CANCELLED" doc:"How far it is."`
	SourceAccount          *string         `json:"source_account" example:"DEPOSITORY"`
	DestinationAccount     *string         `json:"destination_account" example:"fund-a"`
	SettledQuantity        string          `json:"settled_quantity" doc:"What has moved." example:"1.25"`
	OpenQuantity           string          `json:"open_quantity" doc:"What may still move." example:"0"`
	Reason                 *string         `json:"reason" doc:"ISO 20022 code of why it failed, was cancelled or is held." example:"LACK"`
	ReasonText             *string         `json:"reason_text" doc:"The reason in words."`
	ExpectedSettlementDate string          `json:"expected_settlement_date" format:"date"`
	InitiatedAt            string          `json:"initiated_at" format:"date-time"`
	CompletedAt            *string         `json:"completed_at" format:"date-time" doc:"When it became final; null before."`
	Processing             Dimension       `json:"processing" doc:"Whether the instruction was taken: ACKNOWLEDGED, REJECTED, CANCELLED."`
	Settlement             Dimension       `json:"settlement" doc:"Whether it has settled: PENDING, SETTLED."`
	Hold                   Dimension       `json:"hold" doc:"Whether it is held: HELD, RELEASED."`
	History                []Transition    `json:"history" doc:"Every step so far, the oldest first."`
	Metadata               json.RawMessage `json:"metadata" doc:"What the caller attached."`
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
	_          struct{} `additionalProperties:"true"`
	At         string   `json:"at" format:"date-time"`
	Status     string   `json:"status" doc:"The step: ACKNOWLEDGED, HELD, RELEASED, SETTLED, REJECTED, CANCELLED." example:"SETTLED"`
	ReasonCode string   `json:"reason_code,omitempty" example:"LACK"`
	Reason     string   `json:"reason,omitempty"`
	Sequence   uint64   `json:"sequence" doc:"The event that recorded the step; ledger entries with this sequence belong to it." example:"17"`
}

// Settlement appends a settlement in the shape of [Settlement].
func (e *Encoder) Settlement(dst []byte, s *sim.Settlement) []byte {
	decimals := e.cashDecimals(s.Symbol)
	dst = appendID(dst, `{"settlement_id":`, s.ID)
	dst = appendNullable(dst, `,"external_id":`, s.ExternalID)
	dst = appendText(dst, `,"settlement_type":`, string(s.Type))
	dst = appendText(dst, `,"account_id":`, s.AccountID)
	dst = appendText(dst, `,"symbol":`, s.Symbol)
	dst = appendAmount(dst, `,"quantity":`, s.Quantity, decimals)
	dst = appendText(dst, `,"status":`, string(s.Status))
	dst = appendNullable(dst, `,"source_account":`, s.SourceAccount)
	dst = appendNullable(dst, `,"destination_account":`, s.DestinationAccount)
	dst = appendProgress(dst, s, decimals)
	dst = appendText(dst, `,"expected_settlement_date":`, s.ExpectedDate)
	dst = appendTime(dst, `,"initiated_at":`, s.InitiatedAt)
	dst = appendTime(dst, `,"completed_at":`, s.CompletedAt)
	dst = appendDimensions(dst, s)
	dst = append(dst, `,"history":[`...)
	for i := range s.History {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendTransition(dst, &s.History[i])
	}
	dst = append(dst, ']')
	dst = appendMetadata(dst, s.Metadata)
	return append(dst, '}')
}

// appendProgress appends how much moved and why not all of it.
func appendProgress(dst []byte, s *sim.Settlement, decimals int) []byte {
	code, text := s.Reason()
	dst = appendAmount(dst, `,"settled_quantity":`, s.Settled, decimals)
	dst = appendAmount(dst, `,"open_quantity":`, s.Open(), decimals)
	dst = appendNullable(dst, `,"reason":`, code)
	return appendNullable(dst, `,"reason_text":`, text)
}

func appendDimensions(dst []byte, s *sim.Settlement) []byte {
	dst = appendDimension(dst, `,"processing":`, &s.Processing)
	dst = appendDimension(dst, `,"settlement":`, &s.Settlement)
	return appendDimension(dst, `,"hold":`, &s.Hold)
}

func appendDimension(dst []byte, name string, d *sim.Dimension) []byte {
	dst = appendText(append(dst, name...), `{"status":`, d.Status)
	return append(appendReason(dst, d.ReasonCode, d.Reason), '}')
}

func appendTransition(dst []byte, t *sim.Transition) []byte {
	dst = appendTime(dst, `{"at":`, t.At)
	dst = appendText(dst, `,"status":`, t.Status)
	dst = appendReason(dst, t.ReasonCode, t.Reason)
	dst = jsontext.AppendUint(append(dst, `,"sequence":`...), t.Sequence)
	return append(dst, '}')
}

// appendReason appends a code and a text, each only where there is one.
func appendReason(dst []byte, code, text string) []byte {
	if code != "" {
		dst = appendText(dst, `,"reason_code":`, code)
	}
	if text != "" {
		dst = appendText(dst, `,"reason":`, text)
	}
	return dst
}

// SettlementStatus is how far a settlement is, without what was instructed.
type SettlementStatus struct {
	_               struct{}  `additionalProperties:"true"`
	SettlementID    string    `json:"settlement_id" format:"uuid"`
	ExternalID      *string   `json:"external_id" example:"ext-1"`
	Status          string    `json:"status" enum:"PENDING,IN_PROGRESS,COMPLETED,FAILED,CANCELLED"`
	SettledQuantity string    `json:"settled_quantity" example:"1.25"`
	OpenQuantity    string    `json:"open_quantity" example:"0"`
	Reason          *string   `json:"reason" doc:"ISO 20022 code of why it failed, was cancelled or is held." example:"LACK"`
	ReasonText      *string   `json:"reason_text" doc:"The reason in words."`
	CompletedAt     *string   `json:"completed_at" format:"date-time" doc:"When it became final; null before."`
	Processing      Dimension `json:"processing"`
	Settlement      Dimension `json:"settlement"`
	Hold            Dimension `json:"hold"`
}

// SettlementStatus appends a settlement in the shape of [SettlementStatus].
func (e *Encoder) SettlementStatus(dst []byte, s *sim.Settlement) []byte {
	dst = appendID(dst, `{"settlement_id":`, s.ID)
	dst = appendNullable(dst, `,"external_id":`, s.ExternalID)
	dst = appendText(dst, `,"status":`, string(s.Status))
	dst = appendProgress(dst, s, e.cashDecimals(s.Symbol))
	dst = appendTime(dst, `,"completed_at":`, s.CompletedAt)
	dst = appendDimensions(dst, s)
	return append(dst, '}')
}
