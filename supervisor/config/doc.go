// Package config says which custodians should run, and how: it reads the
// configuration, finds every mistake in it, and answers questions about it.
//
// # Sources
//
// [Load] merges defaults, YAML files, the environment and flags, in this order;
// what comes later wins, key by key. Lists are replaced as a whole, with one
// exception: `instances` of several files are joined by name, so that a file can
// add custodians, or override single keys of those in an earlier one, without
// silently dropping the rest. With no file at all the environment describes a
// single custodian, as older deployments do (SERVICE_INSTANCE_NAME, HTTP_PORT, …).
//
// [ParseInstance] and [ParseConfig] read the same shapes from JSON request
// bodies under the same rules.
//
// # Mistakes
//
// Every error of this package that concerns input is a [*Problems]: all mistakes
// at once, in a stable order, each with its key, its file and line where there
// is one, what is allowed, and the nearest right key. Secrets ([Secret]) appear
// in none of them.
//
// # Numbers
//
// Amounts are taken exactly from the text, quoted or not; they never pass
// through a floating point type.
//
// # From a configuration to what runs
//
// [Config.Resolve] fills an instance with the defaults and derives its schema and
// Redis prefix, [Plan] gives ports to those that have none, and [InstanceHash]
// and [Diff] tell which instances a new configuration touches.
//
// All values are plain data: safe to read from many goroutines as long as none
// of them writes.
package config
