package main

import (
	"testing"
	"time"
)

func TestAnIdleProcessGivesBackWhatItDoesNotUse(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		used   time.Duration
		unused uint64
		again  bool
		want   bool
	}{
		"idle with garbage": {used: time.Second, unused: 20 << 20, want: true},
		"idle without":      {used: time.Second, unused: 10 << 20},
		"idle, worthwhile":  {used: time.Second, unused: 10 << 20, again: true, want: true},
		"busy with garbage": {used: 3 * time.Second, unused: 20 << 20},
		"busy, worthwhile":  {used: 3 * time.Second, unused: 20 << 20, again: true},
	} {
		if got := idle(c.used, c.unused, c.again); got != c.want {
			t.Errorf("%s: %t", name, got)
		}
	}
	if n := held(); n == 0 || n > 1<<36 {
		t.Errorf("%d bytes are held", n)
	}
	if n := unused(); n == 0 || n > 1<<32 {
		t.Errorf("%d bytes are of no use here", n)
	}
}

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
