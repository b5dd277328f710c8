package postgres

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/money"
)

func writeSettlement(w rowWriter, s *sim.Settlement) {
	w.id(s.ID)
	w.optional(s.ExternalID)
	w.text(string(s.Type))
	w.text(s.AccountID)
	w.text(s.Symbol)
	w.amount(s.Quantity)
	w.amount(s.Settled)
	w.text(string(s.Status))
	w.optional(s.SourceAccount)
	w.optional(s.DestinationAccount)
	for _, d := range []sim.Dimension{s.Processing, s.Settlement, s.Hold} {
		w.optional(d.Status)
		w.optional(d.ReasonCode)
		w.optional(d.Reason)
	}
	w.json(encodeHistory(s.History))
	w.time(s.InitiatedAt)
	w.time(s.CompletedAt)
	w.date(s.ExpectedDate)
	w.jsonb(s.Metadata)
}

func readSettlement(row pgx.CollectableRow) (*sim.Settlement, error) {
	var s sim.Settlement
	var quantity, settled, history, metadata string
	var initiated, completed *time.Time
	p, m, h := &s.Processing, &s.Settlement, &s.Hold
	err := row.Scan((*[16]byte)(&s.ID), &s.ExternalID, (*string)(&s.Type), &s.AccountID, &s.Symbol, &quantity, &settled,
		(*string)(&s.Status), &s.SourceAccount, &s.DestinationAccount,
		&p.Status, &p.ReasonCode, &p.Reason, &m.Status, &m.ReasonCode, &m.Reason, &h.Status, &h.ReasonCode, &h.Reason,
		&history, &initiated, &completed, &s.ExpectedDate, &metadata)
	if err != nil {
		return nil, err
	}
	s.InitiatedAt, s.CompletedAt = utc(initiated), utc(completed)
	if s.Quantity, err = money.Restore(quantity); err != nil {
		return nil, fmt.Errorf("settlement %s: %w", s.ID, err)
	}
	if s.Settled, err = money.Restore(settled); err != nil {
		return nil, fmt.Errorf("settlement %s: %w", s.ID, err)
	}
	if s.History, err = decodeHistory(history); err != nil {
		return nil, fmt.Errorf("history of settlement %s: %w", s.ID, err)
	}
	s.Metadata, err = canonical(metadata)
	return &s, err
}

// step is a transition as the history column has it.
type step struct {
	At         time.Time `json:"at,omitzero"`
	Status     string    `json:"status"`
	ReasonCode string    `json:"reason_code,omitempty"`
	Reason     string    `json:"reason,omitempty"`
	Sequence   uint64    `json:"sequence"`
}

// encodeHistory writes the history as [step] values. Every settlement passes
// here, so it is spelled out instead of reflected upon.
func encodeHistory(history []sim.Transition) []byte {
	if len(history) == 0 {
		return nil
	}
	b := append(make([]byte, 0, 100*len(history)), '[')
	for i, t := range history {
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

// appendText appends a JSON string. Most texts are codes that need no escapes.
func appendText(b []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c >= 0x7f || c == '"' || c == '\\' {
			quoted, err := encodePlain(s)
			if err != nil {
				panic(err) // a string always encodes
			}
			return append(b, quoted...)
		}
	}
	b = append(append(b, '"'), s...)
	return append(b, '"')
}

func decodeHistory(text string) ([]sim.Transition, error) {
	if text == "" {
		return nil, nil
	}
	var steps []step
	if err := json.Unmarshal([]byte(text), &steps); err != nil {
		return nil, err
	}
	history := make([]sim.Transition, len(steps))
	for i, s := range steps {
		s.At = s.At.UTC()
		history[i] = sim.Transition(s)
	}
	return history, nil
}

// encodePlain writes compact JSON with sorted keys and nothing escaped that
// need not be.
func encodePlain(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// decodeNumbers reads JSON and keeps numbers as they are written.
func decodeNumbers(document string, into any) error {
	d := json.NewDecoder(strings.NewReader(document))
	d.UseNumber()
	return d.Decode(into)
}
