//go:build unix

package servers

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/sys/unix"
)

// Bounds of the ports handed out: above those of well-known services, below
// the range that Linux uses for outgoing connections unless told otherwise.
const (
	portMin    = 15000
	portMaxAny = 32767
)

// blockPorts is how many ports a process takes for itself at a time.
const blockPorts = 64

// handedOut are the ports of this process. Processes of tests that run at the same
// time share a machine: each takes blocks of ports, with a lock on a file of each
// block that lasts as long as the process does, so that none is told a port that
// another was told, whose server is not listening yet.
var handedOut struct {
	sync.Mutex
	left  []int      // of the blocks that are ours
	locks []*os.File // of the blocks that are ours; closed by the end of the process
}

// FreePort returns a TCP port that nothing on 127.0.0.1 listens on, below the
// system's range for outgoing connections. It never returns a port twice in
// one process, nor one that another process got from it that still runs. Safe for
// concurrent use.
func FreePort() (int, error) {
	handedOut.Lock()
	defer handedOut.Unlock()
	var config net.ListenConfig
	for {
		for len(handedOut.left) > 0 {
			port := handedOut.left[0]
			handedOut.left = handedOut.left[1:]
			listener, err := config.Listen(context.Background(), "tcp4", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
			if err != nil {
				continue // somebody has it who does not ask here
			}
			if err := listener.Close(); err != nil {
				return 0, fmt.Errorf("releasing port %d: %w", port, err)
			}
			return port, nil
		}
		if err := takeBlock(); err != nil {
			return 0, err
		}
	}
}

// takeBlock takes a block of ports that no process has.
func takeBlock() error {
	ephemeral, _ := os.ReadFile("/proc/sys/net/ipv4/ip_local_port_range") // absent outside Linux
	low, high := portRange(string(ephemeral))
	dir := filepath.Join(os.TempDir(), "custodian-test-ports-"+strconv.Itoa(os.Getuid()))
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("reserving ports: %w", err)
	}
	blocks := (high - low + 1) / blockPorts
	var last error
	for _, block := range rand.Perm(blocks) {
		first := low + block*blockPorts
		f, err := os.OpenFile(filepath.Join(dir, strconv.Itoa(first)), os.O_RDWR|os.O_CREATE, 0o600)
		if err != nil {
			return fmt.Errorf("reserving ports: %w", err)
		}
		if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
			_ = f.Close()
			last = err
			continue
		}
		handedOut.locks = append(handedOut.locks, f)
		for n := range blockPorts {
			handedOut.left = append(handedOut.left, first+n)
		}
		return nil
	}
	return fmt.Errorf("no free ports between %d and %d: %w", low, high, errors.Join(last, errors.New("all blocks are taken")))
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
