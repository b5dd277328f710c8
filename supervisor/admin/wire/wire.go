// Package wire holds the JSON shapes of the admin API, for its server and its
// clients alike.
//
// It depends on nothing but the standard library, so that a client does not
// carry the whole supervisor with it. Times are RFC 3339 in UTC. Clients should
// ignore members that they do not know: later versions may add some.
package wire

import (
	"encoding/json"
	"time"
)

// Instance is what the supervisor tells of one instance.
type Instance struct {
	Name        string    `json:"name" doc:"Name of the instance, a DNS label." example:"custodian-sim-001"`
	State       string    `json:"state" doc:"Where the instance is in its life." enum:"pending,starting,running,paused,draining,drained,failed"`
	Since       time.Time `json:"since" doc:"When it entered the state."`
	Restarts    int       `json:"restarts" doc:"How often it was started again after it ended unasked."`
	LastError   string    `json:"last_error,omitempty" doc:"What went wrong last, until it is healthy again."`
	HTTPAddr    string    `json:"http_addr" doc:"Where it serves HTTP." example:"127.0.0.1:8081"`
	GRPCAddr    string    `json:"grpc_addr" doc:"Where it serves gRPC." example:"127.0.0.1:50052"`
	Schema      string    `json:"schema" doc:"Its PostgreSQL schema, and the name of its SQLite file." example:"custodian_sim_001"`
	RedisPrefix string    `json:"redis_prefix" doc:"What all its keys in Redis begin with." example:"custodian:sim:001:"`
	ManagedBy   string    `json:"managed_by" doc:"Where its entry comes from: a configuration file or this API." enum:"file,api"`
	Profile     string    `json:"profile" doc:"The kind of custodian." example:"instant"`
	Storage     string    `json:"storage" doc:"How its books are kept." enum:"sqlite,memory,postgres"`
	Ready       bool      `json:"ready" doc:"Whether it answers requests."`
	Degraded    bool      `json:"degraded" doc:"Whether it does so without a part that it can do without, such as Redis."`
	DegradedBy  string    `json:"degraded_by,omitempty" doc:"What it does without while it is degraded, and why."`
	Durable     uint64    `json:"durable_sequence" doc:"Sequence number of its last durable event; 0 while it is stopped."`
	Projected   uint64    `json:"projected_sequence" doc:"Sequence number of the last event that its tables show; 0 while it is stopped."`

	Drain *Drain `json:"drain,omitempty" doc:"Progress of the drain that is under way, or of the last one."`
}

// Drain tells how far a drain is.
type Drain struct {
	Step      string    `json:"step" doc:"What the drain is doing, or did last." enum:"refusing,finishing,webhooks,flushing,releasing,done"`
	StartedAt time.Time `json:"started_at" doc:"When it began."`
	Deadline  time.Time `json:"deadline" doc:"When what is not finished is cut off."`
	InFlight  int       `json:"in_flight" doc:"Requests that are still being answered."`
}

// Clone says what a copy of an instance is to be.
type Clone struct {
	Name     string `json:"name" doc:"Name of the copy."`
	HTTPPort int    `json:"http_port,omitempty" doc:"Its HTTP port; one from the range unless given."`
	GRPCPort int    `json:"grpc_port,omitempty" doc:"Its gRPC port; one from the range unless given."`
	// AtSequence must be the last event of a batch.
	AtSequence uint64 `json:"at_sequence,omitempty" doc:"The last event that the copy has; all that are durable unless given. Events that became durable together stay together."`
}

// Instances is the list of all instances, ordered by name.
type Instances struct {
	Instances []Instance `json:"instances"`
}

// Event is a change in the life of an instance.
type Event struct {
	ID       uint64    `json:"id" doc:"Dense, from 1 at the start of the process."`
	Time     time.Time `json:"time" doc:"When it happened."`
	Instance string    `json:"instance" doc:"Name of the instance."`
	State    string    `json:"state" doc:"The state that it entered; \"removed\" for its end."`
	Detail   string    `json:"detail,omitempty" doc:"Why, or what a drain is doing."`
}

// StateRemoved is the state in the last event of an instance.
const StateRemoved = "removed"

