package config

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strings"
)

var (
	errPostgresURL = errors.New("is not a PostgreSQL URL like postgres://user:password@host:5432/database, " +
		"with marks such as / ? # @ in the password percent-encoded")
	errRedisURL = errors.New("is not a Redis URL like redis://user:password@host:6379/0, " +
		"with marks such as / ? # @ in the password percent-encoded")
)

// parseURL says nothing of the URL in its error: any part of a malformed one may
// be the password.
func parseURL(s Secret, malformed error, schemes ...string) (*url.URL, error) {
	u, err := url.Parse(string(s))
	if err != nil || u.Opaque != "" || u.Fragment != "" || !slices.Contains(schemes, u.Scheme) {
		return nil, malformed
	}
	if strings.Contains(u.Path+u.RawQuery, "@") {
		return nil, malformed // an unescaped mark cut the password in two
	}
	if _, err := url.ParseQuery(u.RawQuery); err != nil {
		return nil, malformed
	}
	return u, nil
}

func checkPostgresURL(s Secret) error {
	_, err := parseURL(s, errPostgresURL, "postgres", "postgresql")
	return err
}

func checkRedisURL(s Secret) error {
	u, err := parseURL(s, errRedisURL, "redis", "rediss", "unix")
	if err == nil && ((u.Scheme == "unix") != (u.Host == "") || u.Scheme == "unix" && u.Path == "") {
		return errRedisURL
	}
	return err
}

// storageOf identifies where the schema of a resolved instance lives: two
// instances with the same place must not share a schema.
func storageOf(i Instance) string {
	if i.Storage.Driver != StoragePostgres {
		return i.Storage.Driver
	}
	u, err := parseURL(i.Storage.Postgres.URL, errPostgresURL, "postgres", "postgresql")
	if err != nil {
		return StoragePostgres
	}
	database := strings.Trim(u.Path, "/")
	if database == "" {
		database = first(u.Query().Get("dbname"), u.Query().Get("database"), u.User.Username())
	}
	return StoragePostgres + " " + first(u.Hostname(), u.Query().Get("host")) + " " +
		first(u.Port(), u.Query().Get("port"), "5432") + " " + database
}

// redisOf identifies the key space of a resolved instance.
func redisOf(i Instance) string {
	if i.Redis.Driver != RedisServer {
		return RedisEmbedded // also for off: it may be switched on again
	}
	u, err := parseURL(i.Redis.URL, errRedisURL, "redis", "rediss", "unix")
	switch {
	case err != nil:
		return RedisServer
	case u.Scheme == "unix":
		return "unix " + u.Path + " " + first(u.Query().Get("db"), "0")
	}
	return RedisServer + " " + u.Hostname() + " " + first(u.Port(), "6379") + " " + first(strings.Trim(u.Path, "/"), u.Query().Get("db"), "0")
}

// first returns the first text that is not empty, in lower case.
func first(texts ...string) string {
	for _, t := range texts {
		if t != "" {
			return strings.ToLower(t)
		}
	}
	return ""
}

// isLoopback reports whether only this machine reaches a host.
func isLoopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.Unmap().IsLoopback()
}

// overlap reports whether listeners on two hosts can get in each other's way.
func overlap(a, b string) bool {
	return isWildcard(a) || isWildcard(b) || strings.EqualFold(a, b) || (isLoopback(a) && isLoopback(b))
}

func isWildcard(host string) bool {
	addr, err := netip.ParseAddr(host)
	return host == "" || (err == nil && addr.IsUnspecified())
}

// checkHost refuses what is neither an address nor a host name.
func checkHost(host string) error {
	if _, err := netip.ParseAddr(host); err == nil {
		return nil
	}
	for label := range strings.SplitSeq(host, ".") {
		if len(label) > maxName || !dnsLabel.MatchString(strings.ToLower(label)) {
			return errors.New("is not an IP address or host name")
		}
	}
	return nil
}

// checkListen refuses what is not host:port with a port that can be named.
func checkListen(listen string) error {
	host, port, err := net.SplitHostPort(listen)
	if err != nil {
		return errors.New("is not host:port, like 127.0.0.1:7080")
	}
	if _, err := parsePort(port); err != nil && port != "0" {
		return fmt.Errorf("%w, or 0 for one that the system chooses", err)
	}
	if host == "" {
		return nil
	}
	return checkHost(host)
}

// checkTracingURL checks the address of an OTLP receiver. Who needs a password there
// gives it in a header, which stands in a variable: this key is shown and logged.
func checkTracingURL(text string) error {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return fmt.Errorf("%q is no URL of an OTLP receiver over HTTP, such as http://127.0.0.1:4318", clip(text))
	}
	if u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return errors.New("may have a host and a path alone; give headers in OTEL_EXPORTER_OTLP_HEADERS")
	}
	return nil
}
