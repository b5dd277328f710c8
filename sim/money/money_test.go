package money_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/money"
)

func TestParseReadsPlainDecimals(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"0":                     "0",
		"-0":                    "0",
		"0.000":                 "0",
		"-0.0":                  "0",
		"007":                   "7",
		"1234.50":               "1234.5",
		"-0.00000001":           "-0.00000001",
		"0.000000000000000001":  "0.000000000000000001",
		"-0001.10":              "-1.1",
		"99999999999999999999":  "99999999999999999999",
		"1.0000000000000000000": "1",
		"99999999999999999999.999999999999999999":  "99999999999999999999.999999999999999999",
		"-99999999999999999999.999999999999999999": "-99999999999999999999.999999999999999999",
		strings.Repeat("0", 127) + "1":             "1",
	} {
		got, err := money.Parse(text)
		if err != nil || got.String() != want {
			t.Errorf("Parse(%q) = %s, %v; want %s", text, got, err, want)
		}
		if appended, err := got.AppendText(nil); err != nil || string(appended) != want {
			t.Errorf("%q is appended as %s, %v; want %s", text, appended, err, want)
		}
	}
}

func TestParseRefusesWhatIsNoPlainDecimal(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"", "-", "+", ".", "-.", "+1", "--1", "1-", ".5", "5.", "-.5", "1.2.3", "1e3", "1E3", "0x1f", "1_000", "1,000",
		" 1", "1 ", "1\n", "NaN", "Infinity", "-Inf", "null", `"1"`, "١", "1\x00", "−1",
	} {
		if _, err := money.Parse(text); !errors.Is(err, money.ErrSyntax) {
			t.Errorf("Parse(%q) fails with %v, want ErrSyntax", text, err)
		}
	}
}

func TestParseRefusesMoreDigitsThanAnAmountHas(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"100000000000000000000",
		"0.0000000000000000001",
		"-1.1234567890123456789",
		strings.Repeat("9", 400),
		strings.Repeat("0", 128) + "1",
	} {
		if _, err := money.Parse(text); !errors.Is(err, money.ErrTooLong) {
			t.Errorf("Parse(%q) fails with %v, want ErrTooLong", text, err)
		}
	}
}

func TestMustParsePanicsOnBadText(t *testing.T) {
	t.Parallel()
	defer func() {
		if recover() == nil {
			t.Error("MustParse did not panic")
		}
	}()
	money.MustParse("one")
}

func TestArithmeticIsExact(t *testing.T) {
	t.Parallel()
	a := money.MustParse("99999999999999999999.999999999999999999")
	tiny := money.MustParse("0.000000000000000001")
	if got := a.Add(tiny).String(); got != "100000000000000000000" {
		t.Errorf("sum is %s", got)
	}
	if got := a.Add(a).Add(a).String(); got != "299999999999999999999.999999999999999997" {
		t.Errorf("sum beyond 38 digits is %s", got)
	}
	if got := tiny.Sub(a).String(); got != "-99999999999999999999.999999999999999998" {
		t.Errorf("difference is %s", got)
	}
	if got := money.Zero.Neg().String(); got != "0" {
		t.Errorf("minus zero is %s", got)
	}
	if got, _ := money.Zero.Neg().AppendText(nil); string(got) != "0" {
		t.Errorf("minus zero is appended as %s", got)
	}
	if got := money.MustParse("-1").Add(money.MustParse("1")); !got.IsZero() || got.Sign() != 0 || got.String() != "0" {
		t.Errorf("-1 + 1 = %s", got)
	}
}

func TestComparisonIgnoresPadding(t *testing.T) {
	t.Parallel()
	one, padded, two := money.MustParse("1"), money.MustParse("0.5").Add(money.MustParse("0.5")), money.MustParse("2")
	if !one.Equal(padded) || one.Cmp(padded) != 0 || one.Less(padded) {
		t.Error("1 and 0.5 + 0.5 differ")
	}
	if !one.Less(two) || two.Cmp(one) != 1 || one.Cmp(two) != -1 || two.Neg().Cmp(one) != -1 {
		t.Error("1, 2 and -2 are out of order")
	}
	if one.Sign() != 1 || two.Neg().Sign() != -1 {
		t.Error("signs are wrong")
	}
}

func TestDecimalsCountsWhatTheValueNeeds(t *testing.T) {
	t.Parallel()
	half := money.MustParse("0.5")
	for want, amounts := range map[int][]money.Amount{
		0:  {money.Zero, half.Add(half), half.Sub(half), money.MustParse("100"), money.MustParse("-3.000")},
		1:  {half, money.MustParse("-10.50")},
		2:  {money.MustParse("0.25").Add(half)},
		18: {money.MustParse("0.000000000000000001"), money.MustParse("99999999999999999999.999999999999999999").Add(half)},
	} {
		for _, a := range amounts {
			if got := a.Decimals(); got != want {
				t.Errorf("%s has %d decimals, want %d", a, got, want)
			}
		}
	}
}

func TestFormatPadsToTheMinorUnit(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		text     string
		decimals int
		want     string
	}{
		{"1000", 2, "1000.00"}, {"1000.5", 2, "1000.50"}, {"1000.125", 2, "1000.125"}, {"0", 2, "0.00"},
		{"-7", 3, "-7.000"}, {"5", 0, "5"}, {"5.5", 0, "5.5"}, {"5", -1, "5"},
	} {
		if got := money.MustParse(c.text).Format(c.decimals); got != c.want {
			t.Errorf("%s with %d decimals is %s, want %s", c.text, c.decimals, got, c.want)
		}
	}
}

func TestJSONTakesStringsAndNumbersAndWritesStrings(t *testing.T) {
	t.Parallel()
	for _, text := range []string{`"12.50"`, `12.50`, `1.25e1`, `"1.25e1"`, `null`, `true`, `""`, `" 1"`, `[1]`, `{}`, `"1""`, `"1`, `1"`, `"`} {
		var a money.Amount
		err := a.UnmarshalJSON([]byte(text))
		if accepted := text == `"12.50"` || text == `12.50`; accepted != (err == nil) {
			t.Errorf("%s: error %v", text, err)
		} else if accepted && a.String() != "12.5" {
			t.Errorf("%s reads as %s", text, a)
		}
	}
	out, err := json.Marshal(struct{ A money.Amount }{money.MustParse("-0.10")})
	if err != nil || string(out) != `{"A":"-0.1"}` {
		t.Errorf("written as %s, %v", out, err)
	}
}

func TestRestoreReadsSumsBeyondTheBoundOfInput(t *testing.T) {
	t.Parallel()
	large := money.MustParse("99999999999999999999.999999999999999999")
	sum := large
	for range 70 {
		sum = sum.Add(sum)
	}
	got, err := money.Restore(sum.String())
	if err != nil || !got.Equal(sum) {
		t.Errorf("%s restored as %s, %v", sum, got, err)
	}
	for _, text := range []string{"", "x", "1.", "."} {
		if _, err := money.Restore(text); err == nil {
			t.Errorf("%q was restored", text)
		}
	}
}
