package config

import (
	"cmp"
	"maps"
	"reflect"
)

// Resolve returns i with everything filled in that it leaves open: settings from
// the defaults, schema and Redis prefix from the name, drivers and URLs from the
// process. Ports stay 0 where [Plan] gives them. Resolving twice changes nothing.
func (c Config) Resolve(i Instance) Instance {
	defaults := c.Defaults
	if i.Clock.Mode != "" {
		defaults.Clock = Clock{} // what belongs to another mode does not fit
	}
	fill(reflect.ValueOf(&i.Settings).Elem(), reflect.ValueOf(defaults))
	schema, prefix := Names(i.Name)
	if i.Schema == "" {
		i.Schema = schema
	}
	if i.RedisPrefix == "" {
		i.RedisPrefix = prefix
	}
	if i.Storage.Driver == "" {
		i.Storage.Driver = c.Storage.Driver
		if i.Storage.Postgres.URL != "" {
			i.Storage.Driver = StoragePostgres
		}
	}
	switch {
	case i.Storage.Driver != StoragePostgres:
		i.Storage.Postgres = InstancePostgres{} // not used
	case i.Storage.Postgres.URL == "":
		i.Storage.Postgres.URL = c.Storage.Postgres.URL
	}
	if i.Storage.Driver == StoragePostgres {
		i.Storage.Postgres.Isolation = cmp.Or(i.Storage.Postgres.Isolation, c.Storage.Postgres.Isolation, IsolationSchema)
	}
	if i.Redis.Driver == "" {
		i.Redis.Driver = c.Redis.Driver
		if i.Redis.URL != "" {
			i.Redis.Driver = RedisServer
		}
	}
	switch {
	case i.Redis.Driver != RedisServer:
		i.Redis.URL, i.Redis.Isolation = "", "" // not used
	case i.Redis.URL == "":
		i.Redis.URL = c.Redis.URL
	}
	if i.Redis.Driver == RedisServer {
		i.Redis.Isolation = cmp.Or(i.Redis.Isolation, c.Redis.Isolation)
	}
	if i.Redis.Driver == RedisServer && i.Redis.Isolation == "" {
		i.Redis.Isolation = IsolationShared
		if i.Storage.Postgres.Isolation == IsolationRole {
			i.Redis.Isolation = IsolationRole
		}
	}
	return i
}

// fill sets the fields of dst that are zero to those of src, and adds to maps the
// keys that they lack.
func fill(dst, src reflect.Value) {
	for i := range dst.NumField() {
		d, s := dst.Field(i), src.Field(i)
		switch {
		case isGroup(d.Type()):
			fill(d, s)
		case d.IsZero():
			d.Set(s)
		case overridden[d.Type()] != nil:
			under := reflect.TypeFor[map[string]any]()
			both := overlay(s.Convert(under).Interface().(map[string]any), d.Convert(under).Interface().(map[string]any))
			d.Set(reflect.ValueOf(both).Convert(d.Type()))
		}
	}
}

// overlay returns base with the keys of top laid over it, map by map. It changes
// neither.
func overlay(base, top map[string]any) map[string]any {
	out := maps.Clone(base)
	if out == nil {
		out = make(map[string]any, len(top))
	}
	for key, value := range top {
		below, isMap := out[key].(map[string]any)
		if above, both := value.(map[string]any); both && isMap {
			value = overlay(below, above)
		}
		out[key] = value
	}
	return out
}
