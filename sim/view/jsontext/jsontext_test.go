package jsontext_test

import (
	"bytes"
	"encoding/json"
	"testing"
	"time"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/view/jsontext"
)

// FuzzAppendString holds strings against encoding/json.
func FuzzAppendString(f *testing.F) {
	for _, seed := range []string{"", "plain", "\"\\\b\f\n\r\t\x00\x1f\x7f", "<&>", "é\u2028\u2029😀", "\xff\xc3", "a\xe2\x80"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		var want bytes.Buffer
		e := json.NewEncoder(&want)
		e.SetEscapeHTML(false)
		if err := e.Encode(s); err != nil {
			t.Fatal(err)
		}
		var got, same string
		raw := jsontext.AppendString(nil, s)
		if err := json.Unmarshal(raw, &got); err != nil {
			t.Fatalf("%s: %v", raw, err)
		}
		if err := json.Unmarshal(want.Bytes(), &same); err != nil || got != same {
			t.Errorf("AppendString(%q) = %s, want %s", s, raw, want.Bytes())
		}
	})
}

func TestTimesAreUTCWithTheDigitsTheyNeed(t *testing.T) {
	t.Parallel()
	zone := time.FixedZone("", 3600)
	for want, at := range map[string]time.Time{
		`"2026-01-02T02:04:05Z"`:        time.Date(2026, 1, 2, 3, 4, 5, 0, zone),
		`"2026-01-02T02:04:05.00012Z"`:  time.Date(2026, 1, 2, 3, 4, 5, 120000, zone),
		`"2026-01-02T02:04:05.123456Z"`: time.Date(2026, 1, 2, 3, 4, 5, 123456789, zone),
		`null`:                          {},
	} {
		if got := string(jsontext.AppendTime(nil, at)); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	if got := string(jsontext.AppendUint(jsontext.AppendNullable(nil, ""), 7)); got != "null7" {
		t.Errorf("got %s", got)
	}
}
