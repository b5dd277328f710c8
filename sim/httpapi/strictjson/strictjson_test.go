package strictjson_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/httpapi/strictjson"
)

func TestCheckRefusesWhatIsNotOneWellFormedValue(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		body   string
		offset int
		says   string
	}{
		"nothing":                 {"", 0, "no value"},
		"blanks only":             {" \n\t", 3, "no value"},
		"an open object":          {`{"a":1`, 6, "comma or a closing brace"},
		"a trailing comma":        {`{"a":1,}`, 7, "a name in double quotes"},
		"a bare name":             {`{a:1}`, 1, "a name in double quotes"},
		"a missing colon":         {`{"a" 1}`, 5, "a colon"},
		"a missing value":         {`{"a":}`, 5, "a value"},
		"single quotes":           {`{'a':1}`, 1, "'\\''"},
		"trailing garbage":        {`{} x`, 3, "more behind"},
		"two values":              {`{}{}`, 2, "more behind"},
		"a leading zero":          {`{"a":01}`, 6, "comma or a closing brace"},
		"a leading plus":          {`{"a":+1}`, 5, "a value"},
		"a bare point":            {`{"a":1.}`, 7, "a digit"},
		"NaN":                     {`{"a":NaN}`, 5, "a value"},
		"Infinity":                {`{"a":-Infinity}`, 6, "a digit"},
		"a broken literal":        {`{"a":tru}`, 8, "true"},
		"an open string":          {`{"a":"b`, 7, "closing quote"},
		"a raw line break":        {"{\"a\":\"\n\"}", 6, "control character"},
		"an unknown escape":       {`{"a":"\x"}`, 7, "an escape"},
		"a short unicode escape":  {`{"a":"\u12"}`, 10, "hexadecimal"},
		"a lone surrogate":        {`{"a":"\ud800"}`, 6, "surrogate"},
		"swapped surrogates":      {`{"a":"\udc00\ud800"}`, 6, "surrogate"},
		"no UTF-8":                {"{\"a\":\"\xff\"}", 6, "not UTF-8"},
		"too much nesting":        {strings.Repeat("[", 33) + strings.Repeat("]", 33), 32, "deeper than 32"},
		"a comment":               {`{"a":1 /* b */}`, 7, "comma or a closing brace"},
		"an open array":           {`[1,2`, 4, "closing bracket"},
		"a byte order mark":       {"\ufeff{}", 0, "a value"},
		"an exponent cut short":   {`{"a":1e}`, 7, "a digit"},
		"an escape cut short":     {`"\`, 2, "an escape"},
		"surrogate then text cut": {`"\ud83d\u`, 9, "hexadecimal"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var e *strictjson.Error
			if err := strictjson.Check([]byte(test.body)); !errors.As(err, &e) {
				t.Fatalf("Check = %v, want an Error", err)
			}
			if !e.Malformed || e.Offset != test.offset || !strings.Contains(e.Detail, test.says) {
				t.Errorf("got malformed %t, offset %d, %q; want offset %d and %q", e.Malformed, e.Offset, e.Detail, test.offset, test.says)
			}
		})
	}
}

func TestCheckAcceptsWellFormedValues(t *testing.T) {
	t.Parallel()
	for _, body := range []string{
		`{}`, ` [ ] `, `null`, `-0.5e+10`, `"\u00e9\ud83d\ude00\/"`, `{"a":[{"b":{}},1,true,false,null]}`,
		strings.Repeat("[", 32) + strings.Repeat("]", 32),
	} {
		if err := strictjson.Check([]byte(body)); err != nil {
			t.Errorf("Check(%s) = %v", body, err)
		}
	}
}

type order struct {
	Symbol   string `json:"symbol"`
	Quantity string `json:"quantity"`
	Hold     bool   `json:"hold,omitempty"`
	Metadata string `json:"metadata,omitempty"`
	Ignored  string `json:"-"`
}

var orderFields = strictjson.FieldsOf(order{})

