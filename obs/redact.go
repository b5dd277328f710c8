package obs

import (
	"bytes"
	"context"
	"encoding"
	"encoding/json"
	"fmt"
	"log/slog"
	"reflect"
)

// redacted stands in place of a secret.
const redacted = "***"

// redactingHandler takes secrets out of records before the next handler sees
// them. A key that names a secret loses its whole value; other values and the
// message lose the parts that have the form of a credential.
type redactingHandler struct {
	next   slog.Handler
	secret bool // inside a group whose name names a secret
}

// Enabled implements slog.Handler.
func (h *redactingHandler) Enabled(ctx context.Context, level slog.Level) bool {
	return h.next.Enabled(ctx, level)
}

// Handle implements slog.Handler.
func (h *redactingHandler) Handle(ctx context.Context, record slog.Record) error {
	clean := slog.NewRecord(record.Time, record.Level, redactText(record.Message), record.PC)
	record.Attrs(func(attr slog.Attr) bool {
		clean.AddAttrs(h.redactAttr(attr))
		return true
	})
	return h.next.Handle(ctx, clean)
}

// WithAttrs implements slog.Handler.
func (h *redactingHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	clean := make([]slog.Attr, len(attrs))
	for i, attr := range attrs {
		clean[i] = h.redactAttr(attr)
	}
	return &redactingHandler{next: h.next.WithAttrs(clean), secret: h.secret}
}

// WithGroup implements slog.Handler.
func (h *redactingHandler) WithGroup(name string) slog.Handler {
	if name == "" { // slog's contract: no group at all
		return h
	}
	return &redactingHandler{next: h.next.WithGroup(name), secret: h.secret || secretKey(name)}
}

func (h *redactingHandler) redactAttr(attr slog.Attr) slog.Attr {
	if attr.Equal(slog.Attr{}) {
		return attr
	}
	if h.secret || secretKey(attr.Key) {
		return slog.String(attr.Key, redacted)
	}
	value := attr.Value.Resolve()
	switch value.Kind() {
	case slog.KindString:
		return slog.String(attr.Key, redactText(value.String()))
	case slog.KindGroup:
		members := value.Group()
		clean := make([]slog.Attr, len(members))
		for i, member := range members {
			clean[i] = h.redactAttr(member)
		}
		return slog.Attr{Key: attr.Key, Value: slog.GroupValue(clean...)}
	case slog.KindAny:
		return slog.Any(attr.Key, redactAny(value.Any()))
	default:
		return slog.Attr{Key: attr.Key, Value: value}
	}
}

// redactAny makes a value safe to encode. Whatever has a text form is logged
// as that; anything with members is logged as what its JSON form keeps, so that
// a configuration struct loses its passwords too.
func redactAny(v any) (clean any) {
	defer func() {
		// A method of the value panicked, most likely on a nil receiver. A log
		// line must not take its caller down.
		if p := recover(); p != nil {
			clean = fmt.Sprintf("!PANIC %T", v)
		}
	}()
	switch v := v.(type) {
	case nil:
		return nil
	case error:
		return redactText(v.Error())
	case fmt.Stringer:
		return redactText(v.String())
	case encoding.TextMarshaler:
		if text, err := v.MarshalText(); err == nil {
			return redactText(string(text))
		}
		return fmt.Sprintf("!%T", v)
	case []byte:
		return redactText(string(v))
	case []error:
		return redactText(fmt.Sprint(v))
	}
	switch reflect.TypeOf(v).Kind() {
	case reflect.Bool, reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr,
		reflect.Float32, reflect.Float64:
		return v
	}
	text, err := json.Marshal(v)
	if err != nil {
		return redactText(fmt.Sprintf("%+v", v))
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber() // large integers would not survive as floats
	var tree any
	if err := decoder.Decode(&tree); err != nil {
		return redactText(string(text))
	}
	return redactTree(tree)
}

// redactTree redacts a decoded JSON value in place and returns it.
func redactTree(node any) any {
	switch node := node.(type) {
	case string:
		return redactText(node)
	case []any:
		for i := range node {
			node[i] = redactTree(node[i])
		}
	case map[string]any:
		for key, member := range node {
			if secretKey(key) {
				node[key] = redacted
			} else {
				node[key] = redactTree(member)
			}
		}
	}
	return node
}
