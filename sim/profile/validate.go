package profile

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/calendar"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/money"
)

// maxProblems bounds what one report holds: enough for every honest mistake.
const maxProblems = 200

// Validate returns everything that is wrong with p, in the order of its fields;
// nothing where it can be resolved.
func (p Profile) Validate() []Problem {
	var c checker
	c.fields("", reflect.ValueOf(p))
	c.profile(&p)
	return c.problems
}

// checker collects problems.
type checker struct{ problems []Problem }

func (c *checker) add(p Problem) {
	if len(c.problems) < maxProblems {
		c.problems = append(c.problems, p)
	}
}

func (c *checker) problem(field string, value any, allowed, format string, args ...any) {
	c.add(Problem{Field: field, Value: fmt.Sprint(value), Message: fmt.Sprintf(format, args...), Allowed: allowed})
}

// fields checks what the tags of a struct say.
func (c *checker) fields(path string, v reflect.Value) {
	for i := range v.NumField() {
		tag := v.Type().Field(i).Tag
		c.value(join(path, tag.Get("koanf")), v.Field(i), tag)
	}
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

// value checks one field against its tags.
func (c *checker) value(path string, v reflect.Value, tag reflect.StructTag) {
	_, options, _ := strings.Cut(tag.Get("json"), ",")
	if options != "" && v.IsZero() {
		return // may be left out
	}
	switch x := v.Interface().(type) {
	case Duration:
		within(c, path, x, tag, func(a, b Duration) bool { return a < b }, func(s string) (d Duration, err error) {
			return d, d.UnmarshalText([]byte(s))
		})
		return
	case calendar.TimeOfDay:
		if x < 0 || x > calendar.EndOfDay {
			c.problem(path, int(x), "00:00 to 24:00", "%d seconds after midnight are no time of day", int(x))
		}
		return
	case money.Amount:
		if tag.Get("range") != "" {
			within(c, path, x, tag, money.Amount.Less, money.Parse)
		} else if x.Sign() < 0 {
			c.problem(path, x, "zero or more", "%s is negative", x)
		}
		return
	case int:
		within(c, path, x, tag, func(a, b int) bool { return a < b }, strconv.Atoi)
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		c.fields(path, v)
	case reflect.String:
		c.word(path, v.String(), tag)
	case reflect.Map:
		for _, key := range slices.SortedFunc(slices.Values(v.MapKeys()), func(a, b reflect.Value) int {
			return strings.Compare(a.String(), b.String())
		}) {
			c.value(join(path, clip(key.String())), v.MapIndex(key), "")
		}
	case reflect.Slice:
		if limit, err := strconv.Atoi(tag.Get("len")); err == nil && v.Len() > limit {
			c.problem(path, v.Len(), fmt.Sprintf("at most %d", limit), "has %d entries", v.Len())
			return
		}
		element := reflect.StructTag(`len:"100" oneof:` + strconv.Quote(tag.Get("oneof")))
		for i := range v.Len() {
			c.value(fmt.Sprintf("%s[%d]", path, i), v.Index(i), element)
		}
	}
}

// within checks a value against the tag range.
func within[T any](c *checker, path string, v T, tag reflect.StructTag, less func(a, b T) bool, parse func(string) (T, error)) {
	low, high, _ := strings.Cut(tag.Get("range"), "..")
	lowest, errLow := parse(low)
	highest, errHigh := parse(high)
	if errLow != nil || errHigh != nil {
		panic("profile: tag range of " + path) // which the first test finds
	}
	if less(v, lowest) || less(highest, v) {
		c.problem(path, v, low+" to "+high, "%v is out of range", v)
	}
}

// word checks text against the tags len and oneof.
func (c *checker) word(path, text string, tag reflect.StructTag) {
	limit, err := strconv.Atoi(tag.Get("len"))
	switch {
	case !utf8.ValidString(text) || strings.ContainsRune(text, 0):
		c.problem(path, strconv.Quote(text), "", "must be valid text")
	case err == nil && utf8.RuneCountInString(text) > limit:
		c.problem(path, clip(text), fmt.Sprintf("at most %d characters", limit), "is too long")
	case tag.Get("oneof") != "":
		words := strings.Fields(tag.Get("oneof"))
		if !slices.Contains(words, text) {
			c.add(Problem{
				Field: path, Value: text, Message: strconv.Quote(clip(text)) + " is not available", Allowed: strings.Join(words, ", "),
				Suggestion: nearest(text, words),
			})
		}
	}
}

// clip shortens text for messages.
func clip(text string) string {
	if runes := []rune(text); len(runes) > 60 {
		return string(runes[:60]) + "…"
	}
	return text
}

// sortedNames returns the names of rails in alphabetical order.
func (r Rails) sortedNames() []string { return slices.Sorted(maps.Keys(r)) }
