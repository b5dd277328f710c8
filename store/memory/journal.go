package memory

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
)

// Journal is the journal of one schema. See [sim.Journal] for what may be
// called when. Records and batches are shared with the store, as they are
// immutable.
type Journal struct {
	schema string
	books  *books
	// epoch is the claim of the last Load; 0 is none.
	epoch atomic.Uint64
}

var _ sim.Journal = (*Journal)(nil)

// Load claims the books. See [sim.Journal].
func (j *Journal) Load(ctx context.Context) (*sim.Snapshot, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	b := j.books
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.dropped {
		return nil, j.lost("loading")
	}
	b.epoch++
	j.epoch.Store(b.epoch)
	return &sim.Snapshot{
		Projected: b.projected, Head: b.head,
		Accounts:      slices.Clone(b.tables.accounts.rows),
		Holdings:      slices.Concat(b.tables.holdings[0].rows, b.tables.holdings[1].rows),
		Mirrors:       slices.Clone(b.tables.mirrors.rows),
		Open:          slices.Clone(b.tables.open.rows),
		OpenTransfers: slices.Clone(b.tables.pending.rows),
		Documents:     slices.Clone(b.tables.documents.rows),
		Keyed:         len(b.tables.keys) > 0,
	}, nil
}

// owned checks the claim. The caller holds the lock.
func (j *Journal) owned(doing string) error {
	if epoch := j.epoch.Load(); j.books.dropped || epoch == 0 || epoch != j.books.epoch {
		return j.lost(doing)
	}
	return nil
}

func (j *Journal) lost(doing string) error {
	return fmt.Errorf("%w: %s in memory, schema %q", sim.ErrLostOwnership, doing, j.schema)
}

// Append adds a batch. See [sim.Journal].
func (j *Journal) Append(ctx context.Context, batch *sim.Batch) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	b := j.books
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := j.owned("appending"); err != nil {
		return err
	}
	if batch.First != b.head+1 || batch.Last < batch.First {
		return j.lost(fmt.Sprintf("appending %d to %d behind %d", batch.First, batch.Last, b.head))
	}
	// Without the decoded events: what is read is what any store would give.
	b.batches = append(b.batches, undecoded(batch))
	b.head = batch.Last
	return nil
}

// undecoded returns a batch as a store has it.
func undecoded(b *sim.Batch) *sim.Batch {
	return &sim.Batch{First: b.First, Last: b.Last, Time: b.Time.UTC(), Hash: b.Hash, Payload: b.Payload}
}

// Read calls fn with batches. See [sim.Journal].
func (j *Journal) Read(ctx context.Context, after uint64, fn func(*sim.Batch) error) error {
	for {
		b := j.books
		b.mu.RLock()
		batches := b.batches // grows behind what is seen here, which stays
		b.mu.RUnlock()
		i, _ := slices.BinarySearchFunc(batches, after+1, func(b *sim.Batch, sequence uint64) int {
			if b.Last < sequence {
				return -1
			}
			return 1
		})
		if i == len(batches) {
			return ctx.Err()
		}
		for _, batch := range batches[i:] {
			if err := ctx.Err(); err != nil {
				return err
			}
			if err := fn(undecoded(batch)); err != nil { // fn may decode it in place
				return err
			}
			after = batch.Last
		}
	}
}

// Project applies table changes. See [sim.Journal].
func (j *Journal) Project(ctx context.Context, p *sim.Projection) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	b := j.books
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := j.owned("projecting"); err != nil {
		return err
	}
	if p.Through.Sequence <= b.projected.Sequence || p.Through.Sequence > b.head {
		return fmt.Errorf("%w: projecting through %d, the tables are at %d and the journal at %d",
			sim.ErrBrokenInvariant, p.Through.Sequence, b.projected.Sequence, b.head)
	}
	b.tables.apply(p)
	b.projected = p.Through
	return nil
}

// Close has nothing to release: the books stay with the store.
func (*Journal) Close() error { return nil }
