package webhook

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
)

// Add adds an endpoint, which is served from now on if the Manager runs. When
// it returns, its settings (with [Options.Added]) and the place in the event log
// where it begins are durable. An endpoint of that id whose cursor is still kept
// goes on there. The ids that are configured are not for others, even after their
// removal.
// Errors are [sim.Error]: of code [sim.CodeInvalid] with the field, or
// [sim.CodeAlreadyExists], [sim.CodeLimitReached], [sim.CodeDraining],
// [sim.CodeOverloaded] where others change endpoints for long,
// [sim.CodeUnavailable] where the endpoint could not be saved: a crash of the
// store may leave it kept, then [Manager.Remove] and a repetition with its id work.
func (m *Manager) Add(ctx context.Context, e Endpoint) error {
	ctx, done, err := m.changing(ctx)
	if err != nil {
		return err
	}
	defer done()
	d, err := m.deliverer(e, new(progress))
	if err != nil {
		return err
	}
	if err := m.room(e.ID); err != nil {
		return err
	}
	if m.current() == running {
		d.startAt = m.opts.Source.Durable()
		if m.opts.Added != nil {
			d.keep = m.keep
		}
		if err := d.open(ctx); err != nil {
			m.opts.Logger.Warn("webhook endpoint could not be added", "endpoint", e.ID, "error", err)
			m.shelve(e.ID, true)
			return unavailable(fmt.Sprintf("the endpoint %s could not be saved and does not serve; repeat it with that id", e.ID))
		}
	}
	m.shelve(e.ID, false)
	m.started(d)
	return nil
}

// shelve notes that an endpoint may be kept that is not served, or that it is.
func (m *Manager) shelve(id string, shelved bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if delete(m.shelved, id); shelved && m.opts.Added != nil && len(m.shelved) < m.opts.MaxEndpoints {
		m.shelved[id] = true
	}
}

func (m *Manager) room(id string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.configured[id] && m.opts.Added != nil {
		return sim.Errorf(sim.CodeAlreadyExists, "the webhook endpoint %q is configured, under webhooks.endpoints of the configuration file or of the instance's entry; change it there, or take another id", id)
	}
	if m.endpoints[id] != nil {
		return sim.Errorf(sim.CodeAlreadyExists, "there is a webhook endpoint %q already; update it, or take another id", id)
	}
	if len(m.endpoints) >= m.opts.MaxEndpoints {
		return sim.Errorf(sim.CodeLimitReached, "there are %d webhook endpoints, which is the limit; remove one", m.opts.MaxEndpoints)
	}
	return nil
}

func unavailable(message string) error {
	return &sim.Error{Code: sim.CodeUnavailable, RetryAfter: time.Second, Message: message}
}

// Update replaces the settings of the endpoint with that id, which goes on at
// its cursor. It makes an endpoint active again that had answered 410. An
// attempt under way is cut off and made again, resends that wait are forgotten.
// Errors are as those of [Manager.Add], or [sim.CodeNotFound].
func (m *Manager) Update(ctx context.Context, e Endpoint) error {
	return m.replace(ctx, e.ID, func(Endpoint) Endpoint { return e })
}

// SetDisabled stops or takes up deliveries to an endpoint, also to one that had
// answered 410. Otherwise it is as [Manager.Update].
func (m *Manager) SetDisabled(ctx context.Context, id string, disabled bool) error {
	return m.replace(ctx, id, func(e Endpoint) Endpoint {
		e.Disabled = disabled
		return e
	})
}

func (m *Manager) replace(ctx context.Context, id string, with func(Endpoint) Endpoint) error {
	ctx, done, err := m.changing(ctx)
	if err != nil {
		return err
	}
	defer done()
	old, err := m.find(id)
	if err != nil {
		return err
	}
	d, err := m.deliverer(with(old.endpoint), old.progress)
	if err != nil {
		return err
	}
	if err := m.keep(ctx, d.endpoint, nil); err != nil {
		m.opts.Logger.Warn("webhook endpoint could not be changed", "endpoint", id, "error", err)
		return unavailable("the endpoint's settings could not be saved; nothing was changed")
	}
	old.close()
	d.startAt = old.startAt
	d.forgetWork()
	d.setGone("")
	m.started(d)
	m.changed(0)
	return nil
}

// Remove ends deliveries to an endpoint and forgets it and how far it has come.
// One that is configured is there again at the next start. Errors
// are [sim.Error] of code [sim.CodeNotFound], [sim.CodeDraining],
// [sim.CodeOverloaded], or [sim.CodeUnavailable] where the cursor could not be deleted and the endpoint
// stays.
func (m *Manager) Remove(ctx context.Context, id string) error {
	ctx, done, err := m.changing(ctx)
	if err != nil {
		return err
	}
	defer done()
	d, err := m.find(id)
	if err != nil && m.isShelved(id) {
		return m.removeShelved(ctx, id)
	}
	if err != nil {
		return err
	}
	d.close()
	if err := d.remove(ctx, m.opts.Cursors, id); err != nil {
		m.opts.reportPanic(err)
		m.opts.Logger.Warn("webhook endpoint could not be removed", "endpoint", id, "error", err)
		if again, err := m.deliverer(d.endpoint, d.progress); err == nil {
			again.startAt = d.startAt
			again.forgetWork()
			m.started(again)
		}
		return unavailable("the endpoint's cursor could not be deleted; the endpoint stays")
	}
	m.mu.Lock()
	delete(m.endpoints, id)
	m.mu.Unlock()
	m.opts.Metrics.ForgetWebhook(id)
	return nil
}

