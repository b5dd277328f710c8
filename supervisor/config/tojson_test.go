package config

import (
	"strings"
	"testing"
)

func TestToJSONKeepsNumbersAsTheyWereWritten(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"name: a\nseed: 18446744073709551615\n":                        `{"name":"a","seed":18446744073709551615}`,
		"{available_balance: 10.50, quantity: '0.000000000000000001'}": `{"available_balance":10.50,"quantity":"0.000000000000000001"}`,
		`{"name": "a", "accounts": {"auto_open": false}, "list": [1]}`: `{"accounts":{"auto_open":false},"list":[1],"name":"a"}`,
		"schema:": `{"schema":null}`,
	} {
		got, err := ToJSON([]byte(in), "entry.yaml")
		if err != nil || string(got) != want {
			t.Errorf("ToJSON(%q) = %s, %v; want %s", in, got, err, want)
		}
	}
}

func TestToJSONNamesTheFileOfMistakes(t *testing.T) {
	t.Parallel()
	for _, in := range []string{"a: [", "a: 1\na: 2\n", "a: 1\n---\nb: 2\n", "a: 0x10\n"} {
		got, err := ToJSON([]byte(in), "entry.yaml")
		if err == nil || !strings.HasPrefix(err.Error(), "entry.yaml") {
			t.Errorf("ToJSON(%q) = %s, %v; want a mistake in entry.yaml", in, got, err)
		}
	}
}
