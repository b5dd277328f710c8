package config

import "strings"

// singleVariables are the variables of older deployments, which run one
// custodian and have no file, with the keys that they set. Those that are not
// just copied are handled in singleLayer.
var singleVariables = []struct {
	name string
	path []string
}{
	{"SERVICE_NAME", []string{"service", "name"}},
	{"SERVICE_VERSION", []string{"service", "version"}},
	{"ENVIRONMENT", []string{"service", "environment"}},
	{"POSTGRES_URL", []string{"storage", "postgres", "url"}},
	{"MAX_CONNECTIONS", []string{"storage", "postgres", "max_connections"}},
	{"REDIS_URL", []string{"redis", "url"}},
	{"CACHE_TTL", []string{"redis", "cache_ttl"}},
	{"HEARTBEAT_INTERVAL", []string{"redis", "heartbeat_interval"}},
	{"REQUEST_TIMEOUT", []string{"defaults", "limits", "request_timeout"}},
}

// singleLayer describes one custodian from the environment.
func singleLayer(env map[string]string) *node {
	out := &node{kind: mapNode}
	set := func(variable, value string, path ...string) {
		out.put(path, &node{kind: looseNode, text: value, name: variable})
	}
	for _, v := range singleVariables {
		if value := env[v.name]; value != "" {
			set(v.name, value, v.path...)
		}
	}
	if env["POSTGRES_URL"] != "" {
		set("POSTGRES_URL", StoragePostgres, "storage", "driver")
	}
	if env["REDIS_URL"] != "" {
		set("REDIS_URL", RedisServer, "redis", "driver")
	}
	if level := env["LOG_LEVEL"]; level != "" {
		set("LOG_LEVEL", strings.ToLower(level), "log", "level")
	}
	if env["ENVIRONMENT"] == "development" {
		set("ENVIRONMENT", "console", "log", "format")
	}

	instance := &node{kind: mapNode}
	put := func(key, variable, fallback string) {
		value := &node{kind: looseNode, text: fallback, name: variable}
		if given := env[variable]; given != "" {
			value.text = given
		}
		instance.put([]string{key}, value)
	}
	put("name", "SERVICE_INSTANCE_NAME", UnnamedInstance)
	// An instance that is called like the kind of service has no name of its own.
	if kind := env["SERVICE_NAME"]; instance.items[0].text == kind || instance.items[0].text == serviceName {
		instance.items[0].text = UnnamedInstance
	}
	put("http_port", "HTTP_PORT", "8080")
	put("grpc_port", "GRPC_PORT", "50051")
	out.put([]string{"instances"}, &node{kind: listNode, items: []*node{instance}})
	return out
}
