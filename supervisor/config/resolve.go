package config

import "reflect"

// Resolve returns i with everything filled in that it leaves open: settings from
// the defaults, schema and Redis prefix from the name, drivers and URLs from the
// process. Ports stay 0 where [Plan] gives them. Resolving twice changes nothing.
func (c Config) Resolve(i Instance) Instance {
	fill(reflect.ValueOf(&i.Settings).Elem(), reflect.ValueOf(c.Defaults))
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
		i.Storage.Postgres.URL = "" // not used
	case i.Storage.Postgres.URL == "":
		i.Storage.Postgres.URL = c.Storage.Postgres.URL
	}
	if i.Redis.Driver == "" {
		i.Redis.Driver = c.Redis.Driver
		if i.Redis.URL != "" {
			i.Redis.Driver = RedisServer
		}
	}
	switch {
	case i.Redis.Driver != RedisServer:
		i.Redis.URL = "" // not used
	case i.Redis.URL == "":
		i.Redis.URL = c.Redis.URL
	}
	return i
}

// fill sets the fields of dst that are zero to those of src.
func fill(dst, src reflect.Value) {
	for i := range dst.NumField() {
		d, s := dst.Field(i), src.Field(i)
		if d.Kind() == reflect.Struct {
			fill(d, s)
		} else if d.IsZero() {
			d.Set(s)
		}
	}
}
