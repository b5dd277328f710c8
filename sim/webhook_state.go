package sim

import (
	"bytes"
	"cmp"
	"encoding/json"
	"slices"
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
	// MaxWebhookSettings is the size of the settings of one, in bytes.
	MaxWebhookSettings = 32 << 10
)

// SaveWebhook keeps how far events have been delivered to an endpoint, as the
// document of that id.
type SaveWebhook struct {
	ID string
	// State is a JSON object.
	State []byte
}

// SaveWebhookEndpoint keeps the settings of an endpoint that was added by a
// request, and with them how far it has come, in one event: after a crash there
// are both or none.
type SaveWebhookEndpoint struct {
	ID string
	// Settings is a JSON object. It may have secrets: no event shows it, nor does
	// the command when it is printed.
	Settings []byte
	// State is as that of [SaveWebhook]. Empty leaves what is kept, and is refused
	// with [CodeNotFound] where nothing is.
	State []byte
}

// String implements [fmt.Stringer] without the settings.
func (c SaveWebhookEndpoint) String() string { return "settings of webhook endpoint " + c.ID }

// GoString implements [fmt.GoStringer] without the settings.
func (c SaveWebhookEndpoint) GoString() string { return "sim.SaveWebhookEndpoint{" + c.ID + "}" }

// ForgetWebhook removes what [SaveWebhook] and [SaveWebhookEndpoint] kept. It is
// refused with [CodeNotFound] where there is nothing.
type ForgetWebhook struct {
	ID string
	// SettingsOnly leaves how far the endpoint has come.
	SettingsOnly bool
}

func (c SaveWebhook) decide(d *decision) *Error {
	if err := d.checkWebhookState(c.ID, c.State); err != nil {
		return err
	}
	d.record(d.emit(EventWebhookSaved), NewDocument(DocumentWebhook, c.ID, json.RawMessage(c.State)))
	return nil
}

// checkWebhookState checks what is to be kept as the state of an endpoint.
func (d *decision) checkWebhookState(id string, state []byte) *Error {
	if err := checkText("id", id, MaxIdentifier); err != nil {
		return err
	}
	if err := checkObject("state", state, MaxWebhookState); err != nil {
		return err
	}
	if d.documents[DocumentKey{DocumentWebhook, id}] == nil && d.webhooks >= MaxWebhooks {
		return Errorf(CodeLimitReached, "the states of %d webhook endpoints are kept, and no more", MaxWebhooks)
	}
	return nil
}

func checkObject(field string, text []byte, most int) *Error {
	switch text = bytes.TrimSpace(text); {
	case len(text) > most:
		return Invalid(field, "has %d bytes; at most %d are allowed", len(text), most)
	case len(text) == 0 || text[0] != '{' || !json.Valid(text):
		return Invalid(field, "must be a JSON object")
	}
	return nil
}

// decide keeps the state first: an event is about its first record, and the
// settings are not to be shown. Settings are never kept without a state, so that
// the bound on states is one on settings too.
func (c SaveWebhookEndpoint) decide(d *decision) *Error {
	if err := checkText("id", c.ID, MaxIdentifier); err != nil {
		return err
	}
	if err := checkObject("settings", c.Settings, MaxWebhookSettings); err != nil {
		return err
	}
	if len(c.State) > 0 {
		if err := d.checkWebhookState(c.ID, c.State); err != nil {
			return err
		}
	} else if d.documents[DocumentKey{DocumentWebhook, c.ID}] == nil {
		return nothingKept(c.ID)
	}
	e := d.emit(EventWebhookSaved)
	if len(c.State) > 0 {
		d.record(e, NewDocument(DocumentWebhook, c.ID, json.RawMessage(c.State)))
	}
	d.record(e, NewDocument(DocumentWebhookEndpoint, c.ID, json.RawMessage(c.Settings)))
	return nil
}

func nothingKept(id string) *Error {
	return Errorf(CodeNotFound, "nothing is kept of webhook endpoint %s", quote(id))
}

func (c ForgetWebhook) decide(d *decision) *Error {
	var kept []DocumentKey
	for _, kind := range []DocumentKind{DocumentWebhook, DocumentWebhookEndpoint} {
		key := DocumentKey{kind, c.ID}
		if d.documents[key] != nil && (kind == DocumentWebhookEndpoint || !c.SettingsOnly) {
			kept = append(kept, key)
		}
	}
	if len(kept) == 0 {
		return nothingKept(c.ID)
	}
	e := d.emit(EventWebhookForgotten)
	for _, key := range kept {
		d.remove(e, key)
	}
	return nil
}

// WebhookEndpoints returns the documents of the endpoints that were added by
// requests, ordered by id. They have secrets.
func (s *State) WebhookEndpoints() []*Document {
	var found []*Document
	for key, v := range s.documents {
		if key.Kind == DocumentWebhookEndpoint {
			found = append(found, v)
		}
	}
	slices.SortFunc(found, func(a, b *Document) int { return cmp.Compare(a.ID, b.ID) })
	return found
}

func (c SaveWebhook) appendCanonical(dst []byte) []byte {
	return canonical(dst, "save-webhook", c.ID, string(c.State))
}

func (c SaveWebhookEndpoint) appendCanonical(dst []byte) []byte {
	return canonical(dst, "save-webhook-endpoint", c.ID, string(c.Settings), string(c.State))
}

func (c ForgetWebhook) appendCanonical(dst []byte) []byte {
	what := "all"
	if c.SettingsOnly {
		what = "settings"
	}
	return canonical(dst, "forget-webhook", c.ID, what)
}

func (SaveWebhook) externalKey() Key         { return Key{} }
func (SaveWebhookEndpoint) externalKey() Key { return Key{} }
func (ForgetWebhook) externalKey() Key       { return Key{} }
