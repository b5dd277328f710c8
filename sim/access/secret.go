package access

import "strings"

// maxSecret bounds secrets, in bytes. Headers as a whole are bounded by the
// servers; this bounds what is hashed.
const maxSecret = 4096

// Bearer returns the secret of the values of an Authorization header (RFC 6750).
// It returns "" where there is none: no value or several, another scheme, or
// what cannot be a secret.
func Bearer(values []string) string {
	if len(values) != 1 {
		return "" // which of several counts is not for us to guess
	}
	scheme, text, found := strings.Cut(values[0], " ")
	if !found || !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return usable(strings.Trim(text, " "))
}

// Secret returns the secret of a request from the values of its headers
// Authorization and X-API-Key. Two that differ are none.
func Secret(authorization, apiKey []string) string {
	if len(apiKey) == 0 {
		return Bearer(authorization)
	}
	if len(apiKey) != 1 {
		return ""
	}
	key := usable(apiKey[0])
	if len(authorization) > 0 && Bearer(authorization) != key {
		return ""
	}
	return key
}

// usable returns a text that can be a secret, and "" for any other: secrets are
// one word of printable ASCII characters.
func usable(text string) string {
	if len(text) > maxSecret {
		return ""
	}
	for i := range len(text) {
		if text[i] <= ' ' || text[i] > '~' {
			return ""
		}
	}
	return text
}
