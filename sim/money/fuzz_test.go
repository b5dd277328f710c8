package money_test

import (
	"errors"
	"math/big"
	"regexp"
	"strings"
	"testing"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/money"
)

// plainDecimal is the documented language, without its bounds.
var plainDecimal = regexp.MustCompile(`^-?[0-9]+(\.[0-9]+)?$`)

// maxText is the longest text that Parse looks at.
const maxText = 128

// fits reports whether text of the language keeps to the bounds of digits.
func fits(text string) bool {
	whole, fraction, _ := strings.Cut(strings.TrimPrefix(text, "-"), ".")
	return len(text) <= maxText &&
		len(strings.TrimLeft(whole, "0")) <= money.MaxIntegerDigits &&
		len(strings.TrimRight(fraction, "0")) <= money.MaxDecimals
}

func FuzzParseAcceptsExactlyTheDocumentedLanguage(f *testing.F) {
	for _, seed := range []string{
		"", "0", "-0", "1.50", "-1", "+1", "1e9", ".5", "5.", "1.2.3", "NaN", "99999999999999999999.999999999999999999",
		"100000000000000000000", "0.0000000000000000001", "000000000000000000000000000001", "1\x00", "\uff11",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, err := money.Parse(text)
		switch {
		case len(text) > maxText:
			if !errors.Is(err, money.ErrTooLong) {
				t.Fatalf("text of %d bytes fails with %v", len(text), err)
			}
		case !plainDecimal.MatchString(text):
			if !errors.Is(err, money.ErrSyntax) {
				t.Fatalf("%q fails with %v, want ErrSyntax", text, err)
			}
		case !fits(text):
			if !errors.Is(err, money.ErrTooLong) {
				t.Fatalf("%q fails with %v, want ErrTooLong", text, err)
			}
		case err != nil:
			t.Fatalf("%q fails with %v", text, err)
		default:
			want, ok := new(big.Rat).SetString(text)
			found, readable := new(big.Rat).SetString(got.String())
			if !ok || !readable || want.Cmp(found) != 0 {
				t.Fatalf("%q became %s", text, got)
			}
		}
	})
}

func FuzzUnmarshalJSONAcceptsWhatParseDoes(f *testing.F) {
	for _, seed := range []string{`"1.5"`, `1.5`, `"1`, `1"`, `""`, `"`, `null`, `"1e5"`, `1e5`, `"\u0031"`, `"1""`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var a money.Amount
		err := a.UnmarshalJSON(data)
		text := string(data)
		if len(text) >= 2 && text[0] == '"' && text[len(text)-1] == '"' {
			text = text[1 : len(text)-1]
		}
		want, parseErr := money.Parse(text)
		if (err == nil) != (parseErr == nil) || !a.Equal(want) {
			t.Fatalf("%q gives %s, %v; Parse of its text gives %s, %v", data, a, err, want, parseErr)
		}
	})
}
