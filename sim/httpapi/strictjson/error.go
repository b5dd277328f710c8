package strictjson

import (
	"fmt"
	"strings"
)

// Error says why a body was refused.
type Error struct {
	// Malformed tells broken JSON from JSON that has the wrong content.
	Malformed bool
	// Offset is the byte at which malformed JSON stops making sense, from 0.
	Offset int
	// Field is the path of the member at fault, such as "quantity" or
	// "settlements[3].quantity"; empty where the body as a whole is.
	Field string
	// Detail says what is wrong and what is allowed.
	Detail string
	// Allowed lists the right choices, where they can be listed.
	Allowed []string
}

// Error returns the detail, led by the field where there is one.
func (e *Error) Error() string {
	if e.Field == "" {
		return e.Detail
	}
	return e.Field + ": " + e.Detail
}

// invalid returns an error for the content of one member.
func invalid(field, format string, args ...any) *Error {
	return &Error{Field: field, Detail: fmt.Sprintf(format, args...)}
}

// malformed returns an error for broken JSON.
func malformed(offset int, format string, args ...any) *Error {
	detail := fmt.Sprintf(format, args...)
	return &Error{Malformed: true, Offset: offset, Detail: fmt.Sprintf("the body is not valid JSON: %s at offset %d", detail, offset)}
}

// unknown returns the error for a name that is not among those allowed.
func unknown(field, what string, allowed []string) *Error {
	field = clip(field)
	detail := "is not a known " + what
	if near := Nearest(field, allowed); near != "" {
		detail += fmt.Sprintf("; did you mean %q?", near)
	} else if len(allowed) > 0 {
		detail += "; known: " + strings.Join(allowed, ", ")
	} else {
		detail += "; none is expected here"
	}
	return &Error{Field: field, Detail: detail, Allowed: allowed}
}

// Unknown returns the error for a name, of a field or whatever else what says,
// that is not among those allowed. It names the nearest right one.
func Unknown(name, what string, allowed []string) *Error { return unknown(name, what, allowed) }

// Nearest returns the candidate that is most like name, or "" if none is near
// enough to be what was meant. Case does not count.
func Nearest(name string, candidates []string) string {
	best, bestDistance := "", 1+max(2, len(name)/3)
	if len(name) > 64 {
		return ""
	}
	lower := strings.ToLower(name)
	for _, c := range candidates {
		if d := distance(lower, strings.ToLower(c)); d < bestDistance {
			best, bestDistance = c, d
		}
	}
	return best
}

// distance is the number of single-byte insertions, deletions, substitutions
// and swaps of neighbours that turn a into b.
func distance(a, b string) int {
	before, above, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range above {
		above[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(above[j]+1, row[j-1]+1, above[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, above, row = above, row, before
	}
	return above[len(b)]
}
