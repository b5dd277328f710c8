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

// distance counts the letters to insert, delete, replace or swap with their
// neighbour to get from a to b.
func distance(a, b string) int {
	rows := make([][]int, len(a)+1)
	for i := range rows {
		rows[i] = make([]int, len(b)+1)
		rows[i][0] = i
	}
	for j := range rows[0] {
		rows[0][j] = j
	}
	for i := range len(a) {
		for j := range len(b) {
			replaced := rows[i][j]
			if a[i] != b[j] {
				replaced++
			}
			rows[i+1][j+1] = min(rows[i][j+1]+1, rows[i+1][j]+1, replaced)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				rows[i+1][j+1] = min(rows[i+1][j+1], rows[i-1][j-1]+1)
			}
		}
	}
	return rows[len(a)][len(b)]
}
