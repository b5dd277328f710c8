//go:build !unix

package fair

import "time"

// ProcessUsage returns 0: how much time the process uses up is not known here, so
// that nobody is slowed down for it.
func ProcessUsage() time.Duration { return 0 }
