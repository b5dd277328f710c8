package tables

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"strconv"
	"time"

	"github.com/google/uuid"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/money"
)

// Embedded is a value that is stored as JSON.
type Embedded interface {
	// Encode returns the JSON; nil for nothing.
	Encode() []byte
	// Decode reads the JSON; "" is nothing.
	Decode(text string) error
}

// History is the steps of a record's life.
type History []sim.Transition

// step is a transition as it is stored.
type step struct {
	At         time.Time `json:"at,omitzero"`
	Status     string    `json:"status"`
	ReasonCode string    `json:"reason_code,omitempty"`
	Reason     string    `json:"reason,omitempty"`
	Sequence   uint64    `json:"sequence"`
}

// Encode returns the steps as [step] values. Every settlement passes here, so
// it is spelled out instead of reflected upon.
func (h *History) Encode() []byte {
	if len(*h) == 0 {
		return nil
	}
	b := append(make([]byte, 0, 100*len(*h)), '[')
	for i, t := range *h {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, '{')
		if !t.At.IsZero() {
			b = append(t.At.UTC().AppendFormat(append(b, `"at":"`...), time.RFC3339Nano), `",`...)
		}
		b = appendText(append(b, `"status":`...), t.Status)
		if t.ReasonCode != "" {
			b = appendText(append(b, `,"reason_code":`...), t.ReasonCode)
		}
		if t.Reason != "" {
			b = appendText(append(b, `,"reason":`...), t.Reason)
		}
		b = append(strconv.AppendUint(append(b, `,"sequence":`...), t.Sequence, 10), '}')
	}
	return append(b, ']')
}

// Decode reads the steps.
func (h *History) Decode(text string) error {
	*h = nil
	if text == "" {
		return nil
	}
	var steps []step
	if err := json.Unmarshal([]byte(text), &steps); err != nil {
		return fmt.Errorf("history: %w", err)
	}
	*h = make(History, len(steps))
	for i, s := range steps {
		s.At = s.At.UTC()
		(*h)[i] = sim.Transition(s)
	}
	return nil
}

// appendText appends a JSON string. Most texts are codes that need no escapes.
func appendText(b []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c >= 0x7f || c == '"' || c == '\\' {
			return append(b, encodePlain(s)...)
		}
	}
	b = append(append(b, '"'), s...)
	return append(b, '"')
}

// encodePlain writes compact JSON with nothing escaped that need not be. What
// is given is of this package's types, which encode.
func encodePlain(v any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic(fmt.Sprintf("%T does not encode: %v", v, err))
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

// Terms is a settlement whose column is what its terms say beyond the columns
// that terms have of their own. A settlement with terms always has something
// there, if only "{}".
type Terms sim.Settlement

// termsDocument is the part of terms that is stored in one column.
type termsDocument struct {
	CounterpartyName string       `json:"counterparty_name,omitempty"`
	CounterpartyBIC  string       `json:"counterparty_bic,omitempty"`
	Partial          string       `json:"partial,omitempty"`
	MinQuantity      money.Amount `json:"min_quantity,omitzero"`
	Links            []link       `json:"links,omitempty"`
	ReversalOf       uuid.UUID    `json:"reversal_of,omitzero"`
}

type link struct {
	Type       sim.LinkType `json:"type"`
	ExternalID string       `json:"external_id"`
}

// Encode returns the document.
func (s *Terms) Encode() []byte {
	t := s.Terms
	if t == nil {
		return nil
	}
	d := termsDocument{
		CounterpartyName: t.Counterparty.Name, CounterpartyBIC: t.Counterparty.BIC,
		Partial: string(t.Partial), MinQuantity: t.MinQuantity, ReversalOf: t.ReversalOf,
	}
	for _, l := range t.Links {
		d.Links = append(d.Links, link(l))
	}
	return encodePlain(d)
}

// Decode reads the document into the terms that the other columns were read
// into before.
func (s *Terms) Decode(text string) error {
	t := s.Terms
	if text == "" {
		if !reflect.ValueOf(*t).IsZero() {
			return fmt.Errorf("%w: settlement %s has a column of terms, but no terms", sim.ErrBrokenInvariant, s.ID)
		}
		s.Terms = nil
		return nil
	}
	var d termsDocument
	if err := json.Unmarshal([]byte(text), &d); err != nil {
		return fmt.Errorf("terms of settlement %s: %w", s.ID, err)
	}
	t.Counterparty = sim.Party{Name: d.CounterpartyName, BIC: d.CounterpartyBIC}
	t.Partial, t.MinQuantity, t.ReversalOf = sim.PartialIndicator(d.Partial), d.MinQuantity, d.ReversalOf
	for _, l := range d.Links {
		t.Links = append(t.Links, sim.Link(l))
	}
	return nil
}

// Beneficiary is the other side of a transfer.
type Beneficiary sim.Beneficiary

type beneficiary struct {
	Name    string `json:"name,omitempty"`
	Account string `json:"account,omitempty"`
	Bank    string `json:"bank,omitempty"`
	Address string `json:"address,omitempty"`
	Network string `json:"network,omitempty"`
}

// Encode returns the document.
func (b *Beneficiary) Encode() []byte {
	if *b == (Beneficiary{}) {
		return nil
	}
	return encodePlain(beneficiary(*b))
}

// Decode reads the document.
func (b *Beneficiary) Decode(text string) error {
	var d beneficiary
	if text != "" {
		if err := json.Unmarshal([]byte(text), &d); err != nil {
			return fmt.Errorf("beneficiary: %w", err)
		}
	}
	*b = Beneficiary(d)
	return nil
}

// JoinedApprovals are the approvals of a transfer as a store selects them: an
// array of arrays of index, approver, decision and time, in RFC 3339 or null.
type JoinedApprovals []sim.Approval

// Decode reads the array, whose elements may be in any order.
func (a *JoinedApprovals) Decode(text string) error {
	*a = nil
	if text == "" || text == "[]" {
		return nil
	}
	var rows [][4]json.RawMessage
	if err := json.Unmarshal([]byte(text), &rows); err != nil {
		return fmt.Errorf("approvals: %w", err)
	}
	*a = make(JoinedApprovals, len(rows))
	seen := make([]bool, len(rows))
	for _, row := range rows {
		var i int
		var approval sim.Approval
		for field, into := range []any{&i, &approval.By, &approval.Decision, &approval.At} {
			if err := json.Unmarshal(row[field], into); err != nil {
				return fmt.Errorf("approvals: %w", err)
			}
		}
		if i < 0 || i >= len(rows) || seen[i] {
			return fmt.Errorf("%w: approvals of a transfer are not numbered from 0 on", sim.ErrBrokenInvariant)
		}
		approval.At = approval.At.UTC()
		(*a)[i], seen[i] = approval, true
	}
	return nil
}
