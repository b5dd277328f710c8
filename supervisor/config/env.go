package config

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"
)

// envPrefix begins every variable that sets a key of the process:
// storage.postgres.max_connections is CUSTODIAN_STORAGE_POSTGRES_MAX_CONNECTIONS.
const envPrefix = "CUSTODIAN_"

// listVariables are those that set a list, with commas between its entries.
// Without them a container could not offer its ports to others without a file.
var listVariables = map[string]struct {
	path  []string
	entry func(name, text string) *node
}{
	envPrefix + "ADMIN_TOKENS":      {[]string{"admin", "tokens"}, keyNode},
	envPrefix + "DEFAULTS_API_KEYS": {[]string{"defaults", "api_keys"}, keyNode},
	envPrefix + "ADMIN_HOSTS":       {[]string{"admin", "hosts"}, textOf},
	envPrefix + "PORTS_HOSTS":       {[]string{"ports", "hosts"}, textOf},
}

// envName returns the variable of a key.
func envName(path []string) string {
	return envPrefix + strings.ToUpper(strings.Join(path, "_"))
}

// envTable maps variables to keys. Keys contain underscores, so a variable
// cannot simply be cut at its own.
var envTable = sync.OnceValue(func() map[string]leaf {
	table := make(map[string]leaf)
	for _, l := range leaves() {
		name := envName(l.path)
		if _, twice := table[name]; twice {
			panic("config: two keys have the variable " + name)
		}
		table[name] = l
	}
	return table
})

// EnvNames returns the variables that set keys of the process, sorted.
func EnvNames() []string {
	names := slices.Collect(maps.Keys(listVariables))
	for name := range envTable() {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// parseEnv turns "NAME=value" pairs into a map. Variables that are set to nothing
// count as not set, as is usual in container descriptions.
func parseEnv(pairs []string) map[string]string {
	env := make(map[string]string, len(pairs))
	for _, pair := range pairs {
		if name, value, ok := strings.Cut(pair, "="); ok && value != "" {
			env[name] = value
		}
	}
	return env
}

// envLayer reads the CUSTODIAN_ variables.
func envLayer(env map[string]string, others []string, r *report) *node {
	out := &node{kind: mapNode}
	table := envTable()
	for name, value := range env {
		if !strings.HasPrefix(name, envPrefix) || slices.Contains(others, name) || isServiceLink(name, value) {
			continue
		}
		if list, ok := listVariables[name]; ok {
			entries := &node{kind: listNode, name: name}
			for text := range strings.SplitSeq(value, ",") {
				entries.items = append(entries.items, list.entry(name, strings.TrimSpace(text)))
			}
			out.put(list.path, entries)
		} else if l, ok := table[name]; ok {
			out.put(l.path, &node{kind: looseNode, text: value, name: name})
		} else {
			r.add(Problem{Key: clip(name), File: envFile, Message: "unknown variable", Suggestion: nearestVariable(name)})
		}
	}
	return out
}

const (
	envFile   = "environment"
	flagsFile = "flags"
)

// keyNode reads a key: name:sha256, or name:sha256:role.
func keyNode(variable, text string) *node {
	name, rest, _ := strings.Cut(text, ":")
	sum, role, hasRole := strings.Cut(rest, ":")
	key := &node{kind: mapNode, name: variable}
	key.put([]string{"name"}, textOf(variable, name))
	key.put([]string{"sha256"}, textOf(variable, sum))
	if hasRole {
		key.put([]string{"role"}, textOf(variable, role))
	}
	return key
}

func textOf(variable, text string) *node { return &node{kind: looseNode, text: text, name: variable} }

// nearestVariable forgives misspelt names, and those that have the last words
// right but not what stands before them.
func nearestVariable(name string) string {
	names := EnvNames()
	for i := range names {
		names[i] = strings.ToLower(names[i])
	}
	if near := nearest(strings.ToLower(name), names); near != "" {
		return strings.ToUpper(near)
	}
	words := strings.Split(name, "_")
	for from := 1; len(words)-from >= 2; from++ {
		tail := "_" + strings.Join(words[from:], "_")
		for _, known := range EnvNames() {
			if strings.HasSuffix(known, tail) {
				return known
			}
		}
	}
	return ""
}

var (
	serviceLink = regexp.MustCompile(`^CUSTODIAN_(\w+_)?(SERVICE_(HOST|PORT(_\w+)?)|PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)$`)
	portLink    = regexp.MustCompile(`^CUSTODIAN_(\w+_)?PORT$`)
)

// isServiceLink reports whether a variable is one of those that Kubernetes puts
// into every container for a service called custodian, or custodian-something.
func isServiceLink(name, value string) bool {
	return serviceLink.MatchString(name) || (portLink.MatchString(name) && strings.Contains(value, "://"))
}
