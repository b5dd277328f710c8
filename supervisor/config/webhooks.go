package config

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/webhook"
)

// Webhooks says where an instance's events are posted to. Nil means not given.
type Webhooks struct {
	// AllowTargets lists host names, addresses and networks that may be posted to
	// beside public addresses, such as localhost or 10.0.0.0/8.
	AllowTargets []string `koanf:"allow_targets" json:"allow_targets,omitempty" len:"1000"`
	// AllowHTTP allows plain http to all, not just to hosts of AllowTargets.
	AllowHTTP *bool `koanf:"allow_http" json:"allow_http,omitempty"`
	// Retry says when an event is posted again that was not taken.
	Retry WebhookRetry `koanf:"retry" json:"retry,omitzero"`
	// Timeout bounds one attempt.
	Timeout Duration `koanf:"timeout" json:"timeout,omitempty" range:"100ms..5m"`
	// MaxEndpoints bounds the endpoints, those added later included.
	MaxEndpoints int `koanf:"max_endpoints" json:"max_endpoints,omitempty" range:"1..1000"`
	// Endpoints are there from the start.
	Endpoints []WebhookEndpoint `koanf:"endpoints" json:"endpoints,omitempty" len:"1000"`
}

// WebhookRetry says when an event is posted again that was not taken. Zero is
// the default of package webhook.
type WebhookRetry struct {
	// Base is the first pause; each further one is twice as long, up to Max.
	Base Duration `koanf:"base" json:"base,omitempty" range:"1ms..168h"`
	// Max is the longest pause.
	Max Duration `koanf:"max" json:"max,omitempty" range:"1ms..168h"`
	// Attempts is after how many failures an event is given up, or after what
	// Schedule has room for.
	Attempts int `koanf:"attempts" json:"attempts,omitempty" range:"1..1000"`
	// Schedule has the pauses in place of Base and Max; the last is repeated if there
	// are more attempts.
	Schedule []Duration `koanf:"schedule" json:"schedule,omitempty" len:"999"`
	// JitterPercent is by how many percent a pause is lengthened or shortened at
	// random at most.
	JitterPercent *int `koanf:"jitter_percent" json:"jitter_percent,omitempty" range:"0..100"`
	// MaxRetryAfter bounds the pause that a receiver may ask for in Retry-After.
	MaxRetryAfter Duration `koanf:"max_retry_after" json:"max_retry_after,omitempty" range:"1s..168h"`
}

// WebhookEndpoint is a receiver, see [webhook.Endpoint].
type WebhookEndpoint struct {
	// ID names the endpoint within the instance: letters, digits, dots, underscores
	// and hyphens. It is required.
	ID string `koanf:"id" json:"id" len:"64"`
	// URL is where events are posted to. It is required.
	URL WebhookURL `koanf:"url" json:"url" len:"2048"`
	// Secret signs the deliveries: whsec_ and 24 to 64 bytes in base64. It is required.
	Secret WebhookSecret `koanf:"secret" json:"secret" len:"200"`
	// PreviousSecret signs them as well while receivers change over from it to
	// Secret.
	PreviousSecret WebhookSecret `koanf:"previous_secret" json:"previous_secret,omitempty" len:"200"`
	// Events selects by type: settlement.completed, settlement.* or *. Empty selects
	// all.
	Events []string `koanf:"events" json:"events,omitempty" len:"50"`
	// Disabled stops deliveries. When the endpoint is enabled again they go on where
	// they stopped.
	Disabled bool `koanf:"disabled" json:"disabled,omitempty"`
	// From is the number of the first event to deliver to a new endpoint; 0 begins
	// with those that come after it is there.
	From uint64 `koanf:"from" json:"from,omitempty" range:"0..18446744073709551615"`
}

// WebhookURL is a URL whose query may be a secret. However it is shown, the query
// is hidden, but to [WebhookURL.Reveal].
type WebhookURL string

// Reveal returns the URL in clear.
func (u WebhookURL) Reveal() string { return string(u) }

// Redacted returns the URL without its query.
func (u WebhookURL) Redacted() string {
	if u == "" {
		return ""
	}
	return webhook.RedactURL(string(u))
}

// String returns [WebhookURL.Redacted].
func (u WebhookURL) String() string { return u.Redacted() }

// GoString returns [WebhookURL.Redacted], for %#v.
func (u WebhookURL) GoString() string { return u.Redacted() }

// LogValue returns [WebhookURL.Redacted], for log/slog.
func (u WebhookURL) LogValue() slog.Value { return slog.StringValue(u.Redacted()) }

// MarshalJSON writes [WebhookURL.Redacted]. [EncodeInstance] keeps what is hidden.
func (u WebhookURL) MarshalJSON() ([]byte, error) { return json.Marshal(u.Redacted()) }

// WebhookSecret is what deliveries are signed with, see [webhook.Secret]. It is
// hidden but to [WebhookSecret.Reveal].
type WebhookSecret string

// Reveal returns the secret in clear.
func (s WebhookSecret) Reveal() string { return string(s) }

