package webhook

import (
	"context"
	"net"
	"net/http"
	"net/netip"
	"time"
)

// DialWith makes deliveries use other connections than the network's, to which
// no target rules apply.
func (m *Manager) DialWith(dial func(ctx context.Context, network, address string) (net.Conn, error)) {
	m.sender().client.Transport.(*http.Transport).DialContext = m.opts.guardedDial(dial)
}

// KindOf returns why an address is not public, "" if it is.
func KindOf(addr string) string { return kindOf(netip.MustParseAddr(addr)) }

// CheckAddr reports an address that events must not be sent to.
func (r *TargetRules) CheckAddr(addr string) error { return r.checkAddr(netip.MustParseAddr(addr)) }

// CheckURL reports a URL that the rules do not allow.
func (r *TargetRules) CheckURL(text string) error {
	_, err := r.parse(text)
	return err
}

// Delay returns how long is waited after so many failed attempts.
func (p RetryPolicy) Delay(failed int, wish time.Duration) time.Duration {
	return p.withDefaults().delay(failed, wish)
}

// RetryAfter reads how long a receiver wants to be left alone.
func RetryAfter(h http.Header, now time.Time) time.Duration { return retryAfter(h, now) }

// Wants reports whether the filter selects events of the type.
func (e Endpoint) Wants(eventType string) bool { return e.wants(eventType) }
