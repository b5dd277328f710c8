package byname

import (
	"encoding/json"
	"reflect"
	"strconv"
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/money"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/view/jsontext"
)

// renamed are the members of shapes that messages call otherwise.
var renamed = map[string]protoreflect.Name{"next_cursor": "next_page_token"}

// Append appends a message as a JSON object in the shape of a struct that
// documents it: with its members in their order, null where a member is a
// pointer and the field is empty, left out where it is empty and tagged omitempty.
// A member for which the message has no field is left out.
func Append(dst []byte, m proto.Message, shape reflect.Type) []byte {
	return appendShape(dst, m.ProtoReflect(), shape)
}

func appendShape(dst []byte, m protoreflect.Message, shape reflect.Type) []byte {
	dst = append(dst, '{')
	first := true
	fields := m.Descriptor().Fields()
	for i := range shape.NumField() {
		member := shape.Field(i)
		name, options, _ := strings.Cut(member.Tag.Get("json"), ",")
		if name == "" || name == "-" {
			continue
		}
		field := fields.ByName(protoreflect.Name(name))
		if field == nil {
			field = fields.ByName(renamed[name])
		}
		if field == nil || options != "" && !m.Has(field) {
			continue
		}
		if !first {
			dst = append(dst, ',')
		}
		first = false
		dst = append(strconv.AppendQuote(dst, name), ':')
		dst = appendMember(dst, m, field, member.Type)
	}
	return append(dst, '}')
}

func appendMember(dst []byte, m protoreflect.Message, field protoreflect.FieldDescriptor, t reflect.Type) []byte {
	if t.Kind() == reflect.Pointer {
		if !m.Has(field) {
			return append(dst, "null"...)
		}
		t = t.Elem()
	}
	if !field.IsList() {
		return appendValue(dst, field, m.Get(field), t)
	}
	list := m.Get(field).List()
	dst = append(dst, '[')
	for i := range list.Len() {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendValue(dst, field, list.Get(i), t.Elem())
	}
	return append(dst, ']')
}

func appendValue(dst []byte, field protoreflect.FieldDescriptor, v protoreflect.Value, t reflect.Type) []byte {
	switch field.Kind() {
	case protoreflect.MessageKind:
		if at, ok := v.Message().Interface().(*timestamppb.Timestamp); ok {
			return jsontext.AppendTime(dst, at.AsTime())
		}
		if t.Kind() == reflect.Pointer {
			t = t.Elem()
		}
		return appendShape(dst, v.Message(), t)
	case protoreflect.StringKind:
		switch {
		case t == reflect.TypeFor[json.RawMessage]():
			return append(dst, v.String()...)
		case t == reflect.TypeFor[money.Amount]() && v.String() == "":
			return append(dst, `"0"`...)
		}
		return appendText(dst, v.String())
	case protoreflect.BoolKind:
		return strconv.AppendBool(dst, v.Bool())
	case protoreflect.Uint64Kind:
		return strconv.AppendUint(dst, v.Uint(), 10)
	default:
		return strconv.AppendInt(dst, v.Int(), 10)
	}
}

func appendText(dst []byte, text string) []byte { return jsontext.AppendString(dst, text) }
