package config

import (
	"slices"
	"strings"
	"unicode"
)

// nearest returns the candidate that word most likely stands for, or "". It
// forgives other spellings (httpPort, http-port), a few wrong, missing or
// swapped letters, and words that were cut short.
func nearest(word string, candidates []string) string {
	if word == "" || len(word) > 64 {
		return ""
	}
	plain := snake(word)
	if slices.Contains(candidates, plain) {
		return plain
	}
	best, fewest := "", max(1, min(3, len(plain)/3))+1
	for _, c := range candidates {
		if d := distance(plain, c); d < fewest {
			best, fewest = c, d
		}
	}
	if best != "" || len(plain) < 3 {
		return best
	}
	for _, c := range candidates {
		if strings.HasPrefix(c, plain) || strings.HasPrefix(plain, c) || strings.HasSuffix(c, "_"+plain) {
			return c
		}
	}
	return ""
}

// snake writes word as keys are written.
func snake(word string) string {
	var b strings.Builder
	lower := false
	for _, r := range word {
		if unicode.IsUpper(r) && lower {
			b.WriteByte('_')
		}
		lower = unicode.IsLower(r) || unicode.IsDigit(r)
		if r == '-' || r == ' ' {
			r = '_'
		}
		b.WriteRune(unicode.ToLower(r))
	}
	return b.String()
}

// distance counts the letters to insert, delete, replace or swap with their
// neighbour in order to get from a to b.
func distance(a, b string) int {
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := range len(a) {
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			row[j+1] = min(last[j+1]+1, row[j]+1, last[j]+cost)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}
