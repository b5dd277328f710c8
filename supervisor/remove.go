package supervisor

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/guard"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/store/redis"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/supervisor/config"
)

// RemoveOptions adjust [Supervisor.Remove].
type RemoveOptions struct {
	// Grace is for the drain; 0 means the instance's own.
	Grace time.Duration
	// Purge also drops its books and its keys in Redis.
	Purge bool
	// Wait makes Remove return only when all is done.
	Wait bool

	// purgeEmpty is Purge for books that no event was ever written to.
	purgeEmpty bool
}

// Remove drains an instance and forgets it. Entries of a file are not forgotten
// but refused with [KindConflict]: they would be back at the next reading. If
// its books cannot be purged it stays, drained, and can be removed again.
func (s *Supervisor) Remove(ctx context.Context, name string, opts RemoveOptions) (Status, error) {
	return s.long(ctx, name, nil, "removed", opts.Wait, s.toRemove(ctx, opts))
}

// removeThis removes an instance unless another has taken its place.
func (s *Supervisor) removeThis(ctx context.Context, i *instance, opts RemoveOptions) (Status, error) {
	return s.long(ctx, i.name, i, "removed", opts.Wait, s.toRemove(ctx, opts))
}

func (s *Supervisor) toRemove(ctx context.Context, opts RemoveOptions) func(*instance) (operation, error) {
	return func(i *instance) (operation, error) {
		if i.snapshot().ManagedBy == FromFile {
			return nil, &Error{Kind: KindConflict,
				Message: fmt.Sprintf("instance %q is managed by a configuration file: remove it there, or drain it", i.name)}
		}
		// Should the process die before all is done, the instance is back,
		// drained, and can be removed again.
		if err := s.change(ctx, func(d *desired) { setMember(&d.Drained, i.name, true) }); err != nil {
			return nil, err
		}
		i.setWant(wantStopped, i.deadlineFor(opts.Grace))
		return func(ctx context.Context, o *occupation) error { return s.remove(ctx, i, o, opts) }, nil
	}
}

func (s *Supervisor) remove(ctx context.Context, i *instance, o *occupation, opts RemoveOptions) error {
	if err := i.awaitStopped(ctx); err != nil {
		return err
	}
	purge := opts.Purge
	if opts.purgeEmpty && !purge {
		var err error
		if purge, err = s.host.storages.empty(ctx, i.specNow()); err != nil {
			i.log.Warn("books of a start that failed may be left", "error", err)
		}
	}
	if purge {
		if err := s.purge(ctx, i.specNow()); err != nil {
			return err
		}
	}
	if err := s.forget(ctx, i.name); err != nil {
		return err
	}
	s.removed(i, time.Now(), o)
	return nil
}

func (s *Supervisor) forget(ctx context.Context, name string) error {
	if err := s.lock(ctx); err != nil {
		return err
	}
	defer s.unlock()
	return s.change(ctx, func(d *desired) { d.forget(name) })
}

// Reset drains an instance, drops its books and its keys in Redis, and starts
// it again with its opening, if it is meant to run.
func (s *Supervisor) Reset(ctx context.Context, name string, grace time.Duration, wait bool) (Status, error) {
	return s.long(ctx, name, nil, "reset", wait, func(i *instance) (operation, error) {
		i.setWant(wantStopped, i.deadlineFor(grace))
		return func(ctx context.Context, o *occupation) error { return s.reset(ctx, i, o) }, nil
	})
}

func (s *Supervisor) reset(ctx context.Context, i *instance, o *occupation) error {
	if err := i.awaitStopped(ctx); err != nil {
		return err
	}
	err := s.purge(ctx, i.specNow())
	before := i.attemptsNow()
	s.converge(i, o)
	if i.wantNow() != wantRunning {
		return err
	}
	return errors.Join(err, s.awaitStart(ctx, i, before))
}

// operations is what they are called where they panic.
const operations = "operation"

// occupation is one long operation that an instance is busy with. It is told
// from others by its address: one that has given the instance back may still
// have something to wait for while the next one is under way already.
type occupation struct{ with string }

// operation is the part of a long operation that runs behind its caller. It may
// end its occupation before it ends itself.
type operation func(ctx context.Context, o *occupation) error

