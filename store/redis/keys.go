package redis

import (
	"fmt"
	"strings"
)

// Root is what every key of the ecosystem begins with; the Redis user's key
// pattern covers nothing else.
const Root = "custodian:"

// Keys that belong to discovery, whatever instance they speak of.
const (
	servicePrefix   = Root + "service:"
	heartbeatPrefix = Root + "heartbeat:"
)

const maxPrefixLen = 128

// Prefix is what all keys of one instance begin with, such as
// "custodian:sim:001:". Every key of this package is built by its methods or
// by the two functions of discovery, and nowhere else.
type Prefix string

// ParsePrefix checks that s can be an instance's prefix: it begins with
// [Root], ends with a colon, holds only lower-case letters, digits and
// ":._-", has at most 128 bytes, and is not one that discovery uses.
func ParsePrefix(s string) (Prefix, error) {
	switch {
	case len(s) > maxPrefixLen:
		return "", fmt.Errorf("redis prefix has %d bytes, at most %d are allowed", len(s), maxPrefixLen)
	case !strings.HasPrefix(s, Root) || !strings.HasSuffix(s, ":"):
		return "", fmt.Errorf("redis prefix %q must begin with %q and end with a colon", s, Root)
	case strings.HasPrefix(s, servicePrefix), strings.HasPrefix(s, heartbeatPrefix):
		return "", fmt.Errorf("redis prefix %q is reserved for service discovery", s)
	}
	for i := range len(s) {
		if c := s[i]; !isPlain(c) || c >= 'A' && c <= 'Z' {
			return "", fmt.Errorf("redis prefix %q holds %q; allowed are a-z, 0-9 and the marks :._-", s, c)
		}
	}
	return Prefix(s), nil
}

// Cache is the full key of the cache entry that callers know as key.
func (p Prefix) Cache(key string) string { return string(p) + "cache:" + key }

// Events is the key of the instance's published event stream.
func (p Prefix) Events() string { return string(p) + "events" }

func serviceKey(name string) string   { return servicePrefix + name }
func heartbeatKey(name string) string { return heartbeatPrefix + name }

// isPlain tells whether c stands for itself in a glob of every Redis-like
// server, so that it may be sent in one unescaped.
func isPlain(c byte) bool {
	switch {
	case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9':
		return true
	}
	return strings.IndexByte(":._-", c) >= 0
}
