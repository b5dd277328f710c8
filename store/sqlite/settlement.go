package sqlite

import (
	"encoding/json"
	"fmt"

	"github.com/google/uuid"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
)

var noID uuid.UUID

// step is a transition as the history column has it.
type step struct {
	At         string `json:"at,omitempty"`
	Status     string `json:"status"`
	ReasonCode string `json:"reason_code,omitempty"`
	Reason     string `json:"reason,omitempty"`
	Sequence   uint64 `json:"sequence"`
}

func (w *row) settlement(s *sim.Settlement) {
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
	for _, d := range []*sim.Dimension{&s.Processing, &s.Settlement, &s.Hold} {
		w.optional(d.Status)
		w.optional(d.ReasonCode)
		w.optional(d.Reason)
	}
	w.history(s.History)
	w.time(s.InitiatedAt)
	w.time(s.CompletedAt)
	w.optional(s.ExpectedDate)
	w.optional(string(s.Metadata))
}

func (w *row) history(transitions []sim.Transition) {
	steps := make([]step, len(transitions))
	for i, t := range transitions {
		at, err := writeTime(t.At)
		if err != nil {
			w.err = err
		}
		text, _ := at.(string)
		steps[i] = step{text, t.Status, t.ReasonCode, t.Reason, t.Sequence}
	}
	if len(steps) == 0 {
		w.add(nil)
		return
	}
	document, err := json.Marshal(steps)
	if err != nil {
		w.err = err
	}
	w.add(string(document))
}

func readSettlement(scan scan) (*sim.Settlement, error) {
	var s sim.Settlement
	var id, quantity, settled, history, initiated, completed, metadata string
	err := scan(&id, &s.ExternalID, &s.Type, &s.AccountID, &s.Symbol, &quantity, &settled, &s.Status, &s.SourceAccount, &s.DestinationAccount,
		&s.Processing.Status, &s.Processing.ReasonCode, &s.Processing.Reason,
		&s.Settlement.Status, &s.Settlement.ReasonCode, &s.Settlement.Reason,
		&s.Hold.Status, &s.Hold.ReasonCode, &s.Hold.Reason,
		&history, &initiated, &completed, &s.ExpectedDate, &metadata)
	if err != nil {
		return nil, err
	}
	r := reader{}
	s.ID, s.Quantity, s.Settled = r.id(id), r.amount(quantity), r.amount(settled)
	s.InitiatedAt, s.CompletedAt = r.time(initiated), r.time(completed)
	s.History, s.Metadata = r.history(history), document(metadata)
	if r.err != nil {
		return nil, fmt.Errorf("settlement %s: %w", id, r.err)
	}
	return &s, nil
}

func (r *reader) history(s string) []sim.Transition {
	if s == "" {
		return nil
	}
	var steps []step
	r.keep(json.Unmarshal([]byte(s), &steps))
	out := make([]sim.Transition, len(steps))
	for i, t := range steps {
		out[i] = sim.Transition{At: r.time(t.At), Status: t.Status, ReasonCode: t.ReasonCode, Reason: t.Reason, Sequence: t.Sequence}
	}
	return out
}
