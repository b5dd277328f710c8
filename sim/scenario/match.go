package scenario

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// Match compares a value with what is expected of it and returns what differs,
// led by the path to it; nothing where all is as expected.
//
// An object needs every member of the expected one and may have others. A list
// needs just the expected elements. Scalars are equal; a number equals a text of
// the same digits, as amounts are texts. An expected object with one member
// whose name begins with $ asks something else:
//
//	{$any: true}         there is a value, and it is not null
//	{$absent: true}      there is none, or it is null
//	{$not: expected}     does not match expected
//	{$contains: [...]}   a list with elements that match each of these, in this order, among others;
//	                     or a text with these texts in it, in this order
//	{$length: n}         a list or text of this length
func Match(expected, actual any) []string { return match("", expected, actual, true) }

func match(path string, expected, actual any, there bool) []string {
	if m, ok := expected.(map[string]any); ok && len(m) == 1 {
		for operator, operand := range m {
			if strings.HasPrefix(operator, "$") {
				return ask(path, operator, operand, actual, there)
			}
		}
	}
	if !there {
		return differs(path, "is missing, expected %s", show(expected))
	}
	switch e := expected.(type) {
	case map[string]any:
		a, ok := actual.(map[string]any)
		if !ok {
			return differs(path, "is %s, expected an object", show(actual))
		}
		var out []string
		for _, key := range slices.Sorted(maps.Keys(e)) {
			v, there := a[key]
			out = append(out, match(join(path, key), e[key], v, there)...)
		}
		return out
	case []any:
		a, ok := actual.([]any)
		if !ok || len(a) != len(e) {
			return differs(path, "is %s, expected %d elements", show(actual), len(e))
		}
		var out []string
		for i := range e {
			out = append(out, match(join(path, strconv.Itoa(i)), e[i], a[i], true)...)
		}
		return out
	default:
		if !equal(expected, actual) {
			return differs(path, "is %s, expected %s", show(actual), show(expected))
		}
		return nil
	}
}

func ask(path, operator string, operand, actual any, there bool) []string {
	switch operator {
	case "$any":
		if !there || actual == nil {
			return differs(path, "is missing, expected any value")
		}
	case "$absent":
		if there && actual != nil {
			return differs(path, "is %s, expected none", show(actual))
		}
	case "$not":
		if len(match(path, operand, actual, there)) == 0 {
			return differs(path, "is %s, expected anything else", show(actual))
		}
	case "$contains":
		return contains(path, operand, actual)
	case "$length":
		n := -1
		switch a := actual.(type) {
		case []any:
			n = len(a)
		case string:
			n = len(a)
		}
		if !equal(operand, json.Number(strconv.Itoa(n))) {
			return differs(path, "has length %d, expected %s", n, show(operand))
		}
	default:
		return differs(path, "cannot be compared by %s; known: $any, $absent, $not, $contains, $length", operator)
	}
	return nil
}

func contains(path string, operand, actual any) []string {
	wanted, ok := operand.([]any)
	list, isList := actual.([]any)
	text, isText := actual.(string)
	if !ok || !isList && !isText {
		return differs(path, "is %s; $contains compares lists, and texts with lists of texts", show(actual))
	}
	at := 0
	for _, w := range wanted {
		if isText {
			part := fmt.Sprint(w)
			_, after, found := strings.Cut(text, part)
			if !found {
				return differs(path, "is %s, expected it to contain %s (in this order)", show(actual), show(part))
			}
			text = after
			continue
		}
		for at < len(list) && len(match(path, w, list[at], true)) > 0 {
			at++
		}
		if at == len(list) {
			return differs(path, "is %s, expected it to contain %s (in this order)", show(actual), show(w))
		}
		at++
	}
	return nil
}

func equal(expected, actual any) bool {
	if expected == actual {
		return true
	}
	number, ok := expected.(json.Number)
	if !ok {
		return false
	}
	switch a := actual.(type) {
	case json.Number:
		return number == a
	case string:
		return number.String() == a
	default:
		return false
	}
}

func differs(path, format string, args ...any) []string {
	if path == "" {
		path = "the answer"
	}
	return []string{path + " " + fmt.Sprintf(format, args...)}
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

// showBytes bounds what a report shows of one value.
const showBytes = 400

func show(v any) string {
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false) // people read it, of XML too
	if e.Encode(v) != nil {
		return fmt.Sprint(v)
	}
	text := bytes.TrimSpace(out.Bytes())
	if len(text) > showBytes {
		return string(text[:showBytes]) + "…"
	}
	return string(text)
}

// find returns the part of a value that a path such as history.0.status names.
func find(v any, path string) (any, error) {
	for _, key := range strings.Split(path, ".") {
		switch at := v.(type) {
		case map[string]any:
			next, ok := at[key]
			if !ok {
				return nil, fmt.Errorf("the answer has no %s (of %s)", key, path)
			}
			v = next
		case []any:
			i, err := strconv.Atoi(key)
			if err != nil || i < 0 || i >= len(at) {
				return nil, fmt.Errorf("the answer has no element %s (of %s)", key, path)
			}
			v = at[i]
		default:
			return nil, fmt.Errorf("the answer has no %s (of %s)", key, path)
		}
	}
	return v, nil
}
