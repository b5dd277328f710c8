package servers

import "syscall"

// setDeathSignal has the kernel signal the server when its starter dies, even
// by SIGKILL or a test's time limit, where no deferred call runs.
func setDeathSignal(attr *syscall.SysProcAttr, signal syscall.Signal) { attr.Pdeathsig = signal }