// Redacted returns what stands for a secret.
func (s WebhookSecret) Redacted() string { return webhook.Secret(s).String() }

// String returns [WebhookSecret.Redacted].
func (s WebhookSecret) String() string { return s.Redacted() }

// GoString returns [WebhookSecret.Redacted], for %#v.
func (s WebhookSecret) GoString() string { return s.Redacted() }

// LogValue returns [WebhookSecret.Redacted], for log/slog.
func (s WebhookSecret) LogValue() slog.Value { return slog.StringValue(s.Redacted()) }

// MarshalJSON writes [WebhookSecret.Redacted]. [EncodeInstance] keeps secrets.
func (s WebhookSecret) MarshalJSON() ([]byte, error) { return json.Marshal(s.Redacted()) }

// withSecretsOf is [Config.WithSecretsOf] for webhooks; endpoints are found by id.
func (w Webhooks) withSecretsOf(old Webhooks) Webhooks {
	w.Endpoints = slices.Clone(w.Endpoints)
	for i := range w.Endpoints {
		e := &w.Endpoints[i]
		at := slices.IndexFunc(old.Endpoints, func(was WebhookEndpoint) bool { return was.ID == e.ID })
		if at < 0 {
			continue
		}
		was := old.Endpoints[at]
		restore(&e.URL, was.URL)
		restore(&e.Secret, was.Secret)
		restore(&e.PreviousSecret, was.PreviousSecret)
	}
	return w
}

// Targets returns the rules on where events may be posted to.
func (w Webhooks) Targets() (*webhook.TargetRules, error) {
	return webhook.NewTargetRules(w.AllowTargets, w.AllowHTTP != nil && *w.AllowHTTP)
}

// RetryPolicy returns the retry settings as package webhook takes them.
func (w Webhooks) RetryPolicy() webhook.RetryPolicy {
	r := w.Retry
	p := webhook.RetryPolicy{Base: r.Base.Std(), Max: r.Max.Std(), Attempts: r.Attempts, MaxRetryAfter: r.MaxRetryAfter.Std()}
	for _, pause := range r.Schedule {
		p.Schedule = append(p.Schedule, time.Duration(pause))
	}
	if r.JitterPercent != nil {
		if p.Jitter = *r.JitterPercent; p.Jitter == 0 {
			p.Jitter = -1
		}
	}
	return p
}

// EndpointList returns the endpoints as package webhook takes them.
func (w Webhooks) EndpointList() []webhook.Endpoint {
	out := make([]webhook.Endpoint, len(w.Endpoints))
	for i, e := range w.Endpoints {
		out[i] = webhook.Endpoint{
			ID: e.ID, URL: e.URL.Reveal(), Secret: webhook.Secret(e.Secret), PreviousSecret: webhook.Secret(e.PreviousSecret),
			Events: e.Events, Disabled: e.Disabled, From: e.From,
		}
	}
	return out
}

// webhooks checks endpoints against the rules that they come to.
func (k *checker) webhooks(path string, given, resolved Settings) {
	if given.Webhooks.empty() {
		return // then it is that of the defaults, which is checked there
	}
	w := resolved.Webhooks
	rules, err := w.Targets()
	k.addField(path, "", err)
	if err != nil {
		return
	}
	path = join(path, "webhooks")
	if err := w.RetryPolicy().Validate(); err != nil {
		k.addField(path, "", err)
	}
	if most := w.MaxEndpoints; len(w.Endpoints) > max(most, 1) && most > 0 || most == 0 && len(w.Endpoints) > webhook.DefaultMaxEndpoints {
		k.add(path+".endpoints", fmt.Sprintf("has %d entries; raise webhooks.max_endpoints for more", len(w.Endpoints)), "")
	}
	seen := make(map[string]int, len(w.Endpoints))
	for i, e := range w.EndpointList() {
		at := index(path+".endpoints", i)
		k.addField(at, "", e.Validate(rules, nil))
		if first, twice := seen[e.ID]; twice && e.ID != "" {
			k.add(at+".id", fmt.Sprintf("%q is the id of %s too", clip(e.ID), index("endpoints", first)), "")
		}
		seen[e.ID] = i
	}
}

// empty reports whether nothing is given.
func (w Webhooks) empty() bool {
	return len(w.AllowTargets)+len(w.Endpoints)+w.MaxEndpoints == 0 && w.AllowHTTP == nil && w.Timeout == 0 &&
		w.Retry.Base+w.Retry.Max+w.Retry.MaxRetryAfter == 0 && w.Retry.Attempts+len(w.Retry.Schedule) == 0 && w.Retry.JitterPercent == nil
}

// addField reports an error of the core at the field that it names.
func (k *checker) addField(path, otherwise string, err error) {
	if err == nil {
		return
	}
	field, message := otherwise, err.Error()
	if e, ok := errors.AsType[*sim.Error](err); ok {
		field, message = e.Field, e.Message
	}
	k.add(join(path, field), message, "")
}
