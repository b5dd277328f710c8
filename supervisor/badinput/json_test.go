package badinput

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// mode says how good a request is meant to be.
type mode int

const (
	valid    mode = iota // as the document says
	boundary             // of the right types, with values at bounds and beyond
	broken               // anything
)

func (m mode) String() string { return [...]string{"valid", "boundary", "broken"}[m] }

// deepest bounds the nesting of what is generated from schemas.
const deepest = 7

// maker makes JSON texts from the schemas of a document.
type maker struct {
	*words
	doc  *document
	mode mode
	// snapshot is one that an instance gave, desired what the supervisor said of the
	// desired state.
	snapshot, desired []byte
}

// body returns a text that is meant for a schema.
func (m *maker) body(schema map[string]any) string {
	text := m.value(schema, "", 0)
	if m.mode == broken && m.dice.in(4) {
		return m.garble(text)
	}
	return text
}

// value returns JSON for a schema, spoiled now and then if the mode says so.
func (m *maker) value(schema map[string]any, name string, depth int) string {
	d := m.dice
	schema = m.doc.resolve(schema)
	if m.mode == broken && depth > 0 && d.in(8) {
		return m.wrong()
	}
	for _, key := range []string{"oneOf", "anyOf"} {
		if list, ok := schema[key].([]any); ok {
			choice, _ := pick(d, list).(map[string]any)
			return m.value(choice, name, depth)
		}
	}
	if list, ok := schema["enum"].([]any); ok && (m.mode == valid || !d.in(4)) {
		return encode(pick(d, list))
	}
	switch typeOf(d, schema) {
	case "string":
		return m.text(schema, name)
	case "integer", "number":
		return m.number(schema, name)
	case "boolean":
		return strconv.FormatBool(d.in(2))
	case "array":
		return m.array(schema, name, depth)
	case "null":
		return "null"
	case "object":
		return m.object(schema, depth)
	}
	return pick(d, []string{`"free"`, "1", "true", "{}", `{"a":[1,{"b":null}]}`})
}

// typeOf chooses one of the types that a schema allows, seldom null.
func typeOf(d *dice, schema map[string]any) string {
	switch t := schema["type"].(type) {
	case string:
		return t
	case []any:
		chosen, _ := pick(d, t).(string)
		if chosen == "null" && !d.in(5) {
			chosen, _ = t[0].(string)
		}
		return chosen
	}
	return ""
}

func (m *maker) text(schema map[string]any, name string) string {
	if m.mode != valid && m.dice.in(5) {
		limit, _ := schema["maxLength"].(float64)
		return encode(m.extreme(int(limit)))
	}
	if pattern, ok := schema["pattern"].(string); ok && strings.HasPrefix(pattern, "^-?[0-9]+") {
		return encode(pick(m.dice, decimals))
	}
	return encode(m.sensible(name))
}

func (m *maker) number(schema map[string]any, name string) string {
	d := m.dice
	low, hasLow := schema["minimum"].(float64)
	high, hasHigh := schema["maximum"].(float64)
	if m.mode != valid && d.in(4) {
		return pick(d, []string{
			"0", "-0", "-1", "1", "1.5", "2147483647", "2147483648", "9223372036854775807", "9223372036854775808", "-9223372036854775809",
			"18446744073709551616", "1e3", "1e400", "-1e-400", "0.1", "1E+2", strings.Repeat("9", 400), fmt.Sprint(low - 1), fmt.Sprint(high + 1),
		})
	}
	switch {
	case strings.HasSuffix(name, "_port"):
		return fmt.Sprint(16000 + d.IntN(15000))
	case name == "latency_ms":
		return "1"
	case strings.Contains(name, "rate"):
		return pick(d, []string{"0", "0.1", "0.5", "1"})
	case hasLow && hasHigh && high-low < 1000:
		return fmt.Sprint(int(low) + d.IntN(int(high-low)+1))
	}
	return fmt.Sprint(max(int(low), 1) + d.IntN(20))
}

