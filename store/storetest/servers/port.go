//go:build unix

package servers

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
)

// Bounds of the ports handed out: above those of well-known services, below
// the range that Linux uses for outgoing connections unless told otherwise.
const (
	portMin    = 15000
	portMaxAny = 32767
)

// handedOut remembers the ports of this process, so that two servers starting
// at once are not told the same one.
var handedOut struct {
	sync.Mutex
	ports map[int]bool
}

// FreePort returns a TCP port that nothing on 127.0.0.1 listens on, below the
// system's range for outgoing connections. It never returns a port twice in
// one process. Another process may still take it first, so a caller whose bind
// fails asks for the next. Safe for concurrent use.
func FreePort() (int, error) {
	ephemeral, _ := os.ReadFile("/proc/sys/net/ipv4/ip_local_port_range") // absent outside Linux
	low, high := portRange(string(ephemeral))

	handedOut.Lock()
	defer handedOut.Unlock()
	if handedOut.ports == nil {
		handedOut.ports = make(map[int]bool)
	}
	var config net.ListenConfig
	var last error
	for range 1000 {
		port := low + rand.IntN(high-low+1)
		if handedOut.ports[port] {
			continue
		}
		listener, err := config.Listen(context.Background(), "tcp4", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if err != nil {
			last = err
			continue
		}
		if err := listener.Close(); err != nil {
			return 0, fmt.Errorf("releasing port %d: %w", port, err)
		}
		handedOut.ports[port] = true
		return port, nil
	}
	if last == nil {
		last = errors.New("all have been handed out")
	}
	return 0, fmt.Errorf("no free port between %d and %d: %w", low, high, last)
}

// portRange returns the first and last port to choose from, given the text of
// ip_local_port_range. A range for outgoing connections that begins too low to
// stay under leaves the ordinary bounds.
func portRange(ephemeral string) (low, high int) {
	low, high = portMin, portMaxAny
	fields := strings.Fields(ephemeral)
	if len(fields) == 0 {
		return low, high
	}
	first, err := strconv.Atoi(fields[0])
	if err == nil && first-1 < high && first-1 >= low+1000 {
		high = first - 1
	}
	return low, high
}
