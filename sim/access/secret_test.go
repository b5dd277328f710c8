package access

import (
	"strings"
	"testing"
)

func TestSecretsAreReadStrictly(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		authorization, apiKey []string
		want                  string
	}{
		"none":                      {},
		"a bearer token":            {[]string{"Bearer abc"}, nil, "abc"},
		"a scheme in small letters": {[]string{"bearer   abc "}, nil, "abc"},
		"another scheme":            {[]string{"Basic abc"}, nil, ""},
		"no scheme":                 {[]string{"abc"}, nil, ""},
		"a scheme alone":            {[]string{"Bearer "}, nil, ""},
		"two words":                 {[]string{"Bearer a b"}, nil, ""},
		"a control character":       {[]string{"Bearer a\tb"}, nil, ""},
		"other letters":             {[]string{"Bearer ä"}, nil, ""},
		"two headers":               {[]string{"Bearer a", "Bearer a"}, nil, ""},
		"one that is too long":      {[]string{"Bearer " + strings.Repeat("a", maxSecret+1)}, nil, ""},
		"an API key":                {nil, []string{"abc"}, "abc"},
		"two API keys":              {nil, []string{"abc", "abc"}, ""},
		"both, the same":            {[]string{"Bearer abc"}, []string{"abc"}, "abc"},
		"both, that differ":         {[]string{"Bearer abc"}, []string{"abd"}, ""},
		"both, one of them no key":  {[]string{"Basic abc"}, []string{"abc"}, ""},
		"both empty":                {[]string{""}, []string{""}, ""},
	} {
		if got := Secret(test.authorization, test.apiKey); got != test.want {
			t.Errorf("%s: %q, not %q", name, got, test.want)
		}
	}
}

func FuzzSecret(f *testing.F) {
	for _, seed := range []string{"Bearer abc", "bearer  x", "Basic Og==", "Bearer", " Bearer a", "Bearer a,b", "\x00"} {
		f.Add(seed, "")
	}
	f.Add("", "abc")
	f.Fuzz(func(t *testing.T, authorization, apiKey string) {
		got := Secret([]string{authorization}, nil)
		if got != "" && (!strings.HasSuffix(strings.TrimRight(authorization, " "), got) || !strings.EqualFold(authorization[:7], "Bearer ")) {
			t.Errorf("%q has the secret %q", authorization, got)
		}
		both := Secret([]string{authorization}, []string{apiKey})
		if both != "" && (both != apiKey || both != got) {
			t.Errorf("%q and %q have the secret %q", authorization, apiKey, both)
		}
		for _, secret := range []string{got, both, Secret(nil, []string{apiKey})} {
			if len(secret) > maxSecret || strings.ContainsFunc(secret, func(r rune) bool { return r <= ' ' || r > '~' }) {
				t.Errorf("the secret %q is none", secret)
			}
		}
	})
}
