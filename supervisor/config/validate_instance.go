package config

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"
)

// instances checks each instance, and all of them against each other.
func (k *checker) instances() {
	resolved := make([]Instance, len(k.c.Instances))
	byName := make(map[string]int, len(resolved))
	var distinct []int
	for i, given := range k.c.Instances {
		resolved[i] = k.c.Resolve(given)
		path := index("instances", i)
		k.instance(path+".", given, resolved[i])
		if given.Name == "" {
			continue
		}
		if other, twice := byName[given.Name]; twice {
			k.add(path+".name", fmt.Sprintf("%q is the name of %s too%s", clip(given.Name), index("instances", other), k.root.place(index("instances", other)+".name")), "")
			continue // schema and prefix are the same too, needless to say
		}
		byName[given.Name] = i
		distinct = append(distinct, i)
	}
	k.exposed(resolved)
	k.schemas(resolved, distinct)
	k.prefixes(resolved, distinct)
}

// instance checks one instance. The path ends with a dot, or is empty for the
// body of a request.
func (k *checker) instance(path string, given, resolved Instance) {
	nameErr := CheckName(given.Name)
	switch {
	case given.Name == "":
		k.add(path+"name", "is required", "")
	case nameErr != nil:
		k.suggest(path+"name", nameErr.Error(), "", asName(given.Name))
	}
	if given.Schema != "" {
		k.addErr(path+"schema", CheckSchema(given.Schema))
	} else if err := CheckSchema(resolved.Schema); err != nil && nameErr == nil {
		k.add(path+"name", err.Error()+"; give the instance a schema of its own with the key schema", "")
	}
	if given.RedisPrefix != "" {
		k.addErr(path+"redis_prefix", CheckRedisPrefix(given.RedisPrefix))
	} else if err := CheckRedisPrefix(resolved.RedisPrefix); err != nil && nameErr == nil {
		k.add(path+"name", err.Error()+"; choose another name, or set redis_prefix", "")
	}
	if url := given.Storage.Postgres.URL; url != "" {
		k.addErr(path+"storage.postgres.url", checkPostgresURL(url))
	}
	if given.Storage.Driver == StoragePostgres && resolved.Storage.Postgres.URL == "" {
		k.add(path+"storage.postgres.url", "is required with the driver postgres, here or as storage.postgres.url of the process", "")
	}
	if url := given.Redis.URL; url != "" {
		k.addErr(path+"redis.url", checkRedisURL(url))
	}
	if given.Redis.Driver == RedisServer && resolved.Redis.URL == "" {
		k.add(path+"redis.url", "is required with the driver server, here or as redis.url of the process", "")
	}
	k.settings(strings.TrimSuffix(path, "."), given.Settings, resolved.Settings)
	k.assets(path, given)
	autoOpen := resolved.Accounts.AutoOpen
	k.opening(path, given, autoOpen == nil || *autoOpen)
}

// nameKey returns the key that a schema or prefix came from.
func nameKey(i int, explicit, key string) string {
	if explicit == "" {
		key = "name"
	}
	return index("instances", i) + "." + key
}

// schemas finds instances that would share a schema on one server.
func (k *checker) schemas(resolved []Instance, distinct []int) {
	taken := make(map[[2]string]int, len(distinct))
	for _, i := range distinct {
		at := [2]string{storageOf(resolved[i]), resolved[i].Schema}
		other, clash := taken[at]
		if !clash {
			taken[at] = i
			continue
		}
		k.add(nameKey(i, k.c.Instances[i].Schema, "schema"),
			fmt.Sprintf("schema %q of instance %q is that of instance %q too%s; set another schema for one of them",
				clip(resolved[i].Schema), clip(resolved[i].Name), clip(resolved[other].Name), k.root.place(index("instances", other)+".name")), "")
	}
}

// prefixes finds instances of which one would own the keys of the other. Sorted,
// all that a prefix covers come right behind it.
func (k *checker) prefixes(resolved []Instance, distinct []int) {
	order := slices.Clone(distinct)
	slices.SortStableFunc(order, func(a, b int) int {
		return cmp.Or(cmp.Compare(redisOf(resolved[a]), redisOf(resolved[b])), cmp.Compare(resolved[a].RedisPrefix, resolved[b].RedisPrefix))
	})
	root := -1
	for _, i := range order {
		if root < 0 || redisOf(resolved[root]) != redisOf(resolved[i]) || !strings.HasPrefix(resolved[i].RedisPrefix, resolved[root].RedisPrefix) {
			root = i
			continue
		}
		k.add(nameKey(i, k.c.Instances[i].RedisPrefix, "redis_prefix"),
			fmt.Sprintf("redis prefix %q of instance %q lies within %q of instance %q%s, which would own its keys; set another redis_prefix or name for one of them",
				clip(resolved[i].RedisPrefix), clip(resolved[i].Name), clip(resolved[root].RedisPrefix), clip(resolved[root].Name),
				k.root.place(index("instances", root)+".name")), "")
	}
}

// checkText refuses text that is padded with blanks or not printable.
func checkText(text string, required bool) error {
	switch {
	case text == "" && required:
		return errors.New("is required")
	case strings.TrimSpace(text) != text:
		return errors.New("must not begin or end with a blank")
	case strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }):
		return errors.New("must be printable text")
	}
	return nil
}
