package obs

import (
	"regexp"
	"strings"
)

// secretWords are what the key of a secret contains, in lower case and without
// separators: admin_token, clientSecret and POSTGRES-PASSWORD all match.
var secretWords = []string{
	"password", "passwd", "passphrase", "secret", "token", "apikey", "privatekey", "credential", "authorization",
}

var keySeparators = strings.NewReplacer("_", "", "-", "", ".", "", " ", "")

// secretKey reports whether an attribute of this name holds a secret.
func secretKey(key string) bool {
	key = strings.ToLower(key)
	if strings.ContainsAny(key, "_-. ") {
		key = keySeparators.Replace(key)
	}
	for _, word := range secretWords {
		if strings.Contains(key, word) {
			return true
		}
	}
	return false
}

var (
	// assignment finds password=value, of connection strings and query
	// parameters, with the value quoted or up to a separator.
	assignment = regexp.MustCompile(
		`(?i)([a-z_-]*(?:password|passwd|passphrase|secret|token|api_?key))\s*=\s*('(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|[^\s&;,"']+)`)
	// member finds "password": "value" in a piece of JSON.
	member = regexp.MustCompile(
		`(?i)("[a-z_-]*(?:password|passwd|passphrase|secret|token|api_?key)"\s*:\s*)"(?:[^"\\]|\\.)*"`)
	// bearer finds the credential of an Authorization header. The length keeps
	// it from plain words.
	bearer = regexp.MustCompile(`(?i)\b(bearer)\s+[a-z0-9._~+/=-]{16,}`)
)

// redactText takes out of free text what has the form of a credential.
func redactText(s string) string {
	if strings.Contains(s, "://") && strings.Contains(s, "@") {
		s = redactURLs(s)
	}
	if strings.Contains(s, "=") {
		s = assignment.ReplaceAllString(s, "${1}="+redacted)
	}
	if strings.Contains(s, `":`) || strings.Contains(s, `" :`) {
		s = member.ReplaceAllString(s, `${1}"`+redacted+`"`)
	}
	if strings.Contains(s, "earer") || strings.Contains(s, "EARER") {
		s = bearer.ReplaceAllString(s, "${1} "+redacted)
	}
	return s
}

// redactURLs replaces the password of every URL in s.
func redactURLs(s string) string {
	var out strings.Builder
	for {
		scheme, rest, found := strings.Cut(s, "://")
		out.WriteString(scheme)
		if !found {
			return out.String()
		}
		out.WriteString("://")
		from, to := passwordSpan(rest)
		out.WriteString(rest[:from])
		if to > from {
			out.WriteString(redacted)
		}
		s = rest[to:]
	}
}

// malformedSpan bounds how far the end of a malformed password is looked for,
// which keeps redaction linear in the length of the text.
const malformedSpan = 1024

// passwordSpan finds the password in what follows "://" of a URL; from equals
// to where there is none. It expects passwords with unescaped delimiters,
// because those are what the error messages of URL parsers quote.
func passwordSpan(rest string) (from, to int) {
	authority := rest
	if end := strings.IndexAny(rest, "/?# \t\r\n\"'`<>"); end >= 0 {
		authority = rest[:end]
	}
	colon := strings.IndexByte(authority, ':')
	if colon < 0 {
		return 0, 0 // no port, and no password either
	}
	if at := strings.LastIndexByte(authority, '@'); at >= 0 {
		if colon > at {
			return 0, 0 // a user name alone; the colon is that of the port
		}
		return colon + 1, at
	}
	// No user information as the URL stands. If what should be a port is no
	// number, it is the start of a password with a raw delimiter in it, which
	// ends at the last @ of the line or quotation.
	if strings.HasPrefix(authority, "[") || strings.Trim(authority[colon+1:], "0123456789") == "" {
		return 0, 0
	}
	line := rest[:min(len(rest), malformedSpan)]
	if end := strings.IndexAny(line, "\r\n\"`"); end >= 0 {
		line = line[:end]
	}
	if at := strings.LastIndexByte(line, '@'); at > colon {
		return colon + 1, at
	}
	return 0, 0
}
