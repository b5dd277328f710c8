package supervisor

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/supervisor/config"
)

// Add adds an instance, persists its entry and starts it. The entry must come
// from [config.ParseInstance], which checks it by itself. With wait Add returns
// once the instance serves; if its first start fails it is forgotten again and
// the error says why. Refusals are [*Error] values: [KindConflict] where a
// name, port, schema or prefix is taken.
func (s *Supervisor) Add(ctx context.Context, entry config.Instance, wait bool) (Status, error) {
	i, err := s.addEntry(ctx, entry)
	if err != nil {
		return Status{}, err
	}
	if !wait {
		return i.snapshot(), nil
	}
	err = i.awaitStart(ctx, 0)
	if err == nil || errors.Is(err, errStopped) || errors.Is(err, errGone) {
		return i.snapshot(), nil // stopped meanwhile means that it was there to be stopped
	}
	refusal := &Error{Kind: KindUnavailable,
		Message: fmt.Sprintf("instance %q did not start and is forgotten: %s", entry.Name, summary(err))}
	undo, cancel := context.WithTimeout(context.WithoutCancel(ctx), abortAfter)
	defer cancel()
	// Nothing is left of it but books that an earlier instance left behind.
	if _, err := s.removeThis(undo, i, RemoveOptions{Wait: true, purgeEmpty: true}); err != nil {
		refusal.Message += "; forgetting it: " + err.Error()
	}
	return Status{}, refusal
}

func (s *Supervisor) addEntry(ctx context.Context, entry config.Instance) (*instance, error) {
	return s.addEntryAs(ctx, entry, func(*desired) {})
}

// addEntryAs adds an entry, with what else is to be desired of it.
func (s *Supervisor) addEntryAs(ctx context.Context, entry config.Instance, also func(*desired)) (*instance, error) {
	if err := s.lock(ctx); err != nil {
		return nil, err
	}
	defer s.unlock()
	if i, err := s.find(entry.Name); err == nil {
		status := i.snapshot()
		message := fmt.Sprintf("instance %q exists already; it is %s and managed by the %s", entry.Name, status.State, status.ManagedBy)
		return nil, &Error{Kind: KindConflict, Message: message, Problems: []config.Problem{{Key: "name", Message: message}}}
	}
	next := s.desired.clone()
	next.forget(entry.Name) // what an instance of that name once was is of no concern
	next.entries = append(next.entries, entry)
	also(&next)
	t, err := s.resolve(s.file, next)
	if err != nil {
		return nil, refusal(keysOfOneEntry(err))
	}
	if err := s.displaced(entry, t); err != nil {
		return nil, refusal(err)
	}
	err = s.change(ctx, func(d *desired) { *d = next })
	if err != nil {
		return nil, err
	}
	return s.add(t.specs[entry.Name], FromAPI, s.desired), nil
}

// displaced returns the problems of an entry that asks for ports which others were
// given. Who writes a configuration can move them to other ports; who adds an entry
// asks for nothing of others.
func (s *Supervisor) displaced(entry config.Instance, t target) error {
	inUse := s.portsInUse()
	found := new(config.Problems)
	for _, asked := range []struct {
		key  string
		port int
	}{{"http_port", entry.HTTPPort}, {"grpc_port", entry.GRPCPort}} {
		if asked.port == 0 {
			continue
		}
		for _, name := range slices.Sorted(maps.Keys(inUse)) {
			holder := ""
			switch asked.port {
			case inUse[name].HTTP:
				holder = "http_port"
			case inUse[name].GRPC:
				holder = "grpc_port"
			}
			if _, stays := t.specs[name]; !stays || name == entry.Name || holder == "" {
				continue
			}
			found.List = append(found.List, config.Problem{Key: asked.key,
				Message: fmt.Sprintf("port %d of instance %q is taken by %s of instance %q", asked.port, entry.Name, holder, name)})
		}
	}
	if len(found.List) == 0 {
		return nil
	}
	return found
}

// refusal turns the problems of entries that are right by themselves into an
// [*Error]: what is left is that they conflict with one another.
func refusal(err error) error {
	problems, ok := errors.AsType[*config.Problems](err)
	if !ok {
		return err
	}
	return &Error{Kind: KindConflict, Message: problems.Error(), Problems: problems.List}
}

