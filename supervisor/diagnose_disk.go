//go:build linux || darwin

package supervisor

import "syscall"

// freeSpace returns how many bytes this user may still write where a directory is.
func freeSpace(dir string) (free uint64, known bool) {
	var s syscall.Statfs_t
	if syscall.Statfs(dir, &s) != nil {
		return 0, false
	}
	return s.Bavail * uint64(s.Bsize), true
}
