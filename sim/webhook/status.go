package webhook

import (
	"slices"
	"time"
)

// Activity is what an endpoint is doing.
type Activity string

// The activities.
const (
	ActivityStarting   Activity = "starting"   // its cursor is being loaded
	ActivityDelivering Activity = "delivering" // or waiting for events
	ActivityRetrying   Activity = "retrying"   // the last attempt failed
	ActivityDisabled   Activity = "disabled"   // by its settings
	ActivityGone       Activity = "gone"       // disabled because it answered 410
	ActivityStopped    Activity = "stopped"    // the Manager does not run
)

// Status is an endpoint and how its deliveries stand. It tells no secret.
type Status struct {
	Endpoint Endpoint `json:"endpoint"`
	Activity Activity `json:"activity"`
	// Cursor is the event up to which all are dealt with, Lag how many durable
	// ones are behind it.
	Cursor uint64 `json:"cursor"`
	Lag    uint64 `json:"lag"`
	// LastDelivered is the highest sequence number delivered since the start,
	// 0 for none.
	LastDelivered   uint64    `json:"last_delivered"`
	LastDeliveredAt time.Time `json:"last_delivered_at,omitzero"`
	// ConsecutiveFailures counts the attempts that failed since one succeeded,
	// over all events.
	ConsecutiveFailures int       `json:"consecutive_failures"`
	LastError           string    `json:"last_error,omitempty"`
	LastErrorAt         time.Time `json:"last_error_at,omitzero"`
	// Attempts is how many attempts to deliver the event behind the cursor have
	// failed, and NextAttempt when it is tried again.
	Attempts    int       `json:"attempts"`
	NextAttempt time.Time `json:"next_attempt,omitzero"`
	// Counts since the start.
	Delivered      uint64 `json:"delivered"`
	FailedAttempts uint64 `json:"failed_attempts"`
	GivenUp        uint64 `json:"given_up"`
	// Resends is how many resends are not done.
	Resends int `json:"resends"`
	// Failed are the events given up and not delivered since, oldest first.
	Failed []Failed `json:"failed"`
}

// Status returns how an endpoint stands. Its error is a [sim.Error] of code
// [sim.CodeNotFound], or [sim.CodeUnavailable] before the endpoints that are kept
// are there.
func (m *Manager) Status(id string) (Status, error) {
	m.look()
	d, err := m.find(id)
	if err != nil {
		return Status{}, err
	}
	return d.status(m.current() == running), nil
}

// List returns how all endpoints stand, by their ids. Before [Manager.Start] has
// brought back those that are kept, it waits a moment for that.
func (m *Manager) List() []Status {
	m.look()
	runs := m.current() == running
	all := m.sorted()
	statuses := make([]Status, len(all))
	for i, d := range all {
		statuses[i] = d.status(runs)
	}
	return statuses
}

func (d *deliverer) status(runs bool) Status {
	inactive, lag := d.inactive(), d.lag()
	d.mu.Lock()
	defer d.mu.Unlock()
	s := Status{
		Endpoint: d.endpoint, Cursor: d.state.Sequence, Lag: lag,
		LastDelivered: d.last, LastDeliveredAt: d.lastAt,
		ConsecutiveFailures: d.failures, LastError: d.lastError, LastErrorAt: d.lastErrorAt,
		Attempts: d.attempt, NextAttempt: d.nextAttempt,
		Delivered: d.delivered, FailedAttempts: d.failedAttempts, GivenUp: d.givenUp,
		Resends: d.resending, Failed: append([]Failed{}, d.state.Failed...),
	}
	s.Endpoint.Events = slices.Clone(s.Endpoint.Events)
	switch {
	case d.endpoint.Disabled:
		s.Activity = ActivityDisabled
	case inactive:
		s.Activity = ActivityGone
	case !runs:
		s.Activity = ActivityStopped
	case !d.loaded:
		s.Activity = ActivityStarting
	case d.failures > 0:
		s.Activity = ActivityRetrying
	default:
		s.Activity = ActivityDelivering
	}
	return s
}