func (m *maker) array(schema map[string]any, name string, depth int) string {
	items, _ := schema["items"].(map[string]any)
	n := m.dice.IntN(3)
	if m.mode == valid {
		n = 1 + m.dice.IntN(2)
	} else if m.dice.in(100) {
		n = 1100 // more than any list may have
	}
	if depth > deepest {
		n = 0
	}
	out := make([]string, n)
	for i := range out {
		if i > 0 && n > 100 {
			out[i] = out[0]
			continue
		}
		out[i] = m.value(items, name, depth+1)
	}
	return "[" + strings.Join(out, ",") + "]"
}

func (m *maker) object(schema map[string]any, depth int) string {
	d := m.dice
	properties, _ := schema["properties"].(map[string]any)
	var required []string
	list, _ := schema["required"].([]any)
	for _, name := range list {
		text, _ := name.(string)
		required = append(required, text)
	}
	often := 2 + d.IntN(4) // how many of the optional ones there are
	var members []string
	for _, name := range sortedKeys(properties) {
		property, _ := properties[name].(map[string]any)
		needed := slices.Contains(required, name)
		if needed && m.mode == broken && d.in(12) || !needed && (depth > deepest || !d.in(often)) {
			continue
		}
		key := name
		if m.mode == broken && d.in(60) {
			key = pick(d, []string{strings.ToUpper(name), name + "s", name[1:], "", " " + name})
		}
		members = append(members, encode(key)+":"+m.value(property, name, depth+1))
	}
	if m.mode == broken && d.in(12) {
		members = append(members, `"surprise":1`)
	}
	if m.mode == broken && d.in(15) && len(members) > 0 {
		members = append(members, pick(d, members)) // a key twice
	}
	if properties == nil && d.in(2) {
		members = append(members, `"desk":"rates","limits":[1,2.50,{"deep":null}]`)
	}
	d.Shuffle(len(members), func(i, j int) { members[i], members[j] = members[j], members[i] })
	return "{" + strings.Join(members, ",") + "}"
}

// wrong returns a value of some type, or none that JSON has.
func (m *maker) wrong() string {
	return pick(m.dice, []string{
		"null", "true", "0", "1", "-1", `""`, `"x"`, "[]", "{}", `[[[[]]]]`, `{"a":{"a":{}}}`, `"\ud800"`, `"\udc00\ud800"`, "\"\xff\"", `"\u0000"`,
		"\"\x01\"", `"\q"`, "01", "1.", "+1", "0x1", "NaN", "'x'", "tru", "1e400", "1e-400", `[1,]`, `{"a":1,}`, strings.Repeat("[", 300) + strings.Repeat("]", 300),
	})
}

// garble makes a text one that is hardly JSON.
func (m *maker) garble(text string) string {
	d := m.dice
	switch d.IntN(12) {
	case 0:
		return text[:d.IntN(len(text)+1)]
	case 1:
		return text + pick(d, []string{"x", "{}", ",", "]", "\x00"})
	case 2:
		depth := pick(d, []int{60, 1000, 30000})
		return strings.Repeat(`{"a":`, depth) + "1" + strings.Repeat("}", depth)
	case 3:
		return strings.Repeat("[", pick(d, []int{100, 10000, 60000}))
	case 4:
		return pick(d, []string{"", " ", "null", "true", "[]", `""`, "0", "{", "}", "[{}]"})
	case 5:
		return "\ufeff" + text
	case 6:
		return string(d.bytes(200))
	case 7:
		return "[" + text + "]"
	case 8:
		return strings.Repeat(" ", 66000) + text
	case 9:
		return `{"metadata":{"k":"` + strings.Repeat("x", 60000) + `"}}`
	case 10:
		at := d.IntN(len(text) + 1)
		return text[:at] + string(d.bytes(3)) + text[at:]
	default:
		return strings.ReplaceAll(text, `"`, "'")
	}
}

// encode returns v as JSON without an end of line, with <, > and & as they are.
func encode(v any) string {
	var out strings.Builder
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	_ = e.Encode(v) // texts and what came from JSON always encode
	return strings.TrimSuffix(out.String(), "\n")
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
