package main

import (
	"context"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"time"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/fair"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/guard"
)

// What the process may let lie around before it collects garbage: as much as is in
// use, as usual, and where that is little, garbageRoom, though never more than
// mostPercent of what is in use. Without this a settlement over gRPC took a tenth more of
// the processors, over HTTP no more.
const (
	garbageRoom = 64 << 20
	mostPercent = 800
)

// A process that has hardly anything to do gives back to the system what it does not
// need: after each idleTime in which it used less than idleShare of one processor and
// has more than idleGarbage that is of no use. The start of a thousand instances
// leaves as much garbage as is in use, which else would stay for hours, and stacks
// that have grown. Those are halved by each collection, so it collects again as long
// as that gives back more than worthwhile.
const (
	idleTime    = 20 * time.Second
	idleShare   = 0.1
	idleGarbage = 16 << 20
	worthwhile  = 4 << 20
)

// returnMemory does so until ctx ends.
func returnMemory(ctx context.Context) {
	guard.Go("memory", nil, func() {
		tick := time.NewTicker(idleTime)
		defer tick.Stop()
		again := false
		for before := fair.ProcessUsage(); ; {
			select {
			case <-tick.C:
			case <-ctx.Done():
				return
			}
			used := fair.ProcessUsage()
			if idle(used-before, unused(), again) {
				had := held()
				debug.FreeOSMemory()
				again = held()+worthwhile < had
				used = fair.ProcessUsage() // what that took is no work
			}
			before = used
		}
	})
}

// idle reports whether a process that used so much time of the processors within
// idleTime is to give memory back, of which it does not use so many bytes; again, that
// it was worthwhile the last time.
func idle(used time.Duration, unused uint64, again bool) bool {
	return float64(used) < idleShare*float64(idleTime) && (again || unused > idleGarbage)
}

// held returns how many bytes the runtime has from the system.
func held() uint64 {
	s := []metrics.Sample{{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}}
	metrics.Read(s)
	return s[0].Value.Uint64() - s[1].Value.Uint64()
}

// unused returns how many bytes of memory the heap has without using them.
func unused() uint64 {
	s := []metrics.Sample{
		{Name: "/memory/classes/heap/objects:bytes"}, {Name: "/memory/classes/heap/free:bytes"}, {Name: "/gc/heap/live:bytes"},
	}
	metrics.Read(s)
	has, live := s[0].Value.Uint64()+s[1].Value.Uint64(), s[2].Value.Uint64()
	return has - min(has, live)
}

// leaveRoomForGarbage sets how much garbage there may be, after each collection
// anew, unless GOGC in the environment says so.
func leaveRoomForGarbage() {
	if os.Getenv("GOGC") != "" {
		return
	}
	collected(&cycle{percent: 100})
}

// cycle is garbage from the start, by which a collection is noticed.
type cycle struct {
	percent int      // what is set
	_       [16]byte // too large to be put together with others, which may live on
}

func collected(c *cycle) {
	live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(live)
	percent := percentFor(live[0].Value.Uint64())
	if percent != c.percent { // else the world is stopped for nothing
		debug.SetGCPercent(percent)
	}
	runtime.SetFinalizer(&cycle{percent: percent}, collected)
}

// percentFor returns how much garbage there may be, in percent of the bytes in use.
func percentFor(live uint64) int {
	if live == 0 {
		return 100 // nothing was collected yet
	}
	return int(min(mostPercent, max(100, 100*garbageRoom/live)))
}
