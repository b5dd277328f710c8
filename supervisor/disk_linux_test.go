//go:build integration && linux

package supervisor

import (
	"errors"
	"fmt"
	"os"
	"syscall"
	"testing"
)

// newDisk mounts a file system of so many bytes that belongs to the owner of
// another directory. It returns nil where this process may not mount anything.
func newDisk(t *testing.T, dir, like string, size int) *disk {
	t.Helper()
	info, err := os.Stat(like)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	owner := info.Sys().(*syscall.Stat_t)
	options := fmt.Sprintf("size=%d,mode=0700,uid=%d,gid=%d", size, owner.Uid, owner.Gid)
	err = syscall.Mount("tmpfs", dir, "tmpfs", syscall.MS_NOSUID|syscall.MS_NODEV, options)
	if errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.EACCES) {
		t.Logf("nothing can be mounted here: %v", err)
		return nil
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		// Lazily: what a server that was just ended had open may not be closed yet.
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return &disk{t: t, dir: dir}
}
