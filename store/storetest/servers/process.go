//go:build unix

package servers

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"time"
)

// process is a running server program. Its fields are set before it is shared;
// err may be read once done is closed.
type process struct {
	pid  int
	done chan struct{}
	err  error
}

// command describes the program to start.
type command struct {
	path    string
	args    []string
	dir     string // working directory, one that the account can enter
	logPath string // where standard output and error are appended
	account account
}

// environment is all that a server sees of the caller's: variables such as
// PGPORT or PGDATA would otherwise leak into it.
func environment(home string) []string {
	return []string{
		"PATH=" + os.Getenv("PATH"),
		"HOME=" + home,
		"LC_ALL=C",
		"TZ=UTC",
	}
}

// build turns the description into an executable command whose process leads
// its own group, so that Ctrl-C in a terminal reaches the tests and not the
// server under them, and which on Linux gets deathSignal when its starter dies.
func (c command) build(ctx context.Context, deathSignal syscall.Signal) *exec.Cmd {
	cmd := exec.CommandContext(ctx, c.path, c.args...)
	cmd.Dir = c.dir
	cmd.Env = environment(c.dir)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Credential: c.account.credential}
	setDeathSignal(cmd.SysProcAttr, deathSignal)
	return cmd
}

// output runs the command to its end and returns what it printed. Only for
// programs that end by themselves.
func (c command) output(ctx context.Context) (string, error) {
	out, err := c.build(ctx, syscall.SIGKILL).CombinedOutput()
	return string(out), err
}

// start starts the command in the background, for longer than the context that
// its start belongs to.
func (c command) start(ctx context.Context, deathSignal syscall.Signal) (*process, error) {
	log, err := os.OpenFile(c.logPath, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	cmd := c.build(context.WithoutCancel(ctx), deathSignal)
	cmd.Stdout, cmd.Stderr = log, log

	p := &process{done: make(chan struct{})}
	started := make(chan error)
	go func() {
		// The death signal is sent when the starting thread ends, so that
		// thread is kept for as long as the server lives.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		_ = log.Close() // the server has its own descriptor
		if err != nil {
			started <- err
			return
		}
		p.pid = cmd.Process.Pid
		started <- nil
		p.err = cmd.Wait()
		close(p.done)
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("starting %s: %w", c.path, err)
	}
	return p, nil
}

// running says whether the process has not ended yet.
func (p *process) running() bool {
	select {
	case <-p.done:
		return false
	default:
		return true
	}
}

// stop sends the signal and waits for the end; a process that ignores the
// signal for the whole timeout is killed.
func (p *process) stop(signal syscall.Signal, timeout time.Duration) error {
	if !p.running() {
		return nil
	}
	if err := syscall.Kill(p.pid, signal); err != nil && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("stopping process %d: %w", p.pid, err)
	}
	timer := time.NewTimer(timeout)
	defer timer.Stop()
	select {
	case <-p.done:
		return nil
	case <-timer.C:
	}
	if err := syscall.Kill(-p.pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("killing process %d: %w", p.pid, err)
	}
	<-p.done
	return nil
}
