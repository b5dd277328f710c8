package config

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/profile"
)

// shaper holds a document against the types of this package. It yields what
// koanf merges (maps, lists, strings, numbers and booleans of just the right
// type), remembers where each value stood, and reports every key that is
// unknown and every value that is of the wrong type or out of bounds. Such
// values are left out, so that whatever remains can be decoded.
type shaper struct {
	file   string
	report *report
}

// mark remembers where a value stood, for messages that come later.
type mark struct {
	file   string
	line   int
	key    string // as the user knows it: a path in the file, a variable, a flag
	bad    bool   // was reported already
	fields map[string]*mark
	items  []*mark
}

func (s *shaper) problem(m *mark, message, allowed string) {
	m.bad = true
	s.report.add(Problem{Key: m.key, File: m.file, Line: m.line, Message: message, Allowed: allowed})
}

// document shapes a whole document as type t. It returns an empty map if the
// document is something else.
func (s *shaper) document(n *node, t reflect.Type) (map[string]any, *mark) {
	m := &mark{file: s.file}
	if n == nil || n.kind == nullNode {
		return map[string]any{}, m
	}
	if n.kind != mapNode {
		s.report.add(Problem{File: s.file, Line: n.line, Message: "must be a mapping of keys to values, not " + n.kind.String()})
		return map[string]any{}, m
	}
	return s.group(n, t, "", m), m
}

// group shapes a map as a struct type.
func (s *shaper) group(n *node, t reflect.Type, path string, m *mark) map[string]any {
	fields := fieldsOf(t)
	out := make(map[string]any, len(n.keys))
	m.fields = make(map[string]*mark, len(n.keys))
	for i, key := range n.keys {
		child := n.items[i]
		here := join(path, key)
		at := &mark{file: s.file, line: child.line, key: clip(here)}
		if child.name != "" {
			at.key = child.name
		}
		f := find(fields, key)
		if f == nil {
			s.unknown(at, key, path, t)
			continue
		}
		m.fields[key] = at
		if value := s.value(child, f, f.typ, here, at); value != nil {
			out[key] = value
		}
	}
	return out
}

func find(fields []field, key string) *field {
	for i := range fields {
		if fields[i].key == key {
			return &fields[i]
		}
	}
	return nil
}

func (s *shaper) unknown(at *mark, key, path string, t reflect.Type) {
	if s.report.full() {
		s.report.omitted++
		return
	}
	keys := keysOf(t)
	p := Problem{Key: at.key, File: at.file, Line: at.line, Message: "unknown key", Suggestion: nearest(key, keys)}
	if p.Suggestion == "" {
		p.Suggestion = elsewhere(key, path)
	}
	if p.Suggestion == "" {
		p.Allowed = strings.Join(keys, ", ")
	}
	s.report.add(p)
}

// elsewhere returns the path of the one key that is called key but stands in
// another place.
func elsewhere(key, path string) string {
	if strings.Contains(path, "[") {
		return ""
	}
	found := ""
	for _, known := range keyPaths() {
		if name := snake(key); known == name || strings.HasSuffix(known, "."+name) {
			if found != "" {
				return ""
			}
			found = known
		}
	}
	return found
}

// value shapes one value. Nil means that there is none.
func (s *shaper) value(n *node, f *field, t reflect.Type, path string, m *mark) any {
	if n.kind == nullNode {
		return nil // an empty key says nothing
	}
	switch {
	case t.Kind() == reflect.Pointer:
		return s.value(n, f, t.Elem(), path, m)
	case overridden[t] != nil:
		return s.value(n, f, overridden[t], path, m)
	case isText(t):
		return s.special(n, f, t, m)
	case t == metadataType:
		return s.metadata(n, m)
	case t.Kind() == reflect.Map:
		return s.rails(n, f, t.Elem(), path, m)
	case isGroup(t):
		if n.kind != mapNode {
			s.problem(m, "must be a mapping, not "+n.kind.String(), "")
			return nil
		}
		return s.group(n, t, path, m)
	}
	switch t.Kind() {
	case reflect.Slice:
		return s.list(n, f, t, path, m)
	case reflect.String:
		return s.text(n, f, m)
	case reflect.Bool:
		return s.boolean(n, m)
	case reflect.Int, reflect.Int64, reflect.Uint64:
		return s.integer(n, f, t, m)
	}
	panic("config: no rule for a key of type " + t.String())
}

func (s *shaper) list(n *node, f *field, t reflect.Type, path string, m *mark) any {
	if n.kind != listNode {
		s.problem(m, "must be a list, not "+n.kind.String(), "")
		return nil
	}
	if len(n.items) > f.limit {
		s.problem(m, fmt.Sprintf("has %d entries", len(n.items)), fmt.Sprintf("at most %d", f.limit))
		return nil
	}
	element := &field{typ: t.Elem(), oneof: f.oneof, limit: maxElement}
	out := make([]any, 0, len(n.items))
	m.items = make([]*mark, 0, len(n.items))
	for i, item := range n.items {
		here := index(path, i)
		at := &mark{file: s.file, line: item.line, key: here}
		if item.name != "" {
			at.key = item.name
		}
		if item.kind == nullNode {
			s.problem(at, "must not be empty", "")
			continue
		}
		value := s.value(item, element, t.Elem(), here, at)
		if value == nil {
			continue
		}
		out = append(out, value)
		m.items = append(m.items, at)
	}
	return out
}

// maxElement bounds the text of one element of a list, in characters.
const maxElement = 4096

// rails shapes the rails of a profile, by name. One that is null is kept so,
// which takes it off.
func (s *shaper) rails(n *node, f *field, t reflect.Type, path string, m *mark) any {
	if n.kind != mapNode {
		s.problem(m, "must be a mapping, not "+n.kind.String(), "")
		return nil
	}
	out := make(map[string]any, len(n.keys))
	m.fields = make(map[string]*mark, len(n.keys))
	for i, key := range n.keys {
		child := n.items[i]
		here := join(path, key)
		at := &mark{file: s.file, line: child.line, key: clip(here)}
		if names := profile.RailNames(); !slices.Contains(names, key) {
			p := Problem{Key: at.key, File: at.file, Line: at.line, Message: "there is no such rail", Suggestion: nearest(key, names)}
			if p.Suggestion == "" {
				p.Allowed = strings.Join(names, ", ")
			}
			s.report.add(p)
			continue
		}
		m.fields[key] = at
		if value := s.value(child, f, t, here, at); value != nil || child.kind == nullNode {
			out[key] = value
		}
	}
	return out
}
