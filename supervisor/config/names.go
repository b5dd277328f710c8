package config

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// UnnamedInstance is how the single instance without a name is called where it
// must be called something. Its schema and prefix are those of no name.
const UnnamedInstance = "custodian"

const (
	// redisRoot is what every key of the ecosystem begins with.
	redisRoot = "custodian:"
	// namePrefix is the part of a name that redisRoot already says.
	namePrefix    = "custodian-"
	maxName       = 63 // of a DNS label
	maxIdentifier = 63 // of a PostgreSQL identifier, in bytes
	maxPrefix     = 128
)

// reservedPrefixes belong to service discovery.
var reservedPrefixes = []string{redisRoot + "service:", redisRoot + "heartbeat:"}

// Names derives the schema and the Redis prefix of an instance: custodian-sim-001
// has custodian_sim_001 and custodian:sim:001:. A name that does not begin with
// "custodian-" keeps all its parts (alpha-bank: alpha_bank, custodian:alpha:bank:),
// so that its keys too begin with "custodian:". No name at all, and the name
// [UnnamedInstance], have custodian and custodian:.
func Names(name string) (schema, redisPrefix string) {
	if name == "" || name == UnnamedInstance {
		return UnnamedInstance, redisRoot
	}
	parts := strings.TrimPrefix(name, namePrefix)
	return strings.ReplaceAll(name, "-", "_"), redisRoot + strings.ReplaceAll(parts, "-", ":") + ":"
}

var (
	dnsLabel   = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]*[a-z0-9])?$`)
	identifier = regexp.MustCompile(`^[a-z_][a-z0-9_]*$`)
	prefixText = regexp.MustCompile(`^[a-z0-9:._-]+$`)
)

// CheckName refuses names that are not DNS labels.
func CheckName(name string) error {
	switch {
	case name == "":
		return errors.New("is required")
	case len(name) > maxName:
		return fmt.Errorf("has %d characters, at most %d are allowed", len(name), maxName)
	case !dnsLabel.MatchString(name):
		return fmt.Errorf("%q is not a DNS label: use a-z, 0-9 and -, with a letter or digit first and last", clip(name))
	}
	return nil
}

// CheckSchema refuses what cannot be the schema of an instance.
func CheckSchema(schema string) error {
	switch {
	case schema == "":
		return errors.New("is required")
	case len(schema) > maxIdentifier:
		return fmt.Errorf("schema %q has %d bytes, at most %d are allowed", clip(schema), len(schema), maxIdentifier)
	case !identifier.MatchString(schema):
		return fmt.Errorf("schema %q is not a plain PostgreSQL identifier: use a-z, 0-9 and _, and no digit first", clip(schema))
	case strings.HasPrefix(schema, "pg_"), schema == "information_schema", schema == "public":
		return fmt.Errorf("schema %q belongs to PostgreSQL", schema)
	}
	return nil
}

// CheckRedisPrefix refuses what cannot be the prefix of an instance's keys.
func CheckRedisPrefix(prefix string) error {
	switch {
	case len(prefix) > maxPrefix:
		return fmt.Errorf("redis prefix %q has %d bytes, at most %d are allowed", clip(prefix), len(prefix), maxPrefix)
	case !strings.HasPrefix(prefix, redisRoot), !strings.HasSuffix(prefix, ":"):
		return fmt.Errorf("redis prefix %q must begin with %q and end with \":\"", clip(prefix), redisRoot)
	case !prefixText.MatchString(prefix):
		return fmt.Errorf("redis prefix %q must hold only a-z, 0-9 and the marks :._-", clip(prefix))
	}
	for _, reserved := range reservedPrefixes {
		if strings.HasPrefix(prefix, reserved) {
			return fmt.Errorf("redis prefix %q lies within %q, which belongs to service discovery", prefix, reserved)
		}
	}
	return nil
}

// asName makes a name out of other text, or returns "".
func asName(text string) string {
	name := strings.Trim(strings.ReplaceAll(snake(text), "_", "-"), "-")
	if CheckName(name) != nil {
		return ""
	}
	return name
}
