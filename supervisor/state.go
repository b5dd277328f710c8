package supervisor

import "time"

// State is where an instance is in its life; the package comment draws it.
type State string

// The states of an instance.
const (
	// StatePending: waiting for its turn to start, or for a backoff to pass.
	StatePending State = "pending"
	// StateStarting: opening its store, ports and books.
	StateStarting State = "starting"
	// StateRunning: answering requests.
	StateRunning State = "running"
	// StatePaused: holding its ports and answering 503 "paused".
	StatePaused State = "paused"
	// StateDraining: refusing new work and finishing what is in flight.
	StateDraining State = "draining"
	// StateDrained: stopped as asked; data and entry are kept.
	StateDrained State = "drained"
	// StateFailed: given up after too many failures; LastError says why.
	StateFailed State = "failed"
)

// States lists every state.
func States() []State {
	return []State{StatePending, StateStarting, StateRunning, StatePaused, StateDraining, StateDrained, StateFailed}
}

// Origin says who manages an instance's entry.
type Origin string

// The origins of entries.
const (
	// FromFile: the entry stands in a configuration file.
	FromFile Origin = "file"
	// FromAPI: the entry was added by the admin API.
	FromAPI Origin = "api"
)

// Status is what the supervisor tells of one instance. It is a snapshot.
type Status struct {
	Name        string    `json:"name"`
	State       State     `json:"state"`
	Since       time.Time `json:"since"`
	Restarts    int       `json:"restarts"`
	LastError   string    `json:"last_error,omitempty"`
	HTTPAddr    string    `json:"http_addr"`
	GRPCAddr    string    `json:"grpc_addr"`
	Schema      string    `json:"schema"`
	RedisPrefix string    `json:"redis_prefix"`
	ManagedBy   Origin    `json:"managed_by"`
	Profile     string    `json:"profile"`
	Storage     string    `json:"storage"`
	// Ready and Degraded are the instance's readiness; both false unless it runs.
	Ready    bool `json:"ready"`
	Degraded bool `json:"degraded"`
	// DegradedBy says what an instance that is degraded does without, and why.
	DegradedBy string `json:"degraded_by,omitempty"`
	// Durable is the last event that is durable, Projected the last that the
	// tables hold; 0 while the instance is stopped.
	Durable   uint64 `json:"durable_sequence"`
	Projected uint64 `json:"projected_sequence"`
	// Drain is the progress of a drain under way, or of the last one.
	Drain *DrainProgress `json:"drain,omitempty"`
}

// DrainProgress tells how far a drain is.
type DrainProgress struct {
	// Step is what the drain is doing or did last: refusing, finishing, webhooks,
	// flushing, releasing, done.
	Step      string    `json:"step"`
	StartedAt time.Time `json:"started_at"`
	// Deadline is when what is not finished is cut off.
	Deadline time.Time `json:"deadline"`
	// InFlight is the number of requests still being answered.
	InFlight int `json:"in_flight"`
}
