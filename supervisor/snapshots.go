package supervisor

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/guard"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/supervisor/config"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/supervisor/snapshot"
)

// Snapshot is the books of an instance, ready to be written to a file. It is to
// be closed.
type Snapshot struct {
	// Header says what it holds.
	Header snapshot.Header
	books  *books
}

// Snapshot opens the books of an instance, running or not, as they are at the
// last durable event. A running one goes on meanwhile.
func (s *Supervisor) Snapshot(ctx context.Context, name string) (*Snapshot, error) {
	i, err := s.find(name)
	if err != nil {
		return nil, err
	}
	b, err := s.booksOf(ctx, i, 0)
	if err != nil {
		return nil, err
	}
	return &Snapshot{books: b, Header: snapshot.Header{
		Format: snapshot.Version, Instance: name, Profile: b.spec.Profile, Program: s.host.version, TakenAt: time.Now().UTC(),
		Sequence: b.end.Sequence, Hash: hex.EncodeToString(b.end.Hash[:]),
	}}, nil
}

// Write writes the file.
func (s *Snapshot) Write(ctx context.Context, to io.Writer) error {
	w, err := snapshot.NewWriter(to, s.Header)
	if err != nil {
		return err
	}
	return errors.Join(s.books.each(ctx, w.Write), w.Close())
}

// Close gives the books back.
func (s *Snapshot) Close() error { return s.books.finish() }

// Restore makes the books of a snapshot those of an instance that is stopped. All
// of it is read and proved by replaying it before it takes the place of the old
// books, at once; on failure these stay. A snapshot that is damaged, tampered
// with or of a newer version is refused with [KindInvalid].
func (s *Supervisor) Restore(ctx context.Context, name string, from io.Reader) (Status, error) {
	return s.long(ctx, name, nil, "restored", true, func(i *instance) (operation, error) {
		if state := i.snapshot().State; state != StateDrained && state != StateFailed {
			return nil, &Error{Kind: KindConflict, Message: fmt.Sprintf("instance %q is %s; drain it before it is restored", name, state)}
		}
		// The operation ends with its caller, whose snapshot it reads.
		return func(abort context.Context, _ *occupation) error {
			ctx, cancel := context.WithCancel(ctx)
			defer cancel()
			defer context.AfterFunc(abort, cancel)()
			return s.restore(ctx, i, from)
		}, nil
	})
}

func (s *Supervisor) restore(ctx context.Context, i *instance, from io.Reader) error {
	r, header, err := snapshot.NewReader(from)
	if err != nil {
		return refuseSnapshot(err)
	}
	defer r.Close()
	spec := i.specNow()
	err = s.host.storages.replace(ctx, spec, func(journal sim.Journal) error {
		end, err := fill(ctx, journal, spec, r.Next, func(at uint64) { i.tell(fmt.Sprintf("restoring: %d of %d events", at, header.Sequence)) })
		if err == nil && (end.Sequence != header.Sequence || hex.EncodeToString(end.Hash[:]) != header.Hash && end.Sequence > 0) {
			err = fmt.Errorf("%w: it ends at event %d, its header says %d", snapshot.ErrTampered, end.Sequence, header.Sequence)
		}
		return err
	})
	if err != nil {
		return refuseSnapshot(err)
	}
	return nil
}

// refuseSnapshot words why a snapshot was not restored.
func refuseSnapshot(err error) error {
	for _, bad := range []error{snapshot.ErrFormat, snapshot.ErrNewer, snapshot.ErrTruncated, snapshot.ErrTampered, sim.ErrBrokenInvariant} {
		if errors.Is(err, bad) {
			return &Error{Kind: KindInvalid, Message: "not restored: " + err.Error()}
		}
	}
	if refusal, ok := errors.AsType[*Error](err); ok {
		return refusal
	}
	return &Error{Kind: KindUnavailable, Message: "not restored: " + err.Error()}
}

// tell says what a long operation is doing, to who follows the instance.
func (i *instance) tell(detail string) { i.host.events.add(i.name, string(i.snapshot().State), detail) }

// CloneOptions adjust [Supervisor.Clone].
type CloneOptions struct {
	// Name is that of the copy; required.
	Name string
	// HTTPPort and GRPCPort are 0 for ports from the ranges.
	HTTPPort, GRPCPort int
	// AtSequence is the last event that the copy has, 0 for all that are durable.
	// It must be the last of its batch.
	AtSequence uint64
}

