package access

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
)

func hashOf(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(sum[:])
}

func guard(secrets ...string) *Guard {
	keys := make([]Key, len(secrets))
	for i, secret := range secrets {
		keys[i] = Key{Name: fmt.Sprintf("key-%d", i), SHA256: hashOf(secret)}
	}
	return NewGuard("token", "a token is needed", keys)
}

func TestGuardLetsInWhoHasAKey(t *testing.T) {
	t.Parallel()
	g := NewGuard("token", "a token is needed", []Key{
		{Name: "ops", SHA256: hashOf("a")}, {Name: "dash", SHA256: hashOf("b"), Role: Read}, {Name: "broken", SHA256: "b"},
	})
	here := Origin("127.0.0.1:1000")
	for secret, want := range map[string]Caller{"a": {"ops", ""}, "b": {"dash", Read}} {
		if got, err := g.Check(secret, here); err != nil || got != want {
			t.Errorf("%q: %v, %v", secret, got, err)
		}
	}
	for _, secret := range []string{"", "c", hashOf("a"), "broken", "aa"} {
		_, err := g.Check(secret, here)
		if sim.CodeOf(err) != sim.CodeUnauthorized || secret != "" && strings.Contains(err.Error(), hashOf("a")) {
			t.Errorf("%q: %v", secret, err)
		}
	}
	g.SetKeys([]Key{{Name: "new", SHA256: hashOf("c")}})
	if _, err := g.Check("a", here); err == nil {
		t.Error("a key that was taken away lets in")
	}
	if _, err := g.Check("c", here); err != nil {
		t.Error(err)
	}
}

func TestRolesAllowWhatTheySay(t *testing.T) {
	t.Parallel()
	if Read.Allows(Operate) || !Read.Allows(Read) || !Operate.Allows(Operate) || !Operate.Allows(Read) || !Role("").Allows(Operate) {
		t.Error("a role allows what it must not, or not what it must")
	}
	err := Forbidden(Caller{"dash", Read})
	if sim.CodeOf(err) != sim.CodeForbidden || !strings.Contains(err.Error(), `"dash" has the role read`) || !strings.Contains(err.Error(), "operate") {
		t.Error(err)
	}
}

func TestGuessingIsSlowAndHurtsNobodyElse(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := guard("right")
		guesser, neighbour := Origin("127.0.0.1:1"), Origin("10.0.0.2:1")
		for range failuresAtOnce {
			if _, err := g.Check("wrong", guesser); sim.CodeOf(err) != sim.CodeUnauthorized {
				t.Fatal(err)
			}
		}
		_, err := g.Check("right", guesser)
		if e, ok := errors.AsType[*sim.Error](err); !ok || e.Code != sim.CodeTooManyFailures || e.RetryAfter <= 0 || e.RetryAfter > failureEvery {
			t.Errorf("who guesses: %v", err)
		}
		if _, err := g.Check("right", neighbour); err != nil {
			t.Errorf("a neighbour: %v", err)
		}
		if _, err := g.Check("", guesser); sim.CodeOf(err) != sim.CodeUnauthorized {
			t.Errorf("who brings nothing guesses nothing: %v", err)
		}
		time.Sleep(failureEvery + time.Millisecond) // of the bubble's time
		if _, err := g.Check("right", guesser); err != nil {
			t.Errorf("after the wait: %v", err)
		}
	})
}

func TestGuessingFromEverywhereShutsNobodyOut(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := guard("right")
		from := func(i int) netip.Prefix { return Origin(fmt.Sprintf("[2001:db8:%x:%x::1]:1", i>>16, i&0xffff)) }
		loud := Origin("10.0.0.1:1")
		for range failuresAtOnce {
			_, _ = g.Check("wrong", loud)
		}
		for i := range 2 * originsKept {
			_, _ = g.Check("wrong", from(i))
		}
		if n := len(g.failures.until); n > originsKept {
			t.Errorf("%d addresses are remembered", n)
		}
		if _, err := g.Check("right", from(1<<20)); err != nil {
			t.Errorf("who never failed: %v", err)
		}
		if _, err := g.Check("right", loud); sim.CodeOf(err) != sim.CodeTooManyFailures {
			t.Errorf("who failed much was forgotten: %v", err)
		}
		// All together have used up their allowance: a single failure counts now.
		last := from(2*originsKept - 1)
		if _, err := g.Check("right", last); sim.CodeOf(err) != sim.CodeTooManyFailures {
			t.Errorf("who failed once: %v", err)
		}
		time.Sleep(time.Hour)
		for _, address := range []netip.Prefix{last, loud} {
			if _, err := g.Check("right", address); err != nil {
				t.Errorf("after an hour: %v", err)
			}
		}
	})
}

func TestOriginsAreAddressesOrNetworks(t *testing.T) {
	t.Parallel()
	for remote, want := range map[string]string{
		"10.1.2.3:80": "10.1.2.3/32", "[::ffff:10.1.2.3]:80": "10.1.2.3/32", "127.0.0.1:9": "127.0.0.1/32", "[::1]:9": "::1/128",
		"[2001:db8:1:2:3::4]:80": "2001:db8:1:2::/64", "[fe80::1%eth0]:80": "fe80::/64",
		"@": "invalid Prefix", "": "invalid Prefix", "bufconn": "invalid Prefix", "host:80": "invalid Prefix",
	} {
		if got := Origin(remote).String(); got != want {
			t.Errorf("%q: %s, not %s", remote, got, want)
		}
	}
}
