package sim

import (
	"bytes"
	"encoding/json"
)

// The event types that tell how far webhooks have been delivered. They are the
// custodian's own housekeeping: webhooks do not deliver them, or each delivery
// would cause another.
const (
	EventWebhookSaved     EventType = "webhook.saved"
	EventWebhookForgotten EventType = "webhook.forgotten"
)

// Housekeeping reports whether events of the type are of no interest outside.
func (t EventType) Housekeeping() bool {
	return t == EventWebhookSaved || t == EventWebhookForgotten
}

// Bounds of what is kept about webhooks.
const (
	// MaxWebhooks is how many endpoints the state is kept of.
	MaxWebhooks = 2000
	// MaxWebhookState is the size of the state of one, in bytes.
	MaxWebhookState = 256 << 10
)

// SaveWebhook keeps how far events have been delivered to an endpoint, as the
// document of that id.
type SaveWebhook struct {
	ID string
	// State is a JSON object.
	State []byte
}

// ForgetWebhook removes what [SaveWebhook] kept. It is refused with
// [CodeNotFound] where there is nothing.
type ForgetWebhook struct{ ID string }

func (c SaveWebhook) decide(d *decision) *Error {
	if err := checkText("id", c.ID, MaxIdentifier); err != nil {
		return err
	}
	switch state := bytes.TrimSpace(c.State); {
	case len(state) > MaxWebhookState:
		return Invalid("state", "has %d bytes; at most %d are allowed", len(state), MaxWebhookState)
	case len(state) == 0 || state[0] != '{' || !json.Valid(state):
		return Invalid("state", "must be a JSON object")
	}
	if d.documents[DocumentKey{DocumentWebhook, c.ID}] == nil {
		if d.webhooks >= MaxWebhooks {
			return Errorf(CodeLimitReached, "the states of %d webhook endpoints are kept, and no more", MaxWebhooks)
		}
	}
	d.record(d.emit(EventWebhookSaved), NewDocument(DocumentWebhook, c.ID, json.RawMessage(c.State)))
	return nil
}

func (c ForgetWebhook) decide(d *decision) *Error {
	key := DocumentKey{DocumentWebhook, c.ID}
	if d.documents[key] == nil {
		return Errorf(CodeNotFound, "nothing is kept of webhook endpoint %s", quote(c.ID))
	}
	d.remove(d.emit(EventWebhookForgotten), key)
	return nil
}

func (c SaveWebhook) appendCanonical(dst []byte) []byte {
	return canonical(dst, "save-webhook", c.ID, string(c.State))
}

func (c ForgetWebhook) appendCanonical(dst []byte) []byte {
	return canonical(dst, "forget-webhook", c.ID)
}

func (SaveWebhook) externalKey() Key   { return Key{} }
func (ForgetWebhook) externalKey() Key { return Key{} }
