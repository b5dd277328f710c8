// Package requestid gives every HTTP request an id that its answer, its
// problem report and the logs share.
package requestid

import (
	"crypto/rand"
	"encoding/hex"
	"net/http"
)

// Header carries the id, in requests and in answers.
const Header = "X-Request-Id"

// MaxLength bounds the ids that callers may choose, in bytes.
const MaxLength = 128

// Middleware sets the answer's id before next runs: the caller's own where it
// is usable, else a new random one. It needs no context, so [Of] works wherever
// the response writer is at hand.
func Middleware(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id := r.Header.Get(Header)
		if !usable(id) {
			id = random()
		}
		w.Header().Set(Header, id)
		next.ServeHTTP(w, r)
	})
}

// Of returns the id of the request that w answers, or "" without [Middleware].
func Of(w http.ResponseWriter) string { return w.Header().Get(Header) }

// usable admits ids that can stand in a header, a log line and a URI as they
// are.
func usable(id string) bool {
	if id == "" || len(id) > MaxLength {
		return false
	}
	for i := range len(id) {
		c := id[i]
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '-', c == '_', c == '.':
		default:
			return false
		}
	}
	return true
}

// random returns 32 hexadecimal digits.
func random() string {
	var raw [16]byte
	_, _ = rand.Read(raw[:]) // never fails
	var text [32]byte
	hex.Encode(text[:], raw[:])
	return string(text[:])
}
