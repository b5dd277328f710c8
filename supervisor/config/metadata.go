package config

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"
)

// metadata shapes a JSON object of the user's own.
func (s *shaper) metadata(n *node, m *mark) any {
	if n.kind != mapNode {
		s.problem(m, "must be a mapping, not "+n.kind.String(), "")
		return nil
	}
	value, err := plain(n)
	if err != nil {
		s.problem(m, err.Error(), "")
		return nil
	}
	return value
}

var plainNumber = regexp.MustCompile(`^-?(0|[1-9][0-9]*)(\.[0-9]+)?$`)

// plain turns a node into what encoding/json would make of it, with numbers as
// their text.
func plain(n *node) (any, error) {
	switch n.kind {
	case nullNode:
		return nil, nil
	case boolNode:
		return n.text == "true", nil
	case numberNode:
		if !plainNumber.MatchString(n.text) {
			return nil, fmt.Errorf("%s is not a plain number; put it in quotes", clip(n.text))
		}
		return json.Number(n.text), nil
	case listNode:
		out := make([]any, len(n.items))
		for i, item := range n.items {
			value, err := plain(item)
			if err != nil {
				return nil, err
			}
			out[i] = value
		}
		return out, nil
	case mapNode:
		out := make(map[string]any, len(n.keys))
		for i, key := range n.keys {
			value, err := plain(n.items[i])
			if err != nil {
				return nil, err
			}
			if !utf8.ValidString(key) || strings.ContainsRune(key, 0) {
				return nil, errors.New("a key must be valid text")
			}
			out[key] = value
		}
		return out, nil
	}
	if !utf8.ValidString(n.text) || strings.ContainsRune(n.text, 0) {
		return nil, errors.New("must hold valid text only")
	}
	return n.text, nil
}
