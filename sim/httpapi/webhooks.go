package httpapi

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/request/hook"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/webhook"
)

// Webhooks manages the endpoints that events are delivered to; [webhook.Manager]
// has it. Errors are [*sim.Error] values.
type Webhooks interface {
	Add(ctx context.Context, e webhook.Endpoint) error
	Remove(ctx context.Context, id string) error
	List() []webhook.Status
	Status(id string) (webhook.Status, error)
	Resend(id string, from, until uint64) error
	ResendFailed(id string) (int, error)
}

var _ Webhooks = (*webhook.Manager)(nil)

func addWebhook(c *call) error {
	var added hook.Webhook
	if err := c.decode(&added, false); err != nil {
		return err
	}
	endpoint, err := added.Endpoint()
	if err != nil {
		return err
	}
	if err := c.Webhooks.Add(c.r.Context(), endpoint); err != nil {
		return err
	}
	status, err := c.Webhooks.Status(endpoint.ID)
	if err != nil {
		return err
	}
	if c.out, err = hook.AppendAdded(c.out, status, endpoint.Secret); err != nil {
		return err
	}
	return c.created("/api/v1/webhooks/" + url.PathEscape(endpoint.ID))
}

func listWebhooks(c *call) error {
	if err := c.noQuery(); err != nil {
		return err
	}
	return c.sendValue(map[string]any{"webhooks": c.Webhooks.List()})
}

// sendValue answers 200 with a value as JSON.
func (c *call) sendValue(v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return sim.Errorf(sim.CodeInternal, "encoding an answer: %v", err)
	}
	c.out = append(c.out, text...)
	return c.send(http.StatusOK)
}

// webhookID returns the id that the path names.
func (c *call) webhookID() (string, error) {
	if err := c.noQuery(); err != nil {
		return "", err
	}
	return c.pathText("webhook_id")
}

func getWebhook(c *call) error {
	id, err := c.webhookID()
	if err != nil {
		return err
	}
	status, err := c.Webhooks.Status(id)
	if err != nil {
		return err
	}
	return c.sendValue(status)
}

func removeWebhook(c *call) error {
	id, err := c.webhookID()
	if err != nil {
		return err
	}
	if err := c.Webhooks.Remove(c.r.Context(), id); err != nil {
		return err
	}
	c.w.WriteHeader(http.StatusNoContent)
	return nil
}

func resendWebhook(c *call) error {
	id, err := c.webhookID()
	if err != nil {
		return err
	}
	var resend hook.Resend
	if err := c.decode(&resend, true); err != nil {
		return err
	}
	if err := resend.Do(c.Webhooks, id); err != nil {
		return err
	}
	status, err := c.Webhooks.Status(id)
	if err != nil {
		return err
	}
	return c.sendValue(status)
}
