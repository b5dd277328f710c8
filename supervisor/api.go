package supervisor

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/store/redis"
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
	if err := i.awaitStart(ctx, 0); err != nil {
		undo, cancel := context.WithTimeout(context.WithoutCancel(ctx), abortAfter)
		defer cancel()
		_, removeErr := s.Remove(undo, entry.Name, RemoveOptions{Wait: true})
		return Status{}, errors.Join(&Error{Kind: KindUnavailable,
			Message: fmt.Sprintf("instance %q did not start and was forgotten: %v", entry.Name, err)}, removeErr)
	}
	return i.snapshot(), nil
}

func (s *Supervisor) addEntry(ctx context.Context, entry config.Instance) (*instance, error) {
	if err := s.lock(ctx); err != nil {
		return nil, err
	}
	defer s.unlock()
	if i, err := s.find(entry.Name); err == nil {
		status := i.snapshot()
		return nil, &Error{Kind: KindConflict,
			Message: fmt.Sprintf("instance %q exists already; it is %s and managed by the %s", entry.Name, status.State, status.ManagedBy)}
	}
	next := s.desired.clone()
	next.forget(entry.Name) // what an instance of that name once was is of no concern
	next.entries = append(next.entries, entry)
	t, err := s.resolve(s.file, next)
	if err != nil {
		return nil, refusal(err)
	}
	err = s.change(ctx, func(d *desired) { *d = next })
	if err != nil {
		return nil, err
	}
	return s.add(t.specs[entry.Name], FromAPI, s.desired), nil
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
		return i.await(ctx, func(i *instance) bool { return i.status.State == StateDrained || i.want != wantStopped })
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
		return &Error{Kind: KindUnavailable, Message: fmt.Sprintf("instance %q did not start: %v", i.specNow().Name, err)}
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
	if i.busy != "" {
		return nil, &Error{Kind: KindConflict, Message: fmt.Sprintf("instance %q is being %s; wait for that to end", name, i.busy)}
	}
	return i, nil
}

// occupy marks an instance as busy with a long operation, so that no other
// begins, and returns what ends that.
func (s *Supervisor) occupy(ctx context.Context, name, with string) (*instance, func(), error) {
	if err := s.lock(ctx); err != nil {
		return nil, nil, err
	}
	defer s.unlock()
	i, err := s.free(name)
	if err != nil {
		return nil, nil, err
	}
	i.setBusy(with)
	return i, func() { i.setBusy("") }, nil
}

// RemoveOptions adjust [Supervisor.Remove].
type RemoveOptions struct {
	// Grace is for the drain; 0 means the instance's own.
	Grace time.Duration
	// Purge also drops its books and its keys in Redis.
	Purge bool
	// Wait makes Remove return only when all is done.
	Wait bool
}

// Remove drains an instance and forgets it. Entries of a file are not forgotten
// but refused with [KindConflict]: they would be back at the next reading.
func (s *Supervisor) Remove(ctx context.Context, name string, opts RemoveOptions) (Status, error) {
	i, release, err := s.occupy(ctx, name, "removed")
	if err != nil {
		return Status{}, err
	}
	status := i.snapshot()
	if status.ManagedBy == FromFile {
		release()
		return Status{}, &Error{Kind: KindConflict,
			Message: fmt.Sprintf("instance %q is managed by a configuration file: remove it there, or drain it", name)}
	}
	return s.background(ctx, i, opts.Wait, func(ctx context.Context) error {
		spec := i.specNow()
		s.removed(i, i.deadlineFor(opts.Grace))
		var err error
		if opts.Purge {
			err = s.purge(ctx, spec)
		}
		// Only now is it forgotten: had the process died before, it would be
		// back and could be removed again.
		if lockErr := s.lock(ctx); lockErr != nil {
			return errors.Join(err, lockErr)
		}
		defer s.unlock()
		return errors.Join(err, s.change(ctx, func(d *desired) { d.forget(name) }))
	})
}

// Reset drains an instance, drops its books and its keys in Redis, and starts
// it again with its opening, if it is meant to run.
func (s *Supervisor) Reset(ctx context.Context, name string, grace time.Duration, wait bool) (Status, error) {
	i, release, err := s.occupy(ctx, name, "reset")
	if err != nil {
		return Status{}, err
	}
	return s.background(ctx, i, wait, func(ctx context.Context) error {
		defer release()
		before := i.wantNow()
		i.setWant(wantStopped, i.deadlineFor(grace))
		if err := i.await(ctx, func(i *instance) bool { return i.status.State == StateDrained }); err != nil {
			return err
		}
		err := s.purge(ctx, i.specNow())
		if before == wantStopped {
			return err
		}
		attempts := i.setWant(wantRunning, time.Time{})
		return errors.Join(err, s.awaitStart(ctx, i, attempts))
	})
}

