package engine

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
)

// commit makes one group after another durable and answers its callers. After
// a failure it answers whatever comes with unavailable, so that the loop never
// waits for it in vain.
func (s *session) commit() error {
	var failed error
	for g := range s.commits {
		if failed == nil && len(g.events) > 0 {
			if failed = guarded("committer", func() error { return s.append(g) }); failed != nil {
				s.fail(failed)
			}
		}
		if failed != nil {
			g.fail(s.unavailable())
			continue
		}
		for _, c := range g.calls {
			c.done <- nil
		}
	}
	s.projector.finish()
	return nil
}

// append makes a group's events durable as one batch and passes it on.
func (s *session) append(g *group) error {
	b := sim.NewBatch(s.hash, g.events, g.generator)
	if err := s.projector.room(s.abort); err != nil {
		return err
	}
	ctx, done := context.WithTimeout(s.abort, cmp.Or(s.cfg.Limits.Append, s.cfg.Limits.Store))
	defer done()
	ctx, traced := s.traced(ctx, g, b.First, b.Last)
	start := time.Now()
	err := s.cfg.Journal.Append(ctx, b)
	if traced(err); err != nil {
		return fmt.Errorf("appending events %d to %d: %w", b.First, b.Last, err)
	}
	s.cfg.Metrics.RecordBatch(len(b.Events), time.Since(start))
	for _, e := range b.Events {
		record(s.cfg.Metrics, e)
	}
	s.recordChanges(g.changes)
	s.hash = b.Hash
	s.projector.add(b)
	s.tail.add(b)
	s.faults.rules.Store(g.faces)
	s.durable.set(b.Last)
	return nil
}

// record counts what a durable event did.
func record(m sim.Metrics, e *sim.Event) {
	for _, h := range e.Holdings {
		switch {
		case h.Cash:
			m.RecordBalanceChange(h.AccountID, h.Symbol)
		case created(e, h):
			m.RecordPositionCreated(h.AccountID, h.Symbol)
		}
	}
}

// created reports whether an event made a position. That a position is as old
// as the event does not tell, because instance time may stand still.
func created(e *sim.Event, h *sim.Holding) bool {
	switch e.Type {
	case sim.EventPositionOpened:
		return true
	case sim.EventSettlementCompleted:
		st := e.Settlements[0]
		return h.AccountID == st.DestinationAccount && h.CreatedAt.Equal(e.Time) && h.Total().Equal(st.Settled)
	default:
		return false
	}
}
