//go:build integration

package obs_test

import "syscall"

// Even a test that is killed, or runs into its time limit, leaves no Prometheus.
func init() {
	tieToStarter = func(attr *syscall.SysProcAttr) { attr.Pdeathsig = syscall.SIGKILL }
}
