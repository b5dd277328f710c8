package money_test

import (
	"encoding/json"
	"math/big"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/money"
)

// drawText draws text of the documented language, within the digits an amount
// can have, padded with zeros now and then.
func drawText(t *rapid.T, label string) string {
	return rapid.StringMatching(`-?0{0,3}[0-9]{1,20}(\.[0-9]{1,18}0{0,3})?`).Filter(func(s string) bool {
		_, err := money.Parse(s)
		return err == nil
	}).Draw(t, label)
}

func rat(t *rapid.T, text string) *big.Rat {
	r, ok := new(big.Rat).SetString(text)
	if !ok {
		t.Fatalf("%q is no number", text)
	}
	return r
}

func TestAmountsKeepTheExactValueOfTheirText(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		text := drawText(t, "text")
		a := money.MustParse(text)
		if rat(t, a.String()).Cmp(rat(t, text)) != 0 {
			t.Fatalf("%q became %s", text, a)
		}
		again, err := money.Parse(a.String())
		if err != nil || again.String() != a.String() || !again.Equal(a) {
			t.Fatalf("%s reads back as %s, %v", a, again, err)
		}
		if restored, err := money.Restore(a.String()); err != nil || !restored.Equal(a) {
			t.Fatalf("%s restores as %s, %v", a, restored, err)
		}
		canonical := a.String()
		if fraction := canonical[strings.IndexByte(canonical+".", '.'):]; a.Decimals() != max(len(fraction)-1, 0) || strings.HasSuffix(fraction, "0") {
			t.Fatalf("%s has %d decimals", canonical, a.Decimals())
		}
		if appended, err := a.AppendText([]byte("x")); err != nil || string(appended) != "x"+canonical {
			t.Fatalf("%s is appended as %s, %v", canonical, appended, err)
		}
		data, err := json.Marshal(a)
		if err != nil {
			t.Fatal(err)
		}
		var fromString, fromNumber money.Amount
		if err := json.Unmarshal(data, &fromString); err != nil || !fromString.Equal(a) {
			t.Fatalf("%s reads back as %s, %v", data, fromString, err)
		}
		if err := json.Unmarshal([]byte(canonical), &fromNumber); err != nil || !fromNumber.Equal(a) {
			t.Fatalf("%s reads as %s, %v", canonical, fromNumber, err)
		}
	})
}

func TestArithmeticAgreesWithRationals(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		textA, textB := drawText(t, "a"), drawText(t, "b")
		a, b := money.MustParse(textA), money.MustParse(textB)
		ra, rb := rat(t, textA), rat(t, textB)
		if sum := rat(t, a.Add(b).String()); sum.Cmp(new(big.Rat).Add(ra, rb)) != 0 {
			t.Fatalf("%s + %s = %s", a, b, sum)
		}
		if difference := rat(t, a.Sub(b).String()); difference.Cmp(new(big.Rat).Sub(ra, rb)) != 0 {
			t.Fatalf("%s - %s = %s", a, b, difference)
		}
		if back := a.Add(b).Sub(b); !back.Equal(a) || back.String() != a.String() {
			t.Fatalf("%s + %s - %s = %s", a, b, b, back)
		}
		if a.Cmp(b) != ra.Cmp(rb) || a.Less(b) != (ra.Cmp(rb) < 0) || a.Equal(b) != (ra.Cmp(rb) == 0) {
			t.Fatalf("%s compared with %s gives %d", a, b, a.Cmp(b))
		}
		if a.Sign() != ra.Sign() || a.IsZero() != (ra.Sign() == 0) || a.Neg().Sign() != -ra.Sign() || !a.Neg().Neg().Equal(a) {
			t.Fatalf("%s has sign %d", a, a.Sign())
		}
	})
}

func TestLongRunsOfAdditionsLoseNothing(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		sum, want := money.Zero, new(big.Rat)
		for _, text := range rapid.SliceOfN(rapid.Custom(func(t *rapid.T) string { return drawText(t, "term") }), 1, 60).Draw(t, "terms") {
			sum, want = sum.Add(money.MustParse(text)), want.Add(want, rat(t, text))
		}
		if rat(t, sum.String()).Cmp(want) != 0 {
			t.Fatalf("sum is %s, want %s", sum, want.FloatString(18))
		}
	})
}