// Events is a page of lifecycle events in the order in which they happened.
type Events struct {
	Events []Event `json:"events"`
	LastID uint64  `json:"last_id" doc:"Pass it as after, or as Last-Event-ID, to go on from here."`
}

// Config is the whole desired state.
type Config struct {
	// Instances are entries as in the configuration file, with the additional
	// member managed_by.
	Instances []json.RawMessage `json:"instances"`
	Drained   []string          `json:"drained"`
	Paused    []string          `json:"paused"`
}

// Plan is what a new desired state changes.
type Plan struct {
	DryRun  bool     `json:"dry_run" doc:"Whether this is only what would happen."`
	Changes []Change `json:"changes" doc:"In the order in which they begin; empty where nothing differs."`
}

// Change is one step of a plan.
type Change struct {
	Action   string `json:"action" enum:"add,start,restart,pause,resume,drain,drain-and-forget"`
	Instance string `json:"instance"`
}

// LogLevel is the level of the process's log.
type LogLevel struct {
	Level string `json:"level" enum:"debug,info,warn,error"`
}

// InstanceLogLevel is the level of what is logged of an instance.
type InstanceLogLevel struct {
	Level string `json:"level" enum:"debug,info,warn,error"`
	Own   bool   `json:"own" doc:"Whether it is the instance's own; false where it is that of the process."`
}

// Version says which program answers.
type Version struct {
	Version string `json:"version" example:"1.4.0"`
	Commit  string `json:"commit,omitempty" doc:"The revision that it was built from."`
	Built   string `json:"built,omitempty" doc:"The time of that revision."`
	Go      string `json:"go" doc:"The Go release that it was built with." example:"go1.26.0"`
	OS      string `json:"os" example:"linux"`
	Arch    string `json:"arch" example:"amd64"`
}

// Health says that the process answers at all.
type Health struct {
	Status string `json:"status" enum:"ok"`
}

// Readiness is the supervisor's own health. Trouble of single instances makes
// it degraded, but not unready.
type Readiness struct {
	Ready     bool           `json:"ready" doc:"True from the end of the first round of starts until the shutdown begins."`
	Status    string         `json:"status" enum:"ready,starting,degraded,draining"`
	Instances map[string]int `json:"instances" doc:"Number of instances by state."`
	NotReady  []string       `json:"not_ready" doc:"Instances that should run but are not ready, at most a hundred of them."`
}

// Problem is an error answer, as RFC 9457 describes it.
type Problem struct {
	Type       string    `json:"type" doc:"The kind of problem: urn:custodian:problem:<code>."`
	Title      string    `json:"title" doc:"The kind of problem in words."`
	Status     int       `json:"status" doc:"The HTTP status."`
	Detail     string    `json:"detail" doc:"What was wrong with this request, and what is allowed."`
	Instance   string    `json:"instance,omitempty" doc:"The request's id, as in the header X-Request-Id."`
	Code       string    `json:"code" doc:"Stable code of the problem, for programs."`
	Field      string    `json:"field,omitempty" doc:"The field, parameter or header at fault."`
	Allowed    []string  `json:"allowed,omitempty" doc:"The right choices, where they can be listed."`
	RetryAfter int       `json:"retry_after,omitempty" doc:"Seconds after which to try again."`
	Problems   []Mistake `json:"problems,omitempty" doc:"All mistakes of an entry or a configuration, where that is what is wrong."`
	Omitted    int       `json:"omitted,omitempty" doc:"The number of mistakes beyond those listed."`
}

// Mistake is one thing that is wrong with an entry or a configuration.
type Mistake struct {
	Key        string `json:"key,omitempty" doc:"Path of the key at fault." example:"instances[2].http_port"`
	Message    string `json:"message" doc:"What is wrong with it."`
	Allowed    string `json:"allowed,omitempty" doc:"What is allowed instead."`
	Suggestion string `json:"suggestion,omitempty" doc:"The nearest right key."`
}

// String returns the mistake in one line: which key, what is wrong, what to do.
func (m Mistake) String() string {
	text := m.Message
	if m.Key != "" {
		text = m.Key + ": " + text
	}
	if m.Allowed != "" {
		text += "; allowed: " + m.Allowed
	}
	if m.Suggestion != "" {
		text += "; did you mean " + m.Suggestion + "?"
	}
	return text
}
