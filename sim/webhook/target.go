package webhook

import (
	"fmt"
	"net/netip"
	"net/url"
	"regexp"
	"strconv"
	"strings"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
)

// The settings that [TargetRules] come from, as errors name them.
const (
	AllowTargetsSetting = "webhooks.allow_targets"
	AllowHTTPSetting    = "webhooks.allow_http"
)

const maxAllowed = 1000

var hostName = regexp.MustCompile(`^([A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?\.)*[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?\.?$`)

// TargetRules say where events may be sent. The zero value and nil allow https
// to public addresses. They are immutable and safe for concurrent use.
type TargetRules struct {
	names     map[string]bool
	prefixes  []netip.Prefix
	allowHTTP bool
}

// NewTargetRules returns rules that, besides public addresses, allow what allow
// lists: host names (that name alone, whatever it resolves to), addresses, and
// networks in CIDR notation. Plain http is allowed to hosts that are listed,
// and with allowHTTP to all. An entry that is none of these is an error that
// names it.
func NewTargetRules(allow []string, allowHTTP bool) (*TargetRules, error) {
	if len(allow) > maxAllowed {
		return nil, sim.Invalid(AllowTargetsSetting, "has %d entries; at most %d are allowed", len(allow), maxAllowed)
	}
	r := &TargetRules{names: make(map[string]bool), allowHTTP: allowHTTP}
	for i, entry := range allow {
		if prefix, err := netip.ParsePrefix(entry); err == nil {
			r.prefixes = append(r.prefixes, plainPrefix(prefix))
		} else if addr, err := netip.ParseAddr(entry); err == nil && addr.Zone() == "" {
			addr = addr.Unmap()
			r.prefixes = append(r.prefixes, netip.PrefixFrom(addr, addr.BitLen()))
		} else if len(entry) <= 253 && hostName.MatchString(entry) && !numeric(entry) {
			r.names[plainName(entry)] = true
		} else {
			return nil, sim.Invalid(fmt.Sprintf("%s[%d]", AllowTargetsSetting, i),
				"%.100q is no host name (hooks.example.com), address (10.0.0.7) or network (10.0.0.0/8, fd00::/8)", entry)
		}
	}
	return r, nil
}

// plainPrefix writes IPv4 networks that are mapped into IPv6 as IPv4.
func plainPrefix(p netip.Prefix) netip.Prefix {
	if p.Addr().Is4In6() && p.Bits() >= 96 {
		return netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96).Masked()
	}
	return p.Masked()
}

func plainName(host string) string { return strings.ToLower(strings.TrimSuffix(host, ".")) }

// numeric reports whether a host would be taken for an address in one of the
// old notations (2130706433, 0x7f.1) by some resolvers.
func numeric(host string) bool {
	last := plainName(host)
	last = last[strings.LastIndexByte(last, '.')+1:]
	_, err := strconv.ParseUint(last, 0, 64)
	return err == nil || strings.Trim(last, "0123456789") == ""
}

// allowsName reports whether the host is on the list by its name.
func (r *TargetRules) allowsName(host string) bool { return r != nil && r.names[plainName(host)] }

func (r *TargetRules) allowsAddr(addr netip.Addr) bool {
	if r == nil {
		return false
	}
	addr = addr.Unmap().WithZone("")
	for _, prefix := range r.prefixes {
		if prefix.Contains(addr) {
			return true
		}
	}
	return false
}

// parse returns a URL that the rules allow. What its host resolves to is
// checked when it is dialled. Errors name the field url and tell nothing of
// what the URL may hide.
func (r *TargetRules) parse(text string) (*url.URL, error) {
	if len(text) > MaxURL {
		return nil, sim.Invalid("url", "has %d bytes; at most %d are allowed", len(text), MaxURL)
	}
	u, err := url.Parse(text)
	if err != nil || u.Opaque != "" {
		return nil, sim.Invalid("url", "is no URL; write https://host[:port]/path")
	}
	host := u.Hostname()
	addr, addrErr := netip.ParseAddr(host)
	isAddr := addrErr == nil
	switch {
	case u.Scheme != "http" && u.Scheme != "https":
		return nil, sim.Invalid("url", "must begin with https:// or http://")
	case u.User != nil:
		return nil, sim.Invalid("url", "must not contain a user or password; deliveries are authenticated by their signature")
	case u.Fragment != "" || strings.Contains(text, "#"):
		return nil, sim.Invalid("url", "must not contain a fragment (#)")
	case host == "":
		return nil, sim.Invalid("url", "has no host; write https://host[:port]/path")
	case isAddr && addr.Zone() != "":
		return nil, sim.Invalid("url", "must not contain an IPv6 zone")
	case !isAddr && (len(host) > 253 || !hostName.MatchString(host)):
		return nil, sim.Invalid("url", "has a host that is no name or address; write international names in their xn-- form")
	case !isAddr && numeric(host):
		return nil, sim.Invalid("url", "has a host that looks like an address in a short notation; write addresses in full")
	}
	if port := u.Port(); port != "" {
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
			return nil, sim.Invalid("url", "has a port that is not between 1 and 65535")
		}
	} else if strings.HasSuffix(u.Host, ":") {
		return nil, sim.Invalid("url", "has a colon without a port behind its host")
	}
	listed := r.allowsName(host) || isAddr && r.allowsAddr(addr)
	if isAddr && !listed {
		if err := r.checkAddr(addr); err != nil {
			return nil, err
		}
	}
	if u.Scheme == "http" && !listed && (r == nil || !r.allowHTTP) {
		return nil, sim.Invalid("url", "must begin with https://; http is allowed to hosts listed in %s, or to all with %s",
			AllowTargetsSetting, AllowHTTPSetting)
	}
	return u, nil
}

// RedactURL returns the URL for showing it: without a user, and with its query
// hidden, because both may be secrets. What is no URL is hidden altogether.
func RedactURL(text string) string {
	u, err := url.Parse(text)
	if err != nil || u.Opaque != "" || u.Host == "" {
		return redacted
	}
	shown := u.Scheme + "://" + u.Host + u.EscapedPath()
	if u.RawQuery != "" || u.ForceQuery {
		shown += "?" + redacted
	}
	return shown
}
