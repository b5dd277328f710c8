package config

import (
	"strconv"
	"strings"
)

// step follows one key or index. It returns nil where nothing was given.
func (m *mark) step(part string) *mark {
	if at, ok := strings.CutPrefix(part, "["); ok {
		i, err := strconv.Atoi(strings.TrimSuffix(at, "]"))
		if err != nil || i >= len(m.items) {
			return nil
		}
		return m.items[i]
	}
	return m.fields[part]
}

// given reports whether any source had the key at path, right or wrong.
func (m *mark) given(path ...string) bool {
	for _, part := range path {
		if m = m.step(part); m == nil {
			return false
		}
	}
	return true
}

// split cuts a path at its dots and brackets: a[1].b into a, [1], b.
func split(path string) []string {
	return strings.Split(strings.ReplaceAll(path, "[", ".["), ".")
}

// locate says where the value at path was given. If the value itself was not,
// the nearest thing around it tells the place. The second result reports that
// the value was found faulty before, so that more about it would only confuse.
func (m *mark) locate(path string) (Problem, bool) {
	if m == nil {
		return Problem{Key: path}, false
	}
	parts := split(path)
	at := m
	for i, part := range parts {
		next := at.step(part)
		if next == nil {
			rest := strings.ReplaceAll(strings.Join(parts[i:], "."), ".[", "[")
			return Problem{Key: join(at.key, rest), File: at.file, Line: at.line}, false
		}
		if next.bad {
			return Problem{}, true
		}
		at = next
	}
	return Problem{Key: at.key, File: at.file, Line: at.line}, false
}

// place returns where path was given, for messages that name a second place, or
// "" if that is not known.
func (m *mark) place(path string) string {
	p, _ := m.locate(path)
	switch {
	case p.File == "":
		return ""
	case p.Line == 0:
		return " (" + p.File + ")"
	}
	return " (" + p.File + ":" + strconv.Itoa(p.Line) + ")"
}
