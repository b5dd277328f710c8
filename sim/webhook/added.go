package webhook

import (
	"context"
	"fmt"
	"time"
)

// lookPatience is how long a look at the endpoints waits for those that are kept.
const lookPatience = time.Second

// bringBack adds the endpoints that are kept, trying again until it has read them
// or stop ends, which it reports as false. Those whose id is configured since
// give way. Those that are against the present rules are not served, but kept:
// they are back when the rules allow them again.
func (m *Manager) bringBack(stop context.Context) bool {
	if m.opts.Added == nil || m.current() != waiting {
		return true
	}
	for wait := minTrouble; ; wait = min(2*wait, maxTrouble) {
		var kept []Endpoint
		err := guarded(func() (err error) {
			kept, err = m.opts.Added.Load(stop)
			return err
		})
		m.opts.reportPanic(err)
		if err == nil {
			m.take(kept)
			return true
		}
		if stop.Err() != nil {
			return false
		}
		if wait == minTrouble {
			m.opts.Logger.Warn("webhook endpoints could not be read, trying again", "error", err)
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-stop.Done():
			timer.Stop()
			return false
		}
	}
}

func (m *Manager) take(kept []Endpoint) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, e := range kept {
		if m.configured[e.ID] || m.endpoints[e.ID] != nil {
			continue
		}
		d, err := m.deliverer(e, new(progress))
		if err != nil {
			m.opts.Logger.Warn("webhook endpoint is not allowed any more and is not served", "endpoint", e.ID, "error", err)
			m.shelved[e.ID] = true
			continue
		}
		m.endpoints[e.ID] = d
	}
}

// awaitKept waits until the endpoints that are kept are there, and reports
// whether they are.
func (m *Manager) awaitKept(ctx context.Context) bool {
	if m.opts.Added == nil || m.current() == ended {
		return true
	}
	select {
	case <-m.begun:
		return true
	case <-ctx.Done():
		return m.current() != waiting
	}
}

// look waits a moment for the endpoints that are kept, so that a look right after
// a start finds them.
func (m *Manager) look() {
	ctx, cancel := context.WithTimeout(context.Background(), lookPatience)
	defer cancel()
	m.awaitKept(ctx)
}

// keep saves an endpoint that was added, with the place where it begins or, with
// none, as it is. There is nothing to keep of one that is configured.
func (m *Manager) keep(ctx context.Context, e Endpoint, state *State) error {
	if m.opts.Added == nil || m.configured[e.ID] {
		return nil
	}
	if err := guarded(func() error { return m.opts.Added.Save(ctx, e, state) }); err != nil {
		m.opts.reportPanic(err)
		return fmt.Errorf("saving the settings: %w", err)
	}
	return nil
}
