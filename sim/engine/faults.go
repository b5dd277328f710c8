package engine

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
)

// faceFaults are the active faults that the faces and webhooks see to.
type faceFaults struct {
	// rules are those of the last durable batch, nil while there are none.
	rules atomic.Pointer[sim.FaceFaults]

	mu        sync.Mutex
	generator *sim.Generator
}

// FaceFault returns what is to go wrong on purpose with a call of a face. Faces
// ask it once for each call before they do anything else, but not for those on
// the clock, on faults, on health and on metrics, which always go on. While no
// fault is active it costs one atomic load.
//
// Chances come from a generator of the instance's seed that serves the faces
// alone and is not journaled: after each start, the same calls in the same order
// meet the same faults.
func (e *Engine) FaceFault(face sim.Face) sim.FaceFault {
	rules := e.faults.rules.Load()
	if rules == nil {
		return sim.FaceFault{}
	}
	e.faults.mu.Lock()
	defer e.faults.mu.Unlock()
	return rules.OnCall(face, e.cfg.Clock.Now(), e.faults.generator)
}

// WebhookFault returns what is to go wrong on purpose with the delivery of an
// event to an endpoint. The answer for one event and endpoint does not depend on
// when and how often it is asked for, while the same rules are active.
func (e *Engine) WebhookFault(sequence uint64, endpoint string) sim.WebhookFault {
	rules := e.faults.rules.Load()
	if rules == nil {
		return sim.WebhookFault{}
	}
	return rules.OnWebhook(e.cfg.Clock.Now(), e.cfg.Seed, sequence, endpoint)
}

// Faults returns the active fault rules in the order in which they apply, and
// the instance time. The rules are immutable.
func (e *Engine) Faults(ctx context.Context) (rules []*sim.FaultRule, now time.Time, err error) {
	err = e.read(ctx, func(s *sim.State) { rules, now = s.Faults(), s.Now(e.cfg.Clock.Now()) })
	return rules, now, err
}

// Books returns, by symbol, what our mirror accounts and what the books outside
// say is held for us.
func (e *Engine) Books(ctx context.Context) (lines []sim.BookLine, err error) {
	err = e.read(ctx, func(s *sim.State) { lines = s.Books() })
	return lines, err
}

// Document returns a document as it is now, or [sim.CodeNotFound].
func (e *Engine) Document(ctx context.Context, kind sim.DocumentKind, id string) (*sim.Document, error) {
	var found *sim.Document
	if err := e.read(ctx, func(s *sim.State) { found = s.Document(kind, id) }); err != nil {
		return nil, err
	}
	if found == nil {
		return nil, sim.Errorf(sim.CodeNotFound, "%s %q does not exist", kind, id)
	}
	return found, nil
}