// read returns the fields' values as text, and how reading ended.
func read(body string) (map[string]string, strictjson.Given, error) {
	got := map[string]string{}
	if err := strictjson.Check([]byte(body)); err != nil {
		return nil, strictjson.Given{}, err
	}
	given, err := strictjson.Object([]byte(body), orderFields, func(name string, v strictjson.Value) error {
		switch name {
		case "symbol":
			text, err := v.Text()
			got[name] = text
			return err
		case "quantity":
			amount, err := v.Amount()
			got[name] = amount.String()
			return err
		case "hold":
			b, err := v.Bool()
			got[name] = map[bool]string{true: "true", false: "false"}[b]
			return err
		default:
			object, err := v.Object()
			got[name] = string(object)
			return err
		}
	})
	return got, given, err
}

func TestObjectReadsTheOneTypeOfEachField(t *testing.T) {
	t.Parallel()
	got, given, err := read(`{"symbol":"\u0042TC\n","quantity":1.250,"hold":true,"metadata":{"b":1.10,"a":"<é>\u2028"}}`)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"symbol": "BTC\n", "quantity": "1.25", "hold": "true", "metadata": `{"a":"<é>\u2028","b":1.10}`}
	for name, text := range want {
		if got[name] != text || !given.Has(name) {
			t.Errorf("%s = %q, want %q", name, got[name], text)
		}
	}
}

func TestObjectNamesTheFieldAtFault(t *testing.T) {
	t.Parallel()
	tests := map[string]struct{ body, field, says string }{
		"no object":            {`[]`, "", "must be a JSON object, not an array"},
		"unknown field":        {`{"symbl":"BTC"}`, "symbl", `did you mean "symbol"?`},
		"unknown far field":    {`{"counterparty":"x"}`, "counterparty", "known: symbol, quantity, hold, metadata"},
		"other case":           {`{"Symbol":"BTC"}`, "Symbol", `did you mean "symbol"?`},
		"twice":                {`{"symbol":"a","symbol":"b"}`, "symbol", "is given twice"},
		"twice, once escaped":  {`{"symbol":"a","\u0073ymbol":"b"}`, "symbol", "is given twice"},
		"missing":              {`{"symbol":"a"}`, "quantity", "is required"},
		"missing as null":      {`{"symbol":null,"quantity":"1"}`, "symbol", "is required"},
		"number for text":      {`{"symbol":5,"quantity":"1"}`, "symbol", "must be a string, not a number"},
		"text for boolean":     {`{"symbol":"a","quantity":"1","hold":"true"}`, "hold", "must be true or false, not a string"},
		"boolean for decimal":  {`{"symbol":"a","quantity":true}`, "quantity", "not a boolean"},
		"object for decimal":   {`{"symbol":"a","quantity":{}}`, "quantity", "not an object"},
		"exponent":             {`{"symbol":"a","quantity":1e3}`, "quantity", "without an exponent"},
		"exponent in a string": {`{"symbol":"a","quantity":"1e3"}`, "quantity", "not a decimal number"},
		"infinity":             {`{"symbol":"a","quantity":"Infinity"}`, "quantity", "not a decimal number"},
		"empty decimal":        {`{"symbol":"a","quantity":""}`, "quantity", "not a decimal number"},
		"overlong decimal":     {`{"symbol":"a","quantity":"1.0000000000000000001"}`, "quantity", "too many digits"},
		"array for object":     {`{"symbol":"a","quantity":"1","metadata":[]}`, "metadata", "must be an object, not an array"},
		"nested exponent":      {`{"symbol":"a","quantity":"1","metadata":{"x":[1E5]}}`, "metadata.x", "exponent (1E5)"},
		"nested twice":         {`{"symbol":"a","quantity":"1","metadata":{"x":{"y":1,"y":2}}}`, "metadata.x", `"y" twice`},
		"nested null byte":     {`{"symbol":"a","quantity":"1","metadata":{"x":"\u0000"}}`, "metadata.x", "U+0000"},
		"overlong field name":  {`{"` + strings.Repeat("x", 5000) + `":1}`, strings.Repeat("x", 60) + "…", "is not a known field"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, _, err := read(test.body)
			var e *strictjson.Error
			if !errors.As(err, &e) {
				t.Fatalf("got %v, want an Error", err)
			}
			if e.Malformed || e.Field != test.field || !strings.Contains(e.Detail, test.says) {
				t.Errorf("got field %q, %q; want %q, %q", e.Field, e.Detail, test.field, test.says)
			}
		})
	}
}

