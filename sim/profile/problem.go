package profile

import "strings"

// Problem is one mistake in a profile. It is an error by itself, for callers that
// report one at a time.
type Problem struct {
	// Field is the path of the field, such as rails.wire_domestic.cut_off.
	Field string
	// Value is what was given.
	Value string
	// Message says what is wrong.
	Message string
	// Allowed says what is allowed instead, where that can be said shortly.
	Allowed string
	// Suggestion is the nearest right value, where there is one.
	Suggestion string
}

// Error returns the problem in one line: which field, what is wrong, what to do.
func (p Problem) Error() string {
	var b strings.Builder
	b.WriteString(p.Field + ": " + p.Message)
	if p.Allowed != "" {
		b.WriteString("; allowed: " + p.Allowed)
	}
	if p.Suggestion != "" {
		b.WriteString("; did you mean " + p.Suggestion + "?")
	}
	return b.String()
}

// nearest returns the candidate that differs from word in at most a third of its
// letters, whatever their case, or "".
func nearest(word string, candidates []string) string {
	if word == "" || len(word) > 64 {
		return ""
	}
	best, fewest := "", max(1, len(word)/3)+1
	for _, candidate := range candidates {
		if d := distance(strings.ToLower(word), strings.ToLower(candidate)); d < fewest {
			best, fewest = candidate, d
		}
	}
	return best
}

// distance counts the letters to insert, delete or replace to get from a to b.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			diagonal, row[j+1] = row[j+1], min(row[j]+1, row[j+1]+1, diagonal+cost)
		}
	}
	return row[len(b)]
}
