//go:build unix

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/store/storetest/servers"
)

// bench is what the command runs on: the servers that were started for it, its
// environment, and a temporary directory of its own.
type bench struct {
	environ  []string
	temp     string
	postgres *servers.Postgres // nil if the environment named one
	redis    *servers.Redis    // likewise
}

// setUp starts the servers that the environment does not name. What it has
// started before an error, or before the context's end, it closes itself.
func setUp(ctx context.Context, s settings, environ []string, stderr io.Writer) (_ *bench, err error) {
	b := &bench{environ: environ}
	defer func() {
		if err != nil {
			err = errors.Join(err, b.close())
		}
	}()
	options := servers.Options{Fsync: s.durable}
	if url := lookup(environ, servers.EnvPostgresURL); url != "" {
		say(stderr, "PostgreSQL: the one named by "+servers.EnvPostgresURL)
	} else {
		if b.postgres, err = servers.StartPostgres(ctx, options); err != nil {
			return nil, err
		}
		b.setenv(servers.EnvPostgresURL, b.postgres.URL)
		b.setenv(servers.EnvPostgresAdminURL, b.postgres.AdminURL)
		say(stderr, fmt.Sprintf("PostgreSQL %s on %s (durable: %t)", b.postgres.Version, b.postgres.Addr(), s.durable))
	}
	if url := lookup(environ, servers.EnvRedisURL); url != "" {
		say(stderr, "Redis: the one named by "+servers.EnvRedisURL)
	} else {
		if b.redis, err = servers.StartRedis(ctx, options); err != nil {
			return nil, err
		}
		b.setenv(servers.EnvRedisURL, b.redis.URL)
		b.setenv(servers.EnvRedisAdminURL, b.redis.AdminURL)
		say(stderr, fmt.Sprintf("Redis %s on %s (durable: %t)", b.redis.Version, b.redis.Addr(), s.durable))
	}

	// Tests that are killed at their time limit leave directories behind, so
	// they get a place for them that goes away. Servers that tests start as
	// another user must be able to pass through it.
	if b.temp, err = os.MkdirTemp("", "custodian-test-"); err != nil {
		return nil, err
	}
	if err := os.Chmod(b.temp, 0o711); err != nil {
		return nil, err
	}
	b.setenv("TMPDIR", b.temp)
	return b, nil
}

// run runs the command to its end and returns its exit code. Signals go to
// everything that the command started, for a "go test" that is told to stop
// does not always tell its test programs.
func (b *bench) run(argv []string, signals <-chan os.Signal) (int, error) {
	cmd := exec.CommandContext(context.Background(), argv[0], argv[1:]...)
	cmd.Env = b.environ
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		return exitFailed, err
	}
	group := -cmd.Process.Pid
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	for {
		select {
		case s := <-signals:
			if number, ok := s.(syscall.Signal); ok {
				_ = syscall.Kill(group, number) // it may have ended just now
			}
		case err := <-ended:
			_ = syscall.Kill(group, syscall.SIGKILL) // what it left running, usually nothing
			return exitCode(err)
		}
	}
}

// exitCode turns the outcome of a command into the exit code that a shell
// would report. An error is returned only if there is none.
func exitCode(err error) (int, error) {
	if err == nil {
		return 0, nil
	}
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		return exitFailed, err
	}
	if status, ok := exit.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return signalExit(status.Signal()), nil
	}
	return exit.ExitCode(), nil
}

// reportLosses says which server ended by itself while the command ran, since
// the command's own complaints will be about lost connections.
func (b *bench) reportLosses(stderr io.Writer) {
	if b.postgres != nil && b.postgres.PID() == 0 {
		say(stderr, "PostgreSQL ended by itself; its log says:\n"+b.postgres.LogTail())
	}
	if b.redis != nil && b.redis.PID() == 0 {
		say(stderr, "Redis ended by itself; its log says:\n"+b.redis.LogTail())
	}
}

// close stops the servers and removes all directories.
func (b *bench) close() error {
	var errs []error
	if b.postgres != nil {
		errs = append(errs, b.postgres.Close())
	}
	if b.redis != nil {
		errs = append(errs, b.redis.Close())
	}
	if b.temp != "" {
		errs = append(errs, os.RemoveAll(b.temp))
	}
	return errors.Join(errs...)
}

// setenv sets a variable in the command's environment.
func (b *bench) setenv(name, value string) {
	environ := make([]string, 0, len(b.environ)+1)
	for _, entry := range b.environ {
		if !strings.HasPrefix(entry, name+"=") {
			environ = append(environ, entry)
		}
	}
	b.environ = append(environ, name+"="+value)
}

// lookup returns the value of a variable, "" if it is not set.
func lookup(environ []string, name string) string {
	for i := len(environ) - 1; i >= 0; i-- { // the last one counts
		if value, ok := strings.CutPrefix(environ[i], name+"="); ok {
			return value
		}
	}
	return ""
}
