package main

import (
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
)

// What the process may let lie around before it collects garbage: as much as is in
// use, as usual, and where that is little, garbageRoom, though never more than
// mostPercent of what is in use. A process with a few busy custodians has some ten
// megabytes in use, and without this collected twenty times a second.
const (
	garbageRoom = 64 << 20
	mostPercent = 800
)

// leaveRoomForGarbage sets how much garbage there may be, after each collection
// anew, unless GOGC in the environment says so.
func leaveRoomForGarbage() {
	if os.Getenv("GOGC") != "" {
		return
	}
	collected(&cycle{})
}

// cycle is garbage from the start, by which a collection is noticed.
type cycle struct{ _ [16]byte }

func collected(*cycle) {
	live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(live)
	debug.SetGCPercent(percentFor(live[0].Value.Uint64()))
	runtime.SetFinalizer(&cycle{}, collected)
}

// percentFor returns how much garbage there may be, in percent of the bytes in use.
func percentFor(live uint64) int {
	if live == 0 {
		return 100 // nothing was collected yet
	}
	return int(min(mostPercent, max(100, 100*garbageRoom/live)))
}
