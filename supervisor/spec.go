package supervisor

import (
	"fmt"
	"net"
	"slices"
	"strconv"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/access"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/supervisor/config"
)

// Spec is an instance's entry with everything decided: defaults filled in,
// schema and prefix derived, ports given.
type Spec struct {
	config.Instance
	// Host is the address that the instance listens on.
	Host string
	// HTTPAddr and GRPCAddr are host:port.
	HTTPAddr, GRPCAddr string
	// Hosts are names by which the instance may be called.
	Hosts []string
	// TLS names the files for TLS; they are empty for clear text.
	TLS config.PortsTLS
}

func newSpec(resolved config.Instance, ports config.Ports) Spec {
	return Spec{
		Instance: resolved, Host: ports.Host, Hosts: ports.Hosts, TLS: ports.TLS,
		HTTPAddr: net.JoinHostPort(ports.Host, strconv.Itoa(resolved.HTTPPort)),
		GRPCAddr: net.JoinHostPort(ports.Host, strconv.Itoa(resolved.GRPCPort)),
	}
}

// hash tells whether two specs would run alike.
func (s Spec) hash() string {
	return fmt.Sprintf("%s %q %q %s", s.Host, s.Hosts, s.TLS, config.InstanceHash(s.Instance))
}

// sites returns the rules on what web pages have browsers send. The name by
// which the instance is called need not be known where no page can have a key,
// or can show the certificate, unless names are configured.
func (s Spec) sites() *access.Sites {
	guarded := len(s.APIKeys) > 0 || s.TLS.Cert != ""
	if guarded && len(s.Hosts) == 0 && !access.Loopback(s.Host) {
		return access.NewSites(nil)
	}
	return access.NewSites(access.NewHosts(s.Host, append(slices.Clone(s.Hosts), advertised(s.Host))))
}
