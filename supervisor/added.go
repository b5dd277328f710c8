package supervisor

import (
	"context"
	"encoding/json"
	"log/slog"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/engine"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/webhook"
)

// added keeps in the books the webhook endpoints that were added by requests.
type added struct {
	engine     *engine.Engine
	instance   string
	configured map[string]bool // by id
	logger     *slog.Logger
}

// keptEndpoint is an endpoint's settings as the books have them, secrets in clear.
type keptEndpoint struct {
	// Instance is where it was added. Books that come to another instance, as those
	// of a clone do, are not to post to it.
	Instance       string   `json:"instance"`
	URL            string   `json:"url"`
	Secret         string   `json:"secret"`
	PreviousSecret string   `json:"previous_secret,omitempty"`
	Events         []string `json:"events,omitempty"`
	Disabled       bool     `json:"disabled,omitempty"`
	From           uint64   `json:"from,omitempty"`
}

// Load implements [webhook.Added]. Endpoints that were added to another instance
// are forgotten, and so are the settings of those that are configured since, which
// go on where they were.
func (a *added) Load(ctx context.Context) ([]webhook.Endpoint, error) {
	documents, err := a.engine.WebhookEndpoints(ctx)
	if err != nil {
		return nil, err
	}
	var endpoints []webhook.Endpoint
	for _, v := range documents {
		var k keptEndpoint
		if err := json.Unmarshal(v.Body, &k); err != nil {
			// The cause may quote them. Without a URL it is not served and can be removed.
			a.logger.Error("the settings of a webhook endpoint cannot be read", "endpoint", v.ID)
			k = keptEndpoint{Instance: a.instance}
		}
		switch {
		case a.configured[v.ID]:
			a.logger.Warn("webhook endpoint is configured now, the settings that a request gave it are forgotten", "endpoint", v.ID)
			err = a.engine.ForgetWebhookSettings(ctx, v.ID)
		case k.Instance != a.instance:
			a.logger.Info("webhook endpoint of another instance is forgotten", "endpoint", v.ID, "added_to", k.Instance)
			err = a.engine.ForgetWebhook(ctx, v.ID)
		default:
			endpoints = append(endpoints, webhook.Endpoint{
				ID: v.ID, URL: k.URL, Secret: webhook.Secret(k.Secret), PreviousSecret: webhook.Secret(k.PreviousSecret),
				Events: k.Events, Disabled: k.Disabled, From: k.From,
			})
		}
		if err != nil {
			return nil, err
		}
	}
	return endpoints, nil
}

// Save implements [webhook.Added].
func (a *added) Save(ctx context.Context, e webhook.Endpoint, state *webhook.State) error {
	settings, err := json.Marshal(keptEndpoint{
		Instance: a.instance, URL: e.URL, Secret: e.Secret.Reveal(), PreviousSecret: e.PreviousSecret.Reveal(),
		Events: e.Events, Disabled: e.Disabled, From: e.From,
	})
	if err != nil {
		return err
	}
	var cursor []byte
	if state != nil {
		if cursor, err = json.Marshal(state); err != nil {
			return err
		}
	}
	return a.engine.SaveWebhookEndpoint(ctx, e.ID, settings, cursor)
}
