package strictjson

import (
	"bytes"
	"slices"
	"strings"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/view/jsontext"
)

// CanonicalObject returns the one normal form of a JSON object: members sorted
// by name, no blanks, no needless escapes, numbers as they were written. What
// other readers of the stored text could trip over is refused: members given
// twice, numbers with an exponent, the character U+0000. Field is the name by
// which errors speak of the object.
func CanonicalObject(field string, data []byte) ([]byte, error) {
	if err := Check(data); err != nil {
		return nil, err
	}
	data = bytes.TrimSpace(data)
	return Value{field: field, raw: data}.Object()
}

// canonical returns the normal form of an object that has been checked.
func canonical(field string, raw []byte) ([]byte, error) {
	return appendCanonical(make([]byte, 0, len(raw)), field, raw)
}

type member struct {
	name string
	raw  []byte
}

func appendCanonical(dst []byte, path string, raw []byte) ([]byte, error) {
	switch c := raw[0]; {
	case c == '{':
		return appendObject(dst, path, raw)
	case c == '[':
		return appendArray(dst, path, raw)
	case c == '"':
		text, err := storable(path, raw)
		return jsontext.AppendString(dst, text), err
	case c == '-' || isDigit(c):
		if bytes.ContainsAny(raw, "eE") {
			return nil, invalid(path, "has a number with an exponent (%s): write it out, or as a string", clip(string(raw)))
		}
		if c == '-' && len(bytes.Trim(raw, "-0.")) == 0 {
			raw = raw[1:] // there is no negative zero in decimal arithmetic
		}
		return append(dst, raw...), nil
	default:
		return append(dst, raw...), nil
	}
}

func appendObject(dst []byte, path string, raw []byte) ([]byte, error) {
	var members []member
	s := scanner{data: raw}
	err := s.members(0, func(quoted, value []byte) error {
		name, err := storable(path, quoted)
		members = append(members, member{name, value})
		return err
	})
	if err != nil {
		return nil, err
	}
	slices.SortFunc(members, func(a, b member) int { return strings.Compare(a.name, b.name) })
	dst = append(dst, '{')
	for i, m := range members {
		if i > 0 {
			if m.name == members[i-1].name {
				return nil, invalid(path, "has the member %q twice", clip(m.name))
			}
			dst = append(dst, ',')
		}
		dst = append(jsontext.AppendString(dst, m.name), ':')
		if dst, err = appendCanonical(dst, path+"."+clip(m.name), m.raw); err != nil {
			return nil, err
		}
	}
	return append(dst, '}'), nil
}

func appendArray(dst []byte, path string, raw []byte) ([]byte, error) {
	dst = append(dst, '[')
	s := scanner{data: raw}
	err := s.elements(0, func(i int, element []byte) (err error) {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst, err = appendCanonical(dst, path, element)
		return err
	})
	if err != nil {
		return nil, err
	}
	return append(dst, ']'), nil
}

// storable returns the text of a string, unless databases could not hold it.
func storable(path string, quoted []byte) (string, error) {
	text := unquote(quoted)
	if strings.IndexByte(text, 0) >= 0 {
		return "", invalid(path, "holds the character U+0000, which cannot be stored")
	}
	return text, nil
}

// clip shortens text for messages.
func clip(text string) string {
	const most = 60
	if len(text) > most {
		return strings.ToValidUTF8(text[:most], "") + "…"
	}
	return text
}
