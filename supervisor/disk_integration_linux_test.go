//go:build integration && linux

package supervisor

import (
	"errors"
	"fmt"
	"os"
	"syscall"
	"testing"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/supervisor/config"
)

// A full disk under SQLite is the file's own trouble: what it held is kept, and
// the instance goes on once there is room.
func TestRealFullDiskUnderSQLiteLosesNothing(t *testing.T) {
	t.Parallel()
	c := testConfig(t)
	small := newDisk(t, c.DataDir+"/small", c.DataDir, 8<<20)
	if small == nil {
		t.Log("NOT DONE: a full disk, as nothing can be mounted here")
		return
	}
	c.DataDir, c.Storage.Driver = small.dir, config.StorageSQLite
	c.Instances = []config.Instance{entry(t, "sick"), entry(t, "quiet", `"storage":{"driver":"memory"}`)}
	w := &ward{harness: launch(t, options{config: c})}
	w.sick = []*traffic{drive(t, w.awaitState("sick", StateRunning))}
	w.quiet = drive(t, w.awaitState("quiet", StateRunning))
	w.suffer(fault{name: "disk full under SQLite", inject: func(w *ward) func() {
		free := small.fill()
		// What the admin API decides is kept on that disk as well.
		_, err := w.Add(w.ctx, entry(t, "added", `"storage":{"driver":"memory"}`), true)
		wantKind(t, err, KindUnavailable, "desired state", "free some on its disk")
		return free
	}})
	w.add("added", `"storage":{"driver":"memory"}`)
	for _, s := range []*traffic{w.sick[0], w.quiet} {
		s.end()
	}
	w.end()
	list, err := Verify(t.Context(), c, []string{"sick"}, discard, nil)
	if err != nil || len(list) != 1 {
		t.Fatalf("verify: %+v, %v", list, err)
	}
	done, _, _ := w.sick[0].counts()
	if r := list[0].Report; r == nil || !r.OK() || r.Settlements != done {
		t.Errorf("verify: %+v, %d deposits were acknowledged", list[0], done)
	}
}

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
