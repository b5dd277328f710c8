package webhook_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/webhook"
)

func TestOnlyPublicAddressesAreSentTo(t *testing.T) {
	t.Parallel()
	for addr, kind := range map[string]string{
		"8.8.8.8": "", "172.15.255.255": "", "100.63.255.255": "", "2606:4700::1111": "",
		"127.0.0.1": "loopback", "127.255.0.3": "loopback", "::1": "loopback", "::ffff:127.0.0.1": "loopback",
		"10.1.2.3": "private", "172.16.0.1": "private", "192.168.1.1": "private", "fd00::1": "private", "::ffff:10.0.0.1": "private",
		"169.254.169.254": "link-local", "fe80::1": "link-local", "fe80::1%eth0": "link-local",
		"0.0.0.0": "unspecified", "0.1.2.3": "unspecified", "::": "unspecified",
		"224.0.0.1": "multicast", "239.1.1.1": "multicast", "ff02::1": "multicast",
		"100.64.0.1": "shared", "198.18.0.1": "benchmarking", "192.0.2.1": "documentation", "2001:db8::1": "documentation",
		"240.0.0.1": "reserved", "255.255.255.255": "reserved", "fec0::1": "site-local",
		"64:ff9b::7f00:1": "loopback", "64:ff9b::808:808": "", "64:ff9b:1::808:808": "translated",
		"2002:a00:1::": "private", "2002:808:808::": "", "2001::1": "translated", "::10.0.0.1": "private",
	} {
		got := webhook.KindOf(addr)
		if (kind == "") != (got == "") || !strings.Contains(got, kind) {
			t.Errorf("%s is %q, want %q", addr, got, kind)
		}
	}
}

func TestAllowedTargetsAreNamesAddressesAndNetworks(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, allow, target, want string }{
		{"nothing", "", "http://127.0.0.1:8080/", "a loopback address; list the host, address or network in webhooks.allow_targets"},
		{"an address", "127.0.0.1", "http://127.0.0.1:8080/", ""},
		{"another address", "127.0.0.1", "http://127.0.0.2:8080/", "a loopback address"},
		{"a network", "10.0.0.0/8", "http://10.200.0.1/", ""},
		{"a network with host bits", "10.9.9.9/8", "https://10.200.0.1/", ""},
		{"a network of IPv6", "fd00::/8", "https://[fd12::1]:444/", ""},
		{"an address mapped into IPv6", "::ffff:10.0.0.1", "http://10.0.0.1/", ""},
		{"a network mapped into IPv6", "::ffff:10.0.0.0/104", "http://[::ffff:10.0.0.1]/", ""},
		{"a name", "Hooks.internal", "http://hooks.INTERNAL./x", ""},
		{"not the names below it", "internal", "http://hooks.internal/x", "must begin with https://"},
		{"http to a public host", "", "http://hooks.example.com", "must begin with https://; http is allowed to hosts listed in webhooks.allow_targets, or to all with webhooks.allow_http"},
		{"https to a public host", "", "https://hooks.example.com", ""},
		{"http to all", "http", "http://hooks.example.com", ""},
		{"http to all, but not to loopback", "http", "http://127.0.0.1", "a loopback address"},
	} {
		var allow []string
		if tt.allow != "" && tt.allow != "http" {
			allow = []string{tt.allow}
		}
		err := rules(t, tt.allow == "http", allow...).CheckURL(tt.target)
		if (err == nil) != (tt.want == "") || err != nil && (!strings.HasPrefix(err.Error(), "url: ") || !strings.Contains(err.Error(), tt.want)) {
			t.Errorf("%s: %v, want %q", tt.name, err, tt.want)
		}
	}
	if err := (*webhook.TargetRules)(nil).CheckURL("https://10.0.0.1"); sim.CodeOf(err) != sim.CodeInvalid {
		t.Errorf("no rules: %v", err)
	}
}

func TestAllowedTargetsThatAreNoneAreNamed(t *testing.T) {
	t.Parallel()
	for _, wrong := range []string{"", "10.0.0.0/33", "*.example.com", "https://x", "host:80", "fe80::1%eth0", "2130706433", "0x7f.1", "a b", strings.Repeat("a", 64)} {
		_, err := webhook.NewTargetRules([]string{"localhost", wrong}, false)
		if err == nil || !strings.HasPrefix(err.Error(), "webhooks.allow_targets[1]: ") {
			t.Errorf("%q: %v", wrong, err)
		}
	}
	_, err := webhook.NewTargetRules(make([]string, 1001), false)
	code(t, err, sim.CodeInvalid)
}

