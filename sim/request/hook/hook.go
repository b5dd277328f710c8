// Package hook has what callers may ask of webhooks, as both faces read it.
package hook

import (
	"encoding/json"

	"github.com/google/uuid"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/webhook"
)

// Webhook adds an endpoint that events are delivered to.
type Webhook struct {
	ID             string   `json:"id,omitempty" maxLength:"64" doc:"Your name for it: letters, digits, dots, underscores and hyphens; one is made by default." example:"risk-desk"`
	URL            string   `json:"url" maxLength:"2048" doc:"Where events are posted to." example:"https://risk.example.com/custody"`
	Secret         string   `json:"secret,omitempty" doc:"Signs the deliveries, as whsec_ and base64; one is made by default."`
	PreviousSecret string   `json:"previous_secret,omitempty" doc:"Signs them as well, while the receiver changes over to secret."`
	Events         []string `json:"events,omitempty" doc:"The types to deliver: exact ones, prefixes such as settlement.*, or *; all by default."`
	Disabled       bool     `json:"disabled,omitempty" doc:"Whether nothing is to be delivered for now."`
	From           uint64   `json:"from,omitempty" doc:"The first event to deliver; by default the next one."`
}

// Endpoint returns the endpoint's settings, with an id and a secret of its own
// where none was given.
func (w *Webhook) Endpoint() (webhook.Endpoint, error) {
	e := webhook.Endpoint{
		ID: w.ID, URL: w.URL, Secret: webhook.Secret(w.Secret), PreviousSecret: webhook.Secret(w.PreviousSecret),
		Events: w.Events, Disabled: w.Disabled, From: w.From,
	}
	if e.ID == "" {
		id, err := uuid.NewV7()
		if err != nil {
			return e, err
		}
		e.ID = id.String()
	}
	if e.Secret == "" {
		e.Secret = webhook.GenerateSecret()
	}
	return e, nil
}

// AppendAdded appends an endpoint that was added, as JSON, with the secret
// that is not shown again.
func AppendAdded(dst []byte, status webhook.Status, secret webhook.Secret) ([]byte, error) {
	text, err := json.Marshal(status)
	if err != nil {
		return dst, err
	}
	revealed, err := json.Marshal(secret.Reveal())
	if err != nil {
		return dst, err
	}
	dst = append(append(dst, text[:len(text)-1]...), `,"secret":`...)
	return append(append(dst, revealed...), '}'), nil
}

// Resend sends events again to an endpoint: those that were given up, or those
// of a range.
type Resend struct {
	Failed bool   `json:"failed,omitempty" doc:"Whether to send what was given up again; that is the default where no range is given."`
	From   uint64 `json:"from,omitempty" doc:"The first event of a range."`
	Until  uint64 `json:"until,omitempty" doc:"The last event of the range; the last durable one by default."`
}

// Resender is what [Resend.Do] needs; [webhook.Manager] has it.
type Resender interface {
	Resend(id string, from, until uint64) error
	ResendFailed(id string) (int, error)
}

// Do asks for the resend.
func (r *Resend) Do(m Resender, id string) error {
	switch {
	case r.Failed && (r.From != 0 || r.Until != 0):
		return sim.Invalid("failed", "sends what was given up again, from and until a range; give one of the two")
	case r.From == 0 && r.Until != 0:
		return sim.Invalid("from", "is required with until")
	case r.From != 0:
		return m.Resend(id, r.From, r.Until)
	default:
		_, err := m.ResendFailed(id)
		return err
	}
}
