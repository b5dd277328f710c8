package redis

import (
	"errors"
	"strings"
	"testing"
)

func TestGlobMatches(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		pattern, key string
		want         bool
	}{
		{"*", "", true},
		{"*", "anything/at:all", true},
		{"a*", "abc", true},
		{"a*", "ba", false},
		{"*c", "abc", true},
		{"a*c*e", "abcde", true},
		{"a*c*e", "abcd", false},
		{"h?llo", "hello", true},
		{"h?llo", "hllo", false},
		{"h[ae]llo", "hallo", true},
		{"h[ae]llo", "hillo", false},
		{"h[^e]llo", "hallo", true},
		{"h[^e]llo", "hello", false},
		{"[a-c]1", "b1", true},
		{"[a-c]1", "d1", false},
		{"[a-]", "-", true},
		{`[\]]`, "]", true},
		{`\*`, "*", true},
		{`\*`, "x", false},
		{`\E(`, "E(", true},
		{"a**b", "ab", true},
	} {
		g, err := parseGlob(c.pattern)
		if err != nil {
			t.Errorf("%q: %v", c.pattern, err)
			continue
		}
		if got := g.match(c.key); got != c.want {
			t.Errorf("%q matches %q: %t, want %t", c.pattern, c.key, got, c.want)
		}
	}
}

func TestGlobRefusesMalformedPatterns(t *testing.T) {
	t.Parallel()
	for _, pattern := range []string{"", "[", "[]", "[^]", "[a", "[z-a]", `\`, `[\`, strings.Repeat("a", MaxKeyLen+1)} {
		if _, err := parseGlob(pattern); !errors.Is(err, ErrPattern) {
			t.Errorf("%q: got %v, want ErrPattern", pattern, err)
		}
	}
}

func TestGlobLiteralStopsAtMarksAndAtWhatServersMayMisread(t *testing.T) {
	t.Parallel()
	for pattern, want := range map[string]string{
		"a:b*": "a:b", "*a": "", `a\*b`: "a", "a b": "a", "prices.USD-1_x": "prices.USD-1_x", "é*": "",
	} {
		g, err := parseGlob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		if got := g.literal(); got != want {
			t.Errorf("literal of %q is %q, want %q", pattern, got, want)
		}
	}
}

// FuzzGlob compares the matcher with one that tries everything, and checks
// that a match always begins with the literal that the server is asked for.
func FuzzGlob(f *testing.F) {
	for _, seed := range [][2]string{{"a*b?[c-d]", "axxbyc"}, {"**", ""}, {`\[*`, "[x"}, {"[^a]*", "ba"}} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, pattern, key string) {
		if len(pattern) > 12 || len(key) > 16 {
			return
		}
		g, err := parseGlob(pattern)
		if err != nil {
			return
		}
		got := g.match(key)
		if want := matchSlowly(g, key); got != want {
			t.Errorf("%q matches %q: %t, want %t", pattern, key, got, want)
		}
		if got && !strings.HasPrefix(key, g.literal()) {
			t.Errorf("%q matches %q, which does not begin with %q", pattern, key, g.literal())
		}
	})
}

func matchSlowly(g glob, s string) bool {
	switch {
	case len(g) == 0:
		return s == ""
	case g[0].kind == globStar:
		return matchSlowly(g[1:], s) || s != "" && matchSlowly(g, s[1:])
	default:
		return s != "" && g[0].matchByte(s[0]) && matchSlowly(g[1:], s[1:])
	}
}

func TestPrefixes(t *testing.T) {
	t.Parallel()
	for _, ok := range []string{"custodian:", "custodian:sim:001:", "custodian:alpha:bank:"} {
		if p, err := ParsePrefix(ok); err != nil || string(p) != ok {
			t.Errorf("%q: %v", ok, err)
		}
	}
	for _, bad := range []string{
		"", "other:", "custodian:x", "custodian:service:", "custodian:heartbeat:x:", "custodian:X:", "custodian:*:",
		"custodian:a b:", "custodian:" + strings.Repeat("a", maxPrefixLen) + ":",
	} {
		if _, err := ParsePrefix(bad); err == nil {
			t.Errorf("%q was accepted", bad)
		}
	}
	p := Prefix("custodian:sim:001:")
	if p.Cache("k") != "custodian:sim:001:cache:k" || p.Events() != "custodian:sim:001:events" {
		t.Errorf("keys are %s and %s", p.Cache("k"), p.Events())
	}
}
