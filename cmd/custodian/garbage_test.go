package main

import "testing"

func TestGarbageMayBeAsMuchAsIsInUseOrTheRoomForIt(t *testing.T) {
	t.Parallel()
	for live, want := range map[uint64]int{
		0: 100, 1 << 20: mostPercent, 16 << 20: 400, 32 << 20: 200, 64 << 20: 100, 1 << 30: 100,
	} {
		if got := percentFor(live); got != want {
			t.Errorf("%d bytes in use: %d %%, not %d", live, got, want)
		}
	}
}
