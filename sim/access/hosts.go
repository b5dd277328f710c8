package access

import (
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
)

// AnyHost stands for every name in a list of hosts.
const AnyHost = "*"

// localSuffixes end the names that nobody can register in the public domain
// name system: RFC 6761, 6762, 8375, and what ICANN reserves for private use.
var localSuffixes = []string{".localhost", ".local", ".internal", ".test", ".home.arpa"}

// Hosts are the names by which a port may be called. A web page whose own name
// its owner lets point at this machine (DNS rebinding) calls it by that name,
// and so is told from who means to call it.
type Hosts struct {
	names []string
	any   bool
	// loopback is whether only this machine reaches the port.
	loopback bool
	// last was known: most requests call a port as the one before them did.
	last atomic.Pointer[string]
}

// NewHosts returns the names for a port on a host: those that are given, the
// host itself, and what no web page can have for its own name. On loopback that
// is localhost and the addresses of loopback; elsewhere every address, names of
// one word, as of containers and services, and those that end as only names of
// a local network do. [AnyHost] among the names allows all.
func NewHosts(listen string, names []string) *Hosts {
	h := &Hosts{loopback: Loopback(listen)}
	for _, name := range append(slices.Clone(names), listen) {
		h.any = h.any || name == AnyHost
		if name = HostName(name); name != "" {
			h.names = append(h.names, name)
		}
	}
	return h
}

// Knows reports whether a request with this Host header may be meant for the
// port.
func (h *Hosts) Knows(hostport string) bool {
	if h.any {
		return true
	}
	if last := h.last.Load(); last != nil && *last == hostport {
		return true
	}
	if !h.knows(HostName(hostport)) {
		return false
	}
	h.last.Store(&hostport)
	return true
}

func (h *Hosts) knows(name string) bool {
	if name == "" {
		return false
	}
	if slices.Contains(h.names, name) || Loopback(name) {
		return true
	}
	if h.loopback {
		return false
	}
	if _, err := netip.ParseAddr(name); err == nil || !strings.Contains(name, ".") {
		return true
	}
	return slices.ContainsFunc(localSuffixes, func(suffix string) bool { return strings.HasSuffix(name, suffix) })
}

// HostName returns the name or address in a Host header, which may have a port:
// in lower case, without brackets and a dot at its end. It returns "" for what
// is none.
func HostName(hostport string) string {
	host := hostport
	if strings.HasPrefix(host, "[") {
		end := strings.IndexByte(host, ']')
		if end < 0 || !isPort(host[end+1:]) {
			return ""
		}
		addr, err := netip.ParseAddr(host[1:end])
		if err != nil || !addr.Is6() {
			return ""
		}
		return addr.String()
	}
	if addr, err := netip.ParseAddr(host); err == nil {
		return addr.String()
	}
	if at := strings.IndexByte(host, ':'); at >= 0 {
		if !isPort(host[at:]) {
			return ""
		}
		host = host[:at]
	}
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	if host == "" || len(host) > 253 || strings.HasPrefix(host, ".") || strings.HasSuffix(host, ".") || strings.Contains(host, "..") {
		return ""
	}
	for i := range len(host) {
		switch c := host[i]; {
		case 'a' <= c && c <= 'z', '0' <= c && c <= '9', c == '-', c == '.', c == '_':
		default:
			return ""
		}
	}
	return host
}

// isPort reports whether a text is what follows a host: nothing, or a colon and
// digits.
func isPort(text string) bool {
	if text == "" {
		return true
	}
	if text[0] != ':' || len(text) > len(":65535") {
		return false
	}
	for i := 1; i < len(text); i++ {
		if text[i] < '0' || text[i] > '9' {
			return false
		}
	}
	return true
}

// Loopback reports whether only this machine reaches a host.
func Loopback(host string) bool {
	host = strings.ToLower(host)
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.Unmap().IsLoopback()
}
