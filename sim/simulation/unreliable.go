package simulation

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
)

// errStore is the failure of a store on purpose.
var errStore = errors.New("the store fails on purpose")

// unreliable is a journal that fails when it is told to.
type unreliable struct {
	sim.Journal
	mu      sync.Mutex
	trouble Trouble
	away    int // loads that are still to fail
}

// arm decides what fails next.
func (j *unreliable) arm(t Trouble) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.trouble, j.away = t, 0
	if t == StoreAway {
		j.away = 2
	}
}

// takes reports whether some trouble is next, which is over with that.
func (j *unreliable) takes(troubles ...Trouble) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, t := range troubles {
		if j.trouble == t {
			j.trouble = NoTrouble
			return true
		}
	}
	return false
}

// Load claims the journal, unless the store is away.
func (j *unreliable) Load(ctx context.Context) (*sim.Snapshot, error) {
	j.mu.Lock()
	away := j.trouble == NoTrouble && j.away > 0
	if away {
		j.away--
	}
	j.mu.Unlock()
	if away {
		return nil, errStore
	}
	return j.Journal.Load(ctx)
}

// Append makes a batch durable, or fails before or after.
func (j *unreliable) Append(ctx context.Context, b *sim.Batch) error {
	if j.takes(AppendFails, StoreAway) {
		return errStore
	}
	if err := j.Journal.Append(ctx, b); err != nil {
		return err
	}
	if j.takes(AppendLost) {
		return errStore
	}
	return nil
}

// Project writes to the tables, or fails.
func (j *unreliable) Project(ctx context.Context, p *sim.Projection) error {
	if j.takes(ProjectFails) {
		return errStore
	}
	return j.Journal.Project(ctx, p)
}

// silent are metrics that nobody looks at.
type silent struct{}

func (silent) RecordPositionCreated(string, string)     {}
func (silent) RecordSettlementProcessed(string, string) {}
func (silent) RecordBalanceChange(string, string)       {}
func (silent) RecordBatch(int, time.Duration)           {}
func (silent) RecordRefused(string)                     {}
func (silent) RecordProjection(int, time.Duration)      {}
func (silent) SetProjectionLag(int)                     {}
func (silent) SetQueueDepth(int)                        {}
func (silent) RecordReload()                            {}

// ScanKeys never works. An engine builds its filter of old keys beside its work,
// and whether a request needs a lookup, and so a group of its own, would depend on
// which was faster. Without the filter lookups answer in its place.
func (*unreliable) ScanKeys(context.Context, func(sim.KeyRecord) error) error { return errStore }
