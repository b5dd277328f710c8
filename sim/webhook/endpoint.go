package webhook

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"regexp"
	"slices"
	"strings"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
)

// Bounds of an endpoint's settings.
const (
	MaxURL     = 2048 // bytes of a URL
	MaxFilters = 50   // event patterns of one endpoint
)

var (
	endpointID   = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`)
	eventPattern = regexp.MustCompile(`^(\*|[a-z0-9_]{1,50}(\.[a-z0-9_]{1,50}){0,3}(\.\*)?)$`)
)

// Endpoint is a receiver of events. It is a value: a [Manager] keeps its own
// copy.
type Endpoint struct {
	// ID names the endpoint within the instance: letters, digits, dots,
	// underscores and hyphens, at most 64, a letter or digit first.
	ID string
	// URL is where events are posted to: http or https, without user and
	// fragment, at most [MaxURL] bytes.
	URL string
	// Secret signs the deliveries.
	Secret Secret
	// PreviousSecret signs them as well while receivers change over from it to
	// Secret; empty for none.
	PreviousSecret Secret
	// Events selects by type: exact types ("settlement.completed"), prefixes
	// ("settlement.*"), or "*". Empty selects all. At most [MaxFilters].
	Events []string
	// Disabled stops deliveries. The cursor stays, so they go on where they
	// stopped when the endpoint is enabled again.
	Disabled bool
	// From is the first event to deliver to an endpoint that has no cursor yet;
	// 0 begins with those that become durable after it was added, or for one
	// that was there before [Manager.Start], after that began. One beyond the last
	// event stands for the next.
	From uint64
}

// shownEndpoint is what an endpoint tells of itself.
type shownEndpoint struct {
	ID             string   `json:"id"`
	URL            string   `json:"url"`
	Secret         Secret   `json:"secret"`
	PreviousSecret Secret   `json:"previous_secret,omitempty"`
	Events         []string `json:"events"`
	Disabled       bool     `json:"disabled"`
}

func (e Endpoint) shown() shownEndpoint {
	return shownEndpoint{e.ID, RedactURL(e.URL), e.Secret, e.PreviousSecret, append([]string{}, e.Events...), e.Disabled}
}

// String implements [fmt.Stringer] without secrets and the URL's query.
func (e Endpoint) String() string { return fmt.Sprintf("webhook %s to %s", e.ID, RedactURL(e.URL)) }

// GoString implements [fmt.GoStringer] without secrets and the URL's query.
func (e Endpoint) GoString() string { return fmt.Sprintf("webhook.Endpoint{%s}", e.String()) }

// LogValue implements [slog.LogValuer] without secrets and the URL's query.
func (e Endpoint) LogValue() slog.Value {
	return slog.GroupValue(slog.String("id", e.ID), slog.String("url", RedactURL(e.URL)))
}

// MarshalJSON implements [json.Marshaler] without secrets and the URL's query:
// it is for showing endpoints, not for storing them.
func (e Endpoint) MarshalJSON() ([]byte, error) { return json.Marshal(e.shown()) }

// Validate reports the first setting that is not allowed as a [sim.Error] of
// code [sim.CodeInvalid] that names it: id, url, secret, previous_secret or
// events[i]. Where types is not empty, every pattern must select one of them.
func (e Endpoint) Validate(rules *TargetRules, types []string) error {
	_, err := e.signers()
	if !endpointID.MatchString(e.ID) {
		err = sim.Invalid("id", "%.70q is not allowed; use at most 64 letters, digits, dots, underscores and hyphens, a letter or digit first", e.ID)
	} else if _, urlErr := rules.parse(e.URL); urlErr != nil {
		err = urlErr
	}
	if err != nil {
		return err
	}
	return e.validateEvents(types)
}

func (e Endpoint) validateEvents(types []string) error {
	if len(e.Events) > MaxFilters {
		return sim.Invalid("events", "has %d patterns; at most %d are allowed", len(e.Events), MaxFilters)
	}
	for i, pattern := range e.Events {
		field := fmt.Sprintf("events[%d]", i)
		if !eventPattern.MatchString(pattern) {
			return sim.Invalid(field, `%.110q is no event pattern; use a type ("settlement.completed"), a prefix ("settlement.*") or "*"`, pattern)
		}
		if len(types) > 0 && !slices.ContainsFunc(types, func(t string) bool { return matches(pattern, t) }) {
			return sim.Invalid(field, "%q selects no event; the types are %s", pattern, strings.Join(types, ", "))
		}
	}
	return nil
}

// signers returns what signs for the endpoint, the current secret first.
func (e Endpoint) signers() ([]*standardwebhooks.Webhook, error) {
	current, err := e.Secret.signer()
	if err != nil {
		return nil, sim.Invalid("secret", "%v", err)
	}
	if e.PreviousSecret == "" {
		return []*standardwebhooks.Webhook{current}, nil
	}
	previous, err := e.PreviousSecret.signer()
	if err != nil {
		return nil, sim.Invalid("previous_secret", "%v", err)
	}
	return []*standardwebhooks.Webhook{current, previous}, nil
}

// wants reports whether the endpoint's filter selects events of the type.
func (e Endpoint) wants(eventType string) bool {
	return len(e.Events) == 0 || slices.ContainsFunc(e.Events, func(p string) bool { return matches(p, eventType) })
}

func matches(pattern, eventType string) bool {
	if prefix, ok := strings.CutSuffix(pattern, "*"); ok {
		return strings.HasPrefix(eventType, prefix)
	}
	return pattern == eventType
}
