package redis

import (
	"errors"
	"fmt"
)

// ErrPattern means that a key pattern is empty, too long or malformed.
var ErrPattern = errors.New("bad key pattern")

// glob is a key pattern: * for any run of bytes, ? for one byte, [abc] [a-z]
// [^a] for one of a set, \ to take the next byte as it is.
//
// Matching is done here and not left to the server, because servers disagree
// about malformed patterns, and a caller's pattern must never reach beyond the
// caller's prefix. The server only narrows by the plain beginning.
type glob []globStep

type globStep struct {
	kind   byte // one of the constants below
	char   byte
	ranges []byteRange
	negate bool
}

const (
	globChar = iota
	globAny  // ?
	globStar // *
	globSet
)

type byteRange struct{ low, high byte }

// parseGlob compiles pattern or says what is wrong with it.
func parseGlob(pattern string) (glob, error) {
	if pattern == "" {
		return nil, fmt.Errorf("%w: it is empty; * matches every key", ErrPattern)
	}
	if len(pattern) > MaxKeyLen {
		return nil, fmt.Errorf("%w: it has %d bytes, at most %d are allowed", ErrPattern, len(pattern), MaxKeyLen)
	}
	var g glob
	for i := 0; i < len(pattern); i++ {
		switch c := pattern[i]; c {
		case '*':
			if len(g) == 0 || g[len(g)-1].kind != globStar {
				g = append(g, globStep{kind: globStar})
			}
		case '?':
			g = append(g, globStep{kind: globAny})
		case '\\':
			if i++; i == len(pattern) {
				return nil, fmt.Errorf("%w: %q ends in a lone backslash", ErrPattern, pattern)
			}
			g = append(g, globStep{kind: globChar, char: pattern[i]})
		case '[':
			step, size, ok := parseSet(pattern[i:])
			if !ok {
				return nil, fmt.Errorf("%w: %q has a malformed [set] at byte %d", ErrPattern, pattern, i)
			}
			g = append(g, step)
			i += size - 1
		default:
			g = append(g, globStep{kind: globChar, char: c})
		}
	}
	return g, nil
}

// parseSet reads the set that s begins with, and its length in bytes.
func parseSet(s string) (step globStep, size int, ok bool) {
	step.kind = globSet
	i := 1
	if i < len(s) && s[i] == '^' {
		step.negate = true
		i++
	}
	next := func() (byte, bool) {
		if i < len(s) && s[i] == '\\' {
			i++
		}
		if i >= len(s) {
			return 0, false
		}
		i++
		return s[i-1], true
	}
	for {
		if i >= len(s) {
			return step, 0, false
		}
		if s[i] == ']' {
			return step, i + 1, len(step.ranges) > 0
		}
		low, ok := next()
		if !ok {
			return step, 0, false
		}
		high := low
		if i+1 < len(s) && s[i] == '-' && s[i+1] != ']' {
			i++
			if high, ok = next(); !ok || high < low {
				return step, 0, false
			}
		}
		step.ranges = append(step.ranges, byteRange{low, high})
	}
}

// literal is the beginning that every match shares, as far as it may be sent
// to any server without escapes.
func (g glob) literal() string {
	var b []byte
	for _, step := range g {
		if step.kind != globChar || !isPlain(step.char) {
			break
		}
		b = append(b, step.char)
	}
	return string(b)
}

// match tells whether all of s matches. Its time is bounded by the product of
// both lengths: only the last star is ever tried again.
func (g glob) match(s string) bool {
	at, star, resume := 0, -1, 0
	for i := 0; i < len(s); {
		switch {
		case at < len(g) && g[at].kind == globStar:
			star, resume = at, i
			at++
		case at < len(g) && g[at].matchByte(s[i]):
			at++
			i++
		case star >= 0:
			resume++
			at, i = star+1, resume
		default:
			return false
		}
	}
	for at < len(g) && g[at].kind == globStar {
		at++
	}
	return at == len(g)
}

func (s globStep) matchByte(c byte) bool {
	switch s.kind {
	case globAny:
		return true
	case globChar:
		return s.char == c
	case globSet:
		for _, r := range s.ranges {
			if r.low <= c && c <= r.high {
				return !s.negate
			}
		}
		return s.negate
	}
	return false
}
