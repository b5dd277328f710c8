package config

import (
	"encoding"
	"fmt"
	"math"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/money"
)

func (s *shaper) text(n *node, f *field, m *mark) any {
	switch {
	case n.kind == numberNode || n.kind == boolNode:
		s.problem(m, "must be text: put "+clip(n.text)+" in quotes", "")
	case n.kind != textNode && n.kind != looseNode:
		s.problem(m, "must be text, not "+n.kind.String(), "")
	case !utf8.ValidString(n.text) || strings.ContainsRune(n.text, 0):
		s.problem(m, "must be valid text", "")
	case utf8.RuneCountInString(n.text) > f.limit:
		s.problem(m, "is too long", fmt.Sprintf("at most %d characters", f.limit))
	case f.oneof != nil && !slices.Contains(f.oneof, n.text):
		s.problem(m, fmt.Sprintf("%q is not available", clip(n.text)), strings.Join(f.oneof, ", "))
	default:
		return n.text
	}
	return nil
}

func (s *shaper) boolean(n *node, m *mark) any {
	switch {
	case n.kind != boolNode && n.kind != looseNode:
	case n.text == "true":
		return true
	case n.text == "false":
		return false
	}
	s.problem(m, "must be true or false", "")
	return nil
}

var digits = regexp.MustCompile(`^-?[0-9]+$`)

func (s *shaper) integer(n *node, f *field, t reflect.Type, m *mark) any {
	allowed := f.bounds
	switch {
	case n.kind == textNode && digits.MatchString(n.text):
		s.problem(m, "must be a number: take "+clip(n.text)+" out of the quotes", allowed)
		return nil
	case (n.kind != numberNode && n.kind != looseNode) || !digits.MatchString(n.text):
		s.problem(m, "must be a whole number in plain digits", allowed)
		return nil
	}
	value, err := strconv.ParseUint(n.text, 10, 64) // no bound of ours allows what is negative
	if err != nil || (f.bounded && (value < f.min || value > f.max)) {
		s.problem(m, clip(n.text)+" is out of range", allowed)
		return nil
	}
	switch t.Kind() {
	case reflect.Int:
		return int(value)
	case reflect.Int64:
		return int64(min(value, math.MaxInt64))
	default:
		return value
	}
}

// special shapes types that are text with a syntax of its own.
func (s *shaper) special(n *node, f *field, t reflect.Type, m *mark) any {
	text := n.text
	isDuration := t == durationType || t == profileDuration
	switch {
	case n.kind == numberNode && !isDuration, n.kind == textNode, n.kind == looseNode:
	case n.kind == numberNode:
		s.problem(m, `needs a unit, like "`+clip(text)+`s"`, f.bounds)
		return nil
	default:
		s.problem(m, "must be text, not "+n.kind.String(), "")
		return nil
	}
	if t == decimalType {
		if _, err := money.Parse(text); err != nil {
			s.problem(m, err.Error(), "")
			return nil
		}
		return text
	}
	if t == instantType {
		if _, err := time.Parse(time.RFC3339Nano, text); err != nil {
			s.problem(m, fmt.Sprintf("%q is no time", clip(text)), `RFC 3339, like "2026-11-23T09:00:00-05:00"`)
			return nil
		}
		return text
	}
	if isDuration && n.kind == looseNode && digits.MatchString(text) {
		text += "s" // plain seconds, as older deployments have them
	}
	parsed := reflect.New(t)
	if err := parsed.Interface().(encoding.TextUnmarshaler).UnmarshalText([]byte(text)); err != nil {
		s.problem(m, err.Error(), f.bounds)
		return nil
	}
	if isDuration && f.bounded && (parsed.Elem().Int() < 0 || number(parsed.Elem().Int()) < f.min || number(parsed.Elem().Int()) > f.max) {
		s.problem(m, clip(n.text)+" is out of range", f.bounds)
		return nil
	}
	return text
}