// Clone copies an instance, running or not, into a new one with the same entry
// but for its name, ports, schema and prefix, and with the same books, and starts
// the copy. Webhook endpoints that requests added to the source are forgotten at
// that start. If it fails nothing of the copy stays.
func (s *Supervisor) Clone(ctx context.Context, name string, o CloneOptions) (Status, error) {
	source, err := s.find(name)
	if err != nil {
		return Status{}, err
	}
	entry, err := s.entryOf(ctx, name)
	if err != nil {
		return Status{}, err
	}
	entry.Name, entry.HTTPPort, entry.GRPCPort, entry.Schema, entry.RedisPrefix = o.Name, o.HTTPPort, o.GRPCPort, "", ""
	if err := checkEntry(entry); err != nil {
		return Status{}, err
	}
	b, err := s.booksOf(ctx, source, o.AtSequence)
	if err != nil {
		return Status{}, err
	}
	copied, err := s.addStopped(ctx, entry)
	if err != nil {
		return Status{}, errors.Join(err, b.finish())
	}
	_, err = s.long(ctx, entry.Name, copied, "cloned", true, func(i *instance) (operation, error) {
		return func(ctx context.Context, _ *occupation) error { return s.copyBooks(ctx, b, i) }, nil
	})
	if err = errors.Join(err, b.finish()); err == nil {
		_, err = s.Start(ctx, entry.Name, true)
	}
	if err == nil {
		return copied.snapshot(), nil
	}
	undo, cancel := context.WithTimeout(context.WithoutCancel(ctx), purgeTimeout)
	defer cancel()
	purge := !errors.Is(err, errForeignBooks)
	if _, undoErr := s.removeThis(undo, copied, RemoveOptions{Wait: true, Purge: purge}); undoErr != nil {
		err = errors.Join(err, undoErr)
	}
	if refusal, ok := errors.AsType[*Error](err); ok {
		return Status{}, refusal
	}
	return Status{}, &Error{Kind: KindUnavailable, Message: fmt.Sprintf("instance %q was not cloned: %v", name, err)}
}

// errForeignBooks marks that the copy's schema held books before.
var errForeignBooks = errors.New("there are books already")

func (s *Supervisor) copyBooks(ctx context.Context, b *books, i *instance) error {
	spec := i.specNow()
	held, err := s.host.storages.holds(ctx, spec)
	if err != nil {
		return err
	}
	if held {
		return errors.Join(&Error{Kind: KindConflict,
			Message: fmt.Sprintf("schema %q holds books of an instance that was there before; choose another name, or purge them first", spec.Schema)}, errForeignBooks)
	}
	return s.host.storages.replace(ctx, spec, func(journal sim.Journal) error {
		// Whoever reads calls back, whoever writes asks: a channel between the two.
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		batches, done := make(chan *sim.Batch), make(chan error, 1)
		guard.Go(operations, nil, func() { // its panic is an error already
			defer close(batches)
			done <- guard.Run(operations, func() error {
				return b.each(ctx, func(batch *sim.Batch) error {
					if err := batch.Decode(); err != nil {
						return err
					}
					select {
					case batches <- batch:
						return nil
					case <-ctx.Done():
						return ctx.Err()
					}
				})
			})
		})
		next := func() (*sim.Batch, error) {
			if batch, more := <-batches; more {
				return batch, nil
			}
			if err := <-done; err != nil {
				return nil, err
			}
			return nil, io.EOF
		}
		end, err := fill(ctx, journal, spec, next, func(at uint64) { i.tell(fmt.Sprintf("cloning: %d of %d events", at, b.end.Sequence)) })
		if err == nil && (end.Sequence != b.end.Sequence || end.Hash != b.end.Hash) {
			err = fmt.Errorf("the copy ends at event %d instead of %d", end.Sequence, b.end.Sequence)
		}
		cancel()
		for range batches { // until the reader has ended
		}
		return err
	})
}

// entryOf returns the entry of an instance as it was given.
func (s *Supervisor) entryOf(ctx context.Context, name string) (config.Instance, error) {
	if err := s.lock(ctx); err != nil {
		return config.Instance{}, err
	}
	defer s.unlock()
	for _, list := range [][]config.Instance{s.file.Instances, s.desired.entries} {
		for _, entry := range list {
			if entry.Name == name {
				return entry, nil
			}
		}
	}
	return config.Instance{}, &Error{Kind: KindNotFound, Message: fmt.Sprintf("there is no instance %q", name)}
}

// checkEntry checks an entry that was made of another, as that of a request is.
func checkEntry(entry config.Instance) error {
	data, err := config.EncodeInstance(entry)
	if err != nil {
		return err
	}
	_, err = config.ParseInstance(data)
	return err
}

// addStopped adds an instance that does not run until it is started.
func (s *Supervisor) addStopped(ctx context.Context, entry config.Instance) (*instance, error) {
	return s.addEntryAs(ctx, entry, func(d *desired) { setMember(&d.Drained, entry.Name, true) })
}
