//go:build unix

// Command run runs another command with private test servers:
//
//	go run ./store/storetest/servers/run -- go test -tags integration ./...
//
// It starts a PostgreSQL and a Redis server, hands their addresses to the
// command in TEST_POSTGRES_URL, TEST_POSTGRES_ADMIN_URL, TEST_REDIS_URL and
// TEST_REDIS_ADMIN_URL, and stops and removes them when the command ends,
// whatever way it ends. A server whose URL is in the environment already is
// used as it is, and none is started in its place. Signals are forwarded to
// the command, and its exit code is returned (128 and the signal's number if a
// signal ended it).
//
// The servers do not sync to disk, which makes tests several times faster;
// -durable makes them, for measurements.
//
// The command runs as a background job: it inherits standard input, but can
// not read from a terminal.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
)

// Exit codes of this command's own, out of the way of those of ordinary
// commands; shells use the same ones for the same things.
const (
	exitUsage  = 2
	exitFailed = 125
)

func main() {
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT)
	os.Exit(run(os.Args[1:], os.Environ(), signals, os.Stderr))
}

// run is the whole command; it returns the exit code.
func run(args, environ []string, signals <-chan os.Signal, stderr io.Writer) int {
	settings, err := parseArgs(args, stderr)
	if errors.Is(err, flag.ErrHelp) {
		return 0
	}
	if err != nil {
		return exitUsage // parseArgs has said why
	}

	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	type outcome struct {
		bench *bench
		err   error
	}
	ready := make(chan outcome, 1)
	go func() {
		b, err := setUp(ctx, settings, environ, stderr)
		ready <- outcome{b, err}
	}()

	var interrupt os.Signal
	var started outcome
	select {
	case started = <-ready:
	case interrupt = <-signals:
		cancel()
		started = <-ready
	}
	code := exitFailed
	switch {
	case interrupt != nil:
		code = signalExit(interrupt)
	case started.err != nil:
		say(stderr, started.err)
	default:
		if code, err = started.bench.run(settings.command, signals); err != nil {
			say(stderr, err)
		}
		started.bench.reportLosses(stderr)
	}
	if started.bench != nil {
		if err := started.bench.close(); err != nil {
			say(stderr, err)
		}
	}
	return code
}

// settings are what the command line asks for.
type settings struct {
	durable bool
	command []string
}

func parseArgs(args []string, stderr io.Writer) (settings, error) {
	var s settings
	flags := flag.NewFlagSet("run", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.BoolVar(&s.durable, "durable", false, "sync everything to disk, as in production (for measurements)")
	flags.Usage = func() {
		_, _ = fmt.Fprintln(stderr, "usage: run [-durable] -- command [argument ...]")
		flags.PrintDefaults()
	}
	if err := flags.Parse(args); err != nil {
		return s, err
	}
	if s.command = flags.Args(); len(s.command) == 0 {
		flags.Usage()
		return s, errors.New("no command")
	}
	return s, nil
}

// say prints a line of this command's own among the other's output.
func say(w io.Writer, what any) { _, _ = fmt.Fprintf(w, "test servers: %v\n", what) }

// signalExit is the exit code of a command ended by the signal.
func signalExit(s os.Signal) int {
	if number, ok := s.(syscall.Signal); ok {
		return 128 + int(number)
	}
	return exitFailed
}
