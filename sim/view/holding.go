package view

import (
	"encoding/json"

	"github.com/google/uuid"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
)

// Position is what an account holds of an asset other than cash.
type Position struct {
	_                 struct{}        `additionalProperties:"true"`
	PositionID        string          `json:"position_id" format:"uuid"`
	AccountID         string          `json:"account_id" example:"fund-a"`
	Symbol            string          `json:"symbol" example:"BTC-USD"`
	Quantity          string          `json:"quantity" format:"decimal" doc:"Available plus locked." example:"2.5"`
	AvailableQuantity string          `json:"available_quantity" format:"decimal" example:"2"`
	LockedQuantity    string          `json:"locked_quantity" format:"decimal" doc:"Not to be used: locked by a caller, or reserved." example:"0.5"`
	ReservedQuantity  string          `json:"reserved_quantity" format:"decimal" doc:"The part of what is locked that instructions and transfers have reserved." example:"0"`
	PendingInQuantity string          `json:"pending_in_quantity" format:"decimal" doc:"On its way in and not confirmed; no part of the quantity." example:"0"`
	InTransitQuantity string          `json:"in_transit_quantity" format:"decimal" doc:"On its way out and not confirmed; no part of the quantity." example:"0"`
	AverageCost       string          `json:"average_cost" format:"decimal" doc:"Per unit, in currency, as the caller stated it." example:"50000.00"`
	MarketValue       string          `json:"market_value" format:"decimal" doc:"Of the whole position, in currency, as the caller stated it." example:"125000.00"`
	Currency          *string         `json:"currency" doc:"What the position is valued in; null if nobody said." example:"USD"`
	Metadata          json.RawMessage `json:"metadata" doc:"What the caller attached."`
	CreatedAt         string          `json:"created_at" format:"date-time"`
	LastUpdated       string          `json:"last_updated" format:"date-time"`
}

// Balance is the cash that an account holds in one currency.
type Balance struct {
	_                struct{}        `additionalProperties:"true"`
	BalanceID        string          `json:"balance_id" format:"uuid"`
	AccountID        string          `json:"account_id" example:"fund-a"`
	Currency         string          `json:"currency" example:"USD"`
	AvailableBalance string          `json:"available_balance" format:"decimal" example:"900.00"`
	LockedBalance    string          `json:"locked_balance" format:"decimal" doc:"Not to be used: locked by a caller, or reserved." example:"100.00"`
	ReservedBalance  string          `json:"reserved_balance" format:"decimal" doc:"The part of what is locked that instructions and transfers have reserved." example:"0.00"`
	PendingInBalance string          `json:"pending_in_balance" format:"decimal" doc:"On its way in and not confirmed; no part of the total." example:"0.00"`
	InTransitBalance string          `json:"in_transit_balance" format:"decimal" doc:"On its way out and not confirmed; no part of the total." example:"0.00"`
	TotalBalance     string          `json:"total_balance" format:"decimal" doc:"Available plus locked." example:"1000.00"`
	Metadata         json.RawMessage `json:"metadata" doc:"What the caller attached."`
	CreatedAt        string          `json:"created_at" format:"date-time"`
	LastUpdated      string          `json:"last_updated" format:"date-time"`
}

// Holding appends a holding in the shape of [Position] or, where it is cash, of
// [Balance].
func (e *Encoder) Holding(dst []byte, h *sim.Holding) []byte {
	if h.Cash {
		return e.balance(dst, h)
	}
	return e.position(dst, h)
}

func (e *Encoder) position(dst []byte, h *sim.Holding) []byte {
	worth := e.cashDecimals(h.Currency)
	dst = appendID(dst, `{"position_id":`, h.ID)
	dst = appendText(dst, `,"account_id":`, h.AccountID)
	dst = appendText(dst, `,"symbol":`, h.Symbol)
	dst = appendAmount(dst, `,"quantity":`, h.Total(), 0)
	dst = appendAmount(dst, `,"available_quantity":`, h.Available, 0)
	dst = appendAmount(dst, `,"locked_quantity":`, h.Locked, 0)
	dst = appendAmount(dst, `,"reserved_quantity":`, h.Reserved, 0)
	dst = appendAmount(dst, `,"pending_in_quantity":`, h.PendingIn, 0)
	dst = appendAmount(dst, `,"in_transit_quantity":`, h.Transit, 0)
	dst = appendAmount(dst, `,"average_cost":`, h.AverageCost, worth)
	dst = appendAmount(dst, `,"market_value":`, h.MarketValue, worth)
	dst = appendNullable(dst, `,"currency":`, h.Currency)
	dst = appendMetadata(dst, h.Metadata)
	dst = appendTime(dst, `,"created_at":`, h.CreatedAt)
	dst = appendTime(dst, `,"last_updated":`, h.UpdatedAt)
	return append(dst, '}')
}

func (e *Encoder) balance(dst []byte, h *sim.Holding) []byte {
	decimals := e.cashDecimals(h.Symbol)
	dst = appendID(dst, `{"balance_id":`, h.ID)
	dst = appendText(dst, `,"account_id":`, h.AccountID)
	dst = appendText(dst, `,"currency":`, h.Symbol)
	dst = appendAmount(dst, `,"available_balance":`, h.Available, decimals)
	dst = appendAmount(dst, `,"locked_balance":`, h.Locked, decimals)
	dst = appendAmount(dst, `,"reserved_balance":`, h.Reserved, decimals)
	dst = appendAmount(dst, `,"pending_in_balance":`, h.PendingIn, decimals)
	dst = appendAmount(dst, `,"in_transit_balance":`, h.Transit, decimals)
	dst = appendAmount(dst, `,"total_balance":`, h.Total(), decimals)
	dst = appendMetadata(dst, h.Metadata)
	dst = appendTime(dst, `,"created_at":`, h.CreatedAt)
	dst = appendTime(dst, `,"last_updated":`, h.UpdatedAt)
	return append(dst, '}')
}

// appendID appends a member that is a UUID.
func appendID(dst []byte, name string, id uuid.UUID) []byte {
	return append(AppendID(append(append(dst, name...), '"'), id), '"')
}

// AppendID appends an id as plain text, in the form that all shapes show.
func AppendID(dst []byte, id uuid.UUID) []byte {
	const hexDigits = "0123456789abcdef"
	for i, b := range id {
		if i == 4 || i == 6 || i == 8 || i == 10 {
			dst = append(dst, '-')
		}
		dst = append(dst, hexDigits[b>>4], hexDigits[b&0xf])
	}
	return dst
}
