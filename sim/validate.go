package sim

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/asset"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/money"
)

// Bounds of input, in characters, except metadata in bytes.
const (
	MaxIdentifier     = 100
	MaxSymbol         = 50
	MaxCurrency       = 10
	MaxIdempotencyKey = 255
	MaxMetadataBytes  = 4096
)

func quote(s string) string { return strconv.Quote(s) }

// checkText refuses text that is empty, too long, padded with blanks or not
// printable.
func checkText(field, value string, limit int) *Error {
	switch {
	case value == "":
		return Invalid(field, "is required")
	case utf8.RuneCountInString(value) > limit:
		return Invalid(field, "is too long: at most %d characters are allowed", limit)
	case !utf8.ValidString(value) || strings.ContainsFunc(value, func(r rune) bool { return !unicode.IsPrint(r) }):
		return Invalid(field, "must be printable text")
	case strings.TrimSpace(value) != value:
		return Invalid(field, "must not begin or end with a blank")
	}
	return nil
}

func checkAccountID(field, value string) *Error {
	if err := checkText(field, value, MaxIdentifier); err != nil {
		return err
	}
	if value == Depository || value == Nostro {
		return Invalid(field, "%s is the custodian's own mirror account; name a client account", value)
	}
	return nil
}

func checkMetadata(metadata []byte) *Error {
	if len(metadata) > MaxMetadataBytes {
		return Invalid("metadata", "is too large: at most %d bytes of JSON are allowed", MaxMetadataBytes)
	}
	return nil
}

// CheckIdempotencyKey refuses keys that are too long or not printable.
func CheckIdempotencyKey(key string) *Error {
	return checkText("Idempotency-Key", key, MaxIdempotencyKey)
}

// checkDecimals refuses amounts finer than the asset's minor unit.
func checkDecimals(field string, a asset.Asset, amount money.Amount) *Error {
	if amount.Decimals() > a.Decimals {
		return Invalid(field, "%s has more fraction digits than %s has: at most %d are allowed", amount, a.Symbol, a.Decimals)
	}
	return nil
}

// checkPositive refuses amounts that are not above zero or too fine.
func checkPositive(field string, a asset.Asset, amount money.Amount) *Error {
	if amount.Sign() <= 0 {
		return Invalid(field, "must be greater than zero")
	}
	return checkDecimals(field, a, amount)
}

// checkNotNegative refuses amounts below zero or too fine.
func checkNotNegative(field string, a asset.Asset, amount money.Amount) *Error {
	if amount.Sign() < 0 {
		return Invalid(field, "must not be negative")
	}
	return checkDecimals(field, a, amount)
}

// checkAsset resolves a symbol and refuses one that is held the other way:
// cash as a position, or anything else as a balance.
func (s *State) checkAsset(field, symbol string, cash bool) (asset.Asset, *Error) {
	limit := MaxSymbol
	if cash {
		limit = MaxCurrency
	}
	if err := checkText(field, symbol, limit); err != nil {
		return asset.Asset{}, err
	}
	a := s.rules.Assets.Lookup(symbol)
	switch {
	case cash && !a.IsCash():
		return a, Invalid(field, "%s is not cash: balances hold ISO 4217 currencies and assets declared as cash; use positions for others", quote(symbol))
	case !cash && a.IsCash():
		return a, Invalid(field, "%s is cash: use balances for cash and positions for other assets", quote(symbol))
	}
	return a, nil
}
