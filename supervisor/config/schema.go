package config

import (
	"encoding"
	"math"
	"reflect"
	"strconv"
	"strings"
	"sync"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/profile"
)

// field is what the tags of a struct field say about a key:
//
//	koanf:"name"        the key; ",squash" for a struct whose keys are its owner's
//	range:"1..100"      the bounds of a number, or of a duration
//	oneof:"a b"         the words that are allowed
//	len:"100"           the most characters, bytes or elements
type field struct {
	key      string
	index    []int
	typ      reflect.Type
	bounded  bool
	min, max number
	bounds   string
	oneof    []string
	limit    int
}

// number is wide enough for every bound: uint64 with a sign, of which bounds
// need only zero and up.
type number = uint64

var (
	durationType  = reflect.TypeFor[Duration]()
	decimalType   = reflect.TypeFor[Decimal]()
	portRangeType = reflect.TypeFor[PortRange]()
	instantType   = reflect.TypeFor[Instant]()
	metadataType  = reflect.TypeFor[Metadata]()

	profileDuration = reflect.TypeFor[profile.Duration]()
	textType        = reflect.TypeFor[encoding.TextUnmarshaler]()
)

// overridden has the type whose keys each kind of override takes.
var overridden = map[reflect.Type]reflect.Type{
	reflect.TypeFor[SettlementOverride](): reflect.TypeFor[profile.Settlement](),
	reflect.TypeFor[RailsOverride]():      reflect.TypeFor[profile.Rails](),
	reflect.TypeFor[ApprovalsOverride]():  reflect.TypeFor[profile.Approvals](),
}

// isText reports whether values of a type are text with a syntax of its own.
func isText(t reflect.Type) bool {
	return t == decimalType || t == instantType || reflect.PointerTo(t).Implements(textType)
}

var fieldCache sync.Map // reflect.Type to []field

// fieldsOf returns the keys of a struct type, in the order of its fields.
func fieldsOf(t reflect.Type) []field {
	if cached, ok := fieldCache.Load(t); ok {
		return cached.([]field)
	}
	var out []field
	for f := range t.Fields() {
		tag := f.Tag.Get("koanf")
		if tag == ",squash" {
			for _, inner := range fieldsOf(f.Type) {
				inner.index = append([]int{f.Index[0]}, inner.index...)
				out = append(out, inner)
			}
			continue
		}
		out = append(out, newField(tag, f))
	}
	fieldCache.Store(t, out)
	return out
}

// newField panics on tags that make no sense, which the first test finds.
func newField(key string, f reflect.StructField) field {
	out := field{key: key, index: f.Index, typ: f.Type, limit: math.MaxInt}
	if words := f.Tag.Get("oneof"); words != "" {
		out.oneof = strings.Fields(words)
	}
	if limit := f.Tag.Get("len"); limit != "" {
		n, err := strconv.Atoi(limit)
		if err != nil {
			panic("config: tag len of " + f.Name)
		}
		out.limit = n
	}
	if bounds := f.Tag.Get("range"); bounds != "" {
		low, high, _ := strings.Cut(bounds, "..")
		out.bounded, out.bounds = true, low+" to "+high
		out.min, out.max = bound(f, low), bound(f, high)
	}
	return out
}

func bound(f reflect.StructField, text string) number {
	if f.Type == durationType || f.Type == profileDuration {
		var d Duration
		if err := d.UnmarshalText([]byte(text)); err != nil {
			panic("config: tag range of " + f.Name)
		}
		return number(d)
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		panic("config: tag range of " + f.Name)
	}
	return n
}

// keysOf returns the keys of a struct type.
func keysOf(t reflect.Type) []string {
	fields := fieldsOf(t)
	out := make([]string, len(fields))
	for i, f := range fields {
		out[i] = f.key
	}
	return out
}

// isGroup reports whether a type is a struct with keys of its own.
func isGroup(t reflect.Type) bool { return t.Kind() == reflect.Struct && !isText(t) }

// leaf is a key of the process that holds a single value: one that a variable or
// a flag can set.
type leaf struct {
	path []string
	field
}

// leaves are all such keys, in the order of the fields.
var leaves = sync.OnceValue(func() []leaf {
	var walk func(t reflect.Type, path []string) []leaf
	walk = func(t reflect.Type, path []string) []leaf {
		var out []leaf
		for _, f := range fieldsOf(t) {
			here := append(path[:len(path):len(path)], f.key)
			switch {
			case isGroup(f.typ):
				out = append(out, walk(f.typ, here)...)
			case isText(f.typ) || (f.typ.Kind() != reflect.Slice && f.typ.Kind() != reflect.Map):
				out = append(out, leaf{here, f})
			}
		}
		return out
	}
	return walk(reflect.TypeFor[Config](), nil)
})

// keyPaths are the paths of all keys of the process, groups and lists included.
var keyPaths = sync.OnceValue(func() []string {
	var walk func(t reflect.Type, path string) []string
	walk = func(t reflect.Type, path string) []string {
		var out []string
		for _, f := range fieldsOf(t) {
			here := join(path, f.key)
			out = append(out, here)
			if isGroup(f.typ) {
				out = append(out, walk(f.typ, here)...)
			}
		}
		return out
	}
	return walk(reflect.TypeFor[Config](), "")
})
