package scenario

import (
	"encoding/json"
	"fmt"
	"regexp"
)

var reference = regexp.MustCompile(`\$\{([A-Za-z_][A-Za-z0-9_]*)\}`)

// variables are the values that steps have saved.
type variables map[string]any

// expand puts values in the place of their names. A text that is one name and
// nothing else becomes the value itself, whatever its type.
func (v variables) expand(in any) (any, error) {
	switch t := in.(type) {
	case string:
		if m := reference.FindStringSubmatch(t); m != nil && m[0] == t {
			value, ok := v[m[1]]
			if !ok {
				return nil, fmt.Errorf("%s was not saved by a step before", t)
			}
			return value, nil
		}
		return v.text(t)
	case map[string]any:
		out := make(map[string]any, len(t))
		for key, value := range t {
			expanded, err := v.expand(value)
			if err != nil {
				return nil, err
			}
			out[key] = expanded
		}
		return out, nil
	case []any:
		out := make([]any, len(t))
		for i, value := range t {
			expanded, err := v.expand(value)
			if err != nil {
				return nil, err
			}
			out[i] = expanded
		}
		return out, nil
	default:
		return in, nil
	}
}

// text puts values in the place of their names within a text.
func (v variables) text(in string) (string, error) {
	var missing error
	out := reference.ReplaceAllStringFunc(in, func(name string) string {
		value, ok := v[reference.FindStringSubmatch(name)[1]]
		if !ok {
			missing = fmt.Errorf("%s was not saved by a step before", name)
			return name
		}
		switch t := value.(type) {
		case string:
			return t
		case json.Number:
			return t.String()
		default:
			return show(value)
		}
	})
	return out, missing
}
