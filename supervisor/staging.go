package supervisor

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/store/sqlite"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/supervisor/config"
)

// foldEvents is how many events one projection of a copy covers at least.
const foldEvents = 4096

// stagingOf returns a spec whose books are beside those of an instance, where
// they come to be before they take the place of the old. They are written by the
// supervisor itself; the instance's role gets its rights when it starts on them.
func stagingOf(spec Spec) Spec {
	spec.Storage.Postgres.Isolation = config.IsolationSchema
	sum := sha256.Sum256([]byte(spec.Schema))
	spec.Schema = "custodian_staging_" + hex.EncodeToString(sum[:8])
	return spec
}

// fill writes batches into books that must be empty, and proves them on the way:
// each batch must follow the one before and pass double entry again. It returns
// where the books end.
func fill(ctx context.Context, journal sim.Journal, spec Spec, next func() (*sim.Batch, error), progress func(sequence uint64)) (sim.Progress, error) {
	rules, err := spec.Rules()
	if err != nil {
		return sim.Progress{}, err
	}
	snap, err := journal.Load(ctx)
	if err != nil {
		return sim.Progress{}, err
	}
	if snap.Head > 0 {
		return sim.Progress{}, errors.New("the books to be written are not empty")
	}
	state, err := sim.LoadState(rules, sim.NewGenerator(spec.Name, spec.Seed), snap)
	if err != nil {
		return sim.Progress{}, err
	}
	var pending []*sim.Batch
	events := 0
	project := func() error {
		if len(pending) == 0 {
			return nil
		}
		err := journal.Project(ctx, sim.Fold(pending))
		pending, events = pending[:0], 0
		progress(state.Progress().Sequence)
		state.ForgetKeys(state.Progress().Sequence, 0)
		return err
	}
	for {
		b, err := next()
		if errors.Is(err, io.EOF) {
			return state.Progress(), project()
		}
		if err != nil {
			return sim.Progress{}, err
		}
		if err := ctx.Err(); err != nil {
			return sim.Progress{}, err
		}
		if err := state.ApplyBatch(b); err != nil {
			return sim.Progress{}, err
		}
		if err := journal.Append(ctx, b); err != nil {
			return sim.Progress{}, err
		}
		pending, events = append(pending, b), events+len(b.Events)
		if events >= foldEvents {
			if err := project(); err != nil {
				return sim.Progress{}, err
			}
		}
	}
}

// replace makes new books for an instance that is stopped: write fills them, and
// only once that went well do they take the place of the old ones, at once. On
// failure the old books stay as they are.
func (s *storages) replace(ctx context.Context, spec Spec, write func(sim.Journal) error) (err error) {
	staging := stagingOf(spec)
	if err := s.drop(ctx, staging); err != nil { // of an attempt that died
		return err
	}
	journal, owned, err := s.openDriver(ctx, staging, nil)
	if err != nil {
		return err
	}
	clean := context.WithoutCancel(ctx)
	release := func() error {
		err := journal.Close()
		if owned != nil {
			err = errors.Join(err, owned.lease.Release(clean))
		}
		return err
	}
	if err := errors.Join(write(journal), release()); err != nil {
		return errors.Join(err, s.drop(clean, staging))
	}
	if err := s.swap(ctx, staging, spec); err != nil {
		return errors.Join(err, s.drop(clean, staging))
	}
	return nil
}

// swap puts the staged books in the place of an instance's.
func (s *storages) swap(ctx context.Context, staging, spec Spec) error {
	switch spec.Storage.Driver {
	case config.StorageMemory:
		return s.memory.Replace(staging.Schema, spec.Schema)
	case config.StoragePostgres:
		server, err := s.server(ctx, spec.Storage.Postgres.URL)
		if err != nil {
			return err
		}
		lease, err := server.Own(ctx, spec.Schema)
		if err != nil {
			return err
		}
		return errors.Join(server.Replace(ctx, staging.Schema, spec.Schema, lease), lease.Release(context.WithoutCancel(ctx)))
	default:
		return sqlite.Replace(ctx, s.path(staging), s.path(spec))
	}
}

// holds reports whether an instance that is stopped has books.
func (s *storages) holds(ctx context.Context, spec Spec) (bool, error) {
	if spec.Storage.Driver == config.StorageMemory {
		return s.memory.Exists(spec.Schema), nil
	}
	if spec.Storage.Driver == config.StorageSQLite {
		_, err := os.Stat(s.path(spec))
		if errors.Is(err, os.ErrNotExist) {
			return false, nil
		}
		return err == nil, err
	}
	journal, owned, err := s.existing(ctx, spec)
	if errors.Is(err, errNoBooks) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	err = journal.Close()
	if owned != nil {
		err = errors.Join(err, owned.lease.Release(context.WithoutCancel(ctx)))
	}
	return true, err
}

