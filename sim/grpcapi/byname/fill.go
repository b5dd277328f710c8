// Package byname matches messages and JSON by the names of their fields, which
// are the same in the HTTP interface and in proto.
//
// [Fill] turns a JSON object into a message, [Append] a message into the JSON
// object of the shape that documents it over HTTP, [AppendGiven] a message into
// a JSON object of those of its fields that are given. Decimals are text in
// messages, metadata is a JSON object as text, times are
// google.protobuf.Timestamp, and what is null in JSON is not set in a message.
package byname

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/httpapi/strictjson"
)

// metadata is the field that holds a JSON object as text.
const metadata = "metadata"

// timestamp is the full name of the message that times are.
var timestamp = (&timestamppb.Timestamp{}).ProtoReflect().Descriptor().FullName()

// Fill sets the fields of a message from a JSON object, which [strictjson.Check]
// must have accepted. Members that the message has no field for are skipped if
// lenient says so. Errors are [strictjson.Error] values that name the path of
// the member at fault.
func Fill(m proto.Message, object []byte, lenient bool) error {
	return fill(m.ProtoReflect(), object, "", lenient)
}

func fill(m protoreflect.Message, object []byte, path string, lenient bool) error {
	d := json.NewDecoder(bytes.NewReader(object))
	if start, err := d.Token(); err != nil || start != json.Delim('{') {
		return wrong(path, "must be a JSON object")
	}
	fields := m.Descriptor().Fields()
	seen := map[string]bool{}
	for d.More() {
		token, err := d.Token()
		if err != nil {
			return err
		}
		name, _ := token.(string)
		var raw json.RawMessage
		if err := d.Decode(&raw); err != nil {
			return err
		}
		field := fields.ByName(protoreflect.Name(name))
		switch {
		case field == nil && lenient, string(raw) == "null":
			continue
		case field == nil:
			e := strictjson.Unknown(name, "field", names(fields))
			e.Field = path + e.Field
			return e
		case seen[name]:
			return wrong(path+name, "is given twice")
		}
		seen[name] = true
		if err := set(m, field, raw, path+name, lenient); err != nil {
			return err
		}
	}
	return nil
}

func names(fields protoreflect.FieldDescriptors) []string {
	out := make([]string, fields.Len())
	for i := range out {
		out[i] = string(fields.Get(i).Name())
	}
	return out
}

func wrong(path, format string, args ...any) error {
	return &strictjson.Error{Field: path, Detail: fmt.Sprintf(format, args...)}
}

func set(m protoreflect.Message, field protoreflect.FieldDescriptor, raw json.RawMessage, path string, lenient bool) error {
	if !field.IsList() {
		v, err := value(m.NewField(field), field, raw, path, lenient)
		if err == nil {
			m.Set(field, v)
		}
		return err
	}
	var elements []json.RawMessage
	if err := json.Unmarshal(raw, &elements); err != nil {
		return wrong(path, "must be an array")
	}
	list := m.Mutable(field).List()
	for i, element := range elements {
		at := fmt.Sprintf("%s[%d]", path, i)
		if string(element) == "null" {
			return wrong(at, "must not be null")
		}
		v, err := value(list.NewElement(), field, element, at, lenient)
		if err != nil {
			return err
		}
		list.Append(v)
	}
	return nil
}

// value reads one value of a field. Fresh is a new value of its type.
func value(fresh protoreflect.Value, field protoreflect.FieldDescriptor, raw json.RawMessage, path string, lenient bool) (protoreflect.Value, error) {
	switch field.Kind() {
	case protoreflect.MessageKind:
		if field.Message().FullName() == timestamp {
			t, err := strictjson.Element(path, raw).Time()
			return protoreflect.ValueOfMessage(timestamppb.New(t).ProtoReflect()), err
		}
		return fresh, fill(fresh.Message(), raw, path+".", lenient)
	case protoreflect.StringKind:
		text, err := textOf(field, raw, path)
		return protoreflect.ValueOfString(text), err
	case protoreflect.BoolKind:
		b, err := strictjson.Element(path, raw).Bool()
		return protoreflect.ValueOfBool(b), err
	case protoreflect.Int32Kind:
		n, err := strictjson.Element(path, raw).Int()
		if err == nil && int64(int32(n)) != n {
			err = wrong(path, "is too large")
		}
		return protoreflect.ValueOfInt32(int32(n)), err
	case protoreflect.Int64Kind:
		n, err := strictjson.Element(path, raw).Int()
		return protoreflect.ValueOfInt64(n), err
	case protoreflect.Uint64Kind:
		n, err := strictjson.Element(path, raw).Int()
		if err == nil && n < 0 {
			err = wrong(path, "must not be negative")
		}
		return protoreflect.ValueOfUint64(uint64(max(n, 0))), err
	default:
		return fresh, wrong(path, "cannot be given in JSON")
	}
}

// textOf reads text, a decimal that is written as a number, or metadata.
func textOf(field protoreflect.FieldDescriptor, raw json.RawMessage, path string) (string, error) {
	v := strictjson.Element(path, raw)
	switch c := raw[0]; {
	case field.Name() == metadata:
		object, err := v.Object()
		return string(object), err
	case c == '-' || c >= '0' && c <= '9':
		return string(raw), nil
	default:
		return v.Text()
	}
}

// AppendGiven appends a JSON object of the fields of a message that are given
// and that named says are wanted. Metadata that is no JSON comes as text.
func AppendGiven(dst []byte, m proto.Message, named func(string) bool) []byte {
	return appendGiven(dst, m.ProtoReflect(), named)
}

func appendGiven(dst []byte, m protoreflect.Message, named func(string) bool) []byte {
	dst = append(dst, '{')
	first := true
	fields := m.Descriptor().Fields()
	for i := range fields.Len() {
		field := fields.Get(i)
		name := string(field.Name())
		if !m.Has(field) || named != nil && !named(name) {
			continue
		}
		if !first {
			dst = append(dst, ',')
		}
		first = false
		dst = append(strconv.AppendQuote(dst, name), ':')
		if !field.IsList() {
			dst = appendGivenValue(dst, field, m.Get(field))
			continue
		}
		list := m.Get(field).List()
		dst = append(dst, '[')
		for i := range list.Len() {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = appendGivenValue(dst, field, list.Get(i))
		}
		dst = append(dst, ']')
	}
	return append(dst, '}')
}

func appendGivenValue(dst []byte, field protoreflect.FieldDescriptor, v protoreflect.Value) []byte {
	switch field.Kind() {
	case protoreflect.MessageKind:
		if t, ok := v.Message().Interface().(*timestamppb.Timestamp); ok {
			if t.CheckValid() != nil {
				return append(dst, `"is no time between the years 1 and 9999"`...)
			}
			return append(t.AsTime().AppendFormat(append(dst, '"'), time.RFC3339Nano), '"')
		}
		return appendGiven(dst, v.Message(), nil)
	case protoreflect.StringKind:
		if text := v.String(); field.Name() == metadata && json.Valid([]byte(text)) {
			return append(dst, text...)
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
