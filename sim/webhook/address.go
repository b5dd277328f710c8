package webhook

import (
	"context"
	"net"
	"net/netip"
	"syscall"
	"time"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/guard"
)

const connectTimeout = 10 * time.Second

// special are the networks besides those that [netip.Addr] knows itself where
// nothing public lives, from IANA's registries of special-purpose addresses
// (RFC 6890).
var special = []struct {
	prefix netip.Prefix
	kind   string
}{
	{netip.MustParsePrefix("0.0.0.0/8"), "an unspecified address"},
	{netip.MustParsePrefix("100.64.0.0/10"), "a shared (carrier) address"},
	{netip.MustParsePrefix("192.0.0.0/24"), "a protocol-assignment address"},
	{netip.MustParsePrefix("192.0.2.0/24"), "a documentation address"},
	{netip.MustParsePrefix("198.18.0.0/15"), "a benchmarking address"},
	{netip.MustParsePrefix("198.51.100.0/24"), "a documentation address"},
	{netip.MustParsePrefix("203.0.113.0/24"), "a documentation address"},
	{netip.MustParsePrefix("240.0.0.0/4"), "a reserved address"},
	{netip.MustParsePrefix("100::/64"), "a discarding address"},
	{netip.MustParsePrefix("2001:db8::/32"), "a documentation address"},
	{netip.MustParsePrefix("3fff::/20"), "a documentation address"},
	{netip.MustParsePrefix("fec0::/10"), "a site-local address"},
}

// Networks whose addresses stand for IPv4 addresses, and where in them those
// are: behind a translator the embedded address is what is reached.
var embedding = []struct {
	prefix netip.Prefix
	offset int
}{
	{netip.MustParsePrefix("::/96"), 12},         // IPv4-compatible, RFC 4291
	{netip.MustParsePrefix("64:ff9b::/96"), 12},  // NAT64, RFC 6052
	{netip.MustParsePrefix("64:ff9b:1::/48"), 0}, // NAT64 of a private network, RFC 8215
	{netip.MustParsePrefix("2002::/16"), 2},      // 6to4, RFC 3056
	{netip.MustParsePrefix("2001::/32"), 0},      // Teredo, RFC 4380: the address is obscured
}

// kindOf returns why an address is not public, "" if it is.
func kindOf(addr netip.Addr) string {
	addr = addr.Unmap().WithZone("")
	switch {
	case !addr.IsValid():
		return "no address"
	case addr.IsUnspecified():
		return "an unspecified address"
	case addr.IsLoopback():
		return "a loopback address"
	case addr.IsPrivate():
		return "a private address"
	case addr.IsLinkLocalUnicast():
		return "a link-local address"
	case addr.IsMulticast():
		return "a multicast address"
	}
	for _, s := range special {
		if s.prefix.Contains(addr) {
			return s.kind
		}
	}
	for _, e := range embedding {
		if !e.prefix.Contains(addr) {
			continue
		}
		if e.offset == 0 {
			return "a translated address"
		}
		b := addr.As16()
		return kindOf(netip.AddrFrom4([4]byte(b[e.offset : e.offset+4])))
	}
	return ""
}

// checkAddr reports an address that events must not be sent to.
func (r *TargetRules) checkAddr(addr netip.Addr) error {
	kind := kindOf(addr)
	if kind == "" || r.allowsAddr(addr) {
		return nil
	}
	return sim.Invalid("url", "leads to %s, %s; list the host, address or network in %s to allow it",
		addr, kind, AllowTargetsSetting)
}

// dial connects to a host that the rules allow. The address is checked after
// its name was resolved, for each address that is tried, so that a name cannot
// lead elsewhere than it did a moment before.
func (r *TargetRules) dial(ctx context.Context, network, address string) (net.Conn, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	dialer := net.Dialer{Timeout: connectTimeout}
	if !r.allowsName(host) {
		dialer.Control = func(_, resolved string, _ syscall.RawConn) error {
			// The dialer calls this on goroutines of its own.
			return guard.Run(part, func() error {
				to, err := netip.ParseAddrPort(resolved)
				if err != nil {
					return sim.Invalid("url", "leads to what is no address")
				}
				return r.checkAddr(to.Addr())
			})
		}
	}
	return dialer.DialContext(ctx, network, address)
}