func (m *Manager) isShelved(id string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.shelved[id]
}

// removeShelved forgets an endpoint that is kept but not served.
func (m *Manager) removeShelved(ctx context.Context, id string) error {
	if err := new(progress).remove(ctx, m.opts.Cursors, id); err != nil {
		m.opts.reportPanic(err)
		m.opts.Logger.Warn("webhook endpoint could not be removed", "endpoint", id, "error", err)
		return unavailable("the endpoint could not be deleted; it stays")
	}
	m.shelve(id, false)
	return nil
}

// Endpoints returns the settings of all endpoints, secrets and all, by id: for
// storing them.
func (m *Manager) Endpoints() []Endpoint {
	all := m.sorted()
	endpoints := make([]Endpoint, len(all))
	for i, d := range all {
		endpoints[i] = d.endpoint
		endpoints[i].Events = append([]string(nil), d.endpoint.Events...)
	}
	return endpoints
}

// Resend sends the events from one sequence number to another, both in it,
// again to an endpoint, those that its filter selects; until 0 is the last
// durable one. It returns at once. The events go out in order, under their
// webhook-ids, beside the live ones, each with the retries of those. A restart
// forgets it. Errors are [sim.Error] of code [sim.CodeNotFound],
// [sim.CodeInvalid] with the field from or until, [sim.CodeWrongState] for an
// endpoint that is disabled, [sim.CodeOverloaded] when too many resends wait,
// [sim.CodeUnavailable] before Run and [sim.CodeDraining] after it.
func (m *Manager) Resend(id string, from, until uint64) error {
	last := m.opts.Source.Durable()
	if until == 0 {
		until = last
	}
	switch {
	case from == 0 || from > last:
		return sim.Invalid("from", "is %d; there are events 1 to %d", from, last)
	case until < from || until > last:
		return sim.Invalid("until", "is %d; %d to %d are allowed", until, from, last)
	}
	return m.resend(id, resend{{from, until}})
}

// ResendFailed sends the events again that are listed as given up, and returns
// how many those are. Those that are delivered leave the list. Otherwise it is
// as [Manager.Resend].
func (m *Manager) ResendFailed(id string) (int, error) {
	d, err := m.find(id)
	if err != nil {
		return 0, err
	}
	var job resend
	for _, f := range d.failedEvents() {
		job = append(job, span{f.Sequence, f.Sequence})
	}
	if len(job) == 0 {
		return 0, nil
	}
	return len(job), m.resend(id, job)
}

func (m *Manager) resend(id string, job resend) error {
	d, err := m.find(id)
	if err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case m.phase == waiting:
		return unavailable("webhooks have not started yet")
	case m.phase == ended:
		return errDraining
	case d.inactive():
		return sim.Errorf(sim.CodeWrongState, "the webhook endpoint %s is disabled; enable it first", id)
	}
	d.addResends(1)
	select {
	case d.resends <- job:
		return nil
	default:
		d.addResends(-1)
		return &sim.Error{Code: sim.CodeOverloaded, RetryAfter: 5 * time.Second,
			Message: fmt.Sprintf("%d resends to %s are waiting, which is the limit", maxResends, id)}
	}
}

// Attempt is what became of a single attempt.
type Attempt struct {
	WebhookID string        `json:"webhook_id"`
	Status    int           `json:"status,omitempty"` // HTTP status of the answer, 0 without one
	Error     string        `json:"error,omitempty"`  // empty if it was delivered
	Took      time.Duration `json:"took_ns"`
}

// Ping sends a message of type [PingType] to an endpoint once, be it disabled
// or not, and returns what became of it. It has no influence on deliveries.
// Errors are [sim.Error] of code [sim.CodeNotFound], [sim.CodeOverloaded] or
// [sim.CodeDraining]; that the endpoint does not take it is none.
func (m *Manager) Ping(ctx context.Context, id string) (Attempt, error) {
	d, err := m.find(id)
	if err != nil {
		return Attempt{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, m.opts.Timeout)
	defer cancel()
	m.mu.Lock()
	if m.phase == ended {
		m.mu.Unlock()
		return Attempt{}, errDraining
	}
	if m.phase == running {
		defer context.AfterFunc(m.stop, cancel)()
	}
	m.mu.Unlock()
	if err := m.sender().acquire(ctx); err != nil {
		return Attempt{}, &sim.Error{Code: sim.CodeOverloaded, RetryAfter: time.Second,
			Message: fmt.Sprintf("%d attempts are under way, which is the limit", m.opts.MaxConcurrent)}
	}
	defer m.sender().release()
	began := time.Now()
	message := newPing(m.opts.Instance, id, began)
	o := m.sender().attempt(ctx, id, d.target, d.signers, message)
	attempt := Attempt{WebhookID: message.id, Status: o.status, Took: time.Since(began)}
	if o.err != nil {
		attempt.Error = shortened(o.err)
		if errors.Is(o.err, context.Canceled) {
			attempt.Error = "broken off"
		}
	}
	return attempt, nil
}
