package strictjson_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/httpapi/strictjson"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/money"
)

type inner struct {
	Name string        `json:"name"`
	Rate *money.Amount `json:"rate,omitempty"`
}

type everything struct {
	Text   string          `json:"text,omitempty"`
	Count  int             `json:"count,omitempty"`
	Long   int64           `json:"long,omitempty"`
	Number uint64          `json:"number,omitempty"`
	Flag   bool            `json:"flag,omitempty"`
	Amount money.Amount    `json:"amount,omitempty"`
	At     time.Time       `json:"at,omitempty"`
	Free   json.RawMessage `json:"free,omitempty"`
	Inner  *inner          `json:"inner,omitempty"`
	Many   []inner         `json:"many,omitempty"`
	Words  []string        `json:"words,omitempty"`
}

func TestStructsAreDecodedByTheirTags(t *testing.T) {
	t.Parallel()
	const object = `{"text":"é","count":3,"long":-4.0,"number":5,"flag":true,"amount":1.50,"at":"2026-11-23T09:00:00-05:00","free":{"b":1,"a":2},
		"inner":{"name":"n","rate":"0.5"},"many":[{"name":"x"},{"name":"y"}],"words":["a","b"]}`
	var v everything
	given, err := strictjson.Decode([]byte(object), &v)
	if err != nil {
		t.Fatal(err)
	}
	if v.Text != "é" || v.Count != 3 || v.Long != -4 || v.Number != 5 || !v.Flag || v.Amount.String() != "1.5" || v.At.UTC().Hour() != 14 ||
		string(v.Free) != `{"a":2,"b":1}` || v.Inner.Rate.String() != "0.5" || v.Many[1].Name != "y" || v.Words[1] != "b" || !given.Has("many") {
		t.Errorf("decoded %+v", v)
	}
}

func TestWhatDoesNotFitIsNamedByItsPath(t *testing.T) {
	t.Parallel()
	for object, field := range map[string]string{
		`{"txt":"x"}`: "txt", `{"text":1}`: "text", `{"count":1.5}`: "count", `{"count":"1"}`: "count", `{"number":-1}`: "number", `{"flag":"true"}`: "flag",
		`{"amount":true}`: "amount", `{"amount":1e5}`: "amount", `{"at":"noon"}`: "at", `{"at":5}`: "at", `{"free":[]}`: "free", `{"inner":[]}`: "inner",
		`{"inner":{}}`: "inner.name", `{"inner":{"name":"n","rate":"x"}}`: "inner.rate", `{"many":[{"name":"n"},{"nam":"n"}]}`: "many[1].nam",
		`{"many":[5]}`: "many[0]", `{"words":["a",null]}`: "words[1]", `{"words":"a"}`: "words", `{"count":1,"count":2}`: "count", `{"long":99999999999999999999}`: "long",
	} {
		_, err := strictjson.Decode([]byte(object), &everything{})
		if e, ok := err.(*strictjson.Error); !ok || e.Field != field || e.Detail == "" { //nolint:errorlint // they are not wrapped
			t.Errorf("%s: %v, want an error on %s", object, err, field)
		}
	}
}
