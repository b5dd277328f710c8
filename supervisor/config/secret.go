package config

import (
	"encoding/json"
	"log/slog"
	"net/url"
	"slices"
	"strings"
)

// hidden stands where a password was.
const hidden = "xxxxx"

// Secret is a URL that may hold a password. However it is printed, logged or
// encoded, the password is hidden; only [Secret.Reveal] gives it away.
type Secret string

// Reveal returns the URL with its password.
func (s Secret) Reveal() string { return string(s) }

// Redacted returns the URL with its password hidden. Of text that is no URL
// nothing is shown, since any part of it may be the password.
func (s Secret) Redacted() string {
	if s == "" {
		return ""
	}
	u, err := url.Parse(string(s))
	if err != nil || u.Scheme == "" || u.Opaque != "" || u.Fragment != "" {
		return hidden
	}
	// An @ behind the host means that an unescaped mark cut the password in two.
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil || strings.Contains(u.Path+u.RawQuery, "@") {
		return hidden
	}
	changed := false
	for key := range query {
		if strings.Contains(strings.ToLower(key), "pass") {
			query.Set(key, hidden)
			changed = true
		}
	}
	if changed {
		u.RawQuery = query.Encode()
	}
	return u.Redacted()
}

// String returns [Secret.Redacted].
func (s Secret) String() string { return s.Redacted() }

// GoString returns [Secret.Redacted], for %#v.
func (s Secret) GoString() string { return s.Redacted() }

// LogValue returns [Secret.Redacted], for log/slog.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.Redacted()) }

// MarshalJSON writes [Secret.Redacted]. Use [EncodeInstance] to keep passwords.
func (s Secret) MarshalJSON() ([]byte, error) { return json.Marshal(s.Redacted()) }

// KeyHash is the hash of a secret. Who knows it can try what the secret may be at
// leisure, so it is shown as little as a password.
type KeyHash string

// Reveal returns the hash.
func (h KeyHash) Reveal() string { return string(h) }

// Redacted returns what stands for a hash.
func (h KeyHash) Redacted() string {
	if h == "" {
		return ""
	}
	return hidden
}

// String returns [KeyHash.Redacted].
func (h KeyHash) String() string { return h.Redacted() }

// GoString returns [KeyHash.Redacted], for %#v.
func (h KeyHash) GoString() string { return h.Redacted() }

// LogValue returns [KeyHash.Redacted], for log/slog.
func (h KeyHash) LogValue() slog.Value { return slog.StringValue(h.Redacted()) }

// MarshalJSON writes [KeyHash.Redacted]. [EncodeInstance] keeps hashes.
func (h KeyHash) MarshalJSON() ([]byte, error) { return json.Marshal(h.Redacted()) }

// keysWithHashesOf is [Config.WithSecretsOf] for keys, which are found by name.
func keysWithHashesOf(keys, old []Token) []Token {
	keys = slices.Clone(keys)
	for i := range keys {
		for _, was := range old {
			if was.Name == keys[i].Name {
				restore(&keys[i].SHA256, was.SHA256)
			}
		}
	}
	return keys
}

// WithSecretsOf returns c in which every URL that reads as the redacted form of
// the one at the same place in old has its password back. So a client can fetch
// a configuration, change something else in it, and send it in again.
func (c Config) WithSecretsOf(old Config) Config {
	restore(&c.Storage.Postgres.URL, old.Storage.Postgres.URL)
	restore(&c.Redis.URL, old.Redis.URL)
	c.Admin.Tokens = keysWithHashesOf(c.Admin.Tokens, old.Admin.Tokens)
	c.Defaults.APIKeys = keysWithHashesOf(c.Defaults.APIKeys, old.Defaults.APIKeys)
	c.Defaults.Webhooks = c.Defaults.Webhooks.withSecretsOf(old.Defaults.Webhooks)
	before := make(map[string]*Instance, len(old.Instances))
	for i := range old.Instances {
		before[old.Instances[i].Name] = &old.Instances[i]
	}
	c.Instances = append([]Instance(nil), c.Instances...)
	for i := range c.Instances {
		if was := before[c.Instances[i].Name]; was != nil {
			restore(&c.Instances[i].Storage.Postgres.URL, was.Storage.Postgres.URL)
			restore(&c.Instances[i].Redis.URL, was.Redis.URL)
			c.Instances[i].APIKeys = keysWithHashesOf(c.Instances[i].APIKeys, was.APIKeys)
			c.Instances[i].Webhooks = c.Instances[i].Webhooks.withSecretsOf(was.Webhooks)
		}
	}
	return c
}

func restore[S interface {
	~string
	Redacted() string
}](s *S, old S) {
	if *s != "" && string(*s) == old.Redacted() {
		*s = old
	}
}
