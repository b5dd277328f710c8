package redis

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"time"

	goredis "github.com/redis/go-redis/v9"
)

// userPrefix is what the names of all instances' users begin with. Users that
// are called so are this program's to make and to delete.
const userPrefix = "custodian-instance:"

// userPoolSize is how many connections an instance's own user may have.
const userPoolSize = 2

// userRules are the commands of an instance's user: those of the contract, less
// the ones to which Redis applies no key pattern. They tell of keys that are not
// the instance's, or change the libraries of functions that all share.
var userRules = []string{"+@read", "+@write", "+@keyspace", "+ping", "-@dangerous", "-@scripting", "-scan", "-randomkey", "-dbsize"}

// UserName returns the user of the instance with that prefix in a database of
// the server. Users belong to all databases, so all but the first are named.
func UserName(p Prefix, database int) string {
	name := userPrefix + strings.TrimSuffix(strings.TrimPrefix(string(p), Root), ":")
	if database > 0 {
		name += "@" + strconv.Itoa(database)
	}
	return name
}

// patterns are the keys of an instance, as the rules of its user say it. An
// instance without a name has a prefix that is the beginning of everybody
// else's, so its keys are named one by one.
func (p Prefix) patterns() []string {
	if p == Root {
		return []string{p.Events(), p.Cache("*")}
	}
	return []string{string(p) + "*"}
}

// instanceUser is a user of one instance. Its password is made when the instance
// starts, and kept in memory alone: Redis is told a hash.
type instanceUser struct {
	through  *Server // by whose user it is managed
	prefix   Prefix
	name     string
	password string
	log      *slog.Logger

	making chan struct{} // held, as a token, while the user is being made

	mu   sync.Mutex // held for moments
	made time.Time  // zero before the first time
}

// As returns the server as the instance with that prefix uses it: by a user of
// its own, which Redis lets at nothing but the instance's keys. Only the owner of
// the instance may ask for it, since its user gets a new password, and sessions
// with the old one are ended. That is done at the first call that reaches Redis,
// and again whenever Redis has forgotten the user: it keeps none over a restart
// unless it has an aclfile.
//
// What Discovery and [Server.DropPrefix] need goes beyond one instance's keys;
// they work with the Server itself. So do [Cache.Keys] and [Cache.DeletePattern],
// for SCAN tells the names of all keys. Close closes its connections and leaves s
// as it is.
func (s *Server) As(p Prefix) (*Server, error) {
	copts, err := s.opts.clientOptions()
	if err != nil {
		return nil, err
	}
	user := &instanceUser{
		through: s, prefix: p, name: UserName(p, copts.DB), password: rand.Text(), log: s.log, making: make(chan struct{}, 1),
	}
	copts.Username, copts.Password = "", ""
	copts.CredentialsProvider = func() (string, string) { return user.name, user.password }
	copts.PoolSize = userPoolSize
	return &Server{
		client: goredis.NewClient(copts), opts: s.opts, as: user, watch: s.watch,
		addr: s.addr, user: user.name, root: string(p), timeout: s.timeout, log: s.log,
	}, nil
}

// doAs is do by an instance's user, which is made first, and again if Redis does
// not know it any more.
func (s *Server) doAs(ctx context.Context, fn func(context.Context, *goredis.Client) error) error {
	tried := s.as.madeAt()
	if tried.IsZero() {
		if err := s.as.make(ctx, tried); err != nil {
			return err
		}
		tried = s.as.madeAt()
	}
	err := s.attempt(ctx, fn)
	if _, denied := errors.AsType[*PermissionError](err); !denied && !errors.Is(err, ErrAuth) {
		return err
	}
	if makeErr := s.as.make(ctx, tried); makeErr != nil {
		return fmt.Errorf("%w; making the user anew: %w", err, makeErr)
	}
	return s.attempt(ctx, fn)
}

// String leaves the password out, however the user is printed.
func (u *instanceUser) String() string { return "user " + u.name }

// GoString is String, for %#v.
func (u *instanceUser) GoString() string { return u.String() }

func (u *instanceUser) madeAt() time.Time {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.made
}

// make makes the user, unless somebody has done so since the given time.
func (u *instanceUser) make(ctx context.Context, since time.Time) error {
	select {
	case u.making <- struct{}{}:
		defer func() { <-u.making }()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	if u.madeAt() != since {
		return nil
	}
	if since.IsZero() {
		// Changing a password ends no session; deleting the user does.
		if err := u.through.dropUser(ctx, u.name); err != nil {
			return err
		}
	}
	err := u.through.do(ctx, func(ctx context.Context, c *goredis.Client) error {
		return c.Do(ctx, u.rules(c.Options().DB)...).Err()
	})
	if err != nil {
		return fmt.Errorf("making user %q: %w", u.name, err)
	}
	if !since.IsZero() {
		u.log.Info("redis had forgotten the user of an instance, which is there again", "user", u.name)
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	u.made = time.Now()
	return nil
}

// rules is the command that makes the user: all at once, so that it never has
// other rights than these.
func (u *instanceUser) rules(database int) []any {
	sum := sha256.Sum256([]byte(u.password))
	args := []any{"acl", "setuser", u.name, "reset", "resetchannels", "on", "#" + hex.EncodeToString(sum[:])}
	for _, pattern := range u.prefix.patterns() {
		args = append(args, "~"+pattern, "&"+pattern)
	}
	for _, rule := range userRules {
		args = append(args, rule)
	}
	if database > 0 {
		args = append(args, "+select")
	}
	return args
}

// DropUser deletes the user of an instance and ends its sessions. One that does
// not exist is no error.
func (s *Server) DropUser(ctx context.Context, p Prefix) error {
	return s.dropUser(ctx, UserName(p, s.client.Options().DB))
}

func (s *Server) dropUser(ctx context.Context, name string) error {
	err := s.do(ctx, func(ctx context.Context, c *goredis.Client) error {
		return c.Do(ctx, "acl", "deluser", name).Err()
	})
	if err != nil {
		return fmt.Errorf("deleting user %q: %w", name, err)
	}
	return nil
}

// CheckUsers is [Server.Check] for what it takes to give instances users.
func (s *Server) CheckUsers(ctx context.Context) error {
	missing := &PermissionError{User: s.user}
	for _, args := range [][]any{
		{"acl", "setuser", userPrefix + "@check", "reset", "off"}, // no instance is called so
		{"acl", "deluser", userPrefix + "@check"},
	} {
		err := s.attempt(ctx, func(ctx context.Context, c *goredis.Client) error { return c.Do(ctx, args...).Err() })
		if denied, ok := errors.AsType[*PermissionError](err); ok {
			missing.Commands = append(missing.Commands, denied.Commands...)
		} else if err != nil {
			return err
		}
	}
	if missing.empty() {
		return nil
	}
	return fmt.Errorf("%w; redis.isolation: role needs it, and custodian provision prints all that is needed", missing)
}
