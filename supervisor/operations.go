package supervisor

import (
	"context"
	"errors"
	"strings"
	"time"
)

// errGone is returned to those who wait for an instance that is no more, and
// errStopped to those who wait for one to start that was stopped meanwhile.
var (
	errGone    = errors.New("the instance was removed meanwhile")
	errStopped = errors.New("the instance was stopped meanwhile")
)

// setWant says what the instance is to do from now on. Asking to drain while a
// drain is under way attaches to it: its deadline stands.
// It returns the number of starts that have ended so far, for awaitStart.
func (i *instance) setWant(w want, deadline time.Time) (attempts int) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.want == wantRemoved {
		return i.attempts // there is no way back
	}
	if w == wantRunning {
		if i.asked.Err() != nil {
			i.asked, i.ask = context.WithCancel(i.host.abort)
		}
	} else {
		if i.asked.Err() == nil {
			i.deadline = deadline
		}
		i.ask()
	}
	if w == wantRunning || w == wantRestarted {
		i.failure = nil // that of an earlier start is of no interest any more
		if i.status.State == StateFailed || i.status.State == StateDrained {
			i.enterLocked(StatePending, "") // so that these mean that nothing is under way
		}
	}
	i.want = w
	close(i.wake)
	i.wake = make(chan struct{})
	return i.attempts
}

// hurry brings the deadline of a drain under way forward. What is not finished
// by then is cut off.
func (i *instance) hurry(deadline time.Time) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if g := i.group; g != nil && deadline.Before(i.deadline) {
		i.deadline = deadline
		time.AfterFunc(time.Until(deadline), g.cut) // harmless once the group has ended
	}
}

// replace gives the instance a new entry; it takes effect with the next start.
func (i *instance) replace(spec Spec, origin Origin) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.spec = spec
	i.status.ManagedBy = origin
}

// setPaused pauses or resumes the instance, now if it runs and at its next
// start if it does not.
func (i *instance) setPaused(paused bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.paused = paused
	if i.group == nil || (i.status.State != StateRunning && i.status.State != StatePaused) {
		return
	}
	i.group.setPaused(paused)
	i.enterLocked(servingState(paused), "")
}

func servingState(paused bool) State {
	if paused {
		return StatePaused
	}
	return StateRunning
}

// serve notes that a group serves now.
func (i *instance) serve(g *group) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.group = g
	g.setPaused(i.paused)
	i.status.LastError, i.failure = "", nil
	i.enterLocked(servingState(i.paused), "")
}

// enter changes the state and tells everybody who waits for it.
func (i *instance) enter(state State, detail string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.enterLocked(state, detail)
}

func (i *instance) enterLocked(state State, detail string) {
	if i.status.State == state && state != StatePending {
		return
	}
	i.status.State = state
	i.status.Since = time.Now().UTC()
	if state == StateDrained && i.status.Drain != nil {
		done := *i.status.Drain
		done.Step, done.InFlight = "done", 0
		i.status.Drain = &done
	}
	i.notifyLocked()
	// Under the lock, so that the log has the states in their order.
	i.host.events.add(i.name, string(state), detail)
}

func (i *instance) notifyLocked() {
	close(i.changed)
	i.changed = make(chan struct{})
}

// ended records how a life ended. It reports whether that was unasked, and
// then returns a channel that is closed when something else is wanted.
func (i *instance) ended(asked context.Context, err error) (wake <-chan struct{}, unasked bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	unasked = err != nil && asked.Err() == nil
	switch {
	case unasked:
		i.failure = err
		i.status.LastError = summary(err)
	case err != nil && !errors.Is(err, context.Canceled):
		i.log.Warn("instance ended as asked, but not in good order", "error", err)
		i.status.LastError = summary(err)
	}
	i.attempts++
	i.notifyLocked()
	return i.wake, unasked
}

// summary is an error in one line. What follows in others, such as the stack of
// a panic, is in the log.
func summary(err error) string {
	line, _, _ := strings.Cut(err.Error(), "\n")
	return line
}

