package config

import (
	"fmt"
	"net"
	"reflect"
	"strings"
)

// Validate finds everything wrong with a configuration that was put together in
// memory: what the parsers of this package check, and what only shows when all
// parts are seen together, such as two instances with one schema or port. The
// error is a [*Problems].
func Validate(c Config) error {
	var r report
	data, err := EncodeConfig(c)
	if err != nil {
		return &Problems{List: []Problem{{Message: err.Error()}}}
	}
	// What is zero is not encoded, so keys that have no default are fine here and
	// looked at below.
	if root := parseJSON(data, &r); root != nil {
		s := shaper{report: &r}
		_, marks := s.document(root, reflect.TypeFor[Config]())
		check(c, marks, &r)
	}
	return r.err()
}

// checker looks at a decoded configuration. Its messages tell through root where
// the values were given.
type checker struct {
	c      Config
	root   *mark
	report *report
	// entry is whether a single entry is checked, in which secrets may stand as
	// they were shown.
	entry bool
}

func check(c Config, root *mark, r *report) {
	k := checker{c: c, root: root, report: r}
	k.admin()
	k.process()
	k.instances()
	_, problems := Plan(c, nil)
	for _, p := range problems {
		k.add(p.Key, p.Message, p.Allowed)
	}
}

func (k *checker) add(path, message, allowed string) {
	k.suggest(path, message, allowed, "")
}

func (k *checker) suggest(path, message, allowed, suggestion string) {
	p, reported := k.root.locate(path)
	if reported {
		return
	}
	p.Message, p.Allowed, p.Suggestion = message, allowed, suggestion
	k.report.add(p)
}

// addErr reports err, if there is one.
func (k *checker) addErr(path string, err error) {
	if err != nil {
		k.add(path, err.Error(), "")
	}
}

func (k *checker) admin() {
	a := k.c.Admin
	k.keys("admin.tokens", a.Tokens)
	k.hosts("admin.hosts", a.Hosts)
	t := a.TLS
	k.tls("admin.tls", t.Cert, t.Key, t.ClientCA)
	k.clients("admin.tls", t)
	if err := checkListen(a.Listen); err != nil {
		k.add("admin.listen", fmt.Sprintf("%q %v", clip(a.Listen), err), "")
		return
	}
	host, _, _ := net.SplitHostPort(a.Listen) // checked just now
	if !isLoopback(host) && len(a.Tokens) == 0 && t.ClientCA == "" {
		k.add("admin.listen", fmt.Sprintf("%q is reachable from other machines, and neither admin.tokens nor admin.tls.client_ca is set", a.Listen), "")
	}
}

// process checks the other keys of the process.
func (k *checker) process() {
	c := k.c
	if strings.TrimSpace(c.DataDir) == "" {
		k.add("data_dir", "is required", "")
	}
	if c.Tracing.Endpoint != "" {
		k.addErr("tracing.endpoint", checkTracingURL(c.Tracing.Endpoint))
	}
	k.addErr("service.name", checkText(c.Service.Name, true))
	k.addErr("service.version", checkText(c.Service.Version, false))
	k.addErr("service.environment", checkText(c.Service.Environment, false))
	if err := checkHost(c.Ports.Host); err != nil {
		k.add("ports.host", fmt.Sprintf("%q %v", clip(c.Ports.Host), err), "")
	}
	k.hosts("ports.hosts", c.Ports.Hosts)
	k.tls("ports.tls", c.Ports.TLS.Cert, c.Ports.TLS.Key, c.Ports.TLS.ClientCA)
	for _, r := range []struct {
		path string
		PortRange
	}{{"ports.http", c.Ports.HTTP}, {"ports.grpc", c.Ports.GRPC}} {
		if r.First < 1 || r.Last > 65535 || r.First > r.Last {
			k.add(r.path, "must be a range of ports between 1 and 65535, like 8080-8999", "")
		}
	}
	if c.Storage.Postgres.URL != "" {
		k.addErr("storage.postgres.url", checkPostgresURL(c.Storage.Postgres.URL))
	}
	if c.Redis.URL != "" {
		k.addErr("redis.url", checkRedisURL(c.Redis.URL))
	}
	// Instances may all name servers of their own; then the process needs none.
	if c.Storage.Driver == StoragePostgres && c.Storage.Postgres.URL == "" && k.anyLacks(func(i Instance) bool { return i.Storage.Driver == "" && i.Storage.Postgres.URL == "" }) {
		k.add("storage.postgres.url", "is required with the driver postgres", "")
	}
	if c.Redis.Driver == RedisServer && c.Redis.URL == "" && k.anyLacks(func(i Instance) bool { return i.Redis.Driver == "" && i.Redis.URL == "" }) {
		k.add("redis.url", "is required with the driver server", "")
	}
	k.settings("defaults", c.Defaults, c.Defaults)
}

func (k *checker) anyLacks(lacks func(Instance) bool) bool {
	for _, i := range k.c.Instances {
		if lacks(i) {
			return true
		}
	}
	return len(k.c.Instances) == 0
}

// settings checks what settings must agree in among themselves; given are the
// ones at path, resolved those with the defaults filled in.
func (k *checker) settings(path string, given, resolved Settings) {
	k.profile(path, given, resolved)
	k.clock(path, given, resolved)
	k.policies(path, given)
	k.reconciliation(path, given)
	k.webhooks(path, given, resolved)
	k.keys(join(path, "api_keys"), given.APIKeys)
	if given.Restart == (Restart{}) {
		return // then it is the defaults that are wrong, if anything is
	}
	if r := resolved.Restart; r.Initial > r.Max {
		k.add(join(path, "restart"), fmt.Sprintf("initial (%s) is longer than max (%s)", r.Initial, r.Max), "")
	}
}
