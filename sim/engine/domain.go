package engine

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
)

// tell passes on what the state tells after a change: how much is open to the
// metrics, and changes of status to the group, which counts them once they are
// durable.
func (s *session) tell(g *group) {
	g.changes = append(g.changes, s.changes...)
	s.changes = s.changes[:0]
	if s.cfg.Domain != nil {
		s.cfg.Domain.SetGauges(s.state.Gauges())
	}
}

// recordChanges counts changes of status that are durable.
func (s *session) recordChanges(changes []sim.StatusChange) {
	for _, c := range changes {
		if st := c.Settlement; st != nil {
			s.cfg.Metrics.RecordSettlementProcessed(string(st.Status), string(st.Type))
			if s.cfg.Domain != nil && st.Status == sim.StatusCompleted {
				s.cfg.Domain.RecordSettlementLatency(string(st.Type), st.CompletedAt.Sub(st.InitiatedAt))
			}
		}
		if t := c.Transfer; t != nil && s.cfg.Domain != nil {
			s.cfg.Domain.RecordTransferProcessed(string(t.Status), t.Rail)
			if t.Status == sim.StatusCompleted {
				s.cfg.Domain.RecordTransferLatency(t.Rail, t.CompletedAt.Sub(t.InitiatedAt))
			}
		}
	}
}

// stopClock stops a scaled clock while the instance is paused, and lets it run
// again afterwards, by an event of its own.
func (s *session) stopClock(g *group) error {
	paused := s.paused.Load()
	if !s.state.Clock().Stops(paused) || g.requests >= s.cfg.Limits.Batch || s.held != nil {
		return nil
	}
	before := len(g.events)
	// Were it always the present, a fast clock could make work due as fast as it
	// is done.
	if s.stopAt.IsZero() {
		s.stopAt = s.cfg.Clock.Now()
	}
	for {
		real := s.stopAt
		d, err := s.state.Decide(s.state.Now(real), &sim.Request{Command: sim.PauseClock{Paused: paused, Real: real}})
		if err != nil {
			return err
		}
		if d.Outcome == sim.NeedsDueWork {
			if done, err := s.fire(g, d.Until, s.cfg.Limits.Batch); !done || err != nil {
				s.mark(g, before)
				return err // the rest comes with the next group
			}
			continue
		}
		if d.Outcome != sim.Accepted {
			return fmt.Errorf("stopping the clock: %w", d.Err)
		}
		g.events = append(g.events, d.Events...)
		g.requests++
		s.stopAt = time.Time{}
		s.mark(g, before)
		return nil
	}
}

// document reads a document, in a pause too.
func (e *Engine) document(ctx context.Context, kind sim.DocumentKind, id string) (*sim.Document, error) {
	var found *sim.Document
	c := e.newCall()
	c.housekeeping = true
	c.read = func(s *sim.State) { found = s.Document(kind, id) }
	if err := e.submit(ctx, e.deadline(), c); err != nil {
		return nil, err
	}
	e.reuse(c)
	if found == nil {
		return nil, sim.Errorf(sim.CodeNotFound, "%s %q does not exist", kind, id)
	}
	return found, nil
}

// WebhookState returns what [Engine.SaveWebhook] kept of an endpoint, nil where
// that is nothing. It and the other methods for webhooks work in a pause, too.
func (e *Engine) WebhookState(ctx context.Context, id string) ([]byte, error) {
	v, err := e.document(ctx, sim.DocumentWebhook, id)
	if sim.CodeOf(err) == sim.CodeNotFound {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return v.Body, nil
}

// SaveWebhook keeps the state of a webhook endpoint, a JSON object, in the books.
func (e *Engine) SaveWebhook(ctx context.Context, id string, state []byte) error {
	return e.keep(ctx, sim.SaveWebhook{ID: id, State: state})
}

// ForgetWebhook removes what was kept of an endpoint. That there is nothing is no
// error.
func (e *Engine) ForgetWebhook(ctx context.Context, id string) error {
	err := e.keep(ctx, sim.ForgetWebhook{ID: id})
	if sim.CodeOf(err) == sim.CodeNotFound {
		return nil
	}
	return err
}

// ForgetWebhookSettings removes the settings of an endpoint, not how far it has
// come. That there are none is no error.
func (e *Engine) ForgetWebhookSettings(ctx context.Context, id string) error {
	err := e.keep(ctx, sim.ForgetWebhook{ID: id, SettingsOnly: true})
	if sim.CodeOf(err) == sim.CodeNotFound {
		return nil
	}
	return err
}

// SaveWebhookEndpoint keeps the settings of an endpoint, and where state is not
// empty that as [Engine.SaveWebhook] does, at once.
func (e *Engine) SaveWebhookEndpoint(ctx context.Context, id string, settings, state []byte) error {
	return e.keep(ctx, sim.SaveWebhookEndpoint{ID: id, Settings: settings, State: state})
}

// WebhookEndpoints returns the settings that [Engine.SaveWebhookEndpoint] kept,
// secrets and all, as documents ordered by id.
func (e *Engine) WebhookEndpoints(ctx context.Context) ([]*sim.Document, error) {
	var found []*sim.Document
	c := e.newCall()
	c.housekeeping = true
	c.read = func(s *sim.State) { found = s.WebhookEndpoints() }
	if err := e.submit(ctx, e.deadline(), c); err != nil {
		return nil, err
	}
	e.reuse(c)
	return found, nil
}

// keep does a command of housekeeping, which has no key.
func (e *Engine) keep(ctx context.Context, command sim.Command) error {
	c := e.newCall()
	c.housekeeping = true
	c.one[0] = sim.Request{Command: command}
	c.requests = c.one[:]
	if err := e.submit(ctx, e.deadline(), c); err != nil {
		return err // the loop may still come to it
	}
	d := c.decisions[0]
	e.reuse(c)
	switch {
	case d.Outcome == sim.Accepted:
		return nil
	case d.Err != nil:
		return d.Err
	default:
		return errors.New("housekeeping came to no decision") // it has no key to be looked up
	}
}

// Read calls fn with the journal's batches that end behind the sequence number
// after, undecoded, as [sim.Journal] does. What comes is durable.
func (e *Engine) Read(ctx context.Context, after uint64, fn func(*sim.Batch) error) error {
	return e.cfg.Journal.Read(ctx, after, fn)
}
