//go:build unix && !linux

package servers

import "syscall"

// setDeathSignal does nothing: only Linux can tie a process to its starter.
func setDeathSignal(*syscall.SysProcAttr, syscall.Signal) {}
