package scenario

import (
	"encoding/json"
	"fmt"
	"regexp"

	"go.yaml.in/yaml/v3"
)

// Bounds of a script.
const (
	// MaxBytes is the size of a file.
	MaxBytes = 1 << 20
	// MaxSteps is the number of steps.
	MaxSteps = 2000
	maxNodes = 200_000
	maxDepth = 40
)

// jsonNumber is a number as JSON writes it.
var jsonNumber = regexp.MustCompile(`^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?$`)

// reader turns YAML nodes into the values of JSON: maps, lists, text, booleans,
// nil, and numbers as they are written, so that 19000.00 stays 19000.00.
// Aliases are written out within maxNodes and maxDepth, which stops cycles and
// documents that explode.
type reader struct{ nodes int }

// problem is a mistake in a script.
func problem(line int, format string, args ...any) error {
	return fmt.Errorf("line %d: %s", line, fmt.Sprintf(format, args...))
}

func (r *reader) value(n *yaml.Node, depth int) (any, error) {
	if r.nodes++; r.nodes > maxNodes || depth > maxDepth {
		return nil, problem(n.Line, "the script is too large: at most %d values, %d deep, are allowed", maxNodes, maxDepth)
	}
	switch n.Kind {
	case yaml.AliasNode:
		return r.value(n.Alias, depth+1)
	case yaml.MappingNode:
		out := make(map[string]any, len(n.Content)/2)
		for i := 0; i+1 < len(n.Content); i += 2 {
			key := n.Content[i]
			if key.Kind != yaml.ScalarNode || key.Tag == "!!merge" {
				return nil, problem(key.Line, "a key must be text")
			}
			if _, twice := out[key.Value]; twice {
				return nil, problem(key.Line, "%s is there twice", key.Value)
			}
			v, err := r.value(n.Content[i+1], depth+1)
			if err != nil {
				return nil, err
			}
			out[key.Value] = v
		}
		return out, nil
	case yaml.SequenceNode:
		out := make([]any, 0, len(n.Content))
		for _, c := range n.Content {
			v, err := r.value(c, depth+1)
			if err != nil {
				return nil, err
			}
			out = append(out, v)
		}
		return out, nil
	case yaml.ScalarNode:
		return r.scalar(n)
	default:
		return nil, problem(n.Line, "this kind of YAML is not allowed in a script")
	}
}

func (r *reader) scalar(n *yaml.Node) (any, error) {
	switch n.Tag {
	case "!!null":
		return nil, nil
	case "!!bool":
		var b bool
		if err := n.Decode(&b); err != nil {
			return nil, problem(n.Line, "%q is neither true nor false", n.Value)
		}
		return b, nil
	case "!!int", "!!float":
		if jsonNumber.MatchString(n.Value) {
			return json.Number(n.Value), nil
		}
		return n.Value, nil // such as 0x10 or .5: for the custodian to judge
	default:
		return n.Value, nil
	}
}
