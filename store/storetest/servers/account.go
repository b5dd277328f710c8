//go:build unix

package servers

import (
	"errors"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// account is the user that a server runs as. A nil credential means the
// caller's own.
type account struct {
	name       string
	credential *syscall.Credential
}

// unprivileged returns the first of the named users that exists and is not
// root, or the caller's own account if the caller is not root itself.
func unprivileged(names ...string) (account, error) {
	if os.Geteuid() != 0 {
		return account{}, nil
	}
	for _, name := range names {
		found, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, uidErr := strconv.ParseUint(found.Uid, 10, 32)
		gid, gidErr := strconv.ParseUint(found.Gid, 10, 32)
		if err := errors.Join(uidErr, gidErr); err != nil {
			return account{}, fmt.Errorf("user %s: %w", name, err)
		}
		if uid == 0 {
			continue
		}
		credential := &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
		return account{name: name, credential: credential}, nil
	}
	return account{}, fmt.Errorf("running as root, and none of the users %s exists to start the server as", strings.Join(names, ", "))
}

// own hands a file or directory to the account.
func (a account) own(path string) error {
	if a.credential == nil {
		return nil
	}
	return os.Chown(path, int(a.credential.Uid), int(a.credential.Gid))
}

// writeFile writes a file that only the account can read.
func (a account) writeFile(path, content string) error {
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		return err
	}
	return a.own(path)
}

// makeDir makes a private directory that the account owns and can reach. The
// system's temporary directory may be one that only root can enter.
func (a account) makeDir(pattern string) (string, error) {
	parent := os.TempDir()
	if a.credential != nil && !anyoneCanEnter(parent) {
		parent = "/tmp"
	}
	dir, err := os.MkdirTemp(parent, pattern)
	if err != nil {
		return "", err
	}
	if err := a.own(dir); err != nil {
		return "", errors.Join(err, os.RemoveAll(dir))
	}
	return dir, nil
}

// anyoneCanEnter says whether every directory down to dir may be passed
// through by users that neither own it nor are in its group.
func anyoneCanEnter(dir string) bool {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return false
	}
	if dir, err = filepath.EvalSymlinks(dir); err != nil {
		return false
	}
	for {
		info, err := os.Stat(dir)
		if err != nil || info.Mode().Perm()&0o001 == 0 {
			return false
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return true
		}
		dir = parent
	}
}
