package supervisor

import (
	"net"
	"strconv"

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
}

func newSpec(resolved config.Instance, host string) Spec {
	return Spec{
		Instance: resolved, Host: host,
		HTTPAddr: net.JoinHostPort(host, strconv.Itoa(resolved.HTTPPort)),
		GRPCAddr: net.JoinHostPort(host, strconv.Itoa(resolved.GRPCPort)),
	}
}

// hash tells whether two specs would run alike.
func (s Spec) hash() string { return s.Host + " " + config.InstanceHash(s.Instance) }
