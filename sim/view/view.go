// Package view has the JSON shapes in which the custodian's records leave it:
// over HTTP, in the published event stream and in webhooks.
//
// Names are in snake_case, decimals are strings, times are RFC 3339 in UTC with
// up to microseconds. Amounts of cash have at least the digits of the
// currency's minor unit ("1000.00"), other quantities none that they do not
// need. What a record does not have is null.
//
// An [Encoder] writes the shapes without reflection. The structs of the same
// names document them and serve readers: each decodes exactly what the encoder
// writes. More members may be added to every shape.
package view

import (
	"time"

	"github.com/google/uuid"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/asset"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/money"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/view/jsontext"
)

// Encoder appends records as JSON objects to byte slices. It is immutable and
// safe for concurrent use.
type Encoder struct{ assets *asset.Registry }

// NewEncoder returns an encoder that takes the minor units of cash from assets.
func NewEncoder(assets *asset.Registry) *Encoder { return &Encoder{assets} }

// cashDecimals returns the digits to show for amounts of a symbol: those of the
// minor unit for cash, none for everything else.
func (e *Encoder) cashDecimals(symbol string) int {
	if symbol == "" {
		return 0
	}
	if a := e.assets.Lookup(symbol); a.IsCash() {
		return a.Decimals
	}
	return 0
}

// The functions below append one member, its name being given with all that
// stands before the value: `{"a":` for the first, `,"b":` for the others.

func appendText(dst []byte, name, value string) []byte {
	return jsontext.AppendString(append(dst, name...), value)
}

func appendNullable(dst []byte, name, value string) []byte {
	return jsontext.AppendNullable(append(dst, name...), value)
}

func appendTime(dst []byte, name string, t time.Time) []byte {
	return jsontext.AppendTime(append(dst, name...), t)
}

func appendAmount(dst []byte, name string, amount money.Amount, decimals int) []byte {
	dst = append(append(dst, name...), '"')
	return append(append(dst, amount.Format(decimals)...), '"')
}

// appendPositive appends an amount, or null where it is zero.
func appendPositive(dst []byte, name string, amount money.Amount, decimals int) []byte {
	if amount.IsZero() {
		return append(append(dst, name...), "null"...)
	}
	return appendAmount(dst, name, amount, decimals)
}

// appendNullableID appends a member that is a UUID, or null where it is zero.
func appendNullableID(dst []byte, name string, id uuid.UUID) []byte {
	if id == (uuid.UUID{}) {
		return append(append(dst, name...), "null"...)
	}
	return appendID(dst, name, id)
}

// appendMetadata appends metadata, which records hold as compact JSON.
func appendMetadata(dst []byte, metadata []byte) []byte {
	dst = append(dst, `,"metadata":`...)
	if len(metadata) == 0 {
		return append(dst, "{}"...)
	}
	return append(dst, metadata...)
}
