package webhook

import (
	"context"
	"net/http"
	"time"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/engine"
)

// Source is the event log. [engine.Engine] implements it.
type Source interface {
	// Durable is the sequence number of the last event that no crash can take
	// back, 0 if there is none.
	Durable() uint64
	// Follow calls fn with the durable events behind the sequence number after,
	// in order and without a gap, and waits for new ones. It returns when ctx
	// ends, fn fails or the log cannot be read, with that error. The slice is
	// fn's to keep. A log that leaves some events out may call fn with none, to
	// say that it has moved.
	Follow(ctx context.Context, after uint64, fn func([]engine.Recorded) error) error
}

// State is what must outlive the process of one endpoint.
type State struct {
	// Sequence is the cursor: every event up to it was delivered, given up,
	// dropped on purpose, or is not selected by the filter.
	Sequence uint64 `json:"sequence"`
	// Gone is a digest of the URL that answered 410; empty if the present one
	// did not. Another URL is tried again.
	Gone string `json:"gone,omitempty"`
	// Failed are the last events that were given up and not delivered since,
	// oldest first, as many as [Options.MaxFailed].
	Failed []Failed `json:"failed,omitempty"`
}

// Failed is an event that was given up.
type Failed struct {
	Sequence  uint64    `json:"sequence"`
	Type      string    `json:"type"`
	WebhookID string    `json:"webhook_id"`
	Attempts  int       `json:"attempts"`
	Status    int       `json:"status,omitempty"` // HTTP status of the last answer, 0 if there was none
	Error     string    `json:"error"`            // of the last attempt
	GivenUpAt time.Time `json:"given_up_at"`
}

// Cursors keeps the endpoints' states durably. A state is at most some tens of
// kilobytes. Methods are called by several goroutines, for one endpoint never
// at once.
type Cursors interface {
	// Load returns the state of an endpoint, and whether it has one.
	Load(ctx context.Context, endpointID string) (State, bool, error)
	// Save replaces it. It is called at most once per [Options.SaveInterval]
	// or [Options.SaveEvery] events, when an endpoint is added, and at the end.
	Save(ctx context.Context, endpointID string, state State) error
	// Delete forgets it, and the settings that [Added] keeps of the endpoint with
	// it, at once. That there is none is no error.
	Delete(ctx context.Context, endpointID string) error
}

// Added keeps the settings of the endpoints that were added while the Manager
// ran durably, secrets and all. Its methods are never called at once for one
// endpoint.
type Added interface {
	// Load returns all of them.
	Load(ctx context.Context) ([]Endpoint, error)
	// Save replaces the settings of one. With a state it replaces that as well, at
	// once: after a crash both are there or none. [Cursors.Delete] removes both.
	Save(ctx context.Context, e Endpoint, state *State) error
}

// Tracer follows deliveries. Methods are called by several goroutines.
type Tracer interface {
	// Attempt is called before an event is posted to an endpoint, and may add
	// headers. The sequence number of a ping is 0. The context that it returns is
	// that of the request, and the function is called with what became of that: the
	// status, 0 where there was no answer, and why the attempt failed.
	Attempt(ctx context.Context, endpointID string, sequence uint64, header http.Header) (context.Context, func(status int, err error))
}

// Metrics hears of deliveries. Methods are called by several goroutines. The
// endpoints' ids are bounded by [Options.MaxEndpoints] at a time.
type Metrics interface {
	// RecordWebhookDelivered is called for each event that an endpoint took.
	RecordWebhookDelivered(endpointID string)
	// RecordWebhookAttemptFailed is called for each attempt that failed, with
	// [ReasonStatus], [ReasonTimeout], [ReasonConnection] or [ReasonForbidden].
	RecordWebhookAttemptFailed(endpointID, reason string)
	// RecordWebhookGivenUp is called for each event that is not tried again.
	RecordWebhookGivenUp(endpointID string)
	// SetWebhookLag is told how many events an endpoint is behind, after each
	// event and attempt, and at least every 10 s while it waits for the next
	// attempt. It is 0 while the endpoint is disabled.
	SetWebhookLag(endpointID string, events uint64)
	// ForgetWebhook is called when an endpoint was removed.
	ForgetWebhook(endpointID string)
}

// Fault decides what goes wrong on purpose. It is asked once for each event
// that is due to an endpoint, in their order, not for retries and resends;
// again for events that a restart makes due again. Methods are called by
// several goroutines. A panic in it means no effect.
type Fault interface {
	Webhook(sequence uint64, eventType, endpointID string) Effect
}

// Effect is what goes wrong with a delivery.
type Effect struct {
	// Drop loses the event: it counts as delivered and is not sent.
	Drop bool
	// Duplicate sends it twice, under the same webhook-id. The second time is
	// not retried.
	Duplicate bool
	// Reorder sends it behind the next event that is due to the endpoint, or
	// after [Options.HoldMax] if there is none until then. While one is held
	// others are not.
	Reorder bool
}

type unmetered struct{}

func (unmetered) RecordWebhookDelivered(string)             {}
func (unmetered) RecordWebhookAttemptFailed(string, string) {}
func (unmetered) RecordWebhookGivenUp(string)               {}
func (unmetered) SetWebhookLag(string, uint64)              {}
func (unmetered) ForgetWebhook(string)                      {}

type faultless struct{}

func (faultless) Webhook(uint64, string, string) Effect { return Effect{} }