func TestObjectTellsNullFromGiven(t *testing.T) {
	t.Parallel()
	_, given, err := read(`{"symbol":"a","quantity":"1","hold":null}`)
	if err != nil || given.Has("hold") || given.Null() != "hold" || given.Empty() {
		t.Errorf("hold given %t, null %q, empty %t, %v", given.Has("hold"), given.Null(), given.Empty(), err)
	}
}

func TestCanonicalObjectIsOneFormForEqualObjects(t *testing.T) {
	t.Parallel()
	tests := map[string]string{
		` { } `: `{}`,
		`{"b":[ 1 , {"d":null,"c":true} ],"a":""}`: `{"a":"","b":[1,{"c":true,"d":null}]}`,
		`{"n":-0,"m":-0.00,"o":-1.50,"z":0}`:       `{"m":0.00,"n":0,"o":-1.50,"z":0}`,
		`{"\u0061":"\u00e9\/\u0001\ud83d\ude00"}`:  `{"a":"é/\u0001😀"}`,
		`{"html":"<a href=\"x\">&</a>"}`:           `{"html":"<a href=\"x\">&</a>"}`,
	}
	for in, want := range tests {
		got, err := strictjson.CanonicalObject("metadata", []byte(in))
		if err != nil || string(got) != want {
			t.Errorf("CanonicalObject(%s) = %s, %v, want %s", in, got, err, want)
		}
		again, err := strictjson.CanonicalObject("metadata", got)
		if err != nil || string(again) != want {
			t.Errorf("canonical form of the canonical form %s is %s, %v", got, again, err)
		}
	}
}

func TestNearestFindsWhatWasMeantAndNothingElse(t *testing.T) {
	t.Parallel()
	names := []string{"account_id", "symbol", "quantity", "settlement_type", "external_id"}
	for in, want := range map[string]string{
		"acount_id": "account_id", "accountId": "account_id", "symbl": "symbol", "smybol": "symbol",
		"QUANTITY": "quantity", "type": "", "settlementType": "settlement_type", "zzz": "", strings.Repeat("a", 100): "",
	} {
		if got := strictjson.Nearest(in, names); got != want {
			t.Errorf("Nearest(%q) = %q, want %q", in, got, want)
		}
	}
}

// FuzzCheck compares the verdict and the canonical form with encoding/json.
func FuzzCheck(f *testing.F) {
	for _, seed := range []string{`{}`, `{"a":[1,-2.5,"x\u00e9\n",null,true]}`, `{"a":1}x`, `"\ud800"`, `{"a":1,"a":2}`, `01`, "\xff", `{"a":-0}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		err := strictjson.Check(data)
		if err == nil && !json.Valid(data) {
			t.Fatalf("accepted %q, which is not JSON", data)
		}
		var e *strictjson.Error
		if err != nil && (!errors.As(err, &e) || e.Offset < 0 || e.Offset > len(data)) {
			t.Fatalf("refused %q with %v", data, err)
		}
		canonical, err := strictjson.CanonicalObject("metadata", data)
		if err != nil {
			return
		}
		again, err := strictjson.CanonicalObject("metadata", canonical)
		if err != nil || string(again) != string(canonical) || !json.Valid(canonical) {
			t.Fatalf("canonical form %s of %s became %s, %v", canonical, data, again, err)
		}
	})
}