// long runs a long operation on an instance, which is busy with it meanwhile,
// so that no other begins. What prepare does is done when long returns, the
// rest goes on to its end even if the caller leaves. With only, the instance
// must be that one.
func (s *Supervisor) long(ctx context.Context, name string, only *instance, with string, wait bool,
	prepare func(*instance) (operation, error),
) (Status, error) {
	i, o, rest, err := s.occupy(ctx, name, only, with, prepare)
	if err != nil {
		return Status{}, err
	}
	done := make(chan error, 1)
	guard.Go(operations, i.panicked, func() {
		defer s.ops.Done()
		err := guard.Run(operations, func() error { return rest(s.host.abort, o) })
		if p, ok := errors.AsType[*guard.Panic](err); ok {
			i.panicked(p)
		}
		if i.isBusyWith(o) {
			s.converge(i, o)
		}
		if err != nil {
			level := slog.LevelError
			if refusal, ok := errors.AsType[*Error](err); ok && refusal.Kind != KindUnavailable {
				level = slog.LevelWarn // the caller's mistake, and the caller is told
			}
			i.log.Log(s.host.abort, level, "instance could not be "+with, "error", err)
		}
		done <- err
	})
	if !wait {
		return i.snapshot(), nil
	}
	select {
	case err := <-done:
		return i.snapshot(), err
	case <-ctx.Done():
		return i.snapshot(), ctx.Err()
	}
}

// occupy marks an instance as busy and prepares an operation on it.
func (s *Supervisor) occupy(ctx context.Context, name string, only *instance, with string,
	prepare func(*instance) (operation, error),
) (*instance, *occupation, operation, error) {
	if err := s.lock(ctx); err != nil {
		return nil, nil, nil, err
	}
	defer s.unlock()
	i, err := s.free(name)
	if err != nil {
		return nil, nil, nil, err
	}
	if only != nil && i != only {
		return nil, nil, nil, &Error{Kind: KindNotFound, Message: fmt.Sprintf("instance %q is another one by now", name)}
	}
	rest, err := prepare(i)
	if err != nil {
		return nil, nil, nil, err
	}
	o := &occupation{with}
	i.setBusy(o)
	s.ops.Add(1) // under the lock, which the shutdown takes before it waits
	return i, o, rest, nil
}

// purgeTimeout bounds the dropping of an instance's books and keys.
const purgeTimeout = time.Minute

// purge drops a stopped instance's books and keys.
func (s *Supervisor) purge(ctx context.Context, spec Spec) error {
	ctx, cancel := context.WithTimeout(ctx, purgeTimeout)
	defer cancel()
	if err := s.purgeAll(ctx, spec); err != nil {
		return &Error{Kind: KindUnavailable, Message: err.Error()}
	}
	return nil
}

func (s *Supervisor) purgeAll(ctx context.Context, spec Spec) error {
	err := s.host.storages.drop(ctx, spec)
	if err != nil {
		err = fmt.Errorf("dropping the books of %q: %w", spec.Name, err)
	}
	server, release, redisErr := s.host.redisOf(ctx, spec)
	if redisErr != nil || server == nil {
		return errors.Join(err, redisErr)
	}
	defer release()
	if spec.Redis.Isolation == config.IsolationRole {
		if redisErr := server.DropUser(ctx, redis.Prefix(spec.RedisPrefix)); redisErr != nil {
			err = errors.Join(err, fmt.Errorf("deleting the Redis user of %q: %w", spec.Name, redisErr))
		}
	}
	if _, redisErr := server.DropPrefix(ctx, redis.Prefix(spec.RedisPrefix)); redisErr != nil {
		err = errors.Join(err, fmt.Errorf("dropping the keys of %q: %w", spec.Name, redisErr))
	}
	return err
}

// forgetTimeout bounds the dropping of what an instance logged in with.
const forgetTimeout = 10 * time.Second

// forgetLogins drops the role and the user of an instance that is gone. It has
// no books to lose by that and nobody waits for it, so what fails is only told.
func (s *Supervisor) forgetLogins(spec Spec) {
	ctx, cancel := context.WithTimeout(s.host.abort, forgetTimeout)
	defer cancel()
	err := s.host.storages.forget(ctx, spec)
	if spec.Redis.Isolation == config.IsolationRole {
		server, release, redisErr := s.host.redisOf(ctx, spec)
		if redisErr == nil {
			redisErr = server.DropUser(ctx, redis.Prefix(spec.RedisPrefix))
			release()
		}
		err = errors.Join(err, redisErr)
	}
	if err != nil {
		s.opts.Logger.Warn("the logins of an instance that was removed could not be dropped; they are of no use to anybody, for their passwords are lost",
			"instance", spec.Name, "error", err)
	}
}
