// Package report composes what a custodian reports from the queries that it
// answers: the postings of a history, statements of holdings, transactions and
// cash, and the outcome of reconciliations.
//
// It reads page by page and holds no more than a statement's own lines; how many
// those may be is bounded. Both faces answer with what it returns.
package report

import (
	"context"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/engine"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/view"
)

// Log reads the event log; [engine.Engine] has it.
type Log interface {
	// Events returns up to limit events behind a sequence number.
	Events(ctx context.Context, after uint64, limit int) ([]engine.Recorded, error)
}

// MaxSteps is how many events of a history [Moved] looks at: the latest.
const MaxSteps = 64

// Moved returns what the events of a history moved, by their sequence numbers.
func Moved(ctx context.Context, log Log, history []sim.Transition) (view.Postings, error) {
	moved := view.Postings{}
	for i := len(history) - 1; i >= 0 && len(moved) < MaxSteps; i-- {
		sequence := history[i].Sequence
		if _, known := moved[sequence]; known || sequence == 0 {
			continue
		}
		events, err := log.Events(ctx, sequence-1, 1)
		if err != nil {
			return nil, err
		}
		moved[sequence] = nil
		if len(events) > 0 && events[0].Event.Sequence == sequence {
			moved[sequence] = events[0].Event.Postings
		}
	}
	return moved, nil
}
