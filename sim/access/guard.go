package access

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
)

// Key is a secret that lets in, of which only the hash is known.
type Key struct {
	// Name says in logs who came.
	Name string
	// SHA256 is the hash of the secret in hexadecimal digits.
	SHA256 string
	Role   Role
}

// Caller is who sent a request.
type Caller struct {
	// Name is that of the key, empty for somebody who was asked for none.
	Name string
	Role Role
}

// Guard lets in who has a key. [NewGuard] makes one.
type Guard struct {
	noun     string // what a key is called in refusals
	missing  string // what is said where it is missing
	keys     atomic.Pointer[[]known]
	failures *failures
}

type known struct {
	name string
	role Role
	hash [sha256.Size]byte
}

// NewGuard returns a guard. The noun is what a key is called in refusals, the
// hint what is said to who has none.
func NewGuard(noun, hint string, keys []Key) *Guard {
	g := &Guard{noun: noun, missing: hint, failures: newFailures(time.Now)}
	g.SetKeys(keys)
	return g
}

// SetKeys replaces the keys. One whose hash makes no sense, which the checks of
// configurations refuse, lets nobody in.
func (g *Guard) SetKeys(keys []Key) {
	list := make([]known, 0, len(keys))
	for _, key := range keys {
		k := known{name: key.Name, role: key.Role}
		if n, err := hex.Decode(k.hash[:], []byte(key.SHA256)); err != nil || n != len(k.hash) {
			k.hash = sha256.Sum256([]byte(key.SHA256 + "\x00")) // no secret holds a zero byte
		}
		list = append(list, k)
	}
	g.keys.Store(&list)
}

// Empty reports whether there is no key at all.
func (g *Guard) Empty() bool { return len(*g.keys.Load()) == 0 }

// Check returns who has a secret, or refuses: with unauthorized where there is
// none or a wrong one, with too_many_failures where too many wrong ones came from
// the address. The secret is empty for none.
func (g *Guard) Check(secret string, from netip.Prefix) (Caller, error) {
	if secret == "" {
		return Caller{}, sim.Errorf(sim.CodeUnauthorized, "%s", g.missing)
	}
	if wait := g.failures.wait(from); wait > 0 {
		err := sim.Errorf(sim.CodeTooManyFailures, "too many wrong %ss came from this address; try again later", g.noun)
		err.RetryAfter = wait
		return Caller{}, err
	}
	caller, ok := find(*g.keys.Load(), secret)
	if !ok {
		g.failures.add(from)
		return Caller{}, sim.Errorf(sim.CodeUnauthorized, "the %s is not one that is let in", g.noun)
	}
	return caller, nil
}

// find compares a secret with all there are, so that the time it takes tells
// nothing of which of them is near.
func find(keys []known, secret string) (c Caller, ok bool) {
	hash := sha256.Sum256([]byte(secret))
	for i := range keys {
		if subtle.ConstantTimeCompare(hash[:], keys[i].hash[:]) == 1 {
			c, ok = Caller{keys[i].name, keys[i].role}, true
		}
	}
	return c, ok
}

// Forbidden refuses a caller whose role is not enough.
func Forbidden(c Caller) error {
	return sim.Errorf(sim.CodeForbidden, "%q has the role %s, which may change nothing and see no secrets; this needs the role %s", c.Name, c.Role, Operate)
}
