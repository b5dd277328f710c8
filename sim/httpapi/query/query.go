// Package query reads query parameters strictly: unknown ones are refused with
// the nearest right name, and so are repeated and empty ones.
package query

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/httpapi/problem"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/httpapi/strictjson"
)

// Values are the query parameters of one request. The first error that one of
// the methods meets is kept for [Values.Err], and zero is returned in its
// place, so handlers read everything and check once.
type Values struct {
	values url.Values
	err    error
}

// Parse reads the query of r, in which only the given parameters may occur.
func Parse(r *http.Request, known []string) *Values {
	if r.URL.RawQuery == "" {
		return &Values{}
	}
	values, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return &Values{err: problem.New(http.StatusBadRequest, string(sim.CodeMalformed), "the query is malformed: "+err.Error())}
	}
	q := &Values{values: values}
	names := make([]string, 0, len(values))
	for name := range values {
		names = append(names, name)
	}
	slices.Sort(names) // the same request gets the same answer
	for _, name := range names {
		switch {
		case !slices.Contains(known, name):
			q.fail(strictjson.Unknown(name, "query parameter", known))
		case len(values[name]) > 1:
			q.fail(problem.Invalid(name, "is given more than once"))
		case values[name][0] == "":
			q.fail(problem.Invalid(name, "is empty; give a value or leave it out"))
		}
	}
	return q
}

// Err returns the first error, or nil.
func (q *Values) Err() error { return q.err }

func (q *Values) fail(err error) {
	if q.err == nil {
		q.err = err
	}
}

// Has reports whether a parameter was given.
func (q *Values) Has(name string) bool { return q.values.Has(name) }

// Text returns a parameter of at most limit printable characters, or "". Nothing
// that a store holds has others, and PostgreSQL takes them for an error.
func (q *Values) Text(name string, limit int) string {
	v := q.values.Get(name)
	if len(v) > limit && len([]rune(v)) > limit {
		q.fail(problem.Invalid(name, fmt.Sprintf("is too long: at most %d characters are allowed", limit)))
		return ""
	}
	if !utf8.ValidString(v) || strings.ContainsFunc(v, func(r rune) bool { return !unicode.IsPrint(r) }) {
		q.fail(problem.Invalid(name, "must be printable text"))
		return ""
	}
	return v
}

// Choice returns a parameter that is one of the allowed values, or "".
func (q *Values) Choice(name string, allowed []string) string {
	v := q.values.Get(name)
	if v == "" || slices.Contains(allowed, v) {
		return v
	}
	detail := "is not an allowed value"
	if near := strictjson.Nearest(v, allowed); near != "" {
		detail += fmt.Sprintf("; did you mean %q?", near)
	}
	q.fail(problem.Invalid(name, detail, allowed...))
	return ""
}

// Int returns a whole number, without signs and zeros that it does not need, between low and high, or fallback where it was
// not given.
func (q *Values) Int(name string, low, high, fallback int) int {
	v := q.values.Get(name)
	if v == "" {
		return fallback
	}
	n, err := strconv.Atoi(v)
	if err != nil || n < low || n > high || strconv.Itoa(n) != v {
		q.fail(problem.Invalid(name, fmt.Sprintf("must be a whole number from %d to %d", low, high)))
		return fallback
	}
	return n
}

// Uint returns a whole number that is not negative, or 0.
func (q *Values) Uint(name string) uint64 {
	v := q.values.Get(name)
	if v == "" {
		return 0
	}
	n, err := strconv.ParseUint(v, 10, 63) // beyond it, stores' signed columns end
	if err != nil || strconv.FormatUint(n, 10) != v {
		q.fail(problem.Invalid(name, "must be a whole number that is not negative"))
		return 0
	}
	return n
}

// Bool returns true or false, or fallback where it was not given.
func (q *Values) Bool(name string, fallback bool) bool {
	switch q.Choice(name, []string{"true", "false"}) {
	case "true":
		return true
	case "false":
		return false
	}
	return fallback
}

// Time returns an RFC 3339 time in UTC, or the zero time.
func (q *Values) Time(name string) time.Time {
	v := q.values.Get(name)
	if v == "" {
		return time.Time{}
	}
	t, err := time.Parse(time.RFC3339, v)
	if err != nil {
		q.fail(problem.Invalid(name, `must be an RFC 3339 time such as "2026-11-23T09:00:00Z"`))
		return time.Time{}
	}
	return t.UTC()
}
