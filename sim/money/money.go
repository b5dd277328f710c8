// Package money holds exact decimal amounts: quantities of securities and
// crypto-assets and amounts of cash.
//
// An [Amount] has at most [MaxDecimals] digits after the point and, where it
// enters from outside through [Parse], at most [MaxIntegerDigits] before it.
// Nothing is ever rounded: text that does not fit is refused. No floating
// point number takes part anywhere.
package money

import (
	"errors"
	"fmt"
	"strings"

	"github.com/quagmt/udecimal"
)

// Bounds of amounts that enter from outside. Together they keep a coefficient
// within 128 bits, where arithmetic allocates nothing.
const (
	// MaxDecimals is the largest number of digits after the point.
	MaxDecimals = 18
	// MaxIntegerDigits is the largest number of digits before the point.
	MaxIntegerDigits = 20
)

// Errors of [Parse]. Each message says what is allowed, so that callers need
// only add the name of the field.
var (
	// ErrSyntax reports text that is not a plain decimal number.
	ErrSyntax = errors.New(`not a decimal number: write it as digits with an optional point, like "1234.50"`)
	// ErrTooLong reports more digits than an amount can have.
	ErrTooLong = fmt.Errorf("too many digits: at most %d before and %d after the point are allowed", MaxIntegerDigits, MaxDecimals)
)

// Amount is an exact signed decimal. The zero value is 0. Amounts are
// immutable values, safe to copy and to use from many goroutines.
type Amount struct{ d udecimal.Decimal }

// Zero is the amount 0.
var Zero Amount

// Parse reads a decimal such as "1234.50" or "-0.00000001". It refuses
// exponents, signs other than a leading minus, blanks and separators with
// [ErrSyntax], and more digits than the package allows with [ErrTooLong].
// Zeros that do not change the value do not count, but text of more than 128
// characters is [ErrTooLong] whatever it holds.
func Parse(s string) (Amount, error) {
	canonical, err := normalise(s)
	if err != nil {
		return Zero, err
	}
	d, err := udecimal.Parse(canonical)
	if err != nil {
		return Zero, ErrSyntax
	}
	return Amount{d}, nil
}

// parseLimit bounds the text that Parse looks at; an amount within bounds has
// far fewer characters unless it is padded with zeros.
const parseLimit = 128

// normalise checks the syntax of s and strips zeros that do not count.
func normalise(s string) (string, error) {
	if len(s) > parseLimit {
		return "", ErrTooLong
	}
	digits, negative := strings.CutPrefix(s, "-")
	whole, fraction, pointed := strings.Cut(digits, ".")
	if whole == "" || (pointed && fraction == "") || !allDigits(whole) || !allDigits(fraction) {
		return "", ErrSyntax
	}
	trimmedWhole := strings.TrimLeft(whole, "0")
	trimmedFraction := strings.TrimRight(fraction, "0")
	if len(trimmedWhole) > MaxIntegerDigits || len(trimmedFraction) > MaxDecimals {
		return "", ErrTooLong
	}
	if len(trimmedWhole) == len(whole) && len(trimmedFraction) == len(fraction) {
		return s, nil
	}
	if trimmedWhole == "" {
		trimmedWhole = "0"
	}
	out := trimmedWhole
	if trimmedFraction != "" {
		out += "." + trimmedFraction
	}
	if negative && out != "0" {
		out = "-" + out
	}
	return out, nil
}

func allDigits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}

// MustParse is [Parse] for constants in tests and tables; it panics on bad text.
func MustParse(s string) Amount {
	a, err := Parse(s)
	if err != nil {
		panic(fmt.Sprintf("money.MustParse(%q): %v", s, err))
	}
	return a
}

// Restore reads an amount that this package wrote. Unlike [Parse] it sets no
// bound on the digits before the point, because sums may exceed what a single
// request may carry.
func Restore(s string) (Amount, error) {
	d, err := udecimal.Parse(s)
	if err != nil {
		return Zero, fmt.Errorf("stored amount %q: %w", s, err)
	}
	return Amount{d}, nil
}

// Add returns a + b.
func (a Amount) Add(b Amount) Amount { return Amount{a.d.Add(b.d)} }

// Sub returns a − b.
func (a Amount) Sub(b Amount) Amount { return Amount{a.d.Sub(b.d)} }

// Neg returns −a.
func (a Amount) Neg() Amount { return Amount{a.d.Neg()} }

// Cmp returns -1, 0 or +1 as a is less than, equal to or greater than b.
func (a Amount) Cmp(b Amount) int { return a.d.Cmp(b.d) }

// Less reports whether a < b.
func (a Amount) Less(b Amount) bool { return a.d.Cmp(b.d) < 0 }

// Equal reports whether a and b are the same number, whatever their padding.
func (a Amount) Equal(b Amount) bool { return a.d.Cmp(b.d) == 0 }

// Sign returns -1, 0 or +1 as a is negative, zero or positive.
func (a Amount) Sign() int { return a.d.Sign() }

// IsZero reports whether a is 0.
func (a Amount) IsZero() bool { return a.d.IsZero() }

// Decimals returns the number of digits after the point that the value needs,
// trailing zeros not counted.
func (a Amount) Decimals() int {
	n := a.d.Prec()
	for n > 0 && a.d.Trunc(uint8(n-1)).Equal(a.d) { // one step where the last digit counts
		n--
	}
	return n
}

// String returns the canonical text: no exponent, no padding, "0" for zero.
func (a Amount) String() string { return a.d.String() }

// AppendText appends the canonical text to dst, without allocating but for
// amounts beyond 128 bits. The error is always nil.
func (a Amount) AppendText(dst []byte) ([]byte, error) {
	if a.d.IsZero() {
		return append(dst, '0'), nil
	}
	return a.d.AppendText(dst)
}

// Format returns the text with at least decimals digits after the point, as
// statements show cash ("1000.00").
func (a Amount) Format(decimals int) string {
	s := a.d.String()
	if decimals <= 0 {
		return s
	}
	have := 0
	if at := strings.IndexByte(s, '.'); at >= 0 {
		have = len(s) - at - 1
	} else {
		s += "."
	}
	if have < decimals {
		s += strings.Repeat("0", decimals-have)
	}
	return s
}

// MarshalJSON writes the canonical text as a JSON string.
func (a Amount) MarshalJSON() ([]byte, error) { return []byte(`"` + a.d.String() + `"`), nil }

// UnmarshalJSON reads a JSON string or a JSON number from its text, exactly.
// Strings are taken as they stand, without escapes. It returns the errors of
// [Parse].
func (a *Amount) UnmarshalJSON(data []byte) error {
	text := string(data)
	if n := len(text); n >= 2 && text[0] == '"' && text[n-1] == '"' {
		text = text[1 : n-1]
	}
	parsed, err := Parse(text)
	if err != nil {
		return err
	}
	*a = parsed
	return nil
}
