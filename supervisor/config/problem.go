package config

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Problem is one mistake in a configuration.
type Problem struct {
	// Key is the path of the key, such as instances[2].http_port, or the name
	// of the environment variable or flag.
	Key string `json:"key,omitempty"`
	// File is where the key stands: a file, "environment", "flags", or empty
	// for request bodies.
	File string `json:"file,omitempty"`
	// Line is the line in File, 0 if it has none.
	Line int `json:"line,omitempty"`
	// Message says what is wrong. It holds no secrets.
	Message string `json:"message"`
	// Allowed says what is allowed instead, where that can be said shortly.
	Allowed string `json:"allowed,omitempty"`
	// Suggestion is the nearest right key.
	Suggestion string `json:"suggestion,omitempty"`
}

// String returns p in one line: where, which key, what is wrong, what to do.
func (p Problem) String() string {
	var b strings.Builder
	if p.File != "" {
		b.WriteString(p.File)
		if p.Line > 0 {
			b.WriteString(":" + strconv.Itoa(p.Line))
		}
		b.WriteString(": ")
	}
	if p.Key != "" {
		b.WriteString(p.Key + ": ")
	}
	b.WriteString(p.Message)
	if p.Allowed != "" {
		b.WriteString("; allowed: " + p.Allowed)
	}
	if p.Suggestion != "" {
		b.WriteString("; did you mean " + p.Suggestion + "?")
	}
	return b.String()
}

// Problems is the error that reports all mistakes of a configuration at once,
// ordered by file, line and key.
type Problems struct {
	List []Problem `json:"problems"`
	// Omitted counts the mistakes beyond the bound on List.
	Omitted int `json:"omitted,omitempty"`
}

// Error returns one line per problem.
func (p *Problems) Error() string {
	lines := make([]string, 0, len(p.List)+1)
	for _, problem := range p.List {
		lines = append(lines, problem.String())
	}
	if p.Omitted > 0 {
		lines = append(lines, fmt.Sprintf("and %d more", p.Omitted))
	}
	return strings.Join(lines, "\n")
}

// maxProblems bounds what one report holds: enough for every honest mistake,
// little enough for a body made to provoke a huge answer.
const maxProblems = 500

// report collects problems.
type report struct {
	list    []Problem
	omitted int
}

func (r *report) add(p Problem) {
	if r.full() {
		r.omitted++
		return
	}
	r.list = append(r.list, p)
}

func (r *report) full() bool { return len(r.list) >= maxProblems }

// err returns what was collected as an error, or nil.
func (r *report) err() error {
	if len(r.list) == 0 {
		return nil
	}
	slices.SortStableFunc(r.list, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Key, b.Key), cmp.Compare(a.Message, b.Message))
	})
	return &Problems{List: slices.Compact(r.list), Omitted: r.omitted}
}
