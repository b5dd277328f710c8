package redis

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"

	goredis "github.com/redis/go-redis/v9"
)

var (
	// ErrUnavailable means that Redis could not be asked: it is away, still
	// loading, out of memory, or did not answer in time. Whether a write took
	// effect is then unknown. Retrying later is the remedy.
	ErrUnavailable = errors.New("redis is unavailable")

	// ErrAuth means that Redis refused the user name or the password.
	ErrAuth = errors.New("redis refused the user name or password")

	// ErrClosed means that the Server was closed by this process.
	ErrClosed = errors.New("redis connection is closed")
)

// PermissionError reports that the Redis user lacks a right. It never carries
// the password.
type PermissionError struct {
	User     string   // user that was refused, "default" when the URL names none
	Commands []string // refused commands in upper case, empty when only keys were refused
	Keys     string   // key pattern that the user must be granted, empty when keys were not the matter
}

// Error names what was refused and the ACL rules that would allow it.
func (e *PermissionError) Error() string {
	var refused, grants []string
	if len(e.Commands) > 0 {
		refused = append(refused, "run "+strings.Join(e.Commands, ", "))
		for _, c := range e.Commands {
			grants = append(grants, "+"+strings.ToLower(c))
		}
	}
	if e.Keys != "" {
		refused = append(refused, "use keys like "+e.Keys)
		grants = append(grants, "~"+e.Keys)
	}
	if len(refused) == 0 {
		return fmt.Sprintf("redis user %q lacks a right", e.User)
	}
	return fmt.Sprintf("redis user %q may not %s; missing grant: ACL SETUSER %s %s",
		e.User, strings.Join(refused, " or "), e.User, strings.Join(grants, " "))
}

// transientReplies are the first words of error replies that pass by
// themselves: the server is there but can't serve now.
var transientReplies = []string{
	"LOADING", "BUSY", "READONLY", "OOM", "MISCONF", "MASTERDOWN", "CLUSTERDOWN",
	"TRYAGAIN", "NOREPLICAS", "ERR max number of clients", "MOVED", "ASK ",
}

// reasons say in a few words what an error reply means.
var reasons = []struct{ word, reason string }{
	{"OOM", "it is out of memory"},
	{"LOADING", "it is loading its data"},
	{"READONLY", "it is a replica that takes no writes"},
	{"MISCONF", "it cannot save its data and takes no writes"},
	{"NOREPLICAS", "it lacks the replicas that it must have to take writes"},
	{"BUSY", "it is busy with a script"},
	{"MASTERDOWN", "its master is away"},
	{"CLUSTERDOWN", "its cluster is down"},
	{"MOVED", "it is a member of a cluster that keeps the keys elsewhere"},
	{"ASK ", "it is a member of a cluster that keeps the keys elsewhere"},
	{"ERR max number of clients", "it has no connection left"},
}

// Reason says in a few words why Redis cannot be used, or nothing for no error.
// It names no host, user or key, so it may be shown to anybody.
func Reason(err error) string {
	switch {
	case err == nil:
		return ""
	case errors.Is(err, ErrAuth):
		return "it refuses the user name or password"
	case errors.Is(err, ErrClosed):
		return "the connection was closed"
	case errors.Is(err, errNotProbed):
		return "it has not answered yet"
	}
	if _, denied := errors.AsType[*PermissionError](err); denied {
		return "its user lacks a right"
	}
	if reply, ok := errors.AsType[goredis.Error](err); ok {
		for _, r := range reasons {
			if strings.HasPrefix(reply.Error(), r.word) {
				return r.reason
			}
		}
		return "it answers with an error"
	}
	if timeout, ok := errors.AsType[net.Error](err); ok && timeout.Timeout() || errors.Is(err, context.DeadlineExceeded) {
		return "it does not answer in time"
	}
	return "no connection can be made"
}

// classify turns an error of the client library into one of this package's.
// ctx is the caller's context: when it has ended, its error comes first, so
// that callers can tell their own deadline from a Redis that is away.
func (s *Server) classify(ctx context.Context, err error) error {
	if err == nil || errors.Is(err, goredis.Nil) {
		return err
	}
	if errors.Is(err, goredis.ErrClosed) {
		return ErrClosed
	}
	reply, isReply := errors.AsType[goredis.Error](err)
	if !isReply {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	text := reply.Error()
	switch {
	case strings.HasPrefix(text, "NOPERM"):
		return s.permissionError(text)
	case strings.HasPrefix(text, "WRONGPASS"), strings.HasPrefix(text, "NOAUTH"),
		strings.Contains(text, "without any password configured"):
		return fmt.Errorf("%w (user %q at %s): %s", ErrAuth, s.user, s.addr, text)
	}
	for _, word := range transientReplies {
		if strings.HasPrefix(text, word) {
			return fmt.Errorf("%w: %w", ErrUnavailable, reply)
		}
	}
	return err
}

// permissionError reads a NOPERM reply, which names the command in single
// quotes, or speaks of keys without naming them.
func (s *Server) permissionError(text string) *PermissionError {
	e := &PermissionError{User: s.user}
	if _, rest, ok := strings.Cut(text, "'"); ok {
		if command, _, ok := strings.Cut(rest, "'"); ok {
			e.Commands = []string{strings.ToUpper(command)}
			return e
		}
	}
	if strings.Contains(text, "key") {
		e.Keys = s.root + "*"
	}
	return e
}
