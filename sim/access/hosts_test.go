package access

import (
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
)

func TestHostsAreKnownByTheirNames(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		listen   string
		names    []string
		known    []string
		unknown  []string
		anything bool
	}{
		"loopback": {
			listen: "127.0.0.1",
			known:  []string{"127.0.0.1:8081", "localhost", "LocalHost:1", "localhost.", "[::1]:8081", "::1", "127.9.9.9", "app.localhost:3000", "[::ffff:127.0.0.1]:80"},
			unknown: []string{"", "evil.example", "localhost.evil.example:8081", "127.0.0.1.evil.example", "custodian:8081", "10.0.0.1",
				"127.0.0.1:80:80", "[::1", "[localhost]", "localhost:http", "a b", "evil.example\x00localhost"},
		},
		"loopback with a name of its own": {
			listen: "localhost", names: []string{"Custodian.Example.com", "10.0.0.7"},
			known: []string{"custodian.example.com:8081", "10.0.0.7:80", "localhost:1"}, unknown: []string{"example.com", "evil.example"},
		},
		"everywhere": {
			listen: "0.0.0.0",
			known: []string{"custodian:8081", "10.0.0.1:8081", "[2001:db8::1]:8081", "custodian-simulator", "custodian.trading.svc.cluster.local:80",
				"box.internal", "localhost:8081", "under_score:80"},
			unknown: []string{"evil.example:8081", "custodian.trading.svc", "attacker.dev", "", ".local", "local.evil.example", "a..local"},
		},
		"everywhere with a name": {
			listen: "::", names: []string{"custodian.example.com"}, known: []string{"custodian.example.com", "custodian"}, unknown: []string{"evil.example"},
		},
		"an address beyond loopback": {listen: "10.0.0.5", known: []string{"10.0.0.5:8081"}, unknown: []string{"evil.example"}},
		"a name to listen on":        {listen: "box.example.com", known: []string{"box.example.com:80"}, unknown: []string{"other.example.com"}},
		"any":                        {listen: "127.0.0.1", names: []string{"*"}, known: []string{"evil.example", "", "?"}},
	} {
		h := NewHosts(test.listen, test.names)
		for _, host := range test.known {
			if !h.Knows(host) {
				t.Errorf("%s: %q is unknown", name, host)
			}
		}
		for _, host := range test.unknown {
			if h.Knows(host) {
				t.Errorf("%s: %q is known", name, host)
			}
		}
	}
}

func TestOtherSitesAreRefused(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		method string
		header map[string]string
		field  string // at fault; empty for who is let in
	}{
		"a program":                       {"POST", nil, ""},
		"the same site":                   {"POST", map[string]string{"Origin": "http://localhost:8081"}, ""},
		"the same site, as browsers say":  {"POST", map[string]string{"Sec-Fetch-Site": "same-origin", "Origin": "http://localhost:8081"}, ""},
		"typed into a browser":            {"GET", map[string]string{"Sec-Fetch-Site": "none", "Sec-Fetch-Mode": "navigate"}, ""},
		"a link that is followed":         {"GET", map[string]string{"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}, ""},
		"a form of another site":          {"POST", map[string]string{"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}, "Origin"},
		"another site":                    {"POST", map[string]string{"Origin": "http://evil.example"}, "Origin"},
		"another port":                    {"DELETE", map[string]string{"Origin": "http://localhost:8082"}, "Origin"},
		"a file":                          {"PUT", map[string]string{"Origin": "null"}, "Origin"},
		"what another site embeds":        {"GET", map[string]string{"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"}, "Origin"},
		"a stream that another port asks": {"GET", map[string]string{"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "cors"}, "Origin"},
		"a foreign name":                  {"GET", map[string]string{"Host": "evil.example:8081"}, "Host"},
		"a foreign name, the same site":   {"POST", map[string]string{"Host": "evil.example:8081", "Origin": "http://evil.example:8081"}, "Host"},
	} {
		r := httptest.NewRequest(test.method, "http://localhost:8081/clock", nil)
		for key, value := range test.header {
			if key == "Host" {
				r.Host = value
			} else {
				r.Header.Set(key, value)
			}
		}
		err := NewSites(NewHosts("127.0.0.1", nil)).Check(r)
		field := ""
		if e, ok := err.(*sim.Error); ok { //nolint:errorlint // they are not wrapped
			field = e.Field
		}
		if field != test.field || (err != nil && sim.CodeOf(err) != sim.CodeForbidden) {
			t.Errorf("%s: %v", name, err)
		}
	}
	r := httptest.NewRequest("GET", "http://whatever.example/", nil)
	if err := NewSites(nil).Check(r); err != nil {
		t.Errorf("where every name will do: %v", err)
	}
}

func FuzzHostName(f *testing.F) {
	for _, seed := range []string{"localhost:80", "[::1]:80", "127.0.0.1", "a.b.", "[fe80::1%25eth0]", "evil.example:8081", "::", "x:", "[]", "%", "LOCALHOST.:1"} {
		f.Add(seed)
	}
	h := NewHosts("127.0.0.1", nil)
	f.Fuzz(func(t *testing.T, hostport string) {
		name := HostName(hostport)
		if name == "" {
			if h.Knows(hostport) {
				t.Errorf("%q is no host, and known", hostport)
			}
			return
		}
		if again := HostName(name); again != name {
			t.Errorf("%q is %q and then %q", hostport, name, again)
		}
		if strings.ContainsAny(name, " /\\@\"<>\x00") || name != strings.ToLower(name) {
			if _, err := netip.ParseAddr(name); err != nil {
				t.Errorf("%q has the name %q", hostport, name)
			}
		}
		if h.Knows(hostport) != Loopback(name) {
			t.Errorf("%q is known as %q", hostport, name)
		}
	})
}
