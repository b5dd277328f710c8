package fair

import (
	"encoding/binary"
	"os"
	"sync/atomic"
	"time"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/guard"
)

// part is what this package is called where it panics.
const part = "turns"

const (
	// promptly is how soon something that arrives is to be looked at.
	promptly = time.Millisecond
	// lookEvery is how often that is tried, and lingering for how long after the
	// last turn.
	lookEvery = 2 * time.Millisecond
	lingering = 100 * time.Millisecond
	// mostRest is how many times as long as its turn a lane rests at most.
	mostRest = 15
)

// pressure tells how long lanes are to rest between their turns, as a multiple of
// those, so that what arrives meanwhile is looked at promptly.
//
// Work that is done outside of turns (sending, collecting garbage) may take up all
// processors even so. Then Go looks at the network only every ten milliseconds,
// and whoever calls waits for that. So while there are turns a byte is sent
// through a pipe every now and then. When it arrives late the rests grow, until it
// does not.
type pressure struct {
	rest     atomic.Int64 // in hundredths
	lastTurn atomic.Int64 // in Unix nanoseconds
	watching atomic.Bool
}

// of returns the rest that a turn of some length asks for.
func (p *pressure) of(turn time.Duration) time.Duration {
	return turn * time.Duration(p.rest.Load()) / 100
}

// noteTurn has the pressure watched for a while.
func (p *pressure) noteTurn(now time.Time) {
	p.lastTurn.Store(now.UnixNano())
	if !p.watching.Load() && p.watching.CompareAndSwap(false, true) {
		guard.Go(part, nil, p.watch)
	}
}

func (p *pressure) watch() {
	defer p.watching.Store(false)
	defer p.rest.Store(0)
	out, in, err := os.Pipe()
	if err != nil {
		return // out of file descriptors: the next turn tries again
	}
	defer func() { _ = out.Close() }()
	arrived := make(chan struct{})
	var waits atomic.Int64 // since when a byte is under way, 0 for none
	guard.Go(part, nil, func() {
		defer close(arrived)
		var sent [8]byte
		for {
			if _, err := out.Read(sent[:]); err != nil {
				return
			}
			waits.Store(0)
			p.adjust(time.Since(time.Unix(0, int64(binary.NativeEndian.Uint64(sent[:]))))) //nolint:gosec // a time
		}
	})
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for now := range tick.C {
		if now.UnixNano()-p.lastTurn.Load() > int64(lingering) {
			break
		}
		if since := waits.Load(); since != 0 {
			p.adjust(time.Since(time.Unix(0, since)))
			continue
		}
		at := time.Now().UnixNano()
		waits.Store(at)
		if _, err := in.Write(binary.NativeEndian.AppendUint64(nil, uint64(at))); err != nil { //nolint:gosec // a time
			break
		}
	}
	_ = in.Close() // ends the reader
	<-arrived
}

// adjust lets the rests grow quickly where something was late, and shrink slowly.
func (p *pressure) adjust(late time.Duration) {
	rest := p.rest.Load()
	if late > promptly {
		rest = min(100*mostRest, rest+rest/4+25)
	} else {
		rest -= rest/32 + 1
	}
	p.rest.Store(max(0, rest))
}
