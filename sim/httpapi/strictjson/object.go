package strictjson

import (
	"fmt"
	"reflect"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// Fields are the members that an object may have. They are immutable.
type Fields struct {
	names    []string
	required []bool
	place    []int // of the field in the struct
}

// FieldsOf returns the fields of a struct, named by their json tags. Those
// without omitempty are required. A struct that describes a body so also
// decides what the body may hold. It panics on more than 64 fields.
func FieldsOf(v any) *Fields {
	f := &Fields{}
	t := reflect.TypeOf(v)
	for i := range t.NumField() {
		name, options, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
		if name == "" || name == "-" || !t.Field(i).IsExported() {
			continue
		}
		f.names = append(f.names, name)
		f.required = append(f.required, options != "omitempty")
		f.place = append(f.place, i)
	}
	if len(f.names) > 64 {
		panic(fmt.Sprintf("strictjson: %s has more than 64 fields", t))
	}
	return f
}

// Names returns the fields' names in the order of the struct. The slice is
// shared and must not be changed.
func (f *Fields) Names() []string { return f.names }

func (f *Fields) index(name []byte) int {
	for i := range f.names {
		if f.names[i] == string(name) {
			return i
		}
	}
	return -1
}

// Given says which fields of an object were given.
type Given struct {
	fields *Fields
	// given has a bit for each field that was there, null for each that was
	// there as null.
	given, null uint64
}

// Has reports whether a field was given, and not as null.
func (g Given) Has(name string) bool {
	for i, n := range g.fields.names {
		if n == name {
			return g.given&^g.null&(1<<i) != 0
		}
	}
	return false
}

// Empty reports whether no field was given, or only as null.
func (g Given) Empty() bool { return g.given&^g.null == 0 }

// Null returns the first field that was given as null, or "".
func (g Given) Null() string {
	for i, n := range g.fields.names {
		if g.null&(1<<i) != 0 {
			return n
		}
	}
	return ""
}

// Object reads data, which [Check] must have accepted, as an object with the
// given fields. It calls fn with each in the order of the text; null means left
// out, so fn is not called for it. Unknown and repeated members, required
// fields that are missing, and whatever fn returns, end it as its error.
func Object(data []byte, fields *Fields, fn func(name string, v Value) error) (Given, error) {
	g := Given{fields: fields}
	s := scanner{data: data}
	s.space()
	if s.peek() != '{' {
		return g, &Error{Detail: "must be a JSON object, not " + kindOf(data[s.pos:])}
	}
	err := s.members(0, func(quoted, raw []byte) error {
		name := quoted[1 : len(quoted)-1]
		i := fields.index(name)
		if i < 0 {
			text := unquote(quoted)
			if i = fields.index([]byte(text)); i < 0 {
				return unknown(text, "field", fields.names)
			}
		}
		bit := uint64(1) << i
		if g.given&bit != 0 {
			return invalid(fields.names[i], "is given twice")
		}
		g.given |= bit
		if string(raw) == "null" {
			g.null |= bit
			return nil
		}
		return fn(fields.names[i], Value{field: fields.names[i], raw: raw})
	})
	if err != nil {
		return g, err
	}
	for i, name := range fields.names {
		if fields.required[i] && g.given&^g.null&(1<<i) == 0 {
			return g, invalid(name, "is required")
		}
	}
	return g, nil
}

// kindOf names the kind of a JSON value for messages.
func kindOf(raw []byte) string {
	switch {
	case len(raw) == 0:
		return "nothing"
	case raw[0] == '{':
		return "an object"
	case raw[0] == '[':
		return "an array"
	case raw[0] == '"':
		return "a string"
	case raw[0] == 't' || raw[0] == 'f':
		return "a boolean"
	case raw[0] == 'n':
		return "null"
	default:
		return "a number"
	}
}

// unquote returns the text of a JSON string that has been scanned.
func unquote(quoted []byte) string {
	body := quoted[1 : len(quoted)-1]
	plain := 0
	for plain < len(body) && body[plain] != '\\' {
		plain++
	}
	if plain == len(body) {
		return string(body)
	}
	out := append(make([]byte, 0, len(body)), body[:plain]...)
	for i := plain; i < len(body); i++ {
		if body[i] != '\\' {
			out = append(out, body[i])
			continue
		}
		i++
		switch body[i] {
		case 'b':
			out = append(out, '\b')
		case 'f':
			out = append(out, '\f')
		case 'n':
			out = append(out, '\n')
		case 'r':
			out = append(out, '\r')
		case 't':
			out = append(out, '\t')
		case 'u':
			h := scanner{data: body, pos: i + 1}
			r, _ := h.hex4() // the scan has seen to it
			if utf16.IsSurrogate(r) {
				h.pos += 2
				second, _ := h.hex4()
				r = utf16.DecodeRune(r, second)
			}
			out = utf8.AppendRune(out, r)
			i = h.pos - 1
		default:
			out = append(out, body[i])
		}
	}
	return string(out)
}
