package admin

import (
	"net"
	"net/netip"
	"sync"
	"time"
)

const (
	// failuresAtOnce is how many wrong tokens an address may try in a row.
	failuresAtOnce = 10
	// failureEvery is the time after which it may try one more.
	failureEvery = time.Second
	// originsKept bounds the addresses that are remembered. Those beyond share
	// one allowance.
	originsKept = 4096
)

// failures bounds how fast tokens can be guessed, address by address, so that
// who guesses shuts out nobody else. An address that has used up its allowance
// is refused without a look at its token: being right must not show either.
type failures struct {
	now func() time.Time

	mu sync.Mutex
	// until is when an address has its whole allowance back. The part of it that
	// is used up is the time until then, in units of failureEvery.
	until map[netip.Prefix]time.Time
}

func newFailures(now func() time.Time) *failures {
	return &failures{now: now, until: make(map[netip.Prefix]time.Time)}
}

// wait returns how long an address has to wait; 0 if it may try now.
func (f *failures) wait(from netip.Prefix) time.Duration {
	f.mu.Lock()
	defer f.mu.Unlock()
	until, now := f.until[f.slot(from)], f.now()
	if until.Before(now) {
		return 0
	}
	return max(0, until.Sub(now)-(failuresAtOnce-1)*failureEvery)
}

// add counts a wrong token.
func (f *failures) add(from netip.Prefix) {
	f.mu.Lock()
	defer f.mu.Unlock()
	now := f.now()
	if len(f.until) >= originsKept {
		for address, until := range f.until {
			if !until.After(now) {
				delete(f.until, address)
			}
		}
	}
	slot := f.slot(from)
	used := f.until[slot]
	if used.Before(now) {
		used = now
	}
	f.until[slot] = used.Add(failureEvery)
}

// slot is where an address is counted.
func (f *failures) slot(from netip.Prefix) netip.Prefix {
	if _, known := f.until[from]; known || len(f.until) < originsKept {
		return from
	}
	return netip.Prefix{}
}

// origin returns the address that a request comes from: all of it, or of IPv6
// the part that one network has to itself.
func origin(remote string) netip.Prefix {
	host, _, err := net.SplitHostPort(remote)
	if err != nil {
		return netip.Prefix{}
	}
	addr, err := netip.ParseAddr(host)
	if err != nil {
		return netip.Prefix{}
	}
	addr = addr.Unmap().WithZone("")
	bits := 64
	if addr.Is4() {
		bits = 32
	}
	prefix, _ := addr.Prefix(bits) // the bits are right for the address
	return prefix
}
