package strictjson

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/money"
)

// Decode reads data, which [Check] must have accepted, into the struct that into
// points at. Its json tags say which members there may be, as for [FieldsOf].
// Fields may be text, booleans, integers, decimals ([money.Amount]), times
// (RFC 3339), free-form objects ([json.RawMessage], in the form of
// [CanonicalObject]), structs, and pointers to and slices of all these. Errors
// name the path of the member, such as "match.rails[0]". It panics on types
// that it cannot read, which is a defect.
//
// It is for bodies that do not come often: [Object] takes less time.
func Decode(data []byte, into any) (Given, error) {
	return decodeObject(data, reflect.ValueOf(into).Elem())
}

var fieldsByType sync.Map // reflect.Type → *Fields

func fieldsOf(t reflect.Type) *Fields {
	if f, ok := fieldsByType.Load(t); ok {
		return f.(*Fields)
	}
	f, _ := fieldsByType.LoadOrStore(t, FieldsOf(reflect.Zero(t).Interface()))
	return f.(*Fields)
}

func decodeObject(data []byte, into reflect.Value) (Given, error) {
	fields := fieldsOf(into.Type())
	return Object(data, fields, func(name string, v Value) error {
		return v.decode(into.Field(fields.place[fields.index([]byte(name))]))
	})
}

var (
	amountType = reflect.TypeFor[money.Amount]()
	timeType   = reflect.TypeFor[time.Time]()
	rawType    = reflect.TypeFor[json.RawMessage]()
)

func (v Value) decode(into reflect.Value) error {
	switch into.Type() {
	case amountType:
		amount, err := v.Amount()
		into.Set(reflect.ValueOf(amount))
		return err
	case timeType:
		t, err := v.Time()
		into.Set(reflect.ValueOf(t))
		return err
	case rawType:
		object, err := v.Object()
		into.SetBytes(object)
		return err
	}
	switch into.Kind() {
	case reflect.Pointer:
		into.Set(reflect.New(into.Type().Elem()))
		return v.decode(into.Elem())
	case reflect.String:
		text, err := v.Text()
		into.SetString(text)
		return err
	case reflect.Bool:
		b, err := v.Bool()
		into.SetBool(b)
		return err
	case reflect.Int, reflect.Int64:
		n, err := v.Int()
		into.SetInt(n)
		return err
	case reflect.Uint64:
		n, err := v.Int()
		if err == nil && n < 0 {
			return invalid(v.field, "must not be negative")
		}
		into.SetUint(uint64(max(n, 0)))
		return err
	case reflect.Struct:
		if v.raw[0] != '{' {
			return v.mistyped("an object")
		}
		_, err := decodeObject(v.raw, into)
		return within(v.field+".", err)
	case reflect.Slice:
		return v.Array(func(i int, element []byte) error {
			into.Set(reflect.Append(into, reflect.Zero(into.Type().Elem())))
			at := fmt.Sprintf("%s[%d]", v.field, i)
			if element[0] == 'n' {
				return invalid(at, "must not be null")
			}
			return Value{field: at, raw: element}.decode(into.Index(i))
		})
	default:
		panic(fmt.Sprintf("strictjson: %s cannot be decoded", into.Type()))
	}
}

// within puts the path of an object before the field at fault in it.
func within(path string, err error) error {
	if e, ok := err.(*Error); ok && !e.Malformed && e.Field != "" { //nolint:errorlint // ours are not wrapped
		e.Field = path + e.Field
	}
	return err
}

// Int reads a whole number.
func (v Value) Int() (int64, error) {
	if v.raw[0] != '-' && !isDigit(v.raw[0]) {
		return 0, v.mistyped("a whole number")
	}
	text := string(v.raw)
	if whole, fraction, ok := strings.Cut(text, "."); ok && strings.Trim(fraction, "0") == "" {
		text = whole
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return 0, invalid(v.field, "must be a whole number of at most 18 digits, not %s", clip(string(v.raw)))
	}
	return n, nil
}

// Time reads an RFC 3339 time.
func (v Value) Time() (time.Time, error) {
	text, err := v.Text()
	if err != nil {
		return time.Time{}, v.mistyped("an RFC 3339 time")
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return time.Time{}, invalid(v.field, `must be an RFC 3339 time such as "2026-11-23T09:00:00-05:00", not %q`, clip(text))
	}
	return t, nil
}
