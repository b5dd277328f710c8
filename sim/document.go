package sim

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// DocumentKind says what a [Document] is.
type DocumentKind string

// The kinds of documents.
const (
	// DocumentClock is the instance's clock, a [ClockSetting] with id "clock".
	DocumentClock DocumentKind = "clock"
	// DocumentFault is a fault rule, a [FaultRule].
	DocumentFault DocumentKind = "fault"
	// DocumentReconciliation is the result of a reconciliation, a [Reconciliation].
	DocumentReconciliation DocumentKind = "reconciliation"
	// DocumentBreak is a difference that a reconciliation found, a [Break].
	DocumentBreak DocumentKind = "break"
	// DocumentCorporateAction is an announced corporate action, a [CorporateAction].
	DocumentCorporateAction DocumentKind = "corporate_action"
	// DocumentVelocity is what left an account lately, for velocity limits.
	DocumentVelocity DocumentKind = "velocity"
	// DocumentWebhook is how far events have been delivered to an endpoint.
	DocumentWebhook DocumentKind = "webhook"
	// DocumentWebhookEndpoint are the settings of an endpoint that was added by a
	// request. They have secrets, so its body is for storing, never for showing.
	DocumentWebhookEndpoint DocumentKind = "webhook_endpoint"
)

// DocumentKey identifies a document.
type DocumentKey struct {
	Kind DocumentKind
	ID   string
}

// Cursor returns the key's cursor in the list of documents of all kinds.
func (k DocumentKey) Cursor() string { return string(k.Kind) + " " + k.ID }

// ParseDocumentCursor reads what [DocumentKey.Cursor] wrote; "" is the zero
// key. Anything else is an [Error] on field cursor.
func ParseDocumentCursor(cursor string) (DocumentKey, error) {
	if cursor == "" {
		return DocumentKey{}, nil
	}
	kind, id, ok := strings.Cut(cursor, " ")
	if !ok || kind == "" {
		return DocumentKey{}, Invalid("cursor", "is not one that this list has given out; leave it out to start from the beginning")
	}
	return DocumentKey{DocumentKind(kind), id}, nil
}

// Document is a record of one of the smaller kinds. All documents are in
// memory and in one table, so their number is bounded by whoever makes them.
// Like every record a document is immutable.
type Document struct {
	Kind DocumentKind
	ID   string
	// Body is a JSON object, as [NewDocument] encoded it; nil once removed.
	Body []byte
	// DueAt is when the document is looked at next without anybody asking, or zero.
	DueAt     time.Time
	UpdatedAt time.Time
	// Removed marks the last record of a document that was deleted.
	Removed bool

	value any // what Body decodes to, where it was made here
}

// Secret reports whether the body is to be kept from everybody outside.
func (v *Document) Secret() bool { return v.Kind == DocumentWebhookEndpoint }

// Key returns the document's key.
func (v *Document) Key() DocumentKey { return DocumentKey{v.Kind, v.ID} }

// NewDocument returns a document with a value of its kind's type, encoded as
// JSON. Struct fields are written in order, so equal values have equal bytes.
func NewDocument(kind DocumentKind, id string, value any) *Document {
	body, err := json.Marshal(value)
	if err != nil {
		panic(fmt.Sprintf("document %s %s does not encode: %v", kind, id, err)) // a defect: our own types encode
	}
	return &Document{Kind: kind, ID: id, Body: body, value: value}
}

// valueOf returns the document's content. T is the type of the document's
// kind; anything else is a defect or a tampered journal.
func valueOf[T any](v *Document) (T, error) {
	if t, ok := v.value.(T); ok {
		return t, nil
	}
	var t T
	if err := json.Unmarshal(v.Body, &t); err != nil {
		return t, fmt.Errorf("%w: document %s %s: %w", ErrBrokenInvariant, v.Kind, v.ID, err)
	}
	return t, nil
}

// record puts a document into an event, dated now.
func (d *decision) record(e *Event, v *Document) {
	v.UpdatedAt = d.now
	e.Documents = append(e.Documents, v)
}

// remove puts the removal of a document into an event.
func (d *decision) remove(e *Event, key DocumentKey) {
	e.Documents = append(e.Documents, &Document{Kind: key.Kind, ID: key.ID, UpdatedAt: d.now, Removed: true})
}
