package config

import (
	"crypto/sha256"
	"encoding"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"reflect"
)

// encode turns a value of this package's types into plain maps, lists, strings,
// numbers and booleans, without what is not set. With reveal, secrets stay as
// they are.
func encode(v reflect.Value, reveal bool) any {
	if secret, ok := v.Interface().(interface{ Redacted() string }); ok {
		if !reveal {
			return secret.Redacted()
		}
		return v.String()
	}
	if v.Kind() == reflect.Map { // of values that no type of ours describes
		return v.Convert(reflect.TypeFor[map[string]any]()).Interface()
	}
	if m, ok := v.Interface().(encoding.TextMarshaler); ok {
		text, err := m.MarshalText()
		if err != nil {
			panic(fmt.Sprintf("config: encoding %s: %v", v.Type(), err)) // ours never fail
		}
		return string(text)
	}
	switch v.Kind() {
	case reflect.Pointer:
		return encode(v.Elem(), reveal)
	case reflect.Struct:
		out := make(map[string]any)
		for _, f := range fieldsOf(v.Type()) {
			value := v.FieldByIndex(f.index)
			if value.IsZero() || (value.Kind() == reflect.Slice && value.Len() == 0) {
				continue
			}
			encoded := encode(value, reveal)
			if group, ok := encoded.(map[string]any); ok && len(group) == 0 && isGroup(f.typ) {
				continue // held nothing but empty lists
			}
			out[f.key] = encoded
		}
		return out
	case reflect.Slice:
		out := make([]any, v.Len())
		for i := range out {
			out[i] = encode(v.Index(i), reveal)
		}
		return out
	case reflect.String:
		return v.String()
	}
	return v.Interface()
}

// EncodeInstance returns i as JSON with its passwords, for places that nobody
// else can read. [ParseInstance] reads it. Plain json.Marshal hides passwords.
func EncodeInstance(i Instance) ([]byte, error) {
	out, err := json.Marshal(encode(reflect.ValueOf(i), true))
	if err != nil {
		return nil, fmt.Errorf("encoding instance %s: %w", i.Name, err)
	}
	return out, nil
}

// EncodeConfig returns c as JSON with its passwords, for places that nobody else
// can read. [ParseConfig] reads it.
func EncodeConfig(c Config) ([]byte, error) {
	out, err := json.Marshal(encode(reflect.ValueOf(c), true))
	if err != nil {
		return nil, fmt.Errorf("encoding configuration: %w", err)
	}
	return out, nil
}

// InstanceHash identifies everything about i, passwords included: two instances
// have the same hash if and only if one can stand for the other. Hash resolved
// instances ([Config.Resolve]) to notice changed defaults. The hash is stable
// over processes of one version.
func InstanceHash(i Instance) string { return hash(i) }

// Hash identifies everything about c, passwords included; it serves as an ETag.
func (c Config) Hash() string { return hash(c) }

func hash(v any) string {
	text, err := json.Marshal(encode(reflect.ValueOf(v), true)) // maps: sorted keys
	if err != nil {
		// Only values that no parser of this package makes come here.
		text = fmt.Appendf(nil, "%#v", v)
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}
