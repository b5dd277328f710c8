package access

import (
	"net"
	"net/netip"
	"sync"
	"time"
)

const (
	// failuresAtOnce is how many wrong secrets an address may try in a row.
	failuresAtOnce = 10
	// failureEvery is the time after which it may try one more.
	failureEvery = time.Second
	// allAtOnce and allEvery are the same for all addresses together. Once they
	// have used it up, an address that failed waits until it is wholly forgiven.
	// Who did not fail is let in all the same.
	allAtOnce = 1000
	allEvery  = 20 * time.Millisecond
	// originsKept bounds the addresses that are remembered.
	originsKept = 4096
	// originsTried is how many are looked at to find one to forget.
	originsTried = 16
)

// failures bounds how fast secrets can be guessed. An address that has used up
// its allowance is refused without a look at its secret: being right must not
// show either. It is slowed alone: nobody can shut out an address that is not
// his. So guessing from very many addresses is slowed less; a secret has to be
// random all the same.
type failures struct {
	now func() time.Time

	mu sync.Mutex
	// until is when an address has its whole allowance back. The part of it that
	// is used up is the time until then, in units of failureEvery.
	until map[netip.Prefix]time.Time
	// all is the same for all of them, in units of allEvery.
	all time.Time
}

func newFailures(now func() time.Time) *failures { return &failures{now: now} }

// wait returns how long an address has to wait; 0 if it may try now.
func (f *failures) wait(from netip.Prefix) time.Duration {
	f.mu.Lock()
	defer f.mu.Unlock()
	until, failed := f.until[from]
	if !failed {
		return 0
	}
	now := f.now()
	used := until.Sub(now)
	if used <= 0 {
		return 0
	}
	if f.all.Sub(now) > (allAtOnce-1)*allEvery {
		return used
	}
	return max(0, used-(failuresAtOnce-1)*failureEvery)
}

// add counts a wrong secret.
func (f *failures) add(from netip.Prefix) {
	f.mu.Lock()
	defer f.mu.Unlock()
	now := f.now()
	until, kept := f.until[from]
	if !kept && len(f.until) >= originsKept {
		f.forget(now)
	}
	if f.until == nil {
		f.until = make(map[netip.Prefix]time.Time)
	}
	f.until[from] = later(until, now).Add(failureEvery)
	f.all = later(f.all, now).Add(allEvery)
}

// forget makes room: it looks at some addresses and drops those that are
// forgiven, or else the one that failed least. Who guesses much is remembered.
func (f *failures) forget(now time.Time) {
	var least netip.Prefix
	var leastUntil time.Time
	tried, dropped := 0, false
	for address, until := range f.until {
		if !until.After(now) {
			delete(f.until, address)
			dropped = true
		} else if leastUntil.IsZero() || until.Before(leastUntil) {
			least, leastUntil = address, until
		}
		if tried++; tried >= originsTried {
			break
		}
	}
	if !dropped {
		delete(f.until, least)
	}
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// Origin returns the address that a request comes from: all of it, or of IPv6
// the part that one network has to itself. Texts that are no host:port have one
// origin together.
func Origin(remote string) netip.Prefix {
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
	if addr.Is4() || addr.IsLoopback() {
		bits = addr.BitLen()
	}
	prefix, _ := addr.Prefix(bits) // the bits are right for the address
	return prefix
}
