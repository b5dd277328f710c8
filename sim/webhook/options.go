package webhook

import (
	"crypto/x509"
	"errors"
	"log/slog"
	"time"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/engine"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/guard"
)

// Defaults of [Options].
const (
	DefaultTimeout       = 15 * time.Second
	DefaultMaxEndpoints  = 32
	DefaultMaxConcurrent = 32
	DefaultMaxFailed     = 100
	DefaultSaveInterval  = time.Second
	DefaultSaveEvery     = 100
	DefaultHoldMax       = 5 * time.Second
)

// Options make a [Manager]. Source, Cursors and Render are needed; what else is
// left zero has its default.
type Options struct {
	// Instance names the instance in webhook-ids and pings.
	Instance string
	// Source is the event log.
	Source Source
	// Cursors keep how far each endpoint has come.
	Cursors Cursors
	// Begin returns the last event that is not for endpoints without a cursor. Nil:
	// the last that is durable when [Manager.Start] is called.
	Begin func() uint64
	// Render returns the payload's member data for an event, as JSON. It is
	// called by several goroutines. An event for which it fails or panics is
	// given up without an attempt.
	Render func(engine.Recorded) ([]byte, error)

	// Endpoints are there from the start, and are called configured.
	Endpoints []Endpoint
	// Added keeps those that [Manager.Add] adds, which [Manager.Start] brings back.
	// Nil: they last as long as the Manager does.
	Added Added
	// Targets say where events may be sent. Nil: https to public addresses.
	Targets *TargetRules
	// EventTypes are the types that there are. Where given, filters that select
	// none of them are refused.
	EventTypes []string
	// Retry says when attempts are repeated.
	Retry RetryPolicy
	// Fault decides what goes wrong on purpose. Nil: nothing.
	Fault Fault
	// Metrics hears of deliveries. Nil: nobody does.
	Metrics Metrics
	// Tracer follows deliveries. Nil: nobody does.
	Tracer Tracer
	// Logger hears of troubles, once each. Nil discards.
	Logger *slog.Logger
	// OnPanic is told of panics that are a reason to end the instance, OnContained
	// of those that cost one event alone: in Render and in Fault, which would meet
	// the same event again after a restart. Deliveries go on after either as after
	// any other trouble. Nil: they are logged.
	OnPanic, OnContained guard.Report
	// RootCAs verify the receivers' certificates. Nil: the system's.
	RootCAs *x509.CertPool

	// Timeout bounds one attempt from the connection to the answer.
	Timeout time.Duration
	// MaxEndpoints bounds the endpoints.
	MaxEndpoints int
	// MaxConcurrent bounds the attempts under way to all endpoints. With as
	// many as endpoints none waits for another.
	MaxConcurrent int
	// MaxFailed bounds the events that are listed as given up, per endpoint.
	MaxFailed int
	// SaveInterval is how long a cursor that has moved may stay unsaved, and
	// SaveEvery after how many events it is saved sooner. What was delivered
	// and not saved is delivered again after a crash.
	SaveInterval time.Duration
	SaveEvery    int
	// HoldMax is how long [Effect.Reorder] waits for a next event.
	HoldMax time.Duration
}

func (o Options) withDefaults() Options {
	setDuration := func(d *time.Duration, otherwise time.Duration) {
		if *d == 0 {
			*d = otherwise
		}
	}
	setInt := func(n *int, otherwise int) {
		if *n == 0 {
			*n = otherwise
		}
	}
	setDuration(&o.Timeout, DefaultTimeout)
	setDuration(&o.SaveInterval, DefaultSaveInterval)
	setDuration(&o.HoldMax, DefaultHoldMax)
	setInt(&o.MaxEndpoints, DefaultMaxEndpoints)
	setInt(&o.MaxConcurrent, DefaultMaxConcurrent)
	setInt(&o.MaxFailed, DefaultMaxFailed)
	setInt(&o.SaveEvery, DefaultSaveEvery)
	if o.Fault == nil {
		o.Fault = faultless{}
	}
	if o.Metrics == nil {
		o.Metrics = unmetered{}
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Begin == nil && o.Source != nil {
		o.Begin = o.Source.Durable
	}
	logged := func(p *guard.Panic) {
		if p.Tell() {
			o.Logger.Error("panic", "part", p.Part, "panic", p.Value, "stack", p.Stack)
		}
	}
	if o.OnPanic == nil {
		o.OnPanic = logged
	}
	if o.OnContained == nil {
		o.OnContained = logged
	}
	o.Retry = o.Retry.withDefaults()
	return o
}

func (o Options) validate() error {
	if o.Source == nil || o.Cursors == nil || o.Render == nil {
		return errors.New("webhook: options need a source, cursors and render")
	}
	errs := []error{o.Retry.Validate()}
	for _, d := range []struct {
		field string
		value time.Duration
		most  time.Duration
	}{{"timeout", o.Timeout, 5 * time.Minute}, {"save_interval", o.SaveInterval, time.Minute}, {"hold_max", o.HoldMax, time.Hour}} {
		if d.value < 0 || d.value > d.most {
			errs = append(errs, sim.Invalid(d.field, "is %s; up to %s is allowed", d.value, d.most))
		}
	}
	for _, n := range []struct {
		field       string
		value, most int
	}{
		{"max_endpoints", o.MaxEndpoints, 10_000}, {"max_concurrent", o.MaxConcurrent, 10_000},
		{"max_failed", o.MaxFailed, 1000}, {"save_every", o.SaveEvery, 100_000},
	} {
		if n.value < 0 || n.value > n.most {
			errs = append(errs, sim.Invalid(n.field, "is %d; 1 to %d are allowed", n.value, n.most))
		}
	}
	return errors.Join(errs...)
}
