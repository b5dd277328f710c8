package config

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/access"
)

var sha256Text = regexp.MustCompile(`^[0-9a-f]{64}$`)

// keys checks a list of secrets. No message shows what stands in the place of a
// hash: it may be the secret itself, put there by mistake.
func (k *checker) keys(path string, keys []Token) {
	names := make(map[string]int, len(keys))
	for i, t := range keys {
		at := index(path, i)
		if t.Name == "" {
			k.add(at+".name", "is required", "")
		} else if first, twice := names[t.Name]; twice {
			k.add(at+".name", fmt.Sprintf("is the name of %s too%s", index(path, first), k.root.place(index(path, first))), "")
		} else {
			names[t.Name] = i
		}
		shown := k.entry && t.SHA256 == hidden // an entry that was shown, and comes back
		if !shown && !sha256Text.MatchString(t.SHA256.Reveal()) {
			k.add(at+".sha256", "is not a SHA-256 hash", "64 hexadecimal digits in lower case, from: printf %s TOKEN | sha256sum")
		}
	}
}

// hosts checks names by which a port may be called.
func (k *checker) hosts(path string, names []string) {
	for i, name := range names {
		if name != access.AnyHost && (access.HostName(name) == "" || strings.Contains(name, ":") && strings.Count(name, ":") == 1) {
			k.add(index(path, i), fmt.Sprintf("%q is not a host name or address", clip(name)), "names without a port, such as custodian.example.com, or * for every name")
		}
	}
}

// tls checks which files are named together.
func (k *checker) tls(path, cert, key, clientCA string) {
	if (cert == "") != (key == "") {
		k.add(path, "needs both cert and key", "")
	}
	if clientCA != "" && cert == "" {
		k.add(path+".client_ca", "needs cert and key too", "")
	}
}

func (k *checker) clients(path string, t TLS) {
	if len(t.Clients) > 0 && t.ClientCA == "" {
		k.add(path+".clients", "need client_ca, which vouches for them", "")
	}
	for i, c := range t.Clients {
		if (c.Subject == "") == (c.SAN == "") {
			k.add(index(path+".clients", i), "needs either subject or san", "")
		}
	}
}

// exposed refuses instances that other machines can reach and that ask nobody
// who he is, unless that is wanted.
func (k *checker) exposed(resolved []Instance) {
	p := k.c.Ports
	if p.Open || p.TLS.ClientCA != "" || checkHost(p.Host) != nil || isLoopback(p.Host) {
		return
	}
	open, first := 0, 0
	for i := len(resolved) - 1; i >= 0; i-- {
		if len(resolved[i].APIKeys) == 0 {
			open++
			first = i
		}
	}
	if open == 0 {
		return
	}
	who := fmt.Sprintf("instance %q", clip(resolved[first].Name))
	if open > 1 {
		who = fmt.Sprintf("%d instances, the first of them %q,", open, clip(resolved[first].Name))
	}
	k.add("ports.host", fmt.Sprintf("%q is reachable from other machines, where %s would let in everybody: set api_keys or ports.tls.client_ca, "+
		"or in a network that you trust ports.open: true", p.Host, who), "")
}
