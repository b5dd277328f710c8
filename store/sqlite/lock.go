package sqlite

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// lock is a lock of the operating system on a file beside the database. The
// system releases it when the process ends, however it ends.
type lock struct{ file *os.File }

// errLocked is what the platform's tryLock returns if somebody else has it.
var errLocked = errors.New("locked")

func lockPath(path string) string { return path + ".lock" }

// lockFor takes the lock of a database file, or fails with [ErrOwned]. It makes
// the directory if need be.
func lockFor(path string) (*lock, error) {
	name := lockPath(path)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, explain(path, err)
	}
	for {
		f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o600)
		if err != nil {
			return nil, explain(name, err)
		}
		if err := tryLock(f); err != nil {
			holder := readHolder(f)
			_ = f.Close()
			if errors.Is(err, errLocked) {
				return nil, fmt.Errorf("%s: %w%s; stop it, or give this instance another name or data_dir", path, ErrOwned, holder)
			}
			return nil, explain(name, err)
		}
		// Whoever dropped the database may have deleted the lock's file between
		// our opening and locking it; then others would lock another one.
		ours, err := f.Stat()
		if err != nil {
			_ = f.Close()
			return nil, explain(name, err)
		}
		if current, err := os.Stat(name); err != nil || !os.SameFile(ours, current) {
			_ = f.Close()
			continue
		}
		l := &lock{file: f}
		l.sign()
		return l, nil
	}
}

// sign writes down who has the lock, for the messages of others. Where that
// fails they miss the name, nothing else.
func (l *lock) sign() {
	if l.file.Truncate(0) == nil {
		_, _ = l.file.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	}
}

// readHolder returns " (process 123)" if the holder has signed.
func readHolder(f *os.File) string {
	content, err := io.ReadAll(io.LimitReader(f, 32))
	if err != nil {
		return ""
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(content)))
	if err != nil {
		return ""
	}
	if pid == os.Getpid() {
		return " (this one, process " + strconv.Itoa(pid) + ")"
	}
	return " (process " + strconv.Itoa(pid) + ")"
}

// release gives the lock back. The file stays: deleting it would race with the
// next one to lock it.
func (l *lock) release() error {
	_ = l.file.Truncate(0) // nobody has it any more; a stale name is harmless
	return l.file.Close()
}