// keysOfOneEntry takes the place in the list of all entries out of the keys of
// problems: who adds one entry gave no list. The messages name the instances.
func keysOfOneEntry(err error) error {
	problems, ok := errors.AsType[*config.Problems](err)
	if !ok {
		return err
	}
	out := &config.Problems{List: slices.Clone(problems.List), Omitted: problems.Omitted}
	for i := range out.List {
		if rest, found := strings.CutPrefix(out.List[i].Key, "instances["); found {
			if _, key, found := strings.Cut(rest, "]."); found {
				out.List[i].Key = key
			}
		}
	}
	return out
}

// Drain stops an instance in good order: within grace (its own where 0), what
// is in flight is finished. Data and entry are kept, and it stays drained over
// a restart of the process. Draining what is drained changes nothing.
func (s *Supervisor) Drain(ctx context.Context, name string, grace time.Duration, wait bool) (Status, error) {
	return s.operate(ctx, name, wait, func(i *instance) error {
		if err := s.change(ctx, func(d *desired) { setMember(&d.Drained, name, true) }); err != nil {
			return err
		}
		i.setWant(wantStopped, i.deadlineFor(grace))
		return nil
	}, func(ctx context.Context, i *instance, _ int) error {
		if err := i.awaitDrained(ctx); !errors.Is(err, errGone) {
			return err
		}
		return nil // gone is drained as well
	})
}

// Start starts a drained or failed instance; starting what runs changes nothing.
func (s *Supervisor) Start(ctx context.Context, name string, wait bool) (Status, error) {
	return s.operate(ctx, name, wait, func(i *instance) error {
		if err := s.change(ctx, func(d *desired) { setMember(&d.Drained, name, false) }); err != nil {
			return err
		}
		i.setWant(wantRunning, time.Time{})
		return nil
	}, s.awaitStart)
}

// Restart drains an instance within grace (its own where 0) and starts it again.
func (s *Supervisor) Restart(ctx context.Context, name string, grace time.Duration, wait bool) (Status, error) {
	return s.operate(ctx, name, wait, func(i *instance) error {
		if err := s.change(ctx, func(d *desired) { setMember(&d.Drained, name, false) }); err != nil {
			return err
		}
		i.setWant(wantRestarted, i.deadlineFor(grace))
		return nil
	}, s.awaitStart)
}

// Pause makes an instance answer 503 "paused" on its ports until it is resumed,
// also over a restart.
func (s *Supervisor) Pause(ctx context.Context, name string) (Status, error) {
	return s.setPaused(ctx, name, true)
}

// Resume ends a pause.
func (s *Supervisor) Resume(ctx context.Context, name string) (Status, error) {
	return s.setPaused(ctx, name, false)
}

func (s *Supervisor) setPaused(ctx context.Context, name string, paused bool) (Status, error) {
	return s.operate(ctx, name, false, func(i *instance) error {
		if err := s.change(ctx, func(d *desired) { setMember(&d.Paused, name, paused) }); err != nil {
			return err
		}
		i.setPaused(paused)
		return nil
	}, nil)
}

// operate runs an operation on one instance under the change lock and, with
// wait, waits for its effect afterwards.
func (s *Supervisor) operate(ctx context.Context, name string, wait bool,
	do func(*instance) error, await func(context.Context, *instance, int) error,
) (Status, error) {
	if err := s.lock(ctx); err != nil {
		return Status{}, err
	}
	i, err := s.free(name)
	attempts := 0
	if err == nil {
		attempts = i.attemptsNow()
		err = do(i)
	}
	s.unlock()
	if err != nil {
		return Status{}, err
	}
	if wait {
		err = await(ctx, i, attempts)
	}
	return i.snapshot(), err
}

func (s *Supervisor) awaitStart(ctx context.Context, i *instance, before int) error {
	if err := i.awaitStart(ctx, before); err != nil {
		if ctx.Err() != nil {
			return err
		}
		kind := KindUnavailable
		if errors.Is(err, errStopped) || errors.Is(err, errGone) {
			kind = KindConflict
		}
		return &Error{Kind: kind, Message: fmt.Sprintf("instance %q did not start: %s", i.name, summary(err))}
	}
	return nil
}

// free returns an instance that no longer operation is busy with.
func (s *Supervisor) free(name string) (*instance, error) {
	i, err := s.find(name)
	if err != nil {
		return nil, err
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	busy := ""
	if i.busy != nil {
		busy = i.busy.with
	}
	if i.want == wantRemoved {
		busy = "removed"
	}
	if busy != "" {
		return nil, &Error{Kind: KindConflict, Message: fmt.Sprintf("instance %q is being %s; wait for that to end", name, busy)}
	}
	return i, nil
}