// stopped opens the books of an instance that is stopped, for reading.
func (s *storages) stopped(ctx context.Context, spec Spec) (sim.Journal, func() error, error) {
	if spec.Storage.Driver == config.StorageMemory {
		if !s.memory.Exists(spec.Schema) {
			return nil, nil, errNoBooks
		}
		journal := s.memory.Journal(spec.Schema)
		return journal, journal.Close, nil
	}
	journal, owned, err := s.existing(ctx, spec)
	if err != nil {
		return nil, nil, err
	}
	return journal, func() error {
		err := journal.Close()
		if owned != nil {
			err = errors.Join(err, owned.lease.Release(context.WithoutCancel(ctx)))
		}
		return err
	}, nil
}

// empty reports whether the books of an instance that is stopped are there but
// have no event.
func (s *storages) empty(ctx context.Context, spec Spec) (bool, error) {
	journal, finish, err := s.stopped(ctx, spec)
	if errors.Is(err, errNoBooks) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	last, err := lastOf(ctx, journal)
	return last == 0, errors.Join(err, finish())
}

var errSourceEnd = errors.New("enough")

// books are what is read of an instance, running or not, up to a batch's end.
type books struct {
	spec   Spec
	end    sim.Progress
	read   func(ctx context.Context, after uint64, fn func(*sim.Batch) error) error
	finish func() error
}

// each calls fn with the batches up to the end.
func (b *books) each(ctx context.Context, fn func(*sim.Batch) error) error {
	if b.end.Sequence == 0 {
		return nil
	}
	err := b.read(ctx, 0, func(batch *sim.Batch) error {
		if err := fn(batch); err != nil {
			return err
		}
		if batch.Last >= b.end.Sequence {
			return errSourceEnd
		}
		return nil
	})
	if errors.Is(err, errSourceEnd) {
		return nil
	}
	return err
}

// booksOf opens the books of an instance for reading, up to a sequence number; 0
// is the last that is durable.
func (s *Supervisor) booksOf(ctx context.Context, i *instance, at uint64) (*books, error) {
	i.mu.Lock()
	g, spec := i.group, i.spec
	i.mu.Unlock()
	b := &books{spec: spec, finish: func() error { return nil }}
	var last uint64
	if g != nil {
		b.read, last = g.engine.Read, g.engine.Durable()
	} else {
		journal, finish, err := s.host.storages.stopped(ctx, spec)
		if err != nil {
			return nil, &Error{Kind: KindConflict, Message: fmt.Sprintf("the books of instance %q cannot be read: %v", i.name, err)}
		}
		b.read, b.finish = journal.Read, finish
		if last, err = lastOf(ctx, journal); err != nil {
			return nil, errors.Join(err, finish())
		}
	}
	if at > last {
		return nil, errors.Join(&Error{Kind: KindInvalid, Message: fmt.Sprintf("at_sequence is %d, the last event is %d", at, last)}, b.finish())
	}
	if at > 0 {
		last = at
	}
	if err := b.until(ctx, last); err != nil {
		return nil, errors.Join(err, b.finish())
	}
	return b, nil
}

// lastOf returns the last sequence number of a journal that nobody writes to.
func lastOf(ctx context.Context, journal sim.Journal) (uint64, error) {
	projected, err := journal.Projected(ctx)
	if err != nil {
		return 0, err
	}
	last := projected.Sequence
	err = journal.Read(ctx, last, func(b *sim.Batch) error {
		last = b.Last
		return nil
	})
	return last, err
}

// until sets the end to a sequence number, which must be that of a batch.
func (b *books) until(ctx context.Context, sequence uint64) error {
	if sequence == 0 {
		return nil
	}
	var found *sim.Batch
	err := b.read(ctx, sequence-1, func(batch *sim.Batch) error {
		found = batch
		return errSourceEnd
	})
	switch {
	case err != nil && !errors.Is(err, errSourceEnd):
		return err
	case found == nil:
		return fmt.Errorf("event %d is not in the journal", sequence)
	case found.Last != sequence:
		return &Error{Kind: KindInvalid, Message: fmt.Sprintf(
			"at_sequence is %d, within the batch of events %d to %d, which became durable together; give %d or %d",
			sequence, found.First, found.Last, found.First-1, found.Last)}
	}
	b.end = sim.Progress{Sequence: found.Last, Time: found.Time, Hash: found.Hash}
	return nil
}