// draining records the progress of a drain.
func (i *instance) draining(step string, inFlight int) {
	i.mu.Lock()
	defer i.mu.Unlock()
	before := i.status.Drain
	if before == nil || i.status.State != StateDraining {
		before = &DrainProgress{StartedAt: time.Now().UTC()}
	}
	progress := DrainProgress{Step: step, StartedAt: before.StartedAt, Deadline: i.deadline.UTC(), InFlight: inFlight}
	if progress == *before {
		return
	}
	i.status.Drain = &progress
	i.status.State, i.status.Since = StateDraining, progress.StartedAt
	i.notifyLocked()
	i.host.events.add(i.name, string(StateDraining), step)
}

func (i *instance) drainDeadline() time.Time {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.deadline
}

// snapshot returns the status as it is now.
func (i *instance) snapshot() Status {
	i.mu.Lock()
	s, spec, g := i.status, i.spec, i.group
	i.mu.Unlock()
	s.Name, s.HTTPAddr, s.GRPCAddr = spec.Name, spec.HTTPAddr, spec.GRPCAddr
	s.Schema, s.RedisPrefix, s.Profile, s.Storage = spec.Schema, spec.RedisPrefix, spec.Profile, spec.Storage.Driver
	if g != nil {
		h := g.engine.Health()
		s.Ready = s.State == StateRunning && g.engine.Ready() == nil
		if s.Ready {
			s.DegradedBy = g.degradedBy()
			s.Degraded = s.DegradedBy != ""
		}
		s.Durable, s.Projected = h.Durable, h.Projected
		if h.Err != nil {
			s.LastError = summary(h.Err)
		}
	}
	return s
}

// await waits until met holds of the status, for which it is called under the
// instance's lock. It fails with errGone or the context's error.
func (i *instance) await(ctx context.Context, met func(i *instance) bool) error {
	for {
		i.mu.Lock()
		ok, changed := met(i), i.changed
		i.mu.Unlock()
		if ok {
			return nil
		}
		select {
		case <-changed:
		case <-i.gone:
			return errGone
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// awaitStart waits until the instance serves, and returns why not if the start
// that was wanted ends otherwise. Before is what setWant returned.
func (i *instance) awaitStart(ctx context.Context, before int) error {
	var failure error
	err := i.await(ctx, func(i *instance) bool {
		switch {
		case i.want == wantRestarted:
			return false
		case i.want != wantRunning:
			failure = errStopped
		case i.group != nil && i.group.asked.Err() == nil:
			return true
		case i.attempts > before || i.status.State == StateFailed:
			failure = i.failure
		}
		return failure != nil
	})
	if err == nil {
		err = failure
	}
	return err
}

// awaitDrained waits until the instance is drained, or is no longer meant to be.
func (i *instance) awaitDrained(ctx context.Context) error {
	return i.await(ctx, func(i *instance) bool { return i.status.State == StateDrained || i.want != wantStopped })
}

// awaitStopped waits until nothing of the instance runs. It fails if it is to
// be left alone then, as in a shutdown.
func (i *instance) awaitStopped(ctx context.Context) error {
	err := i.await(ctx, func(i *instance) bool { return i.status.State == StateDrained })
	if err == nil && i.wantNow() != wantStopped {
		err = errGone
	}
	return err
}

// wasCutOff reports whether the last drain had to break something off.
func (i *instance) wasCutOff() bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.cutOff
}

func (i *instance) attemptsNow() int {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.attempts
}

func (i *instance) wantNow() want {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.want
}

func (i *instance) setBusy(o *occupation) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.busy = o
}

// endBusy ends an occupation, and not one that has taken its place.
func (i *instance) endBusy(o *occupation) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.busy == o {
		i.busy = nil
	}
}

// isBusyWith says whether an occupation lasts.
func (i *instance) isBusyWith(o *occupation) bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.busy == o
}

func (i *instance) isBusy() bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.busy != nil
}

// isLeaving reports whether the instance is being removed, for good.
func (i *instance) isLeaving() bool { return i.wantNow() == wantRemoved }

// deadlineFor returns when a drain that begins now must be over.
func (i *instance) deadlineFor(grace time.Duration) time.Time {
	if grace <= 0 {
		grace = i.specNow().DrainGrace.Std()
	}
	return time.Now().Add(grace)
}
