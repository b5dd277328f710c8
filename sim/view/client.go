package view

import (
	"strconv"
	"time"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/view/jsontext"
)

// MasterBalance is all that a client holds.
type MasterBalance struct {
	_        struct{}       `additionalProperties:"true"`
	ClientID string         `json:"client_id" example:"client-1"`
	Account  *Account       `json:"account" doc:"The client's master account; null where it has segregated ones alone."`
	Own      []AssetBalance `json:"own" doc:"What the master account itself holds, by symbol."`
	Total    []AssetBalance `json:"total" doc:"What all accounts of the client hold together, by symbol."`
}

// SegregatedBalances is what a client's segregated accounts hold.
type SegregatedBalances struct {
	_        struct{}         `additionalProperties:"true"`
	ClientID string           `json:"client_id" example:"client-1"`
	Accounts []AccountBalance `json:"accounts" doc:"In the order of their ids."`
}

// AccountBalance is what one account holds.
type AccountBalance struct {
	_        struct{}       `additionalProperties:"true"`
	Account  Account        `json:"account"`
	Balances []AssetBalance `json:"balances" doc:"By symbol, positions and cash alike."`
}

// AssetBalance is what is held of one asset.
type AssetBalance struct {
	_         struct{} `additionalProperties:"true"`
	Symbol    string   `json:"symbol" example:"USD"`
	Cash      bool     `json:"cash" doc:"Whether it is cash."`
	Total     string   `json:"total" format:"decimal" doc:"Available plus locked." example:"1000.00"`
	Available string   `json:"available" format:"decimal" example:"900.00"`
	Locked    string   `json:"locked" format:"decimal" example:"100.00"`
	Reserved  string   `json:"reserved" format:"decimal" doc:"The part of what is locked that instructions and transfers have reserved." example:"0.00"`
	PendingIn string   `json:"pending_in" format:"decimal" doc:"On its way in; no part of the total." example:"0.00"`
	InTransit string   `json:"in_transit" format:"decimal" doc:"On its way out; no part of the total." example:"0.00"`
}

// MasterBalance appends a client's balance in the shape of [MasterBalance].
func (e *Encoder) MasterBalance(dst []byte, clientID string, m *sim.MasterBalance) []byte {
	dst = appendText(dst, `{"client_id":`, clientID)
	dst = append(dst, `,"account":`...)
	if m.Account == nil {
		dst = append(dst, "null"...)
	} else {
		dst = e.Account(dst, m.Account)
	}
	dst = e.holdings(append(dst, `,"own":`...), m.Own)
	return append(e.holdings(append(dst, `,"total":`...), m.Total), '}')
}

// SegregatedBalances appends a client's accounts in the shape of
// [SegregatedBalances].
func (e *Encoder) SegregatedBalances(dst []byte, clientID string, accounts []sim.AccountBalances) []byte {
	dst = append(appendText(dst, `{"client_id":`, clientID), `,"accounts":[`...)
	for i := range accounts {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = e.Account(append(dst, `{"account":`...), accounts[i].Account)
		dst = append(e.holdings(append(dst, `,"balances":`...), accounts[i].Balances), '}')
	}
	return append(dst, `]}`...)
}

func (e *Encoder) holdings(dst []byte, balances []sim.SymbolBalance) []byte {
	dst = append(dst, '[')
	for i := range balances {
		if i > 0 {
			dst = append(dst, ',')
		}
		b := &balances[i]
		decimals := e.cashDecimals(b.Symbol)
		dst = appendText(dst, `{"symbol":`, b.Symbol)
		dst = strconv.AppendBool(append(dst, `,"cash":`...), b.Cash)
		dst = appendAmount(dst, `,"total":`, b.Total(), decimals)
		dst = appendAmount(dst, `,"available":`, b.Available, decimals)
		dst = appendAmount(dst, `,"locked":`, b.Locked, decimals)
		dst = appendAmount(dst, `,"reserved":`, b.Reserved, decimals)
		dst = appendAmount(dst, `,"pending_in":`, b.PendingIn, decimals)
		dst = append(appendAmount(dst, `,"in_transit":`, b.InTransit, decimals), '}')
	}
	return append(dst, ']')
}

// Clock is an instance's clock.
type Clock struct {
	_         struct{} `additionalProperties:"true"`
	Mode      string   `json:"mode" enum:"real,scaled,manual"`
	Factor    int64    `json:"factor,omitempty" doc:"How many times faster than real a scaled clock runs."`
	Now       string   `json:"now" format:"date-time" doc:"The instance time."`
	NextEvent *string  `json:"next_event" format:"date-time" doc:"When work is due next; null where nothing is."`
}

// Clock appends a clock in the shape of [Clock].
func (e *Encoder) Clock(dst []byte, setting sim.ClockSetting, now, next time.Time) []byte {
	mode := setting.Mode
	if mode == "" {
		mode = sim.ClockReal
	}
	dst = appendText(dst, `{"mode":`, string(mode))
	if setting.Factor != 0 {
		dst = strconv.AppendInt(append(dst, `,"factor":`...), setting.Factor, 10)
	}
	dst = appendTime(dst, `,"now":`, now)
	return append(appendTime(dst, `,"next_event":`, next), '}')
}

// Advance is what an advance of the clock did.
type Advance struct {
	_      struct{} `additionalProperties:"true"`
	Now    string   `json:"now" format:"date-time" doc:"The instance time after it."`
	Events uint64   `json:"events" doc:"How many events happened on the way." example:"3"`
}

// Advance appends an advance in the shape of [Advance].
func (e *Encoder) Advance(dst []byte, setting sim.ClockSetting) []byte {
	dst = appendTime(dst, `{"now":`, setting.Instant)
	return append(jsontext.AppendUint(append(dst, `,"events":`...), setting.Events), '}')
}
