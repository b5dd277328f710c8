package config

import (
	"strings"

	"github.com/spf13/pflag"
)

// commonFlags are the keys worth a flag of their own; all others are for files
// and the environment. Secrets are never among them: command lines can be read
// by everybody on the machine.
var commonFlags = []struct{ key, usage string }{
	{"admin.listen", "host:port of the admin API"},
	{"admin.address_file", "file that gets the address of the admin API once it listens"},
	{"data_dir", "directory of SQLite files and of the supervisor's own records"},
	{"log.level", "debug, info, warn or error"},
	{"log.format", "json or console"},
	{"storage.driver", "sqlite, memory or postgres"},
	{"redis.driver", "embedded, server or off"},
	{"ports.host", "address on which instances listen"},
	{"ports.http", "range of HTTP ports for instances that name none"},
	{"ports.grpc", "range of gRPC ports for instances that name none"},
}

// flagName returns the flag of a key: storage.driver has --storage-driver.
func flagName(key string) string { return strings.NewReplacer(".", "-", "_", "-").Replace(key) }

// AddFlags adds the flags that [Load] understands. A flag that is not given
// changes nothing, so none shows a default.
func AddFlags(flags *pflag.FlagSet) {
	for _, f := range commonFlags {
		flags.String(flagName(f.key), "", f.usage)
	}
}

// flagsLayer reads the flags that were given. Flags of other names are not ours.
func flagsLayer(flags *pflag.FlagSet) *node {
	out := &node{kind: mapNode}
	if flags == nil {
		return out
	}
	ours := make(map[string][]string, len(commonFlags))
	for _, f := range commonFlags {
		ours[flagName(f.key)] = strings.Split(f.key, ".")
	}
	flags.Visit(func(f *pflag.Flag) {
		if path, ok := ours[f.Name]; ok {
			out.put(path, &node{kind: looseNode, text: f.Value.String(), name: "--" + f.Name})
		}
	})
	return out
}