func TestURLsThatAreNotAllowedAreExplained(t *testing.T) {
	t.Parallel()
	r := rules(t, true)
	for text, want := range map[string]string{
		"":                                     "must begin with https:// or http://",
		"hooks.example.com/x":                  "must begin with https:// or http://",
		"ftp://hooks.example.com":              "must begin with https:// or http://",
		"mailto:ops@example.com":               "is no URL",
		"https://user:hunter2@example.com":     "user or password",
		"https://user:hun/ter2@example.com":    "is no URL",
		"https://hunter2@example.com":          "user or password",
		"https://example.com/#hunter2":         "fragment",
		"https://example.com/#":                "fragment",
		"https:///path":                        "no host",
		"https://:443/":                        "no host",
		"https://example.com:0/":               "port",
		"https://example.com:65536/":           "port",
		"https://example.com:/":                "colon",
		"https://exa mple.com/":                "is no URL",
		"https://exämple.com/":                 "xn--",
		"https://-example.com/":                "no name or address",
		"https://[fe80::1%25eth0]/":            "zone",
		"https://2130706433/":                  "short notation",
		"https://127.1/":                       "short notation",
		"https://0x7f000001/":                  "short notation",
		"https://0177.0.0.1/":                  "short notation",
		"https://[::1]/":                       "a loopback address",
		"https://" + strings.Repeat("a", 2048): "2048",
	} {
		err := r.CheckURL(text)
		if err == nil || !strings.HasPrefix(err.Error(), "url: ") || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hun") {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
	for _, text := range []string{"https://example.com", "HTTPS://Example.COM./a?b=c", "http://8.8.8.8:65535/", "https://[2606:4700::1111]/"} {
		if err := r.CheckURL(text); err != nil {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestURLsAreShownWithoutWhatMayBeSecret(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"https://example.com/a%20b":                 "https://example.com/a%20b",
		"https://example.com/a?key=hunter2#hunter2": "https://example.com/a?[redacted]",
		"https://user:hunter2@example.com:81?":      "https://example.com:81?[redacted]",
		"hunter2":                                   "[redacted]",
		"mailto:hunter2@example.com":                "[redacted]",
		"https://user:hun/ter2@example.com/%zz":     "[redacted]",
	} {
		if got := webhook.RedactURL(text); got != want {
			t.Errorf("RedactURL(%q) = %q, want %q", text, got, want)
		}
	}
}

func FuzzURL(f *testing.F) {
	for _, seed := range []string{
		"https://example.com/hook?k=v", "http://user:pw@[::1%25lo]:80/#f", "https://0x7f.1", "https://[::ffff:127.0.0.1]", "https://a_b.example.:8443/%2e",
		"//example.com", "https://%31%32%37.0.0.1/", "https://127.0.0.1\t/", "https:\\\\example.com",
	} {
		f.Add(seed)
	}
	strict := rules(f, true)
	f.Fuzz(func(t *testing.T, text string) {
		err := strict.CheckURL(text)
		shown := webhook.RedactURL(text)
		if err != nil {
			if sim.CodeOf(err) != sim.CodeInvalid || !strings.HasPrefix(err.Error(), "url: ") {
				t.Errorf("%q: %v", text, err)
			}
			return
		}
		u, err := url.Parse(text)
		if err != nil || u.User != nil || u.Hostname() == "" || u.Fragment != "" || len(text) > webhook.MaxURL {
			t.Fatalf("%q is allowed", text)
		}
		if strings.Contains(shown, "?") && !strings.HasSuffix(shown, "?[redacted]") {
			t.Errorf("%q is shown as %q", text, shown)
		}
		if again, err := url.Parse(u.String()); err != nil || again.Host != u.Host {
			t.Errorf("%q goes to %q and then to %q", text, u.Host, again.Host)
		}
		if strings.HasPrefix(u.Hostname(), "127.") && strings.Trim(u.Hostname(), "0123456789.") == "" {
			t.Errorf("%q is allowed", text)
		}
	})
}
