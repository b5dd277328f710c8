package config

import (
	"cmp"
	"slices"
	"strings"
)

// SingleVariable is a variable of older deployments, which run one custodian and
// have no file.
type SingleVariable struct {
	Name string
	// Path is the key that it sets.
	Path string
	// Default is what holds if it is not set; empty for the key's own default.
	Default string
	// Implies is what another key then holds, such as a driver for a URL.
	Implies, ImpliedPath string
	// If is the only value that implies it; empty is any.
	If string
}

const singleInstance = "instances[]."

var singleVariables = []SingleVariable{
	{Name: "SERVICE_INSTANCE_NAME", Path: singleInstance + "name", Default: UnnamedInstance},
	{Name: "HTTP_PORT", Path: singleInstance + "http_port", Default: "8080"},
	{Name: "GRPC_PORT", Path: singleInstance + "grpc_port", Default: "50051"},
	{Name: "SERVICE_NAME", Path: "service.name"},
	{Name: "SERVICE_VERSION", Path: "service.version"},
	{Name: "ENVIRONMENT", Path: "service.environment", Implies: "console", ImpliedPath: "log.format", If: "development"},
	{Name: "LOG_LEVEL", Path: "log.level"},
	{Name: "POSTGRES_URL", Path: "storage.postgres.url", Implies: StoragePostgres, ImpliedPath: "storage.driver"},
	{Name: "MAX_CONNECTIONS", Path: "storage.postgres.max_connections"},
	{Name: "REDIS_URL", Path: "redis.url", Implies: RedisServer, ImpliedPath: "redis.driver"},
	{Name: "CACHE_TTL", Path: "redis.cache_ttl"},
	{Name: "HEARTBEAT_INTERVAL", Path: "redis.heartbeat_interval"},
	{Name: "REQUEST_TIMEOUT", Path: "defaults.limits.request_timeout"},
}

// SingleVariables returns the variables that describe one custodian where there is
// no file.
func SingleVariables() []SingleVariable { return slices.Clone(singleVariables) }

// singleLayer describes one custodian from the environment.
func singleLayer(env map[string]string) *node {
	out, instance := &node{kind: mapNode}, &node{kind: mapNode}
	for _, v := range singleVariables {
		given := env[v.Name]
		value := &node{kind: looseNode, text: cmp.Or(given, v.Default), name: v.Name}
		if v.Name == "LOG_LEVEL" {
			value.text = strings.ToLower(value.text)
		}
		if key, ours := strings.CutPrefix(v.Path, singleInstance); ours {
			instance.put([]string{key}, value)
		} else if given != "" {
			out.put(strings.Split(v.Path, "."), value)
		}
		if v.Implies != "" && given != "" && (v.If == "" || v.If == given) {
			out.put(strings.Split(v.ImpliedPath, "."), &node{kind: looseNode, text: v.Implies, name: v.Name})
		}
	}
	// An instance that is called like the kind of service has no name of its own.
	if kind := env["SERVICE_NAME"]; instance.items[0].text == kind || instance.items[0].text == serviceName {
		instance.items[0].text = UnnamedInstance
	}
	out.put([]string{"instances"}, &node{kind: listNode, items: []*node{instance}})
	return out
}
