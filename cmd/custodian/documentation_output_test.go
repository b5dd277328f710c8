package main

import (
	"regexp"
	"strings"
	"testing"
)

var (
	space     = regexp.MustCompile(`\s+`)
	anID      = regexp.MustCompile(`\b[0-9a-f]{8}-(?:[0-9a-f-]{27}\b|…)`)
	aDigest   = regexp.MustCompile(`\b(?:[0-9a-f]{16,}\b|[0-9a-f]{8,}…)`)
	aDuration = regexp.MustCompile(`\b(?:[0-9]+(?:\.[0-9]+)?(?:h|ms|µs|ns|m|s))+\b`)
)

// alike is an output without what is different each time: ids, digests, durations, space.
func alike(output string) string {
	output = anID.ReplaceAllString(output, "‹id›")
	output = aDigest.ReplaceAllStringFunc(output, func(digits string) string {
		if !strings.ContainsAny(digits, "abcdef") {
			return digits // an amount
		}
		return "‹digest›"
	})
	output = aDuration.ReplaceAllString(output, "‹duration›")
	return space.ReplaceAllString(output, "")
}

// shows reports whether an output is what was printed, but for what it leaves out and what is
// different each time.
func shows(output, printed string) bool {
	parts := strings.Split(alike(output), leftOut)
	rest, found := strings.CutPrefix(alike(printed), parts[0])
	for _, part := range parts[1:] {
		if !found {
			return false
		}
		var before string
		if before, rest, found = strings.Cut(rest, part); part == "" {
			rest, found = before+rest, true
		}
	}
	last := parts[len(parts)-1]
	return found && (rest == "" || len(parts) > 1 && strings.HasSuffix(rest, last))
}

func TestAnOutputShowsWhatWasPrinted(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		output, printed string
		want            bool
	}{
		"the same":                        {`{"a": 1}`, `{"a":1}`, true},
		"another":                         {`{"a":2}`, `{"a":1}`, false},
		"the middle left out":             {`{"a":1, … "c":3}`, `{"a":1,"b":2,"c":3}`, true},
		"the end left out":                {`{"a":1, … }`, `{"a":1,"b":2}`, true},
		"all but a part":                  {`{ … "b":2, … }`, `{"a":1,"b":2,"c":3}`, true},
		"a part that is not there":        {`{ … "d":2, … }`, `{"a":1,"b":2,"c":3}`, false},
		"more behind the end":             {`{"a":1}`, `{"a":1}{"b":2}`, false},
		"parts in the order they are not": {`{ … "c":3 … "a":1 … }`, `{"a":1,"b":2,"c":3}`, false},
		"an end that comes twice":         {`{ … }`, `{"a":{}}`, true},
		"an end that is another":          {`{ … "b":2}`, `{"a":1,"b":2,"c":3}`, false},
		"another id":                      {`"01a208b4-62a6-7000-9f47-3329177b6a8e"`, `"01a2152c-7b75-7000-9f0b-9cf091756474"`, true},
		"the beginning of an id":          {`"01a208b4-…"`, `"01a2152c-7b75-7000-9f0b-9cf091756474"`, true},
		"no id":                           {`"01a208b4-…"`, `"alice"`, false},
		"another digest":                  {"4  5ac0ee1f096d6cbe", "4  0cc0ee1f096d6cbf", true},
		"another long amount":             {"1000000000000000001", "1000000000000000002", false},
		"another duration":                {"(8 steps, 10.9ms)", "(8 steps, 1m3s)", true},
		"another count":                   {"(8 steps, 10.9ms)", "(9 steps, 10.9ms)", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := shows(c.output, c.printed); got != c.want {
				t.Errorf("shows(%s, %s) = %t", c.output, c.printed, got)
			}
		})
	}
}
