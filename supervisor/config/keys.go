package config

import (
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/calendar"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/money"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/webhook"
)

// Key is one key of the configuration, for a reference of them all.
type Key struct {
	// Path leads to it from the top. Elements of lists are [], and rails *, as in
	// instances[].opening.accounts[].type and defaults.rails.*.cycle.
	Path string
	// Value says what it holds, with the bounds or the words that are allowed.
	Value string
	// Group is set where it only holds other keys.
	Group bool
	// Default is what holds if the key is not given; empty for nothing.
	Default string
	// Variable and Flag set it, where there are any.
	Variable, Flag string
	// Owner is the struct whose Field it is. The field's comment describes the key.
	Owner reflect.Type
	Field string
}

// Reference returns all keys, in the order of the fields that hold them. What an
// instance can leave to the defaults stands under defaults alone.
func Reference() []Key {
	var out []Key
	walkKeys(reflect.TypeFor[Config](), reflect.ValueOf(Default()), "", func(k Key) { out = append(out, k) })
	return out
}

// walkKeys visits the keys of a struct type. Their defaults are those of a value of
// it, which need not be valid.
func walkKeys(t reflect.Type, defaults reflect.Value, path string, visit func(Key)) {
	for f := range t.Fields() {
		tag := f.Tag.Get("koanf")
		if tag == ",squash" {
			continue
		}
		key, of := newField(tag, f), f.Type
		if of.Kind() == reflect.Pointer {
			of = of.Elem()
		}
		if over := overridden[of]; over != nil {
			of = over
		}
		out := Key{Path: join(path, key.key), Value: key.describe(of), Group: isGroup(of), Owner: t, Field: f.Name}
		var value reflect.Value
		if defaults.IsValid() {
			value = defaults.FieldByIndex(f.Index)
		}
		if !out.Group {
			out.Default = defaultOf(out.Path, value)
			out.Variable = variableOf(out.Path)
		}
		if slices.ContainsFunc(commonFlags, func(c struct{ key, usage string }) bool { return c.key == out.Path }) {
			out.Flag = "--" + flagName(out.Path)
		}
		visit(out)
		switch {
		case out.Group:
			if value.IsValid() && value.Type() != of {
				value = reflect.Value{} // a profile says what holds, or nothing does
			}
			walkKeys(of, value, out.Path, visit)
		case of.Kind() == reflect.Slice && isGroup(of.Elem()):
			walkKeys(of.Elem(), reflect.Value{}, out.Path+"[]", visit)
		case of.Kind() == reflect.Map && isGroup(of.Elem()):
			walkKeys(of.Elem(), reflect.Value{}, out.Path+".*", visit)
		}
	}
}

// variableOf returns the variable that sets a key, if there is one.
func variableOf(path string) string {
	name := envName(strings.Split(path, "."))
	if l, ok := envTable()[name]; ok && strings.Join(l.path, ".") == path {
		return name
	}
	if l, ok := listVariables[name]; ok && strings.Join(l.path, ".") == path {
		return name
	}
	return ""
}

// impliedDefaults are those of keys whose zero value stands for something else.
var impliedDefaults = map[string]any{
	"tracing.one_in":                               1,
	"redis.isolation":                              "role where storage.postgres.isolation is, else shared",
	"storage.postgres.standby":                     false,
	"ports.open":                                   false,
	"admin.tokens[].role":                          "operate",
	"admin.tls.clients[].role":                     "operate",
	"defaults.api_keys[].role":                     "operate",
	"defaults.reconciliation.keep_days":            sim.DefaultKeepDays,
	"defaults.webhooks.allow_http":                 false,
	"defaults.webhooks.timeout":                    Duration(webhook.DefaultTimeout),
	"defaults.webhooks.max_endpoints":              webhook.DefaultMaxEndpoints,
	"defaults.webhooks.retry.base":                 Duration(webhook.DefaultRetryBase),
	"defaults.webhooks.retry.max":                  Duration(webhook.DefaultRetryMax),
	"defaults.webhooks.retry.attempts":             webhook.DefaultAttempts,
	"defaults.webhooks.retry.jitter_percent":       webhook.DefaultJitter,
	"defaults.webhooks.retry.max_retry_after":      Duration(webhook.DefaultMaxRetryAfter),
	"defaults.webhooks.endpoints[].disabled":       false,
	"defaults.webhooks.endpoints[].from":           0,
	"instances[].http_port":                        0,
	"instances[].grpc_port":                        0,
	"instances[].opening.accounts[].type":          "MASTER",
	"instances[].opening.positions[].average_cost": 0,
	"instances[].opening.positions[].market_value": 0,
}

func defaultOf(path string, value reflect.Value) string {
	if implied, ok := impliedDefaults[path]; ok {
		return fmt.Sprint(implied)
	}
	if !value.IsValid() || value.IsZero() {
		return ""
	}
	switch shown := encode(value, true).(type) {
	case []any: // instances: none
		return ""
	default:
		return fmt.Sprint(shown)
	}
}

// describe says what a key holds whose values are of a type.
func (f field) describe(t reflect.Type) string {
	kind := kindOf(t)
	if t.Kind() == reflect.Slice {
		if !isGroup(t.Elem()) {
			kind = "list of " + kindOf(t.Elem())
		}
		if f.oneof != nil {
			return "list of `" + strings.Join(f.oneof, "`, `") + "`"
		}
		if f.limit != math.MaxInt {
			kind += fmt.Sprintf(", at most %d", f.limit)
		}
		return kind
	}
	switch {
	case f.oneof != nil:
		return "`" + strings.Join(f.oneof, "`, `") + "`"
	case f.bounded:
		return kind + ", " + f.bounds
	case t == reflect.TypeFor[KeyHash]():
		return kind
	case f.limit < 200: // others keep out what makes no sense
		return fmt.Sprintf("%s, up to %d characters", kind, f.limit)
	}
	return kind
}

// kindOf names the kind of values of a type, as its users know it.
func kindOf(t reflect.Type) string {
	switch t {
	case durationType, profileDuration:
		return "duration"
	case decimalType, reflect.TypeFor[money.Amount]():
		return "decimal"
	case instantType:
		return "time (RFC 3339)"
	case metadataType:
		return "any keys"
	case reflect.TypeFor[calendar.TimeOfDay]():
		return "time of day"
	case reflect.TypeFor[PortRange]():
		return "range of ports"
	case reflect.TypeFor[Secret](), reflect.TypeFor[WebhookURL]():
		return "URL"
	case reflect.TypeFor[KeyHash]():
		return "64 hexadecimal digits"
	}
	switch {
	case isGroup(t):
		return "keys"
	case t.Kind() == reflect.Slice:
		return "list"
	case t.Kind() == reflect.Map:
		return "keys"
	case t.Kind() == reflect.Bool:
		return "true or false"
	case t.Kind() == reflect.String:
		return "text"
	}
	return "whole number"
}
