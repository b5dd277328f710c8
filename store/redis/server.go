package redis

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	goredis "github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"
)

// Server is one Redis server as this process sees it: a bounded pool of
// connections and the knowledge whether the server answers. It is safe for
// concurrent use and shared by all instances on the same server.
type Server struct {
	client  *goredis.Client
	opts    Options
	as      *instanceUser // nil for the user that the URL names
	addr    string
	user    string
	root    string
	timeout time.Duration
	log     *slog.Logger

	watch   *watcher
	close   sync.Once
	onClose func() // nil, or what ends with the Server
}

// State is what the last probe found.
type State struct {
	Up    bool      // the server answered, and takes writes
	Err   error     // why not, nil while Up
	Since time.Time // when Up last changed
}

// silenceLibrary turns off the client library's own logger, which is global
// and writes to stderr. All that it reports reaches us as errors.
var silenceLibrary = sync.OnceFunc(logging.Disable)

// Open connects to the server that opts.URL names and probes it once. A server
// that is away or refuses the password is not an error, because it may come
// back: [Server.State] tells, and [Server.Check] tells in full. The only error
// is a URL that makes no sense. ctx bounds the first probe alone.
func Open(ctx context.Context, opts Options) (*Server, error) {
	s, err := newServer(opts)
	if err != nil {
		return nil, err
	}
	s.awaitFirstProbe(ctx)
	return s, nil
}

// newServer starts a Server without waiting for its first probe.
func newServer(opts Options) (*Server, error) {
	copts, err := opts.clientOptions()
	if err != nil {
		return nil, err
	}
	silenceLibrary()
	log := opts.Logger
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	s := &Server{
		client:  goredis.NewClient(copts),
		opts:    opts,
		watch:   &watcher{},
		addr:    cmp.Or(opts.name, displayAddr(copts)),
		user:    copts.Username,
		root:    Root,
		timeout: copts.ReadTimeout,
		log:     log,
		onClose: opts.onClose,
	}
	if s.user == "" {
		s.user = "default"
	}
	s.startWatch()
	return s, nil
}

// Addr is the server's address for people to read, without credentials.
func (s *Server) Addr() string { return s.addr }

// Close ends the probing and closes all connections. Calls in progress fail
// with [ErrClosed] or [ErrUnavailable], later ones with [ErrClosed]. It may be
// called more than once.
func (s *Server) Close() error {
	var err error
	s.close.Do(func() {
		if s.as == nil { // else it is that of the Server behind
			s.stopWatch()
		}
		err = s.client.Close()
		if s.onClose != nil {
			s.onClose()
		}
	})
	return err
}

// do runs fn within the server's timeout and maps its error. While the server
// is known to be away it fails at once, so that callers don't queue up behind
// timeouts. goredis.Nil passes through, for it is an answer. fn returns errors
// of the client library and no others.
func (s *Server) do(ctx context.Context, fn func(context.Context, *goredis.Client) error) error {
	if err := ctx.Err(); err != nil {
		return context.Cause(ctx)
	}
	if err := s.gate(); err != nil {
		return err
	}
	if s.as != nil {
		return s.doAs(ctx, fn)
	}
	return s.attempt(ctx, fn)
}

// attempt is do that tries even if the server was away when it was last asked.
func (s *Server) attempt(ctx context.Context, fn func(context.Context, *goredis.Client) error) error {
	bounded, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	err := s.classify(ctx, fn(bounded, s.client))
	if errors.Is(err, ErrUnavailable) || errors.Is(err, ErrAuth) {
		s.suspect()
	}
	return err
}

// gate refuses calls while the server is known to be away or closed.
func (s *Server) gate() error {
	switch st := s.State(); {
	case st.Up:
		return nil
	case errors.Is(st.Err, ErrClosed), errors.Is(st.Err, ErrUnavailable):
		return st.Err
	default:
		return fmt.Errorf("%w: %w", ErrUnavailable, st.Err)
	}
}

// Check asks the server, now, whether it can do all that this package needs.
// It tries every command on a key of its own that expires within seconds. The
// error is [ErrUnavailable], [ErrAuth], or a [PermissionError] that lists all
// refused commands at once.
func (s *Server) Check(ctx context.Context) error {
	if errors.Is(s.State().Err, ErrClosed) {
		return ErrClosed
	}
	bounded, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()

	pipe := s.client.Pipeline()
	for _, args := range checkCommands(s.root + "check:" + rand.Text()) {
		pipe.Do(bounded, args...)
	}
	cmds, execErr := pipe.Exec(bounded)

	missing := &PermissionError{User: s.user}
	for _, cmd := range cmds {
		err := s.classify(ctx, cmd.Err())
		if denied, ok := errors.AsType[*PermissionError](err); ok {
			if denied.Keys != "" {
				missing.Keys = denied.Keys
			}
			for _, name := range denied.Commands {
				if !slices.Contains(missing.Commands, name) {
					missing.Commands = append(missing.Commands, name)
				}
			}
			continue
		}
		if err != nil && !errors.Is(err, goredis.Nil) {
			return err
		}
	}
	if !missing.empty() {
		return missing
	}
	// A connection that could not be set up leaves no mark on the commands.
	if execErr != nil && !errors.Is(execErr, goredis.Nil) {
		return s.classify(ctx, execErr)
	}
	return nil
}

func (e *PermissionError) empty() bool { return len(e.Commands) == 0 && e.Keys == "" }

// Now returns the time by the server's clock. The command TIME is none that users of
// this package have, so it is read off a key that expires.
func (s *Server) Now(ctx context.Context) (time.Time, error) {
	if errors.Is(s.State().Err, ErrClosed) {
		return time.Time{}, ErrClosed
	}
	bounded, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	const lasts = 10 * time.Second
	key := s.root + "check:" + rand.Text()
	pipe := s.client.Pipeline()
	pipe.Set(bounded, key, "1", lasts)
	expires := pipe.PExpireTime(bounded, key)
	pipe.Unlink(bounded, key)
	if _, err := pipe.Exec(bounded); err != nil {
		return time.Time{}, s.classify(ctx, err)
	}
	return time.UnixMilli(expires.Val().Milliseconds()).Add(-lasts), nil
}

// checkCommands is every command of this package, in an order in which each
// finds what it needs, and that leaves nothing behind.
func checkCommands(key string) [][]any {
	return [][]any{
		{"ping"},
		{"set", key, "1", "ex", 10},
		{"get", key},
		{"mget", key},
		{"exists", key},
		{"pexpire", key, 10_000},
		{"scan", 0, "match", key, "count", 1},
		{"unlink", key},
		{"xadd", key, "maxlen", "~", 1, "1-0", "check", "1"},
		{"pexpire", key, 10_000},
		{"xrange", key, "-", "+", "count", 1},
		{"xrevrange", key, "+", "-", "count", 1},
		{"xlen", key},
		{"unlink", key},
	}
}
