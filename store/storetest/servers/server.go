//go:build unix

package servers

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Server is the life of a private server process, the part that PostgreSQL,
// Redis and Prometheus share. Its methods may be called from any goroutine, one at a time
// taking effect.
type Server struct {
	// Dir holds everything of the server: data, configuration and log. It is
	// removed by Close.
	Dir string
	// Port is where the server listens on 127.0.0.1. It keeps it over
	// restarts.
	Port int
	// Version is the server program's, such as "15.6".
	Version string

	name    string
	account account
	signal  syscall.Signal // asks the program to stop at once
	path    string
	args    func(port int) []string
	ping    func(ctx context.Context) error

	mu     sync.Mutex
	proc   *process // the latest; nil before the first start
	closed bool
}

// errPortTaken marks a start that failed because of its port alone.
var errPortTaken = errors.New("the port was taken meanwhile")

// Addr returns the server's address as host:port.
func (s *Server) Addr() string { return "127.0.0.1:" + strconv.Itoa(s.Port) }

// PID returns the process id of the server (for PostgreSQL, of its
// postmaster), 0 while it is not running.
func (s *Server) PID() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.proc == nil || !s.proc.running() {
		return 0
	}
	return s.proc.pid
}

// Stop ends the server at once, as a crash would: connections are cut without
// a goodbye and nothing is tidied up. Its data and its port stay for Restart.
// Stopping a stopped server does nothing.
func (s *Server) Stop() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stop()
}

// Restart stops the server if it runs, starts it on the same data and port,
// and returns when it answers. The context bounds the start, not the server's
// life; without a deadline a minute is allowed.
func (s *Server) Restart(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return fmt.Errorf("%s: closed", s.name)
	}
	if err := s.stop(); err != nil {
		return err
	}
	return s.start(ctx)
}

// Close stops the server and removes its directory. Closing twice does
// nothing.
func (s *Server) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil
	}
	s.closed = true
	return errors.Join(s.stop(), s.remove())
}

// LogTail returns the last few kilobytes of the server's log.
func (s *Server) LogTail() string { return tail(s.logPath(), logTailBytes) }

func (s *Server) logPath() string { return filepath.Join(s.Dir, "server.log") }

// stop is Stop for callers that hold the lock.
func (s *Server) stop() error {
	if s.proc == nil {
		return nil
	}
	if err := s.proc.stop(s.signal, stopTimeout); err != nil {
		return fmt.Errorf("%s: %w", s.name, err)
	}
	return nil
}

// start starts the program and waits until it answers; whatever goes wrong is
// reported with the end of the log, and leaves nothing running.
func (s *Server) start(ctx context.Context) error {
	ctx, cancel := withStartTimeout(ctx)
	defer cancel()
	proc, err := command{
		path: s.path, args: s.args(s.Port), dir: s.Dir, logPath: s.logPath(), account: s.account,
	}.start(ctx, s.signal)
	if err != nil {
		return fmt.Errorf("%s: %w", s.name, err)
	}
	s.proc = proc
	if err := s.awaitReady(ctx); err != nil {
		return errors.Join(err, s.stop())
	}
	return nil
}

// awaitReady polls the server until it answers, ends or runs out of time.
func (s *Server) awaitReady(ctx context.Context) error {
	ticker := time.NewTicker(pollInterval)
	defer ticker.Stop()
	for {
		err := s.ping(ctx)
		if err == nil && s.proc.running() {
			return nil
		}
		select {
		case <-s.proc.done:
			log := s.LogTail()
			// The servers print the operating system's words for it, those of Go in
			// lower case.
			if strings.Contains(strings.ToLower(log), "address already in use") {
				return fmt.Errorf("%s: %w: %s", s.name, errPortTaken, s.Addr())
			}
			return fmt.Errorf("%s ended while starting (%w); its log says:\n%s", s.name, s.proc.err, log)
		case <-ctx.Done():
			return fmt.Errorf("%s does not answer on %s: %w (%w); its log says:\n%s", s.name, s.Addr(), ctx.Err(), err, s.LogTail())
		case <-ticker.C:
		}
	}
}

// startOnFreePort starts the server on a port of its own choice, choosing
// again if another process was quicker.
func (s *Server) startOnFreePort(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var err error
	for range portTries {
		if s.Port, err = FreePort(); err != nil {
			return err
		}
		err = s.start(ctx)
		if !errors.Is(err, errPortTaken) {
			return err
		}
		if err := os.Truncate(s.logPath(), 0); err != nil {
			return err
		}
	}
	return err
}

// remove removes the directory. Helper processes of a killed server may write
// for a moment longer, hence the second try.
func (s *Server) remove() error {
	if err := os.RemoveAll(s.Dir); err == nil {
		return nil
	}
	return os.RemoveAll(s.Dir)
}

// withStartTimeout gives the context a deadline if it has none.
func withStartTimeout(ctx context.Context) (context.Context, context.CancelFunc) {
	if _, ok := ctx.Deadline(); ok {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, startTimeout)
}

// tail returns the last max bytes of a file from the beginning of a line on,
// or the reason why there are none.
func tail(path string, max int) string {
	content, err := os.ReadFile(path)
	if err != nil {
		return err.Error()
	}
	text := string(content)
	if len(text) > max {
		text = text[len(text)-max:]
		if _, rest, ok := strings.Cut(text, "\n"); ok {
			text = rest
		}
	}
	if strings.TrimSpace(text) == "" {
		return "(nothing)"
	}
	return text
}
