//go:build unix

package fair

import (
	"syscall"
	"time"
)

// ProcessUsage returns how much time of the processors the process has used up,
// in its own code and in the system's for it.
func ProcessUsage() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0 // cannot be: both arguments are right
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