// background runs a long operation to its end even if the caller leaves, and
// waits for it if wished.
func (s *Supervisor) background(ctx context.Context, i *instance, wait bool, fn func(context.Context) error) (Status, error) {
	done := make(chan error, 1)
	go func() {
		err := fn(s.host.abort)
		if err != nil {
			i.logger().Error("operation failed", "error", err)
		}
		done <- err
	}()
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

// purge drops a stopped instance's books and keys.
func (s *Supervisor) purge(ctx context.Context, spec Spec) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	err := s.host.storages.drop(ctx, spec)
	if err != nil {
		err = fmt.Errorf("dropping the books of %q: %w", spec.Name, err)
	}
	server, release, redisErr := s.host.redisOf(ctx, spec)
	if redisErr != nil || server == nil {
		return errors.Join(err, redisErr)
	}
	defer release()
	if _, redisErr := server.DropPrefix(ctx, redis.Prefix(spec.RedisPrefix)); redisErr != nil {
		err = errors.Join(err, fmt.Errorf("dropping the keys of %q: %w", spec.Name, redisErr))
	}
	return err
}

// Document is the whole desired state, as GET and PUT /admin/v1/config show it.
type Document struct {
	// Instances are all entries. Those of a file can be seen here but changed
	// only there.
	Instances []Entry `json:"instances"`
	// Drained and Paused name the instances that are meant to be so.
	Drained []string `json:"drained"`
	Paused  []string `json:"paused"`
}

// Entry is one instance's entry.
type Entry struct {
	Instance  config.Instance
	ManagedBy Origin
}

// Desired returns the whole desired state and its entity tag.
func (s *Supervisor) Desired(ctx context.Context) (Document, string, error) {
	if err := s.lock(ctx); err != nil {
		return Document{}, "", err
	}
	defer s.unlock()
	doc := s.document(s.file, s.desired)
	return doc, s.tag(), nil
}

func (s *Supervisor) document(file config.Config, d desired) Document {
	doc := Document{Drained: nonNil(d.Drained), Paused: nonNil(d.Paused), Instances: []Entry{}}
	for _, entry := range file.Instances {
		doc.Instances = append(doc.Instances, Entry{entry, FromFile})
	}
	for _, entry := range d.entries {
		doc.Instances = append(doc.Instances, Entry{entry, FromAPI})
	}
	return doc
}

func nonNil(list []string) []string {
	if list == nil {
		return []string{}
	}
	return slices.Clone(list)
}

// tag changes whenever the file's entries or the API's decisions do.
func (s *Supervisor) tag() string {
	return fmt.Sprintf("%d-%s", s.revision, s.file.Hash())
}

// Apply makes a document the desired state and sets the difference in motion.
// The tag, if not empty, must be the current one, else it fails with
// [KindStale]. A dry run only returns the plan. Entries of a file must be there
// unchanged.
func (s *Supervisor) Apply(ctx context.Context, doc Document, tag string, dryRun bool) ([]Change, string, error) {
	if err := s.lock(ctx); err != nil {
		return nil, "", err
	}
	defer s.unlock()
	if tag != "" && tag != s.tag() {
		return nil, "", &Error{Kind: KindStale, Message: "the configuration changed since it was read; read it again and repeat the change"}
	}
	next, err := s.desiredOf(doc)
	if err != nil {
		return nil, "", err
	}
	t, err := s.resolve(s.file, next)
	if err != nil {
		return nil, "", refusal(err)
	}
	for _, list := range [][]string{next.Drained, next.Paused} {
		for _, name := range list {
			if _, known := t.specs[name]; !known {
				return nil, "", &Error{Kind: KindInvalid, Message: fmt.Sprintf("drained and paused name %q, which is no entry of instances", name)}
			}
		}
	}
	changes := s.plan(t, next)
	if dryRun {
		return changes, s.tag(), nil
	}
	if err := s.change(ctx, func(d *desired) { *d = next }); err != nil {
		return nil, "", err
	}
	_, err = s.apply(s.file, s.desired)
	return changes, s.tag(), err
}

// desiredOf takes the API's part out of a document.
func (s *Supervisor) desiredOf(doc Document) (desired, error) {
	var d desired
	inFile := make(map[string]config.Instance, len(s.file.Instances))
	for _, entry := range s.file.Instances {
		inFile[entry.Name] = entry
	}
	for _, entry := range doc.Instances {
		was, ofFile := inFile[entry.Instance.Name]
		if !ofFile {
			d.entries = append(d.entries, entry.Instance)
			continue
		}
		delete(inFile, entry.Instance.Name)
		if config.InstanceHash(was) != config.InstanceHash(entry.Instance) {
			return d, &Error{Kind: KindConflict,
				Message: fmt.Sprintf("instance %q is managed by a configuration file: change it there", entry.Instance.Name)}
		}
	}
	for name := range inFile {
		return d, &Error{Kind: KindConflict,
			Message: fmt.Sprintf("instance %q is managed by a configuration file: it cannot be left out here; remove it there, or drain it", name)}
	}
	for _, name := range doc.Drained {
		setMember(&d.Drained, name, true)
	}
	for _, name := range doc.Paused {
		setMember(&d.Paused, name, true)
	}
	return d, nil
}
