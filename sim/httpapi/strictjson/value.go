package strictjson

import (
	"bytes"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/money"
)

// Value is one member's value, which is never null. It refers to the body and
// must not outlive it; what its methods return may.
type Value struct {
	field string
	raw   []byte
}

// Raw returns the value's JSON text.
func (v Value) Raw() []byte { return v.raw }

// Text reads a string.
func (v Value) Text() (string, error) {
	if v.raw[0] != '"' {
		return "", v.mistyped("a string")
	}
	return unquote(v.raw), nil
}

// OneOf reads a string that is probably one of a few. It is not refused if it
// is another; those that are known are returned without being copied.
func (v Value) OneOf(known []string) (string, error) {
	if v.raw[0] == '"' {
		for _, k := range known {
			if k == string(v.raw[1:len(v.raw)-1]) {
				return k, nil
			}
		}
	}
	return v.Text()
}

// Bool reads true or false.
func (v Value) Bool() (bool, error) {
	switch v.raw[0] {
	case 't':
		return true, nil
	case 'f':
		return false, nil
	}
	return false, v.mistyped("true or false")
}

// Amount reads a decimal from a string or a number, exactly as it is written.
// Exponents are refused.
func (v Value) Amount() (money.Amount, error) {
	var text string
	switch {
	case v.raw[0] == '"':
		text = unquote(v.raw)
	case v.raw[0] == '-' || isDigit(v.raw[0]):
		text = string(v.raw)
		if bytes.ContainsAny(v.raw, "eE") {
			return money.Zero, invalid(v.field, "must be written without an exponent, best as a string")
		}
	default:
		return money.Zero, v.mistyped("a decimal, written as a string")
	}
	amount, err := money.Parse(text)
	if err != nil {
		return money.Zero, invalid(v.field, "%s", err.Error())
	}
	return amount, nil
}

// Object reads a free-form object in the form of [CanonicalObject].
func (v Value) Object() ([]byte, error) {
	if v.raw[0] != '{' {
		return nil, v.mistyped("an object")
	}
	return canonical(v.field, v.raw)
}

// Array reads an array and calls fn with each element's JSON text.
func (v Value) Array(fn func(i int, element []byte) error) error {
	if v.raw[0] != '[' {
		return v.mistyped("an array")
	}
	s := scanner{data: v.raw}
	return s.elements(0, fn)
}

func (v Value) mistyped(wanted string) *Error {
	return invalid(v.field, "must be %s, not %s", wanted, kindOf(v.raw))
}

// Element returns an element of an array as a value, under the name by which
// errors are to speak of it.
func Element(field string, raw []byte) Value { return Value{field: field, raw: raw} }

// Members reads an object with the given fields, as [Object] does. Errors name
// the path of the member at fault.
func (v Value) Members(fields *Fields, fn func(name string, v Value) error) error {
	if v.raw[0] != '{' {
		return v.mistyped("an object")
	}
	_, err := Object(v.raw, fields, fn)
	return within(v.field+".", err)
}
