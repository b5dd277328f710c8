package supervisor

import (
	"context"
	"time"
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
	}
	i.want = w
	close(i.wake)
	i.wake = make(chan struct{})
	return i.attempts
}

// replace gives the instance a new entry; it takes effect with the restart that
// the caller asks for.
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
	i.paused = paused
	g := i.group.Load()
	state := i.status.State
	i.mu.Unlock()
	if g == nil {
		return
	}
	g.engine.SetPaused(paused)
	switch {
	case paused && state == StateRunning:
		i.enter(StatePaused, "")
	case !paused && state == StatePaused:
		i.enter(StateRunning, "")
	}
}

// enter changes the state and tells everybody who waits for it.
func (i *instance) enter(state State, detail string) {
	i.mu.Lock()
	same := i.status.State == state && state != StatePending
	i.status.State = state
	i.status.Since = time.Now().UTC()
	switch state {
	case StateRunning, StatePaused:
		i.status.LastError, i.failure = "", nil
	case StateDrained:
		i.attempts++
	}
	name := i.spec.Name
	i.notifyLocked()
	i.mu.Unlock()
	if !same {
		i.host.events.add(name, string(state), detail)
	}
}

func (i *instance) notifyLocked() {
	close(i.changed)
	i.changed = make(chan struct{})
}

// ended records how a life ended.
func (i *instance) ended(err error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if err != nil {
		i.failure = err
		i.status.LastError = err.Error()
	}
	i.attempts++
	i.notifyLocked()
}

// draining records the progress of a drain.
func (i *instance) draining(step string, inFlight int) {
	i.mu.Lock()
	if i.status.Drain == nil || i.status.State != StateDraining {
		i.status.Drain = &DrainProgress{StartedAt: time.Now().UTC(), Deadline: i.deadline.UTC()}
	}
	progress := *i.status.Drain
	progress.Step, progress.InFlight = step, inFlight
	i.status.Drain = &progress
	i.status.State, i.status.Since = StateDraining, progress.StartedAt
	name := i.spec.Name
	i.notifyLocked()
	i.mu.Unlock()
	i.host.events.add(name, string(StateDraining), step)
}

func (i *instance) drainDeadline() time.Time {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.deadline
}

// snapshot returns the status as it is now.
func (i *instance) snapshot() Status {
	i.mu.Lock()
	s := i.status
	spec := i.spec
	i.mu.Unlock()
	s.Name, s.HTTPAddr, s.GRPCAddr = spec.Name, spec.HTTPAddr, spec.GRPCAddr
	s.Schema, s.RedisPrefix, s.Profile, s.Storage = spec.Schema, spec.RedisPrefix, spec.Profile, spec.Storage.Driver
	if g := i.group.Load(); g != nil {
		h := g.engine.Health()
		s.Ready = s.State == StateRunning && g.engine.Ready() == nil
		s.Degraded = s.Ready && g.redisErr() != nil
		s.Durable, s.Projected = h.Durable, h.Projected
		if h.Err != nil {
			s.LastError = h.Err.Error()
		}
	}
	return s
}

// await waits until met holds of the status, for which it is called under the
// instance's lock.
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
			return nil
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
		switch i.status.State {
		case StateRunning, StatePaused:
			return i.want == wantRunning
		case StateDrained:
			if i.want == wantStopped {
				return true
			}
		case StateFailed:
			failure = i.failure
			return true
		}
		if i.attempts > before && i.want == wantRunning {
			failure = i.failure
			return failure != nil
		}
		return false
	})
	if err == nil {
		err = failure
	}
	return err
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

func (i *instance) setBusy(with string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.busy = with
}

// deadlineFor returns when a drain that begins now must be over.
func (i *instance) deadlineFor(grace time.Duration) time.Time {
	if grace <= 0 {
		grace = i.specNow().DrainGrace.Std()
	}
	return time.Now().Add(grace)
}
